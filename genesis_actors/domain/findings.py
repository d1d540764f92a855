"""Everything that was worked out about one execution: what recommendations and reports are made of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from genesis_actors.domain.comparisons import Comparison, comparisons
from genesis_actors.domain.costs import BenchmarkCost, benchmark_costs
from genesis_actors.domain.execution import Execution
from genesis_actors.domain.figures import benchmark_window
from genesis_actors.domain.history import History, Incident
from genesis_actors.domain.market_record import Depth, MarketRecord, Span
from genesis_actors.domain.markouts import MarkOut, TimedFill, mark_outs
from genesis_actors.domain.quality import (
    Participation,
    ReasonCount,
    SpreadUse,
    participation,
    reason_counts,
    spread_use,
)
from genesis_actors.domain.shortfall import (
    Cost,
    SentFill,
    ShortfallParts,
    shortfall_parts,
    total_cost,
)
from genesis_actors.domain.timing import Latency, Timing, latency, timing
from genesis_actors.values import exact


@dataclass(frozen=True, slots=True)
class Findings:
    """The numbers of one execution. Positive is a cost; None is what could not be measured."""

    shortfall_parts: ShortfallParts
    shortfall: Cost
    shortfall_without_fees: Cost
    benchmarks: tuple[BenchmarkCost, ...]
    comparisons: tuple[Comparison, ...]
    markouts: tuple[MarkOut, ...]
    timing: Timing
    participation: Participation
    spread: SpreadUse
    latency: Latency
    reasons: tuple[ReasonCount, ...]
    incidents: tuple[Incident, ...]
    gaps: tuple[Span, ...]


@exact
def findings(
    history: History, record: MarketRecord, depth: Depth | None, now: datetime
) -> Findings:
    """Work everything out; `now` is when an execution that is still open is looked at."""
    x = history.execution
    market = x.market
    gaps = _gaps(x, record)
    start_price = _start_price(history, record)
    parts = shortfall_parts(
        side=x.order.side,
        quantity=x.quantity,
        arrival_price=x.arrival_price,
        start_price=start_price,
        twap=x.figures.twap_benchmark,
        last_price=None if market is None else market.last_mid,
        children=[
            SentFill(child.filled_quantity, child.filled_notional, child.mid, child.touch)
            for child in x.children.values()
            if child.filled_quantity
        ],
        fees_quote=x.fees_quote,
    )
    base = None if x.arrival_price is None else x.quantity * x.arrival_price
    return Findings(
        shortfall_parts=parts,
        shortfall=total_cost(parts, base),
        shortfall_without_fees=total_cost(parts, base, with_fees=False),
        benchmarks=benchmark_costs(x, start_price, record, gaps),
        comparisons=comparisons(x, record, depth, history.scheduled_end),
        markouts=mark_outs(x.order.side, _timed_fills(x), record, _window(x)),
        timing=timing(history, now),
        participation=participation(history),
        spread=spread_use(x),
        latency=latency(history),
        reasons=reason_counts(history),
        incidents=(*history.incidents, *_gap_incidents(gaps)),
        gaps=gaps,
    )


def _window(x: Execution) -> Span | None:
    """Return the benchmark window, as far as it has come."""
    end = x.finished_at or (None if x.market is None else x.market.end)
    return None if x.started_at is None or end is None else (x.started_at, end)


def _gaps(x: Execution, record: MarketRecord) -> tuple[Span, ...]:
    # What an open execution's market did last is still to be written down: that is no gap.
    end = x.finished_at or record.ends_at
    return () if x.started_at is None or end is None else record.gaps(x.started_at, end)


def _gap_incidents(gaps: tuple[Span, ...]) -> tuple[Incident, ...]:
    return tuple(
        Incident(since, "data_gap", "nothing is recorded of the market", until)
        for since, until in gaps
    )


def _start_price(history: History, record: MarketRecord) -> Decimal | None:
    x = history.execution
    if x.started_at is None:
        return None
    summary = history.first_summary or x.market
    if benchmark_window(x, summary) is None:
        return record.mid(x.started_at)
    return None if summary is None else summary.start_mid


def _timed_fills(x: Execution) -> list[TimedFill]:
    fills = [
        TimedFill(fill.traded_at, fill.quantity, fill.price, child.client_order_id)
        for child in x.children.values()
        for fill in child.fills
    ]
    return sorted(fills, key=lambda fill: fill.at)
