"""What comes back of a child order, and what follows from it - also late, repeated, crossing or for a closed one."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import assert_never

from genesis_actors.domain.children import (
    AT_ONCE,
    after_child,
    cancel_of,
    cancels,
    close_child,
    look_up,
    mark_unknown,
)
from genesis_actors.domain.client_ids import meaning_of
from genesis_actors.domain.decision import Decision, SetTrigger, Steps
from genesis_actors.domain.ending import stop_incomplete
from genesis_actors.domain.execution import Child, Execution
from genesis_actors.domain.pausing import lift_pause, pause
from genesis_actors.domain.surroundings import Surroundings
from genesis_actors.domain.unknown import on_not_found, was_thought_gone
from genesis_actors.messages.events import ChildAccepted, ChildAdopted, ChildFilled
from genesis_actors.messages.venue import (
    OrderAccepted,
    OrderClosed,
    OrderFilled,
    OrderNotFound,
    OrderOutcome,
    OrderOutcomeUnknown,
    OrderRefused,
)
from genesis_actors.values import ZERO, Algo, ExecutionState, OrderStatus, Reason, decimal_text

MAX_VENUE_REJECTS = 3
"""So many rejects in a row pause the execution: asking again and again will not change the venue's mind."""


def _compared(message: OrderRefused) -> str | None:
    if message.limit is None or message.actual is None:
        return None
    actual, limit = decimal_text(round(message.actual, 8)), decimal_text(message.limit)
    return f"{actual} is above the limit of {limit}"


def on_outcomes(
    x: Execution, outcomes: tuple[OrderOutcome, ...], now: datetime, surroundings: Surroundings
) -> Decision:
    """Return what follows from what a venue has told in one breath, in order."""
    steps = Steps(x, now)
    for outcome in outcomes:
        child = steps.execution.children.get(outcome.client_order_id)
        if child is None and isinstance(outcome, OrderFilled | OrderAccepted):
            child = _adopt(steps, outcome)
        if child is not None:
            _on_outcome(steps, child, outcome, surroundings)
    return steps.decision()


def _adopt(steps: Steps, told: OrderFilled | OrderAccepted) -> Child | None:
    """Take over an order that this journal lacks, and send no other one until somebody has looked.

    One that has not begun has no plan which the order could be a part of: it ends.
    """
    x, name = steps.execution, told.client_order_id
    meant = meaning_of(name)
    if meant is None or not name.startswith(x.client_order_id_prefix):
        return None  # It is another one's.
    if told.quantity is None or told.price is None:
        return None
    if not x.slices:
        if not x.state.is_final and x.state is not ExecutionState.FINISHING:
            stop_incomplete(steps, ExecutionState.FAILED, Reason.JOURNAL_BEHIND)
        return None
    steps.add(
        ChildAdopted(
            execution_id=x.execution_id,
            at=steps.now,
            client_order_id=name,
            slice_number=meant[1],
            quantity=told.quantity,
            price=told.price,
        )
    )
    may_go_on = x.state in {ExecutionState.RUNNING, ExecutionState.PAUSED}
    if may_go_on and x.reason is not Reason.JOURNAL_BEHIND:
        pause(
            steps, Reason.JOURNAL_BEHIND, f"the venue has {name}, of which this journal has nothing"
        )
    child = steps.execution.children[name]
    # It is not wanted any more, whatever was.
    steps.ask(cancel_of(x, child), look_up(x, child))
    return child


def _on_outcome(
    steps: Steps, child: Child, message: OrderOutcome, surroundings: Surroundings
) -> None:
    match message:
        case OrderFilled():
            _on_filled(steps, child, message, surroundings.trigger)
        case OrderAccepted():
            _on_accepted(steps, child, message)
        case OrderClosed():
            _on_closed(steps, child, message, surroundings.trigger)
        case OrderRefused():
            _on_refused(steps, child, message)
        case OrderOutcomeUnknown():
            if child.status.is_open and child.status is not OrderStatus.UNKNOWN:
                mark_unknown(steps, child, message.detail)
        case OrderNotFound():
            on_not_found(steps, child, message, surroundings.proof)
        case _:
            assert_never(message)
    lift_pause(steps)


