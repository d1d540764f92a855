"""What is promised of an iceberg: no more than a clip shows, and there is a pause between two of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from genesis_actors.messages.events import (
    ChildIntended,
    ExecutionEvent,
    PlannedSlice,
    TwapAmended,
    TwapRescheduled,
    TwapResumed,
    TwapSliceExecuted,
    TwapStarted,
)
from genesis_actors.messages.venue import PlaceOrder
from genesis_actors.values import Reason, decimal_text, exact

_SHORTEST_PAUSE: Final = timedelta(seconds=1)
"""The default of the settings."""


@dataclass(slots=True)
class Clips:
    """The clips of one iceberg, as far as they are durable."""

    _planned: dict[int, PlannedSlice] = field(default_factory=dict[int, PlannedSlice])
    _begun: set[int] = field(default_factory=set[int])
    _at_once: set[int] = field(default_factory=set[int])  # Nobody said that they would wait.
    _over_at: datetime | None = None

    def note(self, event: ExecutionEvent, due: dict[int, datetime]) -> dict[int, datetime]:
        """Take note of what is planned. Return when unsent clips are `due` if one is over: its pause begins then."""
        match event:
            case TwapStarted() | TwapResumed():
                self._plan(event.slices)
            case TwapRescheduled():
                self._plan(event.slices)
                if event.reason is Reason.DEADLINE and len(event.slices) == 1:
                    self._at_once.add(event.slices[0].number)  # A sweep.
            case TwapAmended() if event.slices is not None:
                self._plan(event.slices)
            case TwapSliceExecuted():
                return self._end(event, due)
            case _:
                pass
        return due

    def _plan(self, clips: tuple[PlannedSlice, ...]) -> None:
        self._planned.update((clip.number, clip) for clip in clips)

    def _end(self, event: TwapSliceExecuted, due: dict[int, datetime]) -> dict[int, datetime]:
        number = event.slice_number
        if number in self._begun:
            self._over_at = event.at
        late = max(event.at - self._planned[number].due_at, timedelta(0))
        moved = {
            other: at + late if other > number else at
            for other, at in due.items()
            if other != number
        }
        for other, at in moved.items():
            self._planned[other] = replace(self._planned[other], due_at=at)
        return moved

    @exact
    def wrong_with(self, order: PlaceOrder, intent: ChildIntended, least: Decimal) -> Iterator[str]:
        """Tell what is wrong with a child; `least` is the smallest order, of which a rest may not be left."""
        number = order.slice_number
        planned = self._planned[number].quantity
        if order.quantity >= planned + least:
            yield f"clip {number} of {decimal_text(planned)} shows {decimal_text(order.quantity)}"
        is_next = number not in self._begun and number not in self._at_once
        if is_next and self._over_at is not None and intent.at < self._over_at + _SHORTEST_PAUSE:
            yield f"clip {number} is shown {intent.at - self._over_at} after the one before it"
        self._begun.add(number)
