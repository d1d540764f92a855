"""Mark-outs: where the mid stood some time after each fill, and so what of our cost was only the moment's.

A fill that looks dear and stays dear has moved with the market; one from which the price comes back has paid for its
own impact.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from genesis_actors.domain.market_record import MarketRecord, Span
from genesis_actors.values import BPS, EXACT, FIGURE_PLACES, ZERO, Side, exact, quotient

HORIZONS: Final = tuple(timedelta(seconds=seconds) for seconds in (1, 5, 30, 60, 300))
FEWEST_FILLS: Final = 20
"""Below this a confidence interval says nothing."""

_NORMAL_95: Final = Decimal("1.959963985")


@dataclass(frozen=True, slots=True)
class TimedFill:
    """One trade of ours: when, how much (base), at what price, and for which order."""

    at: datetime
    quantity: Decimal
    price: Decimal
    client_order_id: str


@dataclass(frozen=True, slots=True)
class MarkOut:
    """All fills some time later. Positive is a cost: the later mid is better than what we paid.

    `cost_bps` is of what the counted fills were worth; `low_bps` and `high_bps` bound it with 95 % confidence, where
    there are at least 20. `reversion_bps` is how much of the mid at the fill has been given back since, `market_bps`
    how much of it the market gave back in as long a time, on average over the window: its drift, which is none of ours.
    """

    seconds: int
    fills: int
    fills_not_observed: int
    cost_quote: Decimal | None
    cost_bps: Decimal | None
    low_bps: Decimal | None
    high_bps: Decimal | None
    reversion_bps: Decimal | None
    market_bps: Decimal | None
    has_too_few: bool


@exact
def mark_outs(
    side: Side, fills: Sequence[TimedFill], record: MarketRecord, window: Span | None
) -> tuple[MarkOut, ...]:
    """Return a mark-out for each horizon: sum s q (p - m(t + h)), and 10^4 times that over sum q p.

    A fill counts where both mids are recorded, that of its own time and the later one.

    The interval is the mean plus and minus 1.959963985 standard errors of this ratio, clustered by order: fills of one
    order happen together and are one observation (Cochran, "Sampling Techniques", 1977, section 6.4, for ratios).
    """
    mids = [record.mid(fill.at) for fill in fills]
    moves = [None] * len(HORIZONS) if window is None else record.mean_moves(*window, HORIZONS)
    return tuple(
        _mark_out(side, fills, mids, record, move, horizon)
        for move, horizon in zip(moves, HORIZONS, strict=True)
    )


def _mark_out(
    side: Side,
    fills: Sequence[TimedFill],
    mids: Sequence[Decimal | None],
    record: MarketRecord,
    market_move: Decimal | None,
    horizon: timedelta,
) -> MarkOut:
    seen = [
        (fill, mid, later)
        for fill, mid in zip(fills, mids, strict=True)
        if mid is not None and (later := record.mid(fill.at + horizon)) is not None
    ]
    costs = [side.sign * fill.quantity * (fill.price - later) for fill, _, later in seen]
    values = [fill.quantity * fill.price for fill, _, _ in seen]
    cost, value = sum(costs, ZERO), sum(values, ZERO)
    mean = quotient(BPS * cost, value)
    error = _standard_error([fill for fill, _, _ in seen], costs, values)
    has_interval = len(seen) >= FEWEST_FILLS and error is not None and mean is not None
    move = market_move if seen else None
    return MarkOut(
        seconds=horizon // timedelta(seconds=1),
        fills=len(seen),
        fills_not_observed=len(fills) - len(seen),
        cost_quote=cost if seen else None,
        cost_bps=mean,
        low_bps=mean - error if has_interval and mean is not None and error is not None else None,
        high_bps=mean + error if has_interval and mean is not None and error is not None else None,
        reversion_bps=quotient(
            BPS * side.sign * sum((f.quantity * (mid - later) for f, mid, later in seen), ZERO),
            sum((f.quantity * mid for f, mid, _ in seen), ZERO),
        ),
        market_bps=None if move is None else -side.sign * move,
        has_too_few=len(seen) < FEWEST_FILLS,
    )


def _standard_error(
    fills: Sequence[TimedFill], costs: Sequence[Decimal], values: Sequence[Decimal]
) -> Decimal | None:
    """Return 1.959963985 standard errors of sum costs / sum values in bps, None where one order is all there is."""
    value = sum(values, ZERO)
    residues: defaultdict[str, Decimal] = defaultdict(Decimal)
    if not value:
        return None
    mean = sum(costs, ZERO) / value
    for fill, cost, worth in zip(fills, costs, values, strict=True):
        residues[fill.client_order_id] += cost - mean * worth
    orders = len(residues)
    if orders == 1:
        return None
    spread = sum((residue * residue for residue in residues.values()), ZERO)
    variance = spread * orders / (orders - 1)
    error = EXACT.sqrt(variance) / value * BPS * _NORMAL_95
    return EXACT.quantize(error, FIGURE_PLACES)
