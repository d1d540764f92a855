"""What our fills cost against each benchmark, with and without fees. Positive is a cost."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from genesis_actors.domain.benchmarks import interval_twap, interval_vwap
from genesis_actors.domain.execution import Execution
from genesis_actors.domain.slippage import slippage_vs_price_bps, slippage_vs_twap_bps
from genesis_actors.values import BPS, MarketSummary, exact, quotient


@dataclass(frozen=True, slots=True)
class BenchmarkCost:
    """Slippage against one price, in bps of it and in quote units; None where it is not measurable.

    `is_over_gap` says that a part of the window is not known: the price is that of the rest.
    """

    name: str
    price: Decimal | None
    slippage_bps: Decimal | None
    slippage_bps_with_fees: Decimal | None
    cost_quote: Decimal | None
    cost_quote_with_fees: Decimal | None
    is_over_gap: bool


@exact
def benchmark_costs(
    x: Execution, market: MarketSummary | None, *, has_gap: bool
) -> tuple[BenchmarkCost, ...]:
    """Return the cost against arrival, decision, start, interval TWAP and VWAP, and the last mid.

    The decision price is the target that came with the order, else the arrival price. In quote units the interval
    TWAP and VWAP count as they are printed; their bps come from exact sums.
    """
    decision = x.policy.target_price if x.policy.target_price is not None else x.arrival_price
    twap = None if market is None else interval_twap(market)
    costs = [
        _cost(x, "arrival", x.arrival_price),
        _cost(x, "decision", decision),
        _cost(x, "start", None if market is None else market.start_mid),
        _cost(x, "twap", twap, is_over_gap=has_gap),
        _cost(x, "vwap", None if market is None else interval_vwap(market), is_over_gap=has_gap),
        _cost(x, "last_mid", None if market is None else market.last_mid),
    ]
    if market is None or twap is None:
        return tuple(costs)
    at = slippage_vs_twap_bps(x.order.side, x.filled_notional, x.filled_quantity, market)
    return tuple(_with_slippage(cost, at) if cost.name == "twap" else cost for cost in costs)


def _cost(
    x: Execution, name: str, price: Decimal | None, *, is_over_gap: bool = False
) -> BenchmarkCost:
    side, quantity, notional = x.order.side, x.filled_quantity, x.filled_notional
    if price is None or not quantity:
        return BenchmarkCost(name, price, None, None, None, None, is_over_gap)
    cost = side.sign * (notional - quantity * price)
    with_fees = None if x.fees_quote is None else cost + x.fees_quote
    return BenchmarkCost(
        name=name,
        price=price,
        slippage_bps=slippage_vs_price_bps(side, notional, quantity, price),
        slippage_bps_with_fees=None
        if with_fees is None
        else quotient(BPS * with_fees, quantity * price),
        cost_quote=cost,
        cost_quote_with_fees=with_fees,
        is_over_gap=is_over_gap,
    )


def _with_slippage(cost: BenchmarkCost, slippage_bps: Decimal | None) -> BenchmarkCost:
    return BenchmarkCost(
        cost.name,
        cost.price,
        slippage_bps,
        cost.slippage_bps_with_fees,
        cost.cost_quote,
        cost.cost_quote_with_fees,
        cost.is_over_gap,
    )
