"""A real exchange through ccxt. The only place that imports it, and only when a venue is opened: that takes seconds.

All its requests run on one event loop in a thread of its own. Orders and questions have an exchange object each, so
that no question can delay an order.
"""

from __future__ import annotations

import asyncio
import importlib
import random
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from difflib import get_close_matches
from functools import partial
from typing import Any, Final, TypeVar

from pykka import ActorDeadError

from genesis_actors.domain.proof import ProofRules
from genesis_actors.gateways.ccxt_account import fingerprint
from genesis_actors.gateways.ccxt_client_ids import VenueHabits, habits_of, request_expiry
from genesis_actors.gateways.ccxt_config import Prepared, names_real_exchange, prepare
from genesis_actors.gateways.ccxt_feed import SymbolFeed, read_volumes
from genesis_actors.gateways.ccxt_funds import Funds
from genesis_actors.gateways.ccxt_health import Health
from genesis_actors.gateways.ccxt_lookup import Lookup, Names
from genesis_actors.gateways.ccxt_orders import DeskPorts, OrderDesk
from genesis_actors.gateways.ccxt_outcomes import Failure, Judgement, judge
from genesis_actors.gateways.ccxt_parsing import free_balances, levels_of, quote_of
from genesis_actors.gateways.ccxt_rules import (
    UnusableMarketError,
    market_rules,
    why_not_tradable,
)
from genesis_actors.gateways.ccxt_throttle import PASSAGE, Blocks, Passage, watch_requests
from genesis_actors.gateways.live import (
    AvailabilityChanged,
    MarketLook,
    SymbolSeen,
    VenueReport,
)
from genesis_actors.gateways.venue import SourceError
from genesis_actors.logs import get_logger
from genesis_actors.messages.base import Address
from genesis_actors.messages.venue import (
    CancelOrder,
    HourlyVolume,
    LookUpOrder,
    OrderClosed,
    OrderFilled,
    OrderOutcome,
    OrderRefused,
    PlaceOrder,
)
from genesis_actors.settings import CcxtSettings
from genesis_actors.values import MarketRules, Reason, Side, Symbol

T = TypeVar("T")

log = get_logger()

_SYNC_EVERY: Final = 300.0
_MARKETS_EVERY: Final = 3_600.0
_MARKETS_DOUBTED: Final = 30.0
_VOLUMES_EVERY = timedelta(hours=1)
_LEVELS: Final = 100
_OPEN_SECONDS: Final = 60.0
_CLOSE_SECONDS: Final = 5.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 15.0
_TRIES: Final = 4
_BINANCE_WEIGHT: Final = 6_000


@dataclass(slots=True)
class _Volumes:
    read_at: datetime
    bars: tuple[HourlyVolume, ...]


