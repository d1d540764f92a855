"""One execution's actor. Every decision is `domain.decide`'s; this shell makes it durable, then performs it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

import structlog

from genesis_actors.domain.decide import decide, next_wake, recovered, release
from genesis_actors.domain.decision import AskMarket, Decision, Effect, SetTrigger, WakeAt
from genesis_actors.domain.execution import Execution, snapshot
from genesis_actors.domain.projection import Rows, rows
from genesis_actors.domain.volume_profile import VolumeProfile
from genesis_actors.messages.base import Address
from genesis_actors.messages.control import ExecutionNews
from genesis_actors.messages.events import JournalEvent
from genesis_actors.messages.market_data import (
    MarketDataMessage,
    MarketQuery,
    MarketView,
    SetPriceTrigger,
    UnwatchSymbol,
    WatchSymbol,
)
from genesis_actors.messages.persistence import Journaled, JournalFailed, WriteJournal
from genesis_actors.messages.slicer import SlicerMessage, Wake
from genesis_actors.messages.supervisor import (
    CancelExecution,
    CommandDone,
    CommandRefused,
    ExecutionCommand,
    ExecutionFinished,
    ExecutionStarted,
    PauseExecution,
    ResumeExecution,
    SupervisorMessage,
)
from genesis_actors.messages.venue import CancelOrder, LookUpOrder, OrderMessage, PlaceOrder
from genesis_actors.runtime.actor import ActorFailed, MessageActor
from genesis_actors.runtime.clock import TimerHandle
from genesis_actors.runtime.system import Runtime
from genesis_actors.values import ExecutionState

log = structlog.get_logger()

SNAPSHOT_EVERY = 50
"""Events between two snapshots: recovery folds fewer than this."""

_PATIENCE = timedelta(seconds=1)


class JournalLostError(RuntimeError):
    """What this slicer believed has not become durable; it is rebuilt from what has."""


@dataclass(frozen=True, slots=True)
class SlicerPorts:
    """Where a slicer sends things. `orders` is the risk actor: there is no way round it."""

    orders: Address[OrderMessage]
    journal: Address[WriteJournal]
    market_data: Address[MarketDataMessage]
    news: Address[ExecutionNews]
    supervisor: Address[SupervisorMessage]


@dataclass(frozen=True, slots=True)
class _Undurable:
    """What waits for the journal: the news to give and the effects to perform once `version` is on disk."""

    version: int
    effects: tuple[Effect, ...]
    news: ExecutionNews | None


@dataclass(frozen=True, slots=True)
class _Waiter:
    """A command whose promise is not kept yet."""

    command: ExecutionCommand
    is_kept: Callable[[Execution], bool]


class SlicerActor(MessageActor[SlicerMessage]):
    """Carries one execution out."""

    dispatcher_kind = "pooled"

    def __init__(
        self,
        runtime: Runtime,
        *,
        execution: Execution,
        first_events: tuple[JournalEvent, ...],
        profile: VolumeProfile | None,
        ports: SlicerPorts,
        venue: str,
        failures: Address[ActorFailed],
    ) -> None:
        super().__init__(runtime, name=f"slicer-{execution.execution_id}", supervisor=failures)
        self._execution = execution
        self._first_events = first_events
        self._profile = profile
        self._ports = ports
        self._venue = venue
        self._durable_version = execution.version - len(first_events)
        self._snapshot_version = 0
        self._undurable: deque[_Undurable] = deque()
        self._waiters: list[_Waiter] = []
        self._timer: TimerHandle | None = None
        self._timer_at: datetime | None = None
        self._asked_market = False
        self._is_over = False

    def begin(self) -> None:
        x = self._execution
        self.send(
            self._ports.market_data,
            WatchSymbol(x.execution_id, x.order.symbol, x.started_at or x.created_at, x.window),
        )
        if self._first_events:
            self._apply(Decision(x, self._first_events, (AskMarket(),)))
        else:
            self._apply(recovered(x, self.clock.now()))
            self._ask_market()
        self._attend()

    def handle(self, message: SlicerMessage) -> None:
        match message:
            case Journaled():
                self._on_journaled(message)
            case JournalFailed():
                raise JournalLostError(message.error)
            case PauseExecution() | ResumeExecution() | CancelExecution():
                self._on_command(message)
            case _:
                if isinstance(message, Wake):
                    self._timer_at = None
                elif isinstance(message, MarketView):
                    self._asked_market = False
                self._apply(decide(self._execution, message, self.clock.now(), self._profile))
        self._attend()

    def _on_command(self, command: PauseExecution | ResumeExecution | CancelExecution) -> None:
        decision = decide(self._execution, command, self.clock.now(), self._profile)
        if decision.refusal is not None:
            self.send(
                command.reply_to,
                CommandRefused(
                    execution_id=command.execution_id,
                    reason=decision.refusal.reason,
                    message=decision.refusal.message,
                ),
            )
            return
        self._waiters.append(_Waiter(command, _PROMISES[type(command)]))
        was_already = decision.was_already and self._is_durable
        self._apply(decision)
        self._keep_promises(was_already=was_already)

    @property
    def _is_durable(self) -> bool:
        return self._durable_version == self._execution.version

    def _apply(self, decision: Decision) -> None:
        """Make the events durable, then perform the effects; only cancels and questions may go first."""
        now = self.clock.now()
        first_version = self._execution.version + 1
        if self._first_events:
            first_version, self._first_events = 1, ()
        self._execution = decision.execution
        ahead = tuple(effect for effect in decision.effects if isinstance(effect, _MAY_GO_FIRST))
        behind = tuple(e for e in decision.effects if not isinstance(e, _MAY_GO_FIRST))
        news = None
        if decision.events:
            changed = rows(self._execution, decision.events, self._venue)
            self._write(first_version, decision.events, changed)
            news = ExecutionNews(
                now,
                self._execution.execution_id,
                decision.events,
                changed.execution,
                changed.slices,
                changed.orders,
                changed.fills,
            )
        if behind or news is not None:
            self._undurable.append(_Undurable(self._execution.version, behind, news))
        for effect in ahead:
            self._perform(effect)
        self._perform_durable()

    def _write(self, first_version: int, events: tuple[JournalEvent, ...], changed: Rows) -> None:
        x = self._execution
        state = None
        if x.version - self._snapshot_version >= SNAPSHOT_EVERY or x.state.is_final:
            state, self._snapshot_version = snapshot(x), x.version
        self.send(
            self._ports.journal,
            WriteJournal(
                execution_id=x.execution_id,
                first_version=first_version,
                events=events,
                execution=changed.execution,
                slices=changed.slices,
                orders=changed.orders,
                fills=changed.fills,
                snapshot=state,
                reply_to=self.actor_ref,
            ),
        )

    def _on_journaled(self, message: Journaled) -> None:
        is_first = self._durable_version == 0
        self._durable_version = max(self._durable_version, message.version)
        if is_first:
            self.send(
                self._ports.supervisor,
                ExecutionStarted(execution_id=self._execution.execution_id),
            )
        self._perform_durable()
        self._keep_promises()
        if self._execution.state.is_final and self._is_durable and not self._is_over:
            self._finish()

    def _perform_durable(self) -> None:
        while self._undurable and self._undurable[0].version <= self._durable_version:
            done = self._undurable.popleft()
            if done.news is not None:
                self.send(self._ports.news, done.news)
            for effect in done.effects:
                self._perform(effect)

    def _perform(self, effect: Effect) -> None:
        match effect:
            case PlaceOrder():
                self._release(effect)
            case CancelOrder() | LookUpOrder():
                self.send(self._ports.orders, effect)
            case AskMarket():
                self._ask_market()
            case SetTrigger():
                self._set_trigger(effect)
            case WakeAt():
                self._wake_at(effect.at)
            case _:
                assert_never(effect)

    def _release(self, order: PlaceOrder) -> None:
        decision = release(self._execution, order, self.clock.now())
        for effect in decision.effects:
            if isinstance(effect, PlaceOrder):
                self.send(self._ports.orders, effect)
        rest = tuple(e for e in decision.effects if not isinstance(e, PlaceOrder))
        self._apply(Decision(decision.execution, decision.events, rest))

    def _ask_market(self) -> None:
        if self._asked_market:
            return
        x = self._execution
        self._asked_market = True
        self.send(
            self._ports.market_data,
            MarketQuery(
                execution_id=x.execution_id,
                symbol=x.order.symbol,
                since=x.started_at or x.created_at,
                window=x.window,
                reply_to=self.actor_ref,
            ),
        )

    def _set_trigger(self, trigger: SetTrigger) -> None:
        x = self._execution
        self.send(
            self._ports.market_data,
            SetPriceTrigger(
                execution_id=x.execution_id,
                symbol=x.order.symbol,
                side=x.order.side,
                level=trigger.level,
                worse=trigger.worse,
                reply_to=self.actor_ref,
            ),
        )

    def _attend(self) -> None:
        """See to it that the state is looked at again when it wants to be."""
        wake = next_wake(self._execution)
        if wake is None:
            return
        now = self.clock.now()
        if wake <= now:
            if not self._execution.open_children:
                self._ask_market()
            # Where the answer does not come, or an open child does not close, look again.
            wake = now + _PATIENCE
        self._wake_at(wake)

    def _wake_at(self, at: datetime) -> None:
        if self._timer_at is not None and self._timer_at <= at:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = at
        self._timer = self.wake_at(at, Wake())

    def _keep_promises(self, *, was_already: bool = False) -> None:
        if not self._waiters or not self._is_durable:
            return
        x = self._execution
        for waiter in [w for w in self._waiters if w.is_kept(x)]:
            self._waiters.remove(waiter)
            self.send(
                waiter.command.reply_to,
                CommandDone(execution_id=x.execution_id, state=x.state, was_already=was_already),
            )

    def _finish(self) -> None:
        x = self._execution
        self._is_over = True
        self.send(self._ports.market_data, UnwatchSymbol(x.execution_id, x.order.symbol))
        self.send(
            self._ports.supervisor,
            ExecutionFinished(execution_id=x.execution_id, at=self.clock.now()),
        )


_MAY_GO_FIRST = (CancelOrder, LookUpOrder, AskMarket, SetTrigger, WakeAt)


def _is_paused(x: Execution) -> bool:
    return x.state.is_final or (x.state is ExecutionState.PAUSED and not x.open_children)


def _is_resumed(_x: Execution) -> bool:
    # Once that is durable it has happened, though a guard may have paused it again by now: the answer names the state.
    return True


def _is_cancelled(x: Execution) -> bool:
    return x.state.is_final


_PROMISES: dict[type[ExecutionCommand], Callable[[Execution], bool]] = {
    PauseExecution: _is_paused,
    ResumeExecution: _is_resumed,
    CancelExecution: _is_cancelled,
}
