"""What a simulated venue remembers of each order, and how it tells it. It decides nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import reduce

from genesis_actors.gateways.venue import PastFill
from genesis_actors.messages.venue import OrderAccepted, OrderClosed, OrderFilled, OrderOutcome
from genesis_actors.values import (
    ZERO,
    ClientOrderId,
    ExecutionId,
    Liquidity,
    OrderStatus,
    Reason,
    Symbol,
    TradeId,
    VenueOrderId,
    plus,
)


@dataclass(frozen=True, slots=True)
class Fill:
    trade_id: TradeId
    quantity: Decimal
    price: Decimal
    fee: Decimal
    fee_currency: str
    liquidity: Liquidity
    traded_at: datetime

    @classmethod
    def of_past(cls, fill: PastFill) -> Fill:
        return cls(
            trade_id=fill.trade_id,
            quantity=fill.quantity,
            price=fill.price,
            fee=fill.fee,
            fee_currency=fill.fee_currency,
            liquidity=fill.liquidity,
            traded_at=fill.traded_at,
        )


@dataclass(frozen=True, slots=True)
class Close:
    status: OrderStatus
    reason: Reason | None = None
    detail: str | None = None


@dataclass(slots=True)
class Entry:
    """One order. Its venue order id is made from the client's: the same in every run."""

    execution_id: ExecutionId
    client_order_id: ClientOrderId
    venue_order_id: VenueOrderId
    symbol: Symbol
    is_accepted: bool = False
    fills: list[Fill] = field(default_factory=list[Fill])
    close: Close | None = None

    @property
    def filled_quantity(self) -> Decimal:
        return reduce(plus, (fill.quantity for fill in self.fills), ZERO)

    def next_trade_id(self) -> TradeId:
        return TradeId(f"{self.venue_order_id}-{len(self.fills) + 1}")

    def accepted(self, at: datetime) -> OrderAccepted:
        return OrderAccepted(
            at=at,
            execution_id=self.execution_id,
            client_order_id=self.client_order_id,
            venue_order_id=self.venue_order_id,
        )

    def filled(self, fill: Fill, at: datetime) -> OrderFilled:
        return OrderFilled(
            at=at,
            execution_id=self.execution_id,
            client_order_id=self.client_order_id,
            trade_id=fill.trade_id,
            quantity=fill.quantity,
            price=fill.price,
            fee=fill.fee,
            fee_currency=fill.fee_currency,
            liquidity=fill.liquidity,
            traded_at=fill.traded_at,
        )

    def closed(self, close: Close, at: datetime) -> OrderClosed:
        return OrderClosed(
            at=at,
            execution_id=self.execution_id,
            client_order_id=self.client_order_id,
            status=close.status,
            reason=close.reason,
            detail=close.detail,
            filled_quantity=self.filled_quantity,
        )

    def story(self, at: datetime) -> Iterator[OrderOutcome]:
        """Yield everything that became of the order, in the order in which it happened."""
        if self.is_accepted:
            yield self.accepted(at)
        for fill in self.fills:
            yield self.filled(fill, at)
        if self.close is not None:
            yield self.closed(self.close, at)
