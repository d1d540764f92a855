"""What holds for any book and any orders, and a second, naive reckoning of the same fills."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from genesis_actors.gateways.account import Account
from genesis_actors.gateways.book import Level, OrderBook
from genesis_actors.gateways.matching import Market, MatchingEngine
from genesis_actors.messages.venue import OrderFilled, OrderOutcome
from genesis_actors.values import MarketRules, Quote, Side, Trade
from tests.gateways.making import BTC, an_order, at, ending

RULES = MarketRules(
    symbol=BTC,
    base="BTC",
    quote="USDT",
    lot=Decimal(1),
    tick=Decimal(1),
    min_notional=Decimal(1),
    taker_fee=Decimal("0.001"),
    maker_fee=Decimal("0.0007"),
)
OPENING = {"BTC": Decimal(10_000), "USDT": Decimal(10_000_000)}

prices = st.integers(95, 105)
sizes = st.integers(0, 9)


@dataclass(frozen=True)
class NewTouch:
    bid: int
    spread: int
    bid_size: int | None
    ask_size: int | None


@dataclass(frozen=True)
class NewDepth:
    side: Side
    levels: dict[int, int]


@dataclass(frozen=True)
class NewTrade:
    price: int
    quantity: int
    side: Side | None


@dataclass(frozen=True)
class NewOrder:
    side: Side
    quantity: int
    price: int
    resting: bool


touches = st.builds(NewTouch, prices, st.integers(1, 4), st.none() | sizes, st.none() | sizes)
depths = st.builds(NewDepth, st.sampled_from(Side), st.dictionaries(prices, sizes, max_size=6))
trades = st.builds(NewTrade, prices, st.integers(1, 20), st.none() | st.sampled_from(Side))
takers = st.builds(
    NewOrder, st.sampled_from(Side), st.integers(1, 30), prices, st.just(value=False)
)
orders = st.builds(NewOrder, st.sampled_from(Side), st.integers(1, 30), prices, st.booleans())


class Desk:
    """An engine and one market that the happenings are handed to."""

    def __init__(self, *, has_depth: bool) -> None:
        self.account = Account(OPENING)
        self.engine = MatchingEngine(self.account)
        self.market = Market(RULES, OrderBook(has_depth=has_depth))
        self.engine.open_market(self.market)
        self.placed = 0

    def touch(self, event: NewTouch) -> None:
        self.market.book.lay_touch(
            Quote(
                at(0),
                Decimal(event.bid),
                Decimal(event.bid + event.spread),
                None if event.bid_size is None else Decimal(event.bid_size),
                None if event.ask_size is None else Decimal(event.ask_size),
            )
        )

    def depth(self, event: NewDepth) -> None:
        levels = [(Decimal(price), Decimal(size)) for price, size in event.levels.items()]
        self.market.book.side(event.side).lay_depth(lambda: levels)

    def trade(self, event: NewTrade) -> list[OrderOutcome]:
        trade = Trade(at(0), Decimal(event.price), Decimal(event.quantity), event.side)
        return self.engine.trades_reached(self.market, [trade])

    def order(self, event: NewOrder) -> tuple[OrderOutcome, ...]:
        self.placed += 1
        order = an_order(
            f"o{self.placed}",
            event.side,
            str(event.quantity),
            str(event.price),
            resting=event.resting,
        )
        return self.engine.place(order, at(0))


class NaiveBook:
    """The rules once more, as plainly as they can be written: whole books, rebuilt for each order."""

    def __init__(self, *, has_depth: bool) -> None:
        self.has_depth = has_depth
        self.touch: NewTouch | None = None
        self.depth: dict[Side, dict[int, int]] = {Side.BUY: {}, Side.SELL: {}}
        self.taken: Counter[tuple[Side, int]] = Counter()
        self.last_trade = 0

    def lay_touch(self, event: NewTouch) -> None:
        self.touch = event
        if not self.has_depth:
            self.taken.clear()

    def lay_depth(self, event: NewDepth) -> None:
        self.depth[event.side] = event.levels
        for key in [key for key in self.taken if key[0] is event.side]:
            del self.taken[key]

    def take(self, order: NewOrder) -> list[Level]:
        bids = order.side is Side.SELL
        side = Side.BUY if bids else Side.SELL
        levels = dict(self.depth[side])
        if self.touch is not None:
            best = self.touch.bid if bids else self.touch.bid + self.touch.spread
            size = self.touch.bid_size if bids else self.touch.ask_size
            for price in list(levels):
                if price > best if bids else price < best:
                    del levels[price]
            levels[best] = self.last_trade if size is None else size
        filled: list[Level] = []
        wanted = order.quantity
        for price in sorted(levels, reverse=bids):
            if price < order.price if bids else price > order.price:
                break
            quantity = min(wanted, levels[price] - self.taken[side, price])
            if quantity > 0:
                self.taken[side, price] += quantity
                wanted -= quantity
                filled.append((Decimal(price), Decimal(quantity)))
        return filled


def levels_of(outcomes: tuple[OrderOutcome, ...]) -> list[Level]:
    return [(each.price, each.quantity) for each in outcomes if isinstance(each, OrderFilled)]


@settings(max_examples=100, deadline=None)
@given(st.booleans(), st.lists(touches | depths | trades | takers, max_size=25))
def test_every_fill_is_the_one_that_a_naive_reckoning_finds(
    has_depth: bool, happenings: list[NewTouch | NewDepth | NewTrade | NewOrder]
) -> None:
    desk, naive = Desk(has_depth=has_depth), NaiveBook(has_depth=has_depth)
    for happening in happenings:
        match happening:
            case NewTouch():
                desk.touch(happening)
                naive.lay_touch(happening)
            case NewDepth():
                if has_depth:
                    desk.depth(happening)
                    naive.lay_depth(happening)
            case NewTrade():
                desk.trade(happening)
                naive.last_trade = happening.quantity
            case NewOrder():
                outcomes = desk.order(happening)
                filled = levels_of(outcomes)
                total = sum(quantity for _, quantity in filled)

                assert filled == naive.take(happening)
                assert ending(outcomes) == ("FILLED" if total == happening.quantity else "EXPIRED")


@settings(max_examples=100, deadline=None)
@given(st.lists(touches | depths | trades | orders, max_size=30))
def test_limits_hold_balances_add_up_and_a_trade_fills_no_more_than_itself(
    happenings: list[NewTouch | NewDepth | NewTrade | NewOrder],
) -> None:
    desk = Desk(has_depth=True)
    placed: list[NewOrder] = []
    filled: list[OrderFilled] = []
    for happening in happenings:
        match happening:
            case NewTouch():
                desk.touch(happening)
            case NewDepth():
                desk.depth(happening)
            case NewTrade():
                caused = [e for e in desk.trade(happening) if isinstance(e, OrderFilled)]
                filled.extend(caused)

                assert sum(fill.quantity for fill in caused) <= happening.quantity
            case NewOrder():
                placed.append(happening)
                filled.extend(e for e in desk.order(happening) if isinstance(e, OrderFilled))

    free = desk.account.balances()
    base, quote = OPENING["BTC"], OPENING["USDT"]
    for fill in filled:
        order = placed[int(fill.client_order_id[1:]) - 1]
        rate = RULES.maker_fee if order.resting else RULES.taker_fee
        base += order.side.sign * fill.quantity
        quote -= order.side.sign * fill.quantity * fill.price + fill.fee

        assert fill.fee == fill.quantity * fill.price * rate
        assert not order.side.is_worse(fill.price, Decimal(order.price))
    for resting in desk.market.resting:
        order = placed[int(resting.order.client_order_id[1:]) - 1]
        if order.side is Side.BUY:
            quote -= resting.remaining * order.price * (1 + RULES.maker_fee)
        else:
            base -= resting.remaining

        assert 0 < resting.remaining <= order.quantity
        assert resting.remaining + resting.entry.filled_quantity == order.quantity
    assert (free["BTC"], free["USDT"]) == (base, quote)
    assert len({fill.trade_id for fill in filled}) == len(filled)
