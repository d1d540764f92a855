"""How an execution ends: filled, at its deadline, or cancelled - and never while anything is working or unknown."""

from __future__ import annotations

from decimal import Decimal

from genesis_actors.domain.decision import AskMarket, Steps
from genesis_actors.domain.execution import Execution
from genesis_actors.domain.participation import minimum_quantity
from genesis_actors.messages.events import (
    PlannedSlice,
    TwapCompleted,
    TwapEnded,
    TwapFinishing,
    TwapRescheduled,
)
from genesis_actors.messages.market_data import MarketView
from genesis_actors.values import ZERO, ExecutionState, OnDeadline, Reason, floor_to_step


def complete_if_filled(steps: Steps) -> None:
    """Stop working once everything is filled, also where that happens during a pause or a cancel."""
    x = steps.execution
    is_filled = x.filled_quantity >= x.quantity
    if is_filled and not x.state.is_final and x.finishing_as is not ExecutionState.COMPLETED:
        _stop_working(steps, ExecutionState.COMPLETED, None)


def stop_incomplete(steps: Steps, state: ExecutionState, reason: Reason) -> None:
    _stop_working(steps, state, reason)


def _stop_working(steps: Steps, state: ExecutionState, reason: Reason | None) -> None:
    steps.add(
        TwapFinishing(
            execution_id=steps.execution.execution_id, at=steps.now, state=state, reason=reason
        )
    )


def finish(steps: Steps, view: MarketView) -> None:
    """End an execution that is FINISHING and has nothing open; `view` gives its benchmark window's last numbers."""
    x = steps.execution
    if x.finishing_as is ExecutionState.COMPLETED:
        steps.add(
            TwapCompleted(
                execution_id=x.execution_id,
                at=steps.now,
                market=view.summary,
                early=x.accelerated and x.ends_at is not None and steps.now < x.ends_at,
            )
        )
    else:
        steps.add(
            TwapEnded(
                execution_id=x.execution_id,
                at=steps.now,
                state=x.finishing_as or ExecutionState.INCOMPLETE,
                reason=x.reason,
                market=view.summary,
            )
        )


def apply_deadline(steps: Steps, view: MarketView) -> bool:
    """Apply the deadline rule at the end of the window. Return whether there is still a slice to work."""
    x = steps.execution
    remaining = x.remaining_quantity
    price = view.quote.touch(x.order.side) if view.quote is not None else x.arrival_price
    is_tradable = price is not None and remaining >= minimum_quantity(x.rules, price)
    if x.deadline_applied or x.policy.on_deadline is OnDeadline.LEAVE or not is_tradable:
        reason = Reason.DEADLINE if is_tradable else Reason.REMAINDER_UNTRADABLE
        stop_incomplete(steps, ExecutionState.INCOMPLETE, reason)
        return False
    if x.policy.on_deadline is OnDeadline.SWEEP:
        slices = (PlannedSlice(number=_next_number(x), due_at=steps.now, quantity=remaining),)
        ends_at = x.ends_at or steps.now
    else:
        least = minimum_quantity(x.rules, price or ZERO)
        slices = _extension(x, remaining, least)
        ends_at = (x.ends_at or steps.now) + x.order.duration / 2
    steps.add(
        TwapRescheduled(
            execution_id=x.execution_id,
            at=steps.now,
            reason=Reason.DEADLINE,
            ends_at=ends_at,
            slices=slices,
        )
    )
    steps.ask(AskMarket())
    return True


def _next_number(x: Execution) -> int:
    return len(x.slices) - len(x.unsent_slices) + 1


def _extension(x: Execution, remaining: Decimal, least: Decimal) -> tuple[PlannedSlice, ...]:
    """Spread what remains over half the window again, at the old pace, in slices that can be traded."""
    extra = x.order.duration / 2
    start = x.ends_at or x.created_at
    wanted = max(int(extra / x.slice_interval), 1)
    count = max(min(wanted, int(remaining / least) if least else wanted), 1)
    due = extra / count
    totals = [
        floor_to_step(remaining * number / count, x.rules.lot) for number in range(1, count + 1)
    ]
    return tuple(
        PlannedSlice(
            number=_next_number(x) + number,
            due_at=start + due * number + due / 2,
            quantity=total - before,
        )
        for number, (total, before) in enumerate(zip(totals, [ZERO, *totals[:-1]], strict=True))
    )
