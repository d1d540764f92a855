"""The actor that starts executions, knows their slicers, and routes what comes back to them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeAlias

import structlog
from pykka import ActorRef

from genesis_actors.actors.slicer import SlicerActor, SlicerPorts
from genesis_actors.domain.admission import Market, Rejection, accept, admit
from genesis_actors.domain.client_ids import id_text
from genesis_actors.domain.execution import Execution
from genesis_actors.domain.policy import TwapDefaults
from genesis_actors.domain.surroundings import Surroundings
from genesis_actors.domain.volume_profile import VolumeProfile
from genesis_actors.messages.base import Address
from genesis_actors.messages.control import ExecutionNews
from genesis_actors.messages.events import TwapAccepted, TwapStarted
from genesis_actors.messages.market_data import (
    MarketDataMessage,
    MarketQuery,
    MarketView,
    UnwatchSymbol,
    WatchSymbol,
)
from genesis_actors.messages.persistence import WriteJournal
from genesis_actors.messages.risk import PastUse, RestoreUse, RiskMessage
from genesis_actors.messages.slicer import SlicerMessage
from genesis_actors.messages.supervisor import (
    CancelExecution,
    CommandRefused,
    ExecutionFinished,
    ExecutionStarted,
    OrderRejected,
    PauseExecution,
    ResumeExecution,
    StartExecution,
    SupervisorMessage,
)
from genesis_actors.messages.venue import DescribeSymbol, SymbolDescribed
from genesis_actors.runtime.actor import ActorFailed, MessageActor
from genesis_actors.runtime.system import Runtime
from genesis_actors.values import ClientId, ExecutionId, ParentOrder, Quote, Reason, Symbol

log = structlog.get_logger()

_ID_BITS = 64
_ID_CHARACTERS = 13


@dataclass(frozen=True, slots=True)
class SupervisorPorts:
    journal: Address[WriteJournal]
    market_data: Address[MarketDataMessage]
    venue: Address[DescribeSymbol]
    risk: Address[RiskMessage]
    news: Address[ExecutionNews]
    failures: Address[ActorFailed]


@dataclass(frozen=True, slots=True)
class KnownOrder:
    """An order that this database has seen before, by its client id."""

    execution_id: ExecutionId
    order: ParentOrder


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A parent order on its way to becoming an execution, the so-manieth of this database."""

    execution_id: ExecutionId
    number: int
    message: StartExecution


_Command: TypeAlias = PauseExecution | ResumeExecution | CancelExecution
_Message: TypeAlias = SupervisorMessage | ActorFailed


