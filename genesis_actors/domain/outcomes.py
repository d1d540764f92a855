"""What comes back of a child order, and what follows from it - also late, repeated, crossing or for a closed one."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import assert_never

from genesis_actors.domain.decision import AskMarket, Decision, Steps
from genesis_actors.domain.ending import complete_if_filled
from genesis_actors.domain.execution import Child, Execution
from genesis_actors.messages.events import (
    ChildAccepted,
    ChildClosed,
    ChildFilled,
    ChildUnknown,
    TwapPaused,
    TwapSliceExecuted,
)
from genesis_actors.messages.venue import (
    CancelOrder,
    LookUpOrder,
    OrderAccepted,
    OrderClosed,
    OrderFilled,
    OrderNotFound,
    OrderOutcome,
    OrderOutcomeUnknown,
    OrderRefused,
)
from genesis_actors.values import (
    ZERO,
    ExecutionState,
    OrderStatus,
    Reason,
    SliceStatus,
)

MAX_VENUE_REJECTS = 3
"""So many rejects in a row pause the execution: asking again and again will not change the venue's mind."""

_AT_ONCE = timedelta(0)


def on_outcome(x: Execution, message: OrderOutcome, now: datetime) -> Decision:
    child = x.children.get(message.client_order_id)
    if child is None:
        return Decision(x)
    steps = Steps(x, now)
    match message:
        case OrderFilled():
            _on_filled(steps, child, message)
        case OrderAccepted():
            is_news = child.status in {OrderStatus.PENDING, OrderStatus.UNKNOWN}
            if child.venue_order_id is None or is_news:
                steps.add(
                    ChildAccepted(
                        execution_id=x.execution_id,
                        at=now,
                        client_order_id=child.client_order_id,
                        venue_order_id=message.venue_order_id,
                    )
                )
        case OrderClosed():
            _on_closed(steps, child, message)
        case OrderRefused():
            _on_refused(steps, child, message)
        case OrderOutcomeUnknown():
            _on_unknown(steps, child, message)
        case OrderNotFound():
            if child.status.is_open and message.is_proof:
                close_child(steps, child, OrderStatus.NEVER_ACCEPTED, None, wait=_AT_ONCE)
        case _:
            assert_never(message)
    return steps.decision()


def _on_filled(steps: Steps, child: Child, message: OrderFilled) -> None:
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
    if not steps.execution.children[child.client_order_id].status.is_open:
        _after_child(steps, child)


def _on_closed(steps: Steps, child: Child, message: OrderClosed) -> None:
    if not child.status.is_open:
        return
    if message.status is OrderStatus.FILLED:
        # Its fills have not all reached us: until they do, the rest stays reserved.
        steps.ask(look_up(steps.execution, child))
        return
    reason = message.reason
    if message.status is OrderStatus.EXPIRED and reason is None:
        reason = Reason.THIN_BOOK
    wait = _AT_ONCE if child.resting and message.status is OrderStatus.CANCELLED else None
    close_child(steps, child, message.status, reason, detail=message.detail, wait=wait)
    rejects = steps.execution.rejects
    if rejects >= MAX_VENUE_REJECTS and steps.execution.state is ExecutionState.RUNNING:
        _pause(steps, Reason.VENUE_REJECTED, message.detail)


def _on_refused(steps: Steps, child: Child, message: OrderRefused) -> None:
    if not child.status.is_open:
        return
    rules = steps.execution.rules
    available = message.available_quantity
    worth_trying = available is not None and available >= rules.lot
    close_child(
        steps,
        child,
        OrderStatus.REFUSED,
        message.reason,
        wait=_AT_ONCE if worth_trying else None,
        available=available if worth_trying else None,
    )
    if message.reason is Reason.INSUFFICIENT_BALANCE and (
        steps.execution.state is ExecutionState.RUNNING
    ):
        _pause(steps, message.reason, None)


def _on_unknown(steps: Steps, child: Child, message: OrderOutcomeUnknown) -> None:
    if not child.status.is_open or child.status is OrderStatus.UNKNOWN:
        return
    steps.add(
        ChildUnknown(
            execution_id=steps.execution.execution_id,
            at=steps.now,
            client_order_id=child.client_order_id,
            detail=message.detail,
        )
    )
    steps.ask(look_up(steps.execution, child))


def look_up(x: Execution, child: Child) -> LookUpOrder:
    return LookUpOrder(
        execution_id=x.execution_id,
        client_order_id=child.client_order_id,
        symbol=x.order.symbol,
    )


def _pause(steps: Steps, reason: Reason, detail: str | None) -> None:
    steps.add(
        TwapPaused(
            execution_id=steps.execution.execution_id, at=steps.now, reason=reason, detail=detail
        )
    )


def close_child(
    steps: Steps,
    child: Child,
    status: OrderStatus,
    reason: Reason | None,
    *,
    detail: str | None = None,
    wait: timedelta | None = None,
    available: Decimal | None = None,
) -> None:
    x = steps.execution
    steps.add(
        ChildClosed(
            execution_id=x.execution_id,
            at=steps.now,
            client_order_id=child.client_order_id,
            status=status,
            reason=reason,
            retry_at=steps.now + (x.retry_interval if wait is None else wait),
            detail=detail,
            available_quantity=available,
        )
    )
    _after_child(steps, child)


def _after_child(steps: Steps, child: Child) -> None:
    """End the slice if it has what it wanted, and the execution if that was all; look at the market either way.

    After a late fill another child may be open: the slice then ends with that one.
    """
    x = steps.execution
    if x.state.is_final:
        return
    part = x.slice(child.slice_number)
    wanted = part.target_quantity or ZERO
    is_done = part.status is SliceStatus.WORKING and part.filled_quantity >= wanted
    if is_done and not x.open_children and not (x.accelerated and x.remaining_quantity):
        steps.add(
            TwapSliceExecuted(
                execution_id=x.execution_id,
                at=steps.now,
                slice_number=part.number,
                status=SliceStatus.FILLED,
                filled_quantity=part.filled_quantity,
            )
        )
    complete_if_filled(steps)
    if not steps.execution.open_children:
        steps.ask(AskMarket())


def cancels(x: Execution) -> tuple[CancelOrder, ...]:
    """Take back what is at the venue. A child that is not sent yet is stopped at its release instead."""
    pending = {c.client_order_id for c in x.open_children if c.status is OrderStatus.PENDING}
    return tuple(cancel for cancel in take_back(x) if cancel.client_order_id not in pending)


def take_back(x: Execution) -> tuple[CancelOrder, ...]:
    return tuple(
        CancelOrder(
            execution_id=x.execution_id,
            client_order_id=child.client_order_id,
            symbol=x.order.symbol,
        )
        for child in x.open_children
    )
