"""What ccxt tells of orders and trades, as values of ours. Nothing here waits, and nothing of ccxt is needed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from genesis_actors.gateways.ccxt_rules import exact_number
from genesis_actors.messages.venue import OrderAccepted, OrderClosed, OrderFilled, OrderOutcome
from genesis_actors.values import (
    ONE,
    ZERO,
    ClientOrderId,
    ExecutionId,
    Liquidity,
    OrderStatus,
    Quote,
    Side,
    Trade,
    TradeId,
    VenueOrderId,
    exact,
)

Json = Mapping[str, Any]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_CLOSED: Final = {
    "closed": OrderStatus.EXPIRED,  # unless all of it is filled
    "canceled": OrderStatus.CANCELLED,
    "cancelled": OrderStatus.CANCELLED,
    "expired": OrderStatus.EXPIRED,
    "rejected": OrderStatus.REJECTED,
}


@dataclass(frozen=True, slots=True)
class OrderName:
    """Which of our orders is spoken of."""

    execution_id: ExecutionId
    client_order_id: ClientOrderId


@dataclass(frozen=True, slots=True)
class TradeSeen:
    """One trade of the account. `venue_order_id` is empty where it came with its order."""

    trade_id: TradeId
    venue_order_id: str
    quantity: Decimal
    price: Decimal
    fee: Decimal
    fee_currency: str
    liquidity: Liquidity
    at: datetime


@dataclass(frozen=True, slots=True)
class OrderSeen:
    """One order as the venue shows it. `status` is None while it may still trade, or where that is not said."""

    venue_order_id: VenueOrderId
    name: str | None
    quantity: Decimal | None
    filled: Decimal | None
    status: OrderStatus | None
    trades: tuple[TradeSeen, ...]
    price: Decimal | None = None

    @property
    def is_closed(self) -> bool:
        """Tell whether it can trade no more and says how much it has filled: without that it is not believed."""
        return self.status is not None and self.filled is not None

    @property
    def has_all_trades(self) -> bool:
        """Tell whether the trades that came with it are all there are."""
        return self.filled is not None and total(self.trades) == self.filled


@exact
def total(trades: Sequence[TradeSeen]) -> Decimal:
    return sum((trade.quantity for trade in trades), ZERO)


def time_of(milliseconds: object) -> datetime | None:
    number = exact_number(milliseconds)
    return None if number is None else _EPOCH + timedelta(milliseconds=int(number))


def milliseconds_of(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(milliseconds=1)


def order_seen(order: Json, *, quote: str, ordered: Decimal | None = None) -> OrderSeen | None:
    """Return what ccxt says of an order; None where it has no id, so that nothing can be relied on.

    `ordered` is the quantity that we asked for, where it is known.
    """
    identity = order.get("id")
    if not identity:
        return None
    quantity, filled = exact_number(order.get("amount")), exact_number(order.get("filled"))
    status = _CLOSED.get(str(order.get("status")))
    whole = ordered if ordered is not None else quantity
    if status is not None and filled is not None and whole is not None and filled >= whole > ZERO:
        status = OrderStatus.FILLED
    at = time_of(order.get("lastTradeTimestamp")) or time_of(order.get("timestamp"))
    name = order.get("clientOrderId")
    side = order.get("side")
    trades = tuple(
        trade
        for each in order.get("trades") or ()
        for trade in trades_seen(
            {"side": side, "takerOrMaker": "taker", **_given(each)}, quote=quote, at=at
        )
    )
    return OrderSeen(
        VenueOrderId(str(identity)),
        str(name) if name else None,
        quantity,
        filled,
        status,
        trades,
        exact_number(order.get("price")),
    )


def _given(fields: Json) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


@exact
def trades_seen(trade: Json, *, quote: str, at: datetime | None = None) -> tuple[TradeSeen, ...]:
    """Return what ccxt says of a trade of the account, nothing where it cannot be counted once.

    A fill has one fee in one currency. A trade that was charged in several is told as several, so that none is lost:
    each more has a tenth of the quantity's last digit, and the currency in its name. Together they are the trade.
    """
    quantity, price = exact_number(trade.get("amount")), exact_number(trade.get("price"))
    traded_at = time_of(trade.get("timestamp")) or at
    identity, side = trade.get("id"), trade.get("side")
    if not identity or quantity is None or quantity <= ZERO or price is None or traded_at is None:
        return ()
    liquidity = trade.get("takerOrMaker")
    (fee, currency), *more = _fees(trade, quote)
    bit = _bit_of(quantity)
    whole = TradeSeen(
        trade_id=trade_id(str(identity), liquidity, side),
        venue_order_id=str(trade.get("order") or ""),
        quantity=quantity - bit * len(more),
        price=price,
        fee=fee,
        fee_currency=currency,
        liquidity=Liquidity.MAKER if liquidity == "maker" else Liquidity.TAKER,
        at=traded_at,
    )
    parts = (
        replace(
            whole,
            trade_id=TradeId(f"{whole.trade_id}-fee-{name}"),
            quantity=bit,
            fee=cost,
            fee_currency=name,
        )
        for cost, name in more
    )
    return whole, *parts


def _bit_of(quantity: Decimal) -> Decimal:
    """Return a tenth of the last digit that is not zero, however the quantity is written.

    >>> _bit_of(Decimal("0.120")), _bit_of(Decimal("300"))
    (Decimal('0.001'), Decimal('10'))
    """
    exponent = quantity.normalize().as_tuple().exponent
    return Decimal(f"{ONE.scaleb(int(exponent) - 1):f}")


def trade_id(identity: str, liquidity: object, side: object) -> TradeId:
    """Return what one side of a trade is known by: when we trade with ourselves, both sides have the venue's one id.

    The taker's is the venue's own. A venue that does not say who took says who bought.

    >>> trade_id("28457", "taker", "buy"), trade_id("28457", "maker", "sell")
    ('28457', '28457-maker')
    """
    is_first = liquidity == "taker" if liquidity else side == "buy"
    return TradeId(identity if is_first else f"{identity}-{liquidity or side}")


def _fees(trade: Json, quote: str) -> list[tuple[Decimal, str]]:
    """Return what a trade was charged, at least one, by currency in the order of their names. Positive is paid."""
    each = trade.get("fees") or ([trade["fee"]] if trade.get("fee") else [])
    paid: dict[str, Decimal] = {}
    for fee in each:
        cost = exact_number(fee.get("cost"))
        if cost:
            currency = str(fee.get("currency") or quote)
            paid[currency] = paid.get(currency, ZERO) + cost
    named = next((str(fee["currency"]) for fee in each if fee.get("currency")), quote)
    return [(paid[currency], currency) for currency in sorted(paid)] or [(ZERO, named)]


def outcomes_of(
    order: OrderSeen, name: OrderName, trades: Sequence[TradeSeen], now: datetime
) -> tuple[OrderOutcome, ...]:
    """Return the order's story: that it was accepted, its fills, and how it closed, if it has."""
    story: list[OrderOutcome] = []
    if order.status is not OrderStatus.REJECTED:
        story.append(
            OrderAccepted(
                at=now,
                execution_id=name.execution_id,
                client_order_id=name.client_order_id,
                venue_order_id=order.venue_order_id,
            )
        )
    story += (filled_of(trade, name, now) for trade in trades)
    if order.status is not None and order.filled is not None:
        story.append(
            OrderClosed(
                at=now,
                execution_id=name.execution_id,
                client_order_id=name.client_order_id,
                status=order.status,
                filled_quantity=order.filled,
            )
        )
    return tuple(story)


