"""How much traded pairs move together, and what a portfolio's exposure is when that counts. Pure, and exact.

Mids are sampled at whole multiples of an interval, so that all symbols' samples are of the same times. A return is that
of two samples in a row: r = m(k) / m(k-1) - 1, rounded half-even to 12 places. The correlation is Pearson's,

    rho = cov(a, b) / sqrt(var(a) var(b)),

over the returns that both have in the window, from exact sums, shrunk linearly towards none (the identity as target:
Ledoit and Wolf, 2004) as if `prior_samples` more returns without any correlation had been seen: rho n / (n + prior).
It is rounded half-even to 10 places. Prices on another scale change nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

from genesis_actors.values import EXACT, FIGURE_PLACES, ONE, ZERO, Side, Symbol, exact

RETURN_SCALE: Final = 10**12
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class CorrelationRules:
    """Returns of one `interval` over a `window`; none is known from fewer than `min_samples` that both have."""

    window: timedelta = timedelta(hours=4)
    interval: timedelta = timedelta(minutes=1)
    min_samples: int = 30
    prior_samples: int = 10

    @property
    def samples(self) -> int:
        """How many returns the window has at most."""
        return self.window // self.interval


@dataclass(frozen=True, slots=True)
class MidSample:
    """The mid in force at the end of the so-manieth interval since 1970."""

    number: int
    mid: Decimal


class MidSampler:
    """Takes one symbol's samples. Where the source vouched for no quote in an interval, that has no sample."""

    def __init__(self, interval: timedelta) -> None:
        self._interval = interval
        self._number: int | None = None
        self._mid: Decimal | None = None

    def record(self, at: datetime, mid: Decimal | None) -> MidSample | None:
        """Note the mid from `at` on (None: it has not changed, and is vouched for); return the sample that is due."""
        number = (at - _EPOCH) // self._interval
        due = None
        if self._number is not None and self._mid is not None and number > self._number:
            due = MidSample(self._number, self._mid)
        if mid is not None:
            self._mid = mid
        if self._number is None or number > self._number:
            self._number = number
        return due


@exact
def calculate_correlation(
    first: Sequence[Decimal],
    second: Sequence[Decimal],
    *,
    min_samples: int = 2,
    prior_samples: int = 0,
) -> Decimal | None:
    """Return the shrunk correlation of two rows of returns of the same times, from -1 to 1.

    None where there are fewer than `min_samples`, or one of them does not move. Raises ValueError for rows of
    different lengths.

    >>> up, down = [Decimal("0.01"), Decimal("-0.02")], [Decimal("-0.02"), Decimal("0.04")]
    >>> calculate_correlation(up, up), calculate_correlation(up, down)
    (Decimal('1.0000000000'), Decimal('-1.0000000000'))
    >>> calculate_correlation(up, up, prior_samples=2)
    Decimal('0.5000000000')
    >>> calculate_correlation(up, up, min_samples=3) is None
    True
    """
    count = len(first)
    if count != len(second):
        raise ValueError(f"there are {count} returns of the one, and {len(second)} of the other")
    if count < max(min_samples, 2):
        return None
    pairs = list(zip(map(_scaled, first), map(_scaled, second), strict=True))
    return _correlation(pairs, prior_samples)


def _scaled(share: Decimal) -> int:
    return int(EXACT.to_integral_value(EXACT.multiply(share, Decimal(RETURN_SCALE))))


def _correlation(pairs: Sequence[tuple[int, int]], prior_samples: int) -> Decimal | None:
    """Return the correlation of scaled returns: integers, so that every sum is exact."""
    count = len(pairs)
    sum_a, sum_b = sum(a for a, _ in pairs), sum(b for _, b in pairs)
    cov = count * sum(a * b for a, b in pairs) - sum_a * sum_b
    var_a = count * sum(a * a for a, _ in pairs) - sum_a * sum_a
    var_b = count * sum(b * b for _, b in pairs) - sum_b * sum_b
    if not var_a or not var_b:
        return None
    root = EXACT.sqrt(EXACT.multiply(Decimal(var_a), Decimal(var_b)))
    rho = EXACT.divide(Decimal(cov), root)
    shrunk = EXACT.divide(EXACT.multiply(rho, Decimal(count)), Decimal(count + prior_samples))
    return EXACT.quantize(min(max(shrunk, -ONE), ONE), FIGURE_PLACES)