def _on_accepted(steps: Steps, child: Child, message: OrderAccepted) -> None:
    # That it had been accepted says nothing against the venue's word that it is closed by now.
    is_found = child.status is OrderStatus.UNKNOWN and child.told_quantity is None
    if child.venue_order_id is not None and not is_found:
        return
    if child.status is OrderStatus.UNKNOWN and not is_found:
        return
    x = steps.execution
    steps.add(
        ChildAccepted(
            execution_id=x.execution_id,
            at=steps.now,
            client_order_id=child.client_order_id,
            venue_order_id=message.venue_order_id,
        )
    )
    if is_found and x.state is not ExecutionState.RUNNING:
        steps.ask(*cancels(x))
    if was_thought_gone(child):
        steps.ask(cancel_of(x, child))


def _on_filled(
    steps: Steps, child: Child, message: OrderFilled, trigger: SetTrigger | None
) -> None:
    # In every state, because a fill may cross a cancel or come after the end; once, because venues repeat themselves.
    if any(fill.trade_id == message.trade_id for fill in child.fills):
        return
    steps.add(
        ChildFilled(
            execution_id=steps.execution.execution_id,
            at=steps.now,
            client_order_id=child.client_order_id,
            trade_id=message.trade_id,
            quantity=message.quantity,
            price=message.price,
            fee=message.fee,
            fee_currency=message.fee_currency,
            liquidity=message.liquidity,
            traded_at=message.traded_at,
        )
    )
    if steps.execution.remaining_quantity < ZERO:
        # It came after its order's close, and what it leaves is less than what another child may still do.
        steps.ask(*cancels(steps.execution))
    if was_thought_gone(child):
        steps.ask(cancel_of(steps.execution, child))
    child = steps.execution.children[child.client_order_id]
    if child.filled_quantity > child.quantity and steps.execution.state is ExecutionState.RUNNING:
        more = f"{child.client_order_id} has filled {child.filled_quantity} of {child.quantity}"
        pause(steps, Reason.OVERFILLED, more)
    if not child.status.is_open:
        after_child(steps, child, trigger)
    elif child.told_quantity is not None and child.filled_quantity >= child.told_quantity:
        # Nothing is missing any more: its close, told again, will be believed.
        steps.ask(look_up(steps.execution, child))


def _on_closed(
    steps: Steps, child: Child, message: OrderClosed, trigger: SetTrigger | None
) -> None:
    if not child.status.is_open:
        return
    told = _told_quantity(child, message)
    if told > child.filled_quantity:
        # Its fills have not all reached us: until they do, the rest stays reserved.
        if child.status is not OrderStatus.UNKNOWN or told != child.told_quantity:
            mark_unknown(steps, child, "closed before all its fills had come", told_quantity=told)
        return
    reason = message.reason
    if message.status is OrderStatus.EXPIRED and reason is None:
        reason = Reason.THIN_BOOK
    wait = AT_ONCE if child.resting and message.status is OrderStatus.CANCELLED else None
    close_child(
        steps, child, message.status, reason, detail=message.detail, wait=wait, trigger=trigger
    )
    rejects = steps.execution.rejects
    if rejects >= MAX_VENUE_REJECTS and steps.execution.state is ExecutionState.RUNNING:
        pause(steps, Reason.VENUE_REJECTED, message.detail)


def _told_quantity(child: Child, message: OrderClosed) -> Decimal:
    """Return the most that the venue has ever said was filled: an older close may come behind a newer one."""
    told = [message.filled_quantity or ZERO, child.told_quantity or ZERO]
    if message.status is OrderStatus.FILLED:
        told.append(child.quantity)
    return max(told)


def _on_refused(steps: Steps, child: Child, message: OrderRefused) -> None:
    # An order that the venue knows was not refused by us: that can only have been a second one of its name.
    if not child.status.is_open or child.is_known_at_venue:
        return
    rules = steps.execution.rules
    available = message.available_quantity
    worth_trying = available is not None and available >= rules.lot
    close_child(
        steps,
        child,
        OrderStatus.REFUSED,
        message.reason,
        wait=AT_ONCE if worth_trying else None,
        refusal=message,
        available=available if worth_trying else None,
        is_unsent=True,
    )
    is_in_vain = message.is_permanent or message.reason is Reason.INSUFFICIENT_BALANCE
    if not is_in_vain or steps.execution.state is not ExecutionState.RUNNING:
        return
    if steps.execution.algo is Algo.MARKET:
        # It was meant for now: nobody should resume it at another day's price.
        stop_incomplete(steps, ExecutionState.INCOMPLETE, message.reason)
    else:
        pause(steps, message.reason, _compared(message))
