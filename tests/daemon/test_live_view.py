"""The live view on a real daemon: it steers, loses the daemon and finds it again, and its own end touches nothing."""

from __future__ import annotations

import asyncio
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest
from aiohttp import ClientSession, ClientWebSocketResponse, CookieJar
from textual.pilot import Pilot

from genesis_actors.tui.app import LiveView
from genesis_actors.tui.link import Link
from tests.daemon.conftest import SHORT, Desktop
from tests.tui.conftest import screen_of

LONG = ("BTC/USDT", "buy", "1", "--over", "5m", "--slices", "100")
PATIENCE = 60.0


async def until(pilot: Pilot[None], holds: Callable[[], bool]) -> None:
    """Wait for a condition: the machine may be busy."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, screen_of(pilot.app)  # pyright: ignore[reportArgumentType]
        await pilot.pause(0.05)


def test_the_view_steers_a_daemon_loses_it_and_finds_it_again(desktop: Desktop) -> None:
    assert desktop.genesis("daemon", "start").code == 0
    key = desktop.data("start", *LONG)["id"]
    view = LiveView(Link(desktop.socket))

    def shown() -> str:
        return screen_of(view)

    def state() -> str:
        return view.executions[key].state

    async def play() -> None:
        async with view.run_test(size=(120, 40), notifications=True) as pilot:
            await until(pilot, lambda: view.detail is not None and bool(view.detail.points))
            detail = view.detail
            assert detail is not None
            assert len(detail.slices) == 100
            assert detail.terms.on_deadline == "leave"
            await until(pilot, lambda: "accepted: 1" in shown())

            await pilot.press("p", "y")
            await until(pilot, lambda: state() == "PAUSED")
            await pilot.press("a")
            await pilot.press(*"99000", "enter")
            await until(pilot, lambda: detail.terms.limit_price == 99000)
            await until(pilot, lambda: view.screen is view.screen_stack[1])
            await pilot.press("r", "s")
            await until(pilot, lambda: state() == "RUNNING")
            await pilot.press("h", "y")
            await until(pilot, lambda: "HALTED" in shown())
            await pilot.press("h", "y")
            await until(pilot, lambda: "HALTED" not in shown())

            await asyncio.to_thread(desktop.kill)
            await until(pilot, lambda: "no connection since" in shown())
            assert key[:8] in shown()
            assert (await asyncio.to_thread(desktop.genesis, "daemon", "start")).code == 0
            await until(pilot, lambda: "no connection since" not in shown())
            await until(pilot, lambda: state() == "RUNNING")

            await pilot.press("n")
            await pilot.press(*"2", "f5")
            await until(pilot, lambda: "by slices" in shown())
            await pilot.press("f9")
            await until(pilot, lambda: len(view.executions) == 2)
            await pilot.press("c", "y")
            await until(
                pilot, lambda: any(x.state == "CANCELLED" for x in view.executions.values())
            )

    asyncio.run(play())
    told = desktop.data("ps", "-a")

    assert {x["state"] for x in told} == {"RUNNING", "CANCELLED"}
    assert next(x for x in told if x["id"] == key)["state"] == "RUNNING"


def test_a_view_that_is_killed_is_missed_by_nobody(desktop: Desktop) -> None:
    assert desktop.genesis("daemon", "start").code == 0
    key = desktop.data("start", *LONG)["id"]
    daemon, terminal = desktop.pid, Terminal(desktop)
    try:
        terminal.wait_for("BTC/USDT")
        terminal.wait_for(r"slices \d+/100")
        terminal.process.send_signal(signal.SIGKILL)
        terminal.process.wait()
    finally:
        terminal.close()
    done = desktop.data("wait", key, "--for", "filled=3%", "--timeout", "60s")

    assert desktop.pid == daemon
    assert done["state"] == "RUNNING"
    assert desktop.data("daemon", "status")["event_readers"] == 0


def test_a_view_that_is_terminated_leaves_the_terminal_as_it_was(desktop: Desktop) -> None:
    assert desktop.genesis("daemon", "start").code == 0
    terminal = Terminal(desktop)
    try:
        terminal.wait_for("no executions yet")
        terminal.process.terminate()
        terminal.wait_for("left alternate screen")
        assert terminal.process.wait() == 0
    finally:
        terminal.close()


@pytest.mark.parametrize("is_gone", [False, True])
def test_a_terminal_that_takes_nothing_any_more_keeps_no_view_from_ending(
    desktop: Desktop, is_gone: bool
) -> None:
    """Where it is gone no signal tells: it is nobody's controlling terminal."""
    assert desktop.genesis("daemon", "start").code == 0
    desktop.data("start", *LONG)
    terminal = Terminal(desktop)
    try:
        terminal.wait_for("BTC/USDT")
        # Nobody reads it: it fills up, then Textual's writer waits for it, and then all of the view.
        for key in "12345" * 50:
            os.write(terminal.ours, key.encode())
            time.sleep(0.02)
        if is_gone:
            os.close(terminal.ours)
        else:
            terminal.process.terminate()
        terminal.process.wait(PATIENCE)
    finally:
        if is_gone:
            terminal.ours = os.open(os.devnull, os.O_RDWR)
        terminal.close()


