"""One execution's actor. Every decision is `domain.decide`'s; this shell makes it durable, then performs it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import assert_never

from genesis_actors.domain.children import cancels
from genesis_actors.domain.decide import DecidableMessage, begun, decide, recovered, release
from genesis_actors.domain.decision import (
    AskMarket,
    Decision,
    Effect,
    Refusal,
    SetTrigger,
    TryAgain,
    WakeAt,
)
from genesis_actors.domain.execution import Execution, snapshot
from genesis_actors.domain.pausing import look_again
from genesis_actors.domain.projection import rows
from genesis_actors.domain.surroundings import Surroundings, TriedInVain
from genesis_actors.domain.waking import next_wake
from genesis_actors.logs import get_logger
from genesis_actors.messages.base import Address
from genesis_actors.messages.control import ExecutionNews
from genesis_actors.messages.events import (
    ChildAccepted,
    ChildAdopted,
    ChildClosed,
    ChildFilled,
    ChildSent,
    ChildUnknown,
    JournalEvent,
    TwapFinishing,
    TwapSliceExecuted,
)
from genesis_actors.messages.market_data import (
    MarketDataMessage,
    MarketQuery,
    MarketView,
    PriceCrossed,
    SetPriceTrigger,
    UnwatchSymbol,
    WatchSymbol,
)
from genesis_actors.messages.persistence import Journaled, JournalFailed, WriteJournal
from genesis_actors.messages.slicer import HaltChanged, Retire, SlicerMessage, Wake
from genesis_actors.messages.supervisor import (
    AmendExecution,
    CancelExecution,
    CommandDone,
    ExecutionCommand,
    ExecutionFinished,
    ExecutionStarted,
    JournalBehind,
    PauseExecution,
    ResumeExecution,
    SettleChild,
    SlicerRetired,
    SupervisorMessage,
)
from genesis_actors.messages.venue import (
    AmendParent,
    CancelOrder,
    LookUpOrder,
    OrderMessage,
    PlaceOrder,
    SettleOrder,
    VenueAvailability,
)
from genesis_actors.runtime.actor import ActorFailed, MessageActor
from genesis_actors.runtime.clock import TimerHandle
from genesis_actors.runtime.system import Runtime
from genesis_actors.values import ClientOrderId, ExecutionState, Reason

log = get_logger()

SNAPSHOT_EVERY = 50
"""So many events are between two snapshots; or a quarter of all there are, where that is more, as snapshots grow too.

