"""A real exchange through ccxt. The only place that imports it, and only when a venue is opened: that takes seconds.

All its requests run on one event loop in a thread of its own. Orders and questions have an exchange object each, so
that no question can delay an order; each symbol's sockets have one of their own.
"""

from __future__ import annotations

import asyncio
import importlib
import threading
from collections.abc import Callable, Coroutine, Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from difflib import get_close_matches
from functools import partial
from typing import Any, Final, TypeVar

from pykka import ActorDeadError

from genesis_actors.domain.proof import ProofRules
from genesis_actors.gateways.ccxt_account import fingerprint
from genesis_actors.gateways.ccxt_answers import Answers, DeskPorts
from genesis_actors.gateways.ccxt_client_ids import VenueHabits, habits_of, request_expiry
from genesis_actors.gateways.ccxt_config import Prepared, prepare
from genesis_actors.gateways.ccxt_countdown import Countdown, check_countdown
from genesis_actors.gateways.ccxt_funds import Funds
from genesis_actors.gateways.ccxt_health import Health
from genesis_actors.gateways.ccxt_lookup import Lookup, Names
from genesis_actors.gateways.ccxt_market import Markets
from genesis_actors.gateways.ccxt_objects import ObjectMaker
from genesis_actors.gateways.ccxt_orders import OrderDesk
from genesis_actors.gateways.ccxt_outcomes import Failure, Judgement
from genesis_actors.gateways.ccxt_tasks import Tasks, patiently
from genesis_actors.gateways.ccxt_throttle import Blocks, watch_requests
from genesis_actors.gateways.ccxt_upkeep import Upkeep
from genesis_actors.gateways.live import AvailabilityChanged, MarketLook, SymbolSeen, VenueReport
from genesis_actors.gateways.venue import SourceError
from genesis_actors.logs import get_logger
from genesis_actors.messages.base import Address
from genesis_actors.messages.venue import CancelOrder, LookUpOrder, PlaceOrder
from genesis_actors.settings import CcxtSettings
from genesis_actors.values import Reason, Symbol

T = TypeVar("T")

log = get_logger()

_OPEN_SECONDS: Final = 60.0
_CLOSE_SECONDS: Final = 10.0
_BINANCE_WEIGHT: Final = 6_000


