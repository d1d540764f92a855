from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from genesis_actors.gateways.ccxt_parsing import (
    OrderName,
    free_balances,
    levels_of,
    market_trade,
    order_seen,
    outcomes_of,
    quote_of,
    total,
    trades_seen,
)
from genesis_actors.messages.venue import OrderAccepted, OrderClosed, OrderFilled
from genesis_actors.values import ClientOrderId, ExecutionId, Liquidity, OrderStatus, Side

NOON = datetime(2024, 8, 8, 12, tzinfo=UTC)
MS = 1_723_118_400_000
NAME = OrderName(ExecutionId("x1"), ClientOrderId("c1"))


def an_order(**changes: object) -> dict[str, Any]:
    order = {"id": "77", "clientOrderId": "c1", "amount": "2", "filled": "2", "status": "closed"}
    return {**order, "side": "buy", "timestamp": MS, **changes}


def a_trade(**changes: object) -> dict[str, Any]:
    trade = {"id": "5", "order": "77", "price": "100.10", "amount": "2", "side": "buy"}
    fee = {"cost": "0.002", "currency": "BNB"}
    return {**trade, "timestamp": MS, "takerOrMaker": "taker", "fee": fee, **changes}


@pytest.mark.parametrize(
    ("changes", "status", "is_closed"),
    [
        ({}, OrderStatus.FILLED, True),
        ({"filled": "1"}, OrderStatus.EXPIRED, True),  # What an IOC order has not filled.
        ({"filled": "1", "status": "canceled"}, OrderStatus.CANCELLED, True),
        ({"filled": "2", "status": "canceled"}, OrderStatus.FILLED, True),
        ({"filled": "0", "status": "expired"}, OrderStatus.EXPIRED, True),
        ({"filled": "0", "status": "rejected"}, OrderStatus.REJECTED, True),
        ({"filled": "1", "status": "open"}, None, False),
        ({"filled": "1", "status": "canceling"}, None, False),
        ({"filled": "1", "status": None}, None, False),
        ({"filled": None}, OrderStatus.EXPIRED, False),  # It does not say how much: not believed.
    ],
)
def test_an_order_has_ended_only_where_the_venue_says_so_and_how_much_it_has_filled(
    changes: dict[str, object], status: OrderStatus | None, is_closed: bool
) -> None:
    seen = order_seen(an_order(**changes), quote="USDT")

    assert seen is not None
    assert (seen.status, seen.is_closed) == (status, is_closed)


def test_filled_is_measured_against_what_we_ordered_and_not_what_came_back() -> None:
    seen = order_seen(an_order(amount="1.9", filled="1.9"), quote="USDT", ordered=Decimal(2))

    assert seen is not None
    assert (seen.status, seen.filled) == (OrderStatus.EXPIRED, Decimal("1.9"))


@pytest.mark.parametrize("identity", [None, ""])
def test_a_reply_without_an_order_id_is_none_at_all(identity: str | None) -> None:
    assert order_seen(an_order(id=identity), quote="USDT") is None


def test_a_story_is_accepted_fills_and_the_close() -> None:
    trades = [{"id": "5", "price": "100.1", "amount": "2", "fee": {"cost": "1", "currency": "X"}}]
    seen = order_seen(an_order(trades=trades), quote="USDT")
    assert seen is not None
    assert seen.has_all_trades

    story = outcomes_of(seen, NAME, seen.trades, NOON)

    assert [type(each) for each in story] == [OrderAccepted, OrderFilled, OrderClosed]
    fill = story[1]
    assert isinstance(fill, OrderFilled)
    assert (fill.traded_at, fill.liquidity) == (NOON, Liquidity.TAKER)
    rejected = order_seen(an_order(status="rejected", filled="0"), quote="USDT")
    assert rejected is not None
    assert [type(each) for each in outcomes_of(rejected, NAME, (), NOON)] == [OrderClosed]


