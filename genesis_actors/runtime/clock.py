"""What time it is, and messages that arrive at a given time.

On the system's clock or on a virtual one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import Final, Protocol

from genesis_actors.logs import get_logger
from genesis_actors.runtime.actor import Address, T
from genesis_actors.runtime.timers import Timer, TimerHeap, as_utc
from genesis_actors.steady import FOLLOWED_EVERY_SECONDS, STEADY, STEP_SECONDS, SteadyTime

log = get_logger()

MOST_BEGUN: Final = 256
"""While so much of what has been begun waits, nothing is begun. It is work for longer than until the next look."""
LOOK_SECONDS: Final = 0.002
"""So often it is seen whether there is room again."""
LET_IN_SECONDS: Final = 0.02
"""So often one is let in without room."""


class TimerHandle(Protocol):
    def cancel(self) -> None:
        """Forget the timer if it has not fired. May be called again."""


class Clock(Protocol):
    def now(self) -> datetime:
        """The time in UTC, aware. It never runs backwards."""
        ...

    def call_at(
        self,
        when: datetime,
        address: Address[T],
        message: T,
        *,
        phase: int = 0,
        begins_work: bool = False,
    ) -> TimerHandle:
        """Tell `message` to `address` at that time; at once, if it has passed.

        What `begins_work` waits longer on the system's clock while much of what has been begun is not done.

        On a virtual clock a lower phase is complete, with all that follows from it, before a higher
        one of the same instant begins. On the system's clock no two instants are the same, and the
        phase only breaks ties.
        """
        ...


class SystemClock:
    """Real time, which is steady: a step of the wall clock is told, and made up for slowly.

    One thread waits for the earliest timer. While there is a large `backlog` of what has been begun, what begins more
    is not told: that is done first. Otherwise each step of a child order would wait for all others' first step, and
    where there is more to do than can be done, every price would be too old by the time an order could go out: then
    nothing would be done any more.
    """

    def __init__(
        self,
        steady: SteadyTime = STEADY,
        *,
        backlog: Callable[[], int] = lambda: 0,
    ) -> None:
        self._steady = steady
        self._told_of_step = False
        self._timers = TimerHeap()
        self._backlog = backlog
        self._beginnings = TimerHeap(self._timers.lock)
        self._let_in_at = 0.0
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
        return self._steady.now()

    def call_at(
        self,
        when: datetime,
        address: Address[T],
        message: T,
        *,
        phase: int = 0,
        begins_work: bool = False,
    ) -> Timer:
        when = as_utc(when)
        heap = self._beginnings if begins_work else self._timers
        with self._changed:
            earliest = heap.next_due()
            timer = heap.push(when, phase, address, message)
            if earliest is None or when < earliest:
                self._changed.notify_all()
            return timer

    def follow_wall_clock(self) -> None:
        """Near the wall clock. The clock's thread does it every second."""
        ahead = self._steady.follow_wall_clock()
        if abs(ahead) > STEP_SECONDS and not self._told_of_step:
            event = "wall_clock_stepped_ahead" if ahead > 0 else "wall_clock_stepped_back"
            log.warning(event, seconds=round(abs(ahead), 3))
        self._told_of_step = abs(ahead) > STEP_SECONDS

    def _run(self) -> None:
        while True:
            with self._changed:
                if self._stopped:
                    return
                now = self.now()
                due = self._timers.pop_due(now)
                first = self._beginnings.next_due()
                if first is not None and first <= now:
                    due += self._beginnings.pop_due(now, self._room())
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

    def _room(self) -> int:
        """Return how many may begin something now."""
        room, now = MOST_BEGUN - self._backlog(), time.monotonic()
        if room <= 0 and now - self._let_in_at < LET_IN_SECONDS:
            return 0
        self._let_in_at = now
        return max(room, 1)  # Whatever keeps the others busy, it keeps nobody out for ever.

    def _pause_seconds(self) -> float:
        pause, now = FOLLOWED_EVERY_SECONDS, self.now()
        for heap, shortest in ((self._timers, 0.0), (self._beginnings, LOOK_SECONDS)):
            earliest = heap.next_due()
            if earliest is not None:
                until = (earliest - now).total_seconds()
                # What is due among the beginnings is there for want of room.
                pause = min(pause, until if until > 0 else shortest)
        return pause


class VirtualClock:
    """Time that stands still until it is moved."""

    def __init__(self, start: datetime) -> None:
        self._now = as_utc(start)
        self._timers = TimerHeap()

    def now(self) -> datetime:
        return self._now

    def call_at(
        self,
        when: datetime,
        address: Address[T],
        message: T,
        *,
        phase: int = 0,
        begins_work: bool = False,
    ) -> Timer:
        del begins_work  # Nothing is late here.
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