class CcxtVenue:
    """One account at one exchange: the port `LiveVenue`. `open` makes one."""

    def __init__(self, settings: CcxtSettings, prepared: Prepared, *, name: str) -> None:
        self.name = name
        self.account: str | None = None
        self.prepared = prepared
        self.settings = settings
        self.clock_skew = timedelta(0)
        """How far our clock is ahead of the exchange's."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run_loop, name="ccxt", daemon=True)
        self._listener: Address[VenueReport] | None = None
        self._generation = 0
        self._feeds: dict[Symbol, SymbolFeed] = {}
        self._opening: dict[Symbol, asyncio.Lock] = {}
        self._volumes: dict[Symbol, _Volumes] = {}
        self._known_symbols: tuple[Symbol, ...] = ()
        self._is_closed = False
        self._resync = asyncio.Event()
        self._markets_doubted = asyncio.Event()
        self._redact = prepared.redactor.text
        self._health = Health(self._tell, settings.outage_after)
        self._blocks = Blocks(
            weight_limit=_BINANCE_WEIGHT if settings.exchange.startswith("binance") else None
        )
        # Made by `_connect`, on the loop.
        self.reads: Any = None
        self._orders: Any = None
        self.habits: VenueHabits = VenueHabits()
        self._desk: OrderDesk | None = None
        self._lookup: Lookup | None = None

    @classmethod
    def open(cls, settings: CcxtSettings, *, name: str, is_live: bool) -> CcxtVenue:
        """Connect: markets, the clock's difference, and whose account it is. Raises SourceError, SettingsError."""
        prepared = prepare(settings, is_live=is_live)
        venue = cls(settings, prepared, name=name)
        venue._thread.start()
        try:
            venue._wait(venue._connect(), _OPEN_SECONDS)
        except BaseException:
            venue.close()
            raise
        return venue

    # --- The port ------------------------------------------------------------------------------------

    @property
    def proof(self) -> ProofRules:
        settings = self.settings
        return ProofRules(
            request_expiry=request_expiry(self.habits, self._window()),
            engine_timeout=settings.engine_timeout,
            clock_error=settings.clock_error,
            read_lag=settings.read_lag,
            answer_timeout=settings.order_freshness
            + 2 * timedelta(milliseconds=float(self.prepared.config["timeout"]))
            + timedelta(seconds=5),
        )

    @property
    def trades_every(self) -> timedelta | None:
        return self.settings.trades_every

    def symbols(self) -> tuple[Symbol, ...]:
        return self._known_symbols

    def connect(self, listener: Address[VenueReport], prefix: str) -> None:
        self._listener = listener
        self._generation += 1
        desk = self._the_desk()
        self._loop.call_soon_threadsafe(desk.begin_anew, prefix)
        if self._health.current is not None:
            listener.tell(self._health.current)

    def describe(self, symbol: Symbol) -> None:
        self._do(self._describe(symbol, self._generation))

    def place(self, order: PlaceOrder) -> None:
        generation = self._generation
        self._do(self._the_desk().place(order, lambda: generation == self._generation))

    def cancel(self, request: CancelOrder, asked_at: datetime) -> None:
        self._do(self._the_desk().cancel(request, asked_at))

    def look_up(self, request: LookUpOrder, asked_at: datetime) -> None:
        self._do(self._the_desk().look_up(request, asked_at))

    def ask_trades(self, symbol: Symbol, since: datetime) -> None:
        # The venue's clock may be behind ours.
        since -= abs(self.clock_skew)
        self._do(self._ask_trades(symbol, since, self._generation))

    def look(self, symbol: Symbol) -> MarketLook:
        return self._wait(self._look(symbol), _OPEN_SECONDS)

    def balances(self) -> Mapping[str, Decimal]:
        """Wait for the free balances. Raises SourceError."""
        return self._wait(self._read_balances(), _OPEN_SECONDS)

    def wait_for(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for a question that `work` asks on the exchange's loop. Raises SourceError."""
        return self._wait(work, _OPEN_SECONDS)

    def close(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        try:
            asyncio.run_coroutine_threadsafe(self._disconnect(), self._loop).result(_CLOSE_SECONDS)
        except Exception as error:
            log.warning("venue_not_closed", error=self._redact(repr(error)))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_CLOSE_SECONDS)

    # --- Opening and closing -------------------------------------------------------------------------

    def _run_loop(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        self._loop.close()

    async def _connect(self) -> None:
        identity = self.settings.exchange
        ccxt: Any = importlib.import_module("ccxt.async_support")
        if identity not in ccxt.exchanges:
            known: Iterable[str] = ccxt.exchanges
            near = ", ".join(get_close_matches(identity, list(known), 3)) or "binance, kraken"
            raise SourceError(
                f"ccxt knows no exchange {identity!r}", f"[venue.ccxt] exchange: {near}, ..."
            )
        self.reads, self._orders = self._make(ccxt), self._make(ccxt)
        habits = habits_of(identity, self.reads.has)
        if isinstance(habits, str):
            raise SourceError(habits, "choose an exchange that is listed in docs/live.md")
        self.habits = habits
        await _patiently(self._read_markets)
        await _patiently(self._sync_clock)
        if self.prepared.keys_from is not None:
            self.account = await _patiently(partial(fingerprint, self.reads, identity))
        names = Names()
        self._lookup = Lookup(self.reads, identity, habits, names)
        self._desk = OrderDesk(
            self._orders,
            exchange=identity,
            habits=habits,
            lookup=self._lookup,
            names=names,
            funds=Funds(self._read_balances),
            blocks=self._blocks,
            redactor=self.prepared.redactor,
            freshness=self.settings.order_freshness,
            ports=DeskPorts(
                rules_of=self._rules_for_order,
                tell=self._tell,
                on_judged=self._on_judged,
                on_order=self._on_order,
                on_outcomes=self._on_outcomes,
            ),
        )
        self._desk.spawn(self._keep_in_time())
        self._desk.spawn(self._keep_markets())

    def _make(self, ccxt: Any) -> Any:  # noqa: ANN401 - ccxt has no types
        config = dict(self.prepared.config)
        # Each of the two has half of what the exchange allows.
        plain = getattr(ccxt, self.settings.exchange)({"asyncio_loop": self._loop})
        config["rateLimit"] = 2 * float(config.get("rateLimit", plain.rateLimit))
        exchange = getattr(ccxt, self.settings.exchange)({**config, "asyncio_loop": self._loop})
        exchange.number = str
        exchange.has = {**exchange.has, "fetchCurrencies": False}
        if self.settings.sandbox:
            self._enter_sandbox(exchange, plain)
        watch_requests(exchange, self._blocks.note_weight)
        return exchange

    def _enter_sandbox(self, exchange: Any, plain: Any) -> None:  # noqa: ANN401 - ccxt has no types
        """Switch to the sandbox's addresses; the operator's own are laid over them, if they are not the real ones."""
        urls: Mapping[str, Any] = self.prepared.config.get("urls") or {}
        wished: object = urls.get("api")
        if names_real_exchange(urls, plain.urls, plain.hostname):
            raise SourceError(
                "sandbox = true, but [venue.ccxt.config.urls] names the real exchange",
                "leave urls out, or set sandbox = false and trade live",
            )
        if exchange.urls.get("test"):
            exchange.set_sandbox_mode(True)
        elif wished is None:
            raise SourceError(
                f"ccxt knows no sandbox of {self.settings.exchange}",
                "set its addresses in [venue.ccxt.config.urls.api], or sandbox = false",
            )
        if wished is not None:
            exchange.urls = exchange.deep_extend(exchange.urls, {"api": wished})

    async def _disconnect(self) -> None:
        for task in asyncio.all_tasks():
            if task is not asyncio.current_task():
                task.cancel()
        both = [each for each in (self.reads, self._orders) if each is not None]
        await asyncio.gather(*(exchange.close() for exchange in both))

    # --- Keeping up ----------------------------------------------------------------------------------

    async def _read_markets(self) -> None:
        await self.reads.load_markets(self.reads.markets is not None)
        self._orders.set_markets_from_exchange(self.reads)
        self._known_symbols = tuple(
            Symbol(name) for name, market in self.reads.markets.items() if market.get("spot")
        )

    async def _keep_markets(self) -> None:
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._markets_doubted.wait(), _MARKETS_EVERY)
                await asyncio.sleep(_MARKETS_DOUBTED)
            self._markets_doubted.clear()
            try:
                await self._read_markets()
            except Exception as error:
                log.warning("markets_unread", error=self._redact(error))

    async def _sync_clock(self) -> None:
        """Measure how far the clocks are apart, the half of the way there taken off; both objects sign by it."""
        if self.reads.has.get("fetchTime") is not True:
            return
        began = datetime.now(UTC)
        theirs = await self.reads.fetch_time()
        ended = datetime.now(UTC)
        middle = began + (ended - began) / 2
        ahead = int(middle.timestamp() * 1_000) - int(theirs)
        self.clock_skew = timedelta(milliseconds=ahead)
        for exchange in (self.reads, self._orders):
            exchange.options["timeDifference"] = ahead

    async def _keep_in_time(self) -> None:
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._resync.wait(), _SYNC_EVERY)
            self._resync.clear()
            try:
                await self._sync_clock()
            except Exception as error:
                log.warning("clock_not_measured", error=self._redact(error))
                await asyncio.sleep(1)

    async def _feed(self, feed: SymbolFeed) -> None:
        """Read a symbol's market for as long as the venue is open."""
        pause = _FIRST_PAUSE
        # An outage, and its end, are to be noticed in time.
        longest = min(_LONGEST_PAUSE, self.settings.outage_after.total_seconds() / 3)
        while True:
            wait = self._blocks.seconds_for_reads()
            if wait:
                await asyncio.sleep(wait)
            passage = Passage()
            token = PASSAGE.set(passage)
            try:
                rows = await feed.read(self.clock_skew)
            except Exception as error:
                self._on_read_failed(error, passage, feed.symbol)
                # Backoff, each on its own, so that all do not come back at once.
                await asyncio.sleep(pause * random.uniform(0.5, 1.5))
                pause = min(2 * pause, longest)
                continue
            finally:
                PASSAGE.reset(token)
            pause = _FIRST_PAUSE
            self._health.answered()
            for row in rows:
                self._tell(row)
            await asyncio.sleep(self.settings.poll_interval.total_seconds())

    def _on_read_failed(self, error: Exception, passage: Passage, symbol: Symbol) -> None:
        judgement = judge(self.settings.exchange, Failure.of(error, passage.status))
        self._blocks.add(judgement, symbol, passage.retry_after)
        detail = self._redact(f"{type(error).__name__}: {error}")[:300]
        log.info("market_unread", symbol=symbol, error=detail)
        self._health.failed(detail, is_maintenance=judgement.is_maintenance)

    def _on_judged(self, judgement: Judgement) -> None:
        if judgement.reason is Reason.CLOCK_SKEW:
            self._resync.set()
        if judgement.reason is Reason.MARKET_CLOSED:
            self._markets_doubted.set()
        if judgement.is_maintenance:
            self._health.failed("the exchange says so", is_maintenance=True)

    # --- Questions -----------------------------------------------------------------------------------

    async def _ask_trades(self, symbol: Symbol, since: datetime, generation: int) -> None:
        heard = await self._the_desk().trades_since(symbol, since)
        self._answer(heard, generation)

    def _answer(self, report: VenueReport, generation: int) -> None:
        """Tell whoever has asked, if that is still the one who listens: others would not know what it is about."""
        if generation == self._generation:
            self._tell(report)

    async def _describe(self, symbol: Symbol, generation: int) -> None:
        pause = _FIRST_PAUSE
        while generation == self._generation:
            try:
                seen = await self._see(symbol)
            except Exception as error:
                log.warning("symbol_undescribed", symbol=symbol, error=self._redact(error)[:300])
                await asyncio.sleep(pause * random.uniform(0.5, 1.5))
                pause = min(2 * pause, _LONGEST_PAUSE)
            else:
                self._answer(seen, generation)
                return

    async def _see(self, symbol: Symbol) -> SymbolSeen:
        rules = self._rules(symbol)
        if isinstance(rules, str):
            return SymbolSeen(symbol, None, {}, (), self._known_symbols)
        balances = await self._read_balances()
        volumes = await self._read_volumes(symbol)
        # Two may ask at the same time; a symbol has one feed, whose rows are in order.
        async with self._opening.setdefault(symbol, asyncio.Lock()):
            if symbol not in self._feeds:
                await self._open_feed(symbol)
        return SymbolSeen(symbol, rules, balances, volumes, self._known_symbols)

    async def _open_feed(self, symbol: Symbol) -> None:
        feed = SymbolFeed(self.reads, symbol, by_id=self.settings.exchange.startswith("binance"))
        self._feeds[symbol] = feed
        try:
            rows = await _patiently(partial(feed.read, self.clock_skew))
        except Exception as error:
            log.info("market_unread", symbol=symbol, error=self._redact(error)[:300])
            rows = []  # It goes on trying.
        for row in rows:
            self._tell(row)
        self._the_desk().spawn(self._feed(feed))

    async def _look(self, symbol: Symbol) -> MarketLook:
        rules = self._rules(symbol)
        if isinstance(rules, str):
            return MarketLook(None, self._known_symbols, None, None, (), {})
        book = await self.reads.fetch_order_book(symbol, _LEVELS)
        balances = None
        if self.prepared.keys_from is not None:
            balances = await self._read_balances()
        return MarketLook(
            rules,
            self._known_symbols,
            balances,
            quote_of(book, datetime.now(UTC)),
            await self._read_volumes(symbol),
            {side: levels_of(book, side) for side in Side},
        )

    def _rules(self, symbol: Symbol) -> MarketRules | str:
        market = self.reads.markets.get(symbol)
        if market is None or not market.get("spot"):
            return f"{self.settings.exchange} has no spot market {symbol}"
        try:
            return market_rules(market, self.reads.precisionMode)
        except UnusableMarketError as error:
            return str(error)

    def _rules_for_order(self, symbol: Symbol) -> MarketRules | str:
        market = self.reads.markets.get(symbol)
        closed = None if market is None else why_not_tradable(market)
        if closed is not None:
            self._markets_doubted.set()  # It may have been opened again.
        return closed or self._rules(symbol)

    async def _read_balances(self) -> Mapping[str, Decimal]:
        return free_balances(await self.reads.fetch_balance())

    async def _read_volumes(self, symbol: Symbol) -> tuple[HourlyVolume, ...]:
        now = datetime.now(UTC)
        known = self._volumes.get(symbol)
        if known is not None and now - known.read_at < _VOLUMES_EVERY:
            return known.bars
        try:
            bars = await read_volumes(self.reads, symbol, now)
        except Exception as error:
            # A profile is a help, and no condition.
            log.warning("volumes_unread", symbol=symbol, error=self._redact(error)[:300])
            return () if known is None else known.bars
        self._volumes[symbol] = _Volumes(now, bars)
        return bars

    # --- Our own volume ------------------------------------------------------------------------------

    def _on_order(self, order: PlaceOrder) -> None:
        feed = self._feeds.get(order.symbol)
        if feed is not None:
            now = datetime.now(UTC)
            feed.others.sent(order.client_order_id, order.quantity, now - self.clock_skew)

    def _on_outcomes(self, symbol: Symbol, outcomes: tuple[OrderOutcome, ...]) -> None:
        feed = self._feeds.get(symbol)
        if feed is None:
            return
        for outcome in outcomes:
            if isinstance(outcome, OrderFilled):
                feed.others.filled(outcome.client_order_id, outcome.trade_id, outcome.quantity)
        for outcome in outcomes:
            if isinstance(outcome, (OrderClosed, OrderRefused)):
                feed.others.closed(outcome.client_order_id)

    # --- Between the threads -------------------------------------------------------------------------

    def _the_desk(self) -> OrderDesk:
        if self._desk is None:
            raise RuntimeError("the venue is not open")
        return self._desk

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        if self._is_closed:
            work.close()
            return
        self._loop.call_soon_threadsafe(partial(self._the_desk().spawn, work))

    def _tell(self, report: VenueReport | AvailabilityChanged) -> None:
        listener = self._listener
        if listener is None:
            return
        try:
            listener.tell(report)
        except ActorDeadError:
            log.info("nobody_hears_the_venue", report=type(report).__name__)

    def _window(self) -> timedelta:
        return timedelta(milliseconds=int(self.prepared.config["options"]["recvWindow"]))

    def _wait(self, work: Coroutine[Any, Any, T], seconds: float) -> T:
        try:
            return asyncio.run_coroutine_threadsafe(work, self._loop).result(seconds)
        except SourceError:
            raise
        except TimeoutError:
            raise SourceError(
                f"{self.settings.exchange} has not answered within {seconds:.0f} s",
                "check the network, the proxy and [venue.ccxt.config]",
            ) from None
        except Exception as error:
            # The chain of causes cites requests: nothing of it goes further than its redacted text.
            failure = Failure.of(error)
            said = self._redact(f"{failure.name}: {error}")[:500]
            raise SourceError(f"{self.settings.exchange}: {said}", _hint(failure)) from None


async def _patiently(ask: Callable[[], Awaitable[T]]) -> T:
    """Ask a few times where the network or the exchange is to blame: one lost answer is no reason not to start."""
    for attempt in range(_TRIES - 1):
        try:
            return await ask()
        except Exception as error:
            names = Failure.of(error).names
            passes = "OperationFailed" in names or "BrokenAnswerError" in names
            if not passes or "InvalidNonce" in names:
                raise
            await asyncio.sleep(_FIRST_PAUSE * 2**attempt * random.uniform(0.5, 1.5))
    return await ask()


def _hint(failure: Failure) -> str:
    if "AuthenticationError" in failure.names:
        return "check the key, its secret, what it is allowed to do, and from which addresses"
    if "NetworkError" in failure.names:
        return "check the network, the proxy and the addresses in [venue.ccxt.config]"
    return "see what is set: genesis config show"
