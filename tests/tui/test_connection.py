"""What the view does when nobody answers: it says so, keeps what it has, and goes on when somebody does."""

from __future__ import annotations

import time

from textual.pilot import Pilot

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
