"""The actor that starts executions, rebuilds slicers that fail, and routes what comes back to them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TypeAlias, assert_never

import structlog
from pykka import ActorRef

from genesis_actors.actors.slicer import SlicerActor, SlicerPorts
from genesis_actors.domain.admission import Market, Rejection, accept, admit
from genesis_actors.domain.client_ids import EXECUTION_ID_BITS, execution_id_from
from genesis_actors.domain.evolve import fold
from genesis_actors.domain.execution import Execution, restore
from genesis_actors.domain.policy import TwapDefaults
from genesis_actors.domain.projection import current_rows
from genesis_actors.domain.proof import ProofRules
from genesis_actors.domain.surroundings import Surroundings
from genesis_actors.domain.volume_profile import VolumeProfile
from genesis_actors.messages.base import Address
from genesis_actors.messages.control import ExecutionStatus, News, StatusRestored
from genesis_actors.messages.events import TwapAccepted, TwapStarted
from genesis_actors.messages.market_data import (
    MarketDataMessage,
    MarketQuery,
    MarketView,
    UnwatchSymbol,
    WatchSymbol,
)
from genesis_actors.messages.persistence import (
    ExecutionLoaded,
    HaltWritten,
    LoadExecution,
    WriteHalt,
    WriteJournal,
)
from genesis_actors.messages.risk import RestoreFills, RiskMessage
from genesis_actors.messages.slicer import SlicerMessage
from genesis_actors.messages.supervisor import (
    CancelExecution,
    CommandDone,
    CommandRefused,
    ExecutionFinished,
    ExecutionStarted,
    Halt,
    HaltDone,
    OrderRejected,
    PauseExecution,
    ResumeExecution,
    SettleChild,
    StartExecution,
    SupervisorMessage,
    Unhalt,
)
from genesis_actors.messages.venue import (
    DescribeSymbol,
    HaltChanged,
    HourlyVolume,
    LookUpTrades,
    OrderAccepted,
    OrderClosed,
    OrderFilled,
    OrderNotFound,
    OrderOutcome,
    OrderOutcomeUnknown,
    OrderRefused,
    PastOrder,
    RestoreOrders,
    SymbolDescribed,
    TradesTold,
    VenueMessage,
)
from genesis_actors.runtime.actor import ActorFailed, MessageActor
from genesis_actors.runtime.system import Runtime
from genesis_actors.values import ClientId, ExecutionId, ParentOrder, Quote, Reason, Symbol

log = structlog.get_logger()

MAX_REBUILDS = 3
REBUILD_WINDOW = timedelta(seconds=60)
"""A slicer that fails more often than `MAX_REBUILDS` within this time is left PAUSED."""

_ASK_AGAIN = timedelta(seconds=2)
_TRADES_MARGIN = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class SupervisorPorts:
    journal: Address[WriteJournal | LoadExecution | WriteHalt]
    market_data: Address[MarketDataMessage]
    venue: Address[VenueMessage]
    gate: Address[HaltChanged]
    risk: Address[RiskMessage]
    news: Address[News]


@dataclass(frozen=True, slots=True)
class KnownOrder:
    """An order that this database has seen before, by its client id."""

    execution_id: ExecutionId
    order: ParentOrder


@dataclass(frozen=True, slots=True)
class Past:
    """What the database has: open executions, and trades that may still count in a budget.

    `symbols` are all whose trades the venue is asked for, from `trades_since` on, because some may not be recorded.
    """

    executions: tuple[Execution, ...] = ()
    fills: tuple[RestoreFills, ...] = ()
    symbols: tuple[Symbol, ...] = ()
    trades_since: datetime | None = None
    is_halted: bool = False


@dataclass(frozen=True, slots=True)
class VenueTraits:
    """What must be known of a venue: its name, when its "not found" is proof, how often to ask for trades."""

    name: str
    proof: ProofRules = ProofRules()  # noqa: RUF009 - it is frozen
    trades_every: timedelta | None = None


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A parent order on its way to becoming an execution, the so-manieth of this database."""

    execution_id: ExecutionId
    number: int
    message: StartExecution


