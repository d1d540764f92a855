"""A small exchange of Kraken's protocol, as ccxt's source and the exchange's documents describe it: one spot pair.

Its book stands still and never runs out; trades of the others happen when a test says so. It is there for what differs
from Binance: names of orders, errors in answers with status 200, signatures and nonces, a deadline for each order, the
cancel-all countdown, and sockets of another kind.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import WSMsgType, web

PAIR, ALTNAME, WSNAME = "XXBTZUSD", "XBTUSD", "XBT/USD"
BID, ASK = Decimal("59999.9"), Decimal("60000.1")
KEY = "krakenKey0001"
SECRET = base64.b64encode(b"a secret of the local exchange").decode()
NONCE_WINDOW = 10_000
PAGE = 50
_NAME = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[ -~]{1,18}")


class Refused(Exception):
    """Kraken says so in a list, with status 200."""


@dataclass
class Order:
    txid: str
    name: str | None
    side: str
    quantity: Decimal
    price: Decimal
    flags: str
    at: float
    status: str = "open"
    filled: Decimal = Decimal(0)
    closed_at: float = 0.0
    trades: list[str] = field(default_factory=list[str])

    @property
    def shown(self) -> dict[str, Any]:
        number = f"{self.quantity:.8f}"
        return {
            "refid": None,
            "userref": None,
            "cl_ord_id": self.name,
            "status": self.status,
            "opentm": self.at,
            "closetm": self.closed_at,
            "descr": {
                "pair": ALTNAME,
                "type": self.side,
                "ordertype": "limit",
                "price": f"{self.price}",
                "price2": "0",
                "order": f"{self.side} {number} {ALTNAME} @ limit {self.price}",
            },
            "vol": number,
            "vol_exec": f"{self.filled:.8f}",
            "cost": f"{self.filled * self.price:.5f}",
            "fee": "0.00000",
            "price": f"{self.price if self.filled else 0}",
            "misc": "",
            "oflags": self.flags,
        }


class Kraken:
    """The exchange itself, on the loop of its thread."""

    def __init__(self) -> None:
        self.orders: dict[str, Order] = {}
        self.trades: dict[str, dict[str, Any]] = {}
        self.tape: list[list[Any]] = []
        self.attempts: list[tuple[str, dict[str, str]]] = []
        self.faults: list[tuple[str, str]] = []
        self.countdowns: list[int] = []
        self.sockets: set[web.WebSocketResponse] = set()
        self.followers: set[web.WebSocketResponse] = set()
        self._trigger: asyncio.TimerHandle | None = None
        self._nonce = 0
        self._late: set[asyncio.Task[None]] = set()

    # --- Trading -------------------------------------------------------------------------------------

    def add_order(self, sent: dict[str, str]) -> Any:
        name, now = sent.get("cl_ord_id"), time.time()
        if sent["pair"] not in {PAIR, ALTNAME}:
            raise Refused("EQuery:Unknown asset pair")
        if name is not None and not _NAME.fullmatch(name):
            raise Refused("EGeneral:Invalid arguments:cl_ord_id")
        if any(o.name == name and o.status == "open" for o in self.orders.values() if name):
            raise Refused("EOrder:Its name for this is in no document that was read")
        if (deadline := sent.get("deadline")) is not None:
            at = datetime.strptime(deadline, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
            if now > at.timestamp():
                raise Refused("EService:Deadline elapsed")
        quantity, price = Decimal(sent["volume"]), Decimal(sent["price"])
        if quantity < Decimal("0.0001"):
            raise Refused("EOrder:Order minimum not met")
        crosses = price >= ASK if sent["type"] == "buy" else price <= BID
        if crosses and "post" in sent.get("oflags", ""):
            raise Refused("EOrder:Post only order")
        number = len(self.orders) + 1
        order = Order(
            f"O{number:05}-AAAAA-BBBBBB", name, sent["type"], quantity, price, "fciq", now
        )
        self.orders[order.txid] = order
        if crosses:
            self._fill(order, quantity, ASK if order.side == "buy" else BID, is_maker=False)
        elif sent.get("timeinforce") == "IOC":
            self._close(order, "canceled")
        descr = {"order": order.shown["descr"]["order"]}
        return {"descr": descr, "txid": [order.txid]}

    def _fill(self, order: Order, quantity: Decimal, price: Decimal, *, is_maker: bool) -> None:
        order.filled += quantity
        number = self.print(price, quantity, order.side if not is_maker else "sell")
        identity = f"T{number:05}-CCCCC-DDDDDD"
        order.trades.append(identity)
        self.trades[identity] = {
            "ordertxid": order.txid,
            "postxid": "TKH2SE-M7IF5-CFI7LT",
            "pair": PAIR,
            "time": time.time(),
            "type": order.side,
            "ordertype": "limit",
            "price": f"{price}",
            "cost": f"{price * quantity:.5f}",
            "fee": f"{price * quantity * Decimal('0.0025'):.5f}",
            "vol": f"{quantity:.8f}",
            "margin": "0.00000",
            "misc": "",
            "trade_id": number,
            "maker": is_maker,
        }
        if order.filled == order.quantity:
            self._close(order, "closed")

    def print(self, price: Decimal, quantity: Decimal, side: str) -> int:
        """A trade happens, whoever's it is: it is on the tape, and told on the sockets."""
        number, now = 4_665_000 + len(self.tape), time.time()
        self.tape.append([f"{price}", f"{quantity:.8f}", now, side[0], "l", "", number])
        told = {
            "symbol": "BTC/USD",
            "side": side,
            "price": float(price),
            "qty": float(quantity),
            "ord_type": "limit",
            "trade_id": number,
            "timestamp": f"{datetime.fromtimestamp(now, UTC):%Y-%m-%dT%H:%M:%S.%fZ}",
        }
        self._tell({"channel": "trade", "type": "update", "data": [told]})
        return number

    def outside_trade(self, price: str, quantity: str) -> None:
        """The others sell that much, into our resting orders first."""
        left = Decimal(quantity)
        for order in self.orders.values():
            if order.status == "open" and order.side == "buy" and order.price >= Decimal(price):
                part = min(left, order.quantity - order.filled)
                if part:
                    self._fill(order, part, order.price, is_maker=True)
                    left -= part
        if left:
            self.print(Decimal(price), left, "sell")

    def _close(self, order: Order, status: str) -> None:
        order.status, order.closed_at = status, time.time()

    def cancel(self, sent: dict[str, str]) -> Any:
        asked = sent.get("cl_ord_id") or sent.get("txid")
        found = [
            o for o in self.orders.values() if o.status == "open" and asked in {o.name, o.txid}
        ]
        if not found:
            raise Refused("EOrder:Unknown order")
        self._close(found[0], "canceled")
        return {"count": 1}

    def cancel_all_after(self, sent: dict[str, str]) -> Any:
        seconds = int(sent["timeout"])
        self.countdowns.append(seconds)
        if self._trigger is not None:
            self._trigger.cancel()
        self._trigger = None
        if seconds:
            self._trigger = asyncio.get_running_loop().call_later(seconds, self._cancel_all)
        return {"currentTime": "2026-03-24T17:41:56Z", "triggerTime": "2026-03-24T17:42:56Z"}

    def _cancel_all(self) -> None:
        for order in self.orders.values():
            if order.status == "open":
                self._close(order, "canceled")

    # --- Being asked ---------------------------------------------------------------------------------

    def listed(self, sent: dict[str, str], *, is_open: bool) -> Any:
        name = sent.get("cl_ord_id")
        found = [
            o
            for o in self.orders.values()
            if (o.status == "open") is is_open and name in {None, o.name}
        ]
        page = found[::-1][:PAGE]
        return {("open" if is_open else "closed"): {o.txid: o.shown for o in page}}

    def query(self, sent: dict[str, str]) -> Any:
        order = self.orders.get(sent["txid"])
        if order is None:
            raise Refused("EOrder:Invalid order")
        return {order.txid: order.shown | {"trades": order.trades}}

    def history(self, sent: dict[str, str]) -> Any:
        start, end = float(sent.get("start", 0)), float(sent.get("end", 1e12))
        found = {n: trade for n, trade in self.trades.items() if start < trade["time"] <= end}
        first = int(sent.get("ofs", 0))
        page = list(found.items())[::-1][first : first + PAGE]
        return {"trades": dict(page), "count": len(found)}

    def public(self, what: str, query: dict[str, str]) -> Any:
        match what:
            case "Time":
                return {"unixtime": int(time.time()), "rfc1123": "-"}
            case "AssetPairs":
                return {PAIR: _PAIR}
            case "Depth":
                rows = {"asks": [[f"{ASK}", "900.000", 1]], "bids": [[f"{BID}", "900.000", 1]]}
                return {PAIR: rows}
            case "Trades":
                since = float(query.get("since", 0))
                found = [row for row in self.tape if row[2] >= since][
                    : int(query.get("count", 1000))
                ]
                last = f"{int(found[-1][2] * 1e9)}" if found else "0"
                return {PAIR: [list(row) for row in found], "last": last}
            case "OHLC":
                return {PAIR: [], "last": 0}
        raise Refused("EGeneral:Unknown method")

    def private(self, what: str, sent: dict[str, str]) -> Any:
        match what:
            case "AddOrder":
                return self.add_order(sent)
            case "CancelOrder":
                return self.cancel(sent)
            case "CancelAllOrdersAfter":
                return self.cancel_all_after(sent)
            case "OpenOrders":
                return self.listed(sent, is_open=True)
            case "ClosedOrders":
                return self.listed(sent, is_open=False)
            case "QueryOrders":
                return self.query(sent)
            case "TradesHistory":
                return self.history(sent)
            case "BalanceEx":
                rich = {"balance": "1000000.0", "hold_trade": "0.0"}
                return {"ZUSD": rich, "XXBT": {"balance": "100.0", "hold_trade": "0.0"}}
            case "TradeVolume":
                fees = {"fees": {PAIR: {"fee": "0.2500"}}, "fees_maker": {PAIR: {"fee": "0.1600"}}}
                return {"currency": "ZUSD", "volume": "0.0", **fees}
        raise Refused("EGeneral:Unknown method")

    # --- The way of a request ------------------------------------------------------------------------

    async def serve(self, request: web.Request) -> web.StreamResponse:
        what, body = request.match_info["what"], await request.text()
        if request.method == "GET":
            return self._answered(lambda: self.public(what, dict(request.query)))
        sent = dict(parse_qsl(body))
        self.attempts.append((what, {k: v for k, v in sent.items() if k != "nonce"}))
        try:
            self._check(request, body, sent)
        except Refused as refused:
            return web.json_response({"error": [str(refused)]})
        fault = next((how for on, how in self.faults if on == what), None)
        if fault is None:
            return self._answered(lambda: self.private(what, sent))
        self.faults.remove((what, fault))
        match fault:
            case "lose":
                self._answered(lambda: self.private(what, sent))
            case "late":
                task = asyncio.get_running_loop().create_task(self._carry_out_late(what, sent))
                self._late.add(task)
            case "drop":
                pass
            case said:
                return web.json_response({"error": [said]})
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async def _carry_out_late(self, what: str, sent: dict[str, str]) -> None:
        await asyncio.sleep(4)
        self._answered(lambda: self.private(what, sent))

    def _answered(self, work: Callable[[], Any]) -> web.Response:
        try:
            return web.json_response({"error": [], "result": work()})
        except Refused as refused:
            return web.json_response({"error": [str(refused)]})

    def _check(self, request: web.Request, body: str, sent: dict[str, str]) -> None:
        nonce = sent.get("nonce", "")
        hashed = hashlib.sha256((nonce + body).encode()).digest()
        signed = hmac.new(base64.b64decode(SECRET), request.path.encode() + hashed, hashlib.sha512)
        if request.headers.get("API-Key") != KEY:
            raise Refused("EAPI:Invalid key")
        if request.headers.get("API-Sign") != base64.b64encode(signed.digest()).decode():
            raise Refused("EAPI:Invalid signature")
        if int(nonce) <= self._nonce - NONCE_WINDOW:
            raise Refused("EAPI:Invalid nonce")
        self._nonce = max(self._nonce, int(nonce))

    # --- Sockets -------------------------------------------------------------------------------------

    async def listen(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets.add(socket)
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                continue
            asked = json.loads(message.data)
            if asked.get("method") != "subscribe":
                continue
            channel = asked["params"]["channel"]
            result = {"channel": channel, "symbol": "BTC/USD"}
            answer = {"method": "subscribe", "req_id": asked.get("req_id"), "result": result}
            await socket.send_json(answer | {"success": True})
            if channel == "trade":
                self.followers.add(socket)
            if channel == "ticker":
                touch = {"symbol": "BTC/USD", "bid": float(BID), "bid_qty": 900.0}
                touch |= {"ask": float(ASK), "ask_qty": 900.0}
                await socket.send_json({"channel": "ticker", "type": "snapshot", "data": [touch]})
        self.sockets.discard(socket)
        self.followers.discard(socket)
        return socket

    def _tell(self, message: dict[str, Any]) -> None:
        for socket in self.followers:
            task = asyncio.get_running_loop().create_task(socket.send_json(message))
            self._late.add(task)
            task.add_done_callback(self._late.discard)


_PAIR = {
    "altname": ALTNAME,
    "wsname": WSNAME,
    "aclass_base": "currency",
    "base": "XXBT",
    "aclass_quote": "currency",
    "quote": "ZUSD",
    "lot": "unit",
    "pair_decimals": 1,
    "lot_decimals": 8,
    "lot_multiplier": 1,
    "leverage_buy": [],
    "leverage_sell": [],
    "fees": [[0, 0.4]],
    "fees_maker": [[0, 0.25]],
    "ordermin": "0.0001",
    "costmin": "0.5",
    "tick_size": "0.1",
    "status": "online",
}
