"""What can be asked at the door: each route reads its request, and hands it to the desk."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from http import HTTPStatus
from typing import Final, TypeVar

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel

from genesis_actors.control.commands import Commands
from genesis_actors.control.desk import Desk
from genesis_actors.control.guard import Guards
from genesis_actors.control.limits import MAX_BODY_BYTES, Limits
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
from genesis_actors.control.refusals import Refusal, bad_request
from genesis_actors.control.streaming import Reader, Wanted
from genesis_actors.control.tail import sequence_before
from genesis_actors.domain.attribution import By
from genesis_actors.metrics import Metrics
from genesis_actors.notation import parse_decimal, parse_since, parse_symbol
from genesis_actors.storage.database import Database
from genesis_actors.values import Symbol, parse_time

R = TypeVar("R", bound=BaseModel)

ASK_AGAIN_SECONDS: Final = 1
LONGEST_WAIT_SECONDS: Final = 60.0
DEFAULT_EVENTS: Final = 200
MOST_AT_ONCE: Final = 1_000


class Routes:
    """Answers what came in; every error is left to whoever let it in."""

    def __init__(
        self,
        desk: Desk,
        commands: Commands,
        database: Database,
        *,
        guards: Guards,
        limits: Limits,
        metrics: Metrics,
        on_stop: Callable[[StopMode], None],
    ) -> None:
        self._desk = desk
        self._commands = commands
        self._database = database
        self._guards = guards
        self._limits = limits
        self._metrics = metrics
        self._on_stop = on_stop
        self._readers = 0
        self._waiting = 0

    def table(self) -> Sequence[web.RouteDef]:
        return [
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

    # --- Requests and answers --------------------------------------------------------------------

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
        envelope = f'{{"api": 1, "mode": "{self._desk.house.mode}", "data": {text}}}'
        return web.Response(text=envelope, status=status, content_type="application/json")

    # --- The daemon ------------------------------------------------------------------------------

    async def _about(self, _request: web.Request) -> web.Response:
        about = await self._desk.about(len(self._guards))
        return self._data({**about, "event_readers": self._readers})

    async def _tell_metrics(self, _request: web.Request) -> web.Response:
        text = await self._desk.aside(self._metrics.text)
        return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _stop(self, request: web.Request) -> web.Response:
        asked = await self._body(request, StopRequest)
        were_open = self._desk.board.open_ids()
        # First of all: nothing that cannot be read or takes its time keeps the daemon from ending.
        self._on_stop(asked.mode)
        about = await self._desk.about(len(self._guards))
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
        return self._json(await self._desk.executions(ended=ended))

    async def _symbols(self, _request: web.Request) -> web.Response:
        return self._data(self._desk.symbols())

    async def _start(self, request: web.Request) -> web.Response:
        return self._data(await self._commands.start(parse_order(await self._raw(request))))

    async def _show(self, request: web.Request) -> web.Response:
        return self._data(await self._desk.show(_id(request)))

    async def _slices(self, request: web.Request) -> web.Response:
        return self._data(await self._desk.slices(_id(request)))

    async def _fills(self, request: web.Request) -> web.Response:
        return self._data(await self._desk.fills(_id(request)))

    async def _report(self, request: web.Request) -> web.Response:
        return self._data(await self._desk.report(_id(request), again=_flag(request, "again")))

    async def _tca(self, request: web.Request) -> web.Response:
        asked, by = request.query.get("since", "all"), request.query.get("by", "symbol")
        try:
            since = parse_since(asked)
            kind = By(by)
        except ValueError as error:
            raise bad_request(f"since or by: {error}") from error
        return self._data(await self._desk.portfolio(since, kind))

    async def _journal(self, request: web.Request) -> web.Response:
        last = _count(request, "last", DEFAULT_EVENTS)
        return self._json(await self._desk.journal(_id(request), last))

    async def _plan(self, request: web.Request) -> web.Response:
        return self._data(await self._desk.plan(parse_order(await self._raw(request))))

    async def _market(self, request: web.Request) -> web.Response:
        try:
            symbol = Symbol(parse_symbol(request.query.get("symbol", "")))
            since = parse_time(request.query.get("since", "1970-01-01T00:00:00Z"))
        except ValueError as error:
            raise bad_request(str(error)) from error
        return self._data(self._desk.market(symbol, since))

    async def _wait(self, request: web.Request) -> web.Response:
        goal = Goal.parse(request.query.get("for", "done"))
        seconds = min(_seconds(request), LONGEST_WAIT_SECONDS)
        may_wait = self._waiting < self._limits.max_waiting
        self._waiting += may_wait
        try:
            found = await self._desk.wait(_id(request), goal, seconds if may_wait else 0.0)
        finally:
            self._waiting -= may_wait
        # Where too many wait, the others are told how it is, and when to ask again.
        return self._data({**found, "ask_again_seconds": 0 if may_wait else ASK_AGAIN_SECONDS})

    async def _pause(self, request: web.Request) -> web.Response:
        await self._body(request, Nothing)
        return self._data(await self._commands.pause(_id(request)))

    async def _resume(self, request: web.Request) -> web.Response:
        asked = await self._body(request, ResumeRequest)
        return self._data(await self._commands.resume(_id(request), asked))

    async def _cancel(self, request: web.Request) -> web.Response:
        await self._body(request, Nothing)
        return self._data(await self._commands.cancel(_id(request)))

    async def _amend(self, request: web.Request) -> web.Response:
        amendment, note = parse_amendment(await self._raw(request))
        return self._data(await self._commands.amend(_id(request), amendment, note))

    async def _settle(self, request: web.Request) -> web.Response:
        asked = await self._body(request, SettleRequest)
        return self._data(await self._commands.settle(_id(request), asked))

    async def _halt(self, request: web.Request) -> web.Response:
        return self._data(await self._commands.halt(await self._body(request, HaltRequest)))

    async def _unhalt(self, request: web.Request) -> web.Response:
        await self._body(request, Nothing)
        return self._data(await self._commands.unhalt())

    async def _events(self, request: web.Request) -> web.StreamResponse:
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
            execution_id=None if named is None else await self._desk.resolve(named),
            events=not _flag(request, "quiet"),
            progress=_flag(request, "progress"),
        )
        self._readers += 1
        try:
            reader = Reader(self._desk.tail, self._desk.board, wanted)
            guard = self._guards.of(request.transport)
            if guard is not None:
                guard.when_lost = reader.leave
            return await reader.run(request, stuck_seconds=self._limits.stuck_seconds)
        finally:
            self._readers -= 1

    async def _since(self, since: str | None) -> int:
        """Return the sequence number behind which a reader begins: given as such, or as a time; else now."""
        if since is None:
            return self._desk.tail.last
        if since.isascii() and since.isdigit():
            return int(since[:18])
        try:
            at = parse_time(since)
        except ValueError as error:
            raise bad_request(f"since: {error}") from error
        return await self._desk.from_journal(partial(sequence_before, self._database, at))


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
