"""How an execution ends: filled, at its deadline, or cancelled - and never while anything is working or unknown."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import assert_never

from genesis_actors.domain.decision import Steps
from genesis_actors.domain.execution import Execution
from genesis_actors.domain.iceberg import further_clips
from genesis_actors.domain.participation import minimum_quantity
from genesis_actors.domain.sweep import why_unfilled
from genesis_actors.messages.events import (
    PlannedSlice,
    TwapCompleted,
    TwapEnded,
    TwapFinishing,
    TwapRescheduled,
)
from genesis_actors.messages.market_data import MarketView
from genesis_actors.values import (
    ONE,
    ZERO,
    Algo,
    ExecutionState,
    OnDeadline,
    Reason,
    floor_to_step,
)

_PRICE_DROP = Decimal("0.95")
"""Slices of an extension, too, stay tradable down to 5 % below the price they were planned at."""


def complete_if_filled(steps: Steps) -> None:
    """Stop working once everything is filled, also where that happens during a pause or a cancel."""
    x = steps.execution
    if x.filled_quantity >= x.quantity and x.finishing_as is not ExecutionState.COMPLETED:
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


def ends_at_deadline(steps: Steps, view: MarketView) -> bool:
    """End the execution at its deadline, unless its rule has it go on. Return whether it ended."""
    x = steps.execution
    is_tradable = x.remaining_quantity >= _least_quantity(x, view)
    if is_tradable and not x.deadline_applied and _may_go_on(x, steps.now):
        return False
    reason = Reason.DEADLINE if is_tradable else Reason.REMAINDER_UNTRADABLE
    if x.algo is Algo.MARKET:
        reason = why_unfilled(x)
    stop_incomplete(steps, ExecutionState.INCOMPLETE, reason)
    return True


def _may_go_on(x: Execution, now: datetime) -> bool:
    """Tell whether its rule has it go on: an extension that is over as well, after a downtime, is none."""
    match x.policy.on_deadline:
        case OnDeadline.LEAVE:
            return False
        case OnDeadline.SWEEP:
            return True
        case OnDeadline.EXTEND:
            return x.ends_at is None or now < x.ends_at + x.duration / 2
        case _ as never:
            assert_never(never)


def go_on_after_deadline(steps: Steps, view: MarketView) -> None:
    """Plan what is left once more: all of it at once, or spread over half the window."""
    x = steps.execution
    remaining, end = x.remaining_quantity, x.ends_at or steps.now
    if x.policy.on_deadline is OnDeadline.SWEEP:
        slices = (PlannedSlice(number=len(x.slices) + 1, due_at=end, quantity=remaining),)
    elif x.policy.clipping is not None:
        slices = _further(steps, view)
        end += x.duration / 2
    else:
        slices = _extension(x, end, remaining, _least_quantity(x, view, _PRICE_DROP))
        end += x.duration / 2
    steps.add(
        TwapRescheduled(
            execution_id=x.execution_id,
            at=steps.now,
            reason=Reason.DEADLINE,
            ends_at=end,
            slices=slices,
        )
    )


def on_nothing_planned(steps: Steps, view: MarketView) -> None:
    """Do what follows when all that was planned one after the other is over, and something is left.

    An iceberg shows more clips of it, or ends where it could not trade them; a market order was all there is.
    """
    x = steps.execution
    if x.algo is Algo.MARKET:
        stop_incomplete(steps, ExecutionState.INCOMPLETE, why_unfilled(x))
    elif x.remaining_quantity < _least_quantity(x, view):
        stop_incomplete(steps, ExecutionState.INCOMPLETE, Reason.REMAINDER_UNTRADABLE)
    else:
        steps.add(
            TwapRescheduled(
                execution_id=x.execution_id,
                at=steps.now,
                reason=Reason.REPLENISHED,
                ends_at=x.ends_at or steps.now,
                slices=_further(steps, view),
            )
        )


def _further(steps: Steps, view: MarketView) -> tuple[PlannedSlice, ...]:
    x = steps.execution
    price = view.quote.touch(x.order.side) if view.quote is not None else x.arrival_price
    clips = further_clips(x, x.remaining_quantity, price=price, now=steps.now)
    return tuple(
        PlannedSlice(number=number, due_at=clip.due_at, quantity=clip.quantity)
        for number, clip in enumerate(clips, start=len(x.slices) + 1)
    )


def _least_quantity(x: Execution, view: MarketView, share: Decimal = ONE) -> Decimal:
    """Return the least that can be traded at that share of the price now; where none is known, that is a lot."""
    price = view.quote.touch(x.order.side) if view.quote is not None else x.arrival_price
    return x.rules.lot if price is None else minimum_quantity(x.rules, price * share)


def _extension(
    x: Execution, start: datetime, remaining: Decimal, least: Decimal
) -> tuple[PlannedSlice, ...]:
    """Spread what remains over half the window again, at the old pace, in slices that can be traded."""
    extra = x.duration / 2
    count = max(min(int(extra / x.slice_interval), int(remaining / least)), 1)
    due = extra / count
    totals = [
        floor_to_step(remaining * number / count, x.rules.lot) for number in range(1, count + 1)
    ]
    return tuple(
        PlannedSlice(
            number=len(x.slices) + 1 + number,
            due_at=start + due * number + due / 2,
            quantity=total - before,
        )
        for number, (total, before) in enumerate(zip(totals, [ZERO, *totals[:-1]], strict=True))
    )
