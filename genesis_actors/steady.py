"""What time it is for this process: at the pace of the machine's own clock, whatever becomes of the wall clock.

Waits prove something here ("not found, after nothing can be on its way any more"), so they must last as long as they
say. A wall clock that is set ahead must not shorten them, and one that is set back must not make what is new look old.
Everything in the process that reads a clock reads this one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

MOST_SLEW: Final = 0.05
"""So much faster or slower than it is does time go by until we are where the wall clock is."""
FOLLOWED_EVERY_SECONDS: Final = 1.0
STEP_SECONDS: Final = 0.05
"""A smaller difference between the wall clock and ours is reading noise."""
_LEFT_ALONE_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class _Line:
    """From `began` (by the machine's clock) on it is `at` seconds after 1970, and `rate` goes by in a second."""

    at: float
    began: float
    rate: float

    def at_machine_time(self, machine: float) -> float:
        passed = machine - self.began
        # Nobody may be there to end the slew.
        return self.at + passed + min(passed, FOLLOWED_EVERY_SECONDS) * (self.rate - 1)


def _machine_seconds() -> float:
    """Return the seconds of a clock that nobody sets, and that goes on while the machine is suspended."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


class SteadyTime:
    """Begins with the wall clock's time, and nears it by `MOST_SLEW` where they have come apart. Never goes back."""

    def __init__(
        self,
        *,
        wall: Callable[[], float] = time.time,
        machine: Callable[[], float] = _machine_seconds,
    ) -> None:
        self._wall = wall
        self._machine = machine
        self._line = _Line(wall(), machine(), 1.0)
        self._followed_at: float | None = None

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._line.at_machine_time(self._machine()), UTC)

    def follow_wall_clock(self) -> float:
        """Set the pace for the next second; to be called every second. Return how far ahead the wall clock is, in s."""
        machine = self._followed_at = self._machine()
        at = self._line.at_machine_time(machine)
        ahead = self._wall() - at
        slew = 0.0
        if abs(ahead) > STEP_SECONDS:
            slew = max(-MOST_SLEW, min(ahead / FOLLOWED_EVERY_SECONDS, MOST_SLEW))
        self._line = _Line(at, machine, 1.0 + slew)
        return ahead

    def take_wall_clock(self) -> None:
        """Begin anew with the wall clock's time, unless somebody follows it: their waits must last."""
        machine, followed_at = self._machine(), self._followed_at
        if followed_at is None or machine - followed_at > _LEFT_ALONE_SECONDS:
            self._line = _Line(self._wall(), machine, 1.0)


STEADY: Final = SteadyTime()


def utc_now() -> datetime:
    """Return the time of this process, aware and in UTC."""
    return STEADY.now()
