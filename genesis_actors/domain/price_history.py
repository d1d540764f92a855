"""What one symbol's market did lately, in equal steps of time: for charts, never for a decision.

Memory is bounded: so many steps are kept, each with the mid at its end and the volume within it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import takewhile
from typing import Final

from genesis_actors.values import EXACT, ZERO, Quote, Trade

STEP: Final = timedelta(seconds=2)
STEPS: Final = 2_700
"""An hour and a half: the longest window, a pause and an extension."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class PricePoint:
    """One step: when it begins, the mid at its end (None before the first quote), the volume in base."""

    at: datetime
    mid: Decimal | None
    volume: Decimal


class PriceHistory:
    """The newest steps of one symbol. Rows of the past that are told again, as after a rebuild, change nothing.

    >>> noon = datetime(2024, 8, 8, 12, tzinfo=UTC)
    >>> history = PriceHistory()
    >>> history.record(noon, Quote(noon, bid=Decimal(99), ask=Decimal(101)), ())
    >>> [(point.at == noon, point.mid) for point in history.since(noon)]
    [(True, Decimal('100'))]
    """

    def __init__(self, *, step: timedelta = STEP, steps: int = STEPS) -> None:
        self.quote: Quote | None = None
        self._step = step
        self._points: deque[PricePoint] = deque(maxlen=steps)
        self._newest: datetime | None = None

    def record(self, at: datetime, quote: Quote | None, trades: tuple[Trade, ...]) -> None:
        """Take in what happened at one instant; `quote` is the touch from then on, if it changed."""
        if self._newest is not None and at < self._newest:
            return
        self._newest = at
        if quote is not None:
            self.quote = quote
        begins = _EPOCH + (at - _EPOCH) // self._step * self._step
        volume = ZERO
        if self._points and self._points[-1].at == begins:
            volume = self._points.pop().volume
        for trade in trades:
            volume = EXACT.add(volume, trade.quantity)
        mid = None if self.quote is None else self.quote.mid
        self._points.append(PricePoint(begins, mid, volume))

    def since(self, start: datetime) -> list[PricePoint]:
        """Return the steps that were not over by `start`, the oldest first; one without any row is left out."""
        newest_first: Iterator[PricePoint] = reversed(self._points)
        found = list(takewhile(lambda point: point.at + self._step > start, newest_first))
        return found[::-1]
