"""The composition root: builds the actors, starts them in order, stops them in reverse, and is the public door."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import datetime
from types import TracebackType
from typing import Self

from genesis_actors.actors.control import ControlActor
from genesis_actors.actors.guardian import GuardianActor
from genesis_actors.actors.persistence import PersistenceActor
from genesis_actors.actors.risk import RiskActor
from genesis_actors.calling import (
    ANSWER_SECONDS,
    Caller,
    CommandRefusedError,
    EngineFailedError,
    EngineStoppedError,
)
from genesis_actors.core import GateSwitch, Ground, TradingCore
from genesis_actors.gateways.live import LiveVenue
from genesis_actors.gateways.venue import SimulatedVenue
from genesis_actors.handles import TwapHandle
from genesis_actors.hooks import EventHook, program_of
from genesis_actors.listeners import (
    CLOSE_SECONDS,
    Callback,
    CallbackThread,
    NewsStream,
    Priority,
    Relay,
)
from genesis_actors.logs import get_logger
from genesis_actors.messages.base import Address
from genesis_actors.messages.control import ExecutionNews, Subscribe, Unsubscribe
from genesis_actors.messages.market_data import MarketRows
from genesis_actors.messages.risk import AskPortfolio, PortfolioSeen
from genesis_actors.messages.supervisor import (
    CancelExecution,
    ExecutionStarted,
    Halt,
    HaltDone,
    OrderRejected,
    PauseExecution,
    StartExecution,
    Unhalt,
)
from genesis_actors.opening import (
    VirtualTime,
    check_clock,
    check_keys,
    check_mode,
    check_source,
    open_venue,
    runtime_for,
    seed_of,
)
from genesis_actors.orders import TwapOrder
from genesis_actors.recovery import Continuity, Stock
from genesis_actors.runtime.actor import ActorFailed, Fanout
from genesis_actors.runtime.replies import ask_living
from genesis_actors.runtime.simulation import DeterministicRuntime
from genesis_actors.runtime.system import Runtime
from genesis_actors.settings import Settings
from genesis_actors.storage import queries
from genesis_actors.storage.errors import ExecutionNotFound
from genesis_actors.values import ExecutionId, ExecutionState, ParentOrder, Reason

__all__ = [
    "CommandRefusedError",
    "Engine",
    "EngineFailedError",
    "EngineStoppedError",
    "OrderRejectedError",
    "TwapHandle",
]

log = get_logger()

_OPEN = tuple(state for state in ExecutionState if not state.is_final)


class OrderRejectedError(Exception):
    """The order was refused up front; nothing was written. `reason` is a stable code, `hint` the next step."""

    def __init__(self, rejected: OrderRejected) -> None:
        super().__init__(rejected.message)
        self.reason = rejected.reason
        self.hint = rejected.hint


class Engine(Caller):
    """All actors of one engine on one database and one venue.

    `Engine.start(settings)` runs on threads and the system's clock; with `virtual` the paper and replay venues run on
    a virtual clock in the thread that waits for a result. `NAME_async` does what `NAME` does, and never holds up the
    event loop; `async with await Engine.start_async(settings)` stops it likewise. Of its host's process it changes
    nothing: no logging, no signal handler, no decimal context, no event loop, no actor but its own.
    """

    def __init__(
        self,
        ground: Ground,
        stock: Stock,
        *,
        waits_for_journal: bool,
    ) -> None:
        runtime = ground.runtime
        super().__init__(runtime, ground.control, ground.store.database)
        self.settings = ground.settings
        self.venue = ground.venue
        self._store = ground.store
        self._hook = _hook_of(ground)
        self._commands = ground.commands
        self._subscribers: list[Callback | CallbackThread | NewsStream] = []
        # What nobody mends shuts the gate first of all.
        failures = Fanout[ActorFailed](ground.gate, ground.guardian, self._failures)
        beyond_mending = Fanout[ActorFailed](ground.gate, self._failures)
        runtime.start()
        core = TradingCore(ground, stock)
        control = ControlActor.start(
            runtime,
            supervisor=ground.commands,
            failures=failures,
            known=core.known(),
        )
        ground.control.connect(control)

        def start_core(paused_by: Reason | None) -> TradingCore:
            return TradingCore(ground, ground.store.look(ground.recover), paused_by=paused_by)

        guardian = GuardianActor.start(
            runtime,
            core=core,
            start_core=start_core,
            control=control,
            failures=beyond_mending,
            waits_for_journal=waits_for_journal,
        )
        ground.guardian.connect(guardian)
        if self._hook is not None:
            self.listen(self._hook)
            self._hook.start()

    @classmethod
    def start(
        cls,
        settings: Settings | None = None,
        *,
        virtual: VirtualTime | None = None,
        venue: SimulatedVenue | LiveVenue | None = None,
        recover: Callable[[ParentOrder], bool] = lambda order: True,  # noqa: ARG005
        market_tap: Address[MarketRows] | None = None,
        make_runtime: Callable[[int, datetime], Runtime] | None = None,
        persistence: type[PersistenceActor] = PersistenceActor,
        makes_reports: bool = True,
    ) -> Engine:
        """Lock and migrate the database, recover what is open, and only then start.

        `recover` chooses which open executions are carried on; the others stay as they are. `market_tap` hears every
        market row first; it must not send anything. A simulation brings a runtime (of its seed and start) and a
        writer of its own, and may do without reports. Raises SourceError, StorageError, SettingsError,
        LiveNotAllowedError, OtherMarketError.
        """
        settings = Settings() if settings is None else settings
        program_of(settings.on_event)
        if venue is None:
            check_mode(settings)
            venue = open_venue(settings)
        try:
            check_clock(venue, virtual)
            if isinstance(venue, LiveVenue):
                check_keys(venue)
            store = Continuity.open(
                settings.storage.url,
                mode=settings.engine.mode,
                venue=venue.name,
                account=venue.account if isinstance(venue, LiveVenue) else None,
                is_real=isinstance(venue, LiveVenue),
                seed=None if virtual is None else seed_of(settings),
            )
        except BaseException:
            _let_go(venue)
            raise
        # A replay acts on nothing outside of this process, and can be repeated.
        store.database.waits_for_disk = settings.venue.kind != "replay"
        try:
            stock = store.look(recover)
            check_source(venue, stock)
            runtime = runtime_for(settings, venue, virtual, stock, make_runtime)
            _compare_clocks(runtime, stock)
            if not isinstance(venue, LiveVenue):
                venue.restore(store.past_fills())
                for execution in stock.executions:
                    venue.reach_back(execution.started_at or execution.created_at)
            ground = Ground(
                runtime=runtime,
                store=store,
                venue=venue,
                settings=settings,
                seed=None if virtual is None else seed_of(settings),
                recover=recover,
                market_tap=market_tap,
                persistence=persistence,
                commands=Relay(),
                control=Relay(),
                guardian=Relay(),
                gate=GateSwitch(),
                began_at=runtime.clock.now(),
                makes_reports=makes_reports,
                repeats_time=virtual is not None and make_runtime is None,
            )
            # A disk does not come back in virtual time, unless the disk itself is simulated.
            waits = virtual is None or persistence is not PersistenceActor
            try:
                return cls(ground, stock, waits_for_journal=waits)
            except BaseException:
                runtime.stop()
                raise
        except BaseException:
            _let_go(venue)
            store.close()
            raise

    @classmethod
    async def start_async(cls, settings: Settings | None = None) -> Engine:
        """Do as `start` does, on the system's clock."""
        return await asyncio.to_thread(cls.start, settings)

    # --- Executions ------------------------------------------------------------------------------

    def submit(self, order: TwapOrder | ParentOrder) -> TwapHandle:
        """Start an execution; it is durable when this returns.

        An order with the client id of an earlier one finds that execution. Raises OrderRejectedError, TimeoutError
        (it may have been started all the same: with a client id, asking again finds it).
        """
        return self._handle_of(self.ask(_start_question(order)))

    async def submit_async(self, order: TwapOrder | ParentOrder) -> TwapHandle:
        return self._handle_of(await self.ask_async(_start_question(order)))

    def execution(self, name: str) -> TwapHandle:
        """Return the execution that an id, the beginning of one, or `@last` means; KeyError where there is none.

        It reads the database: what became durable before this call is found.
        """
        try:
            row = queries.execution(self.database, name)
        except ExecutionNotFound:
            raise KeyError(name) from None
        return TwapHandle(self, ExecutionId(row.execution_id), is_new=False)

    def executions(self) -> tuple[TwapHandle, ...]:
        """Return the executions that are open, the newest first: after a restart, what is carried on."""
        rows = queries.executions(self.database, states=_OPEN)
        return tuple(TwapHandle(self, ExecutionId(x.execution_id), is_new=False) for x in rows)

    async def executions_async(self) -> tuple[TwapHandle, ...]:
        return await asyncio.to_thread(self.executions)

    # --- News ------------------------------------------------------------------------------------

    def subscribe(
        self, callback: Callable[[ExecutionNews], None], priority: Priority = "HIGH"
    ) -> Callable[[], None]:
        """Have `callback` called with all news, in order. Returns the way to end that.

        It is called in a thread of its own - in virtual time in the thread that waits, where it must not call the
        engine. One that raises, or lets 10,000 pieces wait, is cut off. NORMAL keeps only each execution's newest.
        """
        return self._join(
            Callback(callback)
            if self.runtime.is_deterministic
            else CallbackThread(callback, priority)
        )

    def news(self, priority: Priority = "HIGH") -> NewsStream:
        """Return all news from now on for `async for`, in the event loop that runs; `close()` it, or use `async with`.

        It ends when the engine is stopped. One that lets 10,000 pieces wait is cut off: TooSlowError.
        """
        stream = NewsStream(asyncio.get_running_loop(), priority)
        stream.when_closed = self._join(stream)
        return stream

    def listen(self, subscriber: Address[ExecutionNews]) -> None:
        """Have an address told all news, in order, by the control actor itself: it must be quick, and never raise."""
        self._tell(Subscribe(subscriber))

    def _join(self, subscriber: Callback | CallbackThread | NewsStream) -> Callable[[], None]:
        self._subscribers.append(subscriber)
        self._tell(Subscribe(subscriber))

        def leave() -> None:
            self._tell(Unsubscribe(subscriber))
            self._subscribers = [each for each in self._subscribers if each is not subscriber]
            subscriber.close()

        return leave

    # --- Portfolio -------------------------------------------------------------------------------

    def portfolio(self, timeout: float = ANSWER_SECONDS) -> PortfolioSeen | None:
        """Return how the account stands as a whole; None where nobody can say now, as while actors are replaced."""
        return ask_living(self.runtime, RiskActor, AskPortfolio, timeout)

    # --- Halt ------------------------------------------------------------------------------------

    def halt(self, reason: str | None = None, timeout: float = ANSWER_SECONDS) -> HaltDone:
        """Stop all new children at once. Returns when that is durable; TimeoutError where it holds, but is not yet."""
        return self.ask(_halt_question(reason), timeout)

    async def halt_async(
        self,
        reason: str | None = None,
        timeout: float = ANSWER_SECONDS,  # noqa: ASYNC109
    ) -> HaltDone:
        return await self.ask_async(_halt_question(reason), timeout)

    def unhalt(self, timeout: float = ANSWER_SECONDS) -> HaltDone:
        """Let executions go on after a halt; those whose end has passed follow their deadline's rule."""
        return self.ask(_unhalt_question, timeout)

    async def unhalt_async(self, timeout: float = ANSWER_SECONDS) -> HaltDone:  # noqa: ASYNC109
        return await self.ask_async(_unhalt_question, timeout)

    # --- The end ---------------------------------------------------------------------------------

    def insist(self, command: PauseExecution | CancelExecution) -> None:
        """Send a command past those of the same execution that are not answered yet: the end does not wait for them.

        It may be lost with the trading actors; whoever insists looks at what comes of it, and asks again.
        """
        self._commands.tell(command)

    def stop(self) -> None:
        """Stop the actors in reverse order, the journal last. Open executions stay open in the database.

        Whoever still waits for something is told: EngineStoppedError.
        """
        if self._is_stopped:
            return
        self._is_stopped = True
        try:
            if isinstance(self.runtime, DeterministicRuntime):
                self.runtime.run_until_quiet()
            self.runtime.stop()
            self._failures.tell(_STOPPED)
            self._close_subscribers()
            if self._hook is not None:
                self._hook.close()
        finally:
            _let_go(self.venue)
            self._store.close()

    def _close_subscribers(self) -> None:
        """Let all of them hand over what waits, in the time of one: a function that does not return is left behind."""
        deadline = time.monotonic() + CLOSE_SECONDS
        for subscriber in self._subscribers:
            if isinstance(subscriber, CallbackThread):
                subscriber.close(max(0.0, deadline - time.monotonic()))
            else:
                subscriber.close()

    async def stop_async(self) -> None:
        await asyncio.to_thread(self.stop)

    def abandon(self) -> None:
        """Leave everything as a crash of the process would: nothing more is written, sent or answered."""
        self._is_stopped = True
        if self._hook is not None:
            self._hook.leave()
        self.runtime.abandon()
        _let_go(self.venue)
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop_async()

    def _handle_of(self, answer: ExecutionStarted | OrderRejected) -> TwapHandle:
        if isinstance(answer, OrderRejected):
            raise OrderRejectedError(answer)
        return TwapHandle(self, answer.execution_id, is_new=answer.is_new)