class SupervisorActor(MessageActor[_Message]):
    """Starts one slicer per execution."""

    dispatcher_kind = "shared"

    def __init__(
        self,
        runtime: Runtime,
        *,
        defaults: TwapDefaults,
        venue: str,
        client_order_id_prefix: str,
        ports: SupervisorPorts,
        seed: int | None,
        known_orders: dict[ClientId, KnownOrder],
        executions_before: int,
        recovered: tuple[Execution, ...],
    ) -> None:
        super().__init__(runtime, name="supervisor")
        self._defaults = defaults
        self._venue = venue
        self._prefix = client_order_id_prefix
        self._ports = ports
        self._seed = seed
        self._known = dict(known_orders)
        self._started = executions_before
        self._recovered = recovered
        self._slicers: dict[ExecutionId, ActorRef[SlicerActor]] = {}
        self._described: dict[Symbol, SymbolDescribed] = {}
        self._profiles: dict[Symbol, VolumeProfile | None] = {}
        self._waiting: dict[Symbol, list[_Candidate | Execution]] = {}
        self._admitting: dict[ExecutionId, _Candidate] = {}
        self._starting: dict[ExecutionId, list[StartExecution]] = {}
        self._recovering: dict[ExecutionId, list[_Command]] = {}

    def begin(self) -> None:
        for x in self._recovered:
            self._recovering[x.execution_id] = []
            self._watch(x.execution_id, x.order, x.started_at or x.created_at)
            self._when_described(x.order.symbol, x)

    def _watch(self, execution_id: ExecutionId, order: ParentOrder, since: datetime) -> None:
        """Watch before the venue tells its past: what nobody watches is soon forgotten.

        No volume window is longer than the order's own; the slicer says how long its really is.
        """
        self.send(
            self._ports.market_data,
            WatchSymbol(execution_id, order.symbol, since, order.duration),
        )

    def handle(self, message: _Message) -> None:
        match message:
            case StartExecution():
                self._on_start_execution(message)
            case PauseExecution() | ResumeExecution() | CancelExecution():
                self._on_command(message)
            case SymbolDescribed():
                self._on_described(message)
            case MarketView():
                self._on_market_view(message)
            case ExecutionStarted():
                # Who asked first has made it; the others have found it.
                first, *others = self._starting.pop(message.execution_id)
                self.send(first.reply_to, message)
                for asked in others:
                    self.send(asked.reply_to, message.model_copy(update={"is_new": False}))
            case ExecutionFinished():
                log.debug("execution_finished", execution_id=message.execution_id)
            case ActorFailed():
                log.error("actor_lost", actor=message.actor_name, error=message.error)
            case _:
                self._to_slicer(message.execution_id, message)

    def _on_start_execution(self, message: StartExecution) -> None:
        client_id = message.order.client_id
        known = None if client_id is None else self._known.get(client_id)
        if known is None:
            candidate = self._candidate(message)
            self._watch(candidate.execution_id, message.order, self.clock.now())
            self._when_described(message.order.symbol, candidate)
        elif not is_same_order(known.order, message.order):
            self.send(
                message.reply_to,
                OrderRejected(
                    reason=Reason.CLIENT_ID_CONFLICT,
                    message=f"client id {client_id} belongs to execution {known.execution_id}, "
                    "which has other parameters",
                    hint="repeat the order exactly, or choose another --client-id",
                ),
            )
        elif known.execution_id in self._starting:
            self._starting[known.execution_id].append(message)
        else:
            self.send(
                message.reply_to,
                ExecutionStarted(execution_id=known.execution_id, is_new=False),
            )

    def _when_described(self, symbol: Symbol, waiting: _Candidate | Execution) -> None:
        """Ask the venue about the symbol afresh, because balances change; go on when it has answered."""
        self._waiting.setdefault(symbol, []).append(waiting)
        self.send(self._ports.venue, DescribeSymbol(symbol=symbol, reply_to=self.actor_ref))

    def _on_described(self, described: SymbolDescribed) -> None:
        self._described[described.symbol] = described
        self._profiles[described.symbol] = profile_of(described)
        self.send(self._ports.risk, described)
        waiting = self._waiting.get(described.symbol)
        if not waiting:
            return
        first = waiting.pop(0)
        if isinstance(first, Execution):
            self.send(self._ports.risk, _past_use(first))
            self._start_slicer(first, ())
            for command in self._recovering.pop(first.execution_id):
                self._to_slicer(first.execution_id, command)
            return
        if described.rules is None:
            self._admit(first, described, None)
            return
        self._admitting[first.execution_id] = first
        self.send(
            self._ports.market_data,
            MarketQuery(
                execution_id=first.execution_id,
                symbol=described.symbol,
                since=self.clock.now(),
                window=self._defaults.slice_interval,
                reply_to=self.actor_ref,
            ),
        )

    def _candidate(self, message: StartExecution) -> _Candidate:
        self._started += 1
        bits = self.runtime.random.getrandbits(_ID_BITS)
        return _Candidate(ExecutionId(id_text(bits, _ID_CHARACTERS)), self._started, message)

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
        events: tuple[TwapAccepted, TwapStarted] | tuple[()],
    ) -> None:
        self._slicers[execution.execution_id] = SlicerActor.start(
            self.runtime,
            execution=execution,
            first_events=events,
            surroundings=Surroundings(self._profiles[execution.order.symbol]),
            ports=SlicerPorts(
                orders=self._ports.risk,
                journal=self._ports.journal,
                market_data=self._ports.market_data,
                news=self._ports.news,
                supervisor=self.actor_ref,
            ),
            venue=self._venue,
            failures=self._ports.failures,
        )

    def _on_command(self, message: _Command) -> None:
        if message.execution_id in self._recovering:
            self._recovering[message.execution_id].append(message)
        elif message.execution_id in self._slicers:
            self._to_slicer(message.execution_id, message)
        else:
            self.send(
                message.reply_to,
                CommandRefused(
                    execution_id=message.execution_id,
                    reason=Reason.UNKNOWN_ID,
                    message=f"there is no open execution {message.execution_id}",
                ),
            )

    def _to_slicer(self, execution_id: ExecutionId, message: SlicerMessage) -> None:
        slicer = self._slicers.get(execution_id)
        if slicer is None:
            log.warning("outcome_of_unknown_execution", execution_id=execution_id)
        else:
            self.send(slicer, message)


def _past_use(execution: Execution) -> RestoreUse:
    return RestoreUse(
        symbol=execution.order.symbol,
        children=tuple(
            PastUse(
                client_order_id=child.client_order_id,
                fills=tuple((fill.traded_at, fill.quantity) for fill in child.fills),
                reserved_quantity=child.reserved_quantity,
            )
            for child in execution.children.values()
            if child.fills or child.reserved_quantity
        ),
    )


def profile_of(described: SymbolDescribed) -> VolumeProfile | None:
    """Return the volume profile that a venue's bars make, None where there are none."""
    return VolumeProfile.from_bars(described.volumes) if described.volumes else None


def is_same_order(known: ParentOrder, asked: ParentOrder) -> bool:
    """Tell whether `asked` repeats `known`; a seed that the user leaves open matches any."""
    if asked.seed is None:
        known = replace(known, seed=None)
    return known == asked
