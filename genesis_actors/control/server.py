"""The door itself: sockets, routes, limits, and how every error ends.

What is done for a request is the desk's affair.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import socket
import threading
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, TypeVar

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel

from genesis_actors.control.client import MODE_HEADER
from genesis_actors.control.desk import Desk, House
from genesis_actors.control.entrance import Entrance
from genesis_actors.control.errors import RequestHandler, internal_error, refused
from genesis_actors.control.guard import HEAD_SECONDS, MAX_CONNECTIONS, Guard, Guards
from genesis_actors.control.prices import Prices
from genesis_actors.control.protocol import (
    Goal,
    HaltRequest,
    Nothing,
    ResumeRequest,
    SettleRequest,
    StopMode,
    StopRequest,
    parse_amendment,
    parse_order,
    parse_request,
)
from genesis_actors.control.refusals import Refusal, bad_request, explained
from genesis_actors.control.streaming import STUCK_SECONDS, Reader, Wanted
from genesis_actors.control.tail import sequence_before
from genesis_actors.domain.attribution import By
from genesis_actors.engine import Engine
from genesis_actors.logs import get_logger
from genesis_actors.messages.persistence import ExecutionRow
from genesis_actors.metrics import Metrics
from genesis_actors.notation import parse_decimal, parse_since, parse_symbol
from genesis_actors.values import Symbol, parse_time

R = TypeVar("R", bound=BaseModel)

MAX_BODY_BYTES: Final = 64 * 1024
BODY_SECONDS: Final = 10.0
MAX_READERS: Final = 64
MAX_WAITING: Final = 128
ASK_AGAIN_SECONDS: Final = 1
LONGEST_WAIT_SECONDS: Final = 60.0
CLOSE_SECONDS: Final = 5.0
FAREWELL_SECONDS: Final = 1.0
LOOK_SECONDS: Final = 5.0
DEFAULT_EVENTS: Final = 200
MOST_AT_ONCE: Final = 1_000
LAG_EVERY_SECONDS: Final = 1.0

_MUST_GET_IN: Final = frozenset(
    {
        ("GET", "/v1/daemon"),
        ("POST", "/v1/daemon/stop"),
        ("POST", "/v1/halt"),
        ("POST", "/v1/unhalt"),
    }
)

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

log = get_logger()


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a client may take, and how many may be there."""

    head_seconds: float = HEAD_SECONDS
    body_seconds: float = BODY_SECONDS
    stuck_seconds: float = STUCK_SECONDS
    max_connections: int = MAX_CONNECTIONS
    max_readers: int = MAX_READERS
    max_waiting: int = MAX_WAITING


@dataclass(frozen=True, slots=True)
class Port:
    """A port of this machine, for whoever knows the token."""

    number: int
    token: str


