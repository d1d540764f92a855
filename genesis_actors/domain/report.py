"""The report of one execution: what it did, what it cost and why, and whether another way would have been better.

It is made from the journal and the recorded market alone, so it can be made again and comes out the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from genesis_actors.domain.execution import Execution
from genesis_actors.domain.figures import benchmark_window
from genesis_actors.domain.findings import Findings, findings
from genesis_actors.domain.history import History, read_history
from genesis_actors.domain.market_record import NOTHING_RECORDED, Depth, MarketRecord, PathPoint
from genesis_actors.domain.markouts import HORIZONS
from genesis_actors.domain.projection import all_rows
from genesis_actors.domain.recommendations import Recommendation, recommendations
from genesis_actors.domain.verdict import verdict
from genesis_actors.messages.events import JournalEvent
from genesis_actors.messages.persistence import ExecutionRow, FillRow, OrderRow, SliceRow
from genesis_actors.values import SliceStatus, exact

SCHEMA: Final = "genesis-report/3"
"""The name and version of the report as JSON: the same version may get more figures, but loses none."""

_PATH_POINTS: Final = 600
_VOLUME_POINTS: Final = 100
_BEFORE: Final = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class ExecutionReport:
    """Everything in quote currency, base quantities, or bps (positive = cost); unknown figures are None.

    `path` is the touch over time as (time, bid, ask), None where a gap begins; `volumes` is what others had traded
    since the start; both are thinned for the eye. `as_of` is when an execution that is still open was looked at, None
    once it has ended. `recorded_until` is how far its market is recorded, of what is needed, and `is_final` that this
    is all of it: mark-outs that are not observed by then never will be.
    """

    schema: str
    execution: ExecutionRow
    verdict: tuple[str, ...]
    findings: Findings
    recommendations: tuple[Recommendation, ...]
    style: str
    venue: str
    slices_filled: int
    slices_partial: int
    slices_skipped: int
    slices: tuple[SliceRow, ...]
    orders: tuple[OrderRow, ...]
    fills: tuple[FillRow, ...]
    path: tuple[PathPoint, ...]
    volumes: tuple[tuple[datetime, Decimal], ...]
    as_of: datetime | None
    recorded_until: datetime | None
    is_final: bool


@exact
def generate_execution_report(
    journal: Sequence[JournalEvent],
    record: MarketRecord = NOTHING_RECORDED,
    depth: Depth | None = None,
    *,
    now: datetime | None = None,
    venue: str = "",
) -> ExecutionReport:
    """Return the report of an execution from its whole journal. Pure: the same journal and record give the same report.

    Args:
        journal: every event, from its acceptance on.
        record: what is recorded of its market; without it, what needs it is None.
        depth: the levels that it could have met when it was accepted.
        now: up to when an execution that is still open is looked at; None: its newest event, or until its market is
            recorded.
        venue: where it was worked, for the rows of its fills.

    Raises:
        ValueError: for a journal that does not begin with `TwapAccepted`.

    >>> from datetime import UTC, timedelta
    >>> from decimal import Decimal as D
    >>> from genesis_actors.domain.policy import TwapDefaults, resolve
    >>> from genesis_actors.messages.events import TwapAccepted
    >>> from genesis_actors.values import MarketRules, ParentOrder, Side, Symbol
    >>> order = ParentOrder(Symbol("BTC/USDT"), Side.BUY, D(10), timedelta(minutes=10))
    >>> accepted = TwapAccepted(
    ...     execution_id="x1",
    ...     at=datetime(2025, 1, 6, 14, tzinfo=UTC),
    ...     order=order,
    ...     rules=MarketRules(
    ...         order.symbol, "BTC", "USDT", D("0.001"), D("0.01"), D(5), D("0.001"), D("0.001")
    ...     ),
    ...     policy=resolve(order, TwapDefaults(), seed=1),
    ...     client_order_id_prefix="ab12",
    ...     quantity=D(10),
    ...     arrival_price=D(60_000),
    ...     arrival_at=datetime(2025, 1, 6, 14, tzinfo=UTC),
    ... )
    >>> report = generate_execution_report([accepted])
    >>> report.execution.state, report.execution.remaining_quantity, report.execution.average_price
    (<ExecutionState.QUEUED: 'QUEUED'>, Decimal('10'), None)
    """
    history = read_history(journal)
    until = max(filter(None, (journal[-1].at, now, None if now else record.ends_at)))
    _look_on(history, record, until)
    found = findings(history, record, depth, until)
    x = history.execution
    recorded_until = _recorded_until(x, record)
    everything = all_rows(x, journal, venue)
    states = Counter(part.status for part in x.slices)
    return ExecutionReport(
        schema=SCHEMA,
        execution=everything.execution,
        verdict=verdict(x, found),
        findings=found,
        recommendations=recommendations(history, found, record),
        style=x.policy.style,
        venue=venue,
        slices_filled=states[SliceStatus.FILLED],
        slices_partial=states[SliceStatus.PARTIAL],
        slices_skipped=states[SliceStatus.SKIPPED],
        slices=everything.slices,
        orders=everything.orders,
        fills=everything.fills,
        path=tuple(_path(history, record, until)),
        volumes=tuple(_volumes(history, record, until)),
        as_of=None if x.state.is_final else until,
        recorded_until=recorded_until,
        is_final=x.finished_at is not None and recorded_until == _observed_at(x.finished_at),
    )


def _look_on(history: History, record: MarketRecord, until: datetime) -> None:
    """Let the benchmark window of an open execution reach as far as its market is recorded, not to its last order.

    One that has ended keeps the sums of its journal, if they are those of its window.
    """
    x = history.execution
    if x.started_at is None or record.ends_at is None:
        return
    end = x.finished_at or min(until, record.ends_at)
    seen = benchmark_window(x, x.market)
    is_behind = seen is None or (x.finished_at is None and end > seen.end)
    if is_behind and end > x.started_at and record.knows(x.started_at):
        history.execution = x.having(market=record.summary(x.started_at, end))


def _observed_at(finished_at: datetime) -> datetime:
    """Return until when the market is of interest: as long as the longest mark-out can take."""
    return finished_at + HORIZONS[-1]


def _recorded_until(x: Execution, record: MarketRecord) -> datetime | None:
    ends_at = record.ends_at
    if ends_at is None or x.finished_at is None:
        return ends_at
    # Others may have had the symbol recorded for longer, which changes nothing here.
    return min(ends_at, _observed_at(x.finished_at))


def _path(history: History, record: MarketRecord, until: datetime) -> list[PathPoint]:
    x = history.execution
    last = _recorded_until(x, record) or until
    return record.path(x.created_at - _BEFORE, last, _PATH_POINTS)


def _volumes(
    history: History, record: MarketRecord, until: datetime
) -> list[tuple[datetime, Decimal]]:
    x = history.execution
    start, end = x.started_at, min(x.finished_at or until, record.ends_at or until)
    if start is None or end <= start:
        return []
    step = (end - start) / _VOLUME_POINTS
    times = [*(start + step * number for number in range(_VOLUME_POINTS)), end]
    return list(zip(times, record.volumes(start, times), strict=True))