class _Returns:
    """One symbol's returns of the window, by the number of the sample that they end with."""

    def __init__(self) -> None:
        self.number = -1  # Of the last sample, as is the price.
        self.mid = Decimal(0)
        self.scaled: dict[int, int] = {}

    def record(self, sample: MidSample, most: int) -> bool:
        if sample.number <= self.number:
            return False  # Told again, as a feed that is opened anew does.
        if sample.number == self.number + 1 and self.mid:
            ratio = EXACT.divide(EXACT.multiply(sample.mid, Decimal(RETURN_SCALE)), self.mid)
            self.scaled[sample.number] = int(EXACT.to_integral_value(ratio)) - RETURN_SCALE
        self.number, self.mid = sample.number, sample.mid
        # In order of their numbers: the oldest come first.
        while self.scaled and (oldest := next(iter(self.scaled))) <= sample.number - most:
            del self.scaled[oldest]
        return True


@dataclass(frozen=True, slots=True)
class _Estimate:
    of: tuple[int, int]
    correlation: Decimal | None


class Correlations:
    """The samples of all symbols, so many as the window has, and what follows from them: each pair once a sample."""

    def __init__(self, rules: CorrelationRules) -> None:
        self.rules = rules
        self._least = max(rules.min_samples, 2)
        self._returns: dict[Symbol, _Returns] = {}
        self._known: dict[tuple[Symbol, Symbol], _Estimate] = {}

    def record(self, symbol: Symbol, sample: MidSample) -> bool:
        """Take a sample in; return whether it is newer than those before."""
        return self._returns.setdefault(symbol, _Returns()).record(sample, self.rules.samples)

    def may_know(self, symbol: Symbol) -> bool:
        """Tell whether a symbol has returns enough for a correlation with any other one."""
        returns = self._returns.get(symbol)
        return returns is not None and len(returns.scaled) >= self._least

    def between(self, one: Symbol, other: Symbol) -> Decimal | None:
        """Return the correlation of two symbols' returns, None while too little is known."""
        if one == other:
            return ONE
        if not self.may_know(one) or not self.may_know(other):
            return None
        first, second = (one, other) if one < other else (other, one)
        a, b = self._returns[first], self._returns[second]
        of = a.number, b.number
        known = self._known.get((first, second))
        if known is None or known.of != of:
            known = _Estimate(of, self._estimate(a.scaled, b.scaled, max(of)))
            self._known[first, second] = known
        return known.correlation

    def _estimate(self, a: Mapping[int, int], b: Mapping[int, int], last: int) -> Decimal | None:
        since = last - self.rules.samples
        pairs = [(a[number], b[number]) for number in a if number in b and number > since]
        if len(pairs) < self._least:
            return None
        return _correlation(pairs, self.rules.prior_samples)

    def matrix(self, symbols: Sequence[Symbol]) -> tuple[tuple[Decimal | None, ...], ...]:
        return tuple(tuple(self.between(a, b) for b in symbols) for a in symbols)


@dataclass(frozen=True, slots=True)
class Holding:
    """What is held of a symbol, or may yet be: its value in quote, negative for a short one."""

    symbol: Symbol
    value: Decimal


@dataclass(frozen=True, slots=True)
class Pull:
    """How far an order goes the way of something held: `strength` is the correlation, with the sign of both sides.

    Positive: the order adds to the same direction. `value` is what is held there, in quote.
    """

    symbol: Symbol
    strength: Decimal
    value: Decimal


