"""Faults leave the ledger with what really happened, whatever the client was told."""

from __future__ import annotations

import asyncio
import contextlib
import time
from decimal import Decimal
from typing import Any

import ccxt
import pytest

from tests.wire.conftest import Opened, async_binance
from tests.wire.exchange.faults import PROFILES, Fault, Kind, maintenance
from tests.wire.exchange.limits import Limits
from tests.wire.exchange.market import Temper
from tests.wire.exchange.running import LocalExchange, exchange_process

BTC = "BTC/USDT"


async def bought(client: Any, name: str, **params: Any) -> Any:
    sent = {"clientOrderId": name, "timeInForce": "IOC"} | params
    return await client.create_order(BTC, "limit", "buy", "0.01", "61000", sent)


def test_faults_strike_the_requests_they_are_meant_for(still_exchange: LocalExchange) -> None:
    still_exchange.fault(Fault(Kind.CODE, "POST order", code=-1001, accepted=False, skip=1))

    async def play() -> None:
        async with async_binance(still_exchange.config) as client:
            await bought(client, "first")
            with pytest.raises(ccxt.OperationFailed):
                await bought(client, "second")
            await bought(client, "third")

    asyncio.run(play())

    assert [order.client_order_id for order in still_exchange.orders()] == ["first", "third"]
    assert [(a.client_order_id, a.outcome) for a in still_exchange.attempts()] == [
        ("first", "ok"),
        ("second", "dropped"),
        ("third", "ok"),
    ]


def test_a_late_order_is_carried_out_after_its_answer(still_exchange: LocalExchange) -> None:
    still_exchange.fault(Fault(Kind.LATE, "POST order", seconds=0.05))

    async def play() -> Any:
        async with async_binance(still_exchange.config) as client:
            with pytest.raises(ccxt.RequestTimeout):
                await bought(client, "late")
            with pytest.raises(ccxt.OrderNotFound):
                await client.fetch_order(None, BTC, {"clientOrderId": "late"})
            return await until_carried_out(still_exchange)

    outcome = asyncio.run(play())

    assert outcome == "ok"
    assert [order.client_order_id for order in still_exchange.orders()] == ["late"]


def test_a_late_order_is_dropped_when_its_window_is_over(still_exchange: LocalExchange) -> None:
    still_exchange.fault(Fault(Kind.LATE, "POST order", seconds=0.1))

    async def play() -> Any:
        async with async_binance(still_exchange.config) as client:
            with pytest.raises(ccxt.RequestTimeout):
                await bought(client, "late", recvWindow=50)
            return await until_carried_out(still_exchange)

    outcome = asyncio.run(play())

    assert outcome == "code -1021"
    assert still_exchange.orders() == []


async def until_carried_out(local: LocalExchange) -> str:
    while (outcome := local.attempts()[-1].outcome) == "pending":  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    return outcome


def test_stale_reads_show_what_was_true_a_while_ago(still_exchange: LocalExchange) -> None:
    async def play() -> Any:
        async with async_binance(still_exchange.config) as client:
            await bought(client, "young")
            await client.create_order(BTC, "limit", "buy", "1", "50000", {"clientOrderId": "rests"})
            still_exchange.fault(Fault(Kind.STALE, "GET *", times=3, seconds=60))
            with pytest.raises(ccxt.OrderNotFound):
                await client.fetch_order(None, BTC, {"clientOrderId": "young"})
            stale = await client.fetch_open_orders(BTC), await client.fetch_my_trades(BTC)
            return stale, (await client.fetch_open_orders(BTC), await client.fetch_my_trades(BTC))

    stale, fresh = asyncio.run(play())

    assert stale == ([], [])
    assert [len(found) for found in fresh] == [1, 1]


def test_a_stale_read_shows_an_order_as_it_was_before_it_filled(
    still_exchange: LocalExchange,
) -> None:
    def aged(exchange: Any) -> None:
        exchange.clock_offset_ms += 5000

    async def play() -> Any:
        async with async_binance(still_exchange.config) as client:
            await client.create_order(BTC, "limit", "buy", "1", "60000", {"clientOrderId": "r"})
            still_exchange.call(aged)
            still_exchange.outside_trade("BTCUSDT", "SELL", "60000", "5")
            still_exchange.fault(Fault(Kind.STALE, "GET order", seconds=2))
            read = [
                await client.fetch_order(None, BTC, {"clientOrderId": "r", "recvWindow": 30000})
                for _ in range(2)
            ]
            return [order["status"] for order in read]

    assert asyncio.run(play()) == ["open", "closed"]


def test_maintenance_is_said_and_holds_everything_else(still_exchange: LocalExchange) -> None:
    still_exchange.fault(*maintenance())

    async def play() -> Any:
        async with async_binance(still_exchange.config) as client:
            down = await client.fetch_status()
            with pytest.raises(ccxt.ExchangeError, match="-1016"):
                await client.load_markets()
            still_exchange.heal()
            return down, await client.fetch_status()

    down, up = asyncio.run(play())

    assert (down["status"], up["status"]) == ("maintenance", "ok")


