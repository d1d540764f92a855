"""What our fills cost against each benchmark, with and without fees. Positive is a cost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TypeAlias

from genesis_actors.domain.benchmarks import twap_sums
from genesis_actors.domain.execution import Execution
from genesis_actors.domain.figures import benchmark_window
from genesis_actors.domain.market_record import GAP, MICROSECOND, MarketRecord, Span
from genesis_actors.values import BPS, ONE, MarketSummary, exact, quotient

_Price: TypeAlias = tuple[Decimal, Decimal] | None
"""An exact quotient: numerator and denominator."""


@dataclass(frozen=True, slots=True)
class BenchmarkCost:
    """Slippage against one price, in bps of it and in quote units; None where it is not measurable.

    `is_over_gap` says that the price hangs on a time of which nothing is known: through it the last touch before counts
    as in force, and no trade. `price_without_gaps` is the interval TWAP of the rest, where there is such a time.
    """

    name: str
    price: Decimal | None
    slippage_bps: Decimal | None
    slippage_bps_with_fees: Decimal | None
    cost_quote: Decimal | None
    cost_quote_with_fees: Decimal | None
    is_over_gap: bool
    price_without_gaps: Decimal | None = None


@exact
def benchmark_costs(
    x: Execution,
    start_price: Decimal | None,
    record: MarketRecord,
    gaps: tuple[Span, ...],
) -> tuple[BenchmarkCost, ...]:
    """Return the cost against arrival, decision, start, interval TWAP and VWAP, and the last mid.

    The decision price is the target that came with the order, else the arrival price. What is a quotient is computed
    from exact sums, and rounded once; only in quote units the interval TWAP counts as it is printed, as it does in the
    parts of the shortfall.
    """
    target, market = x.policy.target_price, x.market
    window = benchmark_window(x, market)
    decision = target if target is not None else x.arrival_price
    vwap = None if window is None or not window.volume else (window.notional, window.volume)
    is_partial = bool(gaps) or is_cut_short(window)
    return (
        _cost(x, "arrival", _plain(x.arrival_price)),
        _cost(x, "decision", _plain(decision)),
        _cost(x, "start", _plain(start_price), is_over_gap=lies_in_gap(gaps, record, x.started_at)),
        _cost(
            x,
            "twap",
            None if window is None else twap_sums(window),
            counts_as_printed=True,
            is_over_gap=is_partial,
            price_without_gaps=record.known_mean_mid(window.start, window.end)
            if gaps and window is not None
            else None,
        ),
        _cost(x, "vwap", vwap, is_over_gap=is_partial),
        _cost(
            x,
            "last_mid",
            _plain(None if market is None else market.last_mid),
            is_over_gap=lies_in_gap(gaps, record, None if market is None else market.end),
        ),
    )


def is_cut_short(window: MarketSummary | None) -> bool:
    """Tell whether the sums leave a part of the window out: a tape begun anew within it knows only the rest."""
    if window is None:
        return False
    return (window.end - window.start) - window.mid_microseconds * MICROSECOND > GAP


def lies_in_gap(gaps: tuple[Span, ...], record: MarketRecord, at: datetime | None) -> bool:
    """Tell whether it is not known what was in force at `at`."""
    if at is None or record.knows(at):
        return False
    return any(since <= at <= until for since, until in gaps)


def _plain(price: Decimal | None) -> _Price:
    return None if price is None else (price, ONE)


def _cost(
    x: Execution,
    name: str,
    price: _Price,
    *,
    counts_as_printed: bool = False,
    is_over_gap: bool = False,
    price_without_gaps: Decimal | None = None,
) -> BenchmarkCost:
    side, quantity, notional, fees = (
        x.order.side,
        x.filled_quantity,
        x.filled_notional,
        x.fees_quote,
    )
    if price is None:
        return BenchmarkCost(name, None, None, None, None, None, is_over_gap)
    over, under = price
    shown = over if under == 1 else quotient(over, under)
    if not quantity:
        return BenchmarkCost(name, shown, None, None, None, None, is_over_gap, price_without_gaps)
    worth = quantity * over
    cost = side.sign * (notional * under - worth)
    with_fees = None if fees is None else cost + fees * under

    def amount(scaled: Decimal | None) -> Decimal | None:
        return scaled if scaled is None or under == 1 else quotient(scaled, under)

    in_quote = (
        side.sign * (notional - quantity * shown)
        if counts_as_printed and shown is not None
        else amount(cost)
    )
    return BenchmarkCost(
        name=name,
        price=shown,
        slippage_bps=quotient(BPS * cost, worth),
        slippage_bps_with_fees=None if with_fees is None else quotient(BPS * with_fees, worth),
        cost_quote=in_quote,
        cost_quote_with_fees=None
        if fees is None or in_quote is None
        else in_quote + fees
        if under == 1 or counts_as_printed
        else amount(with_fees),
        is_over_gap=is_over_gap,
        price_without_gaps=price_without_gaps,
    )
