"""Websockets: public trades, books and touches; and over the request API what happens to an account."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from aiohttp import WSMsgType, web

from tests.wire.exchange.asking import Exchange
from tests.wire.exchange.ledger import Account
from tests.wire.exchange.market import Print
from tests.wire.exchange.params import Params
from tests.wire.exchange.public import aggregate
from tests.wire.exchange.refusals import Refusal
from tests.wire.exchange.reports import balances_report, execution_report
from tests.wire.exchange.signing import check_signature, find_key, window_of
from tests.wire.exchange.symbols import text

PERIOD_SECONDS = 0.05


def add_routes(app: web.Application, exchange: Exchange) -> None:
    async def market(request: web.Request) -> web.StreamResponse:
        return await MarketSocket(exchange).serve(request)

    async def api(request: web.Request) -> web.StreamResponse:
        return await ApiSocket(exchange).serve(request)

    for path in ("/ws", "/ws/{tail:.*}", "/stream", "/stream/ws", "/stream/ws/{tail:.*}"):
        app.router.add_get(path, market)
    app.router.add_get("/ws-api/v3", api)


class Socket:
    """Answers what it is asked, and every so often says what is new."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self._socket = web.WebSocketResponse(heartbeat=20)
        self._held: list[str] = []

    async def serve(self, request: web.Request) -> web.StreamResponse:
        if self.exchange.sockets.are_refused:
            return web.Response(status=503)
        await self._socket.prepare(request)
        self.begin(request)
        self.exchange.sockets.open += 1
        self.exchange.sockets.ever += 1
        telling = asyncio.get_running_loop().create_task(self._tell())
        try:
            async for message in self._socket:
                if message.type is WSMsgType.TEXT:
                    answer = self.answer(json.loads(message.data))
                    await self._socket.send_json(answer)
        except ConnectionError:
            pass
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)
            self.exchange.sockets.open -= 1
        return self._socket

    async def _tell(self) -> None:
        while not self._socket.closed:
            now = self.exchange.now()
            self.exchange.engine.advance(now)
            news = self.news(now)
            told = [] if now < self.exchange.muted_until else [json.dumps(one) for one in news]
            for one in self.exchange.sockets.spoil(told, self._held):
                await self._socket.send_str(one)
            await asyncio.sleep(PERIOD_SECONDS)

    def begin(self, request: web.Request) -> None:
        raise NotImplementedError

    def answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        raise NotImplementedError

    def news(self, now: int) -> list[dict[str, Any]]:
        """Everything since the last time. What is not sent then is lost."""
        raise NotImplementedError


