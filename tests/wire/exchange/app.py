"""The way of a request: faults on the line, limits, who is asking, the endpoint, faults on the way back."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from tests.wire.exchange import admin, private, public, spoiling, streams
from tests.wire.exchange.asking import Asked, Attempt, Exchange
from tests.wire.exchange.faults import Fault, Kind
from tests.wire.exchange.params import Params
from tests.wire.exchange.refusals import Refusal, said
from tests.wire.exchange.signing import Key, Window, check_signature, find_key, window_of


@dataclass(frozen=True, slots=True)
class Endpoint:
    answer: Callable[[Asked], Any]
    weight: int = 1
    signed: bool = False
    trades: bool = False  # Goes to the matching engine, where the window is checked again.


def _signed(answer: Callable[[Asked], Any], weight: int = 1, *, trades: bool = False) -> Endpoint:
    return Endpoint(answer, weight, signed=True, trades=trades)


API, SAPI = "/api/v3/", "/sapi/v1/"
ENDPOINTS: dict[str, Endpoint] = {
    "GET ping": Endpoint(public.ping),
    "GET time": Endpoint(public.time),
    "GET exchangeInfo": Endpoint(public.exchange_info, 20),
    "GET depth": Endpoint(public.depth, 5),
    "GET trades": Endpoint(public.trades, 25),
    "GET aggTrades": Endpoint(public.aggregate_trades, 4),
    "GET klines": Endpoint(public.klines, 2),
    "GET avgPrice": Endpoint(public.average_price, 2),
    "GET ticker/bookTicker": Endpoint(public.book_ticker, 2),
    "GET ticker/price": Endpoint(public.ticker_price, 2),
    "GET ticker/24hr": Endpoint(public.ticker_day, 2),
    "POST order": _signed(private.create_order, trades=True),
    "POST order/test": _signed(private.try_order),
    "GET order": _signed(private.get_order, 4),
    "DELETE order": _signed(private.cancel_order, trades=True),
    "GET openOrders": _signed(private.open_orders, 6),
    "DELETE openOrders": _signed(private.cancel_open_orders, trades=True),
    "GET allOrders": _signed(private.all_orders, 20),
    "GET myTrades": _signed(private.my_trades, 20),
    "GET account": _signed(private.account, 20),
    "GET account/commission": _signed(private.commission, 20),
    "GET system/status": Endpoint(public.system_status),
    "GET account/apiRestrictions": _signed(private.restrictions),
    "GET capital/config/getall": _signed(private.currencies, 10),
    "GET margin/allPairs": _signed(private.no_margin),
    "GET margin/isolated/allPairs": _signed(private.no_margin),
    "GET asset/tradeFee": _signed(private.trade_fee),
}
"""Every kind of request that a fault can be asked for, under the name it is asked for by."""


def make_app(exchange: Exchange) -> web.Application:
    app = web.Application()
    admin.add_routes(app, exchange)
    streams.add_routes(app, exchange)
    serving = Serving(exchange)
    app.router.add_route("*", "/{path:.*}", serving.serve)
    app.on_shutdown.append(serving.let_go)
    app.on_cleanup.append(serving.stop)
    return app


class Serving:
    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._late: set[asyncio.Task[None]] = set()
        self._is_over = asyncio.Event()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        name = _name_of(request)
        if name is None:
            return web.Response(status=404, text="<html><body>404 Not found</body></html>")
        body = await request.text()
        params, now = Params(request.query_string, body), self._exchange.now()
        fault = self._exchange.faults.pick(name, params.values.get("symbol"), now)
        sent = {key: value for key, value in params.values.items() if key != "signature"}
        attempt = Attempt(now, name, sent, fault and fault.kind.value)
        attempt.api_key = request.headers.get("X-MBX-APIKEY", "")
        self._exchange.attempts.append(attempt)
        response = await self._answer(request, body, params, attempt, fault)
        if fault is None or fault.kind in {Kind.DELAY, Kind.STALE}:
            return response
        return await spoiling.spoil(request, response, fault)

    async def let_go(self, _: web.Application) -> None:
        """End the waiting of all who would wait beyond the end."""
        self._is_over.set()

    async def stop(self, _: web.Application) -> None:
        for task in self._late:
            task.cancel()
        await asyncio.gather(*self._late, return_exceptions=True)

    async def _answer(
        self,
        request: web.Request,
        body: str,
        params: Params,
        attempt: Attempt,
        fault: Fault | None,
    ) -> web.Response:
        if fault is None:
            return await self._carry_out(request, body, params, attempt, None)
        if fault.kind is Kind.BAN:
            attempt.outcome = "dropped"
            return spoiling.NOTHING
        if fault.kind is Kind.LATE:
            self._carry_out_late(request, body, params, attempt, fault.seconds)
            return spoiling.NOTHING
        if fault.kind is Kind.DELAY:
            if not fault.accepted:
                await self._delay(fault.seconds)
                return await self._carry_out(request, body, params, attempt, None)
            response = await self._carry_out(request, body, params, attempt, None)
            await self._delay(fault.seconds)
            return response
        if not fault.accepted:
            attempt.outcome = "dropped"
            return spoiling.NOTHING
        return await self._carry_out(request, body, params, attempt, fault)

    async def _delay(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._is_over.wait(), seconds)

    def _carry_out_late(
        self, request: web.Request, body: str, params: Params, attempt: Attempt, seconds: float
    ) -> None:
        """The engine is slow. It looks at the window once more, when it comes to the order."""

        async def later() -> None:
            await self._carry_out(request, body, params, attempt, None, seconds)

        task = asyncio.get_running_loop().create_task(later())
        self._late.add(task)
        task.add_done_callback(self._late.discard)

    async def _carry_out(
        self,
        request: web.Request,
        body: str,
        params: Params,
        attempt: Attempt,
        fault: Fault | None,
        more_delay: float = 0.0,
    ) -> web.Response:
        exchange, endpoint = self._exchange, ENDPOINTS[attempt.request]
        orders = attempt.request == "POST order"
        try:
            exchange.limits.charge(endpoint.weight, exchange.now())
            key, window = self._identify(request, body, params) if endpoint.signed else (None, None)
            if orders:
                exchange.limits.charge_order(exchange.now())
            if endpoint.trades and key and window:
                await self._reach_engine(key, window, more_delay)
            now = exchange.now()
            exchange.engine.advance(now)
            stale = fault is not None and fault.kind is Kind.STALE
            as_of = now - int(fault.seconds * 1000) if fault and stale else None
            payload = endpoint.answer(Asked(exchange, params, now, key, as_of))
        except Refusal as refusal:
            attempt.outcome = f"code {refusal.code}"
            response = refused(refusal)
        else:
            attempt.outcome = "ok"
            if orders:
                attempt.order_id = payload["orderId"]
            response = web.json_response(payload, dumps=compact)
        response.headers.update(exchange.limits.headers(exchange.now(), orders=orders))
        return response

    def _identify(self, request: web.Request, body: str, params: Params) -> tuple[Key, Window]:
        params.check_not_repeated()
        key = find_key(self._exchange.keys, request.headers.get("X-MBX-APIKEY"))
        window = window_of(params)
        window.check(self._exchange.now())
        check_signature(key, request.rel_url.raw_query_string, body)
        return key, window

    async def _reach_engine(self, key: Key, window: Window, more_delay: float) -> None:
        if not key.may_trade:
            raise said(-2015)
        delay = more_delay + self._exchange.engine_delay_ms / 1000
        if delay:
            await asyncio.sleep(delay)
        window.check(self._exchange.now())


def _name_of(request: web.Request) -> str | None:
    for prefix in (API, SAPI):
        if request.path.startswith(prefix):
            name = f"{request.method} {request.path.removeprefix(prefix)}"
            return name if name in ENDPOINTS else None
    return None


def refused(refusal: Refusal) -> web.Response:
    response = web.json_response(
        {"code": refusal.code, "msg": refusal.message}, status=refusal.status, dumps=compact
    )
    if refusal.retry_after is not None:
        response.headers["Retry-After"] = str(refusal.retry_after)
    return response


def compact(payload: Any) -> str:
    return json.dumps(payload, separators=(",", ":"))
