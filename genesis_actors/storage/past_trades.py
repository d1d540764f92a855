"""What earlier runs have traded, as far as it still counts: in budgets, in the day's result, and in positions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import chain
from typing import Final, TypeAlias, cast

from sqlalchemy import Connection, Text, bindparam, select, type_coerce

from genesis_actors.messages.risk import DayTraded, PastPosition
from genesis_actors.storage.tables import fills, orders, twap_executions
from genesis_actors.values import (
    ZERO,
    ClientOrderId,
    Reason,
    Side,
    Symbol,
    TradeId,
    exact,
    fee_in_quote,
    parse_time,
    time_text,
)

TradedQuantity: TypeAlias = tuple[ClientOrderId, TradeId, datetime, Decimal]
"""One trade of ours: its order, its id, its time and its quantity."""

OrderedQuantity: TypeAlias = tuple[ClientOrderId, Side, Decimal]
"""An order of ours, its side, and what it has filled in all."""


@dataclass(frozen=True, slots=True)
class RecentTrades:
    """What counts in budgets of each trade in the order of their times, and what each day's trades come to."""

    quantities: Mapping[Symbol, Sequence[TradedQuantity]] = field(
        default_factory=dict[Symbol, Sequence[TradedQuantity]]
    )
    days: tuple[DayTraded, ...] = ()


@exact
def load_recent_trades(
    connection: Connection, newest_at: datetime, since: datetime
) -> RecentTrades:
    """Return our trades since then by symbol, and the results of the UTC day that has `newest_at` in it, and later."""
    newest_day = newest_at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    # Beside the fills: to join them, the database would look up an execution for each.
    sides = dict(cast("list[tuple[str, str]]", connection.execute(_SIDES).all()))
    found = connection.execute(_RECENT_FILLS, {"since": min(newest_day, since)})
    rows = cast("Iterator[_Texts]", chain.from_iterable(found.partitions(_ROWS_AT_ONCE)))
    # As the texts that they are, which sort as times do: there are many.
    counts_from, day_from = time_text(since), time_text(newest_day)
    quantities: dict[Symbol, list[TradedQuantity]] = defaultdict(list)
    days: dict[tuple[str, Symbol], list[Decimal]] = {}
    for symbol, execution_id, order, trade, at, amount, paid, fee, fee_currency in rows:
        quantity = Decimal(amount)
        if at >= counts_from:
            quantities[symbol].append((order, trade, parse_time(at), quantity))
        if at >= day_from:
            price = Decimal(paid)
            traded = quantity if sides[execution_id] == _BOUGHT else -quantity
            fee_quote = fee_in_quote(symbol, price, Decimal(fee), fee_currency) or ZERO
            sums = days.setdefault((at[:_DATE_LENGTH], symbol), [ZERO, ZERO])
            sums[0] += traded
            sums[1] -= traded * price + fee_quote
    results = (
        DayTraded(symbol, date.fromisoformat(day), net, cash)
        for (day, symbol), (net, cash) in sorted(days.items())
    )
    return RecentTrades(quantities, tuple(results))


def load_unsure_orders(
    connection: Connection, since: datetime
) -> dict[Symbol, list[OrderedQuantity]]:
    """Return the orders made since then whose fills are not all among the trades, as far as anybody knows."""
    by_symbol: dict[Symbol, list[OrderedQuantity]] = defaultdict(list)
    for symbol, order, side, quantity in connection.execute(_UNSURE_ORDERS, {"since": since}):
        by_symbol[Symbol(symbol)].append((ClientOrderId(order), Side(side), quantity))
    return by_symbol


@exact
def load_positions(connection: Connection) -> tuple[PastPosition, ...]:
    """Return the net of all that was traded in each symbol, valued at what was paid last."""
    net: dict[str, Decimal] = defaultdict(Decimal)
    price: dict[str, str] = {}
    found = connection.execute(_FILLED).all()
    for symbol, side, quantity, average in cast("list[tuple[str, str, str, str]]", found):
        net[symbol] += Decimal(quantity) if side == _BOUGHT else -Decimal(quantity)
        price[symbol] = average
    return tuple(PastPosition(Symbol(it), net[it], Decimal(price[it])) for it in sorted(net))


_Texts: TypeAlias = tuple[Symbol, str, ClientOrderId, TradeId, str, str, str, str, str]
_ROWS_AT_ONCE: Final = 1000
_DATE_LENGTH: Final = len("2024-08-08")
_BOUGHT: Final = Side.BUY.value

# Made once: to make them takes longer than to run them on a small database.
_RECENT_FILLS: Final = (
    select(
        *(
            type_coerce(column, Text)
            for column in (
                fills.c.symbol,
                fills.c.execution_id,
                fills.c.client_order_id,
                fills.c.trade_id,
                fills.c.traded_at,
                fills.c.quantity,
                fills.c.price,
                fills.c.fee,
                fills.c.fee_currency,
            )
        )
    )
    .where(fills.c.traded_at >= bindparam("since", type_=fills.c.traded_at.type))
    .order_by(fills.c.traded_at, fills.c.trade_id)
)
_SIDES: Final = select(twap_executions.c.execution_id, twap_executions.c.side)
_UNSURE_ORDERS: Final = (
    select(orders.c.symbol, orders.c.client_order_id, orders.c.side, orders.c.filled_quantity)
    .where(
        orders.c.created_at >= bindparam("since", type_=orders.c.created_at.type),
        (orders.c.filled_quantity == ZERO) | (orders.c.reason == Reason.SETTLED),
    )
    .order_by(orders.c.client_order_id)
)
_FILLED: Final = (
    select(
        twap_executions.c.symbol,
        twap_executions.c.side,
        type_coerce(twap_executions.c.filled_quantity, Text),
        type_coerce(twap_executions.c.average_price, Text),
    )
    .where(twap_executions.c.average_price.is_not(None))
    .order_by(twap_executions.c.created_at)
)
