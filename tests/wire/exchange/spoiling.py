"""How an answer is spoilt on its way back: sockets reset or closed, bodies cut, other things said."""

from __future__ import annotations

import asyncio
import json
import socket
import struct

from aiohttp import web

from tests.wire.exchange.faults import Fault, Kind
from tests.wire.exchange.refusals import SAID, Refusal

NOTHING = web.Response(status=500, text="Nothing was carried out, and this is never sent.")

PAGE = "<html>\r\n<head><title>{0}</title></head>\r\n<body><center><h1>{0}</h1></center></body></html>\r\n"
PAGES = {
    403: "403 Forbidden",
    500: "500 Internal Server Error",
    502: "502 Bad Gateway",
    503: "503 Service Temporarily Unavailable",
    504: "504 Gateway Time-out",
}
BANNED = {
    418: "Way too much request weight used; IP banned until {until}. Please use WebSocket Streams.",
    429: SAID[-1003][1],
}


async def spoil(request: web.Request, response: web.Response, fault: Fault) -> web.StreamResponse:
    match fault.kind:
        case Kind.RESET | Kind.CLOSE:
            hang_up(request, reset_it=fault.kind is Kind.RESET)
            return web.Response()
        case Kind.CODE | Kind.LATE:
            return _said(fault)
        case Kind.HTML:
            page = PAGE.format(PAGES.get(fault.status, str(fault.status)))
            return web.Response(status=fault.status, text=page, content_type="text/html")
        case Kind.BAN:
            return _banned(fault)
        case Kind.TRUNCATED:
            return await _truncated(request, response)
        case Kind.HALF_JSON:
            half = _text(response)[: len(_text(response)) // 2]
            return web.Response(status=200, text=half, content_type="application/json")
        case Kind.EMPTY:
            return web.Response(status=200, text="", content_type="application/json")
        case Kind.DELAY | Kind.STALE:
            return response


def hang_up(request: web.Request, *, reset_it: bool) -> None:
    if request.transport is not None:
        _hang_up(request.transport, reset_it=reset_it)


def hang_up_all(runner: web.AppRunner) -> None:
    for connection in runner.server.connections if runner.server else ():
        if connection.transport is not None:
            reset(connection.transport)


def _hang_up(transport: asyncio.BaseTransport, *, reset_it: bool) -> None:
    if reset_it:
        reset(transport)
    elif isinstance(transport, asyncio.WriteTransport):
        transport.abort()


def reset(transport: asyncio.BaseTransport) -> None:
    """With no time to linger the kernel sends RST where it would send FIN."""
    sock = transport.get_extra_info("socket")
    if sock is not None and not transport.is_closing():
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    if isinstance(transport, asyncio.WriteTransport):
        transport.abort()


def _said(fault: Fault) -> web.Response:
    status, message = SAID[fault.code]
    return _answer(Refusal(fault.code, message, status), fault.retry_after)


def _banned(fault: Fault) -> web.Response:
    status = fault.status if fault.status in BANNED else 429
    message = BANNED[status].format(until=0)
    return _answer(Refusal(-1003, message, status), fault.retry_after)


def _answer(refusal: Refusal, retry_after: int | None) -> web.Response:
    body = json.dumps({"code": refusal.code, "msg": refusal.message}, separators=(",", ":"))
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return web.Response(
        status=refusal.status, text=body, headers=headers, content_type="application/json"
    )


async def _truncated(request: web.Request, response: web.Response) -> web.StreamResponse:
    whole = _text(response).encode()
    cut = web.StreamResponse(headers={"Content-Type": "application/json"})
    cut.content_length = len(whole)
    await cut.prepare(request)
    await cut.write(whole[: len(whole) // 2])
    if request.transport is not None:
        request.transport.close()
    return cut


def _text(response: web.Response) -> str:
    return response.text or ""
