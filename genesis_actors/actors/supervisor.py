"""The actor that starts executions, rebuilds slicers that fail, and routes what comes back to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeAlias, assert_never

from genesis_actors.actors.admitting import Admitting
from genesis_actors.actors.earlier_orders import EarlierOrders, OrderRecalled
from genesis_actors.actors.halting import Halting, WriteHaltAgain
from genesis_actors.actors.past import Past, VenueTraits, past_orders
from genesis_actors.actors.raising import Answer, Raising
from genesis_actors.actors.slicer import SlicerActor, SlicerPorts
from genesis_actors.actors.supervised import (
    AnswerBy,
    Command,
    CommandAnswered,
    Rest,
    Supervised,
)
from genesis_actors.actors.trade_polls import AskTrades, TradePolls
from genesis_actors.domain.admission import FirstEvents
from genesis_actors.domain.execution import Execution
from genesis_actors.domain.loaded import read
from genesis_actors.domain.policy import TwapDefaults
from genesis_actors.domain.projection import current_rows
from genesis_actors.domain.queueing import Queue, QueueRules
from genesis_actors.domain.surroundings import Surroundings
from genesis_actors.logs import get_logger
from genesis_actors.messages.base import NOBODY, Address
from genesis_actors.messages.control import ExecutionStatus, News, StatusRestored
from genesis_actors.messages.market_data import (
    MarketDataMessage,
    MarketView,
    UnwatchSymbol,
)
from genesis_actors.messages.persistence import (
    ExecutionLoaded,
    HaltWritten,
    LoadExecution,
    NoteTrades,
    WriteHalt,
    WriteJournal,
)
from genesis_actors.messages.risk import ParentEnded, ParentJudged, RiskMessage
from genesis_actors.messages.slicer import Retire, SlicerMessage
from genesis_actors.messages.supervisor import (
    AmendExecution,
    CancelExecution,
    CommandRefused,
    ExecutionFinished,
    ExecutionStarted,
    Halt,
    JournalBehind,
    LeaveQueue,
    LookAtMarket,
    PauseExecution,
    ResumeExecution,
    SettleChild,
    SlicerRetired,
    StartExecution,
    SupervisorMessage,
    Unhalt,
)
from genesis_actors.messages.venue import (
    DescribeSymbol,
    EndParent,
    HaltChanged,
    OrderAccepted,
    OrderClosed,
    OrderFilled,
    OrderNotFound,
    OrderOutcome,
    OrderOutcomeUnknown,
    OrderRefused,
    OrderStory,
    SymbolDescribed,
    TradesTold,
    VenueAvailability,
    VenueMessage,
)
from genesis_actors.runtime.actor import ActorFailed, MessageActor
from genesis_actors.runtime.system import Runtime
from genesis_actors.values import (
    ClientId,
    ClientOrderId,
    ExecutionId,
    Reason,
    Symbol,
    time_text,
)

log = get_logger()

MAX_REBUILDS = 3
REBUILD_WINDOW = timedelta(seconds=60)
"""A slicer that fails more often than `MAX_REBUILDS` within this time is left PAUSED. One that fails even then rests
until the oldest of these failures is so long ago: each rebuild is work that others wait for."""

NO_QUEUE = QueueRules()

RETIRED_AFTER = timedelta(minutes=5)
"""So long after its end an execution's slicer stays, for fills that come late: by then each look at our trades is past
those it has had. Later ones find its journal, which is read for them."""


@dataclass(frozen=True, slots=True)
class SupervisorPorts:
    journal: Address[WriteJournal | LoadExecution | WriteHalt | NoteTrades]
    market_data: Address[MarketDataMessage]
    venue: Address[VenueMessage]
    gate: Address[HaltChanged]
    risk: Address[RiskMessage]
    news: Address[News]


@dataclass(frozen=True, slots=True)
class RebuildSlicer:
    """To ourselves: a slicer that failed of whatever it was told has rested."""

    execution_id: ExecutionId


@dataclass(frozen=True, slots=True)
class RetireSlicer:
    """To ourselves: an execution has been over for long enough."""

    execution_id: ExecutionId


_Message: TypeAlias = (
    SupervisorMessage
    | ActorFailed
    | AskTrades
    | RebuildSlicer
    | RetireSlicer
    | CommandAnswered
    | OrderRecalled
    | WriteHaltAgain
)


class SupervisorActor(MessageActor[_Message]):
    """Starts one slicer per execution, and another one when it fails."""

    dispatcher_kind = "shared"

    def __init__(
        self,
        runtime: Runtime,
        *,
        defaults: TwapDefaults,
        queue_rules: QueueRules = NO_QUEUE,
        venue: VenueTraits,
        client_order_id_prefix: str,
        ports: SupervisorPorts,
        seed: int | None,
        client_ids: Mapping[ClientId, ExecutionId],
        executions_before: int,
        past: Past,
        failures: Address[ActorFailed],
    ) -> None:
        super().__init__(runtime, name="supervisor", supervisor=failures)
        self._defaults = defaults
        self._venue = venue
        self._ports = ports
        self._past = past
        self._older = {
            x.execution_id: x.lost_attempts for x in past.executions if x.execution_id in past.older
        }
        """Attempts that had been lost before, of those whose journals are older copies."""
        self._prefix = client_order_id_prefix
        self._queue = Queue(queue_rules)
        self._slicers: dict[ExecutionId, Supervised] = {}
        self._of_actor: dict[str, ExecutionId] = {}
        self._restored: set[Symbol] = set()
        self._unheard_of: set[str] = set()
        """Orders of ours that the venue told of, and the journal had nothing of."""
        self._recovering: dict[Symbol, list[Execution]] = {}
        self._trades = TradePolls(
            self, every=venue.trades_every, past=past, venue=ports.venue, journal=ports.journal
        )
        self._availability: VenueAvailability | None = None
        self._slicer_ports = SlicerPorts(
            orders=ports.risk,
            journal=ports.journal,
            market_data=ports.market_data,
            news=ports.news,
            supervisor=self.actor_ref,
        )
        self._halting = Halting(
            self, journal=ports.journal, tell=self._tell_halt, is_halted=past.is_halted
        )
        self._admitting = Admitting(
            self,
            defaults=defaults,
            client_order_id_prefix=client_order_id_prefix,
            seed=seed,
            earlier=EarlierOrders(self, client_ids, ports.journal),
            executions_before=executions_before,
            market_source=venue.source,
            venue=ports.venue,
            market_data=ports.market_data,
            risk=ports.risk,
            queue=self._queue,
            begin=self._begin_execution,
        )
        self._raising = Raising(
            self,
            describe=self._admitting.describe,
            market_data=ports.market_data,
            risk=ports.risk,
            window=defaults.slice_interval,
            answer=self._on_raised,
        )

    def begin(self) -> None:
        for x in self._past.executions:
            self._slicers[x.execution_id] = Supervised()
            self._queue.learn(x)
            self._watch(x)
            self._recovering.setdefault(x.order.symbol, []).append(x)
        for symbol in dict.fromkeys((*self._recovering, *self._past.known_trades)):
            self._recovering.setdefault(symbol, [])
            self._admitting.describe(symbol)
        # Its slicers have them soon, and change: to keep them as they were would take as much memory again.
        self._past = replace(self._past, executions=())

    def handle(self, message: _Message) -> None:  # noqa: C901, PLR0912, PLR0915 - one line a case
        match message:
            case StartExecution():
                self._admitting.ask(
                    message, is_open=self._slicers.__contains__, is_halted=self._halting.holds
                )
            case (
                PauseExecution()
                | ResumeExecution()
                | CancelExecution()
                | SettleChild()
                | AmendExecution()
            ):
                self._on_command(message)
            case CommandAnswered():
                self._on_answered(message)
            case Halt() | Unhalt():
                self._halting.ask(message)
            case LookAtMarket():
                question = DescribeSymbol(
                    symbol=message.symbol, shows_book=True, reply_to=message.reply_to
                )
                self.send(self._ports.venue, question)
            case HaltWritten():
                self._halting.written(message)
            case WriteHaltAgain():
                self._halting.write_next()
            case SymbolDescribed():
                self._on_described(message)
            case MarketView():
                self._admitting.on_market_view(message)
                self._raising.on_market_view(message)
            case ParentJudged():
                if not self._raising.on_judged(message):
                    self._admitting.on_judged(message, is_halted=self._halting.holds)
            case OrderRecalled():
                self._admitting.on_recalled(
                    message, is_open=self._slicers.__contains__, is_halted=self._halting.holds
                )
            case ExecutionStarted():
                self._admitting.started(message)
            case JournalBehind():
                self._on_journal_behind(message.execution_id, message.client_order_id)
            case ExecutionFinished():
                self._on_finished(message.execution_id)
            case RetireSlicer():
                self._retire(message.execution_id)
            case SlicerRetired():
                self._on_retired(message)
            case ExecutionLoaded():
                self._on_loaded(message)
            case TradesTold():
                self._on_trades_told(message)
            case VenueAvailability():
                self._on_availability(message)
            case AskTrades():
                self._trades.ask_anew(message.symbol)
            case RebuildSlicer():
                self._rebuild(message.execution_id)
            case ActorFailed():
                self._on_slicer_failed(message)
            case (
                OrderAccepted()
                | OrderFilled()
                | OrderClosed()
                | OrderRefused()
                | OrderOutcomeUnknown()
                | OrderNotFound()
                | OrderStory()
            ):
                self._on_outcome(message)
            case _:
                assert_never(message)

    # --- Starting ------------------------------------------------------------------------------------

    def _watch(self, x: Execution) -> None:
        self._admitting.watch(x.execution_id, x.order, x.started_at or x.created_at)

    def _on_described(self, described: SymbolDescribed) -> None:
        symbol = described.symbol
        self._admitting.learn(described)
        self.send(self._ports.risk, described)
        self._raising.on_described(described)
        if described.rules is not None and symbol not in self._restored:
            self._restored.add(symbol)
            self._restore(symbol)
        if symbol in self._recovering:
            self._trades.ask(symbol)
        else:
            self._admitting.admit_waiting(symbol)

    def _begin_execution(self, execution: Execution, events: FirstEvents) -> None:
        self._slicers[execution.execution_id] = Supervised()
        self._start_slicer(execution, events)

    def _start_slicer(
        self,
        execution: Execution,
        events: FirstEvents | tuple[()] = (),
        *,
        paused_by: Reason | None = None,
    ) -> None:
        """Start an actor for an execution, and hand it what has waited for one."""
        slicer = self._slicers[execution.execution_id]
        self._queue.learn(execution)
        slicer.order, slicer.quantity = execution.order, execution.quantity
        actor = SlicerActor.start(
            self.runtime,
            execution=execution,
            first_events=events,
            surroundings=Surroundings(
                profile=self._admitting.profiles.get(execution.order.symbol),
                is_halted=self._halting.is_halted,
                proof=self._venue.proof,
                bounds=self._defaults,
            ),
            ports=self._slicer_ports,
            venue=self._venue.name,
            failures=self.actor_ref,
            paused_by=paused_by,
        )
        slicer.actor = actor
        self._of_actor[actor.actor_urn] = execution.execution_id
        if not self._trades.is_polled(execution.order.symbol):
            self._trades.poll(execution.order.symbol)
        availability = self._availability
        is_paused = execution.reason is Reason.VENUE_UNAVAILABLE
        if availability is not None and availability.is_available is is_paused:
            self.send(actor, availability)
        self._hand_over_all(slicer)
        self._let_in()

    def _hand_over_all(self, slicer: Supervised) -> None:
        held, slicer.held = slicer.held, []
        for message in held:
            self._to_slicer(slicer, message)
        for command in slicer.unanswered:
            self._hand_over(slicer, command)

    def _let_in(self) -> None:
        """Let those begin for whom there is room, unless nothing may be sent now: their time would only run away."""
        is_out = self._availability is not None and not self._availability.is_available
        if is_out or self._halting.is_halted or self._past.paused_by is not None:
            return
        ready = [x for x in self._queue.waiting if self._slicers[x].actor is not None]
        while (found := self._queue.take_next(ready, self.clock.now())) is not None:
            self._to_slicer(self._slicers[found], LeaveQueue(execution_id=found))

    def _on_availability(self, availability: VenueAvailability) -> None:
        self._availability = availability
        for slicer in self._slicers.values():
            self._to_slicer(slicer, availability)
        self._let_in()

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

    def _on_trades_told(self, told: TradesTold) -> None:
        """Let the symbol's executions run now that every trade of theirs is known."""
        is_held = any(s.holds_trades_of(told.symbol) for s in self._slicers.values() if s.held)
        if not self._trades.told(told, is_held=is_held):
            return
        symbol = told.symbol
        recovering = self._recovering.pop(symbol, None)
        was_polled = self._trades.is_polled(symbol)  # Otherwise the first slicer below begins it.
        if recovering is not None:
            is_known = self._admitting.described[symbol].rules is not None
            for x in recovering:
                why_not = self._past.paused_by if is_known else Reason.UNKNOWN_SYMBOL
                self._start_slicer(x, paused_by=self._why_older(x) or why_not)
            self._admitting.admit_waiting(symbol)
        if was_polled:
            self._trades.poll(symbol)

    def _on_slicer_failed(self, failed: ActorFailed) -> None:
        """Read its journal behind everything it wrote; then it is started again."""
        execution_id = self._of_actor.pop(failed.actor_urn, None)
        if execution_id is None:
            return
        slicer, now = self._slicers[execution_id], self.clock.now()
        slicer.actor = slicer.retiring = None
        slicer.failures.append(now)
        self._give_commands_up(slicer)
        # It may have been told of trades that it has not written; they are asked for once more.
        self._trades.lost()
        log.error("slicer_failed", execution_id=execution_id, error=failed.error)
        self._load(execution_id)

    def _give_commands_up(self, slicer: Supervised) -> None:
        """Refuse what was in hand at an earlier failure already: it may be what the slicer fails of."""
        refused = [c for c in slicer.unanswered if any(c is each for each in slicer.survived)]
        slicer.unanswered = [c for c in slicer.unanswered if not any(c is r for r in refused)]
        slicer.survived = list(slicer.unanswered)
        for command in refused:
            message = "the execution has failed twice while it had this command: look at it, and at the log"
            self.send(command.reply_to, command.refused(Reason.REPEATED_FAILURE, message))

    def _let_rest(self, execution_id: ExecutionId, slicer: Supervised, rest: Rest) -> None:
        """Leave an execution without an actor for a while, and refuse its commands."""
        slicer.rest = rest
        log.error(
            "slicer_rests", execution_id=execution_id, until=time_text(rest.until), error=rest.why
        )
        commands, slicer.unanswered, slicer.survived = slicer.unanswered, [], []
        for command in commands:
            self.send(command.reply_to, rest.refusal_of(command))
        self.wake_at(rest.until, RebuildSlicer(execution_id))

    def _rebuild(self, execution_id: ExecutionId) -> None:
        self._slicers[execution_id].rest = None
        self._load(execution_id)

    def _load(self, execution_id: ExecutionId) -> None:
        self.send(self._ports.journal, LoadExecution(execution_id, self.actor_ref))

    def _on_loaded(self, loaded: ExecutionLoaded) -> None:
        execution_id = loaded.execution_id
        slicer = self._slicers[execution_id]
        execution, error = read(loaded)
        if error is not None:
            self._on_unreadable(execution_id, slicer, error)
            return
        if execution is None:
            for name in slicer.held_names:
                if name.startswith(self._prefix):  # What others trade is theirs.
                    self._on_journal_behind(execution_id, name)
            (self._forget if slicer.failures else self._let_go)(execution_id)
            return
        if not slicer.failures and not execution.state.is_final:
            # Another engine will carry it on, and ask for this trade again.
            self._queue.forget(execution_id)
            self._let_go(execution_id)
            return
        rows = current_rows(execution, self._venue.name)
        status = ExecutionStatus(rows.execution, rows.slices, rows.orders, rows.fills)
        self.send(self._ports.news, StatusRestored(self.clock.now(), status))
        self._admitting.started(ExecutionStarted(execution_id=execution_id))
        if not execution.state.is_final:
            self._watch(execution)
        while slicer.failures and slicer.failures[0] <= self.clock.now() - REBUILD_WINDOW:
            del slicer.failures[0]
        failures = len(slicer.failures)
        if failures > MAX_REBUILDS + 1:
            # Even one that was only to pause it has failed.
            until, reason = slicer.failures[0] + REBUILD_WINDOW, Reason.REPEATED_FAILURE
            why = "the execution fails of whatever it is told, and sends nothing: look at the log"
            self._let_rest(execution_id, slicer, Rest(until, reason, why))
            return
        why_not = Reason.REPEATED_FAILURE if failures > MAX_REBUILDS else None
        self._start_slicer(execution, paused_by=self._why_older(execution) or why_not)

    def _why_older(self, x: Execution) -> Reason | None:
        """Return why nothing may be sent for it while its journal does not say that it is an older copy's."""
        return Reason.JOURNAL_BEHIND if self._older.get(x.execution_id) == x.lost_attempts else None

    def _on_unreadable(self, execution_id: ExecutionId, slicer: Supervised, error: str) -> None:
        if slicer.failures:
            raise JournalUnreadableError(error)
        why = f"{execution_id} cannot be read: {error}"
        if slicer.has_heard:
            # Its trade waits here, and with the venue, until the journal is repaired; everything else goes on.
            self._trades.hold_marks()
            until = self.clock.now() + REBUILD_WINDOW
            self._let_rest(execution_id, slicer, Rest(until, Reason.JOURNAL_DOWN, why))
        else:
            self._let_go(execution_id, Reason.JOURNAL_DOWN, why)

    def _forget(self, execution_id: ExecutionId) -> None:
        order = self._slicers[execution_id].order
        if order is not None:
            self.send(self._ports.market_data, UnwatchSymbol(execution_id, order.symbol))
        self._queue.forget(execution_id)
        self.send(self._ports.risk, ParentEnded(execution_id=execution_id))
        self._admitting.forget(execution_id)
        self._let_go(execution_id)

    def _let_go(
        self, execution_id: ExecutionId, reason: Reason = Reason.UNKNOWN_ID, why: str | None = None
    ) -> None:
        """Know an execution no longer; whoever waits for something of it is refused."""
        message = why or f"there is no open execution {execution_id}"
        for command in self._slicers.pop(execution_id).unanswered:
            self.send(command.reply_to, command.refused(reason, message))

    # --- Retiring ------------------------------------------------------------------------------------

    def _on_finished(self, execution_id: ExecutionId) -> None:
        log.debug("execution_finished", execution_id=execution_id)
        self._queue.forget(execution_id)
        self.send(self._ports.risk, ParentEnded(execution_id=execution_id))
        self._retire_later(execution_id)
        self._let_in()

    def _retire_later(self, execution_id: ExecutionId) -> None:
        self.wake_at(self.clock.now() + RETIRED_AFTER, RetireSlicer(execution_id))

    def _retire(self, execution_id: ExecutionId) -> None:
        """Ask a slicer whether it can go. Until it has answered, what comes for it waits."""
        slicer = self._slicers.get(execution_id)
        if slicer is None or slicer.retiring is not None:
            return
        if slicer.actor is None or slicer.unanswered:
            self._retire_later(execution_id)
            return
        slicer.actor, slicer.retiring = None, slicer.actor
        self.send(slicer.retiring, Retire())

    def _on_retired(self, told: SlicerRetired) -> None:
        execution_id = told.execution_id
        slicer = self._slicers.get(execution_id)
        if slicer is None or slicer.retiring is None:
            return  # It has failed meanwhile.
        slicer.actor, slicer.retiring = slicer.retiring, None
        if not told.is_ready or slicer.held or slicer.unanswered:
            self._hand_over_all(slicer)
            self._retire_later(execution_id)
            return
        log.debug("slicer_retired", execution_id=execution_id)
        del self._slicers[execution_id], self._of_actor[slicer.actor.actor_urn]
        slicer.actor.stop(block=False)
        client_id = None if slicer.order is None else slicer.order.client_id
        self._admitting.retire(execution_id, client_id)
        self.send(self._ports.venue, EndParent(execution_id=execution_id))

    # --- Steering ------------------------------------------------------------------------------------

    def _on_command(self, command: Command) -> None:
        slicer = self._slicers.get(command.execution_id)
        if slicer is None:
            # It may have ended long ago: then its slicer is what knows the answer.
            slicer = self._slicers[command.execution_id] = Supervised()
            slicer.unanswered.append(command)
            self._load(command.execution_id)
            return
        if slicer.rest is not None:
            self.send(command.reply_to, slicer.rest.refusal_of(command))
            return
        slicer.unanswered.append(command)
        if slicer.actor is not None:
            self._hand_over(slicer, command)

    def _hand_over(self, slicer: Supervised, command: Command) -> None:
        if isinstance(command, AmendExecution) and slicer.order is not None:
            raised = slicer.raised_by(command)
            if raised is not None:
                self._raising.ask(command, slicer.order, raised)
                return
        answer = AnswerBy(self.actor_ref, command)
        self._to_slicer(slicer, command.model_copy(update={"reply_to": answer}))

    def _on_raised(self, asked: AmendExecution, answer: Answer) -> None:
        """Hand an amendment over that was judged, unless it has been answered meanwhile."""
        slicer = self._slicers.get(asked.execution_id)
        if slicer is None or not any(c is asked for c in slicer.unanswered):
            return
        if isinstance(answer, CommandRefused):
            slicer.unanswered = [c for c in slicer.unanswered if c is not asked]
            self.send(asked.reply_to, answer)
            return
        slicer.unanswered = [answer if c is asked else c for c in slicer.unanswered]
        slicer.survived = [answer if c is asked else c for c in slicer.survived]
        if slicer.actor is not None:
            self._hand_over(slicer, answer)

    def _on_answered(self, answered: CommandAnswered) -> None:
        slicer, command = self._slicers.get(answered.execution_id), answered.command
        if slicer is None:
            return
        slicer.unanswered = [c for c in slicer.unanswered if c is not command]
        if answered.is_done and isinstance(command, AmendExecution):
            slicer.quantity = command.quantity or slicer.quantity

    def _tell_halt(self, changed: HaltChanged) -> None:
        self.send(self._ports.gate, changed)
        for slicer in self._slicers.values():
            self._to_slicer(slicer, changed)
        self._let_in()

    def _on_journal_behind(
        self, execution_id: ExecutionId, client_order_id: ClientOrderId | None
    ) -> None:
        """Halt everything, once for each such order: what else this journal lacks, nobody knows."""
        order = client_order_id or f"of {execution_id}"
        if order in self._unheard_of:
            return
        self._unheard_of.add(order)
        log.error("journal_behind", execution_id=execution_id, client_order_id=client_order_id)
        if not self._halting.holds:
            reason = (
                f"{Reason.JOURNAL_BEHIND}: the venue has our order {order}, of which this database has "
                "nothing: it is an old copy, or another engine works with one"
            )
            self._halting.ask(Halt(reason=reason, reply_to=NOBODY))

    # --- Outcomes ------------------------------------------------------------------------------------

    def _on_outcome(self, outcome: OrderOutcome | OrderStory) -> None:
        slicer = self._slicers.get(outcome.execution_id)
        if slicer is not None:
            self._to_slicer(slicer, outcome)
        elif isinstance(outcome, OrderStory):
            for each in outcome.outcomes:
                self._on_outcome(each)
        elif (isinstance(outcome, OrderFilled) and not self._past.has_recorded(outcome)) or (
            isinstance(outcome, OrderAccepted) and outcome.quantity is not None
        ):
            # A trade is always recorded, also when its execution ended before this run; and one that is open is known.
            slicer = self._slicers[outcome.execution_id] = Supervised()
            self._load(outcome.execution_id)
            self._to_slicer(slicer, outcome)
        else:
            log.debug("outcome_of_ended_execution", execution_id=outcome.execution_id)

    def _to_slicer(self, slicer: Supervised, message: SlicerMessage) -> None:
        if slicer.actor is None:
            slicer.held.append(message)
        else:
            self.send(slicer.actor, message)


class JournalUnreadableError(RuntimeError):
    """A journal that is there cannot be read: no execution may be rebuilt from anything else."""
