"""One symbol's websockets: what they say, and whether they say anything. Nobody believes them here.

Every connection is a new object of ccxt's, so that nothing of a broken one lives on. Whatever is lost in between is
read by asking (`ccxt_feed`), which an `epoch` is for: another one, and there is a gap.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, cast

from genesis_actors.gateways.ccxt_objects import TRADES_KEPT
from genesis_actors.gateways.ccxt_parsing import MarketTrade, quote_of, touch_of, trades_of
from genesis_actors.gateways.ccxt_tasks import Backoff
from genesis_actors.logs import get_logger
from genesis_actors.values import Quote, Symbol

log = get_logger()

Json = Mapping[str, Any]

_LONGEST_PAUSE, _LONGEST_IN_VAIN = 30.0, 300.0
_LASTING_SECONDS: Final = 60.0
_MOST_WAITING: Final = 20_000
_CLOSE_SECONDS: Final = 2.0
_AT_SOME_TIME = datetime.min.replace(tzinfo=UTC)


class StreamBrokenError(Exception):
    """The socket cannot be relied on any more."""


@dataclass(slots=True)
class Channel:
    """What one kind of news has said since it was connected, in the monotonic clock's seconds."""

    epoch: int = 0
    heard_at: float | None = None

    @property
    def is_live(self) -> bool:
        """Tell whether it has said something since it was connected: a subscription alone proves nothing."""
        return self.heard_at is not None

    def begin(self) -> None:
        self.epoch += 1
        self.heard_at = None


@dataclass(slots=True)
class Trades(Channel):
    waiting: deque[MarketTrade] = field(default_factory=deque[MarketTrade])

    def begin(self) -> None:
        Channel.begin(self)
        self.waiting.clear()

    def take(self) -> list[MarketTrade]:
        taken = list(self.waiting)
        self.waiting.clear()
        return taken

    def put_back(self, trades: Sequence[MarketTrade]) -> None:
        self.waiting.extendleft(reversed(trades))


@dataclass(slots=True)
class Touch(Channel):
    newest: Quote | None = None
    is_new: bool = False
    order: tuple[int, int] = (0, 0)

    def begin(self) -> None:
        Channel.begin(self)
        self.newest, self.is_new, self.order = None, False, (0, 0)

    def tell(self, quote: Quote) -> None:
        self.newest, self.is_new = quote, True

    def take(self) -> Quote | None:
        """Return the newest touch once: it vouches for a moment, and not for the silence after it."""
        quote, self.is_new = self.newest if self.is_new else None, False
        return quote


