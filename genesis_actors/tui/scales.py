"""Where values and times stand on a chart, and which of them are written at its edges. Positions only, no money."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from math import floor, log10
from typing import Final

_ROUND_STEPS: Final = (1.0, 2.0, 2.5, 5.0, 10.0)
_PAD: Final = Decimal("0.06")


@dataclass(frozen=True, slots=True)
class Scale:
    """Values from `low` at the bottom to `high` at the top of `dots` dots."""

    low: Decimal
    high: Decimal
    dots: int

    @classmethod
    def around(cls, values: Iterable[Decimal], dots: int) -> Scale | None:
        """Return a scale that holds all of the values with some air around them, None where there are none."""
        found = list(values)
        if not found:
            return None
        low, high = min(found), max(found)
        pad = (high - low) * _PAD or abs(high) * Decimal("0.0002") or Decimal(1)
        return cls(low - pad, high + pad, dots)

    def holds(self, value: Decimal) -> bool:
        return self.low <= value <= self.high

    def dot(self, value: Decimal) -> int:
        """Return the dot of a value, counted from the top."""
        share = float((value - self.low) / (self.high - self.low))
        return floor((1 - share) * (self.dots - 1) + 0.5)

    def ticks(self, most: int) -> list[tuple[Decimal, str]]:
        """Return at most so many round values within the scale, as they are written."""
        span = float(self.high - self.low)
        raw = span / max(most, 1)
        magnitude = 10.0 ** floor(log10(raw))
        step = Decimal(
            repr(next(f * magnitude for f in _ROUND_STEPS if f * magnitude >= raw * 0.999))
        )
        step = step.quantize(Decimal(1).scaleb(min(floor(log10(raw)) - 1, 0)))
        places = max(-int(step.normalize().as_tuple().exponent), 0)
        first = (self.low / step).to_integral_value(ROUND_CEILING) * step + 0  # No minus zero.
        found: list[tuple[Decimal, str]] = []
        value = first
        while value <= self.high and len(found) <= most:
            found.append((value, f"{value:.{places}f}"))
            value += step
        return found


@dataclass(frozen=True, slots=True)
class TimeScale:
    """Times from `start` at the left to `end` at the right of `dots` dots."""

    start: datetime
    end: datetime
    dots: int

    def dot(self, at: datetime) -> int:
        return floor((at - self.start) / self._span * (self.dots - 1) + 0.5)

    def holds(self, at: datetime) -> bool:
        return self.start <= at <= self.end

    @property
    def _span(self) -> timedelta:
        return max(self.end - self.start, timedelta(milliseconds=1))

    def label(self, at: datetime) -> str:
        """Return a time as the scale's length asks for: with seconds where it is short."""
        return at.strftime("%H:%M:%S" if self._span < timedelta(minutes=40) else "%H:%M")
