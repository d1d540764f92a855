"""One execution as a state machine: what each message causes in each state. Every rule about what may follow what.

Late, repeated and crossing messages are normal input. What a market view causes is in `working`.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from genesis_actors.domain.decision import AskMarket, Decision, Refusal, Steps
from genesis_actors.domain.execution import Child, Execution, Slice
from genesis_actors.domain.outcomes import cancels, close_child, look_up, on_outcome, take_back
from genesis_actors.domain.volume_profile import VolumeProfile
from genesis_actors.domain.working import on_market_view
from genesis_actors.messages.events import (
    ChildSent,
    ChildUnknown,
    PlannedSlice,
    TwapFinishing,
    TwapPaused,
    TwapResumed,
)
from genesis_actors.messages.market_data import MarketView, PriceCrossed
from genesis_actors.messages.slicer import Wake
from genesis_actors.messages.supervisor import CancelExecution, PauseExecution, ResumeExecution
from genesis_actors.messages.venue import (
    OrderOutcome,
    PlaceOrder,
)
from genesis_actors.values import (
    ExecutionState,
    OrderStatus,
    Reason,
    ResumeMode,
    Style,
    exact,
)

DecidableMessage = (
    Wake
    | MarketView
    | PriceCrossed
    | OrderOutcome
    | PauseExecution
    | ResumeExecution
    | CancelExecution
)

_AT_ONCE = timedelta(0)


@exact
def decide(
    execution: Execution,
    message: DecidableMessage,
    now: datetime,
    profile: VolumeProfile | None = None,
) -> Decision:
    """Return the events that `message` causes and the effects they ask for.

    `profile` is what volumes are expected; None where nothing is known of them.
    """
    match message:
        case Wake():
            return _on_wake(execution, now)
        case MarketView():
            return on_market_view(execution, message, now, profile)
        case PriceCrossed():
            return _on_price_crossed(execution)
        case PauseExecution():
            return _on_pause(execution, message.reason, now)
        case ResumeExecution():
            return _on_resume(execution, message.mode, now)
        case CancelExecution():
            return _on_cancel(execution, now)
        case _:
            return on_outcome(execution, message, now)


def next_wake(execution: Execution) -> datetime | None:
    """Return when this execution wants to be looked at next; a time in the past means at once.

    It follows from the state alone, so that an execution which is rebuilt from its journal needs nothing else.
    """
    match execution.state:
        case ExecutionState.RUNNING:
            return min(_running_wakes(execution))
        case ExecutionState.FINISHING if not execution.open_children:
            return execution.created_at
        case _:
            return None


def _running_wakes(x: Execution) -> list[datetime]:
    wakes = [x.ends_at] if x.ends_at is not None else []
    if x.open_children:
        return wakes + [rests_until(x, child) for child in x.open_children if child.resting]
    # A slice that is delayed waits for `retry_at`, not for its due time, which has passed.
    unsent = [s for s in x.unsent_slices if x.retry_at is None or s.reason is None]
    if unsent:
        wakes.append(unsent[0].due_at)
    if x.retry_at is not None:
        wakes.append(x.retry_at)
    return wakes


def rests_until(x: Execution, child: Child) -> datetime:
    """Return when a resting child is taken back: after the retry interval, at the latest when a slice falls due.

    With the style `auto` also when the time to rest is over.
    """
    ends = [child.created_at + x.retry_interval, *(part.due_at for part in x.unsent_slices[:1])]
    part = x.slice(child.slice_number)
    if x.policy.style is Style.AUTO:
        ends.append(x.takes_at(part, part.sent_at or child.created_at))
    return min(ends)


def _on_wake(x: Execution, now: datetime) -> Decision:
    if not x.open_children:
        # Also before its time: a change of pace that had to wait asked for it, and a question costs little.
        is_alive = x.state in {ExecutionState.RUNNING, ExecutionState.FINISHING}
        return Decision(x, effects=(AskMarket(),)) if is_alive else _nothing(x)
    if x.state is ExecutionState.FINISHING or (
        x.state is ExecutionState.RUNNING and min(_running_wakes(x)) <= now
    ):
        return Decision(x, effects=cancels(x))
    return _nothing(x)


def _on_price_crossed(x: Execution) -> Decision:
    if x.state is not ExecutionState.RUNNING:
        return _nothing(x)
    # A resting child gives way, so that the price can be taken; the market is asked again when it has closed.
    resting = any(child.resting for child in x.open_children)
    return Decision(x, effects=cancels(x) if resting else (AskMarket(),))


def release(execution: Execution, order: PlaceOrder, now: datetime) -> Decision:
    """Decide about an order whose intent has become durable: it is sent now, or never.

    The world may have moved on while it waited. The effects of this decision need not wait for its events: the
    intent is on disk, and an id that is on disk is asked about after a crash, never used again.
    """
    child = execution.children[order.client_order_id]
    if child.status is not OrderStatus.PENDING:
        return _nothing(execution)
    steps = Steps(execution, now)
    is_fresh = now - child.quoted_at <= execution.policy.max_quote_age
    # A late fill of an earlier child has used up budget, and perhaps what this one was to do.
    is_within_budget = execution.filled_quantity == child.filled_before
    if execution.state is ExecutionState.RUNNING and is_fresh and is_within_budget:
        steps.add(
            ChildSent(
                execution_id=execution.execution_id, at=now, client_order_id=child.client_order_id
            )
        )
        steps.ask(order)
    else:
        close_child(
            steps, child, OrderStatus.NEVER_ACCEPTED, Reason.STALE_AT_RELEASE, wait=_AT_ONCE
        )
    return steps.decision()


def recovered(execution: Execution, now: datetime) -> Decision:
    """Return what follows from a restart: every child without an outcome is UNKNOWN until the venue has told.

    Where nothing may be working any more, it is taken back once more: the first `CancelOrder` may have been lost. That
    goes for a child that was never marked as sent, too, for its mark may have been lost.
    """
    steps = Steps(execution, now)
    steps.ask(*(look_up(execution, child) for child in execution.open_children))
    if execution.state is not ExecutionState.RUNNING:
        steps.ask(*take_back(execution))
    for child in execution.open_children:
        if child.status is not OrderStatus.UNKNOWN:
            steps.add(
                ChildUnknown(
                    execution_id=execution.execution_id,
                    at=now,
                    client_order_id=child.client_order_id,
                    detail="restarted before its outcome was known",
                )
            )
    return steps.decision()


def _on_pause(x: Execution, reason: Reason, now: datetime) -> Decision:
    match x.state:
        case ExecutionState.RUNNING:
            steps = Steps(x, now)
            steps.add(TwapPaused(execution_id=x.execution_id, at=now, reason=reason))
            steps.ask(*cancels(x))
            return steps.decision()
        case ExecutionState.PAUSED:
            return Decision(x, was_already=True)
        case _:
            return _refused(x, "paused")


def _on_resume(x: Execution, mode: ResumeMode, now: datetime) -> Decision:
    match x.state:
        case ExecutionState.PAUSED:
            steps = Steps(x, now)
            steps.add(_resumption(x, mode, now))
            steps.ask(AskMarket())
            return steps.decision()
        case ExecutionState.RUNNING:
            return Decision(x, was_already=True)
        case _:
            return _refused(x, "resumed")


def _resumption(x: Execution, mode: ResumeMode, now: datetime) -> TwapResumed:
    paused_at, ends_at = x.paused_at or now, x.ends_at or now
    shift = now - paused_at if mode is ResumeMode.SHIFT else _AT_ONCE
    return TwapResumed(
        execution_id=x.execution_id,
        at=now,
        mode=mode,
        ends_at=ends_at + shift,
        slices=tuple(_planned(part, part.due_at + shift) for part in x.unsent_slices),
    )


def _planned(part: Slice, due_at: datetime) -> PlannedSlice:
    return PlannedSlice(number=part.number, due_at=due_at, quantity=part.planned_quantity)


def _on_cancel(x: Execution, now: datetime) -> Decision:
    match x.state:
        case ExecutionState.RUNNING | ExecutionState.PAUSED | ExecutionState.QUEUED:
            steps = Steps(x, now)
            steps.add(
                TwapFinishing(
                    execution_id=x.execution_id,
                    at=now,
                    state=ExecutionState.CANCELLED,
                    reason=Reason.USER,
                )
            )
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