@pytest.mark.parametrize(
    ("changes", "fee", "currency"),
    [
        ({}, "0.002", "BNB"),
        ({"fee": {"cost": "0.1", "currency": None}}, "0.1", "USDT"),
        ({"fee": {"cost": "-0.1", "currency": "USDT"}}, "-0.1", "USDT"),
        ({"fee": {"cost": "0", "currency": "BTC"}}, "0", "BTC"),
        ({"fee": None}, "0", "USDT"),
        ({"fees": [{"cost": "1", "currency": "A"}, {"cost": "2", "currency": "A"}]}, "3", "A"),
        ({"fees": [{"cost": "0", "currency": "A"}, {"cost": "2", "currency": "B"}]}, "2", "B"),
    ],
)
def test_a_fee_is_recorded_exactly_in_whatever_currency(
    changes: dict[str, object], fee: str, currency: str
) -> None:
    (trade,) = trades_seen(a_trade(**changes), quote="USDT")

    assert (trade.fee, trade.fee_currency) == (Decimal(fee), currency)


@pytest.mark.parametrize("quantity", ["0.25", "0.250", "1", "3000"])
def test_fees_in_several_currencies_are_all_recorded_and_the_parts_are_the_trade(
    quantity: str,
) -> None:
    fees = [
        {"cost": "0.3", "currency": "POINT"},
        {"cost": "0.1", "currency": "GT"},
        {"cost": "0", "currency": "BTC"},
        {"cost": "0.02", "currency": "USDT"},
    ]
    orders = fees, fees[::-1]

    told = [trades_seen(a_trade(fees=each, amount=quantity), quote="USDT") for each in orders]

    assert told[0] == told[1]
    paid = [(each.trade_id, each.fee, each.fee_currency) for each in told[0]]
    assert paid == [
        ("5", Decimal("0.1"), "GT"),
        ("5-fee-POINT", Decimal("0.3"), "POINT"),
        ("5-fee-USDT", Decimal("0.02"), "USDT"),
    ]
    assert total(told[0]) == Decimal(quantity)
    assert all(each.quantity > 0 for each in told[0])


def test_the_two_sides_of_a_trade_with_ourselves_have_two_names() -> None:
    sides = [
        a_trade(takerOrMaker="taker", side="buy"),
        a_trade(takerOrMaker="maker", side="sell"),
    ]
    unsaid = [a_trade(takerOrMaker=None, side="buy"), a_trade(takerOrMaker=None, side="sell")]

    for pair in (sides, unsaid):
        names = {t.trade_id for each in pair for t in trades_seen(each, quote="USDT")}
        assert len(names) == 2
        assert "5" in names


@pytest.mark.parametrize(
    "changes", [{"id": None}, {"amount": "0"}, {"price": None}, {"timestamp": None}]
)
def test_a_trade_that_cannot_be_counted_once_is_not_counted(changes: dict[str, object]) -> None:
    assert trades_seen(a_trade(**changes), quote="USDT") == ()


def test_a_book_is_exact_although_ccxt_has_floats_there() -> None:
    book = {"bids": [[0.07, 1.1], [0.069, 2.0]], "asks": [[0.0701, 0.3]]}

    quote = quote_of(book, NOON)
    assert quote is not None
    assert (quote.bid, quote.ask, quote.bid_size) == (
        Decimal("0.07"),
        Decimal("0.0701"),
        Decimal("1.1"),
    )
    assert levels_of(book, Side.SELL)[1] == (Decimal("0.069"), Decimal("2.0"))
    assert quote_of({"bids": [], "asks": [[1.0, 1.0]]}, NOON) is None
    assert quote_of({"bids": [[2.0, 1.0]], "asks": [[1.0, 1.0]]}, NOON) is None


def test_a_public_trade_without_an_id_is_known_by_its_figures() -> None:
    one = market_trade(a_trade(id=None))
    other = market_trade(a_trade(id=None, timestamp=MS + 1))

    assert one is not None
    assert other is not None
    assert one.identity != other.identity
    assert other.trade.at == NOON + timedelta(milliseconds=1)
    assert market_trade(a_trade(amount=None)) is None


def test_free_balances_are_those_that_are_numbers() -> None:
    assert free_balances({"free": {"BTC": "1.5", "X": None}}) == {"BTC": Decimal("1.5")}
    assert free_balances({}) == {}
