"""The composition root: builds the actors, starts them in order, stops them in reverse, and is the public door."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from types import TracebackType
from typing import Self, TypeVar

import structlog
from pykka import ActorDeadError

from genesis_actors.actors.control import ControlActor
from genesis_actors.actors.guardian import GuardianActor
from genesis_actors.actors.persistence import PersistenceActor
from genesis_actors.core import GateSwitch, Ground, TradingCore
from genesis_actors.domain.report import ExecutionReport, generate_execution_report
from genesis_actors.gateways.live import LiveVenue
from genesis_actors.gateways.venue import SimulatedVenue
from genesis_actors.listeners import Callback, CallbackThread, Failures, Priority, Relay, When
from genesis_actors.messages.base import Address
from genesis_actors.messages.control import (
    ControlMessage,
    ExecutionNews,
    ExecutionStatus,
    GetStatus,
    Subscribe,
    Unsubscribe,
)
from genesis_actors.messages.market_data import MarketRows
from genesis_actors.messages.persistence import ExecutionRow
from genesis_actors.messages.supervisor import (
    AmendExecution,
    CancelExecution,
    CommandDone,
    CommandRefused,
    ExecutionStarted,
    Halt,
    HaltDone,
    OrderRejected,
    PauseExecution,
    ResumeExecution,
    SettleChild,
    StartExecution,
    Unhalt,
    UserCommand,
)
from genesis_actors.notation import parse_decimal
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
from genesis_actors.orders import Amendment, TwapOrder
from genesis_actors.recovery import Continuity, Stock
from genesis_actors.runtime.actor import ActorFailed, Fanout
from genesis_actors.runtime.replies import ReplyBox
from genesis_actors.runtime.simulation import DeterministicRuntime
from genesis_actors.runtime.system import Runtime
from genesis_actors.settings import Settings
from genesis_actors.storage.analysis import load_evidence
from genesis_actors.storage.database import Database
from genesis_actors.storage.errors import ExecutionNotFound
from genesis_actors.storage.queries import status_of
from genesis_actors.values import (
    ClientOrderId,
    ExecutionId,
    ExecutionState,
    ParentOrder,
    Reason,
    ResumeMode,
)

M = TypeVar("M")
A = TypeVar("A")

_ANSWER_SECONDS = 30.0


class OrderRejectedError(Exception):
    """The order was refused up front; nothing was written. `reason` is a stable code, `hint` the next step."""

    def __init__(self, rejected: OrderRejected) -> None:
        super().__init__(rejected.message)
        self.reason = rejected.reason
        self.hint = rejected.hint


class CommandRefusedError(Exception):
    """The execution's state, or a bound, forbids the command. `reason` is a stable code.

    `limit` and `actual` are the numbers that were compared, where it was numbers.
    """

    def __init__(self, refused: CommandRefused) -> None:
        super().__init__(refused.message)
        self.reason = refused.reason
        self.limit = refused.limit
        self.actual = refused.actual


class EngineFailedError(Exception):
    """An actor has failed and what it did cannot go on; what is durable stays, and the next start carries on."""

    def __init__(self, failed: ActorFailed) -> None:
        super().__init__(f"{failed.actor_name} has failed: {failed.error}")
        self.actor = failed.actor_name


class Engine:
    """All actors of one engine on one database and one venue.

    `Engine.start(settings)` runs on threads and the system's clock; with `virtual` the paper and replay venues run on
    a virtual clock in the thread that waits for a result.
    """

    def __init__(
        self,
        ground: Ground,
        stock: Stock,
        *,
        waits_for_journal: bool,
    ) -> None:
        self.runtime = runtime = ground.runtime
        self.venue = ground.venue
        self._store = ground.store
        self._is_stopped = False
        self._callbacks: list[Callback | CallbackThread] = []
        self._failures = Failures()
        # What nobody mends shuts the gate first of all.
        failures = Fanout[ActorFailed](ground.gate, ground.guardian, self._failures)
        beyond_mending = Fanout[ActorFailed](ground.gate, self._failures)
        runtime.start()
        core = TradingCore(ground, stock)
        self._control = ControlActor.start(
            runtime,
            supervisor=ground.commands,
            failures=failures,
            known=core.known(),
        )
        ground.control.connect(self._control)

        def start_core(paused_by: Reason | None) -> TradingCore:
            return TradingCore(ground, ground.store.look(ground.recover), paused_by=paused_by)

        guardian = GuardianActor.start(
            runtime,
            core=core,
            start_core=start_core,
            control=self._control,
            failures=beyond_mending,
            waits_for_journal=waits_for_journal,
        )
        ground.guardian.connect(guardian)

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
    ) -> Engine:
        """Lock and migrate the database, recover what is open, and only then start.

        `recover` chooses which open executions are carried on; the others stay as they are. `market_tap` hears every
        market row first; it must not send anything. A simulation brings a runtime (of its seed and start) and a
        writer of its own. Raises SourceError, StorageError, SettingsError, LiveNotAllowedError, OtherMarketError.
        """
        settings = Settings() if settings is None else settings
        _keep_tracebacks_plain()
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
                seed=None if virtual is None else seed_of(settings),
            )
        except BaseException:
            _let_go(venue)
            raise
        try:
            stock = store.look(recover)
            check_source(venue, stock)
            runtime = runtime_for(settings, venue, virtual, stock, make_runtime)
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
                repeats_time=virtual is not None and make_runtime is None,
            )
            # A disk does not come back in virtual time, unless the disk itself is simulated.
            waits = virtual is None or persistence is not PersistenceActor
            return cls(ground, stock, waits_for_journal=waits)
        except BaseException:
            _let_go(venue)
            store.close()
            raise

    def submit(self, order: TwapOrder | ParentOrder) -> TwapHandle:
        """Start an execution; it is durable when this returns.

        An order with the client id of an earlier one finds that execution. Raises OrderRejectedError, TimeoutError.
        """
        parent = order.parent_order() if isinstance(order, TwapOrder) else order
        box = ReplyBox[ExecutionStarted | OrderRejected | ActorFailed](self.runtime)
        answer = self._ask(box, StartExecution(order=parent, reply_to=box), _ANSWER_SECONDS)
        if isinstance(answer, OrderRejected):
            raise OrderRejectedError(answer)
        return TwapHandle(self, answer.execution_id, is_new=answer.is_new)

    def subscribe(
        self, callback: Callable[[ExecutionNews], None], priority: Priority = "HIGH"
    ) -> Callable[[], None]:
        """Have `callback` called with all news, in order. Returns the way to end that.

        It is called in a thread of its own - in virtual time in the thread that waits, where it must not call the
        engine. One that raises, or lets 10,000 pieces wait, is cut off. NORMAL keeps only each execution's newest.
        """
        subscriber = (
            Callback(callback)
            if self.runtime.is_deterministic
            else CallbackThread(callback, priority)
        )
        self._callbacks.append(subscriber)
        self._tell(Subscribe(subscriber))

        def leave() -> None:
            self._tell(Unsubscribe(subscriber))
            subscriber.close()

        return leave

    def status(self, execution_id: ExecutionId) -> ExecutionStatus:
        """Return all that is known of an execution; KeyError for an unknown one."""
        box = ReplyBox[ExecutionStatus | None | ActorFailed](self.runtime)
        status = self._ask(box, GetStatus(execution_id, box), _ANSWER_SECONDS)
        if status is not None:
            return status
        try:
            # An execution of an earlier run: its rows are all there is, and they change no more.
            return status_of(self._store.database, execution_id)
        except ExecutionNotFound:
            raise KeyError(execution_id) from None

    def generate_execution_report(self, execution_id: ExecutionId) -> ExecutionReport:
        """Return the report of an execution of this or an earlier run, from the database; KeyError for an unknown one.

        The market of the last minute of one that is still open may not be written down yet.
        """
        try:
            evidence = load_evidence(self._store.database, execution_id)
        except ExecutionNotFound:
            raise KeyError(execution_id) from None
        return generate_execution_report(
            evidence.journal, evidence.record, evidence.depth, venue=evidence.venue
        )

    def wait_until(
        self,
        execution_id: ExecutionId,
        fits: Callable[[ExecutionRow], bool],
        timeout: float | None = None,
    ) -> ExecutionStatus:
        """Wait until the execution's row fits and return its status. `timeout` in seconds of the engine's clock."""
        box = ReplyBox[ExecutionNews | ActorFailed](self.runtime)
        when = When(lambda news: news.execution_id == execution_id and fits(news.execution), box)
        self._tell(Subscribe(when))
        self._failures.wake(box)
        try:
            status = self.status(execution_id)
            if fits(status.execution):
                return status
            answer = box.get(timeout)
            if isinstance(answer, ActorFailed):
                raise EngineFailedError(answer)
            return self.status(execution_id)
        finally:
            self._failures.forget(box)
            self._tell(Unsubscribe(when))

    def command(
        self,
        command: Callable[[Address[CommandDone | CommandRefused]], UserCommand],
        timeout: float,
    ) -> CommandDone:
        """Send a command built for its reply address, and wait for what comes of it."""
        box = ReplyBox[CommandDone | CommandRefused | ActorFailed](self.runtime)
        answer = self._ask(box, command(box), timeout)
        if isinstance(answer, CommandRefused):
            raise CommandRefusedError(answer)
        return answer

    async def ask_async(
        self,
        question: Callable[[Address[A]], ControlMessage],
        timeout: float = _ANSWER_SECONDS,  # noqa: ASYNC109
    ) -> A:
        """Send a message built for its reply address, and wait for the answer without holding up the event loop.

        Raises TimeoutError, or EngineFailedError where an actor fails first.
        """
        box = ReplyBox[A | ActorFailed](self.runtime)
        self._failures.wake(box)
        if not box.is_filled:
            self._tell(question(box))
        try:
            answer = await box.get_async(timeout)
        finally:
            self._failures.forget(box)
        if isinstance(answer, ActorFailed):
            raise EngineFailedError(answer)
        return answer

    def listen(self, subscriber: Address[ExecutionNews]) -> None:
        """Have an address told all news, in order, by the control actor itself: it must be quick, and never raise."""
        self._tell(Subscribe(subscriber))

    def on_failure(self, address: Address[ActorFailed]) -> None:
        """Tell `address` of the first failure that nobody mends, now or when it happens."""
        self._failures.wake(address)

    @property
    def database(self) -> Database:
        return self._store.database

    def halt(self, reason: str | None = None, timeout: float = _ANSWER_SECONDS) -> HaltDone:
        """Stop all new children at once. Returns when that is durable; TimeoutError where it holds, but is not yet."""
        box = ReplyBox[HaltDone | ActorFailed](self.runtime)
        return self._ask(box, Halt(reason=reason, reply_to=box), timeout)

    def unhalt(self, timeout: float = _ANSWER_SECONDS) -> HaltDone:
        """Let executions go on after a halt; those whose end has passed follow their deadline's rule."""
        box = ReplyBox[HaltDone | ActorFailed](self.runtime)
        return self._ask(box, Unhalt(reply_to=box), timeout)

    def has_ended(self, execution_id: ExecutionId) -> ExecutionState | None:
        """Return the final state of an execution of this or an earlier run, None while it is open or unknown."""
        try:
            state = ExecutionState(self.status(execution_id).execution.state)
        except KeyError:
            return None
        return state if state.is_final else None

    def _ask(self, box: ReplyBox[A | ActorFailed], question: ControlMessage, timeout: float) -> A:
        """Send a question that is answered to `box`; TimeoutError, or EngineFailedError where an actor fails first."""
        self._failures.wake(box)
        if (
            not box.is_filled
        ):  # What cannot be answered is not asked: it might take effect all the same.
            self._tell(question)
        try:
            answer = box.get(timeout)
        finally:
            self._failures.forget(box)
        if isinstance(answer, ActorFailed):
            raise EngineFailedError(answer)
        return answer

    def stop(self) -> None:
        """Stop the actors in reverse order, the journal last. Open executions stay open in the database."""
        if self._is_stopped:
            return
        self._is_stopped = True
        try:
            if isinstance(self.runtime, DeterministicRuntime):
                self.runtime.run_until_quiet()
            self.runtime.stop()
            for subscriber in self._callbacks:
                subscriber.close()
        finally:
            _let_go(self.venue)
            self._store.close()

    def abandon(self) -> None:
        """Leave everything as a crash of the process would: nothing more is written, sent or answered."""
        self._is_stopped = True
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

    @property
    def door(self) -> Address[ControlMessage]:
        """Where messages may be sent without waiting for what comes of them."""
        return self._control

    def _tell(self, message: ControlMessage) -> None:
        with suppress(ActorDeadError):  # Whoever waits for its answer is told that it has failed.
            self._control.tell(message)


