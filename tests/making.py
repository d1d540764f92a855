"""Orders, markets and executions for the tests of the actors and the engine."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from genesis_actors.domain.admission import Admission, FirstEvents, Market, accept, admit
from genesis_actors.domain.execution import Execution
from genesis_actors.domain.policy import TwapDefaults
from genesis_actors.messages.venue import (
    Balance,
    HourlyVolume,
    OrderClosed,
    OrderFilled,
    PlaceOrder,
    SymbolDescribed,
)
from genesis_actors.values import (
    ClientId,
    ClientOrderId,
    ExecutionId,
    Liquidity,
    MarketRules,
    OrderStatus,
    ParentOrder,
    Quote,
    Reason,
    Side,
    Symbol,
    TradeId,
)

NOON = datetime(2024, 8, 8, 12, tzinfo=UTC)
BTC = Symbol("BTC/USDT")
RULES = MarketRules(
    symbol=BTC,
    base="BTC",
    quote="USDT",
    lot=Decimal("0.001"),
    tick=Decimal("0.01"),
    min_notional=Decimal(5),
    taker_fee=Decimal("0.001"),
    maker_fee=Decimal("0.001"),
)
QUOTE = Quote(NOON, Decimal("99.99"), Decimal("100.01"), Decimal(50), Decimal(50))


def a_parent_order(
    *,
    quantity: str = "10",
    side: Side = Side.BUY,
    symbol: Symbol = BTC,
    client_id: str | None = None,
    slices: int | None = 5,
    minutes: int = 5,
    limit_price: str | None = None,
) -> ParentOrder:
    return ParentOrder(
        symbol=symbol,
        side=side,
        quantity=Decimal(quantity),
        duration=timedelta(minutes=minutes),
        client_id=None if client_id is None else ClientId(client_id),
        slices=slices,
        limit_price=None if limit_price is None else Decimal(limit_price),
    )


def an_execution(
    order: ParentOrder | None = None,
) -> tuple[Execution, FirstEvents]:
    market = Market(RULES, (BTC,), {"USDT": Decimal(10**9), "BTC": Decimal(10**6)}, QUOTE, None)
    admission = admit(order or a_parent_order(), market, TwapDefaults(), now=NOON, seed=1)
    assert isinstance(admission, Admission)
    return accept(admission, ExecutionId("3vq0mzt41r8ab"), "g7k2pd")


def a_description(
    symbol: Symbol = BTC,
    *,
    rules: MarketRules | None = RULES,
    volumes: tuple[HourlyVolume, ...] = (),
) -> SymbolDescribed:
    return SymbolDescribed(
        at=NOON,
        symbol=symbol,
        rules=rules,
        balances=(
            Balance(currency="USDT", free=Decimal(10**9)),
            Balance(currency="BTC", free=Decimal(10**6)),
        ),
        volumes=volumes,
        known_symbols=(BTC,),
    )


def a_child(
    name: str = "c1",
    *,
    quantity: str = "1",
    price: str = "100",
    volume: str = "100",
    rate: str = "0.1",
    execution_id: str = "x1",
    window_start: datetime = NOON - timedelta(seconds=60),
) -> PlaceOrder:
    return PlaceOrder(
        execution_id=ExecutionId(execution_id),
        client_order_id=ClientOrderId(name),
        slice_number=1,
        symbol=BTC,
        side=Side.BUY,
        quantity=Decimal(quantity),
        price=Decimal(price),
        mid=Decimal(100),
        rate=Decimal(rate),
        market_volume=Decimal(volume),
        window_start=window_start,
        parent_quantity=Decimal(1_000_000),
        remaining_quantity=Decimal(1_000_000),
    )


def a_fill(
    order: PlaceOrder, *, quantity: str, trade_id: str = "t1", at: datetime = NOON
) -> OrderFilled:
    return OrderFilled(
        at=at,
        execution_id=order.execution_id,
        client_order_id=order.client_order_id,
        trade_id=TradeId(trade_id),
        quantity=Decimal(quantity),
        price=order.price,
        fee=Decimal(0),
        fee_currency="USDT",
        liquidity=Liquidity.TAKER,
        traded_at=at,
    )


def a_close(
    order: PlaceOrder, status: OrderStatus = OrderStatus.EXPIRED, reason: Reason | None = None
) -> OrderClosed:
    return OrderClosed(
        at=NOON,
        execution_id=order.execution_id,
        client_order_id=order.client_order_id,
        status=status,
        reason=reason,
    )
