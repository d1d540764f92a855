"""How far our average price lies from a named benchmark. Positive is always a cost to us.

Each figure is one quotient of exact sums, rounded once: never a difference of rounded prices.
"""

from __future__ import annotations

from decimal import Decimal

from genesis_actors.domain.benchmarks import twap_sums
from genesis_actors.domain.numbers import Number, finite, not_negative, positive
from genesis_actors.values import BPS, ZERO, MarketSummary, Side, exact, quotient

_PERCENT = Decimal(100)


@exact
def calculate_slippage(expected: Number, actual: Number, side: Side | str) -> Decimal:
    """Return how much worse the price `actual` is than `expected`, in percent of it.

    >>> calculate_slippage(Decimal(100), Decimal("100.5"), "buy")
    Decimal('0.5000000000')
    >>> calculate_slippage(Decimal(100), Decimal("100.5"), "sell")
    Decimal('-0.5000000000')

    Raises:
        TypeError: for a number that is neither a Decimal nor an int.
        ValueError: for an expected price that is not positive, a negative actual one, NaN, or no
            side.
    """
    expected, actual = positive("expected", expected), not_negative("actual", actual)
    slippage = quotient(_PERCENT * Side(side).sign * (actual - expected), expected)
    return ZERO if slippage is None else slippage  # Never None, for the divisor is positive.


@exact
def slippage_vs_price_bps(
    side: Side, filled_notional: Number, filled_quantity: Number, benchmark: Number | None
) -> Decimal | None:
    """Return the slippage of notional / quantity against a price, in bps.

    None without a fill or a benchmark.

    >>> slippage_vs_price_bps(Side.BUY, Decimal("200.2"), Decimal(2), Decimal(100))
    Decimal('10.0000000000')
    """
    if benchmark is None:
        return None
    paid_for = finite("filled_quantity", filled_quantity) * finite("benchmark", benchmark)
    notional = finite("filled_notional", filled_notional)
    return quotient(BPS * side.sign * (notional - paid_for), paid_for)


@exact
def slippage_vs_twap_bps(
    side: Side, filled_notional: Number, filled_quantity: Number, summary: MarketSummary
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
    paid_for = finite("filled_quantity", filled_quantity) * mid_sum
    notional = finite("filled_notional", filled_notional)
    return quotient(BPS * side.sign * (notional * weight - paid_for), paid_for)
