"""The matching engine of the simulated venues. How an order fills is decided here and nowhere else.

At one instant the order is book, depth, trades, orders: whoever feeds it keeps to that.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from genesis_actors.gateways.account import Account, funds_needed
from genesis_actors.gateways.book import Level, OrderBook
from genesis_actors.gateways.ledger import Close, Entry, Fill
from genesis_actors.gateways.order_rules import broken_rule
from genesis_actors.gateways.venue import PastFill
from genesis_actors.messages.venue import (
    CancelOrder,
    LookUpOrder,
    OrderFilled,
    OrderNotFound,
    OrderOutcome,
    PlaceOrder,
)
from genesis_actors.values import (
    ZERO,
    ClientOrderId,
    Liquidity,
    MarketRules,
    OrderStatus,
    Reason,
    Side,
    Symbol,
    Trade,
    VenueOrderId,
    decimal_text,
    exact,
    floor_to_step,
)


@dataclass(slots=True)
class RestingOrder:
    """A post-only order in the book. `queue_ahead` is what stands before it at its price."""

    order: PlaceOrder
    entry: Entry
    remaining: Decimal
    queue_ahead: Decimal


@dataclass(slots=True)
class Market:
    """One symbol that orders can be sent to."""

    rules: MarketRules
    book: OrderBook
    resting: list[RestingOrder] = field(default_factory=list[RestingOrder])


class MatchingEngine:
    """Takes orders for every open symbol of one venue, for one account."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._markets: dict[Symbol, Market] = {}
        self._entries: dict[ClientOrderId, Entry] = {}
        self._denied: set[ClientOrderId] = set()
        self._past: list[PastFill] = []

    def open_market(self, market: Market) -> None:
        self._markets[market.rules.symbol] = market

    def restore(self, rules: MarketRules, fill: PastFill) -> None:
        """Count a fill of an earlier run. Its order can trade no more."""
        self._account.settle(
            rules, fill.side, fill.quantity, fill.price, fill.fee, fill.fee_currency
        )
        entry = self._entries.get(fill.client_order_id)
        if entry is None:
            venue_order_id = fill.venue_order_id or _venue_order_id(fill.client_order_id)
            entry = Entry(
                fill.execution_id,
                fill.client_order_id,
                venue_order_id,
                fill.symbol,
                is_accepted=True,
            )
            entry.close = Close(OrderStatus.EXPIRED)
            self._entries[fill.client_order_id] = entry
        entry.fills.append(Fill.of_past(fill))
        self._past.append(fill)

    @exact
    def take_again(self, market: Market, side: Side, since: datetime, now: datetime) -> None:
        """Take from one side of the book what earlier runs took from it since its snapshot.

        At one instant the snapshot comes before the orders, so a fill at `since` counts. Fills
        after `now` belong to an earlier pass through the same time.
        """
        for fill in self._past:
            if (
                fill.symbol == market.rules.symbol
                and fill.side is not side
                and fill.liquidity is Liquidity.TAKER
                and since <= fill.traded_at <= now
            ):
                market.book.side(side).take(fill.price, fill.quantity)

    @exact
    def place(self, order: PlaceOrder, at: datetime) -> tuple[OrderOutcome, ...]:
        entry = self._entries.get(order.client_order_id)
        if entry is None:
            entry = Entry(
                order.execution_id,
                order.client_order_id,
                _venue_order_id(order.client_order_id),
                order.symbol,
            )
            self._entries[order.client_order_id] = entry
            self._admit(order, entry, at)
        return tuple(entry.story(at))

    @exact
    def cancel(self, request: CancelOrder, at: datetime) -> tuple[OrderOutcome, ...]:
        entry = self._entries.get(request.client_order_id)
        if entry is None:
            return (self._deny(request, at),)
        if entry.close is None:
            self._end_resting(entry, Close(OrderStatus.CANCELLED))
        return tuple(entry.closed(close, at) for close in (entry.close,) if close)

    def look_up(self, request: LookUpOrder, at: datetime) -> tuple[OrderOutcome, ...]:
        entry = self._entries.get(request.client_order_id)
        if entry is None or request.client_order_id in self._denied:
            return (self._deny(request, at),)
        return tuple(entry.story(at))

    def trades_since(
        self, symbol: Symbol, since: datetime, at: datetime
    ) -> tuple[OrderFilled, ...]:
        """Return every trade of ours in `symbol` that happened at `since` or later, in the order of their orders."""
        return tuple(
            entry.filled(fill, at)
            for entry in self._entries.values()
            if entry.symbol == symbol
            for fill in entry.fills
            if fill.traded_at >= since
        )

    def levels(self, symbol: Symbol, side: Side) -> tuple[Level, ...]:
        """Return what an order of `side` would meet now, best first; nothing where no market is open."""
        market = self._markets.get(symbol)
        if market is None:
            return ()
        return tuple(level for level in market.book.available(_opposite(side)) if level[1])

    def trades_reached(self, market: Market, trades: Sequence[Trade]) -> list[OrderOutcome]:
        """Let the market's trades of one instant happen, and fill the resting orders they reach."""
        market.book.last_trade = trades[-1]
        outcomes: list[OrderOutcome] = []
        if market.resting:
            for trade in trades:
                outcomes.extend(self._reach(market, trade))
        return outcomes

    @exact
    def _reach(self, market: Market, trade: Trade) -> list[OrderOutcome]:
        """Fill the resting orders that a trade reaches, never more than it traded."""
        outcomes: list[OrderOutcome] = []
        filled = ZERO
        for resting in sorted(market.resting, key=_priority):
            order = resting.order
            if not _reaches(trade, order):
                continue
            available = trade.quantity - filled
            ahead = min(resting.queue_ahead, available)
            resting.queue_ahead -= ahead
            available -= ahead
            quantity = min(resting.remaining, floor_to_step(available, market.rules.lot))
            if quantity > 0:
                filled += quantity
                outcomes.extend(self._fill_resting(market, resting, quantity, trade.at))
        return outcomes

    def _admit(self, order: PlaceOrder, entry: Entry, at: datetime) -> None:
        market = self._markets.get(order.symbol)
        refusal = self._refusal(order, market)
        if market is None or refusal is not None:
            entry.close = Close(OrderStatus.REJECTED, Reason.VENUE_REJECTED, refusal)
            return
        entry.is_accepted = True
        if order.resting:
            self._rest(market, order, entry)
        else:
            self._sweep(market, order, entry, at)

    def _refusal(self, order: PlaceOrder, market: Market | None) -> str | None:
        """Return why the venue does not take the order, None where it does."""
        if order.client_order_id in self._denied:
            return "the order arrived after it had been declared unknown"
        if market is None:
            return f"no market is open for {order.symbol}"
        rules = market.rules
        refusal = broken_rule(rules, order)
        if refusal is not None:
            return refusal
        touch = market.book.touch(_opposite(order.side))
        if order.resting and touch is not None and not order.side.is_worse(touch[0], order.price):
            return (
                f"a post-only order at {decimal_text(order.price)} would cross the best price "
                f"{decimal_text(touch[0])}"
            )
        currency, needed = _funds(rules, order, order.quantity)
        free = self._account.free(currency)
        if needed > free:
            return (
                f"the balance is insufficient: {decimal_text(needed)} {currency} are needed, "
                f"{decimal_text(free)} are free"
            )
        return None

    def _sweep(self, market: Market, order: PlaceOrder, entry: Entry, at: datetime) -> None:
        """Take levels, best first, up to the limit price. What is not filled at once expires."""
        remaining = order.quantity
        half = market.book.side(_opposite(order.side))
        for price, left in market.book.available(half.side):
            if remaining <= 0 or order.side.is_worse(price, order.price):
                break
            quantity = min(remaining, floor_to_step(left, market.rules.lot))
            if quantity > 0:
                remaining -= quantity
                half.take(price, quantity)
                self._settle(market, order, entry, quantity, price, Liquidity.TAKER, at)
        entry.close = Close(OrderStatus.EXPIRED if remaining > 0 else OrderStatus.FILLED)

    def _rest(self, market: Market, order: PlaceOrder, entry: Entry) -> None:
        queue = market.book.shown_at(order.side, order.price)
        market.resting.append(RestingOrder(order, entry, order.quantity, queue))
        self._account.hold(*_funds(market.rules, order, order.quantity))

    def _fill_resting(
        self, market: Market, resting: RestingOrder, quantity: Decimal, at: datetime
    ) -> list[OrderOutcome]:
        order, entry = resting.order, resting.entry
        self._account.release(*_funds(market.rules, order, quantity))
        resting.remaining -= quantity
        fill = self._settle(market, order, entry, quantity, order.price, Liquidity.MAKER, at)
        outcomes: list[OrderOutcome] = [entry.filled(fill, at)]
        if resting.remaining == 0:
            entry.close = Close(OrderStatus.FILLED)
            market.resting.remove(resting)
            outcomes.append(entry.closed(entry.close, at))
        return outcomes

    def _settle(
        self,
        market: Market,
        order: PlaceOrder,
        entry: Entry,
        quantity: Decimal,
        price: Decimal,
        liquidity: Liquidity,
        at: datetime,
    ) -> Fill:
        rules = market.rules
        rate = rules.taker_fee if liquidity is Liquidity.TAKER else rules.maker_fee
        fee = quantity * price * rate
        self._account.settle(rules, order.side, quantity, price, fee, rules.quote)
        fill = Fill(entry.next_trade_id(), quantity, price, fee, rules.quote, liquidity, at)
        entry.fills.append(fill)
        return fill

    def _end_resting(self, entry: Entry, close: Close) -> None:
        entry.close = close
        for market in self._markets.values():
            for resting in market.resting:
                if resting.entry is entry:
                    self._account.release(*_funds(market.rules, resting.order, resting.remaining))
            market.resting = [resting for resting in market.resting if resting.entry is not entry]

    def _deny(self, request: CancelOrder | LookUpOrder, at: datetime) -> OrderNotFound:
        self._denied.add(request.client_order_id)
        return OrderNotFound(
            at=at,
            execution_id=request.execution_id,
            client_order_id=request.client_order_id,
            asked_at=at,
            is_proof=True,
        )


def restore_all(
    engine: MatchingEngine, rules: Iterable[MarketRules], fills: Iterable[PastFill]
) -> None:
    """Restore the fills of known symbols, each once."""
    known = {each.symbol: each for each in rules}
    for fill in fills:
        if fill.symbol in known:
            engine.restore(known[fill.symbol], fill)


def _opposite(side: Side) -> Side:
    return Side.SELL if side is Side.BUY else Side.BUY


def _funds(rules: MarketRules, order: PlaceOrder, quantity: Decimal) -> tuple[str, Decimal]:
    rate = rules.maker_fee if order.resting else rules.taker_fee
    return funds_needed(rules, order.side, quantity, order.price, rate)


def _priority(resting: RestingOrder) -> Decimal:
    """Sort the better price first; the sort is stable, so time decides within one price."""
    return -resting.order.side.sign * resting.order.price


def _reaches(trade: Trade, order: PlaceOrder) -> bool:
    if trade.side is order.side:
        return False  # Its taker stood on our own side.
    return not order.side.is_worse(trade.price, order.price)


def _venue_order_id(client_order_id: ClientOrderId) -> VenueOrderId:
    return VenueOrderId(f"v-{client_order_id}")
