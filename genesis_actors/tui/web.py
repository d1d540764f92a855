"""`genesis tui --web`: the live view in a browser of this machine, and of nobody else.

It listens on 127.0.0.1. The address that is printed holds a token that opens the view once, for one browser, which then
has a cookie; Host and Origin must be ours, so that no page of another place can come in through that browser. Each view
is a process of its own and a client of the door like any other; where money is real it takes no commands.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import os
import secrets
import shlex
import sys
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import Final, cast

import textual_serve
from aiohttp import WSMsgType, web
from textual_serve.app_service import AppService
from textual_serve.download_manager import DownloadManager

from genesis_actors.places import TOKEN_VARIABLE, LoopbackPort
from genesis_actors.tui.page import PAGE, REFUSED

MAX_VIEWS: Final = 8
MAX_MESSAGE_BYTES: Final = 64 * 1024
_WIDEST: Final = 500
_END_SECONDS: Final = 3.0
_HEARTBEAT_SECONDS: Final = 15.0
_STATIC: Final = Path(textual_serve.__file__).parent / "static"

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class View(AppService):
    """One view: a process of its own, which ends with its page."""

    def __init__(self, command: Sequence[str], websocket: web.WebSocketResponse) -> None:
        super().__init__(
            shlex.join(command),
            write_bytes=websocket.send_bytes,
            write_str=websocket.send_str,
            close=cast("Callable[[], Awaitable[None]]", websocket.close),
            download_manager=DownloadManager(),
        )
        self._words = tuple(command)

    async def _open_app_process(self, width: int = 80, height: int = 24) -> Process:
        # No shell stands between us and it: what we end is the view itself.
        pipe = asyncio.subprocess.PIPE
        self._process = process = await asyncio.create_subprocess_exec(
            *self._words,
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            env=self._build_environment(width=width, height=height),
        )
        self._stdin = process.stdin
        return process

    async def end(self) -> None:
        """Ask it to end, and see that it does."""
        process = self._process
        try:
            async with asyncio.timeout(_END_SECONDS):
                with suppress(ConnectionError, RuntimeError):
                    await self.stop()
        except TimeoutError:
            pass
        if process is not None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


class BrowserDoor:
    """Lets one browser in. `command` is the words of the command that shows a view."""

    def __init__(self, command: list[str], *, say: Callable[[str], None]) -> None:
        self._command = command
        self._say = say
        self._token: str | None = None
        self._session: str | None = None
        self._views = 0
        self._port = 0

    async def open(self, port: int) -> web.AppRunner:
        """Listen, and say where. Raises OSError where the port cannot be used."""
        app = web.Application(middlewares=[self._guard])
        app.add_routes(
            [
                web.get("/", self._index),
                web.get("/ws", self._view),
                web.static("/static", _STATIC),
            ]
        )
        runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        self._port = runner.addresses[0][1]
        self._invite()
        return runner

    def _invite(self) -> None:
        """Make a new token, and say the address that holds it."""
        self._token = secrets.token_urlsafe(32)
        self._say(f"open http://127.0.0.1:{self._port}/?token={self._token}")

    @property
    def _cookie(self) -> str:
        # Browsers do not tell the ports of a host apart.
        return f"genesis-{self._port}"

    # --- Who may come in -------------------------------------------------------------------------

    @web.middleware
    async def _guard(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        hosts = {f"127.0.0.1:{self._port}", f"localhost:{self._port}"}
        origin = request.headers.get("Origin")
        if request.host not in hosts or origin not in {None, f"http://{request.host}"}:
            return _refused("this address is for a browser of this machine alone")
        given = request.cookies.get(self._cookie, "")
        if request.path == "/" and "token" in request.query:
            return self._redeem(request.query["token"])
        if self._session is None or not hmac.compare_digest(given.encode(), self._session.encode()):
            return _refused("this address has been used, or was never given out")
        if request.path == "/ws" and origin is None:
            return _refused("a view is opened by its own page")
        response = await handler(request)
        if not response.prepared:
            response.headers.update(_headers(request.host))
        return response

    def _redeem(self, token: str) -> web.StreamResponse:
        """Give whoever has the token a cookie for it, once."""
        expected, self._token = self._token, None
        if expected is None or not hmac.compare_digest(token.encode(), expected.encode()):
            self._token = expected  # A guess does not use it up.
            return _refused("this address has been used, or was never given out")
        self._session = secrets.token_urlsafe(32)
        response = web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": "/"})
        response.set_cookie(self._cookie, self._session, httponly=True, samesite="Strict", path="/")
        response.headers.update({"Referrer-Policy": "no-referrer", "Cache-Control": "no-store"})
        return response

    # --- What it is shown ------------------------------------------------------------------------

    async def _index(self, request: web.Request) -> web.Response:
        page = PAGE.replace("{socket}", f"ws://{request.host}/ws")
        return web.Response(text=page, content_type="text/html")

    async def _view(self, request: web.Request) -> web.StreamResponse:
        if self._views >= MAX_VIEWS:
            return _refused(f"{MAX_VIEWS} views are open already")
        websocket = web.WebSocketResponse(
            heartbeat=_HEARTBEAT_SECONDS, max_msg_size=MAX_MESSAGE_BYTES
        )
        await websocket.prepare(request)
        view = View(self._command, websocket)
        self._views += 1
        try:
            await view.start(
                _size(request.query.get("width"), 80), _size(request.query.get("height"), 24)
            )
            async for message in websocket:
                if message.type is WSMsgType.TEXT:
                    await _hand_on(message.data, view, websocket)
        finally:
            self._views -= 1
            await view.end()
        return websocket


async def _hand_on(text: str, view: View, websocket: web.WebSocketResponse) -> None:
    """Hand a message of the page on to its view; what is none of ours is dropped."""
    with suppress(ValueError, TypeError, KeyError):
        kind, *rest = json.loads(text)
        match kind, rest:
            case "stdin", [str() as keys]:
                await view.send_bytes(keys.encode())
            case "resize", [{"width": int() as width, "height": int() as height}]:
                await view.set_terminal_size(_within(width), _within(height))
            case "ping", [token]:
                await websocket.send_json(["pong", token])
            case "focus", _:
                await view.focus()
            case "blur", _:
                await view.blur()
            case _:
                pass


def _within(cells: int) -> int:
    return min(max(cells, 1), _WIDEST)


def _size(text: str | None, default: int) -> int:
    return _within(int(text[:4])) if text and text.isascii() and text.isdigit() else default


def _refused(why: str) -> web.Response:
    page = REFUSED.replace("{why}", why)
    response = web.Response(text=page, content_type="text/html", status=HTTPStatus.FORBIDDEN)
    response.headers["Cache-Control"] = "no-store"
    return response


def _headers(host: str) -> dict[str, str]:
    """Return what keeps a page to itself: it loads from us alone, and stands in no other page's frame."""
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
        f"font-src 'self'; img-src 'self' data:; connect-src 'self' ws://{host}; "
        "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    )
    return {
        "Content-Security-Policy": policy,
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }


async def serve(door: Path | LoopbackPort, port: int, *, say: Callable[[str], None]) -> None:
    """Serve views of the daemon behind `door` until the task is cancelled. Raises OSError."""
    if isinstance(door, LoopbackPort):
        os.environ[TOKEN_VARIABLE] = str(door.token_file)  # The views' processes read it there.
    command = [sys.executable, "-m", "genesis_actors", "tui", "--served", "--socket", str(door)]
    runner = await BrowserDoor(command, say=say).open(port)
    try:
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()