class MarketSocket(Socket):
    def __init__(self, exchange: Exchange) -> None:
        super().__init__(exchange)
        self._wrapped = False
        self._told: dict[str, int] = {}  # By stream, the id of what was told last.

    def begin(self, request: web.Request) -> None:
        combined = request.query.get("streams")
        self._wrapped = combined is not None
        tail = request.match_info.get("tail", "")
        names = combined.split("/") if combined else [name for name in [tail] if "@" in name]
        for name in names:
            self._subscribe(name)

    def answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        match asked.get("method"):
            case "SUBSCRIBE":
                for name in asked["params"]:
                    self._subscribe(name)
                return {"result": None, "id": asked.get("id")}
            case "UNSUBSCRIBE":
                for name in asked["params"]:
                    self._told.pop(name, None)
                return {"result": None, "id": asked.get("id")}
            case "LIST_SUBSCRIPTIONS":
                return {"result": list(self._told), "id": asked.get("id")}
            case method:
                message = f"Invalid request: unknown variant {method}"
                return {"error": {"code": 2, "msg": message}, "id": asked.get("id")}

    def news(self, now: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for name, told in list(self._told.items()):
            symbol, _, channel = name.partition("@")
            self._told[name], news = self._of(symbol.upper(), channel.partition("@")[0], told, now)
            found += [{"stream": name, "data": one} for one in news] if self._wrapped else news
        return found

    def _subscribe(self, name: str) -> None:
        symbol, _, channel = name.partition("@")
        if symbol.upper() not in self.exchange.engine.markets:
            return  # The exchange takes any name, and has nothing to say about it.
        self.exchange.sockets.subscriptions += 1
        now = self.exchange.now()
        feed = self.exchange.feeds[symbol.upper()]
        feed.look(self.exchange.engine, now)
        # Touches are told at once, the rest from now on.
        aggregates = self.exchange.aggregates[symbol.upper()]
        aggregates.look(now)
        first = {
            "trade": now * 1000,
            "aggTrade": aggregates.last,
            "bookTicker": feed.update_id - 1,
        }
        self._told[name] = first.get(channel.partition("@")[0], feed.update_id)

    def _of(
        self, symbol: str, channel: str, told: int, now: int
    ) -> tuple[int, list[dict[str, Any]]]:
        if channel == "aggTrade":
            aggregates = self.exchange.aggregates[symbol]
            aggregates.look(now)
            told_now = aggregates.since(told + 1)
            told_by = {"e": channel, "E": now, "s": symbol}
            return aggregates.last, [told_by | aggregate(each) for each in told_now]
        if channel == "trade":
            tape = self.exchange.engine.markets[symbol].tape(told // 1000 - 1, now)
            trades = [trade for trade in tape if trade.trade_id > told]
            last = trades[-1].trade_id if trades else told
            return last, [_trade(channel, symbol, trade, now) for trade in trades]
        feed = self.exchange.feeds[symbol]
        feed.look(self.exchange.engine, now)
        if channel == "bookTicker":
            touch = _touch(symbol, feed.update_id, feed.bids, feed.asks)
            return feed.update_id, [touch] if feed.update_id > told else []
        if channel == "depth":
            changes = feed.since(told)
            rows = [
                {
                    "e": "depthUpdate",
                    "E": change.at,
                    "s": symbol,
                    "U": change.update_id,
                    "u": change.update_id,
                    "b": _rows(change.bids),
                    "a": _rows(change.asks),
                }
                for change in changes
            ]
            return feed.update_id, rows
        return told, []


class ApiSocket(Socket):
    """Only what a user data stream needs."""

    def __init__(self, exchange: Exchange) -> None:
        super().__init__(exchange)
        self._followed: dict[int, tuple[Account, int]] = {}

    def begin(self, request: web.Request) -> None:
        pass

    def answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        try:
            return {"id": asked.get("id"), "status": 200, "result": self._result(asked)}
        except Refusal as refusal:
            error = {"code": refusal.code, "msg": refusal.message}
            return {"id": asked.get("id"), "status": refusal.status, "error": error}

    def _result(self, asked: dict[str, Any]) -> dict[str, Any]:
        match asked.get("method"):
            case "ping":
                return {}
            case "time":
                return {"serverTime": self.exchange.now()}
            case "userDataStream.subscribe.signature":
                return {"subscriptionId": self._follow(asked.get("params", {}))}
            case "userDataStream.unsubscribe":
                self._followed.clear()
                return {}
            case method:
                raise Refusal(-1000, f"Unknown method '{method}'.")

    def _follow(self, params: dict[str, Any]) -> int:
        key = find_key(self.exchange.keys, params.get("apiKey"))
        # Signed are the parameters in the order of their names.
        query = urlencode(sorted((name, str(value)) for name, value in params.items()))
        window_of(Params(query)).check(self.exchange.now())
        check_signature(key, query, "")
        account = self.exchange.account(key.uid)
        number, self.exchange.followers = len(self._followed), self.exchange.followers + 1
        self._followed[number] = (account, len(account.log))
        return number

    def news(self, now: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for number, (account, told) in list(self._followed.items()):
            for order, fill in account.log[told:]:
                events = [balances_report(account, order, now), execution_report(order, fill, now)]
                found += [{"subscriptionId": number, "event": event} for event in events]
            self._followed[number] = (account, len(account.log))
        return found


def _trade(channel: str, symbol: str, trade: Print, now: int) -> dict[str, Any]:
    return {
        "e": channel,
        "E": now,
        "s": symbol,
        "t": trade.trade_id,
        "p": text(trade.price),
        "q": text(trade.quantity),
        "T": trade.at,
        "m": trade.taker == "SELL",
        "M": True,
    }


def _touch(
    symbol: str, update_id: int, bids: dict[Decimal, Decimal], asks: dict[Decimal, Decimal]
) -> dict[str, Any]:
    bid, ask = next(iter(_rows(bids)), ["0", "0"]), next(iter(_rows(asks)), ["0", "0"])
    return {"u": update_id, "s": symbol, "b": bid[0], "B": bid[1], "a": ask[0], "A": ask[1]}


def _rows(levels: dict[Decimal, Decimal]) -> list[list[str]]:
    return [[text(price), text(size)] for price, size in levels.items()]
