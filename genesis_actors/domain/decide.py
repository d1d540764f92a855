"""One execution as a state machine: what each message causes in each state. Every rule about what may follow what.

Late, repeated and crossing messages are normal input. What a market view causes is in `working`.
"""

from __future__ import annotations

from datetime import datetime

from genesis_actors.domain.amending import amend, parent_as_it_is
from genesis_actors.domain.children import (
    AT_ONCE,
    cancels,
    close_child,
    look_up,
    mark_unknown,
    take_back,
)
from genesis_actors.domain.decision import AskMarket, Decision, Refusal, SetTrigger, Steps
from genesis_actors.domain.ending import stop_incomplete
from genesis_actors.domain.execution import Execution
from genesis_actors.domain.outcomes import on_outcomes
from genesis_actors.domain.pausing import lifts_itself, look_again, on_availability, pause, resume
from genesis_actors.domain.starting import expire_in_queue, leave_queue
from genesis_actors.domain.surroundings import Surroundings
from genesis_actors.domain.unknown import ask_again, on_settle, settlements
from genesis_actors.domain.waking import running_wakes, waits_for_time_alone
from genesis_actors.domain.working import on_market_view
from genesis_actors.messages.events import ChildSent, JournalEvent
from genesis_actors.messages.market_data import MarketView, PriceCrossed
from genesis_actors.messages.slicer import Wake
from genesis_actors.messages.supervisor import (
    AmendExecution,
    CancelExecution,
    LeaveQueue,
    PauseExecution,
    ResumeExecution,
    SettleChild,
)
from genesis_actors.messages.venue import OrderOutcome, OrderStory, PlaceOrder, VenueAvailability
from genesis_actors.values import (
    ExecutionState,
    OrderStatus,
    Reason,
    ResumeMode,
    exact,
)

DecidableMessage = (
    Wake
    | MarketView
    | PriceCrossed
    | OrderOutcome
    | OrderStory
    | PauseExecution
    | ResumeExecution
    | CancelExecution
    | SettleChild
    | AmendExecution
    | LeaveQueue
    | VenueAvailability
)


@exact
def decide(
    execution: Execution, message: DecidableMessage, now: datetime, surroundings: Surroundings
) -> Decision:
    """Return the events that `message` causes and the effects they ask for."""
    match message:
        case Wake():
            return _on_wake(execution, now, surroundings)
        case MarketView():
            return on_market_view(execution, message, now, surroundings)
        case PriceCrossed():
            return _on_price_crossed(execution)
        case PauseExecution():
            return _on_pause(execution, message.reason, now, surroundings)
        case ResumeExecution():
            return _on_resume(execution, message.mode, now, surroundings.trigger)
        case CancelExecution():
            return _on_cancel(execution, now)
        case SettleChild():
            return on_settle(execution, message, now)
        case AmendExecution():
            return amend(execution, message, now, surroundings)
        case LeaveQueue():
            return leave_queue(execution, now, surroundings)
        case VenueAvailability():
            return on_availability(execution, message, now, surroundings)
        case OrderStory():
            return on_outcomes(execution, message.outcomes, now, surroundings)
        case _:
            return on_outcomes(execution, (message,), now, surroundings)


def _on_wake(x: Execution, now: datetime, surroundings: Surroundings) -> Decision:
    if x.state is ExecutionState.QUEUED:
        return expire_in_queue(x, now)
    if not x.open_children:
        # Also before its time: a change of pace that had to wait asked for it, and a question costs little.
        is_alive = x.state in {ExecutionState.RUNNING, ExecutionState.FINISHING}
        return Decision(x, effects=(AskMarket(),)) if is_alive else _nothing(x)
    steps = Steps(x, now)
    if x.state is not ExecutionState.RUNNING or any(
        at <= now for at in running_wakes(x, surroundings)
    ):
        steps.ask(*cancels(x))
    ask_again(steps, surroundings.proof)
    return steps.decision()


def _on_price_crossed(x: Execution) -> Decision:
    if x.state is not ExecutionState.RUNNING:
        return _nothing(x)
    # A resting child gives way, so that the price can be taken; the market is asked again when it has closed.
    resting = any(child.resting for child in x.open_children)
    return Decision(x, effects=cancels(x) if resting else (AskMarket(),))


