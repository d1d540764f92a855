"""What prices are measured against: our own average, and the market's by time and by volume.

Quotients are rounded once, half-even to 10 decimal places, from exact sums.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Protocol, TypeAlias

from genesis_actors.domain.numbers import Number, finite, not_negative
from genesis_actors.values import ONE, ZERO, MarketSummary, exact, quotient


class ExecutedSlice(Protocol):
    """What a slice came to: base units, and their price (None while nothing has filled)."""

    @property
    def filled_quantity(self) -> Number: ...

    @property
    def average_price(self) -> Number | None: ...


Executed: TypeAlias = ExecutedSlice | tuple[Number, Number | None]
"""An executed slice, or its (filled quantity, average price)."""


@exact
def calculate_twap_price(slices: Iterable[Executed]) -> Decimal | None:
    """Return the quantity-weighted mean price of what the slices have filled, None for nothing.

    >>> calculate_twap_price(
    ...     [(Decimal(1), Decimal(100)), (Decimal(3), Decimal(104)), (Decimal(0), None)]
    ... )
    Decimal('103.0000000000')

    Raises:
        TypeError: for a number that is neither a Decimal nor an int.
        ValueError: for a negative number or NaN.
    """
    notional = quantity = ZERO
    for executed in slices:
        filled, price = (
            executed
            if isinstance(executed, tuple)
            else (executed.filled_quantity, executed.average_price)
        )
        filled = not_negative("filled_quantity of slices", filled)
        if price is not None:
            price = not_negative("average_price of slices", price)
            notional += filled * price
            quantity += filled
    return average_price(notional, quantity)


def average_price(notional: Number, quantity: Number) -> Decimal | None:
    """Return quote units over base units, None where there is no quantity.

    >>> average_price(Decimal(200), Decimal(3))
    Decimal('66.6666666667')
    """
    return quotient(finite("notional", notional), finite("quantity", quantity))


def twap_sums(summary: MarketSummary) -> tuple[Decimal, Decimal] | None:
    """Return the interval TWAP as an exact (numerator, denominator); None without any mid.

    A window without length has the mid in force as its TWAP.

    >>> from datetime import UTC, datetime
    >>> at = datetime(2024, 8, 8, tzinfo=UTC)
    >>> twap_sums(MarketSummary(at, at, ZERO, ZERO, ZERO, 0, last_mid=Decimal(100)))
    (Decimal('100'), Decimal('1'))
    """
    if summary.mid_microseconds:
        return summary.mid_integral, Decimal(summary.mid_microseconds)
    if summary.start == summary.end and summary.last_mid is not None:
        return summary.last_mid, ONE
    return None


def interval_twap(summary: MarketSummary) -> Decimal | None:
    """Return the time-weighted mean of the mid over the window, None where no mid was in force.

    Only time in which there was a mid counts. A window without length has the mid in force as its
    TWAP.

    >>> from datetime import UTC, datetime, timedelta
    >>> at = datetime(2024, 8, 8, tzinfo=UTC)
    >>> interval_twap(
    ...     MarketSummary(
    ...         start=at,
    ...         end=at + timedelta(seconds=3),
    ...         volume=Decimal(8),
    ...         notional=Decimal(808),
    ...         mid_integral=Decimal(302_000_000),  # 100 for two seconds, then 102 for one.
    ...         mid_microseconds=3_000_000,
    ...         last_mid=Decimal(102),
    ...     )
    ... )
    Decimal('100.6666666667')
    """
    sums = twap_sums(summary)
    return None if sums is None else quotient(*sums)


def interval_vwap(summary: MarketSummary) -> Decimal | None:
    """Return the volume-weighted mean price of the window's market trades, None without any.

    >>> from datetime import UTC, datetime
    >>> at = datetime(2024, 8, 8, tzinfo=UTC)
    >>> interval_vwap(MarketSummary(at, at, Decimal(8), Decimal(808), ZERO, 0, last_mid=None))
    Decimal('101.0000000000')
    """
    return quotient(summary.notional, summary.volume)
