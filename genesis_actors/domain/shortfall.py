"""What it cost to trade, against having it all at the arrival price: implementation shortfall."""

from __future__ import annotations

from decimal import Decimal

from genesis_actors.domain.numbers import Number, finite, not_negative, positive
from genesis_actors.values import BPS, ZERO, Side, exact, quotient


@exact
def calculate_implementation_shortfall(
    *,
    side: Side | str,
    quantity: Number,
    filled_quantity: Number,
    filled_notional: Number,
    arrival_price: Number | None,
    last_price: Number | None,
    fees_quote: Number | None = ZERO,
) -> Decimal | None:
    """Return the implementation shortfall in bps of the paper trade's value; positive is a cost.

    `10^4 x [s (sum q p - Q P0) + s (X - Q)(PT - P0) + fees] / (X P0)`, with s = +1 for a buy and -1
    for a sell: the cost of what filled, the move missed on what did not, and the fees (Perold, "The
    implementation shortfall: paper versus reality", Journal of Portfolio Management, 1988).

    Args:
        side: ours.
        quantity: X, the whole order, in base units.
        filled_quantity: Q, in base units; above X where the venue overfilled.
        filled_notional: sum q p, in quote units.
        arrival_price: P0, the mid when the order was accepted.
        last_price: PT, the last mid.
        fees_quote: fees in quote units, negative for a rebate; None where one could not be
            converted.

    Returns:
        None where a figure that it needs is None, or the arrival price zero; `last_price` is needed
        while anything is left.

    >>> calculate_implementation_shortfall(
    ...     side="buy",
    ...     quantity=Decimal(10),
    ...     filled_quantity=Decimal(8),
    ...     filled_notional=Decimal(804),  # 8 at 100.50
    ...     arrival_price=Decimal(100),
    ...     last_price=Decimal(102),
    ...     fees_quote=Decimal(1),
    ... )
    Decimal('90.0000000000')

    Raises:
        TypeError: for a number that is neither a Decimal nor an int.
        ValueError: for a quantity that is not positive, another negative number (but for a rebate),
            NaN, or no side.
    """
    sign = Side(side).sign
    quantity = positive("quantity", quantity)
    filled = not_negative("filled_quantity", filled_quantity)
    notional = not_negative("filled_notional", filled_notional)
    arrival = None if arrival_price is None else not_negative("arrival_price", arrival_price)
    last = None if last_price is None else not_negative("last_price", last_price)
    fees = None if fees_quote is None else finite("fees_quote", fees_quote)
    left = quantity - filled
    if arrival is None or fees is None:
        return None
    cost = sign * (notional - filled * arrival) + fees
    if left:
        if last is None:
            return None
        cost += sign * left * (last - arrival)
    return quotient(BPS * cost, quantity * arrival)
