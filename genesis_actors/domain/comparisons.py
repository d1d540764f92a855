"""What other ways would have come to: two that need foresight, and two that anybody could have gone.

Each is compared for the quantity it could have traded, at our average price for as much. Positive is what we saved.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from genesis_actors.domain.execution import Execution
from genesis_actors.domain.market_record import Depth, MarketRecord
from genesis_actors.values import BPS, ONE, ZERO, Algo, exact, floor_to_step, quotient

THEORETICAL_BEST: Final = "theoretical_best"
FEASIBLE_BEST: Final = "feasible_best"
PLAIN_TWAP: Final = "plain_twap"
SWEEP: Final = "sweep_at_arrival"
_TELLING_SHARE = 10
"""A sweep of less than a tenth of what we traded says nothing of what it would have cost."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Another way to trade, and what we saved against it (negative: lost). Fees at the taker's rate.

    None where it is not measurable: nothing has filled, or the market was not recorded. `saved_bps` is of its quantity
    at the arrival price.
    """

    name: str
    quantity: Decimal | None = None
    price: Decimal | None = None
    fees_quote: Decimal | None = None
    saved_quote: Decimal | None = None
    saved_bps: Decimal | None = None
    saved_quote_with_fees: Decimal | None = None
    saved_bps_with_fees: Decimal | None = None


@exact
def comparisons(
    x: Execution, record: MarketRecord, depth: Depth | None, ends_at: datetime | None
) -> tuple[Comparison, ...]:
    """Return all four. `ends_at` is the end of the window as the schedule began.

    theoretical_best: everything at the best touch of the window. feasible_best: the window in pieces of w from its
    start, each trading at its best touch within the limit no more than the cap's share of that piece's volume, in
    whole lots, the best pieces first. plain_twap: as many equal parts as the schedule began with, each at the touch
    in force at the middle of its interval; none for a market order, which has no window. sweep_at_arrival: through the
    depth that was recorded when the order came, unless that held less than a tenth of what we traded.
    """
    return (
        _compared(x, THEORETICAL_BEST, _at_best_touch(x, record)),
        _compared(x, FEASIBLE_BEST, _within_cap(x, record)),
        _compared(x, PLAIN_TWAP, _equal_parts(x, record, ends_at)),
        _compared(x, SWEEP, _swept(x, depth)),
    )


@dataclass(frozen=True, slots=True)
class _Traded:
    """Quantity in base; notional / parts in quote, so that a mean over parts stays exact."""

    quantity: Decimal
    notional: Decimal
    parts: int = 1


def _compared(x: Execution, name: str, other: _Traded | None) -> Comparison:
    filled, paid, sign = x.filled_quantity, x.filled_notional, x.order.side.sign
    if other is None or not filled or not other.quantity:
        return Comparison(name)
    quantity, notional = other.quantity, other.notional
    # Of all we paid, what is due to as much. Everything is over one denominator, and divided once.
    share, whole = (ONE, ONE) if quantity == filled else (quantity, filled)
    below = whole * other.parts
    ours, theirs = paid * share * other.parts, notional * whole
    saved = sign * (theirs - ours)
    with_fees = None
    if x.fees_quote is not None:
        with_fees = saved + theirs * x.rules.taker_fee - x.fees_quote * share * other.parts
    base = ours if x.arrival_price is None else quantity * x.arrival_price * below
    return Comparison(
        name=name,
        quantity=quantity,
        price=quotient(notional, quantity * other.parts),
        fees_quote=_over(notional * x.rules.taker_fee, Decimal(other.parts)),
        saved_quote=_over(saved, below),
        saved_bps=quotient(BPS * saved, base),
        saved_quote_with_fees=None if with_fees is None else _over(with_fees, below),
        saved_bps_with_fees=None if with_fees is None else quotient(BPS * with_fees, base),
    )


def _over(amount: Decimal, below: Decimal) -> Decimal | None:
    """Return the amount: exactly where it need not be divided, else rounded once."""
    return amount if below == 1 else quotient(amount, below)


def _window(x: Execution) -> tuple[datetime, datetime] | None:
    end = x.finished_at or (None if x.market is None else x.market.end)
    return None if x.started_at is None or end is None else (x.started_at, end)


def _at_best_touch(x: Execution, record: MarketRecord) -> _Traded | None:
    window = _window(x)
    if window is None or record.gaps(*window):
        return None
    best = record.best_touch(x.order.side, *window)
    return None if best is None else _Traded(x.filled_quantity, x.filled_quantity * best)


def _within_cap(x: Execution, record: MarketRecord) -> _Traded | None:
    window = _window(x)
    if window is None or record.gaps(*window):
        return None
    pieces: list[tuple[Decimal, Decimal]] = []
    start, end = window
    while start < end:
        until = min(start + x.window, end)
        touch = record.best_touch(x.order.side, start, until)
        capacity = floor_to_step(
            x.policy.max_participation * record.volume(start, until), x.rules.lot
        )
        limit = x.policy.limit_price
        if touch is not None and (limit is None or not x.order.side.is_worse(touch, limit)):
            pieces.append((touch, capacity))
        start = until
    pieces.sort(key=lambda piece: x.order.side.sign * piece[0])
    return _taken(pieces, x.filled_quantity)


def _equal_parts(x: Execution, record: MarketRecord, ends_at: datetime | None) -> _Traded | None:
    if x.algo is Algo.MARKET or x.started_at is None or ends_at is None or not x.slices_total:
        return None
    step: timedelta = (ends_at - x.started_at) / x.slices_total
    times = [x.started_at + step * number + step / 2 for number in range(x.slices_total)]
    touches = [record.touch(x.order.side, at) for at in times]
    known = [touch for touch in touches if touch is not None]
    if len(known) < len(touches):
        return None
    return _Traded(x.filled_quantity, x.filled_quantity * sum(known, ZERO), len(known))


def _swept(x: Execution, depth: Depth | None) -> _Traded | None:
    swept = None if depth is None else _taken(depth.levels, x.filled_quantity)
    is_telling = swept is not None and swept.quantity * _TELLING_SHARE >= x.filled_quantity
    return swept if is_telling else None


def _taken(levels: Sequence[tuple[Decimal, Decimal]], wanted: Decimal) -> _Traded:
    """Take from (price, quantity) in turn; return what that comes to."""
    left, notional = wanted, ZERO
    for price, quantity in levels:
        take = min(quantity, left)
        notional += take * price
        left -= take
    return _Traded(wanted - left, notional)