class CcxtVenue:
    """One account at one exchange: the port `LiveVenue`. `open` makes one."""

    # Made by `_connect`, on the loop, and used there.
    reads: Any
    habits: VenueHabits
    markets: Markets
    _orders: Any
    _upkeep: Upkeep
    _answers: Answers
    _desk: OrderDesk

    def __init__(self, settings: CcxtSettings, prepared: Prepared, *, name: str) -> None:
        self.name = name
        self.account: str | None = None
        self.prepared = prepared
        self.settings = settings
        self.why_no_sockets: str | None = None
        """Why market data comes by asking alone, None where sockets are used."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run_loop, name="ccxt", daemon=True)
        self._listener: Address[VenueReport] | None = None
        self._generation = 0
        self._listed: set[tuple[int, Symbol]] = set()
        """Whose open orders have been told, and to which listener."""
        self._is_closed = False
        self._redact = prepared.redactor.text
        self._tasks = Tasks(prepared.redactor)
        self._loop.set_exception_handler(self._tasks.on_loop_failure)
        self._health = Health(self._tell, settings.outage_after)
        self._blocks = Blocks(
            weight_limit=_BINANCE_WEIGHT if settings.exchange.startswith("binance") else None
        )
        self._maker = ObjectMaker(settings, prepared, self._loop)
        self._made: list[Any] = []
        self._countdown: Countdown | None = None

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
            request_expiry=request_expiry(self.habits, self._window),
            engine_timeout=settings.engine_timeout,
            clock_error=settings.clock_error,
            read_lag=settings.read_lag,
            answer_timeout=settings.order_freshness
            + 2 * timedelta(milliseconds=float(self.prepared.config["timeout"]))
            + timedelta(seconds=5),
        )

    @property
    def _window(self) -> timedelta:
        return timedelta(milliseconds=int(self.prepared.config["options"]["recvWindow"]))

    @property
    def trades_every(self) -> timedelta | None:
        return self.settings.trades_every

    @property
    def clock_skew(self) -> timedelta:
        """How far our clock is ahead of the exchange's."""
        return self._upkeep.clock_skew

    def symbols(self) -> tuple[Symbol, ...]:
        return self._upkeep.known_symbols

    def connect(self, listener: Address[VenueReport], prefix: str) -> None:
        self._listener = listener
        self._generation += 1
        self._loop.call_soon_threadsafe(self._desk.begin_anew, prefix)
        if self._health.current is not None:
            listener.tell(self._health.current)

    def describe(self, symbol: Symbol) -> None:
        generation = self._generation
        self._do(self.markets.describe(symbol, *self._while_of(generation)))

    def place(self, order: PlaceOrder) -> None:
        is_wanted, _ = self._while_of(self._generation)
        self._do(self._desk.place(order, is_wanted))

    def cancel(self, request: CancelOrder, asked_at: datetime) -> None:
        self._do(self._desk.cancel(request, asked_at))

    def look_up(self, request: LookUpOrder, asked_at: datetime) -> None:
        self._do(self._answers.look_up(request, asked_at))

    def ask_trades(self, symbol: Symbol, since: datetime) -> None:
        # The venue's clock may be behind ours.
        since -= abs(self.clock_skew)
        self._do(self._ask_trades(symbol, since, self._generation))

    def look(self, symbol: Symbol) -> MarketLook:
        return self._wait(self.markets.look(symbol), _OPEN_SECONDS)

    def balances(self) -> Mapping[str, Decimal]:
        """Wait for the free balances. Raises SourceError."""
        return self._wait(self.markets.balances(), _OPEN_SECONDS)

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
        reads, orders = self._make(ccxt), self._make(ccxt)
        self.reads, self._orders = reads, orders
        habits = habits_of(identity, reads.has)
        if isinstance(habits, str):
            raise SourceError(habits, "choose an exchange that is listed in docs/live.md")
        self.habits = habits
        check_countdown(self.settings, habits)
        self._upkeep = Upkeep(reads, orders, self._redact)
        await patiently(self._upkeep.read_markets)
        await patiently(self._upkeep.sync_clock)
        if self.prepared.keys_from is not None:
            self.account = await patiently(partial(fingerprint, reads, identity))
        self._assemble(importlib.import_module("ccxt.pro"))
        for keeping in (
            self._upkeep.keep_in_time(),
            self._upkeep.keep_markets(),
            self._health.keep_looking(),
        ):
            self._tasks.spawn(keeping)

    def _make(self, module: Any) -> Any:  # noqa: ANN401 - ccxt has no types
        exchange = self._maker.make(module)
        self._made.append(exchange)
        watch_requests(exchange, self._blocks.note_weight)
        return exchange

    def _assemble(self, pro: Any) -> None:  # noqa: ANN401 - ccxt has no types
        settings, names = self.settings, Names()
        self.why_no_sockets = self._maker.why_no_sockets(pro)
        has_sockets = self.why_no_sockets is None
        self.markets = Markets(
            self.reads,
            settings,
            habits=self.habits,
            upkeep=self._upkeep,
            health=self._health,
            blocks=self._blocks,
            tasks=self._tasks,
            has_keys=self.prepared.keys_from is not None,
            open_socket=partial(self._maker.make_for_sockets, pro, self.reads)
            if has_sockets
            else None,
            tell=self._tell,
            redact=self._redact,
        )
        if settings.cancel_all_after is not None:
            self._countdown = Countdown(self.reads, settings.cancel_all_after, self._redact)
            self._tasks.spawn(self._countdown.run())
        lookup = Lookup(self.reads, settings.exchange, self.habits, names, self._upkeep.venue_now)
        ports = DeskPorts(
            rules_of=self._upkeep.rules_for_order,
            venue_now=self._upkeep.venue_now,
            tell=self._tell,
            on_judged=self._on_judged,
            on_order=self.markets.on_order,
            on_outcomes=self.markets.on_outcomes,
        )
        self._answers = Answers(
            exchange=settings.exchange,
            lookup=lookup,
            blocks=self._blocks,
            redactor=self.prepared.redactor,
            tasks=self._tasks,
            ports=ports,
            countdown=self._countdown,
        )
        self._desk = OrderDesk(
            self._orders,
            settings=settings,
            habits=self.habits,
            lookup=lookup,
            names=names,
            funds=Funds(self.markets.balances),
            blocks=self._blocks,
            redactor=self.prepared.redactor,
            window=self._window,
            ports=ports,
            answers=self._answers,
            countdown=self._countdown,
        )

    async def _disconnect(self) -> None:
        await self._tasks.cancel()
        if self._countdown is not None:
            await self._countdown.disarm()
        await asyncio.gather(*(exchange.close() for exchange in self._made))

    # --- What comes back -----------------------------------------------------------------------------

    def _on_judged(self, judgement: Judgement) -> None:
        if judgement.reason is Reason.CLOCK_SKEW:
            self._upkeep.doubt_clock()
        if judgement.reason is Reason.MARKET_CLOSED:
            self._upkeep.doubt_markets()
        if judgement.is_maintenance:
            self._health.failed("the exchange says so", is_maintenance=True)

    async def _ask_trades(self, symbol: Symbol, since: datetime, generation: int) -> None:
        is_first = (generation, symbol) not in self._listed
        heard = await self._answers.trades_since(symbol, since, lists_open=is_first)
        if generation == self._generation:
            if heard.is_complete:
                self._listed.add((generation, symbol))
            self._tell(heard)

    def _while_of(self, generation: int) -> tuple[Callable[[], bool], Callable[[SymbolSeen], None]]:
        """Return whether the one who asks still listens, and how to answer him: others would not know what it is."""

        def is_wanted() -> bool:
            return generation == self._generation

        def answer(report: SymbolSeen) -> None:
            if is_wanted():
                self._tell(report)

        return is_wanted, answer

    # --- Between the threads -------------------------------------------------------------------------

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        if self._is_closed:
            work.close()
            return
        self._loop.call_soon_threadsafe(partial(self._tasks.spawn, work))

    def _tell(self, report: VenueReport | AvailabilityChanged) -> None:
        listener = self._listener
        if listener is None:
            return
        try:
            listener.tell(report)
        except ActorDeadError:
            log.info("nobody_hears_the_venue", report=type(report).__name__)

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


def _hint(failure: Failure) -> str:
    if "AuthenticationError" in failure.names:
        return "check the key, its secret, what it is allowed to do, and from which addresses"
    if "NetworkError" in failure.names:
        return "check the network, the proxy and the addresses in [venue.ccxt.config]"
    return "see what is set: genesis config show"