class SymbolStream:
    """Listens to one symbol for as long as `run` runs."""

    def __init__(
        self,
        symbol: Symbol,
        make: Callable[[], Any],
        *,
        trades_params: Json,
        redact: Callable[[object], str],
    ) -> None:
        """`make` returns a new object of ccxt's for each connection."""
        self.symbol = symbol
        self.trades = Trades()
        self.touch = Touch()
        self.news = asyncio.Event()
        self._make = make
        self._trades_params = trades_params
        self._redact = redact
        self._broken = asyncio.Event()
        self._why = ""
        self._backoff = Backoff(longest=_LONGEST_PAUSE)
        self._in_vain = Backoff(longest=_LONGEST_IN_VAIN)

    def reset(self, why: str) -> None:
        """Give this connection up: the next one is made after a pause."""
        self._why = self._why or why
        self._broken.set()

    async def run(self) -> None:
        while True:
            self._broken.clear()
            self._why = ""
            self.trades.begin()
            self.touch.begin()
            began = time.monotonic()
            try:
                await self._listen()
            except Exception as error:
                self._why = self._why or f"{type(error).__name__}: {error}"
            has_spoken = self.trades.is_live or self.touch.is_live
            # From here on nothing of it counts as live, also while the pause lasts.
            self.trades.begin()
            self.touch.begin()
            if time.monotonic() - began > _LASTING_SECONDS:
                self._backoff.reset()
            if has_spoken:
                self._in_vain.reset()
            log.info("socket_lost", symbol=self.symbol, error=self._redact(self._why)[:300])
            await asyncio.sleep((self._backoff if has_spoken else self._in_vain).pause())

    async def _listen(self) -> None:
        # It takes tens of milliseconds, for which no order is to wait.
        exchange = await asyncio.to_thread(self._make)
        self._guard(exchange)
        watches: list[Awaitable[None]] = []
        if exchange.has.get("watchTrades") is True:
            watches.append(self._listen_to_trades(exchange))
        if exchange.has.get("watchBidsAsks") is True:
            watches.append(self._listen_to_touch(exchange))
        elif exchange.has.get("watchOrderBook") is True:
            watches.append(self._listen_to_book(exchange))
        tasks = [asyncio.ensure_future(each) for each in (*watches, self._until_broken())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                if task.cancelled():  # ccxt does that to whoever listens when it closes a socket.
                    raise StreamBrokenError("closed")
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            with suppress(Exception):
                await asyncio.wait_for(exchange.close(), _CLOSE_SECONDS)

    async def _until_broken(self) -> None:
        await self._broken.wait()
        raise StreamBrokenError(self._why)

    async def _listen_to_trades(self, exchange: Any) -> None:  # noqa: ANN401 - ccxt has no types
        while True:
            # A dictionary of its own each time: ccxt writes into it.
            params = dict(self._trades_params)
            rows: list[Json] = await exchange.watch_trades(self.symbol, None, None, params)
            if len(rows) >= TRADES_KEPT or len(self.trades.waiting) + len(rows) > _MOST_WAITING:
                raise StreamBrokenError("trades come faster than they can be taken")
            mine = trades_of(row for row in rows if row.get("symbol") == self.symbol)
            if mine:
                self.trades.waiting += mine
                self._heard(self.trades)

    async def _listen_to_touch(self, exchange: Any) -> None:  # noqa: ANN401 - ccxt has no types
        while True:
            told: Json = await exchange.watch_bids_asks([self.symbol])
            ticker = told if "bid" in told else told.get(self.symbol)
            if ticker is None or ticker.get("symbol") != self.symbol:
                continue
            order = _order_of(ticker)
            quote = touch_of(ticker, _AT_SOME_TIME)
            if quote is not None and not _is_before(order, self.touch.order):
                self.touch.order = order
                self.touch.tell(quote)
                self._heard(self.touch)

    async def _listen_to_book(self, exchange: Any) -> None:  # noqa: ANN401 - ccxt has no types
        while True:
            book: Json = await exchange.watch_order_book(self.symbol)
            quote = quote_of(book, _AT_SOME_TIME)
            if book.get("symbol", self.symbol) == self.symbol and quote is not None:
                self.touch.tell(quote)
                self._heard(self.touch)

    def _heard(self, channel: Channel) -> None:
        channel.heard_at = time.monotonic()
        self.news.set()

    def _guard(self, exchange: Any) -> None:  # noqa: ANN401 - ccxt has no types
        """Have every failure on a socket of `exchange` break this connection.

        ccxt lets a frame that it cannot read end its reading, and nobody hears of that; and a socket that is lost
        between two questions it makes anew without a word.
        """
        make, on_error, on_close = exchange.client, exchange.on_error, exchange.on_close

        def failed(client: Any, error: Any) -> None:  # noqa: ANN401 - ccxt has no types
            self.reset(f"{type(error).__name__}: {error}")
            on_error(client, error)

        def closed(client: Any, code: Any) -> None:  # noqa: ANN401 - ccxt has no types
            self.reset(f"closed with {code}")
            on_close(client, code)

        def guarded(url: str) -> Any:  # noqa: ANN401 - ccxt has no types
            client = make(url)
            if "handle_message" not in vars(client):
                handle = client.handle_message

                def handled(message: Any) -> None:  # noqa: ANN401 - ccxt has no types
                    try:
                        handle(message)
                    except Exception as error:
                        self.reset(f"a frame that cannot be read: {type(error).__name__}")

                client.handle_message = handled
            return client

        exchange.on_error, exchange.on_close, exchange.client = failed, closed, guarded


def _order_of(ticker: Json) -> tuple[int, int]:
    """Return what tells an older touch from a newer one: the exchange's time, and its number; 0 where left out."""
    info: Any = ticker.get("info")
    number = str(cast("Json", info).get("u", "")) if isinstance(info, Mapping) else ""
    return int(ticker.get("timestamp") or 0), int(number) if number.isdigit() else 0


def _is_before(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return any(a < b for a, b in zip(one, other, strict=True) if a and b)
