"""Start an exchange: in a thread of this process, where a test can look inside, or as its own process.

    with LocalExchange(make_exchange(seed=7)) as local:
        client = ccxt.async_support.binance(local.config)
        local.fault(Fault(Kind.RESET, "POST order"))  # The next order is accepted, and not answered.
        ...
        assert local.fills() == ...

`exchange_process("--faults", "hostile")` is the same from outside. What it can be made to do is in
`faults.py`; what it keeps, in `ledger.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Self, TypeVar

from tests.wire.exchange.asking import Attempt, Exchange
from tests.wire.exchange.engine import Engine
from tests.wire.exchange.faults import Fault, Faults
from tests.wire.exchange.ledger import Account, Fees, Fill, Order
from tests.wire.exchange.limits import Limits
from tests.wire.exchange.market import Side, Temper
from tests.wire.exchange.serving import Server
from tests.wire.exchange.signing import Key
from tests.wire.exchange.sockets import Sockets, Spoil
from tests.wire.exchange.symbols import SYMBOLS, Symbol

T = TypeVar("T")
KEY = Key("wireKey0000000000000000000000001", "wireSecret000000000000000000000001")
RICH: Mapping[str, Decimal] = {
    "USDT": Decimal(10_000_000),
    "BTC": Decimal(100),
    "ETH": Decimal(1000),
    "BNB": Decimal(1000),
    "DOGE": Decimal(10_000_000),
    "PEPE": Decimal(100_000_000_000),
}


def make_exchange(
    *,
    seed: int = 0,
    temper: Temper | None = None,
    symbols: tuple[Symbol, ...] = SYMBOLS,
    keys: tuple[Key, ...] = (KEY,),
    deposits: Mapping[str, Decimal] = RICH,
    fees: Fees | None = None,
    limits: Limits | None = None,
) -> Exchange:
    """Each account that a key belongs to is given the same deposits."""
    now = time.time_ns() // 1_000_000
    engine = Engine(seed, temper or Temper(), symbols, now=now)
    for uid in dict.fromkeys(key.uid for key in keys):
        account = Account(uid, fees or Fees())
        for asset, amount in deposits.items():
            account.deposit(asset, amount)
        engine.accounts.append(account)
    return Exchange(engine, keys, Faults(seed), limits or Limits())


def config_for(url: str, key: Key = KEY) -> dict[str, Any]:
    """What ccxt's constructor needs to talk to an exchange at `url`, and to nothing else."""
    api = dict.fromkeys(("public", "private"), f"{url}/api/v3")
    sapi = {"sapi": f"{url}/sapi/v1"}
    # Without "/stream" in it ccxt.pro takes an address for one of its futures.
    sockets = url.replace("http", "ws", 1)
    streams = {"spot": f"{sockets}/stream/ws", "ws-api": {"spot": f"{sockets}/ws-api/v3"}}
    return {**_basics(key), "urls": {"api": {**api, **sapi, "ws": streams}}}


def proxied_config_for(proxy: str, ca_file: Path, key: Key = KEY) -> dict[str, Any]:
    """The same with ccxt's own addresses: through the proxy, in TLS that `ca_file` vouches for."""
    return {**_basics(key), "httpsProxy": proxy, "wssProxy": proxy, "cafile": str(ca_file)}


def _basics(key: Key) -> dict[str, Any]:
    return {
        "apiKey": key.api_key,
        "secret": key.secret,
        "options": {
            "defaultType": "spot",
            "fetchMarkets": {"types": ["spot"]},
            "fetchCurrencies": False,  # Needs a signature, and loads with the markets.
            "fetchMargins": False,  # Likewise, two requests.
            "maxRetriesOnFailure": 0,
        },
    }