Recovery folds fewer than that, and `UNWRITTEN_AT_MOST`.
"""

UNWRITTEN_AT_MOST = 32
"""So many events are written without waiting for the inbox to be empty."""

_MARKS_WAIT = timedelta(seconds=1)
"""So long a mark that a child was sent waits to be written with what comes of it. Recovery does without the mark."""

_PATIENCE = timedelta(seconds=1)
_ANSWER_PATIENCE = timedelta(seconds=5)
"""A question about the market that has not been answered for so long is asked again."""


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
    was_already: bool


class SlicerActor(MessageActor[SlicerMessage]):
    """Carries one execution out."""

    dispatcher_kind = "pooled"

    def __init__(
        self,
        runtime: Runtime,
        *,
        execution: Execution,
        first_events: tuple[JournalEvent, ...],
        surroundings: Surroundings,
        ports: SlicerPorts,
        venue: str,
        failures: Address[ActorFailed],
        paused_by: Reason | None = None,
    ) -> None:
        super().__init__(runtime, name=f"slicer-{execution.execution_id}", supervisor=failures)
        self._execution = execution
        self._first_events = first_events
        self._surroundings = surroundings
        self._ports = ports
        self._venue = venue
        self._durable_version = execution.version - len(first_events)
        self._snapshot_version = 0
        self._undurable: list[_Undurable] = []  # Few at a time; an empty deque would be 0.7 kB.
        self._unwritten: list[JournalEvent] = []
        self._written: Execution | None = None if first_events else execution
        """The state that the rows in the tables are of, or will be: without `_unwritten`."""
        self._waiters: list[_Waiter] = []
        self._timer: TimerHandle | None = None
        self._timer_at: datetime | None = None
        self._timer_begins_work = True
        self._is_patience = False
        """Whether the timer is only there in case that an answer does not come."""
        self._wake_asked_at: datetime | None = None
        self._marks_due_at: datetime | None = None
        self._asked_market_at: datetime | None = None
        self._is_over = False
        self._is_down = False
        self._paused_by = paused_by

    def begin(self) -> None:
        x = self._execution
        if x.state.is_final:  # All that can come yet are late fills.
            self._apply(recovered(x, self.clock.now()))
            self._finish()
            return
        self._watch()
        if self._first_events:
            events, self._first_events = self._first_events, ()
            self._apply(begun(x, events))
        else:
            self._apply(recovered(x, self.clock.now(), self._paused_by))
            if self._execution.state is ExecutionState.RUNNING:
                self._perform(look_again(self._execution, self.clock.now()))
            else:
                self._ask_market()
        self._attend(begins=True)

    def _watch(self) -> None:
        x = self._execution
        self.send(
            self._ports.market_data,
            WatchSymbol(x.execution_id, x.order.symbol, x.started_at or x.created_at, x.window),
        )

    def handle(self, message: SlicerMessage) -> None:
        try:
            self._handle(message)
        except Exception:
            # What was decided before stands, and is not this message's fault.
            self._write()
            raise
        if len(self._unwritten) >= UNWRITTEN_AT_MOST:
            self._write()

    def on_idle(self) -> None:
        """Write what the messages since the last time have caused, all of it together."""
        if self._waiters or self._marks_due_at is None:
            self._write()

    def end(self) -> None:
        self._write()

    def _handle(self, message: SlicerMessage) -> None:
        if isinstance(message, Retire):
            self._say_whether_ready()
            return
        if self._is_down:
            self._on_message_while_down(message)
            return
        match message:
            case Journaled():
                before = self._execution
                self._on_journaled(message)
                if self._execution is before:
                    return  # It has been seen to already.
            case JournalFailed():
                if not message.is_outage:
                    self._unwritten.clear()  # It cannot follow on what has failed.
                    raise JournalLostError(message.error)
                self._go_down(message.error)
                return
            case HaltChanged():
                self._surroundings = replace(self._surroundings, is_halted=message.is_halted)
                if not message.is_halted and self._execution.state is ExecutionState.RUNNING:
                    self._perform(look_again(self._execution, self.clock.now()))
            case (
                PauseExecution()
                | ResumeExecution()
                | CancelExecution()
                | SettleChild()
                | AmendExecution()
            ):
                self._on_command(message)
            case _:
                if isinstance(message, Wake):
                    self._on_wake()
                elif isinstance(message, MarketView):
                    self._asked_market_at = None
                    if _is_of_the_queue(self._execution, message):
                        self._ask_market()
                        return
                    self._surroundings = replace(
                        self._surroundings, quote=message.quote, market=message.summary
                    )
                elif isinstance(message, PriceCrossed):
                    self._surroundings = replace(self._surroundings, trigger=None)
                decision = self._decide(message)
                if decision.changes_nothing and self._timer_at is not None:
                    return  # As after most of what is told a second time.
                self._apply(decision)
        self._attend(begins=isinstance(message, _BEGIN_ANEW))

    def _decide(self, message: DecidableMessage) -> Decision:
        return decide(self._execution, message, self.clock.now(), self._surroundings)

    def _go_down(self, error: str) -> None:
        """Take back what is at the venue and decide nothing any more: what is believed here has not become durable.

        The slicer that is built from the journal when that is back takes over.
        """
        log.warning(
            "slicer_stopped_by_journal", execution_id=self._execution.execution_id, error=error
        )
        self._is_down = True
        self._unwritten.clear()
        self._undurable.clear()
        if self._timer is not None:
            self._timer.cancel()
        self._take_back()
        for waiter in self._waiters:
            self._refuse_while_down(waiter.command)
        self._waiters.clear()

    def _on_message_while_down(self, message: SlicerMessage) -> None:
        if isinstance(message, ExecutionCommand):
            self._take_back()
            self._refuse_while_down(message)

    def _take_back(self) -> None:
        for cancel in cancels(self._execution):
            self.send(self._ports.orders, cancel)

    def _refuse_while_down(self, command: ExecutionCommand) -> None:
        self._refuse(
            command,
            Refusal(
                Reason.JOURNAL_DOWN,
                "the journal cannot be written: nothing new is sent, and what was at the venue is "
                "being taken back",
            ),
        )

    def _refuse(self, command: ExecutionCommand, refusal: Refusal) -> None:
        refused = command.refused(
            refusal.reason, refusal.message, limit=refusal.limit, actual=refusal.actual
        )
        self.send(command.reply_to, refused)

    def _on_command(
        self,
        command: PauseExecution | ResumeExecution | CancelExecution | SettleChild | AmendExecution,
    ) -> None:
        decision = self._decide(command)
        if decision.refusal is not None:
            self._refuse(command, decision.refusal)
            return
        # Marks say nothing of what was asked for.
        marks = 0 if self._marks_due_at is None else len(self._unwritten)
        is_durable = self._durable_version + marks == self._execution.version
        was_already = decision.was_already and is_durable
        self._waiters.append(_Waiter(command, _PROMISES[type(command)], was_already))
        self._apply(decision)
        self._keep_promises()

    @property
    def _is_durable(self) -> bool:
        return self._durable_version == self._execution.version

    def _apply(self, decision: Decision) -> None:
        """Make the events durable, then perform the effects; only cancels and questions may go first."""
        before = self._execution
        has_begun = before.started_at is None and decision.execution.started_at is not None
        self._execution = decision.execution
        if decision.events:
            self._unwritten += decision.events
            self._marks_due_at = None
            self._tell_doubts(decision.events)
        if has_begun:
            # Its benchmark window and its w are others than while it was queued.
            self._watch()
            self._asked_market_at = None
        behind: list[Effect] = []
        for effect in decision.effects:
            if isinstance(effect, _MAY_GO_FIRST):
                self._perform(effect)
            else:
                behind.append(effect)
        if behind:
            self._undurable.append(_Undurable(self._execution.version, tuple(behind), None))
            self._perform_durable()

    def _tell_doubts(self, events: tuple[JournalEvent, ...]) -> None:
        """Say what is in doubt, at once, as a cancel may go first: where this journal is behind, others may be."""
        for event in events:
            match event:
                case ChildUnknown():
                    log.warning(
                        "child_unknown",
                        execution_id=event.execution_id,
                        client_order_id=event.client_order_id,
                        detail=event.detail,
                    )
                case ChildAdopted():
                    self._tell_behind(event, event.client_order_id)
                case TwapFinishing(reason=Reason.JOURNAL_BEHIND):
                    self._tell_behind(event, None)
                case _:
                    pass

    def _tell_behind(self, event: JournalEvent, client_order_id: ClientOrderId | None) -> None:
        told = JournalBehind(
            at=event.at, execution_id=event.execution_id, client_order_id=client_order_id
        )
        self.send(self._ports.supervisor, told)

    def _write(self) -> None:
        """Send what is not written yet to be made durable, with the rows that follow from it."""
        if not self._unwritten:
            return
        x, events = self._execution, tuple(self._unwritten)
        self._unwritten.clear()
        self._marks_due_at = None
        changed = rows(self._written, x, events, self._venue)
        self._written = x
        state = None
        if x.version - self._snapshot_version >= max(SNAPSHOT_EVERY, x.version // 4):
            state, self._snapshot_version = snapshot(x), x.version
        news = ExecutionNews(
            self.clock.now(),
            x.execution_id,
            events,
            changed.execution,
            changed.slices,
            changed.orders,
            changed.fills,
        )
        self._undurable.append(_Undurable(x.version, (), news))
        self.send(
            self._ports.journal,
            WriteJournal(
                execution_id=x.execution_id,
                first_version=x.version - len(events) + 1,
                events=events,
                execution=changed.execution,
                slices=changed.slices,
                orders=changed.orders,
                fills=changed.fills,
                snapshot=state,
                reply_to=self.actor_ref,
                is_urgent=self._is_awaited(events),
            ),
        )

    def _is_awaited(self, events: tuple[JournalEvent, ...]) -> bool:
        """Tell whether somebody waits for these events: a command, an effect, or people who watch.

        Each effect has an event of its own that is no mere outcome.
        """
        return (
            bool(self._waiters)
            or self._execution.state.is_final
            or not all(isinstance(event, _OUTCOMES) for event in events)
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
            done = self._undurable.pop(0)
            if done.news is not None:
                self.send(self._ports.news, done.news)
            for effect in done.effects:
                self._perform(effect)

    def _perform(self, effect: Effect) -> None:
        match effect:
            case PlaceOrder():
                self._release(effect)
            case CancelOrder() | LookUpOrder() | SettleOrder() | AmendParent():
                self.send(self._ports.orders, effect)
            case AskMarket():
                self._ask_market()
            case SetTrigger():
                self._set_trigger(effect)
            case WakeAt():
                at = self._wake_asked_at
                self._wake_asked_at = effect.at if at is None else min(at, effect.at)
            case TryAgain():
                tried = TriedInVain(self._execution.version, effect.at)
                self._surroundings = replace(self._surroundings, tried_in_vain=tried)
            case _:
                assert_never(effect)

    def _release(self, order: PlaceOrder) -> None:
        now = self.clock.now()
        decision = release(self._execution, order, now, self._surroundings)
        if order not in decision.effects:
            self._apply(decision)
            return
        has_marks_alone = not self._unwritten or self._marks_due_at is not None
        self.send(self._ports.orders, order)
        rest = tuple(effect for effect in decision.effects if effect is not order)
        self._apply(Decision(decision.execution, decision.events, rest))
        if has_marks_alone:
            self._marks_due_at = now + _MARKS_WAIT

    def _ask_market(self) -> None:
        x, now, asked_at = self._execution, self.clock.now(), self._asked_market_at
        if asked_at is not None and now < asked_at + _ANSWER_PATIENCE:
            return
        self._asked_market_at = now
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
        self._surroundings = replace(self._surroundings, trigger=trigger)
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

    def _attend(self, *, begins: bool) -> None:
        """See to it that the state is looked at again when it wants to be.

        Where something `begins` that many may have been told to do at once, the clock wakes them to it one by one: see
        `SystemClock`.
        """
        now = self.clock.now()
        wake = next_wake(self._execution, now, self._surroundings)
        is_patience = wake is not None and wake <= now
        if is_patience and begins and not self._execution.open_children:
            is_patience = False
            wake = now if self._timer_at is None else min(now, self._timer_at)
        elif is_patience:
            if not self._execution.open_children:
                self._ask_market()
            # Where the answer does not come, or an open child does not close, look again.
            is_waiting = self._is_patience and self._timer_at is not None
            wake = self._timer_at if is_waiting else now + _PATIENCE
        for at in (self._wake_asked_at, self._marks_due_at):
            if at is not None:
                wake = at if wake is None else min(wake, at)
        self._is_patience = is_patience
        # What is at the venue does not wait for room.
        begins_work = not self._execution.open_children
        if wake != self._timer_at or begins_work is not self._timer_begins_work:
            self._set_timer(wake, begins_work=begins_work)

    def _on_wake(self) -> None:
        self._timer_at, now = None, self.clock.now()
        if self._wake_asked_at is not None and self._wake_asked_at <= now:
            self._wake_asked_at = None
        if self._marks_due_at is not None and self._marks_due_at <= now:
            self._write()

    def _set_timer(self, at: datetime | None, *, begins_work: bool) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at, self._timer_begins_work = at, begins_work
        self._timer = None if at is None else self.wake_at(at, Wake(), begins_work=begins_work)

    def _keep_promises(self) -> None:
        if not self._waiters or not self._is_durable:
            return
        x = self._execution
        for waiter in [w for w in self._waiters if w.is_kept(x)]:
            self._waiters.remove(waiter)
            done = CommandDone(
                execution_id=x.execution_id, state=x.state, was_already=waiter.was_already
            )
            self.send(waiter.command.reply_to, done)

    def _finish(self) -> None:
        x = self._execution
        self._is_over = True
        self.send(self._ports.market_data, UnwatchSymbol(x.execution_id, x.order.symbol))
        self.send(
            self._ports.supervisor,
            ExecutionFinished(execution_id=x.execution_id, at=self.clock.now()),
        )

    def _say_whether_ready(self) -> None:
        """Tell whether nothing would be lost with this actor: what is not durable, or promised."""
        x = self._execution
        is_ready = x.state.is_final and self._is_durable and not (self._waiters or self._is_down)
        now = self.clock.now()
        told = SlicerRetired(at=now, execution_id=x.execution_id, is_ready=is_ready)
        self.send(self._ports.supervisor, told)


_BEGIN_ANEW = (ResumeExecution, HaltChanged, VenueAvailability)
"""What all executions may be told at once, and what they were held back by."""

_MAY_GO_FIRST = (CancelOrder, LookUpOrder, AskMarket, SetTrigger, WakeAt, TryAgain)


_OUTCOMES = (ChildSent, ChildAccepted, ChildFilled, ChildClosed, TwapSliceExecuted)
"""What comes of a child without anything being in doubt. After a crash the venue tells it once more."""


def _is_of_the_queue(x: Execution, view: MarketView) -> bool:
    """Tell whether `view` was asked for while the execution was queued: its window began with its acceptance."""
    return x.started_at is not None and view.summary.start < min(x.started_at, view.at)


def _is_paused(x: Execution) -> bool:
    return x.state.is_final or (x.state is ExecutionState.PAUSED and not x.open_children)


def _has_happened(_x: Execution) -> bool:
    # Once that is durable, though a guard may have paused it again by now: the answer names the state.
    return True


def _is_cancelled(x: Execution) -> bool:
    return x.state.is_final


_PROMISES: dict[type[ExecutionCommand], Callable[[Execution], bool]] = {
    PauseExecution: _is_paused,
    ResumeExecution: _has_happened,
    CancelExecution: _is_cancelled,
    SettleChild: _has_happened,
    AmendExecution: _has_happened,
}
