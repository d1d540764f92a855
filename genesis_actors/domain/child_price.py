"""The limit price of a child order that takes: the far touch and a little, as books move."""

from __future__ import annotations

from decimal import Decimal

from genesis_actors.domain.numbers import Number, finite, positive
from genesis_actors.values import BPS, ONE, Quote, Side, ceil_to_step, exact, floor_to_step


@exact
def collar_price(
    quote: Quote,
    side: Side,
    collar_bps: Number,
    *,
    tick: Number,
    limit_price: Number | None = None,
    threshold_price: Number | None = None,
) -> Decimal:
    """Return the far touch worsened by `collar_bps`, to the tick towards it, never past a limit.

    Limits are themselves rounded to the tick on the safe side: down for a buy, up for a sell. Where
    one is better than the touch, so is the result, and the caller should rather wait. Prices in
    quote units per base unit.

    Args:
        quote: the touch now.
        side: ours.
        collar_bps: how much worse than the touch, in basis points.
        tick: the venue's price step.
        limit_price: the user's limit, if any.
        threshold_price: the early completion's limit, if any.

    >>> from datetime import UTC, datetime
    >>> quote = Quote(datetime(2024, 8, 8, tzinfo=UTC), bid=Decimal("99.99"), ask=Decimal("100.01"))
    >>> collar_price(quote, Side.BUY, Decimal(10), tick=Decimal("0.01"))
    Decimal('100.11')
    >>> collar_price(
    ...     quote, Side.SELL, Decimal(10), tick=Decimal("0.01"), limit_price=Decimal("99.95")
    ... )
    Decimal('99.95')

    Raises:
        TypeError: for a number that is neither a Decimal nor an int.
        ValueError: for a negative collar, or one of 10,000 bps or more, or a tick or a limit that
            is not positive.
    """
    collar_bps = finite("collar_bps", collar_bps)
    if not 0 <= collar_bps < BPS:
        raise ValueError(f"collar_bps is a number of basis points below 10000, not {collar_bps}")
    tick = positive("tick", tick)
    prices = [finite("quote", quote.touch(side)) * (ONE + side.sign * collar_bps / BPS)]
    if limit_price is not None:
        prices.append(positive("limit_price", limit_price))
    if threshold_price is not None:
        prices.append(positive("threshold_price", threshold_price))
    if side is Side.BUY:
        return floor_to_step(min(prices), tick)
    return ceil_to_step(max(prices), tick)