_CANCELLED = ExecutionState.CANCELLED


class TwapHandle:
    """One execution, from outside. Its methods are messages; each has a form for asyncio hosts that never blocks."""

    def __init__(self, engine: Engine, execution_id: ExecutionId, *, is_new: bool = True) -> None:
        self.execution_id = execution_id
        self.is_new = is_new
        self._engine = engine

    def pause(
        self, timeout: float = _ANSWER_SECONDS, *, reason: Reason = Reason.USER
    ) -> CommandDone:
        """Stop sending. Returns when that is durable and nothing is working or unknown; TimeoutError if not by then."""
        return self._engine.command(
            lambda box: PauseExecution(execution_id=self.execution_id, reply_to=box, reason=reason),
            timeout,
        )

    def resume(
        self, timeout: float = _ANSWER_SECONDS, *, mode: ResumeMode = ResumeMode.SHIFT
    ) -> CommandDone:
        return self._engine.command(
            lambda box: ResumeExecution(execution_id=self.execution_id, reply_to=box, mode=mode),
            timeout,
        )

    def cancel(self, timeout: float = _ANSWER_SECONDS) -> CommandDone:
        """End the execution with what is filled; returns when it has ended."""
        if not self.is_new and self._engine.has_ended(self.execution_id) is _CANCELLED:
            return CommandDone(execution_id=self.execution_id, state=_CANCELLED, was_already=True)
        return self._engine.command(
            lambda box: CancelExecution(execution_id=self.execution_id, reply_to=box), timeout
        )

    def settle(
        self,
        client_order_id: ClientOrderId,
        filled_quantity: Decimal | str | int,
        timeout: float = _ANSWER_SECONDS,
    ) -> CommandDone:
        """Say what was filled (base) of an UNKNOWN child that nobody can look up; zero: it was never accepted.

        Raises CommandRefusedError, ValueError for what is no quantity, TimeoutError.
        """
        quantity = parse_decimal(str(filled_quantity))
        return self._engine.command(
            lambda box: SettleChild(
                execution_id=self.execution_id,
                client_order_id=client_order_id,
                filled_quantity=quantity,
                reply_to=box,
            ),
            timeout,
        )

    def amend(
        self,
        *,
        limit: Decimal | str | int | None = None,
        deadline: datetime | None = None,
        duration: timedelta | str | None = None,
        quantity: Decimal | str | int | None = None,
        max_participation: Decimal | str | None = None,
        reason: str | None = None,
        timeout: float = _ANSWER_SECONDS,
    ) -> CommandDone:
        """Change the order while it is worked; what is left out stays. Returns when that is durable.

        `limit` is a price, or `"off"`. The window ends at `deadline`, or `duration` (`"12m"`) after its start.
        `quantity` is all of it in base, filled included. `reason` goes into the journal. Raises CommandRefusedError,
        OrderError for what makes no sense, TimeoutError.
        """
        amendment = Amendment.parse(
            limit=limit,
            deadline=deadline,
            duration=duration,
            quantity=quantity,
            max_participation=max_participation,
        )
        return self._engine.command(
            lambda box: AmendExecution(
                execution_id=self.execution_id,
                limit_price=None if amendment.limit == "off" else amendment.limit,
                removes_limit=amendment.limit == "off",
                ends_at=amendment.deadline,
                duration=amendment.duration,
                quantity=amendment.quantity,
                max_participation=amendment.max_participation,
                note=reason,
                reply_to=box,
            ),
            timeout,
        )

    def status(self) -> ExecutionStatus:
        return self._engine.status(self.execution_id)

    def wait(self, timeout: float | None = None) -> ExecutionStatus:
        """Wait for the end. `timeout` in seconds of the engine's clock; TimeoutError."""
        return self._engine.wait_until(self.execution_id, _is_over, timeout)

    def report(self) -> ExecutionReport:
        """Return what it did and cost so far, from all that is durable."""
        return self._engine.generate_execution_report(self.execution_id)

    async def pause_async(self, timeout: float = _ANSWER_SECONDS) -> CommandDone:  # noqa: ASYNC109
        return await asyncio.to_thread(self.pause, timeout)

    async def resume_async(
        self,
        timeout: float = _ANSWER_SECONDS,  # noqa: ASYNC109
        *,
        mode: ResumeMode = ResumeMode.SHIFT,
    ) -> CommandDone:
        return await asyncio.to_thread(self.resume, timeout, mode=mode)

    async def cancel_async(self, timeout: float = _ANSWER_SECONDS) -> CommandDone:  # noqa: ASYNC109
        return await asyncio.to_thread(self.cancel, timeout)

    async def amend_async(
        self,
        *,
        limit: Decimal | str | int | None = None,
        deadline: datetime | None = None,
        duration: timedelta | str | None = None,
        quantity: Decimal | str | int | None = None,
        max_participation: Decimal | str | None = None,
        reason: str | None = None,
        timeout: float = _ANSWER_SECONDS,  # noqa: ASYNC109
    ) -> CommandDone:
        return await asyncio.to_thread(
            self.amend,
            limit=limit,
            deadline=deadline,
            duration=duration,
            quantity=quantity,
            max_participation=max_participation,
            reason=reason,
            timeout=timeout,
        )

    async def wait_async(self, timeout: float | None = None) -> ExecutionStatus:  # noqa: ASYNC109
        return await asyncio.to_thread(self.wait, timeout)


def _let_go(venue: SimulatedVenue | LiveVenue) -> None:
    if isinstance(venue, LiveVenue):
        venue.close()


def _is_over(row: ExecutionRow) -> bool:
    return ExecutionState(row.state).is_final


def _keep_tracebacks_plain() -> None:
    """Where the host has not configured structlog: its default prints every local variable, which takes seconds."""
    if structlog.is_configured():
        return
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
