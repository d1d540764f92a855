"""The order form: it shows the plan that the daemon makes of an order, and starts that one and no other."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, ClassVar, Final

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import Button, Input, Select, Static

from genesis_actors.tui.dialog import Dialog
from genesis_actors.tui.forms import ChoiceField, Field, mark_wrong, written
from genesis_actors.tui.theme import AMBER, CYAN, DIM, GREEN, INK, RED, style
from genesis_actors.values import parse_time
from genesis_actors.wording import bps, clock, money, parts, percent, price, quantity

Fields = Mapping[str, object]

_ALGOS: Final = (("TWAP", "twap"), ("Iceberg", "iceberg"))
_ALONE: Final = {
    "twap": ("slices", "early_completion", "jitter"),
    "iceberg": ("clips", "clip_quantity"),
}
"""The fields that only one algorithm has."""
_SIDES: Final = (("buy", "buy"), ("sell", "sell"))
_STYLES: Final = (("taker", "taker"), ("maker", "maker"), ("auto", "auto"))
_WITH_WORTH: Final = 46
_DEADLINES: Final = (("leave the rest", "leave"), ("extend", "extend"), ("sweep", "sweep"))


class OrderForm(Dialog[None]):
    """`plan` and `start` are called with the fields.

    What is answered to a plan comes back to `planned` or `refused`, with the very fields it was asked with: an answer
    to an earlier question counts for nothing. A start that was refused comes back to `not_started`.
    """

    DEFAULT_CSS = """
    OrderForm {
        align: center middle;
        background: $background 60%;
        & > Vertical {
            width: 104;
            max-width: 100%;
            height: 24;
            max-height: 100%;
            padding: 0 1;
            border: round $primary;
            background: $surface;
        }
        & #sides { height: 1fr; }
        & #fields { width: 5fr; max-width: 42; padding: 1 1 0 0; }
        & #plan { width: 6fr; padding: 1 0 0 1; border-left: solid $panel; }
        & #fields, & #plan {
            scrollbar-size-vertical: 1;
            scrollbar-background: $surface;
            scrollbar-color: $panel-lighten-2;
        }
        & #buttons { height: 1; align-horizontal: right; }
        & Button { margin-left: 1; min-width: 12; }
    }
    """
    AUTO_FOCUS = "#field-quantity"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "Close", show=False),
        Binding("f5", "plan", "Plan", show=False),
        Binding("f9", "start", "Start", show=False),
    ]

    def __init__(
        self,
        *,
        symbol: str,
        is_live: bool,
        plan: Callable[[Fields], None],
        start: Callable[[Fields], None],
    ) -> None:
        super().__init__()
        self._symbol = symbol
        self._is_live = is_live
        self._plan = plan
        self._start = start
        # So that whatever becomes of an answer, starting again finds what was started.
        self._client_id = f"view-{secrets.token_hex(4)}"
        self._asked: dict[str, str] = {}
        self._question: Fields | None = None
        """What was asked last, and is not answered yet."""
        self._planned: dict[str, str] | None = None
        """What the plan on the screen is for."""
        self._plan_shown = Text()
        self._seed: int | None = None

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = (
                "New order - LIVE, real money" if self._is_live else "New order - PAPER"
            )
            with Horizontal(id="sides"):
                with VerticalScroll(id="fields"):
                    yield Field("symbol", "symbol", value=self._symbol, hint="BTC/USDT")
                    yield ChoiceField("side", "side", _SIDES, "buy")
                    yield Field("quantity", "quantity", hint="2.5, or 25000quote")
                    yield Field("duration", "over", value="10m", hint="10m")
                    yield ChoiceField("algo", "algorithm", _ALGOS, "twap")
                    yield Field("slices", "slices", hint="one per 30 s")
                    yield Field("clips", "clips", hint="10")
                    yield Field("clip_quantity", "or clip", hint="2.5 at once")
                    yield Field("limit_price", "limit", hint="none")
                    yield Field("max_participation", "cap", hint="as settings say")
                    yield Field("max_slippage_bps", "guard", hint="off; 20bps")
                    yield Field("early_completion", "early at", hint="0.2%, or off")
                    yield Field("jitter", "jitter", hint="none; 20%")
                    yield ChoiceField("style", "style", _STYLES, "taker")
                    yield ChoiceField("on_deadline", "at the end", _DEADLINES, "leave")
                with VerticalScroll(id="plan"):
                    yield Static(_hint("Enter, or F5, shows the plan. Nothing is sent by it."))
            with Horizontal(id="buttons"):
                yield Button("Plan (F5)", id="make", variant="primary", compact=True)
                yield Button(
                    "Start (F9)", id="start", variant="success", disabled=True, compact=True
                )
                yield Button("Close (esc)", id="close", compact=True)

    @on(Select.Changed, "#field-algo")
    def _show_what_it_has(self) -> None:
        algo = next(value for name, value in written(self) if name == "algo")
        for field in self.query(Field):
            others = (names for other, names in _ALONE.items() if other != algo)
            field.display = all(field.key not in names for names in others)

    def on_mount(self) -> None:
        self._show_what_it_has()

    # --- What the daemon answers -----------------------------------------------------------------

    def planned(self, question: Fields, plan: Mapping[str, Any]) -> None:
        if question is not self._question:
            return
        self._question, self._planned, self._seed = None, self._asked, plan["seed"]
        base, _, quote = self._asked["symbol"].upper().partition("/")
        has_room = self.query_one("#plan").size.width >= _WITH_WORTH
        self._plan_shown = _plan_text(plan, base, quote, shows_worth=has_room)
        self._show(self._plan_shown)
        self._check()

    def refused(self, question: Fields, message: str, hint: str) -> None:
        if question is self._question:
            self._refuse(message, hint)

    def not_started(self, message: str, hint: str) -> None:
        """Show why, above the plan where there still is one: it may be started once more, under the same name."""
        mark_wrong(self, message)
        text = _why(message, hint)
        self._show(text if self._planned is None else text.append("\n\n").append(self._plan_shown))

    # --- What the user does ----------------------------------------------------------------------

    @on(Input.Submitted)
    @on(Button.Pressed, "#make")
    def action_plan(self) -> None:
        fields = dict(written(self))
        if "quantity" not in fields:
            self._refuse("quantity: how much?", "in base like 2.5, or in quote like 25000quote")
            return
        self._asked, self._question = fields, _body(fields)
        self._clear(_hint("planning ..."))
        self._plan(self._question)

    @on(Input.Changed)
    @on(Select.Changed)
    def _check(self) -> None:
        """Let only that be started whose plan is on the screen."""
        fits = self._planned is not None and dict(written(self)) == self._planned
        self.query_one("#start", Button).disabled = not fits

    @on(Button.Pressed, "#start")
    def action_start(self) -> None:
        if self._planned is not None and dict(written(self)) == self._planned:
            more = {"seed": self._seed, "client_id": self._client_id}
            self._start({**_body(self._planned), **more})

    @on(Button.Pressed, "#close")
    def _close(self) -> None:
        self.dismiss()

    def _refuse(self, message: str, hint: str) -> None:
        self._question = None
        mark_wrong(self, message)
        self._clear(_why(message, hint))

    def _clear(self, text: Text) -> None:
        """Show this instead of a plan, and let nothing be started."""
        self._planned = None
        self._show(text)
        self._check()

    def _show(self, text: Text) -> None:
        self.query_one("#plan Static", Static).update(text)


def _body(fields: Mapping[str, str]) -> dict[str, object]:
    """Return the fields as the door wants them: a count is a number there."""
    body: dict[str, object] = dict(fields)
    for name in ("slices", "clips"):
        count = fields.get(name, "")
        if count.isascii() and count.isdigit():
            body[name] = int(count[:9])
    return body


def _why(message: str, hint: str) -> Text:
    return Text(f"{message}\n\n", style(RED)).append(hint, style(INK))


def _hint(text: str) -> Text:
    return Text(text, style(DIM))


def _plan_text(plan: Mapping[str, Any], base: str, quote: str, *, shows_worth: bool) -> Text:
    def known(name: str) -> Decimal | None:
        return None if plan[name] is None else Decimal(plan[name])

    text = Text()

    def pair(name: str, value: str, colour: str = INK) -> None:
        text.append(f"{name:<10}", style(DIM))
        text.append(f"{value}\n", style(colour, bold=True))

    window = plan["window"]
    pair("quantity", f"{plan['quantity']} {base}")
    names = parts(plan["algo"])
    pair("window", f"{clock(parse_time(window['start']))} to {clock(parse_time(window['end']))}")
    pair(names, str(plan["slices_total"]))
    pair("mid", f"{price(known('market_price'))} {quote}", CYAN)
    costs = (("cost", "estimated_cost_bps", f"by {names}"), ("", "sweep_cost_bps", "all at once"))
    for name, field, how in costs:
        cost = known(field)
        said = "not known" if cost is None else f"{bps(cost)} bps"
        pair(name, f"{said} {how}", AMBER if cost is None else GREEN)
    for warning in plan["warnings"]:
        text.append(f"! {warning}\n", style(AMBER))
    worth_heading = f" {'worth':>12}" if shows_worth else ""
    heading = f"\n{'#':>3} {'due':>8} {'quantity':>10}{worth_heading} {'share':>7}\n"
    text.append(heading, style(DIM))
    for part in plan["slices"]:
        notional, share = part["notional_quote"], part["expected_participation"]
        worth = f" {money(None if notional is None else Decimal(notional)):>12}"
        text.append(
            f"{part['number']:>3} {clock(parse_time(part['due_at'])):>8} "
            f"{quantity(Decimal(part['quantity'])):>10}{worth if shows_worth else ''} "
            f"{percent(None if share is None else Decimal(share)):>7}\n",
            style(INK),
        )
    return text
