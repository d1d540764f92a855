"""A venue that takes no orders: executions wait, say why, and go on by themselves."""

from __future__ import annotations

import pytest

from genesis_actors.domain.decision import Decision, WakeAt
from genesis_actors.domain.pausing import on_availability
from genesis_actors.messages.events import TwapPaused, TwapResumed
from genesis_actors.messages.venue import VenueAvailability
from genesis_actors.values import ExecutionState, Reason, ResumeMode
from tests.domain.executions import NOON, Desk, execution, seconds


def told(desk: Desk, at: float, *, is_available: bool) -> Decision:
    desk.at(at)
    now = NOON + seconds(at)
    return desk.tell(
        VenueAvailability(at=now, is_available=is_available, detail="maintenance: until 13:00")
    )


@pytest.fixture
def desk() -> Desk:
    return Desk(execution())


def test_an_execution_waits_while_the_venue_takes_no_orders_and_keeps_its_end(desk: Desk) -> None:
    ends_at = desk.execution.ends_at

    paused = told(desk, 20, is_available=False)
    assert [type(event) for event in paused.events] == [TwapPaused]
    assert desk.execution.reason is Reason.VENUE_UNAVAILABLE
    assert desk.last(TwapPaused).detail == "maintenance: until 13:00"
    assert told(desk, 30, is_available=False).events == ()

    resumed = told(desk, 50, is_available=True)
    assert [type(event) for event in resumed.events] == [TwapResumed]
    assert desk.last(TwapResumed).mode is ResumeMode.CATCH_UP
    assert WakeAt(desk.now) in resumed.effects
    assert desk.execution.state is ExecutionState.RUNNING
    assert desk.execution.ends_at == ends_at


def test_what_a_user_has_paused_stays_paused_when_the_venue_is_back(desk: Desk) -> None:
    told(desk, 20, is_available=False)
    desk.at(25).pause()
    assert desk.execution.reason is Reason.USER

    assert told(desk, 50, is_available=True).events == ()
    assert desk.execution.state is ExecutionState.PAUSED


def test_that_the_venue_is_available_is_no_news_to_who_runs(desk: Desk) -> None:
    assert told(desk, 20, is_available=True).events == ()
    assert on_availability(
        desk.execution,
        VenueAvailability(at=NOON, is_available=True, detail=""),
        NOON,
        desk.surroundings,
    ) == Decision(desk.execution)
