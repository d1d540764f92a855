"""What is done to a child order, whatever the cause: it is asked about, taken back, given up as unknown, closed."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from genesis_actors.domain.decision import AskMarket, SetTrigger, Steps
from genesis_actors.domain.ending import complete_if_filled
from genesis_actors.domain.execution import Child, Execution
from genesis_actors.domain.waking import waits_for_time_alone
from genesis_actors.messages.events import ChildClosed, ChildUnknown, TwapSliceExecuted
from genesis_actors.messages.venue import CancelOrder, LookUpOrder, OrderRefused
from genesis_actors.values import ZERO, OrderStatus, Reason, SliceStatus

AT_ONCE = timedelta(0)


def look_up(x: Execution, child: Child) -> LookUpOrder:
    return LookUpOrder(
        execution_id=x.execution_id,
        client_order_id=child.client_order_id,
        symbol=x.order.symbol,
    )


def cancels(x: Execution) -> tuple[CancelOrder, ...]:
    """Take back what is at the venue. A child that is not sent yet is stopped at its release instead."""
    pending = {c.client_order_id for c in x.open_children if c.status is OrderStatus.PENDING}
    return tuple(cancel for cancel in take_back(x) if cancel.client_order_id not in pending)


def take_back(x: Execution) -> tuple[CancelOrder, ...]:
    return tuple(cancel_of(x, child) for child in x.open_children)


def cancel_of(x: Execution, child: Child) -> CancelOrder:
    return CancelOrder(
        execution_id=x.execution_id,
        client_order_id=child.client_order_id,
        symbol=x.order.symbol,
    )


def mark_unknown(
    steps: Steps, child: Child, detail: str, *, told_quantity: Decimal | None = None
) -> None:
    """Reserve what a child may still trade until the venue has told the truth, and ask for that."""
    x = steps.execution
    steps.add(
        ChildUnknown(
            execution_id=x.execution_id,
            at=steps.now,
            client_order_id=child.client_order_id,
            detail=detail,
            filled_quantity=told_quantity,
        )
    )
    steps.ask(look_up(x, child))


def close_child(
    steps: Steps,
    child: Child,
    status: OrderStatus,
    reason: Reason | None,
    *,
    detail: str | None = None,
    wait: timedelta | None = None,
    refusal: OrderRefused | None = None,
    available: Decimal | None = None,
    is_unsent: bool = False,
    trigger: SetTrigger | None = None,
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
            limit=None if refusal is None else refusal.limit,
            actual=None if refusal is None else refusal.actual,
            available_quantity=available,
            is_unsent=is_unsent,
        )
    )
    after_child(steps, child, trigger)


def after_child(steps: Steps, child: Child, trigger: SetTrigger | None = None) -> None:
    """End the slice if it has what it wanted, and the execution if that was all; look at the market if that may matter.

    After a late fill another child may be open: the slice then ends with that one. `trigger` is the one that is set and
    has not fired, as far as is known.
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
    if not steps.execution.open_children and not waits_for_time_alone(steps.execution, trigger):
        steps.ask(AskMarket())
