"""Everything about an exchange's markets that is no order: what a symbol is like, and how its market goes on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, Final

from genesis_actors.gateways.ccxt_candles import read_volumes
from genesis_actors.gateways.ccxt_client_ids import VenueHabits
from genesis_actors.gateways.ccxt_feed import SymbolFeed
from genesis_actors.gateways.ccxt_health import Health
from genesis_actors.gateways.ccxt_outcomes import Failure, judge
from genesis_actors.gateways.ccxt_parsing import free_balances, held_balances, levels_of, quote_of
from genesis_actors.gateways.ccxt_rules import exact_number
from genesis_actors.gateways.ccxt_streams import SymbolStream
from genesis_actors.gateways.ccxt_tasks import FIRST_PAUSE, LONGEST_PAUSE, Backoff, Tasks, patiently
from genesis_actors.gateways.ccxt_throttle import PASSAGE, Blocks, Passage
from genesis_actors.gateways.ccxt_upkeep import Upkeep
from genesis_actors.gateways.live import MarketLook, SymbolSeen, VenueReport
from genesis_actors.logs import get_logger
from genesis_actors.messages.market_data import MarketRows
from genesis_actors.messages.venue import (
    HourlyVolume,
    OrderClosed,
    OrderFilled,
    OrderOutcome,
    OrderRefused,
    PlaceOrder,
)
from genesis_actors.settings import CcxtSettings
from genesis_actors.steady import utc_now
from genesis_actors.values import ZERO, MarketRules, Side, Symbol

log = get_logger()

_READ_AGAIN = timedelta(hours=1)
_LEVELS: Final = 100
_BATCH_SECONDS: Final = 0.05
_SOONEST_SECONDS: Final = 0.1
_QUIET_SECONDS: Final = 3.0


@dataclass(frozen=True, slots=True)
class _Fees:
    taker: Decimal
    maker: Decimal


class Markets:
    """Reads one exchange's markets, and tells of them. Used on the loop of `reads` only."""

    def __init__(
        self,
        reads: Any,  # noqa: ANN401 - ccxt has no types
        settings: CcxtSettings,
        *,
        habits: VenueHabits,
        upkeep: Upkeep,
        health: Health,
        blocks: Blocks,
        tasks: Tasks,
        has_keys: bool,
        open_socket: Callable[[], Any] | None,
        tell: Callable[[VenueReport], None],
        redact: Callable[[object], str],
    ) -> None:
        """`open_socket` returns a new object of ccxt's to listen with, None where there are no sockets."""
        self._reads = reads
        self._settings = settings
        self._habits = habits
        self._upkeep = upkeep
        self._health = health
        self._blocks = blocks
        self._tasks = tasks
        self._has_keys = has_keys
        self._open_socket = open_socket
        self._tell = tell
        self._redact = redact
        self._feeds: dict[Symbol, SymbolFeed] = {}
        self._opening: dict[Symbol, asyncio.Lock] = {}
        self._volumes: dict[Symbol, tuple[datetime, tuple[HourlyVolume, ...]]] = {}
        self._fees: dict[Symbol, tuple[datetime, _Fees | None]] = {}

    # --- What a symbol is like -----------------------------------------------------------------------

    async def describe(
        self, symbol: Symbol, is_wanted: Callable[[], bool], answer: Callable[[SymbolSeen], None]
    ) -> None:
        """Answer once everything about a symbol is known, and start its market data."""
        backoff = Backoff()
        while is_wanted():
            try:
                seen = await self._see(symbol)
            except Exception as error:
                log.warning("symbol_undescribed", symbol=symbol, error=self._redact(error)[:300])
                await asyncio.sleep(backoff.pause())
            else:
                answer(seen)
                return

    async def _see(self, symbol: Symbol) -> SymbolSeen:
        rules = await self._rules(symbol)
        if rules is None:
            return SymbolSeen(symbol, None, {}, (), self._upkeep.known_symbols)
        told = await self._reads.fetch_balance()
        volumes = await self._read_volumes(symbol)
        # Two may ask at the same time; a symbol has one feed, whose rows are in order.
        async with self._opening.setdefault(symbol, asyncio.Lock()):
            if symbol not in self._feeds:
                await self._open_feed(symbol)
        return SymbolSeen(
            symbol,
            rules,
            free_balances(told),
            volumes,
            self._upkeep.known_symbols,
            held_balances(told),
        )

    async def look(self, symbol: Symbol) -> MarketLook:
        rules = await self._rules(symbol)
        if rules is None:
            return MarketLook(None, self._upkeep.known_symbols, None, None, (), {})
        book = await self._reads.fetch_order_book(symbol, _LEVELS)
        return MarketLook(
            rules,
            self._upkeep.known_symbols,
            await self.balances() if self._has_keys else None,
            quote_of(book, utc_now()),
            await self._read_volumes(symbol),
            {side: levels_of(book, side) for side in Side},
        )

    async def balances(self) -> Mapping[str, Decimal]:
        return free_balances(await self._reads.fetch_balance())

    async def _rules(self, symbol: Symbol) -> MarketRules | None:
        """Return the symbol's rules, with what this account pays where the exchange says that."""
        rules = self._upkeep.rules(symbol)
        if isinstance(rules, str):
            return None
        fees = await self._read_fees(symbol)
        return rules if fees is None else replace(rules, taker_fee=fees.taker, maker_fee=fees.maker)

    async def _read_fees(self, symbol: Symbol) -> _Fees | None:
        if not self._has_keys or self._reads.has.get("fetchTradingFee") is not True:
            return None
        now = utc_now()
        known = self._fees.get(symbol)
        if known is not None and now - known[0] < _READ_AGAIN:
            return known[1]
        fees = None
        try:
            told: Mapping[str, Any] = await self._reads.fetch_trading_fee(symbol)
        except Exception as error:
            # Plans are made with them, and nothing is recorded by them. A sandbox has no such page.
            log.info("fees_unread", symbol=symbol, error=self._redact(error)[:300])
        else:
            taker, maker = exact_number(told.get("taker")), exact_number(told.get("maker"))
            if taker is not None and maker is not None and max(abs(taker), abs(maker)) < 1:
                fees = _Fees(max(taker, ZERO), maker)
        self._fees[symbol] = now, fees
        return fees

    async def _read_volumes(self, symbol: Symbol) -> tuple[HourlyVolume, ...]:
        now = utc_now()
        known = self._volumes.get(symbol)
        if known is not None and now - known[0] < _READ_AGAIN:
            return known[1]
        try:
            bars = await read_volumes(self._reads, symbol, now)
        except Exception as error:
            # A profile is a help, and no condition.
            log.warning("volumes_unread", symbol=symbol, error=self._redact(error)[:300])
            return () if known is None else known[1]
        self._volumes[symbol] = now, bars
        return bars

    # --- How its market goes on ----------------------------------------------------------------------

    @property
    def _is_numbered(self) -> bool:
        return self._settings.exchange.startswith("binance")

    def _stream(self, symbol: Symbol) -> SymbolStream | None:
        if self._open_socket is None:
            return None
        return SymbolStream(
            symbol,
            self._open_socket,
            # Binance numbers what its answers tell in another way than single trades.
            trades_params={"name": "aggTrade"} if self._is_numbered else {},
            redact=self._redact,
        )

    async def can_listen(self, symbol: Symbol, seconds: float) -> bool:
        """Return whether a socket says anything about a symbol within so many seconds."""
        stream = self._stream(symbol)
        if stream is None:
            return False
        running = self._tasks.spawn(stream.run())
        await _until(stream.news, seconds)
        running.cancel()
        await asyncio.wait([running])
        return stream.news.is_set()

    async def _open_feed(self, symbol: Symbol) -> None:
        stream = self._stream(symbol)
        poll = self._settings.poll_interval.total_seconds()
        feed = SymbolFeed(
            self._reads,
            symbol,
            by_id=self._is_numbered,
            page=self._habits.tape_page,
            stream=stream,
            quiet_seconds=max(poll, min(3 * poll, _QUIET_SECONDS)),
            # An outage, and its end, are to be noticed in time, however much is heard.
            check_seconds=max(
                poll, min(10 * poll, self._settings.outage_after.total_seconds() / 3)
            ),
        )
        self._feeds[symbol] = feed
        try:
            rows = await patiently(partial(feed.read, self._upkeep.clock_skew))
        except Exception as error:
            log.info("market_unread", symbol=symbol, error=self._redact(error)[:300])
            rows = []  # It goes on trying.
        self._tell_all(rows)
        wanted = asyncio.Event()
        self._tasks.spawn(self._ask_on(feed, wanted))
        if stream is not None:
            self._tasks.spawn(stream.run())
            self._tasks.spawn(self._listen_on(feed, stream, wanted))

    async def _ask_on(self, feed: SymbolFeed, wanted: asyncio.Event) -> None:
        """Ask about a symbol's market whenever it is time, for as long as the venue is open."""
        poll = self._settings.poll_interval.total_seconds()
        longest = min(LONGEST_PAUSE, self._settings.outage_after.total_seconds() / 3)
        backoff = Backoff(min(FIRST_PAUSE, longest), longest)
        while True:
            wanted.clear()
            began = time.monotonic()
            if not feed.wants_reading():
                self._tell_all(feed.hear(self._upkeep.clock_skew))
            elif await self._ask(feed):
                backoff.reset()
            else:
                await asyncio.sleep(backoff.pause())
                continue
            await _until(wanted, poll)
            # A gap is read soon, but one that stays is not asked about without end.
            await asyncio.sleep(max(0.0, began + _SOONEST_SECONDS - time.monotonic()))

    async def _ask(self, feed: SymbolFeed) -> bool:
        await asyncio.sleep(self._blocks.seconds_for_reads())
        passage = Passage()
        token = PASSAGE.set(passage)
        self._health.asked()
        try:
            rows = await feed.read(self._upkeep.clock_skew)
        except Exception as error:
            self._on_failed(error, passage, feed.symbol)
            return False
        finally:
            PASSAGE.reset(token)
        self._health.answered()
        self._tell_all(rows)
        return True

    async def _listen_on(
        self, feed: SymbolFeed, stream: SymbolStream, wanted: asyncio.Event
    ) -> None:
        """Tell what a symbol's sockets say, many rows at once where they come fast."""
        while True:
            await stream.news.wait()
            stream.news.clear()
            self._tell_all(feed.hear(self._upkeep.clock_skew))
            if feed.has_gap:
                wanted.set()
            await asyncio.sleep(_BATCH_SECONDS)

    def _on_failed(self, error: Exception, passage: Passage, symbol: Symbol) -> None:
        judgement = judge(self._settings.exchange, Failure.of(error, passage.status))
        self._blocks.add(judgement, symbol, passage.retry_after)
        detail = self._redact(f"{type(error).__name__}: {error}")[:300]
        log.info("market_unread", symbol=symbol, error=detail)
        self._health.failed(detail, is_maintenance=judgement.is_maintenance)

    def _tell_all(self, rows: list[MarketRows]) -> None:
        for row in rows:
            self._tell(row)

    def is_streamed(self, symbol: Symbol) -> bool:
        """Tell whether a symbol's market comes by sockets now."""
        feed = self._feeds.get(symbol)
        return feed is not None and feed.is_streamed

    # --- Our own volume ------------------------------------------------------------------------------

    def on_order(self, order: PlaceOrder) -> None:
        """An order of ours leaves: what is traded from now on may be ours."""
        feed = self._feeds.get(order.symbol)
        if feed is not None:
            now = utc_now()
            feed.others.sent(order.client_order_id, order.quantity, now - self._upkeep.clock_skew)

    def on_outcomes(self, symbol: Symbol, outcomes: tuple[OrderOutcome, ...]) -> None:
        feed = self._feeds.get(symbol)
        if feed is None:
            return
        for outcome in outcomes:
            if isinstance(outcome, OrderFilled):
                feed.others.filled(outcome.client_order_id, outcome.trade_id, outcome.quantity)
        for outcome in outcomes:
            if isinstance(outcome, (OrderClosed, OrderRefused)):
                feed.others.closed(outcome.client_order_id)


async def _until(event: asyncio.Event, seconds: float) -> None:
    """Wait for an event, for so long at most."""
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return
