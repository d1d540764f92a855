"""The view in a browser: who is let in, and that it is there, in a real browser where one is installed."""

from __future__ import annotations

import asyncio
import re
import shutil
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import ClientSession, CookieJar, WSServerHandshakeError

from genesis_actors.tui.web import BrowserDoor
from tests.tui.browser import Browser

ECHO = [sys.executable, str(Path(__file__).parent / "small_app.py")]
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


def visit(play: Callable[[str, ClientSession], Awaitable[None]]) -> None:
    """Open the door to a browser, and play a visitor who was given the address."""

    async def run() -> None:
        said: list[str] = []
        runner = await BrowserDoor(ECHO, say=said.append).open(0)
        try:
            async with ClientSession(cookie_jar=CookieJar(unsafe=True)) as session:
                await play(re.findall(r"http://\S+", said[0])[0], session)
        finally:
            await runner.cleanup()

    asyncio.run(run())


def base(url: str) -> str:
    return url.partition("/?")[0]


async def status(session: ClientSession, url: str, **headers: str) -> int:
    async with session.get(url, headers=headers, allow_redirects=False) as response:
        return response.status


def test_the_token_opens_once_and_what_was_opened_stays_open() -> None:
    async def play(url: str, session: ClientSession) -> None:
        assert url.startswith("http://127.0.0.1:")
        assert await status(session, base(url)) == 403
        assert await status(session, f"{base(url)}/?token=guess") == 403
        async with session.get(url) as response:
            page = await response.text()
            assert response.status == 200
            assert "token" not in str(response.url)
            assert "frame-ancestors 'none'" in response.headers["Content-Security-Policy"]
            cookie = response.history[0].headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        assert re.findall(r"https?://", page) == []
        assert await status(session, base(url)) == 200
        async with ClientSession() as other:
            assert await status(other, url) == 403
            assert await status(other, f"{base(url)}/static/js/textual.js") == 403

    visit(play)


def test_who_comes_by_another_name_or_from_another_page_is_refused() -> None:
    async def play(url: str, session: ClientSession) -> None:
        assert await status(session, url, Host="desk.example.com") == 403
        assert await status(session, url, Origin="http://evil.example.com") == 403
        assert await status(session, url) == 303
        port = base(url).rpartition(":")[2]
        for origin in (
            None,
            "http://evil.example.com",
            f"http://127.0.0.1:{int(port) + 1}",
            "null",
        ):
            with pytest.raises(WSServerHandshakeError, match="403"):
                await session.ws_connect(f"{base(url)}/ws", origin=origin)
        for host in (f"localhost:{port}", f"127.0.0.1:{port}"):
            code = await status(session, f"{base(url)}/static/css/xterm.css", Host=host)
            assert code == 200

    visit(play)


def test_a_page_of_ours_is_shown_the_program_and_types_into_it() -> None:
    async def play(url: str, session: ClientSession) -> None:
        assert await status(session, url) == 303
        socket = await session.ws_connect(
            f"{base(url)}/ws?width=50&height=5", origin=base(url), heartbeat=5
        )
        seen = b""

        async def until(text: bytes) -> None:
            nonlocal seen
            async with asyncio.timeout(60):
                while text not in seen:
                    seen += await socket.receive_bytes()

        await until(b"nothing typed")
        for nonsense in ("[]", "no json", '["resize", {"width": "x"}]', '["stdin", 5]', '["what"]'):
            await socket.send_str(nonsense)
        await socket.send_json(["resize", {"width": 60, "height": 6}])
        await socket.send_json(["stdin", "x"])
        await until(b"typed x")
        await socket.close()

    visit(play)


def test_a_browser_shows_it(tmp_path: Path) -> None:
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"no browser is installed: none of {', '.join(BROWSERS)} is on the PATH")

    async def play(url: str, session: ClientSession) -> None:
        async with Browser.start(found, tmp_path, session) as browser:
            await browser.go_to(url)
            await browser.until("document.body.classList.contains('-first-byte')")
            assert await browser.value("location.search") == ""
            await browser.until(COLOURED)
            assert browser.fetched
            assert all(each.startswith(base(url)) for each in browser.fetched), browser.fetched

    visit(play)


COLOURED = """
[...document.querySelectorAll('canvas')].some(canvas => {
  const copy = document.createElement('canvas');
  [copy.width, copy.height] = [canvas.width, canvas.height];
  const context = copy.getContext('2d');
  context.drawImage(canvas, 0, 0);
  const dots = context.getImageData(0, 0, copy.width, copy.height).data;
  for (let i = 0; i < dots.length; i += 4)
    if (dots[i] === 0xe0 && dots[i + 1] === 0x28 && dots[i + 2] === 0x3c) return true;
  return false;
})
"""
"""Whether the red of the small app is drawn on any canvas of the page."""


def test_a_port_that_is_taken_is_an_error() -> None:
    async def run() -> None:
        said: list[str] = []
        runner = await BrowserDoor(ECHO, say=said.append).open(0)
        port = int(re.findall(r":(\d+)/", said[0])[0])
        try:
            with pytest.raises(OSError, match="address already in use"):
                await BrowserDoor(ECHO, say=said.append).open(port)
        finally:
            await runner.cleanup()

    asyncio.run(run())