@dataclass(frozen=True, slots=True)
class AskTrades:
    """To ourselves: it is time to ask for the trades of `symbol`."""

    symbol: Symbol
    since: datetime


@dataclass(frozen=True, slots=True)
class WriteHaltAgain:
    """To ourselves: the first halt in line is not durable yet."""


@dataclass(frozen=True, slots=True)
class CommandAnswered:
    """To ourselves: a slicer has answered a command."""

    execution_id: ExecutionId
    command: _Command


@dataclass(frozen=True, slots=True)
class _AnswerBy:
    """Where a slicer answers a command: we hear that it did, so that a rebuilt slicer is not asked again."""

    supervisor: Address[CommandAnswered]
    command: _Command

    def tell(self, message: CommandDone | CommandRefused) -> None:
        self.command.reply_to.tell(message)
        self.supervisor.tell(CommandAnswered(message.execution_id, self.command))


_Command: TypeAlias = PauseExecution | ResumeExecution | CancelExecution | SettleChild
_Message: TypeAlias = SupervisorMessage | ActorFailed | AskTrades | CommandAnswered | WriteHaltAgain


class _Slicer:
    """One execution as the supervisor sees it. Without an actor, what comes for it waits until it has one."""

    def __init__(self) -> None:
        self.actor: ActorRef[SlicerActor] | None = None
        self.held: list[SlicerMessage] = []
        self.unanswered: list[_Command] = []
        self.failures: deque[datetime] = deque()


