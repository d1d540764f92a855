"""What an order meets in the other symbols, and how large the correlated exposure may become. Pure, and exact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from genesis_actors.domain.portfolio import Correlations, Holding, weighted_square
from genesis_actors.values import EXACT, FIGURE_PLACES, ZERO, Side, Symbol, exact


@dataclass(frozen=True, slots=True)
class Reserved:
    """What a symbol may come to (quote) as what is reserved of it is filled: `value` give or take `spread`."""

    symbol: Symbol
    value: Decimal
    spread: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Swing:
    """A spread beside an order, and how much of everything else moves with it.

    That is |`slope` x + `offset`| + `unknown` for x of the order's symbol; without a slope |x| is part of the unknown.
    """

    spread: Decimal
    slope: Decimal | None
    offset: Decimal = ZERO
    unknown: Decimal = ZERO

    def weight(self, own: Decimal) -> Decimal:
        """Return what the spread adds to half of the exposure's square, but for its own."""
        if self.slope is None:
            return self.spread * (abs(self.offset) + self.unknown + abs(own))
        return self.spread * (abs(self.slope * own + self.offset) + self.unknown)


@dataclass(frozen=True, slots=True)
class Company:
    """The other symbols as an order meets them, with all that is reserved.

    Each may come to p_i give or take d_i: the middle of what its reservations allow, and half of their width. With x
    the order's symbol (quote, in the order's direction), itself so much less `opposing` / 2 give or take as much, the
    portfolio's correlation-weighted exposure is at most, whatever of the reservations is filled,

        sqrt(p' C p + 2 sum_j d_j |sum_i c_ij p_i| + (sum_j d_j)^2),

    because (p + e)' C (p + e) = p' C p + 2 e' C p + e' C e, and no correlation is above 1. It is exact where no more
    than one symbol has reservations. `pull` is sum c p over the others with the order's sign, `unknown` sum |p| of
    those whose correlation with it is not known, which count as the worst; `rest` is p' C p of the others.
    """

    pull: Decimal = ZERO
    rest: Decimal = ZERO
    unknown: Decimal = ZERO
    opposing: Decimal = ZERO
    swings: tuple[Swing, ...] = ()

    @exact
    def exposure(self, most_own: Decimal) -> Decimal:
        """Return that bound with `most_own` of the own symbol at most, rounded half-even to 10 places."""
        spread = self.opposing / 2
        own = most_own - spread
        squared = max(own * own + 2 * (own * self.pull + abs(own) * self.unknown) + self.rest, ZERO)
        swings = spread * (abs(own + self.pull) + self.unknown)
        swings += sum((swing.weight(own) for swing in self.swings), ZERO)
        spread += sum((swing.spread for swing in self.swings), ZERO)
        return (squared + 2 * swings + spread * spread).sqrt(EXACT).quantize(FIGURE_PLACES)

    @exact
    def only_eases(self, most_own: Decimal, more: Decimal) -> bool:
        """Tell whether `more` on top of `most_own` makes the exposure larger in no case, whatever else is filled."""
        pull, unknown = self.pull, self.unknown
        for swing in self.swings:
            if swing.slope is None:
                unknown += swing.spread
            else:
                pull += swing.spread * abs(swing.slope)
        adds = max(abs(most_own + more) - abs(most_own), ZERO)
        return more * (2 * most_own + more + 2 * pull) + 2 * adds * unknown <= 0


ALONE: Final = Company()


@exact
def company_of(
    symbol: Symbol, side: Side, portfolio: Sequence[Reserved], correlations: Correlations
) -> Company:
    """Return what an order of `side` in `symbol` meets. A correlation that is not known counts as the worst.

    Of the order's own symbol in `portfolio` only the spread is looked at: what is reserved on the other side.
    """
    others = [held for held in portfolio if held.symbol != symbol and (held.value or held.spread)]
    spread = sum((held.spread for held in portfolio if held.symbol == symbol), ZERO)
    pull, unknown = _moves_with(symbol, others, correlations)
    return Company(
        pull=side.sign * pull,
        rest=weighted_square([Holding(held.symbol, held.value) for held in others], correlations),
        unknown=unknown,
        opposing=2 * spread,
        swings=tuple(
            _swing(symbol, side, held, others, correlations) for held in others if held.spread
        ),
    )


def _moves_with(
    symbol: Symbol, others: Sequence[Reserved], correlations: Correlations
) -> tuple[Decimal, Decimal]:
    """Return sum c p of the values that move with a symbol, and sum |p| of those of which that is not known."""
    known = unknown = ZERO
    for held in others:
        correlation = correlations.between(symbol, held.symbol)
        if correlation is None:
            unknown += abs(held.value)
        else:
            known += correlation * held.value
    return known, unknown


def _swing(
    symbol: Symbol,
    side: Side,
    held: Reserved,
    others: Sequence[Reserved],
    correlations: Correlations,
) -> Swing:
    correlation = correlations.between(symbol, held.symbol)
    slope = None if correlation is None else side.sign * correlation
    return Swing(held.spread, slope, *_moves_with(held.symbol, others, correlations))