def test_too_much_asked_is_refused_and_then_banned(open_exchange: Opened) -> None:
    local = open_exchange(limits=Limits(weight_per_minute=20, patience=2))

    async def play() -> list[Any]:
        async with async_binance(local.config) as client:
            await client.load_markets()
            said: list[Any] = []
            for _ in range(4):
                with pytest.raises(ccxt.DDoSProtection) as refused:
                    await client.fetch_time()
                said.append((str(refused.value)[8:11], client.last_response_headers["Retry-After"]))
            return said

    said = asyncio.run(play())

    assert [status for status, _ in said] == ["429", "429", "429", "418"]
    assert said[-1][1] == "120"


def test_orders_are_limited_by_number(open_exchange: Opened) -> None:
    local = open_exchange(limits=Limits(orders_per_day=2))

    async def play() -> None:
        async with async_binance(local.config) as client:
            await bought(client, "1")
            await bought(client, "2")
            with pytest.raises(ccxt.DDoSProtection, match="-1015"):
                await bought(client, "3")

    asyncio.run(play())

    assert len(local.orders()) == 2


def test_ccxt_learns_the_time_of_the_exchange(open_exchange: Opened) -> None:
    local = open_exchange(temper=Temper.still())
    local.set_clock(-7000)

    async def play() -> int:
        async with async_binance(local.config) as client:
            await client.load_markets()
            await client.load_time_difference()
            await bought(client, "in-time")
            return client.options["timeDifference"]

    difference = asyncio.run(play())

    assert 6900 < difference < 7500
    assert len(local.orders()) == 1


def test_books_balance_whatever_goes_wrong(open_exchange: Opened) -> None:
    local = open_exchange(seed=5)
    local.fault(*PROFILES["hostile"])

    async def play() -> None:
        async with async_binance(local.config, timeout=150) as client:
            for number in range(40):
                side, price = ("buy", "61000") if number % 2 else ("sell", "59000")
                params = {"clientOrderId": f"n{number}", "timeInForce": "IOC"}
                await whatever(client.create_order, BTC, "limit", side, "0.7", price, params)
                near = {"clientOrderId": f"r{number}", "timeInForce": "GTC"}
                await whatever(client.create_order, BTC, "limit", "buy", "0.01", "59900", near)
                await whatever(client.cancel_order, None, BTC, {"clientOrderId": f"r{number}"})

    asyncio.run(play())
    accepted = {order.client_order_id for order in local.orders()}
    tried = {attempt.client_order_id for attempt in local.attempts()}

    assert local.discrepancies() == {}
    assert len(local.fills()) > 20
    assert accepted < tried
    assert all(order.executed <= order.quantity for order in local.orders())


async def whatever(call: Any, *arguments: Any) -> None:
    with contextlib.suppress(ccxt.BaseError):
        await call(*arguments)


def test_it_runs_as_a_process_and_is_steered_from_outside() -> None:
    with exchange_process("--still", "--fee", "0", "--deposit", "USDT=5000") as outside:
        outside.faults([{"kind": "reset", "on": "POST order"}])
        outside.change(deposit={"BTC": "0.5"}, move={"BTCUSDT": -100})

        async def play() -> None:
            async with async_binance(outside.config) as client:
                await client.load_markets()
                with pytest.raises(ccxt.ExchangeNotAvailable):
                    await bought(client, "lost")

        asyncio.run(play())
        ledger = outside.ledger()

    account = ledger["accounts"][0]
    assert [order["clientOrderId"] for order in account["orders"]] == ["lost"]
    assert ledger["attempts"][0]["client_order_id"] == "lost"
    assert Decimal(account["balances"]["BTC"]["free"]) == Decimal("0.51")
    assert account["discrepancies"] == {}


def test_an_outage_ends_by_itself(still_exchange: LocalExchange) -> None:
    still_exchange.fault(Fault(Kind.RESET, accepted=False, times=None, lasts=1.5))

    failed, seconds = asyncio.run(until_it_answers(still_exchange.config))

    assert failed > 1
    assert seconds > 0.1


def test_connections_are_refused_for_a_while() -> None:
    with exchange_process("--still") as outside:
        # Long enough to be seen by a client that has to wait for its turn.
        outside.change(refuse_seconds=1.5)

        failed, seconds = asyncio.run(until_it_answers(outside.config, first_fails=True))

    assert failed > 1
    assert seconds > 0.1


async def until_it_answers(
    config: dict[str, Any], *, first_fails: bool = False
) -> tuple[int, float]:
    began, failed = time.monotonic(), 0
    async with async_binance(config) as client:
        while True:
            await asyncio.sleep(0.01)  # A client in a hurry would be banned for it.
            try:
                await client.fetch_time()
            except ccxt.NetworkError:
                failed += 1
            else:
                if first_fails and not failed:
                    continue  # It has not begun.
                return failed, time.monotonic() - began