@exact
def release(
    execution: Execution, order: PlaceOrder, now: datetime, surroundings: Surroundings
) -> Decision:
    """Decide about an order whose intent has become durable: it is sent now, or never.

    The world may have moved on while it waited. The effects of this decision need not wait for its events: the
    intent is on disk, and an id that is on disk is asked about after a crash, never used again.
    """
    child = execution.children[order.client_order_id]
    if child.status is not OrderStatus.PENDING:
        return _nothing(execution)
    steps = Steps(execution, now)
    if surroundings.is_halted:
        close_child(steps, child, OrderStatus.NEVER_ACCEPTED, Reason.HALTED, is_unsent=True)
        return steps.decision()
    is_fresh = now - child.quoted_at <= execution.policy.max_quote_age
    # A late fill of an earlier child has used up budget, and perhaps what this one was to do.
    is_within_budget = execution.filled_quantity == child.filled_before
    # Its price, its rate and its quantity follow from what the order was then.
    is_as_ordered = execution.amendments == child.amendments_before
    if (
        execution.state is ExecutionState.RUNNING
        and is_fresh
        and is_within_budget
        and is_as_ordered
    ):
        steps.add(
            ChildSent(
                execution_id=execution.execution_id, at=now, client_order_id=child.client_order_id
            )
        )
        steps.ask(order)
    else:
        close_child(
            steps,
            child,
            OrderStatus.NEVER_ACCEPTED,
            Reason.STALE_AT_RELEASE,
            wait=AT_ONCE,
            is_unsent=True,
        )
    return steps.decision()


def begun(execution: Execution, first_events: tuple[JournalEvent, ...]) -> Decision:
    """Return what an execution begins with: its events, and a look at the market where that may matter yet."""
    waits = waits_for_time_alone(execution, None)
    return Decision(execution, first_events, () if waits else (AskMarket(),))


def recovered(execution: Execution, now: datetime, paused_by: Reason | None = None) -> Decision:
    """Return what follows from a restart: every child without an outcome is UNKNOWN until the venue has told.

    `paused_by` is why nothing more may be sent, where it may not.

    Where nothing may be working any more, it is taken back once more: the first `CancelOrder` may have been lost. That
    goes for a child that was never marked as sent, too, for its mark may have been lost.
    """
    # Risk and gate outlive a slicer, and may not have heard.
    steps = Steps(execution, now)
    steps.ask(*settlements(execution))
    if execution.state.is_final:
        return steps.decision()
    if execution.amendments:
        steps.ask(parent_as_it_is(execution))
    if paused_by is Reason.JOURNAL_BEHIND and execution.state is ExecutionState.QUEUED:
        # It may have begun since, and be over: to begin it now would be to do all of it again.
        stop_incomplete(steps, ExecutionState.CANCELLED, paused_by)
        return steps.decision()
    for child in execution.open_children:
        if child.status is OrderStatus.UNKNOWN:
            steps.ask(look_up(execution, child))
        else:
            mark_unknown(steps, child, "restarted before its outcome was known")
    is_going_on = execution.state is ExecutionState.RUNNING
    # Whoever has paused it does not know that its journal is an old one.
    is_news = paused_by is Reason.JOURNAL_BEHIND and execution.state is ExecutionState.PAUSED
    if paused_by is not None and (is_going_on or is_news or lifts_itself(execution)):
        pause(steps, paused_by)
    elif not is_going_on:
        steps.ask(*take_back(execution))
    return steps.decision()


def _on_pause(x: Execution, reason: Reason, now: datetime, surroundings: Surroundings) -> Decision:
    match x.state:
        case ExecutionState.PAUSED if not lifts_itself(x):
            return Decision(x, was_already=True)
        case ExecutionState.RUNNING | ExecutionState.PAUSED:
            steps = Steps(x, now)
            pause(steps, reason, market=surroundings.market)
            return steps.decision()
        case _:
            return _refused(x, "paused")


def _on_resume(
    x: Execution, mode: ResumeMode, now: datetime, trigger: SetTrigger | None
) -> Decision:
    match x.state:
        case ExecutionState.PAUSED:
            steps = Steps(x, now)
            resume(steps, mode)
            if not waits_for_time_alone(steps.execution, trigger):
                steps.ask(look_again(steps.execution, now))
            return steps.decision()
        case ExecutionState.RUNNING:
            return Decision(x, was_already=True)
        case _:
            return _refused(x, "resumed")


def _on_cancel(x: Execution, now: datetime) -> Decision:
    match x.state:
        case ExecutionState.RUNNING | ExecutionState.PAUSED | ExecutionState.QUEUED:
            steps = Steps(x, now)
            stop_incomplete(steps, ExecutionState.CANCELLED, Reason.USER)
            steps.ask(*cancels(x))
            return steps.decision()
        case ExecutionState.CANCELLED:
            return Decision(x, was_already=True)
        case ExecutionState.FINISHING if x.finishing_as is ExecutionState.CANCELLED:
            return Decision(x, was_already=True)
        case _:
            return _refused(x, "cancelled")


def _refused(x: Execution, done: str) -> Decision:
    return Decision(
        x,
        refusal=Refusal(
            Reason.WRONG_STATE,
            f"execution {x.execution_id} is {x.state} and cannot be {done}",
        ),
    )


def _nothing(x: Execution) -> Decision:
    return Decision(x)
