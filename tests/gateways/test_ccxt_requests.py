"""What the installed ccxt makes of our ids at each exchange: in which field they go out. Nothing is sent."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Coroutine, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import ccxt.async_support as ccxt
import pytest

from genesis_actors.gateways.ccxt_client_ids import HABITS, Find
from genesis_actors.gateways.ccxt_lookup import Lookup, Names
from genesis_actors.steady import utc_now
from genesis_actors.values import ClientOrderId, Symbol

NAME = ClientOrderId("g7k2pd3vq0mzt41r8ab001002")
BTC = "BTC/USDT"

OPTIONS: dict[str, dict[str, Any]] = {
    "kucoin": {"uta": False},
    "gate": {"unifiedAccount": False},
    "bitget": {"uta": False},
    "bybit": {"enableUnifiedMargin": False, "enableUnifiedAccount": True},
}
"""What ccxt would ask about the account first."""


class StoppedError(Exception):
    """The request was written down, and goes no further."""


class Sent:
    """One request, as it would have left."""

    def __init__(self, method: str, url: str, body: str | None) -> None:
        self.method = method
        self.path = urlsplit(url).path
        query = dict(parse_qsl(urlsplit(url).query))
        self.fields: dict[str, str] = query | _fields_of(body or "")


def _fields_of(body: str) -> dict[str, str]:
    if not body.startswith(("{", "[")):
        return dict(parse_qsl(body))
    found: Any = json.loads(body)
    first: Mapping[str, Any] = found[0] if isinstance(found, list) else found
    return {name: json.dumps(v) if isinstance(v, dict) else str(v) for name, v in first.items()}


def asked(exchange: str, ask: Callable[[Any], Coroutine[Any, Any, Any]]) -> list[Sent]:
    """Return what real ccxt would send, up to what it needs an answer for."""
    sent: list[Sent] = []

    async def stopped(url: str, method: str = "GET", _: object = None, body: Any = None) -> Any:
        sent.append(Sent(method, url, body))
        raise StoppedError

    async def play() -> None:
        config: Any = {
            "apiKey": "k" * 32,
            "secret": "c2VjcmV0c2VjcmV0",
            "password": "p",
            "enableRateLimit": False,
            "options": {"defaultType": "spot", **OPTIONS.get(exchange, {})},
        }
        client: Any = getattr(ccxt, exchange)(config)
        client.number = str
        client.set_markets([a_market(client)])
        client.fetch = stopped
        try:
            await ask(client)
        except StoppedError:
            pass
        finally:
            await client.close()

    asyncio.run(play())
    return sent


def a_market(client: Any) -> Any:
    return client.safe_market_structure(
        {
            "id": "BTCUSDT",
            "lowercaseId": "btcusdt",
            "altname": "BTCUSDT",
            "symbol": BTC,
            "base": "BTC",
            "quote": "USDT",
            "type": "spot",
            "spot": True,
            "active": True,
            "contract": False,
            "precision": {"amount": "0.00001", "price": "0.01"},
            "info": {"orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"]},
        }
    )


CREATED = {
    "binance": ("newClientOrderId", "timeInForce", "IOC", "type", "LIMIT_MAKER"),
    "okx": ("clOrdId", "ordType", "ioc", "ordType", "post_only"),
    "bitget": ("clientOid", "force", "IOC", "force", "post_only"),
    "kucoin": ("clientOid", "timeInForce", "IOC", "postOnly", "True"),
    "gate": ("text", "time_in_force", "ioc", "time_in_force", "poc"),
    "bybit": ("orderLinkId", "timeInForce", "IOC", "timeInForce", "PostOnly"),
    "kraken": ("cl_ord_id", "timeinforce", "IOC", "oflags", "post"),
    "coinbase": (
        "client_order_id",
        "order_configuration",
        "sor_limit_ioc",
        "order_configuration",
        '"post_only": true',
    ),
}


@pytest.mark.parametrize("exchange", CREATED)
def test_an_order_carries_our_name_and_its_kind(exchange: str) -> None:
    habits = HABITS[exchange]
    field, kind_field, ioc, post_field, post = CREATED[exchange]
    told = {habits.create_key: habits.told(NAME)}

    def placed(**more: Any) -> Sent:
        params = told | more
        (sent,) = asked(
            exchange, lambda c: c.create_order(BTC, "limit", "buy", "0.01", "60000", params)
        )
        return sent

    taking, resting = placed(timeInForce="IOC"), placed(postOnly=True)

    for sent in (taking, resting):
        assert sent.method == "POST"
        assert sent.fields[field] == habits.told(NAME)
        assert "60000" in " ".join(sent.fields.values())
    assert ioc in taking.fields[kind_field]
    assert post in resting.fields[post_field]


FOUND = {
    "binance": (r"/order$", "origClientOrderId"),
    "okx": (r"/trade/order$", "clOrdId"),
    "bitget": (r"/orderInfo$", "clientOid"),
    "kucoin": (r"/client-order/{name}$", None),
    "gate": (r"/spot/orders/{name}$", None),
    "bybit": (r"/order/realtime$", "orderLinkId"),
    "kraken": (r"/OpenOrders$", "cl_ord_id"),
    "coinbase": (r"/historical/batch$", None),  # The list of all: there is no way to ask for one.
}


@pytest.mark.parametrize("exchange", FOUND)
def test_an_order_is_asked_for_by_our_name(exchange: str) -> None:
    habits = HABITS[exchange]
    path, field = FOUND[exchange]

    def find(client: Any) -> Coroutine[Any, Any, Any]:
        return Lookup(client, exchange, habits, Names(), utc_now).find(NAME, Symbol(BTC))

    sent = asked(exchange, find)[0]

    assert sent.method == ("POST" if exchange == "kraken" else "GET")
    assert re.search(path.format(name=re.escape(habits.told(NAME))), sent.path), sent.path
    if field is not None:
        assert sent.fields[field] == habits.told(NAME)


LISTED = {
    "bybit": ("/v5/order/history", "orderLinkId"),
    "kraken": ("/0/private/ClosedOrders", "cl_ord_id"),
}


@pytest.mark.parametrize("exchange", LISTED)
def test_closed_orders_are_looked_for_by_our_name_whatever_their_state(exchange: str) -> None:
    habits = HABITS[exchange]
    path, field = LISTED[exchange]

    async def find(client: Any) -> None:
        async def none(*_: Any) -> list[Any]:
            return []

        client.fetch_open_orders = none
        await Lookup(client, exchange, habits, Names(), utc_now).find(NAME, Symbol(BTC))

    (sent,) = asked(exchange, find)

    assert sent.path == path
    assert sent.fields[field] == habits.told(NAME)
    assert "orderStatus" not in sent.fields  # Partly filled and cancelled is a state of its own.


CANCELLED = {
    "binance": (r"/order$", "origClientOrderId"),
    "okx": (r"/cancel-order$", "clOrdId"),
    "bitget": (r"/cancel-order$", "clientOid"),
    "kucoin": (r"/client-order/{name}$", None),
    "gate": (r"/spot/orders/{name}$", None),
    "bybit": (r"/order/cancel$", "orderLinkId"),
    "kraken": (r"/CancelOrder$", "cl_ord_id"),
}


@pytest.mark.parametrize("exchange", CANCELLED)
def test_an_order_is_taken_back_by_our_name(exchange: str) -> None:
    habits = HABITS[exchange]
    path, field = CANCELLED[exchange]
    told = habits.told(NAME)
    identity, params = (None, {habits.cancel_key: told}) if habits.cancel_key else (told, {})

    (sent,) = asked(exchange, lambda client: client.cancel_order(identity, BTC, params))

    assert sent.method in {"DELETE", "POST"}
    assert re.search(path.format(name=re.escape(told)), sent.path), sent.path
    if field is not None:
        assert sent.fields[field] == told


def test_only_its_own_id_takes_an_order_of_coinbase_back() -> None:
    (sent,) = asked("coinbase", lambda client: client.cancel_order("V1", BTC))

    assert HABITS["coinbase"].cancel_key is None
    assert sent.fields["order_ids"] == "['V1']"


@pytest.mark.parametrize("exchange", ["okx", "kraken"])
def test_the_countdown_is_set_and_stopped(exchange: str) -> None:
    field = {"okx": "timeOut", "kraken": "timeout"}[exchange]
    for milliseconds, seconds in ((60_000, "60"), (0, "0")):
        (sent,) = asked(exchange, lambda client, m=milliseconds: client.cancel_all_orders_after(m))

        assert sent.fields[field] == seconds


def test_who_has_no_countdown_that_is_refreshed_says_so_in_the_table() -> None:
    with_it = {name for name, habits in HABITS.items() if habits.countdown is not None}

    assert with_it == {"okx", "kraken"}
    for name in (
        set(HABITS) - with_it - {"bybit"}
    ):  # Bybit's watches a connection, and cannot be refreshed.
        able = getattr(ccxt, name)().has
        assert able.get("cancelAllOrdersAfter") is not True


@pytest.mark.parametrize("exchange", [*CREATED, "binanceus"])
def test_trades_are_asked_for_from_a_time_to_a_time_at_every_exchange(exchange: str) -> None:
    start, end, page = 1_790_000_000_000, 1_790_000_100_000, HABITS[exchange].own_page
    (sent,) = asked(exchange, lambda c: c.fetch_my_trades(BTC, start, page, {"until": end}))
    values = " ".join(sent.fields.values())

    assert (
        any(str(start // unit) in values for unit in (1, 1_000)) or "2026-09-21T14:13:20" in values
    )
    assert any(f"{end // unit}"[:9] in values for unit in (1, 1_000)) or "14:15:00" in values
    assert int(sent.fields.get("limit", 0)) <= page


def test_finding_by_fetch_or_in_lists_is_said_of_each() -> None:
    in_lists = {name for name, habits in HABITS.items() if habits.find is Find.LISTS}

    assert in_lists == {"bybit", "kraken", "coinbase"}
