"""The simulated exchange: it matches orders, keeps a ledger of its own, and knows nothing of the engine.

Like real ones it looks at a client order id only among its open orders: one that is sent again is executed again.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property

from genesis_actors.domain.proof import ProofRules
from genesis_actors.messages.market_data import MarketRows
from genesis_actors.simulation.faults import Dice, Faults
from genesis_actors.simulation.market import LISTINGS, Market, Mood
from genesis_actors.values import (
    ZERO,
    ClientOrderId,
    ExecutionId,
    Liquidity,
    OrderStatus,
    Side,
    Symbol,
    Trade,
    TradeId,
    VenueOrderId,
    exact,
)

REQUEST_EXPIRY = timedelta(seconds=5)

PROOF = ProofRules(
    request_expiry=REQUEST_EXPIRY,
    engine_timeout=timedelta(seconds=1),
    clock_error=timedelta(seconds=1),
    read_lag=timedelta(seconds=2),
    answer_timeout=timedelta(seconds=20),
    patience=timedelta(seconds=60),
)
"""What this exchange enforces. Every fault stays within it: otherwise nothing could ever be proven."""

NOBODY = ExecutionId("")
"""Whose orders are those that somebody else has placed through the same account."""


@dataclass(frozen=True, slots=True)
class LedgerTrade:
    trade_id: TradeId
    quantity: Decimal
    price: Decimal
    fee: Decimal
    fee_currency: str
    liquidity: Liquidity
    at: datetime


@dataclass(slots=True)
class LedgerOrder:
    """One order that was accepted, whatever became of it."""

    client_order_id: ClientOrderId
    venue_order_id: VenueOrderId
    execution_id: ExecutionId
    symbol: Symbol
    side: Side
    quantity: Decimal
    price: Decimal
    resting: bool
    accepted_at: datetime
    trades: list[LedgerTrade] = field(default_factory=list[LedgerTrade])
    filled_quantity: Decimal = ZERO
    status: OrderStatus = OrderStatus.SENT
    closed_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        return self.closed_at is None

    @property
    def open_quantity(self) -> Decimal:
        return self.quantity - self.filled_quantity if self.closed_at is None else ZERO


@dataclass(frozen=True, slots=True)
class Request:
    """A new order as it travels: what it asks for and when its sender sent it."""

    client_order_id: ClientOrderId
    execution_id: ExecutionId
    symbol: Symbol
    side: Side
    quantity: Decimal
    price: Decimal
    resting: bool
    sent_at: datetime


@dataclass(frozen=True, slots=True)
class Rejection:
    detail: str


@dataclass(frozen=True, slots=True)
class Traded:
    """A trade of an order that had been resting, and whether it was its last."""

    order: LedgerOrder
    trade: LedgerTrade


class Exchange:
    """Markets and the ledger of one account."""

    def __init__(self, seed: int, start: datetime, counts: Counter[str]) -> None:
        self.markets = {
            listing.rules.symbol: Market(
                listing, Dice(f"market:{seed}:{listing.rules.symbol}", counts), start
            )
            for listing in LISTINGS
        }
        self.orders: list[LedgerOrder] = []
        self.faults = Faults()
        self._by_client_id: dict[ClientOrderId, list[LedgerOrder]] = {}
        self._by_execution: dict[ExecutionId, list[LedgerOrder]] = {}
        self._resting: dict[Symbol, list[LedgerOrder]] = {symbol: [] for symbol in self.markets}
        self._trades = 0

    @cached_property
    def symbols(self) -> tuple[Symbol, ...]:
        return tuple(self.markets)

    @property
    def next_at(self) -> datetime:
        return min(market.next_at for market in self.markets.values())

    def advance(self, to: datetime) -> tuple[list[MarketRows], list[Traded]]:
        """Let the markets go on up to and including `to`; return the rows heard and our resting orders' trades."""
        rows: list[MarketRows] = []
        traded: list[Traded] = []
        for symbol, market in self.markets.items():
            while market.next_at <= to:
                row, trades = market.step(self.faults)
                if row is not None:
                    rows.append(row)
                if self._resting[symbol] and trades:
                    traded.extend(self._reach(market, trades))
        return rows, traded

    def orders_of(self, client_order_id: ClientOrderId) -> list[LedgerOrder]:
        return self._by_client_id.get(client_order_id, [])

    def orders_by(self, execution_id: ExecutionId) -> list[LedgerOrder]:
        return self._by_execution.get(execution_id, [])

    @exact
    def accept(self, request: Request, at: datetime) -> LedgerOrder | Rejection:
        """Match an order, or say why not."""
        market = self.markets[request.symbol]
        if any(order.is_open for order in self.orders_of(request.client_order_id)):
            return Rejection("Duplicate order sent.")
        if market.mood is Mood.HALTED or market.quote is None:
            return Rejection("The market is halted.")
        touch = market.quote.touch(request.side)
        if request.resting and not request.side.is_worse(touch, request.price):
            return Rejection("Order would immediately match and take.")
        order = LedgerOrder(
            client_order_id=request.client_order_id,
            venue_order_id=VenueOrderId(f"v{len(self.orders) + 1}"),
            execution_id=request.execution_id,
            symbol=request.symbol,
            side=request.side,
            quantity=request.quantity,
            price=request.price,
            resting=request.resting,
            accepted_at=at,
        )
        self.orders.append(order)
        self._by_client_id.setdefault(order.client_order_id, []).append(order)
        self._by_execution.setdefault(order.execution_id, []).append(order)
        if order.resting:
            self._resting[order.symbol].append(order)
        else:
            self._sweep(market, order, at)
        return order

    @exact
    def trade_for_others(self, at: datetime) -> None:
        """Let somebody else use the same account: one order trades, one rests after a first fill."""
        for number, market in enumerate(self.markets.values()):
            if market.quote is None:
                continue
            for name, price, resting in (
                ("took", market.quote.ask, False),
                ("rests", market.price(int(market.quote.bid / market.rules.tick) // 2), True),
            ):
                request = Request(
                    client_order_id=ClientOrderId(f"web-{name}-{number}"),
                    execution_id=NOBODY,
                    symbol=market.rules.symbol,
                    side=Side.BUY,
                    quantity=market.rules.lot * 1000,
                    price=price,
                    resting=resting,
                    sent_at=at,
                )
                order = self.accept(request, at)
                if resting and isinstance(order, LedgerOrder):
                    self._trade(market, order, market.rules.lot, price, Liquidity.MAKER, at)

    def cancel(self, order: LedgerOrder, at: datetime) -> None:
        if order.is_open:
            self._resting[order.symbol].remove(order)
            self._close(order, OrderStatus.CANCELLED, at)

    def _sweep(self, market: Market, order: LedgerOrder, at: datetime) -> None:
        lot = market.rules.lot
        left = int(order.quantity / lot)
        for level, (ticks, lots) in enumerate(market.levels(order.side)):
            price, taken = market.price(ticks), min(left, lots)
            if taken <= 0 or order.side.is_worse(price, order.price):
                continue
            if level == 0:
                market.take(order.side, taken)
            left -= taken
            self._trade(market, order, taken * lot, price, Liquidity.TAKER, at)
        self._close(order, OrderStatus.EXPIRED if left else OrderStatus.FILLED, at)

    @exact
    def _reach(self, market: Market, trades: tuple[Trade, ...]) -> list[Traded]:
        """Fill the resting orders that the market's trades reach, never more than was traded."""
        traded: list[Traded] = []
        for trade in trades:
            left = trade.quantity
            for order in tuple(self._resting[market.rules.symbol]):
                is_reached = trade.side is not order.side and not order.side.is_worse(
                    trade.price, order.price
                )
                quantity = min(left, order.open_quantity)
                if not is_reached or not quantity:
                    continue
                left -= quantity
                done = self._trade(market, order, quantity, order.price, Liquidity.MAKER, trade.at)
                if not order.open_quantity:
                    self._resting[order.symbol].remove(order)
                    self._close(order, OrderStatus.FILLED, trade.at)
                traded.append(Traded(order, done))
        return traded

    def _trade(
        self,
        market: Market,
        order: LedgerOrder,
        quantity: Decimal,
        price: Decimal,
        liquidity: Liquidity,
        at: datetime,
    ) -> LedgerTrade:
        self._trades += 1
        fee = quantity * price * market.rules.taker_fee
        trade = LedgerTrade(
            TradeId(f"t{self._trades}"), quantity, price, fee, market.rules.quote, liquidity, at
        )
        order.trades.append(trade)
        order.filled_quantity += quantity
        return trade

    def _close(self, order: LedgerOrder, status: OrderStatus, at: datetime) -> None:
        order.status, order.closed_at = status, at