def strongest_pull(
    symbol: Symbol,
    side: Side,
    holdings: Iterable[Holding],
    correlations: Correlations,
    *,
    least: Decimal = ZERO,
) -> Pull | None:
    """Return what of the other holdings, worth `least` or more, an order adds to most; None where nothing is known.

    A buy adds to a long holding that moves alike, and to a short one that moves against it.
    """
    pulls: list[Pull] = []
    for held in holdings:
        if held.symbol == symbol or not held.value or abs(held.value) < least:
            continue
        correlation = correlations.between(symbol, held.symbol)
        if correlation is not None:
            sign = side.sign if held.value > 0 else -side.sign
            pulls.append(Pull(held.symbol, sign * correlation, held.value))
    return max(pulls, key=lambda pull: (pull.strength, pull.symbol), default=None)


@exact
def correlated_exposure(holdings: Sequence[Holding], correlations: Correlations) -> Decimal:
    """Return sqrt(w' C w) of the values w (quote): what the holdings come to as far as they move together.

    A correlation that is not known counts as the worst, so that without any it is the sum of all values.
    """
    return weighted_square(holdings, correlations).sqrt(EXACT).quantize(FIGURE_PLACES)


def weighted_square(holdings: Sequence[Holding], correlations: Correlations) -> Decimal:
    """Return w' C w, at least zero."""
    total = ZERO
    for index, held in enumerate(holdings):
        total += held.value * held.value
        for other in holdings[:index]:
            correlation = correlations.between(held.symbol, other.symbol)
            product = held.value * other.value
            total += 2 * (abs(product) if correlation is None else correlation * product)
    return max(total, ZERO)


@dataclass(slots=True)
class _Parent:
    symbol: Symbol
    side: Side
    quantity: Decimal
    filled: Decimal = ZERO

    @property
    def open(self) -> Decimal:
        return max(self.quantity - self.filled, ZERO)


@dataclass(slots=True)
class Intentions:
    """What open executions are still to trade: two that begin at the same time must see each other."""

    _parents: dict[str, _Parent] = field(default_factory=dict[str, _Parent])
    _open: dict[tuple[Symbol, Side], Decimal] = field(
        default_factory=dict[tuple[Symbol, Side], Decimal]
    )

    def on(self, symbol: Symbol, side: Side) -> Decimal:
        """Return what is still to be bought, or sold (base)."""
        return self._open.get((symbol, side), ZERO)

    @exact
    def of(self, symbol: Symbol) -> Decimal:
        """Return the net of both (base, negative: to be sold)."""
        return self.on(symbol, Side.BUY) - self.on(symbol, Side.SELL)

    def filled(self, execution_id: str) -> Decimal:
        parent = self._parents.get(execution_id)
        return ZERO if parent is None else parent.filled

    def left(self, execution_id: str) -> Decimal:
        parent = self._parents.get(execution_id)
        return ZERO if parent is None else parent.open

    def begin(
        self,
        execution_id: str,
        symbol: Symbol,
        side: Side,
        quantity: Decimal,
        filled: Decimal = ZERO,
    ) -> None:
        self.end(execution_id)
        parent = self._parents[execution_id] = _Parent(symbol, side, quantity, filled)
        self._add(parent, parent.open)

    def amend(self, execution_id: str, quantity: Decimal) -> None:
        """Note that all of it is `quantity` from now on, filled included."""
        parent = self._parents.get(execution_id)
        if parent is not None:
            self.begin(execution_id, parent.symbol, parent.side, quantity, parent.filled)

    @exact
    def fill(self, execution_id: str, quantity: Decimal) -> None:
        parent = self._parents.get(execution_id)
        if parent is not None:
            before = parent.open
            parent.filled += quantity
            self._add(parent, parent.open - before)

    def end(self, execution_id: str) -> None:
        parent = self._parents.pop(execution_id, None)
        if parent is not None:
            self._add(parent, -parent.open)

    @exact
    def _add(self, parent: _Parent, quantity: Decimal) -> None:
        of = parent.symbol, parent.side
        self._open[of] = self._open.get(of, ZERO) + quantity