class LocalExchange:
    """An exchange on a port of 127.0.0.1, on an event loop in a thread of its own."""

    def __init__(
        self, exchange: Exchange, port: int = 0, tls_directory: Path | None = None
    ) -> None:
        self._exchange = exchange
        self._server = Server(exchange, port, tls_directory)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="wire-exchange", daemon=True)
        self._ready = threading.Event()

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10), "the exchange did not start"
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._server.stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.port}"

    @property
    def config(self) -> dict[str, Any]:
        return config_for(self.url, self._exchange.keys[0])

    @property
    def proxied_config(self) -> dict[str, Any]:
        """For ccxt's own addresses, if there are certificates."""
        assert self._server.ca_file is not None
        proxy = f"http://127.0.0.1:{self._server.proxy_port}"
        return proxied_config_for(proxy, self._server.ca_file, self._exchange.keys[0])

    def hosts(self) -> list[str]:
        """Whom the proxy was asked for."""
        return list(self._server.proxy.hosts) if self._server.proxy else []

    def call(self, work: Callable[[Exchange], T]) -> T:
        """Do something to the exchange on its own thread, brought up to date."""

        async def there() -> T:
            self._exchange.engine.advance(self._exchange.now())
            return work(self._exchange)

        return asyncio.run_coroutine_threadsafe(there(), self._loop).result(10)

    # --- The ledger -----------------------------------------------------------------------------

    def account(self) -> Account:
        """The first account itself: look, don't keep. It goes on changing in its own thread."""
        return self.call(lambda exchange: exchange.engine.accounts[0])

    def orders(self) -> list[Order]:
        return self.call(lambda exchange: exchange.engine.accounts[0].orders())

    def fills(self) -> list[Fill]:
        return self.call(lambda exchange: list(exchange.engine.accounts[0].fills))

    def attempts(self, request: str = "POST order") -> list[Attempt]:
        return self.call(lambda e: [one for one in e.attempts if one.request == request])

    def total(self, asset: str) -> Decimal:
        return self.call(lambda exchange: exchange.engine.accounts[0].balance(asset).total)

    def discrepancies(self) -> dict[str, Decimal]:
        return self.call(
            lambda e: {k: v for a in e.engine.accounts for k, v in a.discrepancies().items()}
        )

    # --- Faults and the market ------------------------------------------------------------------

    def fault(self, *faults: Fault) -> None:
        self.call(lambda exchange: exchange.faults.add(faults, exchange.now()))

    def heal(self) -> None:
        self.call(lambda exchange: exchange.faults.clear())

    def set_clock(self, offset_ms: int) -> None:
        self.call(lambda exchange: setattr(exchange, "clock_offset_ms", offset_ms))

    def set_engine_delay(self, milliseconds: int) -> None:
        self.call(lambda exchange: setattr(exchange, "engine_delay_ms", milliseconds))

    def move(self, symbol: str, ticks: int) -> None:
        self.call(lambda exchange: exchange.engine.move(symbol, ticks, exchange.now()))

    def outside_trade(self, symbol: str, taker: Side, price: str, quantity: str) -> None:
        """A trade of others at the price; it fills resting orders that it reaches."""
        p, q = Decimal(price), Decimal(quantity)
        self.call(lambda e: e.engine.outside_trade(symbol, taker, p, q, e.now()))

    def drop(self) -> None:
        """Reset every connection there is; new ones are taken at once."""
        asyncio.run_coroutine_threadsafe(self._server.drop(), self._loop).result(10)

    def mute(self, seconds: float) -> None:
        """Websockets stay open and say nothing for a while. What happens then is never told."""
        self.call(lambda e: setattr(e, "muted_until", e.now() + int(seconds * 1000)))

    def spoil(self, how: Spoil, times: int = 1) -> None:
        """Spoil the next things that websockets say."""
        self.call(lambda exchange: exchange.sockets.next(how, times))

    def sockets(self) -> Sockets:
        return self.call(lambda exchange: replace(exchange.sockets))

    def refuse_sockets(self, *, refuse: bool) -> None:
        self.call(lambda exchange: setattr(exchange.sockets, "are_refused", refuse))

    def refuse(self) -> None:
        """Take no connections at all, and drop those there are, until `accept`."""
        asyncio.run_coroutine_threadsafe(self._server.refuse(), self._loop).result(10)

    def accept(self) -> None:
        asyncio.run_coroutine_threadsafe(self._server.listen(), self._loop).result(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._server.start())
        self._ready.set()
        self._loop.run_forever()


class ExchangeProcess:
    """The same as a process of its own, reached through its admin door."""

    def __init__(self, *options: str) -> None:
        command = [sys.executable, "-m", "tests.wire.exchange", "--port", "0", *options]
        root = Path(__file__).parents[3]
        self._process = subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()
        assert self.url.startswith("http"), "the exchange did not start"

    @property
    def config(self) -> dict[str, Any]:
        return config_for(self.url)

    def ledger(self) -> dict[str, Any]:
        return self._ask("GET", "/admin/ledger")

    def faults(self, faults: Iterable[Mapping[str, Any]] | Mapping[str, Any]) -> None:
        self._ask("POST", "/admin/faults", faults)

    def heal(self) -> None:
        self._ask("DELETE", "/admin/faults")

    def change(self, **changes: Any) -> None:
        self._ask("POST", "/admin/exchange", changes)

    def stop(self) -> None:
        self._process.terminate()
        self._process.communicate(timeout=10)

    def _ask(self, method: str, path: str, body: object = None) -> Any:
        raw = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, raw, method=method)  # noqa: S310
        with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
            return json.load(response)


@contextlib.contextmanager
def exchange_process(*options: str) -> Iterator[ExchangeProcess]:
    process = ExchangeProcess(*options)
    try:
        yield process
    finally:
        process.stop()