class SupervisorActor(MessageActor[_Message]):
    """Starts one slicer per execution, and another one when it fails."""

    dispatcher_kind = "shared"

    def __init__(
        self,
        runtime: Runtime,
        *,
        defaults: TwapDefaults,
        venue: VenueTraits,
        client_order_id_prefix: str,
        ports: SupervisorPorts,
        seed: int | None,
        known_orders: dict[ClientId, KnownOrder],
        executions_before: int,
        past: Past,
        failures: Address[ActorFailed],
    ) -> None:
        super().__init__(runtime, name="supervisor", supervisor=failures)
        self._defaults = defaults
        self._venue = venue
        self._prefix = client_order_id_prefix
        self._ports = ports
        self._seed = seed
        self._known = dict(known_orders)
        self._started = executions_before
        self._past = past
        self._is_halted = past.is_halted
        self._halts: deque[Halt | Unhalt] = deque()
        self._slicers: dict[ExecutionId, _Slicer] = {}
        self._of_actor: dict[str, ExecutionId] = {}
        self._described: dict[Symbol, SymbolDescribed] = {}
        self._profiles: dict[Symbol, VolumeProfile | None] = {}
        self._restored: set[Symbol] = set()
        self._recovering: dict[Symbol, list[Execution]] = {}
        self._waiting: dict[Symbol, list[_Candidate]] = {}
        self._admitting: dict[ExecutionId, _Candidate] = {}
        self._starting: dict[ExecutionId, list[StartExecution]] = {}
        self._polled: set[Symbol] = set()
        self._recorded = {trade for each in past.fills for _, trade, _, _ in each.fills}

    def begin(self) -> None:
        for x in self._past.executions:
            self._slicers[x.execution_id] = _Slicer()
            self._watch(x.execution_id, x.order, x.started_at or x.created_at)
            self._recovering.setdefault(x.order.symbol, []).append(x)
        for symbol in dict.fromkeys((*self._recovering, *self._past.symbols)):
            self._recovering.setdefault(symbol, [])
            self._describe(symbol)

    def handle(self, message: _Message) -> None:  # noqa: C901 - one line a case
        match message:
            case StartExecution():
                self._on_start_execution(message)
            case PauseExecution() | ResumeExecution() | CancelExecution() | SettleChild():
                self._on_command(message)
            case CommandAnswered():
                slicer = self._slicers[message.execution_id]
                slicer.unanswered = [c for c in slicer.unanswered if c is not message.command]
            case Halt() | Unhalt():
                self._on_halt(message)
            case HaltWritten():
                self._on_halt_written(message)
            case WriteHaltAgain():
                self._next_halt()
            case SymbolDescribed():
                self._on_described(message)
            case MarketView():
                self._on_market_view(message)
            case ExecutionStarted():
                self._on_started(message)
            case ExecutionFinished():
                log.debug("execution_finished", execution_id=message.execution_id)
            case ExecutionLoaded():
                self._on_loaded(message)
            case TradesTold():
                self._on_trades_told(message)
            case AskTrades():
                self._ask_trades(message.symbol, message.since)
            case ActorFailed():
                self._on_slicer_failed(message)
            case (
                OrderAccepted()
                | OrderFilled()
                | OrderClosed()
                | OrderRefused()
                | OrderOutcomeUnknown()
                | OrderNotFound()
            ):
                self._on_outcome(message)
            case _:
                assert_never(message)

    # --- Starting ------------------------------------------------------------------------------------

    def _watch(self, execution_id: ExecutionId, order: ParentOrder, since: datetime) -> None:
        """Watch before the venue tells its past: what nobody watches is soon forgotten.

        No volume window is longer than the order's own; the slicer says how long its really is.
        """
        self.send(
            self._ports.market_data,
            WatchSymbol(execution_id, order.symbol, since, order.duration),
        )

    def _on_start_execution(self, message: StartExecution) -> None:
        client_id, execution_id = message.order.client_id, message.execution_id
        known = None if client_id is None else self._known.get(client_id)
        if known is not None and not is_same_order(known.order, message.order):
            self.send(
                message.reply_to,
                OrderRejected(
                    reason=Reason.CLIENT_ID_CONFLICT,
                    message=f"client id {client_id} belongs to execution {known.execution_id}, "
                    "which has other parameters",
                    hint="repeat the order exactly, or choose another --client-id",
                ),
            )
            return
        found = execution_id if known is None else known.execution_id
        if found is not None and found in self._starting:
            self._starting[found].append(message)
        elif found is not None and (known is not None or found in self._slicers):
            # It is new to the one whose answer a rebuild has lost.
            is_new = found == execution_id
            self.send(message.reply_to, ExecutionStarted(execution_id=found, is_new=is_new))
        else:
            candidate = self._candidate(message)
            self._watch(candidate.execution_id, message.order, self.clock.now())
            self._waiting.setdefault(message.order.symbol, []).append(candidate)
            self._describe(message.order.symbol)

    def _describe(self, symbol: Symbol) -> None:
        """Ask the venue about the symbol, for each order afresh, because balances change."""
        self.send(self._ports.venue, DescribeSymbol(symbol=symbol, reply_to=self.actor_ref))

    def _on_described(self, described: SymbolDescribed) -> None:
        symbol = described.symbol
        self._described[symbol] = described
        self._profiles[symbol] = profile_of(described)
        self.send(self._ports.risk, described)
        if described.rules is not None and symbol not in self._restored:
            self._restored.add(symbol)
            self._restore(symbol)
        if symbol in self._recovering:
            self._ask_trades(symbol, self._past.trades_since or self.clock.now())
            return
        self._admit_next(symbol)

    def _admit_next(self, symbol: Symbol) -> None:
        waiting, described = self._waiting.get(symbol), self._described[symbol]
        if not waiting:
            return
        first = waiting.pop(0)
        if described.rules is None:
            self._admit(first, described, None)
            return
        self._admitting[first.execution_id] = first
        self.send(
            self._ports.market_data,
            MarketQuery(
                execution_id=first.execution_id,
                symbol=symbol,
                since=self.clock.now(),
                window=self._defaults.slice_interval,
                reply_to=self.actor_ref,
            ),
        )

    def _candidate(self, message: StartExecution) -> _Candidate:
        self._started += 1
        execution_id = message.execution_id or execution_id_from(
            self.runtime.random.getrandbits(EXECUTION_ID_BITS)
        )
        return _Candidate(execution_id, self._started, message)

    def _on_market_view(self, view: MarketView) -> None:
        candidate = self._admitting.pop(view.execution_id, None)
        if candidate is not None:
            self._admit(candidate, self._described[view.symbol], view.quote)

    def _admit(
        self, candidate: _Candidate, described: SymbolDescribed, quote: Quote | None
    ) -> None:
        message, order = candidate.message, candidate.message.order
        # Two starts with one client id may have met on the way here: the first of them has it.
        if order.client_id is not None and order.client_id in self._known:
            self._unwatch(candidate)
            self._on_start_execution(message)
            return
        market = Market(
            rules=described.rules,
            known_symbols=described.known_symbols,
            balances={balance.currency: balance.free for balance in described.balances},
            quote=quote,
            profile=self._profiles[described.symbol],
        )
        admission = admit(
            order, market, self._defaults, now=self.clock.now(), seed=self._seed_of(candidate)
        )
        if isinstance(admission, Rejection):
            self._unwatch(candidate)
            self.send(
                message.reply_to,
                OrderRejected(
                    reason=admission.reason, message=admission.message, hint=admission.hint
                ),
            )
            return
        execution, events = accept(admission, candidate.execution_id, self._prefix)
        if order.client_id is not None:
            self._known[order.client_id] = KnownOrder(execution.execution_id, execution.order)
        self._starting[execution.execution_id] = [message]
        self._slicers[execution.execution_id] = _Slicer()
        self._start_slicer(execution, events)

    def _unwatch(self, candidate: _Candidate) -> None:
        order = candidate.message.order
        self.send(self._ports.market_data, UnwatchSymbol(candidate.execution_id, order.symbol))

    def _seed_of(self, candidate: _Candidate) -> int:
        if self._seed is None:
            return self.runtime.random.getrandbits(32)
        return self._seed + candidate.number - 1

    def _start_slicer(
        self,
        execution: Execution,
        events: tuple[TwapAccepted, TwapStarted] | tuple[()] = (),
        *,
        paused_by: Reason | None = None,
    ) -> None:
        """Start an actor for an execution, and hand it what has waited for one."""
        slicer = self._slicers[execution.execution_id]
        slicer.actor = SlicerActor.start(
            self.runtime,
            execution=execution,
            first_events=events,
            surroundings=Surroundings(
                profile=self._profiles.get(execution.order.symbol),
                is_halted=self._is_halted,
                proof=self._venue.proof,
            ),
            ports=SlicerPorts(
                orders=self._ports.risk,
                journal=self._ports.journal,
                market_data=self._ports.market_data,
                news=self._ports.news,
                supervisor=self.actor_ref,
            ),
            venue=self._venue.name,
            failures=self.actor_ref,
            paused_by=paused_by,
        )
        self._of_actor[slicer.actor.actor_urn] = execution.execution_id
        if execution.order.symbol not in self._polled:
            self._poll_trades(execution.order.symbol)
        held, slicer.held = slicer.held, []
        for message in held:
            self.send(slicer.actor, message)
        for command in slicer.unanswered:
            self._hand_over(slicer, command)

    def _on_started(self, started: ExecutionStarted) -> None:
        # Who asked first has made it; the others have found it. A rebuilt slicer may say it once more.
        first, *others = self._starting.pop(started.execution_id, (None,))
        if first is not None:
            self.send(first.reply_to, started)
        for asked in others:
            self.send(asked.reply_to, started.model_copy(update={"is_new": False}))

    # --- Recovering ----------------------------------------------------------------------------------

    def _restore(self, symbol: Symbol) -> None:
        """Rebuild what risk and gate must know of earlier runs, before anything of the symbol is sent."""
        for fills in self._past.fills:
            if fills.symbol == symbol:
                self.send(self._ports.risk, fills)
        for x in self._recovering.get(symbol, ()):
            self._restore_orders(x)

    def _restore_orders(self, x: Execution) -> None:
        past = past_orders(x)
        self.send(self._ports.risk, past)
        self.send(self._ports.venue, past)

    def _ask_trades(self, symbol: Symbol, since: datetime) -> None:
        self.send(self._ports.venue, LookUpTrades(symbol=symbol, since=since))

    def _on_trades_told(self, told: TradesTold) -> None:
        """Let the symbol's executions run now that every trade of theirs is known."""
        symbol, now = told.symbol, self.clock.now()
        recovering = self._recovering.get(symbol)
        if not told.is_complete:
            since = now - _TRADES_MARGIN
            if recovering is not None:
                since = min(since, self._past.trades_since or since)
            self.wake_at(now + _ASK_AGAIN, AskTrades(symbol, since))
            return
        if recovering is not None:
            del self._recovering[symbol]
            is_known = self._described[symbol].rules is not None
            for x in recovering:
                self._start_slicer(x, paused_by=None if is_known else Reason.UNKNOWN_SYMBOL)
            for _ in range(len(self._waiting.get(symbol, ()))):
                self._admit_next(symbol)
        if symbol in self._polled:
            self._poll_trades(symbol)

    def _poll_trades(self, symbol: Symbol) -> None:
        """Ask for trades now and then: one that was never told, of an order that has closed, shows only there."""
        every, now = self._venue.trades_every, self.clock.now()
        if every is not None:
            self._polled.add(symbol)
            self.wake_at(now + every, AskTrades(symbol, now - _TRADES_MARGIN))

    def _on_slicer_failed(self, failed: ActorFailed) -> None:
        """Read its journal behind everything it wrote; then it is started again."""
        execution_id = self._of_actor.pop(failed.actor_urn, None)
        if execution_id is None:
            return
        slicer, now = self._slicers[execution_id], self.clock.now()
        slicer.actor = None
        slicer.failures.append(now)
        log.error("slicer_failed", execution_id=execution_id, error=failed.error)
        self._load(execution_id)

    def _load(self, execution_id: ExecutionId) -> None:
        self.send(self._ports.journal, LoadExecution(execution_id, self.actor_ref))

    def _on_loaded(self, loaded: ExecutionLoaded) -> None:
        execution_id = loaded.execution_id
        slicer = self._slicers[execution_id]
        if loaded.error is not None:
            raise JournalUnreadableError(loaded.error)
        start = None if loaded.snapshot is None else restore(loaded.snapshot)
        execution = fold(start, loaded.tail)
        if execution is None:
            self._forget(execution_id)
            return
        if not slicer.failures and not execution.state.is_final:
            # Another engine will carry it on, and ask for this trade again.
            del self._slicers[execution_id]
            return
        rows = current_rows(execution, self._venue.name)
        status = ExecutionStatus(rows.execution, rows.slices, rows.orders, rows.fills)
        self.send(self._ports.news, StatusRestored(self.clock.now(), status))
        self._on_started(ExecutionStarted(execution_id=execution_id))
        if not execution.state.is_final:
            self._watch(execution_id, execution.order, execution.started_at or execution.created_at)
        while slicer.failures and slicer.failures[0] <= self.clock.now() - REBUILD_WINDOW:
            slicer.failures.popleft()
        is_hopeless = len(slicer.failures) > MAX_REBUILDS
        self._start_slicer(execution, paused_by=Reason.REPEATED_FAILURE if is_hopeless else None)

    def _forget(self, execution_id: ExecutionId) -> None:
        """Nothing of it ever became durable: it does not exist, and whoever asked for it is told so."""
        slicer = self._slicers.pop(execution_id)
        self._known = {
            client_id: known
            for client_id, known in self._known.items()
            if known.execution_id != execution_id
        }
        for asked in self._starting.pop(execution_id, ()):
            self.send(
                asked.reply_to,
                OrderRejected(
                    reason=Reason.REPEATED_FAILURE,
                    message=f"execution {execution_id} failed before it was durable",
                    hint="nothing was sent; give the order again",
                ),
            )
        for command in slicer.unanswered:
            self._refuse_unknown(command)

    # --- Steering ------------------------------------------------------------------------------------

    def _on_command(self, command: _Command) -> None:
        slicer = self._slicers.get(command.execution_id)
        if slicer is None:
            self._refuse_unknown(command)
            return
        slicer.unanswered.append(command)
        if slicer.actor is not None:
            self._hand_over(slicer, command)

    def _hand_over(self, slicer: _Slicer, command: _Command) -> None:
        answer = _AnswerBy(self.actor_ref, command)
        self._to_slicer(slicer, command.model_copy(update={"reply_to": answer}))

    def _refuse_unknown(self, command: _Command) -> None:
        self.send(
            command.reply_to,
            CommandRefused(
                execution_id=command.execution_id,
                reason=Reason.UNKNOWN_ID,
                message=f"there is no open execution {command.execution_id}",
            ),
        )

    def _on_halt(self, message: Halt | Unhalt) -> None:
        """Stop at once and acknowledge when it is durable; go on only once that is durable. One after the other."""
        self._halts.append(message)
        if len(self._halts) == 1:
            self._begin_halt(message)

    def _begin_halt(self, message: Halt | Unhalt) -> None:
        is_halt = isinstance(message, Halt)
        if is_halt is self._is_halted:
            self._halts.popleft()
            self.send(message.reply_to, HaltDone(is_halted=is_halt, was_already=True))
            self._next_halt()
            return
        if isinstance(message, Halt):
            self._tell_halt(is_halted=True)
        reason = message.reason if isinstance(message, Halt) else None
        self.send(self._ports.journal, WriteHalt(is_halt, reason, self.clock.now(), self.actor_ref))

    def _on_halt_written(self, written: HaltWritten) -> None:
        if written.error is not None:
            # A halt holds while it cannot be written, and is acknowledged only when it can.
            log.error("halt_not_durable", error=written.error)
            self.wake_at(self.clock.now() + _ASK_AGAIN, WriteHaltAgain())
            return
        message = self._halts.popleft()
        self._is_halted = written.is_halted
        self._tell_halt(is_halted=written.is_halted)
        self.send(message.reply_to, HaltDone(is_halted=written.is_halted))
        self._next_halt()

    def _next_halt(self) -> None:
        if self._halts:
            self._begin_halt(self._halts[0])

    def _tell_halt(self, *, is_halted: bool) -> None:
        changed = HaltChanged(is_halted)
        self.send(self._ports.gate, changed)
        for slicer in self._slicers.values():
            self._to_slicer(slicer, changed)

    # --- Outcomes ------------------------------------------------------------------------------------

    def _on_outcome(self, outcome: OrderOutcome) -> None:
        slicer = self._slicers.get(outcome.execution_id)
        if slicer is None:
            if not isinstance(outcome, OrderFilled) or outcome.trade_id in self._recorded:
                log.debug("outcome_of_ended_execution", execution_id=outcome.execution_id)
                return
            # A trade is always recorded, also when its execution ended before this run.
            slicer = self._slicers[outcome.execution_id] = _Slicer()
            self._load(outcome.execution_id)
        self._to_slicer(slicer, outcome)

    def _to_slicer(self, slicer: _Slicer, message: SlicerMessage) -> None:
        if slicer.actor is None:
            slicer.held.append(message)
        else:
            self.send(slicer.actor, message)


