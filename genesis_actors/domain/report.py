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

from genesis_actors.domain.findings import Findings, findings
from genesis_actors.domain.history import History, read_history
from genesis_actors.domain.market_record import NOTHING_RECORDED, Depth, MarketRecord
from genesis_actors.domain.markouts import HORIZONS
from genesis_actors.domain.projection import all_rows
from genesis_actors.domain.recommendations import Recommendation, recommendations
from genesis_actors.domain.verdict import verdict
from genesis_actors.messages.events import JournalEvent
from genesis_actors.messages.persistence import ExecutionRow, FillRow, OrderRow, SliceRow
from genesis_actors.values import SliceStatus, exact

SCHEMA: Final = "genesis-report/2"
"""The name and version of the report as JSON: the same version may get more figures, but loses none."""

_PATH_POINTS: Final = 600
_VOLUME_POINTS: Final = 100
_BEFORE: Final = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class ExecutionReport:
    """Everything in quote currency, base quantities, or bps (positive = cost); unknown figures are None.

    `path` is the touch over time as (time, bid, ask), `volumes` what others had traded since the start, both thinned
    for the eye. `recorded_until` is how far the market is recorded: mark-outs beyond it are not observed (yet), and
    `is_final` says that none is missing.
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
    path: tuple[tuple[datetime, Decimal, Decimal], ...]
    volumes: tuple[tuple[datetime, Decimal], ...]
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
        now: up to when an execution that is still open is looked at; None: its newest event.
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
    until = journal[-1].at if now is None else now
    found = findings(history, record, depth, until)
    x = history.execution
    everything = all_rows(x, journal, venue)
    states = Counter(part.status for part in x.slices)
    return ExecutionReport(
        schema=SCHEMA,
        execution=everything.execution,
        verdict=verdict(x, found),
        findings=found,
        recommendations=recommendations(history, found),
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
        recorded_until=record.ends_at,
        is_final=x.state.is_final and not any(m.fills_not_observed for m in found.markouts),
    )


def _path(
    history: History, record: MarketRecord, until: datetime
) -> list[tuple[datetime, Decimal, Decimal]]:
    x = history.execution
    end = x.finished_at or until
    last = min(record.ends_at or end, end + HORIZONS[-1])
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
    return [(at, record.volume(start, at)) for at in times]
