"""Websockets by real ccxt.pro: what they tell is what REST and the ledger tell."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import ccxt
import pytest

from tests.wire.exchange.market import Temper
from tests.wire.exchange.running import LocalExchange, make_exchange

BTC = "BTC/USDT"


@asynccontextmanager
async def pro_binance(config: dict[str, Any]) -> AsyncIterator[Any]:
    import ccxt.pro

    options: Any = config | {"enableRateLimit": False}
    client: Any = ccxt.pro.binance(options)
    client.number = str
    client.timeout_on_exit = 50
    try:
        await client.load_markets()
        yield client
    finally:
        await client.close()


async def soon(awaited: Any) -> Any:
    return await asyncio.wait_for(awaited, 10)


def test_trades_of_others_and_ours_are_told(still_exchange: LocalExchange) -> None:
    async def play() -> Any:
        async with pro_binance(still_exchange.config) as client:
            watching = asyncio.ensure_future(client.watch_trades(BTC))
            while not still_exchange.call(lambda e: e.feeds["BTCUSDT"].update_id > 1_000_000):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            still_exchange.outside_trade("BTCUSDT", "SELL", "60000", "0.25")
            first = await soon(watching)
            order = await client.create_order(BTC, "market", "buy", "0.1")
            second = await soon(client.watch_trades(BTC))
            return first, order, second

    first, order, second = asyncio.run(play())

    assert (first[-1]["price"], first[-1]["amount"]) == ("60000.00000000", "0.25000000")
    assert first[-1]["side"] == "sell"
    assert second[-1]["id"] == order["trades"][-1]["id"]


def test_the_streamed_book_is_the_book(live_exchange: LocalExchange) -> None:
    async def play() -> Any:
        async with pro_binance(live_exchange.config) as client:
            book = await soon(client.watch_order_book(BTC))
            order = await client.create_order(
                BTC, "limit", "buy", "3", "59000", {"clientOrderId": "b"}
            )
            while [59000.0, 3.0] not in book["bids"]:
                book = await soon(client.watch_order_book(BTC))
            await client.cancel_order(None, BTC, {"clientOrderId": "b"})
            while [59000.0, 3.0] in book["bids"]:
                book = await soon(client.watch_order_book(BTC))
            return order, book["bids"][0][0] < book["asks"][0][0]

    order, in_order = asyncio.run(play())

    assert order["status"] == "open"
    assert in_order


def test_what_happens_to_an_order_is_told(still_exchange: LocalExchange) -> None:
    async def play() -> Any:
        async with pro_binance(still_exchange.config) as client:
            orders = asyncio.ensure_future(until(client.watch_orders, BTC, "canceled"))
            trades = asyncio.ensure_future(client.watch_my_trades(BTC))
            while not still_exchange.call(lambda e: e.followers > 0):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            params = {"clientOrderId": "told", "timeInForce": "GTC"}
            await client.create_order(BTC, "limit", "buy", "0.5", "60000", params)
            still_exchange.outside_trade("BTCUSDT", "SELL", "60000", "0.2")
            trade = (await soon(trades))[-1]
            await client.cancel_order(None, BTC, {"clientOrderId": "told"})
            return await soon(orders), trade

    order, trade = asyncio.run(play())
    fill = still_exchange.fills()[0]

    assert (trade["id"], trade["fee"]["cost"]) == (str(fill.trade_id), f"{fill.fee:.8f}")
    assert (order["clientOrderId"], order["filled"]) == ("told", "0.20000000")


async def until(watch: Any, symbol: str, status: str) -> Any:
    while (order := (await watch(symbol))[-1])["status"] != status:
        pass
    return order


def test_a_dropped_connection_is_an_error_and_can_be_made_again(
    still_exchange: LocalExchange,
) -> None:
    async def play() -> Any:
        async with pro_binance(still_exchange.config) as client:
            await soon(client.watch_order_book(BTC))
            watching = asyncio.ensure_future(client.watch_order_book(BTC))
            await asyncio.sleep(0)
            still_exchange.drop()
            with pytest.raises(ccxt.NetworkError):
                await soon(watching)
            return await soon(client.watch_order_book(BTC))

    book = asyncio.run(play())

    assert book["bids"][0][0] == 59999.99


def test_ccxts_own_addresses_reach_the_streams_too(tmp_path: Path) -> None:
    async def play(local: LocalExchange) -> Any:
        async with pro_binance(local.proxied_config) as client:
            return await soon(client.watch_order_book(BTC)), local.hosts()

    with LocalExchange(make_exchange(temper=Temper.still()), 0, tmp_path) as local:
        book, hosts = asyncio.run(play(local))

    assert book["asks"][0][0] == 60000.01
    assert {"api.binance.com:443", "stream.binance.com:9443"} <= set(hosts)
