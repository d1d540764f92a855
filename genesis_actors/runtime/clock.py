"""What time it is, and messages that arrive at a given time.

On the system's clock or on a virtual one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, Protocol

from genesis_actors.logs import get_logger
from genesis_actors.runtime.actor import Address, T
from genesis_actors.runtime.timers import Timer, TimerHeap, as_utc

log = get_logger()

WALL_CLOCK_CHECK_SECONDS: Final = 1.0
STEP_SECONDS: Final = 0.05
"""A smaller difference between the wall clock and ours is reading noise."""


class TimerHandle(Protocol):
    def cancel(self) -> None:
        """Forget the timer if it has not fired. May be called again."""


class Clock(Protocol):
    def now(self) -> datetime:
        """The time in UTC, aware. It never runs backwards."""
        ...

    def call_at(
        self, when: datetime, address: Address[T], message: T, *, phase: int = 0
    ) -> TimerHandle:
        """Tell `message` to `address` at that time; at once, if it has passed.

        On a virtual clock a lower phase is complete, with all that follows from it, before a higher
        one of the same instant begins. On the system's clock no two instants are the same, and the
        phase only breaks ties.
        """
        ...


class SystemClock:
    """Real time. One thread waits for the earliest timer.

    It counts on the monotonic clock, so that intervals keep their length. A step of the wall clock
    ahead (the machine was suspended, or set right) is followed within a second, and timers it
    passes fire at once. A step back is not followed, because time must not run backwards: it is
    logged, and we stay ahead until the next start.
    """

    def __init__(
        self,
        *,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._offset = wall() - monotonic()
        self._told_of_step_back = False
        self._timers = TimerHeap()
        self._changed = threading.Condition(self._timers.lock)
        self._stopped = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="clock", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Fire no more timers. Those that remain are forgotten."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._monotonic() + self._offset, UTC)

    def call_at(self, when: datetime, address: Address[T], message: T, *, phase: int = 0) -> Timer:
        when = as_utc(when)
        with self._changed:
            earliest = self._timers.next_due()
            timer = self._timers.push(when, phase, address, message)
            if earliest is None or when < earliest:
                self._changed.notify_all()
            return timer

    def follow_wall_clock(self) -> None:
        """Take over a step ahead of the wall clock. The clock's thread does it every second."""
        ahead = self._wall() - self._monotonic() - self._offset
        if ahead > STEP_SECONDS:
            self._offset += ahead
            log.warning("wall_clock_stepped_ahead", seconds=round(ahead, 3))
        elif ahead < -STEP_SECONDS and not self._told_of_step_back:
            log.warning("wall_clock_stepped_back", seconds=round(-ahead, 3))
        self._told_of_step_back = ahead < -STEP_SECONDS

    def _run(self) -> None:
        while True:
            with self._changed:
                if self._stopped:
                    return
                due = self._timers.pop_due(self.now())
                if not due:
                    self._changed.wait(self._pause_seconds())
                    self.follow_wall_clock()
            for timer in due:
                self._deliver(timer)

    def _deliver(self, timer: Timer) -> None:
        try:
            timer.deliver()
        except Exception:
            log.exception("timer_failed")  # the other timers must go on

    def _pause_seconds(self) -> float:
        earliest = self._timers.next_due()
        if earliest is None:
            return WALL_CLOCK_CHECK_SECONDS
        return min(max((earliest - self.now()).total_seconds(), 0.0), WALL_CLOCK_CHECK_SECONDS)


class VirtualClock:
    """Time that stands still until it is moved."""

    def __init__(self, start: datetime) -> None:
        self._now = as_utc(start)
        self._timers = TimerHeap()

    def now(self) -> datetime:
        return self._now

    def call_at(self, when: datetime, address: Address[T], message: T, *, phase: int = 0) -> Timer:
        return self._timers.push(max(as_utc(when), self._now), phase, address, message)

    def next_due(self) -> datetime | None:
        """The time of the earliest timer, which may be now."""
        return self._timers.next_due()

    def move_to(self, when: datetime) -> None:
        """Let time pass, without firing anything. Never goes back."""
        self._now = max(as_utc(when), self._now)

    def release_next(self) -> bool:
        """Move to the earliest timer and tell all messages of its instant and phase.

        False: there is no timer.
        """
        when = self._timers.next_due()
        if when is None:
            return False
        self.move_to(when)
        for timer in self._timers.pop_phase():
            timer.deliver()
        return True
