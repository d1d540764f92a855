"""What keys do: nothing before it is confirmed, and nothing that may not be done from where the user sits."""

from __future__ import annotations

from typing import Any

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Button, Input

from genesis_actors.control.client import LostError, RefusedError
from genesis_actors.tui.app import LiveView
from genesis_actors.tui.executions import ExecutionList
from genesis_actors.tui.link import Answered, HouseSeen, Question, Told
from tests.tui import made
from tests.tui.conftest import ScriptedLink, a_view, drive, notices_of, screen_of, settle

ID = "3ctsgqs7g5ahy"


def press(link: ScriptedLink, *keys: str, in_browser: bool = False) -> str:
    """Press keys one after the other, =text for what is typed, and return what is on the screen then."""
    view = a_view(link, in_browser=in_browser)
    seen: list[str] = []

    async def play(pilot: Pilot[None]) -> None:
        await type_in(view, pilot, *keys)
        seen.append(screen_of(view) + notices_of(view))

    drive(view, play)
    return seen[0]


@pytest.mark.parametrize(
    ("keys", "where", "body"),
    [
        ("py", ("executions", ID, "pause"), {}),
        ("rs", ("executions", ID, "resume"), {"mode": "shift"}),
        ("ru", ("executions", ID, "resume"), {"mode": "catch-up"}),
        ("cy", ("executions", ID, "cancel"), {}),
        ("hy", ("halt",), {"reason": "by the live view"}),
    ],
)
def test_a_key_and_its_confirmation_give_one_command(
    link: ScriptedLink, keys: str, where: tuple[str, ...], body: dict[str, Any]
) -> None:
    press(link, *keys)

    assert link.client.posted == [(where, body)]


@pytest.mark.parametrize("keys", [("p", "escape"), ("c", "enter"), ("h", "enter"), ("a", "enter")])
def test_nothing_is_done_without_a_yes(link: ScriptedLink, keys: tuple[str, ...]) -> None:
    """Of what is grave, Enter alone is a no."""
    press(link, *keys)

    assert link.client.posted == []


def test_with_real_money_the_symbol_is_typed() -> None:
    link = ScriptedLink([made.execution()], mode="live")
    assert "Type BTC/USDT to confirm" in press(link, "p", "y", "enter")
    assert link.client.posted == []

    press(link, "p", "=eth/usdt", "enter")
    assert link.client.posted == []

    press(link, "p", "=btc/usdt", "enter")
    assert link.client.posted == [(("executions", ID, "pause"), {})]


def test_with_real_money_a_halt_and_an_amendment_are_typed_too() -> None:
    link = ScriptedLink([made.execution()], mode="live")
    press(link, "h", "y", "enter")
    press(link, "a", "=60500", "enter")
    assert link.client.posted == []

    press(link, "h", "=halt", "enter")
    press(link, "a", "=60500", "enter", "=BTC/USDT", "enter")
    assert link.client.posted == [
        (("halt",), {"reason": "by the live view"}),
        (("executions", ID, "amend"), {"limit": "60500"}),
    ]


def test_a_browser_moves_no_real_money() -> None:
    link = ScriptedLink([made.execution()], mode="live")
    assert "READ ONLY" in press(link, in_browser=True)
    screen = press(link, *"pycyruhyna", in_browser=True)

    assert link.client.posted == []
    assert screen.count("read only: real money is not moved from a browser") == 6  # p c r h n a


def test_where_a_key_is_no_guard_the_command_itself_is_one() -> None:
    link = ScriptedLink([made.execution()], mode="live")
    view, refused = a_view(link, in_browser=True), list[Exception | None]()

    view.steer(lambda client: client.post("halt"), lambda _data, error: refused.append(error))

    assert link.client.posted == []
    assert isinstance(refused[0], RefusedError)


def test_a_browser_steers_on_paper(link: ScriptedLink) -> None:
    press(link, "p", "y", in_browser=True)

    assert link.client.posted == [(("executions", ID, "pause"), {})]


def test_before_the_daemon_has_said_whose_money_it_is_a_browser_may_nothing() -> None:
    link = ScriptedLink([made.execution()])
    view = a_view(link, in_browser=True)

    assert view.is_read_only


