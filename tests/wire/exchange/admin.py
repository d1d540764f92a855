"""A door for tests that run the exchange as a process of its own: its ledger, its faults, its market."""

from __future__ import annotations

import json
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from aiohttp import web

from tests.wire.exchange.asking import Exchange
from tests.wire.exchange.faults import PROFILES, Fault, maintenance, outage
from tests.wire.exchange.ledger import Account
from tests.wire.exchange.ordering import order_shown, trade_shown


def ledger_of(exchange: Exchange) -> dict[str, Any]:
    """All there is to know, as JSON; the market is brought up to date first."""
    exchange.engine.advance(exchange.now())
    return {
        "accounts": [_account(account) for account in exchange.engine.accounts],
        "attempts": [
            asdict(attempt) | {"client_order_id": attempt.client_order_id}
            for attempt in exchange.attempts
            if not attempt.request.startswith("GET ")
        ],
        "requests": _counts(exchange),
    }


def _account(account: Account) -> dict[str, Any]:
    return {
        "uid": account.uid,
        "balances": {
            asset: {"free": f"{balance.free:f}", "locked": f"{balance.locked:f}"}
            for asset, balance in account.balances.items()
        },
        "deposited": {asset: f"{amount:f}" for asset, amount in account.deposited.items()},
        "orders": [order_shown(order) for order in account.orders()],
        "trades": [
            trade_shown(fill) | {"clientOrderId": fill.client_order_id} for fill in account.fills
        ],
        "discrepancies": {what: f"{off:f}" for what, off in account.discrepancies().items()},
    }


def _counts(exchange: Exchange) -> dict[str, int]:
    names = [attempt.request for attempt in exchange.attempts]
    return {name: names.count(name) for name in sorted(set(names))}


class Admin:
    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    async def ledger(self, _: web.Request) -> web.Response:
        return web.json_response(ledger_of(self._exchange))

    async def faults(self, _: web.Request) -> web.Response:
        faults = self._exchange.faults
        armed = [asdict(fault) for fault in faults.armed()]
        struck = [{"request": name} | asdict(fault) for name, fault in faults.struck]
        return web.json_response({"armed": armed, "struck": struck})

    async def add_faults(self, request: web.Request) -> web.Response:
        """A list of faults, or {"profile": name}, {"maintenance": seconds}, {"outage": seconds}."""
        asked = json.loads(await request.text())
        if isinstance(asked, list):
            faults = tuple(Fault.of(fields) for fields in asked)
        elif "profile" in asked:
            faults = PROFILES[asked["profile"]]
        elif "maintenance" in asked:
            faults = maintenance(asked["maintenance"])
        elif "outage" in asked:
            faults = outage(asked["outage"])
        else:
            faults = (Fault.of(asked),)
        self._exchange.faults.add(faults, self._exchange.now())
        return await self.faults(request)

    async def clear_faults(self, request: web.Request) -> web.Response:
        self._exchange.faults.clear()
        return await self.faults(request)

    async def change(self, request: web.Request) -> web.Response:
        """Any of clock_offset_ms, engine_delay_ms, mute_seconds, refuse_seconds, deposit, status, move, trade.

        They are {"USDT": "5"}, {"BTCUSDT": "BREAK"}, {"BTCUSDT": ticks}, and a trade of the others with
        symbol, taker, price and quantity.
        """
        exchange = self._exchange
        asked = json.loads(await request.text())
        exchange.clock_offset_ms = asked.get("clock_offset_ms", exchange.clock_offset_ms)
        exchange.engine_delay_ms = asked.get("engine_delay_ms", exchange.engine_delay_ms)
        now = exchange.now()
        exchange.muted_until = now + int(asked.get("mute_seconds", 0) * 1000)
        if exchange.refuse_for is not None and "refuse_seconds" in asked:
            exchange.refuse_for(asked["refuse_seconds"])
        for asset, amount in asked.get("deposit", {}).items():
            exchange.engine.accounts[0].deposit(asset, Decimal(amount))
        for symbol, status in asked.get("status", {}).items():
            exchange.set_status(symbol, status)
        for symbol, ticks in asked.get("move", {}).items():
            exchange.engine.move(symbol, ticks, now)
        if trade := asked.get("trade"):
            exchange.engine.outside_trade(
                trade["symbol"],
                trade["taker"],
                Decimal(trade["price"]),
                Decimal(trade["quantity"]),
                now,
            )
        return web.json_response({})


def add_routes(app: web.Application, exchange: Exchange) -> None:
    door = Admin(exchange)
    app.router.add_get("/admin/ledger", door.ledger)
    app.router.add_get("/admin/faults", door.faults)
    app.router.add_post("/admin/faults", door.add_faults)
    app.router.add_delete("/admin/faults", door.clear_faults)
    app.router.add_post("/admin/exchange", door.change)
