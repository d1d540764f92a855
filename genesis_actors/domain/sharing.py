"""How executions share what their symbol's volume allows them together, when it is less than they want.

Each may take in proportion to what it has still to do. What one does not want is shared by the others, and what one has
taken in the window already counts. A share that is too small to trade is traded in turn: who has had least comes first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from genesis_actors.values import ZERO, exact, floor_to_step

_ROUNDING: Final = Decimal("1e-40")
"""A division's last digits must not cost a lot; no venue's lot comes near this."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What one execution would take now, if it were alone. Quantities in base.

    Attributes:
        wanted: how much that is; positive.
        weight: what it has still to do, `wanted` included.
        taken: what it has filled in the window and has reserved.
        least: the smallest order that the venue takes.
        since: when it began to wait.
    """

    wanted: Decimal
    weight: Decimal
    taken: Decimal
    least: Decimal
    since: datetime

    @property
    def served(self) -> Decimal:
        """Return what it has had for each unit that it has still to do."""
        return self.taken / self.weight


@exact
def fair_quantity(free: Decimal, asking: Claim, waiting: Sequence[Claim], lot: Decimal) -> Decimal:
    """Return how much of `free` the one who asks may take, so that those who wait get theirs: base, whole lots.

    It is the share of a max-min fair division by weight ("water-filling": Bertsekas and Gallager, Data Networks, 6.5),
    with what each has taken counted in. Whoever has been served less keeps its share, or the smallest order that it can
    send; so the one served least always gets something when there is enough for it, and nobody waits for ever.
    Nothing is kept back where nobody else waits.

    >>> from datetime import UTC
    >>> noon = datetime(2024, 8, 8, 12, tzinfo=UTC)
    >>> large = Claim(Decimal(9), weight=Decimal(30), taken=ZERO, least=Decimal(1), since=noon)
    >>> small = Claim(Decimal(9), weight=Decimal(10), taken=ZERO, least=Decimal(1), since=noon)
    >>> fair_quantity(Decimal(8), large, [small], Decimal(1))
    Decimal('6')
    >>> fair_quantity(Decimal(8), small, [large], Decimal(1))
    Decimal('2')
    """
    if free <= ZERO:
        return ZERO
    level = _level(free, [asking, *waiting])
    rank = (asking.served, asking.since)
    promised = sum(
        (_due(claim, level, lot) for claim in waiting if (claim.served, claim.since) < rank), ZERO
    )
    quantity = floor_to_step(min(_due(asking, level, lot), free - promised), lot)
    return quantity if quantity >= min(asking.least, asking.wanted) else ZERO


def _due(claim: Claim, level: Decimal | None, lot: Decimal) -> Decimal:
    """Return what is a claim's at a level: its share, or one order where that is less than an order."""
    if level is None:
        return claim.wanted
    share = floor_to_step((level * claim.weight - claim.taken).quantize(_ROUNDING), lot)
    return min(claim.wanted, max(share, claim.least))


def _level(free: Decimal, claims: Sequence[Claim]) -> Decimal | None:
    """Return how much each may have had for each unit of its weight when `free` is used up; None: all that it wants."""
    if sum((claim.wanted for claim in claims), ZERO) <= free:
        return None
    begins = [(claim.served, claim.weight) for claim in claims]
    ends = [((claim.taken + claim.wanted) / claim.weight, -claim.weight) for claim in claims]
    level, rising, left = ZERO, ZERO, free
    for at, change in sorted((*begins, *ends)):
        used = min(rising * (at - level), left)
        left -= used
        level = level + used / rising if rising else at
        rising += change
    return level
