"""What the keys do to executions: each is asked about first, given to the daemon, and answered with what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from textual.screen import Screen

from genesis_actors.tui.amend_form import AmendForm
from genesis_actors.tui.dialogs import Ask, Choice, Help
from genesis_actors.tui.model import Shown, named_by
from genesis_actors.tui.order_form import Fields, OrderForm
from genesis_actors.values import Algo
from genesis_actors.wording import filled_percent, length, quantity, words

if TYPE_CHECKING:
    from genesis_actors.tui.app import LiveView

_HALT = "HALT"


class Steering(Screen[None]):
    """The commands of the screen that shows executions."""

    @property
    def view(self) -> LiveView:
        raise NotImplementedError

    # --- One execution ---------------------------------------------------------------------------

    def action_pause(self) -> None:
        x = self._open_one("paused")
        if x is None:
            return
        body = "No new orders until it is resumed; what is working is taken back."
        self._confirm(x, "Pause", body, [Choice("y", "pause", "Pause")], self._give)

    def action_resume(self) -> None:
        x = self._open_one("resumed")
        if x is None:
            return
        left = x.time_left(self.view.now())
        window = "" if left is None else f" ({length(left)} left)"
        body = (
            f"Shift: what is left of the window{window} begins now.\n"
            "Catch up: the end stays where it was, and the rest is worked until then."
        )
        choices = [Choice("s", "shift", "Shift"), Choice("u", "catch-up", "Catch up")]

        def resume(x: Shown, mode: str) -> None:
            self._give(x, "resume", {"mode": mode})

        self._confirm(x, "Resume", body, choices, resume)

    def action_cancel(self) -> None:
        x = self._open_one("cancelled")
        if x is None:
            return
        open_quantity = f"{quantity(x.quantity - x.filled)} {x.base}"
        body = f"It ends with what is filled ({filled_percent(x.progress)}); {open_quantity} stay open."
        choices = [Choice("y", "cancel", "Cancel it", is_grave=True)]
        self._confirm(x, "Cancel", body, choices, self._give)

    def action_amend(self) -> None:
        x, detail = self._open_one("amended"), self.view.detail
        if x is None or detail is None:
            return
        if not detail.knows_terms:
            self.notify("its terms have not come yet: once more in a moment", timeout=3)
            return

        def give(changes: Mapping[str, str]) -> None:
            self._when_typed(
                f"Amend {_named(x)}?",
                _with_name(
                    x, ", ".join(f"{words(name)} {value}" for name, value in changes.items())
                ),
                x.symbol,
                lambda: self._amend(form, x, changes),
            )

        form = AmendForm(detail, give)
        self.view.push_screen(form)

    def _amend(self, form: AmendForm, x: Shown, changes: Mapping[str, str]) -> None:
        def on_done(data: Any, error: Exception | None) -> None:  # noqa: ANN401 - JSON
            del data
            if error is not None and form.is_mounted:
                form.refused(*self.view.explain(error))
            elif error is not None:
                self.view.complain(error)
            else:
                self.notify(f"{_named(x)} ({x.name}) is amended")
                if form.is_mounted:
                    form.dismiss()

        self.view.steer(
            lambda client: client.post("executions", x.id, "amend", body=changes).data, on_done
        )

    def _give(self, x: Shown, verb: str, body: Mapping[str, object] | None = None) -> None:
        def on_done(data: Any, error: Exception | None) -> None:  # noqa: ANN401 - JSON
            if error is not None:
                self.view.complain(error)
                return
            already = ", as it was" if data["was_already"] else ""
            self.notify(f"{_named(x)} ({x.name}) is {data['state']}{already}", timeout=4)

        self.view.steer(
            lambda client: client.post("executions", x.id, verb, body=body).data, on_done
        )

    # --- All of them -----------------------------------------------------------------------------

    def action_halt(self) -> None:
        house = self.view.house
        if house is None or self._may_not():
            return
        is_halted = house.halted_at is not None
        if is_halted:
            title, body = "Lift the halt?", "Executions go on; overdue slices merge, never burst."
            choice = Choice("y", "unhalt", "Lift it")
        else:
            title = "Halt everything?"
            body = "No execution sends a new order until the halt is lifted; it survives restarts."
            choice = Choice("y", "halt", "Halt", is_grave=True)

        def answered(value: str | None) -> None:
            if value is not None:
                self._set_halt(value)

        must_type = _HALT if house.is_live else None
        self.view.push_screen(Ask(title, body, [choice], must_type=must_type), answered)

    def _set_halt(self, verb: str) -> None:
        body = {"reason": "by the live view"} if verb == "halt" else {}

        def on_done(data: Any, error: Exception | None) -> None:  # noqa: ANN401 - JSON
            if error is not None:
                self.view.complain(error)
            else:
                is_halted = data["halted"]
                said = "everything is halted" if is_halted else "the halt is lifted"
                self.notify(said, severity="warning" if is_halted else "information")
                self.view.look_again()

        self.view.steer(lambda client: client.post(verb, body=body).data, on_done)

    # --- A new one -------------------------------------------------------------------------------

    def action_new(self) -> None:
        house, detail = self.view.house, self.view.detail
        if house is None or self._may_not():
            return

        def plan(fields: Fields) -> None:
            def on_planned(data: Any, error: Exception | None) -> None:  # noqa: ANN401 - JSON
                if not form.is_mounted:
                    return
                if error is None:
                    form.planned(fields, data)
                else:
                    form.refused(fields, *self.view.explain(error))

            self.view.ask(lambda client: client.post("plan", body=fields).data, on_planned)

        def start(fields: Fields) -> None:
            what = f"{fields['side']} {fields['quantity']} {fields['symbol']}"
            self._when_typed(
                f"Start {what}?",
                _as_planned(fields),
                str(fields["symbol"]),
                lambda: give(fields),
            )

        def give(fields: Fields) -> None:
            command = self.view.steer
            command(lambda client: client.post("executions", body=fields).data, on_started)

        def on_started(data: Any, error: Exception | None) -> None:  # noqa: ANN401 - JSON
            if error is not None and form.is_mounted:
                form.not_started(*self.view.explain(error))
            elif error is not None:
                self.view.complain(error)
            else:
                named = named_by(data["id"], data["client_id"])
                self.notify(f"started {data['side']} {data['quantity']} {data['symbol']} ({named})")
                self.look_at(data)
                if form.is_mounted:
                    form.dismiss()

        form = OrderForm(
            symbol="BTC/USDT" if detail is None else detail.execution.symbol,
            is_live=house.is_live,
            plan=plan,
            start=start,
        )
        self.view.push_screen(form)

    def look_at(self, data: Mapping[str, Any]) -> None:
        """Choose an execution that has just been started."""
        raise NotImplementedError

    def action_help(self) -> None:
        self.view.push_screen(Help())

    # --- What they have in common ----------------------------------------------------------------

    def _may_not(self) -> bool:
        """Tell, and say, that commands are refused here."""
        if self.view.is_read_only:
            self.notify(
                "read only: real money is not moved from a browser", severity="warning", timeout=4
            )
        return self.view.is_read_only

    def _open_one(self, verb: str) -> Shown | None:
        """Return the chosen execution if it is open; say so if it is not."""
        detail = self.view.detail
        if detail is None or self._may_not():
            return None
        if detail.execution.is_over:
            state = detail.execution.state
            self.notify(f"it is {state} and cannot be {verb}", severity="warning", timeout=3)
            return None
        return detail.execution

    def _confirm(
        self,
        x: Shown,
        verb: str,
        body: str,
        choices: Sequence[Choice],
        then: Callable[[Shown, str], None],
    ) -> None:
        def answered(value: str | None) -> None:
            if value is not None:
                then(x, value)

        title, body = f"{verb} {_named(x)}?", _with_name(x, body)
        self.view.push_screen(
            Ask(title, body, choices, must_type=self._to_type(x.symbol)), answered
        )

    def _when_typed(self, title: str, body: str, symbol: str, then: Callable[[], None]) -> None:
        """With real money ask once more; on paper the form was the question."""
        must_type = self._to_type(symbol)
        if must_type is None:
            then()
            return

        def answered(value: str | None) -> None:
            if value is not None:
                then()

        choices = [Choice("y", "yes", "Yes")]
        self.view.push_screen(Ask(title, body, choices, must_type=must_type), answered)

    def _to_type(self, symbol: str) -> str | None:
        house = self.view.house
        return symbol if house is None or house.is_live else None


def _named(x: Shown) -> str:
    return f"{x.side} {quantity(x.quantity)} {x.symbol}"


def _with_name(x: Shown, body: str) -> str:
    """Put in front which one it is: there may be two of a kind."""
    return f"{x.name}\n{body}"


def _as_planned(fields: Fields) -> str:
    over = fields.get("duration")
    if fields["algo"] == Algo.TWAP:
        return f"It is worked over {over} as planned."
    return f"It is worked in clips as planned{'' if over is None else f', for {over} at most'}."
