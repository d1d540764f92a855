"""What it cost to trade, against having it all at the arrival price: implementation shortfall."""

from __future__ import annotations

from decimal import Decimal

from genesis_actors.values import BPS, ZERO, Side, exact, quotient


@exact
def calculate_implementation_shortfall(
    *,
    side: Side | str,
    quantity: Decimal,
    filled_quantity: Decimal,
    filled_notional: Decimal,
    arrival_price: Decimal | None,
    last_price: Decimal | None,
    fees_quote: Decimal | None = ZERO,
) -> Decimal | None:
    """Return the implementation shortfall in bps of the paper trade's value; positive is a cost.

    `10^4 x [s (sum q p - Q P0) + s (X - Q)(PT - P0) + fees] / (X P0)`, with s = +1 for a buy and -1
    for a sell: the cost of what filled, the move missed on what did not, and the fees (Perold, "The
    implementation shortfall: paper versus reality", Journal of Portfolio Management, 1988).

    Args:
        side: ours.
        quantity: X, the whole order, in base units.
        filled_quantity: Q, in base units.
        filled_notional: sum q p, in quote units.
        arrival_price: P0, the mid when the order was accepted.
        last_price: PT, the last mid.
        fees_quote: fees in quote units; None where one could not be converted.

    Returns:
        None where a figure that it needs is None; `last_price` is needed while anything is left.

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
        ValueError: for a quantity that is not positive, or no side.
    """
    if not quantity.is_finite() or quantity <= 0:
        raise ValueError(f"an order's quantity must be a positive number, not {quantity}")
    sign = Side(side).sign
    left = quantity - filled_quantity
    if arrival_price is None or fees_quote is None:
        return None
    cost = sign * (filled_notional - filled_quantity * arrival_price) + fees_quote
    if left:
        if last_price is None:
            return None
        cost += sign * left * (last_price - arrival_price)
    return quotient(BPS * cost, quantity * arrival_price)