def test_a_refusal_is_told_with_its_next_step(link: ScriptedLink) -> None:
    link.client.refusal = RefusedError(409, "wrong_state", "it is CANCELLED", "look: genesis ps -a")
    screen = press(link, "p", "y")

    assert "it is CANCELLED" in screen
    assert "look: genesis ps -a" in screen


def test_an_answer_that_is_lost_is_no_no(link: ScriptedLink) -> None:
    link.client.refusal = LostError("the daemon went away before it answered")

    assert "may have been done" in press(link, "p", "y")


def test_what_has_ended_is_not_steered(link: ScriptedLink) -> None:
    screen = press(link, "down", "p")

    assert "it is INCOMPLETE and cannot be paused" in screen
    assert link.client.posted == []


def test_the_order_that_is_started_is_the_one_that_was_planned(link: ScriptedLink) -> None:
    view = a_view(link)
    fields = {
        "symbol": "BTC/USDT",
        "side": "buy",
        "quantity": "5",
        "duration": "10m",
        "algo": "twap",
        "style": "taker",
        "on_deadline": "leave",
    }

    async def play(pilot: Pilot[None]) -> None:
        await type_in(view, pilot, "n", "5", "f9")
        assert link.client.posted == []  # There was no plan yet.
        await type_in(view, pilot, "f5", "0")
        assert view.screen.query_one("#start", Button).disabled  # It is another order now.
        await type_in(view, pilot, "f9")
        assert link.client.posted == [(("plan",), fields)]
        await type_in(view, pilot, "backspace", "f9")

    drive(view, play)
    where, body = link.client.posted[-1]
    client_id = str(body["client_id"])

    assert where == ("executions",)
    assert body == {**fields, "seed": 4242, "client_id": client_id}
    assert client_id.startswith("view-")


def test_an_order_given_again_after_a_lost_answer_has_the_same_name(link: ScriptedLink) -> None:
    view = a_view(link)

    async def play(pilot: Pilot[None]) -> None:
        await type_in(view, pilot, "n", "5", "f5")
        link.client.refusal = LostError("the daemon went away before it answered")
        await type_in(view, pilot, "f9")
        assert "may have been done" in screen_of(view)
        await type_in(view, pilot, "f9")

    drive(view, play)
    first, second = (body["client_id"] for _, body in link.client.posted[1:])

    assert first == second


def test_an_iceberg_is_planned_and_started_like_any_other(link: ScriptedLink) -> None:
    view = a_view(link)

    async def play(pilot: Pilot[None]) -> None:
        await type_in(view, pilot, "n", "5")
        view.screen.query_one("#field-algo").value = "iceberg"  # pyright: ignore[reportAttributeAccessIssue]
        view.screen.query_one("#field-clips").value = "8"  # pyright: ignore[reportAttributeAccessIssue]
        await type_in(view, pilot, "f5", "f9")

    drive(view, play)
    (_, planned), (_, started) = link.client.posted

    assert (planned["algo"], planned["clips"]) == ("iceberg", 8)
    assert planned.items() <= started.items()


def test_an_amendment_that_is_refused_keeps_what_was_typed(link: ScriptedLink) -> None:
    link.client.refusal = RefusedError(409, "quantity_committed", "quantity: 5 is below 10", "more")
    screen = press(link, "a", "tab", "tab", "5", "enter")

    assert "quantity: 5 is below 10" in screen
    assert link.client.posted == [(("executions", ID, "amend"), {"quantity": "5"})]


def test_the_list_is_searched_sorted_and_cut(link: ScriptedLink) -> None:
    assert "ETH/USDT" not in press(link, "e")
    assert "most behind" in press(link, "o")
    assert "no execution fits 'xyz'" in press(link, "slash", "=xyz")


@pytest.mark.parametrize("keys", ["c\rh\r", "r\t\r", "c\x1bh\x1b"])
def test_what_is_typed_before_a_question_can_be_read_answers_none(
    link: ScriptedLink, keys: str
) -> None:
    """As in one read of a terminal: pasted, or over a line that lags."""
    view = a_view(link)

    async def play(pilot: Pilot[None]) -> None:
        names = {"\r": "enter", "\t": "tab", "\x1b": "escape"}
        for key in keys:
            view.post_message(events.Key(names.get(key, key), key))
        await settle(view, pilot)
        await settle(view, pilot)

    drive(view, play)

    assert link.client.posted == []


