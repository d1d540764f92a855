"""The sockets that an exchange is reached at: plain, and through a proxy under ccxt's own addresses."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

from aiohttp import web

from tests.wire.exchange.app import make_app
from tests.wire.exchange.asking import Exchange
from tests.wire.exchange.spoiling import hang_up_all
from tests.wire.exchange.tls import Proxy, make_certificates

HOST = "127.0.0.1"


class Server:
    """With a directory for certificates, there are TLS and the proxy too."""

    def __init__(self, exchange: Exchange, port: int, tls_directory: Path | None = None) -> None:
        self._runner = web.AppRunner(make_app(exchange), access_log=None, shutdown_timeout=0.1)
        exchange.refuse_for = self.refuse_for
        self._refusing: asyncio.Task[None] | None = None
        self._sites: list[web.TCPSite] = []
        self._tls: ssl.SSLContext | None = None
        self._tls_port = 0
        self.port = port
        self.proxy: Proxy | None = None
        self.proxy_port = 0
        self.ca_file: Path | None = None
        if tls_directory is not None:
            self.ca_file, self._tls = make_certificates(tls_directory)

    async def start(self) -> None:
        await self._runner.setup()
        await self.listen()
        if self._tls is not None:
            self.proxy = Proxy(self._tls_port)
            self.proxy_port = await self.proxy.start()

    async def listen(self) -> None:
        self.port = await self._listen(self.port, None)
        if self._tls is not None:
            self._tls_port = await self._listen(self._tls_port, self._tls)

    async def refuse(self) -> None:
        for site in self._sites:
            await site.stop()
        self._sites.clear()
        await self.drop()

    def refuse_for(self, seconds: float) -> None:
        """Soon, so that whoever asks for it still gets an answer."""

        async def refusing() -> None:
            await asyncio.sleep(0.02)
            await self.refuse()
            await asyncio.sleep(seconds)
            await self.listen()

        self._refusing = asyncio.get_running_loop().create_task(refusing())

    async def drop(self) -> None:
        hang_up_all(self._runner)

    async def stop(self) -> None:
        if self._refusing is not None:
            self._refusing.cancel()
        if self.proxy is not None:
            await self.proxy.stop()
        hang_up_all(self._runner)
        await self._runner.cleanup()

    async def _listen(self, port: int, tls: ssl.SSLContext | None) -> int:
        site = web.TCPSite(self._runner, HOST, port, ssl_context=tls, reuse_address=True)
        await site.start()
        self._sites.append(site)
        return self._runner.addresses[-1][1]
