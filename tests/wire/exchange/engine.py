"""The matching engine: an order comes, meets what the others offer, and rests or ends.

All of it happens at a time that is handed in. The account's own orders never trade with each other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import ROUND_DOWN, Decimal
from typing import Literal

from tests.wire.exchange import filters
from tests.wire.exchange.ledger import ZERO, Account, Fill, Order
from tests.wire.exchange.market import Market, Print, Side, Temper
from tests.wire.exchange.refusals import (
    DUPLICATE,
    INSUFFICIENT,
    WOULD_TAKE,
    Refusal,
    invalid,
    rejected,
)
from tests.wire.exchange.symbols import SYMBOLS, Symbol

OTHER: dict[Side, Side] = {"BUY": "SELL", "SELL": "BUY"}


@dataclass(frozen=True, slots=True)
class NewOrder:
    symbol: str
    client_order_id: str
    side: Side
    type: Literal["LIMIT", "LIMIT_MAKER", "MARKET"]
    time_in_force: Literal["GTC", "IOC", "FOK"]
    price: Decimal = ZERO
    quantity: Decimal = ZERO
    quote_quantity: Decimal = ZERO


Plan = list[tuple[Decimal, Decimal]]
"""Prices and quantities that an order would take at once."""


class Engine:
    def __init__(
        self, seed: int, temper: Temper, symbols: tuple[Symbol, ...] = SYMBOLS, *, now: int
    ) -> None:
        self.markets = {symbol.id: Market(symbol, seed, temper) for symbol in symbols}
        self.accounts: list[Account] = []
        self._advanced = now
        self._order_id = 10_000

    def market(self, symbol: str) -> Market:
        try:
            return self.markets[symbol]
        except KeyError:
            raise invalid("symbol") from None

    # --- Time -----------------------------------------------------------------------------------

    def advance(self, now: int) -> None:
        """Let the market go on until now: resting orders meet its trades, and prices that cross."""
        if now <= self._advanced:
            return
        after, self._advanced = self._advanced, now
        for market in self.markets.values():
            if not any(o.symbol == market.symbol for a in self.accounts for o in a.open_orders()):
                continue
            for trade in market.others(after, now):
                self._strike(market, trade)
            self._cross(market, now)

    def outside_trade(
        self, symbol: str, taker: Side, price: Decimal, quantity: Decimal, now: int
    ) -> None:
        """A trade of the others, as a test wishes; resting orders that it reaches are filled."""
        market = self.market(symbol)
        trade = Print(self._trade_id(market, now), now, price, quantity, taker)
        market.printed.append(trade)
        self._strike(market, trade)

    def move(self, symbol: str, ticks: int, now: int) -> None:
        market = self.market(symbol)
        market.move(now, ticks)
        self._cross(market, now)

    def _strike(self, market: Market, trade: Print) -> None:
        side, left = OTHER[trade.taker], trade.quantity
        for account, order in self._resting(market, side):
            reached = order.price >= trade.price if side == "BUY" else order.price <= trade.price
            if reached and left > 0:
                quantity = min(left, order.remaining)
                left -= quantity
                self._fill(account, market, order, order.price, quantity, trade.at, maker=True)

    def _cross(self, market: Market, now: int) -> None:
        """What others offer at prices that a resting order has waited for: they come to it."""
        sides: tuple[Side, Side] = ("BUY", "SELL")
        for side in sides:
            for account, resting in self._resting(market, side):
                order = resting
                for price, quantity in self._plan(market, order, now):
                    market.take(now, side, price, quantity)
                    order = self._fill(
                        account, market, order, order.price, quantity, now, maker=True
                    )

    def _resting(self, market: Market, side: Side) -> list[tuple[Account, Order]]:
        """Best price first, then the oldest."""
        orders = [(account, order) for account in self.accounts for order in account.open_orders()]
        found = [(a, o) for a, o in orders if o.symbol == market.symbol and o.side == side]
        sign = -1 if side == "BUY" else 1
        return sorted(found, key=lambda pair: (sign * pair[1].price, pair[1].order_id))

    # --- Orders ---------------------------------------------------------------------------------

    def check(self, account: Account, new: NewOrder, now: int) -> Plan:
        """Everything that may refuse an order. Returns what it would take at once."""
        market = self.market(new.symbol)
        symbol, is_market = market.symbol, new.type == "MARKET"
        if symbol.status != "TRADING":
            raise Refusal(-1013, "Market is closed.")
        mid = symbol.tick * market.mid_ticks(now)
        if not is_market:
            filters.check_price(symbol, new.price, mid)
        if not new.quote_quantity:
            filters.check_quantity(symbol, new.quantity, market=is_market)
        notional = new.quote_quantity or new.quantity * (mid if is_market else new.price)
        filters.check_notional(symbol, notional, market=is_market)
        mine = [order for order in account.open_orders() if order.symbol == symbol]
        filters.check_count(symbol, len(mine))
        if account.has_open(new.client_order_id):
            raise rejected(DUPLICATE)
        plan = self._plan(market, new, now)
        if new.type == "LIMIT_MAKER" and plan:
            raise rejected(WOULD_TAKE)
        self._check_funds(account, symbol, new, plan)
        return plan

    def submit(self, account: Account, new: NewOrder, now: int) -> tuple[Order, list[Fill]]:
        plan = self.check(account, new, now)
        market = self.market(new.symbol)
        self._order_id += 1
        quantity = new.quantity or sum((quantity for _, quantity in plan), ZERO)
        resting = new.type == "LIMIT_MAKER" or (new.type == "LIMIT" and new.time_in_force == "GTC")
        lock = account.lock(new.side, new.price, quantity) if resting else ZERO
        order = Order(
            symbol=market.symbol,
            order_id=self._order_id,
            client_order_id=new.client_order_id,
            side=new.side,
            type=new.type,
            time_in_force=new.time_in_force,
            price=new.price,
            quantity=quantity,
            quote_quantity=new.quote_quantity,
            at=now,
            updated=now,
            locked=lock,
        )
        order = account.write(order, now)
        before = len(account.fills)
        if new.time_in_force != "FOK" or sum(quantity for _, quantity in plan) >= quantity:
            for price, taken in plan:
                market.take(now, new.side, price, taken)
                order = self._fill(account, market, order, price, taken, now, maker=False)
        if order.is_open and not resting:
            order = self._close(account, order, "EXPIRED", now)
        return order, account.fills[before:]

    def cancel(self, account: Account, order: Order, now: int) -> Order:
        return self._close(account, order, "CANCELED", now)

    def _close(self, account: Account, order: Order, status: str, now: int) -> Order:
        return account.write(replace(order, status=status), now)

    def _plan(self, market: Market, order: NewOrder | Order, now: int) -> Plan:
        plan: Plan = []
        left = order.remaining if isinstance(order, Order) else order.quantity
        budget = ZERO if isinstance(order, Order) else order.quote_quantity
        step = market.symbol.step
        for price, offered in market.offered(now, order.side):
            beyond = price > order.price if order.side == "BUY" else price < order.price
            if order.price and beyond:
                break
            wanted = left
            if budget:
                spent = sum((p * q for p, q in plan), ZERO)
                wanted = ((budget - spent) / price // step) * step
            quantity = min(offered, wanted)
            if quantity <= 0:
                break
            plan.append((price, quantity))
            left -= quantity
        return plan

    def _check_funds(self, account: Account, symbol: Symbol, new: NewOrder, plan: Plan) -> None:
        """A limit order is held against its limit, whatever it would pay."""
        rows = [(new.price, new.quantity)] if new.price else plan
        if new.side == "SELL" and new.quantity:
            rows = [(new.price, new.quantity)]
        asset = symbol.quote if new.side == "BUY" else symbol.base
        needed = sum((account.lock(new.side, price, quantity) for price, quantity in rows), ZERO)
        if account.balance(asset).free < needed:
            raise rejected(INSUFFICIENT)

    # --- Fills ----------------------------------------------------------------------------------

    def _fill(
        self,
        account: Account,
        market: Market,
        order: Order,
        price: Decimal,
        quantity: Decimal,
        at: int,
        *,
        maker: bool,
    ) -> Order:
        symbol, cost = market.symbol, price * quantity
        fee, asset = account.fee(
            symbol,
            order.side,
            cost,
            quantity,
            maker=maker,
            third_price=self._third_price(account, symbol, at),
        )
        trade_id = self._trade_id(market, at)
        fill = Fill(
            trade_id,
            order.order_id,
            order.client_order_id,
            symbol,
            order.side,
            price,
            quantity,
            fee,
            asset,
            at,
            maker,
        )
        taker = OTHER[order.side] if maker else order.side
        market.printed.append(Print(trade_id, at, price, quantity, taker))
        done = order.remaining == quantity
        return account.trade(order, fill, "FILLED" if done else "PARTIALLY_FILLED")

    def _third_price(self, account: Account, symbol: Symbol, at: int) -> Decimal | None:
        """Price of the third asset in this symbol's quote asset."""
        pair = self.markets.get(account.fees.third_asset + symbol.quote)
        return (
            None
            if pair is None
            else (pair.symbol.tick * pair.mid_ticks(at)).quantize(Decimal("0.01"), ROUND_DOWN)
        )

    def _trade_id(self, market: Market, at: int) -> int:
        """Above those of the others in the same millisecond; never twice in a symbol."""
        last = market.printed[-1].trade_id if market.printed else 0
        return max(last + 1, at * 1000 + 500)
