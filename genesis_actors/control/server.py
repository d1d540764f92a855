"""The door itself: its sockets and its thread, how every request is taken, and how every error ends.

What a request means is the routes' affair, and what is done for it the desk's.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from genesis_actors.control.callers import Callers, Port
from genesis_actors.control.commands import Commands
from genesis_actors.control.desk import Desk, House
from genesis_actors.control.entrance import Entrance
from genesis_actors.control.errors import RequestHandler, internal_error, refused
from genesis_actors.control.guard import Guard, Guards
from genesis_actors.control.limits import MAX_BODY_BYTES, Limits
from genesis_actors.control.prices import Prices
from genesis_actors.control.protocol import StopMode
from genesis_actors.control.refusals import Refusal, bad_request, explained
from genesis_actors.control.routes import Routes
from genesis_actors.engine import Engine
from genesis_actors.logs import get_logger
from genesis_actors.messages.persistence import ExecutionRow
from genesis_actors.metrics import Metrics

CLOSE_SECONDS: Final = 5.0
FAREWELL_SECONDS: Final = 1.0
LOOK_SECONDS: Final = 5.0
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
        self._callers = Callers(house.mode, port, metrics_port)
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
        routes = Routes(
            desk,
            Commands(desk, self._engine),
            self._engine.database,
            guards=self._guards,
            limits=self._limits,
            metrics=self._metrics,
            on_stop=self._on_stop,
        )
        runner = self._runner(routes)
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

    def _runner(self, routes: Routes) -> web.AppRunner:
        app = web.Application(middlewares=[self._answer], client_max_size=MAX_BODY_BYTES)
        app.add_routes(routes.table())
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
            self._callers.check(request)
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

    async def _watch_loop(self) -> None:
        """Note how late this event loop is, again and again."""
        while True:
            due = self._loop.time() + LAG_EVERY_SECONDS
            await asyncio.sleep(LAG_EVERY_SECONDS)
            self._metrics.event_loop_lag_seconds = max(self._loop.time() - due, 0.0)


async def _end(tasks: Iterable[asyncio.Task[Any] | None]) -> None:
    ending = [task for task in tasks if task is not None]
    for task in ending:
        task.cancel()
    await asyncio.gather(*ending, return_exceptions=True)


def _of_http(error: web.HTTPException, request: web.Request) -> Refusal:
    status = HTTPStatus(error.status)
    if status is HTTPStatus.NOT_FOUND:
        return bad_request(f"there is no {request.path[:100]} here")
    if status is HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return bad_request(f"a request has at most {MAX_BODY_BYTES} bytes", status=status)
    return bad_request(status.phrase, status=status)
