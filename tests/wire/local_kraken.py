"""Start the exchange of Kraken's protocol in a thread of this process, where a test can look inside."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any, Self, TypeVar

from aiohttp import web

from tests.wire.kraken import KEY, SECRET, Kraken, Order

T = TypeVar("T")


class LocalKraken:
    """The exchange on a port of 127.0.0.1, on an event loop in a thread of its own."""

    def __init__(self) -> None:
        self.exchange = Kraken()
        self.url = ""
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="kraken", daemon=True)
        self._runner: web.AppRunner | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10), "the exchange did not start"
        return self

    def __exit__(self, *_: object) -> None:
        assert self._runner is not None
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    @property
    def config(self) -> dict[str, Any]:
        sockets = {"publicV2": f"{self.url.replace('http', 'ws')}/v2"}
        api = {"public": self.url, "private": self.url, "ws": sockets}
        return {"apiKey": KEY, "secret": SECRET, "urls": {"api": api}, "rateLimit": 5}

    def call(self, work: Callable[[Kraken], T]) -> T:
        async def there() -> T:
            return work(self.exchange)

        return asyncio.run_coroutine_threadsafe(there(), self._loop).result(10)

    def fault(self, on: str, how: str) -> None:
        """The next request of a kind: "lose" its answer, "drop" it, carry it out "late", or any error of Kraken's."""
        self.call(lambda exchange: exchange.faults.append((on, how)))

    def outside_trade(self, price: str, quantity: str) -> None:
        self.call(lambda exchange: exchange.outside_trade(price, quantity))

    def sent(self, what: str) -> list[dict[str, str]]:
        return self.call(lambda exchange: [sent for on, sent in exchange.attempts if on == what])

    def orders(self) -> list[Order]:
        return self.call(lambda exchange: list(exchange.orders.values()))

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._start())
        self._ready.set()
        self._loop.run_forever()

    async def _start(self) -> None:
        app = web.Application()
        app.router.add_get("/v2", self.exchange.listen)
        app.router.add_route("*", "/0/{kind}/{what}", self.exchange.serve)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[-1][1]}"