class JournalUnreadableError(RuntimeError):
    """A journal that is there cannot be read: no execution may be rebuilt from anything else."""


def past_orders(execution: Execution) -> RestoreOrders:
    """Return what risk and gate must know of an execution's children of earlier runs."""
    return RestoreOrders(
        execution_id=execution.execution_id,
        symbol=execution.order.symbol,
        parent_quantity=execution.quantity,
        orders=tuple(
            PastOrder(
                client_order_id=child.client_order_id,
                fills=tuple((fill.trade_id, fill.traded_at, fill.quantity) for fill in child.fills),
                settled_quantity=child.settled_quantity,
                reserved_quantity=child.reserved_quantity,
            )
            for child in execution.children.values()
        ),
    )


def profile_of(described: SymbolDescribed) -> VolumeProfile | None:
    """Return the volume profile that a venue's bars make, None where there are none."""
    return _profile(described.volumes) if described.volumes else None


@lru_cache(maxsize=64)
def _profile(volumes: tuple[HourlyVolume, ...]) -> VolumeProfile:
    # A symbol is described for each of its orders, and its bars change once an hour.
    return VolumeProfile.from_bars(volumes)


def is_same_order(known: ParentOrder, asked: ParentOrder) -> bool:
    """Tell whether `asked` repeats `known`; a seed that the user leaves open matches any."""
    if asked.seed is None:
        known = replace(known, seed=None)
    return known == asked
