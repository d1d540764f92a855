from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis_actors.runtime.timers import COMPACT_AT_LEAST, TimerHeap, as_utc
from tests.helpers import Probe
from tests.runtime.actors import START, after


def drain(heap: TimerHeap) -> None:
    while timers := heap.pop_phase():
        for timer in timers:
            timer.deliver()


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(-1, 1), st.booleans())))
def test_timers_come_in_the_order_of_time_phase_and_registration(
    plan: list[tuple[int, int, bool]],
) -> None:
    heap = TimerHeap()
    probe: Probe[tuple[int, int, int]] = Probe()
    kept: list[tuple[int, int, int]] = []
    for number, (seconds, phase, cancelled) in enumerate(plan):
        timer = heap.push(after(seconds), phase, probe, (seconds, phase, number))
        if cancelled:
            timer.cancel()
        else:
            kept.append((seconds, phase, number))
    drain(heap)

    assert probe.messages == sorted(kept)
    assert heap.next_due() is None


def test_only_one_phase_of_one_instant_is_taken_at_a_time() -> None:
    heap = TimerHeap()
    probe: Probe[int] = Probe()
    for seconds, phase in ((1, 0), (1, -1), (2, -1), (1, -1)):
        heap.push(after(seconds), phase, probe, seconds)

    assert [len(heap.pop_phase()) for _ in range(4)] == [2, 1, 1, 0]


def test_what_is_due_leaves_the_rest_in_the_heap() -> None:
    heap = TimerHeap()
    probe: Probe[int] = Probe()
    for seconds in (3, 1, 2):
        heap.push(after(seconds), 0, probe, seconds)

    assert [timer.message for timer in heap.pop_due(after(2))] == [1, 2]
    assert heap.next_due() == after(3)


def test_a_timer_taken_from_the_heap_can_still_be_cancelled() -> None:
    heap = TimerHeap()
    probe: Probe[str] = Probe()
    timer = heap.push(START, 0, probe, "m")
    heap.pop_due(START)
    timer.cancel()
    timer.deliver()
    timer.cancel()

    assert probe.messages == []


def test_cancelled_timers_do_not_pile_up() -> None:
    heap = TimerHeap()
    probe: Probe[int] = Probe()
    for number in range(10_000):
        heap.push(after(number), 0, probe, number).cancel()
    kept = [heap.push(after(number), 0, probe, number) for number in range(10)]

    assert len(heap) <= COMPACT_AT_LEAST + 1 + len(kept)
    assert heap.next_due() == START


def test_a_timer_holds_nothing_once_it_is_cancelled() -> None:
    timer = TimerHeap().push(START, 0, Probe[str](), "m")
    timer.cancel()

    assert (timer.address, timer.message) == (None, None)


def test_any_time_zone_will_do_but_none_will_not() -> None:
    seoul = datetime(2024, 8, 8, 21, tzinfo=timezone(timedelta(hours=9)))

    assert as_utc(seoul) == START
    assert as_utc(seoul).tzinfo is UTC
    with pytest.raises(ValueError, match="no time zone"):
        as_utc(START.replace(tzinfo=None))
