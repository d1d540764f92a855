"""Orders by real ccxt over real sockets, and what they do to the exchange's own ledger."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import ccxt
import pytest

from tests.wire.conftest import Opened, async_binance
from tests.wire.exchange.ledger import Fees
from tests.wire.exchange.market import Temper
from tests.wire.exchange.running import LocalExchange

BTC = "BTC/USDT"


async def ordered(
    client: Any, side: str, quantity: str, price: str | None, **params: Any
) -> dict[str, Any]:
    kind = "market" if price is None else "limit"
    return await client.create_order(BTC, kind, side, quantity, price, params)


def test_sync_and_async_ccxt_see_the_same_markets(still_exchange: LocalExchange) -> None:
    async def markets() -> Any:
        async with async_binance(still_exchange.config) as client:
            return await client.load_markets()

    options: Any = still_exchange.config
    client: Any = ccxt.binance(options)
    client.number = str
    found = client.load_markets()
    client.session.close()

    assert found == asyncio.run(markets())
    assert found[BTC]["limits"]["cost"]["min"] == "5.00000000"
    assert not found["LUNA/USDT"]["active"]


def test_an_order_can_be_made_found_and_cancelled_by_our_id(still_exchange: LocalExchange) -> None:
    async def play() -> Any:
        async with async_binance(still_exchange.config) as client:
            made = await ordered(
                client, "buy", "0.5", "59000", clientOrderId="a1", timeInForce="GTC"
            )
            balance = await client.fetch_balance()
            mine = {"clientOrderId": "a1"}
            found = await client.fetch_order(None, BTC, mine)
            cancelled = await client.cancel_order(None, BTC, mine)
            again = await client.fetch_order(None, BTC, mine)
            return made, balance, found, cancelled, again

    made, balance, found, cancelled, again = asyncio.run(play())

    assert (made["status"], found["status"], again["status"]) == ("open", "open", "canceled")
    assert balance["USDT"]["used"] == "29500.00000000"
    assert cancelled["info"]["origClientOrderId"] == "a1" != cancelled["info"]["clientOrderId"]
    assert again["clientOrderId"] == "a1"
    assert still_exchange.account().balance("USDT").locked == 0


def test_an_immediate_order_fills_across_levels_and_leaves_the_rest(
    still_exchange: LocalExchange,
) -> None:
    async def play() -> Any:
        async with async_binance(still_exchange.config) as client:
            asks = (await client.fetch_order_book(BTC))["asks"]
            order = await ordered(
                client, "buy", "100", str(asks[2][0]), clientOrderId="x", timeInForce="IOC"
            )
            then = await client.fetch_order_book(BTC)
            return asks, order, await client.fetch_my_trades(BTC), then["asks"]

    asks, order, trades, left = asyncio.run(play())

    assert order["status"] == "expired"
    assert Decimal(order["filled"]) == sum(Decimal(str(size)) for _, size in asks[:3])
    assert [trade["price"] for trade in trades] == [f"{price:.8f}" for price, _ in asks[:3]]
    assert left[0][0] == asks[3][0]


def test_fill_or_kill_fills_all_or_nothing(still_exchange: LocalExchange) -> None:
    async def play() -> Any:
        async with async_binance(still_exchange.config) as client:
            killed = await ordered(client, "buy", "100", "60000.05", timeInForce="FOK")
            filled = await ordered(client, "buy", "0.1", "60000.05", timeInForce="FOK")
            return killed, filled

    killed, filled = asyncio.run(play())

    assert (killed["status"], killed["filled"]) == ("expired", "0.00000000")
    assert (filled["status"], filled["filled"]) == ("closed", "0.10000000")


def test_a_resting_order_is_filled_by_what_others_trade(still_exchange: LocalExchange) -> None:
    async def play() -> Any:
        async with async_binance(still_exchange.config) as client:
            await ordered(client, "buy", "0.5", "60000", postOnly=True, clientOrderId="m")
            statuses: list[Any] = []
            for taken in ("0.2", "9"):
                still_exchange.outside_trade("BTCUSDT", "SELL", "60000", taken)
                order = await client.fetch_order(None, BTC, {"clientOrderId": "m"})
                statuses.append((order["status"], order["filled"]))
            return statuses, await client.fetch_my_trades(BTC)

    statuses, trades = asyncio.run(play())

    assert statuses == [("open", "0.20000000"), ("closed", "0.50000000")]
    assert {trade["takerOrMaker"] for trade in trades} == {"maker"}


def test_a_resting_order_is_filled_when_the_market_comes_to_it(
    still_exchange: LocalExchange,
) -> None:
    async def play() -> Any:
        async with async_binance(still_exchange.config) as client:
            await ordered(client, "sell", "0.5", "60100", clientOrderId="m", timeInForce="GTC")
            still_exchange.move("BTCUSDT", 20_000)
            return await client.fetch_order(None, BTC, {"clientOrderId": "m"})

    order = asyncio.run(play())

    assert (order["status"], order["average"]) == ("closed", "60100")


@pytest.mark.parametrize(
    ("taken_from", "side", "fee", "asset"),
    [
        ("received", "buy", "0.00100000", "BTC"),
        ("received", "sell", "59.99999000", "USDT"),
        ("quote", "buy", "60.00001000", "USDT"),
        ("third", "buy", "0.07500001", "BNB"),
    ],
)
def test_the_fee_is_taken_from_what_the_account_has_chosen(
    open_exchange: Opened, taken_from: str, side: str, fee: str, asset: str
) -> None:
    local = open_exchange(temper=Temper.still(), fees=Fees(taken_from=taken_from))
    limit = "60000.01" if side == "buy" else "59999.99"

    async def play() -> Any:
        async with async_binance(local.config) as client:
            return await ordered(client, side, "1", limit, timeInForce="IOC")

    local.call(lambda exchange: deepen(exchange.engine.markets["BTCUSDT"]))
    order = asyncio.run(play())

    assert order["fee"] == {"currency": asset, "cost": fee}
    assert local.discrepancies() == {}


def deepen(market: Any) -> None:
    market.temper = Temper(0.0, level_share=5.0, trades_per_minute=0, refresh_ms=10**15)


def test_a_price_with_a_market_order_buys_for_an_amount_of_quote(
    still_exchange: LocalExchange,
) -> None:
    async def play() -> Any:
        async with async_binance(still_exchange.config) as client:
            return await client.create_order(BTC, "market", "buy", "0.1", "50000")

    order = asyncio.run(play())

    assert order["filled"] == "0.08333000"
    assert still_exchange.attempts()[0].sent["quoteOrderQty"] == "5000"


def test_an_id_is_taken_again_once_its_order_is_closed(still_exchange: LocalExchange) -> None:
    async def play() -> None:
        async with async_binance(still_exchange.config) as client:
            for _ in range(2):
                await ordered(client, "buy", "0.1", "61000", clientOrderId="same")

    asyncio.run(play())

    assert [order.executed for order in still_exchange.orders()] == [Decimal("0.1")] * 2


@pytest.mark.parametrize("reply", ["ACK", "RESULT", "FULL"])
def test_a_new_order_is_answered_as_fully_as_was_asked(
    still_exchange: LocalExchange, reply: str
) -> None:
    async def play() -> Any:
        async with async_binance(still_exchange.config) as client:
            return await ordered(client, "buy", "0.1", "61000", newOrderRespType=reply)

    answer = asyncio.run(play())["info"]

    assert ("status" in answer, "fills" in answer) == (reply != "ACK", reply == "FULL")


def test_trades_can_be_asked_for_by_order_by_id_and_by_time(still_exchange: LocalExchange) -> None:
    async def play() -> Any:
        async with async_binance(still_exchange.config) as client:
            orders = [await ordered(client, "buy", "0.01", "61000") for _ in range(3)]
            last = orders[2]
            by_order = await client.fetch_my_trades(BTC, params={"orderId": last["id"]})
            by_id = await client.fetch_my_trades(BTC, params={"fromId": by_order[0]["id"]})
            by_time = await client.fetch_my_trades(BTC, orders[0]["timestamp"], 2)
            everything = await client.fetch_my_trades(BTC)
            with pytest.raises(ccxt.ExchangeError, match="-1128"):
                await client.fetch_my_trades(BTC, 1, params={"orderId": last["id"]})
            return by_order, by_id, by_time, everything

    by_order, by_id, by_time, everything = asyncio.run(play())

    assert by_order == by_id == everything[2:]
    assert by_time == everything[:2]


def test_orders_are_counted_and_weighed(still_exchange: LocalExchange) -> None:
    async def play() -> Any:
        async with async_binance(still_exchange.config) as client:
            await ordered(client, "buy", "0.1", "61000")
            return client.last_response_headers

    headers = asyncio.run(play())

    assert headers["X-MBX-ORDER-COUNT-10S"] == "1"
    assert int(headers["X-MBX-USED-WEIGHT-1M"]) == 21
