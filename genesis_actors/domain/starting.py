"""How an execution begins: with a schedule from now on, at once or after it has waited for its turn."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from genesis_actors.domain.cutting import ScheduleError, TimeSlice, largest_tradable
from genesis_actors.domain.decision import AskMarket, Decision, Steps
from genesis_actors.domain.ending import stop_incomplete
from genesis_actors.domain.execution import Execution
from genesis_actors.domain.iceberg import plan_clips
from genesis_actors.domain.policy import TwapDefaults
from genesis_actors.domain.schedule import calculate_time_slices
from genesis_actors.domain.surroundings import Surroundings
from genesis_actors.domain.sweep import plan_sweep
from genesis_actors.domain.volume_profile import VolumeProfile
from genesis_actors.messages.events import PlannedSlice, TwapStarted
from genesis_actors.values import (
    Algo,
    ExecutionId,
    ExecutionState,
    MarketRules,
    ParentOrder,
    Policy,
    Quote,
    Reason,
)

SHORTEST_VOLUME_WINDOW = timedelta(seconds=60)


def plan_schedule(
    order: ParentOrder,
    rules: MarketRules,
    policy: Policy,
    quantity: Decimal,
    *,
    price: Decimal | None,
    profile: VolumeProfile | None,
    bounds: TwapDefaults,
    now: datetime,
) -> tuple[TimeSlice, ...]:
    """Return the slices of `quantity` (base) from `now` on, as the order's algorithm has them. Raises ScheduleError."""
    window = window_of(order, policy)
    if order.algo is Algo.ICEBERG:
        return plan_clips(rules, policy, quantity, price=price, window=window, now=now)
    if order.algo is Algo.MARKET:
        return plan_sweep(rules, quantity, price=price, now=now)
    return calculate_time_slices(
        Decimal(window // timedelta(microseconds=1)) / 60_000_000,
        profile,
        quantity=quantity,
        start_at=now,
        slices=policy.slices,
        slice_interval=min(
            max(policy.slice_interval, bounds.min_slice_interval), bounds.max_slice_interval
        ),
        min_slice_interval=bounds.min_slice_interval,
        lot=rules.lot,
        min_notional=rules.min_notional,
        min_quantity=rules.min_quantity,
        max_quantity=largest_tradable(rules, price),
        price=price,
        volume_adaptivity=policy.volume_adaptivity,
        jitter=policy.jitter,
        seed=policy.seed,
        min_duration=bounds.min_duration,
        max_duration=bounds.max_duration,
    )


def likely_price(order: ParentOrder, quote: Quote | None) -> Decimal | None:
    """Return the price that we would trade at now: the far touch, or the limit where that is better."""
    touch = None if quote is None else quote.touch(order.side)
    if touch is None or order.limit_price is None:
        return order.limit_price if touch is None else touch
    return order.limit_price if order.side.is_worse(touch, order.limit_price) else touch


def window_of(order: ParentOrder, policy: Policy) -> timedelta:
    """Return how long an order may be worked at most: its window, or until when it may go on."""
    return policy.duration or order.duration or timedelta(0)


def participation_window(
    order: ParentOrder, policy: Policy, slices: Sequence[TimeSlice]
) -> timedelta:
    """Return w: the nominal slice interval, at least a minute; clips are always closer to each other than that."""
    if order.algo is not Algo.TWAP:
        return SHORTEST_VOLUME_WINDOW
    return max(window_of(order, policy) / len(slices), SHORTEST_VOLUME_WINDOW)


def started(
    execution_id: ExecutionId,
    order: ParentOrder,
    policy: Policy,
    slices: tuple[TimeSlice, ...],
    now: datetime,
) -> TwapStarted:
    """Return the event that begins a schedule."""
    window = participation_window(order, policy, slices)
    return TwapStarted(
        execution_id=execution_id,
        at=now,
        ends_at=now + window_of(order, policy),
        participation_window_microseconds=window // timedelta(microseconds=1),
        slices=tuple(
            PlannedSlice(number=part.number, due_at=part.due_at, quantity=part.quantity)
            for part in slices
        ),
    )


def leave_queue(x: Execution, now: datetime, surroundings: Surroundings) -> Decision:
    """Begin, where it still waits for that. What can no longer be cut into slices at today's price ends instead."""
    steps = Steps(x, now)
    if x.state is not ExecutionState.QUEUED:
        return steps.decision()
    try:
        slices = plan_schedule(
            x.order,
            x.rules,
            x.policy,
            x.quantity,
            price=likely_price(x.order, surroundings.quote) or x.arrival_price,
            profile=surroundings.profile,
            bounds=surroundings.bounds,
            now=now,
        )
    except ScheduleError as error:
        stop_incomplete(steps, ExecutionState.INCOMPLETE, error.reason)
    else:
        steps.add(started(x.execution_id, x.order, x.policy, slices, now))
    steps.ask(AskMarket())
    return steps.decision()


def expire_in_queue(x: Execution, now: datetime) -> Decision:
    """End an execution that has waited for its turn as long as it may."""
    steps = Steps(x, now)
    if x.queue_expires_at is not None and now >= x.queue_expires_at:
        stop_incomplete(steps, ExecutionState.INCOMPLETE, Reason.QUEUE_EXPIRED)
        steps.ask(AskMarket())
    return steps.decision()