class Door:
    """Lets clients in, on a thread and an event loop of its own: actors never wait for them."""

    def __init__(
        self,
        engine: Engine,
        house: House,
        *,
        on_stop: Callable[[StopMode], None],
        prices: Prices | None = None,
        port: Port | None = None,
        metrics_port: int | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._engine = engine
        self._house = house
        self._on_stop = on_stop
        self._prices = Prices() if prices is None else prices
        self._port = port
        self._metrics_port = metrics_port
        self._metrics = Metrics(engine)
        self._limits = limits or Limits()
        self._guards = Guards(
            head_seconds=self._limits.head_seconds, max_connections=self._limits.max_connections
        )
        self._readers = 0
        self._waiting = 0
        self._loop = asyncio.new_event_loop()
        self._over: asyncio.Event | None = None
        self._desk: Desk | None = None
        self._is_open = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="door", daemon=True)

    def open(self) -> None:
        """Return when clients are let in. Raises DoorError, StorageError."""
        self._thread.start()
        self._is_open.wait()
        if self._failure is not None:
            raise self._failure

    def refuse_starts(self) -> None:
        """From now on start nothing new; everything else is still answered."""
        if self._desk is not None:
            self._desk.is_stopping = True

    def open_executions(self) -> tuple[ExecutionRow, ...] | None:
        """Return what became durable of all that is open; None as long as a start is in hand, or nobody can say."""
        asked = asyncio.run_coroutine_threadsafe(self._open_executions(), self._loop)
        try:
            return asked.result(LOOK_SECONDS)
        except TimeoutError:
            asked.cancel()
            return None

    async def _open_executions(self) -> tuple[ExecutionRow, ...] | None:
        return None if self._served.starts_in_hand else self._served.board.open_rows()

    def close(self) -> None:
        """Answer what is in hand, then let nobody in any more."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._leave)
        self._thread.join(CLOSE_SECONDS)

    def _leave(self) -> None:
        if self._over is not None:
            self._over.set()

    # --- The thread ------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        except BaseException as error:  # noqa: BLE001 - whoever opened the door is told
            self._failure = error
        finally:
            self._loop.close()
            self._is_open.set()

    async def _serve(self) -> None:
        # What HTTP's parser makes of garbage is its sender's affair.
        logging.getLogger("aiohttp").setLevel(logging.CRITICAL)
        self._over = asyncio.Event()
        self._desk = desk = Desk(self._engine, self._house, self._prices)
        path = Path(self._house.socket)
        runner = self._runner()
        await runner.setup()
        entrance = self._entrance(path, runner)
        beside = [asyncio.create_task(desk.tail.run()), asyncio.create_task(self._watch_loop())]
        try:
            await desk.open()
            await entrance.open()
            beside.append(asyncio.create_task(entrance.mind()))
            self._is_open.set()
            await self._over.wait()
        finally:
            await _end(beside)
            entrance.close()
            await desk.let_go()
            await runner.cleanup()
            # A request that did not want to end in time.
            await _end(asyncio.all_tasks() - {asyncio.current_task()})
            await self._guards.see_off(FAREWELL_SECONDS)
            desk.close()

    def _runner(self) -> web.AppRunner:
        app = web.Application(middlewares=[self._answer], client_max_size=MAX_BODY_BYTES)
        app.add_routes(
            [
                web.get("/v1/daemon", self._about),
                web.post("/v1/daemon/stop", self._stop),
                web.get("/v1/executions", self._executions),
                web.post("/v1/executions", self._start),
                web.get("/v1/executions/{id}", self._show),
                web.get("/v1/executions/{id}/slices", self._slices),
                web.get("/v1/executions/{id}/fills", self._fills),
                web.get("/v1/executions/{id}/report", self._report),
                web.get("/v1/executions/{id}/journal", self._journal),
                web.get("/v1/executions/{id}/wait", self._wait),
                web.post("/v1/executions/{id}/pause", self._pause),
                web.post("/v1/executions/{id}/resume", self._resume),
                web.post("/v1/executions/{id}/cancel", self._cancel),
                web.post("/v1/executions/{id}/amend", self._amend),
                web.post("/v1/executions/{id}/settle", self._settle),
                web.get("/v1/symbols", self._symbols),
                web.post("/v1/plan", self._plan),
                web.get("/v1/market", self._market),
                web.post("/v1/halt", self._halt),
                web.post("/v1/unhalt", self._unhalt),
                web.get("/v1/events", self._events),
                web.get("/v1/tca", self._tca),
                web.get("/metrics", self._tell_metrics),
            ]
        )
        return web.AppRunner(app, handle_signals=False, shutdown_timeout=FAREWELL_SECONDS)

    def _entrance(self, path: Path, runner: web.AppRunner) -> Entrance:
        server = runner.server
        if server is None:
            raise RuntimeError("the runner is not set up")

        def make_protocol() -> RequestHandler:
            return RequestHandler(
                server,
                loop=self._loop,
                access_log=None,  # pyright: ignore[reportArgumentType] - how to have none
                keepalive_timeout=self._limits.head_seconds,
                lingering_time=0.0,
            )

        ports = filter(None, (self._port and self._port.number, self._metrics_port))
        return Entrance(path, tuple(ports), lambda: Guard(self._guards, make_protocol))

    @property
    def _served(self) -> Desk:
        if self._desk is None:
            raise RuntimeError("the door is not open")
        return self._desk

    # --- How every request is taken, and every error ends ----------------------------------------

    @web.middleware
    async def _answer(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        guard = self._guards.of(request.transport)
        if guard is not None:
            guard.request_begun()
        try:
            self._check_caller(request)
            self._check_mode(request)
            if guard is not None and guard.is_extra:
                return await self._answer_extra(request, handler)
            return await handler(request)
        except web.HTTPException as error:
            return refused(_of_http(error, request))
        except Exception as error:
            refusal = explained(error)
            if refusal is None:
                log.exception("request_failed", path=request.path)
                refusal = internal_error(error)
            return refused(refusal)
        finally:
            if guard is not None:
                guard.request_over()

    async def _answer_extra(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Answer in a place that is kept free: what must get in, and one request only."""
        if (request.method, request.path) in _MUST_GET_IN:
            response = await handler(request)
        else:
            response = refused(
                Refusal(
                    HTTPStatus.SERVICE_UNAVAILABLE,
                    "too_many_clients",
                    f"{len(self._guards)} clients are being answered already",
                    "try again, or end some of them; halt, daemon status and daemon stop always get in",
                )
            )
        response.force_close()
        return response

    def _check_caller(self, request: web.Request) -> None:
        """Over TCP: refuse whoever has no token, and what a browser sends on behalf of some page."""
        transport = request.transport
        connection = None if transport is None else transport.get_extra_info("socket")
        if connection is None or connection.family == socket.AF_UNIX:
            return
        number = connection.getsockname()[1]
        hosts = {f"{name}:{number}" for name in ("127.0.0.1", "localhost")}
        origin = request.headers.get("Origin")
        is_ours = request.host in hosts and (
            origin is None or origin in {f"http://{host}" for host in hosts}
        )
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if not is_ours:
            raise Refusal(HTTPStatus.FORBIDDEN, "foreign_origin", "not from here", "use 127.0.0.1")
        if number == self._metrics_port:
            if request.path != "/metrics" or request.method != "GET":
                raise Refusal(
                    HTTPStatus.FORBIDDEN, "metrics_only", "only GET /metrics here", "use the socket"
                )
            return
        # What is no text came as bytes; it is no token either way.
        sent = given.strip().encode(errors="surrogateescape")
        is_bearer = scheme.lower() == "bearer"
        if (
            self._port is None
            or not is_bearer
            or not hmac.compare_digest(sent, self._port.token.encode())
        ):
            raise Refusal(
                HTTPStatus.UNAUTHORIZED,
                "no_token",
                "the token is missing or wrong",
                "send Authorization: Bearer TOKEN, with the token of [control] token_file",
            )

    def _check_mode(self, request: web.Request) -> None:
        """Refuse whoever takes real money for paper, or paper for real money."""
        believed, mode = request.headers.get(MODE_HEADER), self._house.mode
        if believed is not None and believed != mode:
            raise Refusal(
                HTTPStatus.CONFLICT,
                "another_mode",
                f"this daemon's mode is {mode}, not {believed[:20]}: nothing was done",
                "look again, then decide: genesis daemon status",
            )

    async def _body(self, request: web.Request, kind: type[R]) -> R:
        return parse_request(kind, await self._raw(request))

    async def _raw(self, request: web.Request) -> bytes:
        if (request.content_length or 0) > MAX_BODY_BYTES:
            raise web.HTTPRequestEntityTooLarge(MAX_BODY_BYTES, request.content_length or 0)
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                return await request.read()
        except (ConnectionError, web.RequestPayloadError) as error:
            raise bad_request("the request broke off") from error  # Nobody reads it any more.
        except TimeoutError:
            message = f"the request was not complete within {self._limits.body_seconds:.0f} s"
            raise bad_request(message, status=HTTPStatus.REQUEST_TIMEOUT) from None

    def _data(self, data: Mapping[str, object] | Sequence[object]) -> web.Response:
        return self._json(json.dumps(data, ensure_ascii=False))

    def _json(self, text: str, status: HTTPStatus = HTTPStatus.OK) -> web.Response:
        envelope = f'{{"api": 1, "mode": "{self._house.mode}", "data": {text}}}'
        return web.Response(text=envelope, status=status, content_type="application/json")

    # --- Routes ----------------------------------------------------------------------------------

    async def _about(self, _request: web.Request) -> web.Response:
        about = await self._served.about(len(self._guards))
        return self._data({**about, "event_readers": self._readers})

    async def _tell_metrics(self, _request: web.Request) -> web.Response:
        text = await self._served.aside(self._metrics.text)
        return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _watch_loop(self) -> None:
        """Note how late this event loop is, again and again."""
        while True:
            due = self._loop.time() + LAG_EVERY_SECONDS
            await asyncio.sleep(LAG_EVERY_SECONDS)
            self._metrics.event_loop_lag_seconds = max(self._loop.time() - due, 0.0)

    async def _stop(self, request: web.Request) -> web.Response:
        asked = await self._body(request, StopRequest)
        were_open = self._served.board.open_ids()
        # First of all: nothing that cannot be read or takes its time keeps the daemon from ending.
        self._on_stop(asked.mode)
        about = await self._served.about(len(self._guards))
        return self._data(
            {
                **about,
                "state": "stopping",
                "stop_mode": asked.mode.value,
                "open_executions": len(were_open),
                "were_open": were_open,
            }
        )

    async def _executions(self, request: web.Request) -> web.Response:
        shows_all = _flag(request, "all")
        ended = None if shows_all else _count(request, "ended", 0)
        return self._json(await self._served.executions(ended=ended))

    async def _symbols(self, _request: web.Request) -> web.Response:
        return self._data(self._served.symbols())

    async def _start(self, request: web.Request) -> web.Response:
        return self._data(await self._served.start(parse_order(await self._raw(request))))

    async def _show(self, request: web.Request) -> web.Response:
        return self._data(await self._served.show(_id(request)))

    async def _slices(self, request: web.Request) -> web.Response:
        return self._data(await self._served.slices(_id(request)))

    async def _fills(self, request: web.Request) -> web.Response:
        return self._data(await self._served.fills(_id(request)))

    async def _report(self, request: web.Request) -> web.Response:
        return self._data(await self._served.report(_id(request), again=_flag(request, "again")))

    async def _tca(self, request: web.Request) -> web.Response:
        asked, by = request.query.get("since", "all"), request.query.get("by", "symbol")
        try:
            since = parse_since(asked)
            kind = By(by)
        except ValueError as error:
            raise bad_request(f"since or by: {error}") from error
        return self._data(await self._served.portfolio(since, kind))

    async def _journal(self, request: web.Request) -> web.Response:
        last = _count(request, "last", DEFAULT_EVENTS)
        return self._json(await self._served.journal(_id(request), last))

    async def _plan(self, request: web.Request) -> web.Response:
        return self._data(await self._served.plan(parse_order(await self._raw(request))))

    async def _market(self, request: web.Request) -> web.Response:
        try:
            symbol = Symbol(parse_symbol(request.query.get("symbol", "")))
            since = parse_time(request.query.get("since", "1970-01-01T00:00:00Z"))
        except ValueError as error:
            raise bad_request(str(error)) from error
        return self._data(self._served.market(symbol, since))

    async def _wait(self, request: web.Request) -> web.Response:
        goal = Goal.parse(request.query.get("for", "done"))
        seconds = min(_seconds(request), LONGEST_WAIT_SECONDS)
        may_wait = self._waiting < self._limits.max_waiting
        self._waiting += may_wait
        try:
            found = await self._served.wait(_id(request), goal, seconds if may_wait else 0.0)
        finally:
            self._waiting -= may_wait
        # Where too many wait, the others are told how it is, and when to ask again.
        return self._data({**found, "ask_again_seconds": 0 if may_wait else ASK_AGAIN_SECONDS})

    async def _pause(self, request: web.Request) -> web.Response:
        await self._body(request, Nothing)
        return self._data(await self._served.pause(_id(request)))

    async def _resume(self, request: web.Request) -> web.Response:
        asked = await self._body(request, ResumeRequest)
        return self._data(await self._served.resume(_id(request), asked))

    async def _cancel(self, request: web.Request) -> web.Response:
        await self._body(request, Nothing)
        return self._data(await self._served.cancel(_id(request)))

    async def _amend(self, request: web.Request) -> web.Response:
        amendment, note = parse_amendment(await self._raw(request))
        return self._data(await self._served.amend(_id(request), amendment, note))

    async def _settle(self, request: web.Request) -> web.Response:
        asked = await self._body(request, SettleRequest)
        return self._data(await self._served.settle(_id(request), asked))

    async def _halt(self, request: web.Request) -> web.Response:
        return self._data(await self._served.halt(await self._body(request, HaltRequest)))

    async def _unhalt(self, request: web.Request) -> web.Response:
        await self._body(request, Nothing)
        return self._data(await self._served.unhalt())

    async def _events(self, request: web.Request) -> web.StreamResponse:
        desk = self._served
        if self._readers >= self._limits.max_readers:
            raise Refusal(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "too_many_readers",
                f"{self._readers} readers follow the events already",
                "end one of them, then try again",
            )
        named = request.query.get("id")
        wanted = Wanted(
            sequence=await self._since(request.query.get("since")),
            follows=_flag(request, "follow"),
            execution_id=None if named is None else await desk.resolve(named),
            events=not _flag(request, "quiet"),
            progress=_flag(request, "progress"),
        )
        self._readers += 1
        try:
            reader = Reader(desk.tail, desk.board, wanted)
            guard = self._guards.of(request.transport)
            if guard is not None:
                guard.when_lost = reader.leave
            return await reader.run(request, stuck_seconds=self._limits.stuck_seconds)
        finally:
            self._readers -= 1

    async def _since(self, since: str | None) -> int:
        """Return the sequence number behind which a reader begins: given as such, or as a time; else now."""
        desk = self._served
        if since is None:
            return desk.tail.last
        if since.isascii() and since.isdigit():
            return int(since[:18])
        try:
            at = parse_time(since)
        except ValueError as error:
            raise bad_request(f"since: {error}") from error
        return await desk.from_journal(partial(sequence_before, self._engine.database, at))


async def _end(tasks: Iterable[asyncio.Task[Any] | None]) -> None:
    ending = [task for task in tasks if task is not None]
    for task in ending:
        task.cancel()
    await asyncio.gather(*ending, return_exceptions=True)


def _id(request: web.Request) -> str:
    return request.match_info["id"]


def _count(request: web.Request, name: str, default: int) -> int:
    """Return how many of something are asked for."""
    text = request.query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit()):
        raise bad_request(f"{name}: a whole number is expected")
    return min(int(text[:9]), MOST_AT_ONCE)


def _flag(request: web.Request, name: str) -> bool:
    return request.query.get(name) == "1"


def _seconds(request: web.Request) -> float:
    try:
        seconds = parse_decimal(request.query.get("timeout", "0"))
    except ValueError as error:
        raise bad_request(f"timeout: {error}") from error
    return float(max(seconds, Decimal(0)))


def _of_http(error: web.HTTPException, request: web.Request) -> Refusal:
    status = HTTPStatus(error.status)
    if status is HTTPStatus.NOT_FOUND:
        return bad_request(f"there is no {request.path[:100]} here")
    if status is HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return bad_request(f"a request has at most {MAX_BODY_BYTES} bytes", status=status)
    return bad_request(status.phrase, status=status)
