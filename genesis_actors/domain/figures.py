"""What an execution has cost so far, against its benchmarks: every figure that is shown, stored or returned.

Sums are exact; each quotient is computed from unrounded sums and rounded once. Unknown figures are None, never zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from genesis_actors.domain.benchmarks import average_price, interval_twap, interval_vwap
from genesis_actors.domain.shortfall import calculate_implementation_shortfall
from genesis_actors.domain.slippage import slippage_vs_price_bps, slippage_vs_twap_bps
from genesis_actors.messages.persistence import ExecutionRow, PlannedPart, SliceRow
from genesis_actors.values import ZERO, MarketSummary, exact, quotient

if TYPE_CHECKING:
    from genesis_actors.domain.execution import Execution


@dataclass(frozen=True, slots=True)
class Figures:
    """Prices in quote per base, slippage in bps (positive = cost), rates as shares."""

    average_price: Decimal | None
    twap_benchmark: Decimal | None
    vwap_benchmark: Decimal | None
    implementation_shortfall_bps: Decimal | None
    slippage_vs_arrival_bps: Decimal | None
    slippage_vs_twap_bps: Decimal | None
    participation_rate: Decimal | None
    max_slice_participation: Decimal | None


FIGURES_COME_FROM: Final = frozenset(
    {
        "quantity",
        "filled_quantity",
        "filled_notional",
        "fees_quote",
        "arrival_price",
        "market",
        "slices",
        "started_at",
        "order",
    }
)
"""The fields of an execution that its figures are worked out from."""


@exact
def figures(execution: Execution, market: MarketSummary | None) -> Figures:
    """Return the figures of `execution` over `market`, the benchmark window."""
    x = execution
    side = x.order.side
    window = benchmark_window(x, market)
    return Figures(
        average_price=average_price(x.filled_notional, x.filled_quantity),
        twap_benchmark=None if window is None else interval_twap(window),
        vwap_benchmark=None if window is None else interval_vwap(window),
        implementation_shortfall_bps=calculate_implementation_shortfall(
            side=side,
            quantity=x.quantity,
            filled_quantity=x.filled_quantity,
            filled_notional=x.filled_notional,
            arrival_price=x.arrival_price,
            last_price=None if market is None else market.last_mid,
            fees_quote=x.fees_quote,
        ),
        slippage_vs_arrival_bps=None
        if x.arrival_price is None
        else slippage_vs_price_bps(side, x.filled_notional, x.filled_quantity, x.arrival_price),
        slippage_vs_twap_bps=None
        if window is None
        else slippage_vs_twap_bps(side, x.filled_notional, x.filled_quantity, window),
        participation_rate=None if window is None else quotient(x.filled_quantity, window.volume),
        max_slice_participation=x.max_slice_participation,
    )


def benchmark_window(execution: Execution, market: MarketSummary | None) -> MarketSummary | None:
    """Return `market` where it is that of the benchmark window, which begins when the schedule does.

    What has never begun has no such window. Where `market` begins earlier, it was written by a version that let the
    window of a queued execution begin with its acceptance: of that, only the last mid is of use.
    """
    started_at = execution.started_at
    if market is None or started_at is None or market.start < started_at:
        return None
    return market


def progress(row: ExecutionRow) -> Decimal | None:
    """Return the filled share of the quantity."""
    return quotient(row.filled_quantity, row.quantity)


@exact
def progress_of_schedule(
    row: ExecutionRow, slices: Sequence[SliceRow | PlannedPart], now: datetime
) -> Decimal | None:
    """Return the share of the quantity that the schedule in force had planned to be done by `now`."""
    due = sum((part.planned_quantity for part in slices if part.due_at <= now), ZERO)
    return quotient(min(due, row.quantity), row.quantity)
