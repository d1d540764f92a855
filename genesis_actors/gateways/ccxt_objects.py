"""Makes ccxt's exchange objects: exact numbers, the sandbox's addresses if it is one, and what sockets need.

The module that an object comes from is handed in: nothing here imports ccxt.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from genesis_actors.gateways.ccxt_config import Prepared, names_real_exchange
from genesis_actors.gateways.venue import ForbiddenSourceError, SourceError
from genesis_actors.settings import CcxtSettings

_SOCKET_PROXIES: Final = (
    "wsProxy",
    "wssProxy",
    "wsSocksProxy",
    "ws_proxy",
    "wss_proxy",
    "ws_socks_proxy",
)
TRADES_KEPT: Final = 5_000
"""So many trades ccxt keeps for whoever is late to look."""

WATCHES: Final = ("watchTrades", "watchBidsAsks", "watchOrderBook")
"""What ccxt's `has` calls what is listened to."""


class ObjectMaker:
    """Makes the objects of one account, which live on one loop."""

    def __init__(
        self, settings: CcxtSettings, prepared: Prepared, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._settings = settings
        self._prepared = prepared
        self._loop = loop

    def make(self, module: Any) -> Any:  # noqa: ANN401 - ccxt has no types
        """Return an object for requests, with half of the rate that the exchange allows. Raises SourceError."""
        config = dict(self._prepared.config)
        plain = self._plain(module)
        config["rateLimit"] = 2 * float(config.get("rateLimit", plain.rateLimit))
        return self._made(module, config)

    def make_for_sockets(self, module: Any, reads: Any) -> Any:  # noqa: ANN401 - ccxt has no types
        """Return an object for the sockets of one symbol. It knows the markets of `reads`, and asks in its queue."""
        config = dict(self._prepared.config)
        if not any(config.get(name) for name in _SOCKET_PROXIES):
            # Sockets go where requests go.
            config.update(_proxies_of(config))
        exchange = self._made(module, config)
        exchange.options["tradesLimit"] = TRADES_KEPT
        exchange.set_markets_from_exchange(reads)
        exchange.throttle = reads.throttle
        return exchange

    def why_no_sockets(self, module: Any) -> str | None:  # noqa: ANN401 - ccxt has no types
        """Return why market data comes by asking alone, None where sockets can be had."""
        if not self._settings.websockets:
            return "the settings say so"
        if not hasattr(module, self._settings.exchange):
            return f"ccxt knows none of {self._settings.exchange}"
        plain = self._plain(module)
        if not any(plain.has.get(each) is True for each in WATCHES):
            return f"ccxt knows none of {self._settings.exchange}"
        urls: Mapping[str, Any] = self._prepared.config.get("urls") or {}
        asked: object = urls.get("api")
        if asked is not None and not _has_sockets(asked):
            return "[venue.ccxt.config.urls.api] names no ws, and ccxt's own are another market's"
        made = self._made(module, dict(self._prepared.config))
        return None if _has_sockets(made.urls.get("api")) else "ccxt knows none of its sandbox"

    def _plain(self, module: Any) -> Any:  # noqa: ANN401 - ccxt has no types
        return getattr(module, self._settings.exchange)({"asyncio_loop": self._loop})

    def _made(self, module: Any, config: dict[str, Any]) -> Any:  # noqa: ANN401 - ccxt has no types
        exchange = getattr(module, self._settings.exchange)({**config, "asyncio_loop": self._loop})
        exchange.number = str
        exchange.has = {**exchange.has, "fetchCurrencies": False}
        if self._settings.sandbox:
            self._enter_sandbox(exchange, self._plain(module))
        return exchange

    def _enter_sandbox(self, exchange: Any, plain: Any) -> None:  # noqa: ANN401 - ccxt has no types
        """Switch to the sandbox's addresses; the operator's own are laid over them, if they are not the real ones."""
        urls: Mapping[str, Any] = self._prepared.config.get("urls") or {}
        wished: object = urls.get("api")
        if names_real_exchange(urls, plain.urls, plain.hostname):
            raise ForbiddenSourceError(
                "sandbox = true, but [venue.ccxt.config.urls] names the real exchange",
                "leave urls out, or set sandbox = false and trade live",
            )
        if exchange.urls.get("test"):
            exchange.set_sandbox_mode(True)
        elif wished is None:
            raise SourceError(
                f"ccxt knows no sandbox of {self._settings.exchange}",
                "set its addresses in [venue.ccxt.config.urls.api], or sandbox = false",
            )
        if wished is not None:
            exchange.urls = exchange.deep_extend(exchange.urls, {"api": wished})


def _has_sockets(api: object) -> bool:
    return isinstance(api, Mapping) and "ws" in api


def _proxies_of(config: Mapping[str, Any]) -> dict[str, Any]:
    for https, wss in (
        ("httpsProxy", "wssProxy"),
        ("https_proxy", "wssProxy"),
        ("socksProxy", "wsSocksProxy"),
        ("socks_proxy", "wsSocksProxy"),
        ("httpProxy", "wsProxy"),
        ("http_proxy", "wsProxy"),
    ):
        if config.get(https):
            return {wss: config[https]}
    return {}