def test_an_answer_to_an_earlier_plan_lets_nothing_start(link: ScriptedLink) -> None:
    view, held = a_view(link), list[Answered]()

    def hold(key: object, question: Question) -> None:
        before = len(link.client.posted)
        answered = Answered(key, question(link.client), None)
        if len(link.client.posted) > before:
            held.append(answered)
        else:
            link.heard.put(answered)

    async def play(pilot: Pilot[None]) -> None:
        now, link.ask = link.ask, hold
        await type_in(view, pilot, "n", "1", "f5", "0", "f5")
        link.ask = now
        link.heard.put(held[0])
        await settle(view, pilot)
        await type_in(view, pilot, "f9")
        assert "planning ..." in screen_of(view)
        link.heard.put(held[1])
        await settle(view, pilot)
        await type_in(view, pilot, "f9")

    drive(view, play)

    assert [(where[0], body["quantity"]) for where, body in link.client.posted] == [
        ("plan", "1"),
        ("plan", "10"),
        ("executions", "10"),
    ]


def test_while_a_refusal_is_shown_nothing_starts(link: ScriptedLink) -> None:
    view = a_view(link)

    async def play(pilot: Pilot[None]) -> None:
        await type_in(view, pilot, "n", "4", "f5", "9")
        link.client.refusal = RefusedError(409, "too_much", "quantity: 49 is too much", "less")
        await type_in(view, pilot, "f5", "backspace", "f9")
        assert "49 is too much" in screen_of(view)
        assert view.screen.query_one("#start", Button).disabled

    drive(view, play)

    assert [where for where, _ in link.client.posted] == [("plan",), ("plan",)]


@pytest.mark.parametrize("keys", [("n", "5", "f5"), ("c",), ("a",), ("h",)])
def test_what_was_open_when_the_daemon_s_money_changed_is_closed(
    link: ScriptedLink, keys: tuple[str, ...]
) -> None:
    view = a_view(link)

    async def play(pilot: Pilot[None]) -> None:
        await type_in(view, pilot, *keys)
        link.client.posted.clear()
        link.heard.put(HouseSeen(made.house(mode="live")))
        await settle(view, pilot)
        await type_in(view, pilot, "f9", "y", "enter")
        assert view.screen is view.screen_stack[1]
        assert "PAPER" not in screen_of(view).splitlines()[0]

    drive(view, play)

    assert link.client.posted == []
    assert "the daemon is LIVE now: what was open was for PAPER" in notices_of(view)


def test_a_question_says_which_of_two_alike_is_meant(link: ScriptedLink) -> None:
    assert f"{ID}, rebalance-0412" in press(link, "c")
    assert f"buy 25 BTC/USDT ({ID}, rebalance-0412) is" in press(link, "c", "y")


def test_the_chosen_one_stays_in_sight_when_it_ends() -> None:
    link = ScriptedLink(made.many(40))
    view = a_view(link)

    async def play(pilot: Pilot[None]) -> None:
        await type_in(view, pilot, "e", "down", "down")
        rows = view.screen.query_one(ExecutionList)
        assert rows.chosen is not None
        key = rows.chosen.id
        for shows_ended in (False, True):
            if shows_ended:
                await type_in(view, pilot, "e", "home", "down", "down")
                assert rows.chosen is not None
                key = rows.chosen.id
            over = made.execution(id=key, state="CANCELLED", filled_quantity="3.4567")
            link.heard.put(Told({"priority": "NORMAL", "execution_id": key, "data": over}))
            await settle(view, pilot)
            assert rows.chosen is not None
            assert rows.chosen.id == key
            assert any("CANCELLED" in line for line in screen_of(view).splitlines()[:8])

    drive(view, play)


def test_a_yes_said_twice_is_one_and_closes_nothing_else(link: ScriptedLink) -> None:
    view = a_view(link)

    async def play(pilot: Pilot[None]) -> None:
        await type_in(view, pilot, "p")
        for _ in range(3):
            view.post_message(events.Key("y", "y"))
        await settle(view, pilot)
        assert view.screen is view.screen_stack[1]

    drive(view, play)

    assert len(link.client.posted) == 1


async def type_in(view: LiveView, pilot: Pilot[None], *keys: str) -> None:
    for key in keys:
        if key.startswith("="):
            assert isinstance(view.focused, Input)
            view.focused.value = key[1:]
        else:
            await pilot.press(key)
        await settle(view, pilot)
