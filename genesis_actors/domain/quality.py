"""How we traded: our share of the market, what of the spread we paid or earned, and what stood in our way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from genesis_actors.domain.execution import Execution
from genesis_actors.domain.figures import benchmark_window
from genesis_actors.domain.history import History
from genesis_actors.values import ZERO, Liquidity, Reason, exact, quotient

CAP_REASONS: Final = frozenset(
    {
        Reason.PARTICIPATION_CAP,
        Reason.SYMBOL_PARTICIPATION_CAP,
        Reason.QUIET_MARKET,
        Reason.VOLUME_ANOMALY,
    }
)
"""Why a slice was cut or had to wait for the market's volume."""


@dataclass(frozen=True, slots=True)
class Participation:
    """Shares of the market's volume without ours. `slices_bound` were cut or delayed by the cap.

    `cap` is the one in force at the end; `caps` says from when on which one was.
    """

    cap: Decimal
    caps: tuple[tuple[datetime, Decimal], ...]
    average: Decimal | None
    highest_slice: Decimal | None
    slices_bound: int
    market_volume: Decimal | None


@dataclass(frozen=True, slots=True)
class SpreadUse:
    """What of the quoted half-spread we earned: 1 all of it, 0 traded at the mid, -1 paid all of it, below that more.

    Shares of the filled quantity; the half-spread in bps of the mid. None without a fill or a spread.
    """

    capture: Decimal | None
    half_spread_bps: Decimal | None
    effective_spread_bps: Decimal | None
    maker_share: Decimal | None


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """How many slices a rule cut, delayed or ended."""

    reason: str
    slices: int


@exact
def participation(history: History) -> Participation:
    x = history.execution
    market = benchmark_window(x, x.market)
    bound = slices_stopped_by(history, CAP_REASONS)
    return Participation(
        cap=x.policy.max_participation,
        caps=tuple(history.caps),
        average=None if market is None else quotient(x.filled_quantity, market.volume),
        highest_slice=x.max_slice_participation,
        slices_bound=len(bound),
        market_volume=None if market is None else market.volume,
    )


def slices_stopped_by(history: History, reasons: Iterable[Reason]) -> set[int]:
    """Return the numbers of the slices that one of `reasons` has cut or delayed at least once."""
    wanted = set(reasons)
    return {number for number, reason in (*history.cuts, *history.delays) if reason in wanted}


@exact
def spread_use(x: Execution) -> SpreadUse:
    """Return the capture s sum q (m - p) / sum q |touch - m|, from the mid and touch each child was sent at."""
    sign = x.order.side.sign
    children = [child for child in x.children.values() if child.filled_quantity]
    at_mid = sum((c.filled_quantity * c.mid for c in children), ZERO)
    half = sum((c.filled_quantity * abs(c.touch - c.mid) for c in children), ZERO)
    paid = sign * (sum((c.filled_notional for c in children), ZERO) - at_mid)
    fills = [fill for child in children for fill in child.fills]
    filled = sum((fill.quantity for fill in fills), ZERO)
    made = sum((f.quantity for f in fills if f.liquidity is Liquidity.MAKER), ZERO)
    return SpreadUse(
        capture=quotient(-paid, half),
        half_spread_bps=quotient(10_000 * half, at_mid),
        effective_spread_bps=quotient(20_000 * paid, at_mid),
        maker_share=quotient(made, filled),
    )


def reason_counts(history: History) -> tuple[ReasonCount, ...]:
    """Return how many slices each reason has cut, delayed or ended, the most frequent first."""
    ended = [(s.number, s.reason) for s in history.execution.slices if s.reason is not None]
    slices = Counter(reason for _, reason in {*history.cuts, *history.delays, *ended})
    counts = [ReasonCount(str(reason), count) for reason, count in slices.items()]
    return tuple(sorted(counts, key=lambda count: (-count.slices, count.reason)))
