"""What the view does when nobody answers: it says so, keeps what it has, and goes on when somebody does."""

from __future__ import annotations

import time

from textual.pilot import Pilot
from textual.widgets import Input

from genesis_actors.control.client import RefusedError
from genesis_actors.tui.link import HouseSeen, Lost, Told
from tests.tui import made
from tests.tui.conftest import ScriptedLink, a_view, drive, notices_of, screen_of, settle


def test_a_lost_daemon_is_told_and_found_again(link: ScriptedLink) -> None:
    view = a_view(link)

    async def play(pilot: Pilot[None]) -> None:
        link.heard.put(Lost("there is no daemon"))
        await settle(view, pilot)
        assert "no connection since 12:04:20: what is shown is old" in screen_of(view)
        assert "BTC/USDT" in screen_of(view)
        link.heard.put(link.connected)
        await settle(view, pilot)
        assert "no connection" not in screen_of(view)
        assert "the daemon is back" in notices_of(view)

    drive(view, play)


def test_a_daemon_that_does_not_answer_is_told_too(link: ScriptedLink) -> None:
    view = a_view(link)

    async def play(pilot: Pilot[None]) -> None:
        link.asked_at = time.monotonic() - 10
        await settle(view, pilot)
        assert "it does not answer" in screen_of(view)
        link.asked_at = None
        link.heard.put(HouseSeen(made.house()))
        await settle(view, pilot)
        assert "no connection" not in screen_of(view)

    drive(view, play)


def test_what_the_stream_tells_is_shown(link: ScriptedLink) -> None:
    view = a_view(link)

    async def play(pilot: Pilot[None]) -> None:
        news = made.execution(state="PAUSED", reason="max_slippage", progress="0.5")
        link.heard.put(Told({"priority": "NORMAL", "execution_id": news["id"], "data": news}))
        link.client.answers[news["id"]] = news
        link.heard.put(Told(made.event(8, "TwapPaused", 200, reason="max_slippage")))
        link.heard.put(
            Told({"priority": "NORMAL", "execution_id": "new", "data": made.execution(id="new")})
        )
        await pilot.press("5")
        await settle(view, pilot)
        assert "PAUSED max slippage" in screen_of(view)
        assert "paused: max slippage" in screen_of(view)
        assert "1 paused, 1 running" in screen_of(view)

    drive(view, play)


def test_moving_through_a_long_list_asks_for_where_it_comes_to_rest() -> None:
    link = ScriptedLink(made.many(40))
    view = a_view(link)
    asked: list[object] = []

    async def play(pilot: Pilot[None]) -> None:
        link.ask = lambda key, question: asked.append(key)  # noqa: ARG005 - nobody answers yet
        await pilot.press(*["down"] * 12)
        await pilot.pause()
        assert len(asked) == 1

    drive(view, play)


def test_what_it_does_not_understand_is_told_and_the_view_stays(link: ScriptedLink) -> None:
    view = a_view(link)

    async def play(pilot: Pilot[None]) -> None:
        link.heard.put(Told({"priority": "NORMAL", "execution_id": "x", "data": {"id": "x"}}))
        await settle(view, pilot)
        assert "another version" in screen_of(view)
        assert "BTC/USDT" in screen_of(view)

    drive(view, play)


def test_what_others_have_written_steers_no_terminal_and_is_no_markup() -> None:
    nasty = "\x1b[2J[red]x[/nope]"
    link = ScriptedLink(
        [made.execution(client_id=nasty)],
        halted=True,
        halted_at="2026-03-02T12:03:00Z",
        halt_reason=nasty,
    )
    amended = made.event(8, "ChildUnknown", 200, detail=nasty)
    link.client.answers["journal"] = {"terms": made.TERMS, "events": [amended]}
    link.client.refusal = RefusedError(409, "refused", nasty, nasty)
    view = a_view(link)

    async def play(pilot: Pilot[None]) -> None:
        shown = screen_of(view)
        assert "\x1b" not in shown
        assert shown.count("?[2J[red]x[/nope]") == 3  # The halt, the name, the event.
        await pilot.press("p", "y")
        await settle(view, pilot)
        await pilot.press("a", "tab", "tab", "tab", "tab")
        assert isinstance(view.focused, Input)
        view.focused.value = "[/x"
        await pilot.press("shift+tab", "1", "enter")
        await settle(view, pilot)
        assert "?[2J[red]x[/nope]" in screen_of(view)

    drive(view, play, (120, 40))
