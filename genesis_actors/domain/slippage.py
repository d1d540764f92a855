"""How far our average price lies from a named benchmark. Positive is always a cost to us.

Each figure is one quotient of exact sums, rounded once: never a difference of rounded prices.
"""

from __future__ import annotations

from decimal import Decimal

from genesis_actors.domain.benchmarks import twap_sums
from genesis_actors.values import BPS, MarketSummary, Side, exact, quotient

_PERCENT = Decimal(100)


@exact
def calculate_slippage(expected: Decimal, actual: Decimal, side: Side | str) -> Decimal:
    """Return how much worse the price `actual` is than `expected`, in percent of it.

    >>> calculate_slippage(Decimal(100), Decimal("100.5"), "buy")
    Decimal('0.5000000000')
    >>> calculate_slippage(Decimal(100), Decimal("100.5"), "sell")
    Decimal('-0.5000000000')

    Raises:
        ValueError: for an expected price that is not positive, an actual one that is no number, or
            no side.
    """
    if not actual.is_finite() or actual < 0:
        raise ValueError(f"the actual price must be a number that is not negative, not {actual}")
    slippage = None
    if expected.is_finite() and expected >= 0:
        slippage = quotient(_PERCENT * Side(side).sign * (actual - expected), expected)
    if slippage is None:
        raise ValueError(f"the expected price must be a positive number, not {expected}")
    return slippage


@exact
def slippage_vs_price_bps(
    side: Side, filled_notional: Decimal, filled_quantity: Decimal, benchmark: Decimal | None
) -> Decimal | None:
    """Return the slippage of notional / quantity against a price, in bps.

    None without a fill or a benchmark.

    >>> slippage_vs_price_bps(Side.BUY, Decimal("200.2"), Decimal(2), Decimal(100))
    Decimal('10.0000000000')
    """
    if benchmark is None:
        return None
    paid_for = filled_quantity * benchmark
    return quotient(BPS * side.sign * (filled_notional - paid_for), paid_for)


@exact
def slippage_vs_twap_bps(
    side: Side, filled_notional: Decimal, filled_quantity: Decimal, summary: MarketSummary
) -> Decimal | None:
    """Return the slippage of notional / quantity against the interval TWAP's exact sums, in bps.

    None without a fill, or where no mid was in force.

    >>> from datetime import UTC, datetime
    >>> at = datetime(2024, 8, 8, tzinfo=UTC)
    >>> summary = MarketSummary(
    ...     at, at, Decimal(0), Decimal(0), Decimal(0), 0, last_mid=Decimal(100)
    ... )
    >>> slippage_vs_twap_bps(Side.SELL, Decimal("199.8"), Decimal(2), summary)
    Decimal('10.0000000000')
    """
    sums = twap_sums(summary)
    if sums is None:
        return None
    mid_sum, weight = sums
    paid_for = filled_quantity * mid_sum
    return quotient(BPS * side.sign * (filled_notional * weight - paid_for), paid_for)
