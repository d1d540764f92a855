"""What it cost to trade, against having it all at the arrival price: implementation shortfall, whole and in parts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
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


@dataclass(frozen=True, slots=True)
class SentFill:
    """What one child order came to, and the market it was sent into. Base units and quote units; prices in quote."""

    filled_quantity: Decimal
    filled_notional: Decimal
    mid: Decimal
    touch: Decimal
    """The far touch: what taking liquidity at once would have cost."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Positive is a cost to us. `bps` is of the whole order at its arrival price. None: not measurable."""

    quote: Decimal | None
    bps: Decimal | None


@dataclass(frozen=True, slots=True)
class ShortfallParts:
    """Where the shortfall came from; in quote units the parts add up to it exactly, and so do their bps.

    delay: the mid moved from acceptance to the schedule's start. drift: it moved on average from there to the
    interval TWAP. schedule: we traded at better or worse times than the average. spread: from the mid to the far
    touch. impact: from the touch to what we paid; less than nothing where orders rested. opportunity: the move missed
    on what stayed unfilled. The bps' rounding residue is in impact.
    """

    delay: Cost
    spread: Cost
    drift: Cost
    schedule: Cost
    impact: Cost
    opportunity: Cost
    fees: Cost


@exact
def shortfall_parts(
    *,
    side: Side,
    quantity: Decimal,
    arrival_price: Decimal | None,
    start_price: Decimal | None,
    twap: Decimal | None,
    last_price: Decimal | None,
    children: Iterable[SentFill],
    fees_quote: Decimal | None,
) -> ShortfallParts:
    """Return the parts of the implementation shortfall; a part whose price is unknown is None.

    With T the interval TWAP and Ps the mid at the schedule's start, summed over the children: delay s Q (Ps - P0),
    drift s Q (T - Ps), schedule s sum q (m - T), spread s sum q (touch - m), impact s sum q (p - touch), opportunity s
    (X - Q)(PT - P0). The decomposition follows Perold (1988) and Kissell, "The expanded implementation shortfall",
    Journal of Trading, 2006, with the interval TWAP between arrival and fills.

    A buy of 10, of which 8 filled at 100.50, when the mid was 100.30 and the ask 100.40:

    >>> parts = shortfall_parts(
    ...     side=Side.BUY,
    ...     quantity=Decimal(10),
    ...     arrival_price=Decimal(100),
    ...     start_price=Decimal("100.1"),
    ...     twap=Decimal("100.2"),
    ...     last_price=Decimal(102),
    ...     children=[
    ...         SentFill(Decimal(8), Decimal(804), mid=Decimal("100.3"), touch=Decimal("100.4"))
    ...     ],
    ...     fees_quote=Decimal(1),
    ... )
    >>> [str(getattr(parts, name).quote) for name in ("delay", "drift", "schedule", "spread")]
    ['0.8', '0.8', '0.8', '0.8']
    >>> [str(getattr(parts, name).quote) for name in ("impact", "opportunity", "fees")]
    ['0.8', '4', '1']
    >>> str(sum(getattr(parts, part.name).bps for part in fields(parts)))
    '90.0000000000'
    """
    sign = side.sign
    sent = list(children)
    filled = sum((each.filled_quantity for each in sent), ZERO)
    notional = sum((each.filled_notional for each in sent), ZERO)
    at_mid = sum((each.filled_quantity * each.mid for each in sent), ZERO)
    at_touch = sum((each.filled_quantity * each.touch for each in sent), ZERO)
    left = quantity - filled
    quotes = {
        "delay": _moved(sign * filled, arrival_price, start_price),
        "drift": _moved(sign * filled, start_price, twap),
        "schedule": ZERO
        if not filled
        else None
        if twap is None
        else sign * (at_mid - filled * twap),
        "spread": sign * (at_touch - at_mid),
        "impact": sign * (notional - at_touch),
        "opportunity": _moved(sign * left, arrival_price, last_price),
        "fees": fees_quote,
    }
    base = None if arrival_price is None else quantity * arrival_price
    costs = {name: Cost(quote, _bps(quote, base)) for name, quote in quotes.items()}
    return _with_residue(ShortfallParts(**costs), base)


def total_cost(parts: ShortfallParts, base: Decimal | None, *, with_fees: bool = True) -> Cost:
    """Return the sum of the parts, None where one of them is not known; `base` is the order at its arrival price."""
    quotes = [
        getattr(parts, part.name).quote
        for part in fields(parts)
        if with_fees or part.name != "fees"
    ]
    known = [quote for quote in quotes if quote is not None]
    if len(known) < len(quotes):
        return Cost(None, None)
    return Cost(whole := sum(known, ZERO), _bps(whole, base))


def _moved(signed: Decimal, before: Decimal | None, after: Decimal | None) -> Decimal | None:
    if not signed:
        return ZERO
    return None if before is None or after is None else signed * (after - before)


def _bps(quote: Decimal | None, base: Decimal | None) -> Decimal | None:
    return None if quote is None or base is None else quotient(BPS * quote, base)


def _with_residue(parts: ShortfallParts, base: Decimal | None) -> ShortfallParts:
    """Give impact what rounding has left, so that the bps add up as well."""
    whole = total_cost(parts, base).bps
    if whole is None:
        return parts
    others = [getattr(parts, part.name).bps for part in fields(parts) if part.name != "impact"]
    return replace(parts, impact=Cost(parts.impact.quote, whole - sum(others, ZERO)))
