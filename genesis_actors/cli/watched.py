"""One execution as its news tells it, for live views: the newest row, its slices, its pace, in words."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal

from genesis_actors.cli import text
from genesis_actors.domain.figures import progress, progress_of_schedule
from genesis_actors.messages.control import ExecutionNews, ExecutionStatus
from genesis_actors.messages.events import TwapAccelerated, TwapSlowed
from genesis_actors.messages.persistence import ExecutionRow, SliceRow
from genesis_actors.values import BPS, ONE, ZERO, ExecutionState, Side, SliceStatus, quotient

_WORDS = {
    ExecutionState.QUEUED: "queued",
    ExecutionState.RUNNING: "running",
    ExecutionState.PAUSED: "paused",
    ExecutionState.FINISHING: "finishing",
    ExecutionState.COMPLETED: "completed",
    ExecutionState.INCOMPLETE: "incomplete",
    ExecutionState.CANCELLED: "cancelled",
    ExecutionState.FAILED: "failed",
    ExecutionState.REJECTED: "rejected",
}


class Watched:
    """What is known of one execution so far."""

    def __init__(self, status: ExecutionStatus, max_participation: Decimal) -> None:
        self.row: ExecutionRow = status.execution
        self.max_participation = max_participation
        self.is_fast = False
        self._slices = {part.slice_number: part for part in status.slices}

    @property
    def title(self) -> str:
        return f"{self.row.symbol} {self.row.side} {text.quantity(self.row.quantity)}"

    @property
    def slices(self) -> Iterable[SliceRow]:
        return self._slices.values()

    def hear(self, news: ExecutionNews) -> tuple[list[SliceRow], bool]:
        """Take the news in. Return the slices that have come to their end, and whether the state has changed."""
        before = self.row.state
        done = [
            part
            for part in news.slices
            if SliceStatus(part.status).is_done
            and not SliceStatus(self._slices.get(part.slice_number, part).status).is_done
        ]
        self.row = news.execution
        for part in news.slices:
            self._slices[part.slice_number] = part
        for event in news.events:
            if isinstance(event, (TwapAccelerated, TwapSlowed)):
                self.is_fast = isinstance(event, TwapAccelerated)
        return done, self.row.state != before

    def filled_share(self) -> Decimal:
        return progress(self.row) or ZERO

    def planned_share(self, now: datetime) -> Decimal:
        """Return how much should be done by now; while paused, by the time of the pause."""
        until = self.row.finished_at or self.row.paused_at or now
        return progress_of_schedule(self.row, list(self.slices), until) or ZERO

    def time_left(self, now: datetime) -> timedelta:
        """Return the time to the end; of a paused execution, what there will be once it goes on."""
        end = self.row.ends_at
        since = self.row.paused_at or now
        return timedelta(0) if end is None else max(end - since, timedelta(0))

    def distance_bps(self, price: Decimal | None) -> Decimal | None:
        """Return how far a price is from arrival, in bps; positive is worse for us."""
        arrival = self.row.arrival_price
        if price is None or arrival is None:
            return None
        return quotient(BPS * Side(self.row.side).sign * (price - arrival), arrival)

    def state_in_words(self) -> str:
        state = ExecutionState(self.row.state)
        name = _WORDS[state]
        if state is ExecutionState.RUNNING and self.is_fast:
            return "fast: price is good"
        if state is ExecutionState.COMPLETED and self.row.early_completion:
            return "completed early"
        if state is ExecutionState.RUNNING or self.row.reason is None:
            return name
        return f"{name}: {text.words(self.row.reason)}"

    @property
    def is_complete(self) -> bool:
        return self.filled_share() == ONE
