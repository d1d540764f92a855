"""However much of what is reserved is filled: no exposure is above what an order was judged by."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from itertools import combinations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis_actors.domain.company import ALONE, Reserved, company_of
from genesis_actors.domain.exposure import Account
from genesis_actors.domain.limits import RiskLimits, check_risk_limits
from genesis_actors.domain.portfolio import (
    CorrelationRules,
    Correlations,
    Holding,
    correlated_exposure,
)
from genesis_actors.messages.venue import PlaceOrder
from genesis_actors.values import (
    FIGURE_PLACES,
    ZERO,
    ClientOrderId,
    ExecutionId,
    Reason,
    Side,
    Symbol,
)

SYMBOLS = BTC, ETH, SOL = Symbol("BTC/USDT"), Symbol("ETH/USDT"), Symbol("SOL/USDT")
PAIRS = tuple(combinations(SYMBOLS, 2))
NOON = datetime(2024, 8, 8, 12, tzinfo=UTC)
PRICE, LIMIT = Decimal(100), Decimal(1_000)

values = st.decimals(-1_000_000, 1_000_000, places=2)
spreads = st.decimals(0, 1_000_000, places=2)
shares = st.decimals(-1, 1, places=3) | st.sampled_from([Decimal(1), Decimal(-1)])
matrices = st.tuples(*[shares | st.none()] * len(PAIRS))


class Told(Correlations):
    """Correlations that are simply said; any will do, also such as no prices ever had."""

    def __init__(self, *of_pairs: Decimal | None) -> None:
        super().__init__(CorrelationRules())
        self._said = dict(zip(PAIRS, of_pairs, strict=True))

    def between(self, one: Symbol, other: Symbol) -> Decimal | None:
        if one == other:
            return Decimal(1)
        return self._said[min(one, other), max(one, other)]


@given(matrices, st.lists(values, min_size=3, max_size=3), st.sampled_from(Side))
def test_without_reservations_it_is_the_exposure_of_the_whole_portfolio(
    matrix: tuple[Decimal | None, ...], worths: list[Decimal], side: Side
) -> None:
    known = Told(*matrix)
    others = [
        Reserved(symbol, worth) for symbol, worth in zip(SYMBOLS[1:], worths[1:], strict=True)
    ]
    held = [Holding(symbol, worth) for symbol, worth in zip(SYMBOLS, worths, strict=True)]

    exposure = company_of(BTC, side, others, known).exposure(side.sign * worths[0])

    # A matrix that no prices ever had may make even the others' square negative.
    assert exposure >= correlated_exposure(held, known)
    if correlated_exposure(held[1:], known):
        assert exposure == correlated_exposure(held, known)


@given(
    matrices,
    st.lists(st.tuples(values, spreads), min_size=3, max_size=3),
    st.lists(st.decimals(-1, 1, places=2), min_size=3, max_size=3),
    st.sampled_from(Side),
)
def test_it_is_never_above_the_bound(
    matrix: tuple[Decimal | None, ...],
    parts: list[tuple[Decimal, Decimal]],
    shares_filled: list[Decimal],
    side: Side,
) -> None:
    known = Told(*matrix)
    portfolio = [Reserved(name, *part) for name, part in zip(SYMBOLS, parts, strict=True)]
    outcome = [
        Holding(held.symbol, held.value + held.spread * share)
        for held, share in zip(portfolio, shares_filled, strict=True)
    ]
    most_own = side.sign * parts[0][0] + parts[0][1]

    bound = company_of(BTC, side, portfolio, known).exposure(most_own)

    assert correlated_exposure(outcome, known) <= bound


class Book:
    """An account on which orders are judged, reserved, and filled or not."""

    def __init__(self, known: Correlations) -> None:
        self.known, self.account = known, Account()
        self.pending: list[tuple[Symbol, Decimal]] = []

    def hold(self, symbol: Symbol, quantity: Decimal) -> None:
        self.account.hold(symbol, quantity, PRICE)

    def order(self, symbol: Symbol, side: Side, quantity: Decimal) -> bool:
        name = ClientOrderId(f"c{len(self.pending)}")
        asked = PlaceOrder(
            execution_id=ExecutionId(name),
            client_order_id=name,
            slice_number=1,
            symbol=symbol,
            side=side,
            quantity=quantity,
            price=PRICE,
            mid=PRICE,
            rate=Decimal("0.1"),
            market_volume=Decimal(1_000),
            window_start=NOON,
            parent_quantity=quantity,
            remaining_quantity=quantity,
        )
        standing = self.account.standing(symbol, side, PRICE, mark=PRICE, now=NOON)
        portfolio = [
            Reserved(name, ZERO if name == symbol else held.middle, held.spread)
            for name, held in self.account.positions.items()
            if name != symbol
        ]
        against = self.account.position(symbol).reserved_against(side) * PRICE
        portfolio.append(Reserved(symbol, ZERO, against / 2))
        decision = check_risk_limits(
            asked,
            RiskLimits(max_correlated_exposure=LIMIT),
            lot=Decimal("0.01"),
            standing=standing,
            company=company_of(symbol, side, portfolio, self.known),
        )
        fits = quantity if decision.is_approved else decision.available_quantity or ZERO
        if not decision.is_approved:
            assert decision.reason is Reason.MAX_CORRELATED_EXPOSURE
            assert fits < quantity
            assert (decision.actual or ZERO) > LIMIT
        self.account.reserve(name, symbol, side, fits)
        self.pending.append((symbol, side.sign * fits))
        return decision.is_approved

    def worst(self) -> Decimal:
        """Return the exposure of the worst of all that may become of what is reserved."""
        outcomes = product((0, 1), repeat=len(self.pending))
        return max(correlated_exposure(self._filled(done), self.known) for done in outcomes)

    def _filled(self, done: tuple[int, ...]) -> list[Holding]:
        worth = {symbol: held.quantity for symbol, held in self.account.positions.items()}
        for (symbol, signed), share in zip(self.pending, done, strict=True):
            worth[symbol] = worth.get(symbol, ZERO) + signed * share
        return [Holding(symbol, quantity * PRICE) for symbol, quantity in worth.items()]


orders = st.tuples(
    st.sampled_from(SYMBOLS), st.sampled_from(Side), st.decimals("0.01", 30, places=2)
)
positions = st.decimals(-15, 15, places=2) | st.just(ZERO)


@settings(max_examples=150)
@given(
    matrices,
    st.lists(positions, min_size=3, max_size=3),
    st.lists(orders, min_size=1, max_size=6),
)
def test_whatever_passes_makes_no_outcome_larger_than_the_limit_or_than_it_was(
    matrix: tuple[Decimal | None, ...],
    held: list[Decimal],
    wishes: list[tuple[Symbol, Side, Decimal]],
) -> None:
    book = Book(Told(*matrix))
    for symbol, quantity in zip(SYMBOLS, held, strict=True):
        book.hold(symbol, quantity)

    for wish in wishes:
        before = book.worst()
        book.order(*wish)
        assert book.worst() <= max(before, LIMIT)


def test_what_is_being_sold_is_no_hedge_any_more() -> None:
    book = Book(Told(Decimal("0.946"), ZERO, ZERO))
    book.hold(BTC, Decimal(10))

    assert book.order(BTC, Side.SELL, Decimal(10))
    assert not book.order(ETH, Side.SELL, Decimal(18))
    assert book.worst() <= LIMIT


@pytest.mark.parametrize("side", Side)
def test_a_position_alone_may_always_be_taken_back(side: Side) -> None:
    book = Book(Told(ZERO, ZERO, ZERO))
    book.hold(BTC, -side.sign * Decimal(50))

    assert book.order(BTC, side, Decimal(50))


def test_who_is_alone_is_exposed_to_what_it_is() -> None:
    assert ALONE.exposure(Decimal(-7)) == Decimal(7).quantize(FIGURE_PLACES)