def test_without_a_terminal_or_a_daemon_it_says_what_to_do(desktop: Desktop) -> None:
    terminal = Terminal(desktop)
    try:
        terminal.wait_for("hint: start one: genesis daemon start")
        assert terminal.process.wait() == 3
    finally:
        terminal.close()
    said = desktop.genesis("tui")
    web = desktop.genesis("tui", "--web")
    picture = desktop.genesis("tui", "--screenshot", "x.svg", "--size", "wide")
    nowhere = desktop.genesis("tui", "--screenshot", "/nonexist/x.svg")

    assert (said.code, web.code, picture.code, nowhere.code) == (2, 3, 2, 1)
    assert "/nonexist/x.svg cannot be written: no such directory" in nowhere.err
    assert "internal" not in nowhere.err
    assert "needs a terminal" in said.err
    assert "genesis daemon start" in web.err


def test_a_screen_is_saved_that_fetches_nothing(desktop: Desktop) -> None:
    assert desktop.genesis("daemon", "start").code == 0
    key = desktop.data("start", *LONG)["id"]
    said = desktop.genesis("tui", "--screenshot", "view.svg", "--size", "120x40", "--press", "x")
    svg = (desktop.directory / "view.svg").read_text(encoding="utf-8")

    assert said.code == 0, said.err
    assert key in svg
    assert "url(http" not in svg
    assert "href" not in svg


class Terminal:
    """`genesis tui` on a terminal of its own."""

    def __init__(self, desktop: Desktop) -> None:
        self.ours, theirs = pty.openpty()
        kept = {name: value for name, value in os.environ.items() if "GENESIS" not in name}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "genesis_actors", "tui", "--socket", str(desktop.socket)],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=desktop.directory,
            env={**kept, **SHORT, "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30"},
        )
        os.close(theirs)
        self._seen = ""

    def wait_for(self, pattern: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not re.search(pattern, self._seen):
            assert time.monotonic() < deadline, self._seen[-2000:]
            if select.select([self.ours], [], [], 0.5)[0]:
                told = os.read(self.ours, 65536).decode(errors="replace")
                told = told.replace("\x1b[?1049l", "left alternate screen")
                self._seen += re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", told)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.ours)


def test_a_browser_steers_on_paper_and_its_end_is_the_views_end(desktop: Desktop) -> None:
    assert desktop.genesis("daemon", "start").code == 0
    key = desktop.data("start", *LONG)["id"]

    async def shown(socket: ClientWebSocketResponse, text: bytes) -> bytes:
        seen = b""
        while text not in seen:
            seen += await socket.receive_bytes()
        return seen

    async def visit(url: str) -> None:
        here = url.partition("/?")[0]
        async with ClientSession(cookie_jar=CookieJar(unsafe=True)) as session:
            async with session.get(url) as page:
                assert page.status == 200
            socket = await session.ws_connect(f"{here}/ws?width=100&height=30", origin=here)
            async with asyncio.timeout(PATIENCE):
                assert b" PAPER " in await shown(socket, b"/100")
                await socket.send_json(["stdin", "p"])
                await shown(socket, b"No new orders")
            await asyncio.sleep(0.5)  # As a hand would: it is no answer before it can be read.
            await socket.send_json(["stdin", "y"])
            waited = ("wait", key, "--for", "paused", "--timeout", "60s")
            assert (await asyncio.to_thread(desktop.genesis, *waited)).code == 0
            await socket.close()

    with desktop.running("tui", "--web") as web:
        assert web.stdout is not None
        asyncio.run(visit(web.stdout.readline().removeprefix("open ").strip()))
        deadline = time.monotonic() + PATIENCE
        while desktop.data("daemon", "status")["event_readers"]:
            assert time.monotonic() < deadline