def filled_of(trade: TradeSeen, name: OrderName, now: datetime) -> OrderFilled:
    return OrderFilled(
        at=now,
        execution_id=name.execution_id,
        client_order_id=name.client_order_id,
        trade_id=trade.trade_id,
        quantity=trade.quantity,
        price=trade.price,
        fee=trade.fee,
        fee_currency=trade.fee_currency,
        liquidity=trade.liquidity,
        traded_at=trade.at,
    )


@dataclass(frozen=True, slots=True)
class MarketTrade:
    """One public trade, with its id where it has one."""

    identity: str
    trade: Trade


def market_trade(trade: Json) -> MarketTrade | None:
    quantity, price = exact_number(trade.get("amount")), exact_number(trade.get("price"))
    at, side = time_of(trade.get("timestamp")), trade.get("side")
    if quantity is None or quantity <= ZERO or price is None or at is None:
        return None
    taker = Side(side) if side in {"buy", "sell"} else None
    identity = str(trade.get("id") or f"{trade.get('timestamp')}/{price}/{quantity}/{side}")
    return MarketTrade(identity, Trade(at, price, quantity, taker))


def trades_of(rows: Iterable[Json]) -> list[MarketTrade]:
    """Return the trades that can be counted."""
    return [trade for trade in map(market_trade, rows) if trade is not None]


Level = tuple[Decimal, Decimal]


def levels_of(book: Json, side: Side) -> tuple[Level, ...]:
    """Return what an order of `side` would meet, best first. ccxt has floats here; their shortest text is exact."""
    rows = book.get("asks" if side is Side.BUY else "bids") or ()
    pairs = ((exact_number(row[0]), exact_number(row[1])) for row in rows)
    return tuple((price, size) for price, size in pairs if price and size)


def quote_of(book: Json, at: datetime) -> Quote | None:
    """Return the touch of a book, None where a side is empty or the two cross."""
    asks, bids = levels_of(book, Side.BUY), levels_of(book, Side.SELL)
    if not asks or not bids or bids[0][0] >= asks[0][0]:
        return None
    return Quote(at, bids[0][0], asks[0][0], bids[0][1], asks[0][1])


def touch_of(ticker: Json, at: datetime) -> Quote | None:
    """Return the touch that a ticker of ccxt's names, None where it is not whole."""
    names = ("bid", "ask", "bidVolume", "askVolume")
    bid, ask, bid_size, ask_size = (exact_number(ticker.get(name)) for name in names)
    if not bid or not ask or not bid_size or not ask_size or bid >= ask:
        return None
    return Quote(at, bid, ask, bid_size, ask_size)


def free_balances(balance: Json) -> dict[str, Decimal]:
    return _amounts(balance, "free")


def held_balances(balance: Json) -> dict[str, Decimal]:
    """Return what open orders hold of each currency, where the exchange says so."""
    return _amounts(balance, "used")


def _amounts(balance: Json, which: str) -> dict[str, Decimal]:
    told: Json = balance.get(which) or {}
    found = {str(currency): exact_number(amount) for currency, amount in told.items()}
    return {currency: amount for currency, amount in found.items() if amount is not None}
