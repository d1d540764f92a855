"""How the view looks, at each size: as it was seen and found good."""

from __future__ import annotations

import pytest
from textual.pilot import Pilot

from tests.tui import made
from tests.tui.conftest import ScriptedLink, a_view, check_snapshot, drive, screen_of, settle

SIZES = {"80x24": (80, 24), "120x40": (120, 40), "200x60": (200, 60)}


@pytest.mark.parametrize("size", SIZES)
def test_an_execution_is_shown_with_all_that_is_known_of_it(size: str, link: ScriptedLink) -> None:
    view = a_view(link)

    async def play(pilot: Pilot[None]) -> None:
        del pilot
        check_snapshot(f"one-{size}", screen_of(view))

    drive(view, play, SIZES[size])


@pytest.mark.parametrize("panel", ["2", "3", "4", "5"])
def test_a_small_screen_shows_one_panel_at_a_time(panel: str, link: ScriptedLink) -> None:
    view = a_view(link)

    async def play(pilot: Pilot[None]) -> None:
        await pilot.press(panel)
        await settle(view, pilot)
        check_snapshot(f"panel-{panel}", screen_of(view))

    drive(view, play)


def test_of_500_executions_those_in_sight_are_shown() -> None:
    view = a_view(ScriptedLink(made.many(500)))

    async def play(pilot: Pilot[None]) -> None:
        await pilot.press("end")
        await settle(view, pilot)
        check_snapshot("many-120x40", screen_of(view))
        await pilot.press("slash", *"q sol")
        await settle(view, pilot)
        assert "SOL/USDT" in screen_of(view)
        assert "BTC/USDT" not in screen_of(view)

    drive(view, play, SIZES["120x40"])


def test_the_plan_of_an_order_is_shown_before_it_can_be_started(link: ScriptedLink) -> None:
    view = a_view(link)

    async def play(pilot: Pilot[None]) -> None:
        await pilot.press("n", "5", "f5")
        await settle(view, pilot)
        check_snapshot("order-80x24", screen_of(view))

    drive(view, play)


def test_real_money_is_always_in_sight() -> None:
    view = a_view(
        ScriptedLink(
            [made.execution()],
            mode="live",
            venue="binance",
            halted=True,
            halted_at="2026-03-02T12:03:00Z",
            halt_reason="fat finger",
        )
    )

    async def play(pilot: Pilot[None]) -> None:
        assert screen_of(view).startswith(" LIVE ")
        check_snapshot("live-halted-80x24", screen_of(view))
        await pilot.press("p")
        await settle(view, pilot)
        assert screen_of(view).startswith(" LIVE ")
        await pilot.press("escape", "n")
        await settle(view, pilot)
        assert "LIVE" in screen_of(view)

    drive(view, play)


def test_a_window_too_small_for_a_chart_says_so(link: ScriptedLink) -> None:
    view = a_view(link)

    async def play(pilot: Pilot[None]) -> None:
        del pilot
        assert "too small" in screen_of(view)

    drive(view, play, (60, 14))
