import threading
from collections.abc import Generator
from datetime import UTC, datetime, timedelta

import pytest
import structlog

from genesis_actors.runtime import SystemClock
from genesis_actors.steady import SteadyTime
from tests.helpers import ManualClock, Probe
from tests.runtime.actors import START, after


class FakeTime:
    """A wall clock that can be set, beside a monotonic clock that stands still."""

    def __init__(self) -> None:
        self.wall = START.timestamp()
        self.monotonic = 1000.0

    def pass_by(self, seconds: float) -> None:
        self.wall += seconds
        self.monotonic += seconds


@pytest.fixture
def clock() -> Generator[SystemClock]:
    clock = SystemClock()
    clock.start()
    yield clock
    clock.stop()


def fake_clock(time: FakeTime) -> SystemClock:
    return SystemClock(SteadyTime(wall=lambda: time.wall, machine=lambda: time.monotonic))


def test_the_system_clock_tells_utc(clock: SystemClock) -> None:
    assert clock.now().tzinfo is UTC
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=5)


def test_timers_fire_in_order_and_not_early(clock: SystemClock) -> None:
    probe: Probe[int] = Probe()
    began = clock.now()
    for milliseconds in (60, 20, 40):
        clock.call_at(began + timedelta(milliseconds=milliseconds), probe, milliseconds)

    assert [probe.next() for _ in range(3)] == [20, 40, 60]
    assert clock.now() >= began + timedelta(milliseconds=60)


def test_a_timer_for_the_past_fires_at_once(clock: SystemClock) -> None:
    probe: Probe[str] = Probe()
    clock.call_at(START, probe, "overdue")

    assert probe.next() == "overdue"


def test_an_earlier_timer_overtakes_the_one_that_is_waited_for(clock: SystemClock) -> None:
    probe: Probe[str] = Probe()
    clock.call_at(clock.now() + timedelta(hours=1), probe, "in an hour")
    clock.call_at(clock.now() + timedelta(milliseconds=10), probe, "soon")

    assert probe.next() == "soon"


def test_a_cancelled_timer_stays_silent(clock: SystemClock) -> None:
    probe: Probe[str] = Probe()
    when = clock.now() + timedelta(milliseconds=20)
    timer = clock.call_at(when, probe, "cancelled")
    clock.call_at(when, probe, "kept")
    timer.cancel()

    assert probe.next() == "kept"


def test_an_address_that_raises_does_not_stop_the_clock(clock: SystemClock) -> None:
    class Broken:
        def tell(self, message: str) -> None:
            raise ValueError(message)

    probe: Probe[str] = Probe()
    with structlog.testing.capture_logs() as logs:
        clock.call_at(clock.now(), Broken(), "m")
        clock.call_at(clock.now() + timedelta(milliseconds=10), probe, "after it")
        probe.next()

    assert [entry["event"] for entry in logs] == ["timer_failed"]


def test_a_stopped_clock_fires_nothing_and_its_thread_is_gone() -> None:
    before = threading.active_count()
    clock = SystemClock()
    clock.start()
    clock.start()
    probe: Probe[str] = Probe()
    clock.call_at(clock.now() + timedelta(hours=1), probe, "never")
    clock.stop()

    assert threading.active_count() == before
    assert probe.messages == []


def test_a_naive_time_is_refused(clock: SystemClock) -> None:
    with pytest.raises(ValueError, match="no time zone"):
        clock.call_at(START.replace(tzinfo=None), Probe[str](), "m")


def test_time_goes_on_with_the_monotonic_clock() -> None:
    time = FakeTime()
    clock = fake_clock(time)
    time.pass_by(90)
    clock.follow_wall_clock()

    assert clock.now() == after(90)


@pytest.mark.parametrize("step", [19.0, -19.0])
def test_a_step_of_the_wall_clock_is_told_once_and_made_up_for_slowly(step: float) -> None:
    """What waits for the end of a request must wait as long as it says, whatever becomes of the wall clock."""
    time = FakeTime()
    clock = fake_clock(time)
    time.wall += step
    with structlog.testing.capture_logs() as logs:
        for _ in range(18):
            before = clock.now()
            clock.follow_wall_clock()
            assert clock.now() >= before
            time.pass_by(1)

    passed = (clock.now() - START).total_seconds()
    assert abs(passed - 18) <= 18 * 0.05 + 0.01
    assert [(entry["event"], entry["seconds"]) for entry in logs] == [
        ("wall_clock_stepped_ahead" if step > 0 else "wall_clock_stepped_back", 19)
    ]
    for _ in range(400):
        clock.follow_wall_clock()
        time.pass_by(1)
    assert abs(clock.now().timestamp() - time.wall) < 0.1


def test_a_slew_that_nobody_ends_ends_by_itself() -> None:
    time = FakeTime()
    clock = fake_clock(time)
    time.wall += 3600
    clock.follow_wall_clock()
    time.pass_by(100)

    assert (clock.now() - START).total_seconds() == pytest.approx(100.05)


def test_the_wall_clock_is_taken_over_only_where_nobody_waits() -> None:
    time = FakeTime()
    steady = SteadyTime(wall=lambda: time.wall, machine=lambda: time.monotonic)
    time.wall += 3600
    steady.take_wall_clock()
    assert steady.now() == after(3600)
    steady.follow_wall_clock()
    time.wall += 3600
    steady.take_wall_clock()
    assert steady.now() == after(3600)


def test_a_virtual_clock_moves_only_when_it_is_moved_and_never_back() -> None:
    clock = ManualClock(START)
    probe: Probe[int] = Probe()
    for seconds in (1, 2, 3):
        clock.call_at(after(seconds), probe, seconds)
    clock.advance_to(after(2))
    clock.move_to(START)

    assert clock.now() == after(2)
    assert probe.messages == [1, 2]
    assert clock.next_due() == after(3)
    assert ManualClock(START).release_next() is False
