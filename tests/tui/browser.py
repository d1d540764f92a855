"""A headless Chromium, by its DevTools protocol."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, ClientWebSocketResponse

PATIENCE = 60.0


class Browser:
    """One page of it. `fetched` are the addresses that the page has asked for."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self._socket = socket
        self._number = 0
        self.fetched: list[str] = []

    @classmethod
    @asynccontextmanager
    async def start(
        cls, program: str, profile: Path, session: ClientSession
    ) -> AsyncGenerator[Browser]:
        process = await asyncio.create_subprocess_exec(
            program,
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
            f"--user-data-dir={profile}",
            "--remote-debugging-port=0",
            "about:blank",
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            assert process.stderr is not None
            said = ""
            async with asyncio.timeout(PATIENCE):
                while not (match := re.search(r"ws://([^/\s]+)/devtools", said)):
                    said += (await process.stderr.readline()).decode()
            async with session.get(f"http://{match[1]}/json") as response:
                pages = [each for each in await response.json() if each["type"] == "page"]
            async with session.ws_connect(pages[0]["webSocketDebuggerUrl"], max_msg_size=0) as ws:
                yield cls(ws)
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def go_to(self, url: str) -> None:
        await self._call("Network.enable")
        await self._call("Page.navigate", url=url)

    async def value(self, expression: str) -> Any:
        answer = await self._call("Runtime.evaluate", expression=expression)
        return answer["result"].get("value")

    async def until(self, expression: str) -> None:
        async with asyncio.timeout(PATIENCE):
            while await self.value(expression) is not True:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.1)

    async def _call(self, method: str, **params: Any) -> Any:
        self._number += 1
        number = self._number
        await self._socket.send_json({"id": number, "method": method, "params": params})
        while True:
            message = await self._socket.receive_json()
            if message.get("method") == "Network.requestWillBeSent":
                url = message["params"]["request"]["url"]
                if not url.startswith("data:"):
                    self.fetched.append(url)
            if message.get("id") == number:
                return message["result"]
