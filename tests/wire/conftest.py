"""Exchanges on real sockets: one that stands still, one that lives. Both hold their ledgers at the end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from typing import Any

import pytest

from tests.wire.exchange.market import Temper
from tests.wire.exchange.running import LocalExchange, make_exchange

Opened = Callable[..., LocalExchange]


@pytest.fixture
def open_exchange() -> Iterator[Opened]:
    """Start an exchange with any of `make_exchange`'s arguments; it is stopped after the test."""
    with ExitStack() as stack:

        def started(**options: Any) -> LocalExchange:
            local = LocalExchange(make_exchange(**options))
            return stack.enter_context(local)

        yield started


@pytest.fixture
def still_exchange(open_exchange: Opened) -> Iterator[LocalExchange]:
    """BTCUSDT stands at 59999.99 / 60000.01 and nobody else trades, unless the test says so."""
    local = open_exchange(temper=Temper.still())
    yield local

    assert local.discrepancies() == {}


@pytest.fixture
def live_exchange(open_exchange: Opened) -> Iterator[LocalExchange]:
    local = open_exchange()
    yield local

    assert local.discrepancies() == {}


@asynccontextmanager
async def async_binance(config: dict[str, Any], **more: Any) -> AsyncIterator[Any]:
    """The real ccxt: exact numbers, no throttle that would slow a test, closed at the end."""
    import ccxt.async_support as ccxt

    options: Any = config | {"enableRateLimit": False} | more
    client: Any = ccxt.binance(options)
    client.number = str
    client.timeout_on_exit = 0  # Otherwise 250 ms, which only TLS needs.
    try:
        yield client
    finally:
        await client.close()