def _hook_of(ground: Ground) -> EventHook | None:
    """Return who tells the operator's program of all that is new from here on; None where nobody asked for that."""
    settings, database = ground.settings.on_event, ground.store.database
    if not settings.program and settings.webhook is None:
        return None
    return EventHook(settings, database, after=queries.last_sequence(database))


_STOPPED = ActorFailed(actor_name="engine", actor_urn="", error="it was stopped")


def _start_question(
    order: TwapOrder | ParentOrder,
) -> Callable[[Address[ExecutionStarted | OrderRejected]], StartExecution]:
    parent = order.parent_order() if isinstance(order, TwapOrder) else order
    return lambda box: StartExecution(order=parent, reply_to=box)


def _halt_question(reason: str | None) -> Callable[[Address[HaltDone]], Halt]:
    return lambda box: Halt(reason=reason, reply_to=box)


def _unhalt_question(box: Address[HaltDone]) -> Unhalt:
    return Unhalt(reply_to=box)


def _compare_clocks(runtime: Runtime, stock: Stock) -> None:
    """Tell an operator whose clock was set back since the last run: until it is there again, times are not in order."""
    if stock.newest_at is not None and stock.newest_at > runtime.clock.now():
        behind = (stock.newest_at - runtime.clock.now()).total_seconds()
        log.warning("clock_behind_journal", seconds=round(behind, 3), newest=str(stock.newest_at))


def _let_go(venue: SimulatedVenue | LiveVenue) -> None:
    if isinstance(venue, LiveVenue):
        venue.close()
