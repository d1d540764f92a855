"""What an execution does when it looks at the market: which slice it works, how much of it, and at what price.

Called only with a fresh `MarketView`. While a child is open nothing new is decided.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from genesis_actors.domain.attempt import Attempt, end_slice
from genesis_actors.domain.decision import Decision, SetTrigger, Steps, WakeAt
from genesis_actors.domain.early_completion import check_early_completion, early_completion_price
from genesis_actors.domain.ending import (
    ends_at_deadline,
    finish,
    go_on_after_deadline,
    on_nothing_planned,
    stop_incomplete,
)
from genesis_actors.domain.execution import Execution, Slice, status_of
from genesis_actors.domain.iceberg import clip_to_measure
from genesis_actors.domain.pausing import pause
from genesis_actors.domain.schedule import replan_due_times
from genesis_actors.domain.surroundings import Surroundings
from genesis_actors.domain.sweep import is_swept
from genesis_actors.domain.volume_profile import VolumeProfile
from genesis_actors.domain.waking import tries_again_at
from genesis_actors.messages.events import (
    ArrivalObserved,
    ClipMeasured,
    PlannedSlice,
    TwapAccelerated,
    TwapRescheduled,
    TwapSlowed,
)
from genesis_actors.messages.market_data import MarketView
from genesis_actors.values import (
    BPS,
    Algo,
    ExecutionState,
    OnSlippage,
    Reason,
    SliceStatus,
)

PACE_CHANGE_INTERVAL = timedelta(seconds=1)
"""The schedule is brought forward, or put back, at most once in this time."""

_REPLAN_FACTOR = Decimal(2)
_LEAST_RATIO, _MOST_RATIO = Decimal("0.25"), Decimal(4)


def on_market_view(
    execution: Execution, view: MarketView, now: datetime, surroundings: Surroundings
) -> Decision:
    """Return what the market as it is now lets this execution do."""
    steps, view = Steps(execution, now), _as_of(now, view)
    if execution.arrival_price is None and view.quote is not None and not execution.state.is_final:
        steps.add(
            ArrivalObserved(
                execution_id=execution.execution_id, at=now, arrival_price=view.quote.mid
            )
        )
    if execution.open_children:
        return steps.decision()
    if execution.state is ExecutionState.RUNNING:
        _measure(steps, view)
        _work(steps, view, surroundings)
    if steps.execution.state is ExecutionState.FINISHING and not steps.execution.open_children:
        _measure(steps, view)
        finish(steps, view)
    return steps.decision()


def _as_of(now: datetime, view: MarketView) -> MarketView:
    """Return `view` with the age that its quote has by now: an answer may have waited for its turn."""
    if view.quote_age is None or view.at >= now:
        return view
    return replace(view, quote_age=view.quote_age + (now - view.at))


def _measure(steps: Steps, view: MarketView) -> None:
    """Note where the mid is after a clip and its pause, or at the end."""
    x = steps.execution
    clip, following = clip_to_measure(x), x.unsent_slices[:1]
    is_time = x.state is ExecutionState.FINISHING or any(c.due_at <= steps.now for c in following)
    if clip is None or not is_time or view.quote is None or not _is_fresh(x, view):
        return
    steps.add(
        ClipMeasured(
            execution_id=x.execution_id,
            at=steps.now,
            slice_number=clip.number,
            price_before=clip.market_price,
            price_after=view.quote.mid,
        )
    )


def _work(steps: Steps, view: MarketView, surroundings: Surroundings) -> None:
    if steps.execution.algo is Algo.MARKET and is_swept(steps.execution):
        _end_slices(steps)
        on_nothing_planned(steps, view)
        return
    is_over = _is_over(steps)
    if is_over:
        _end_slices(steps)
        if ends_at_deadline(steps, view):
            return
    if _guard(steps, view):
        return
    if is_over:
        go_on_after_deadline(steps, view)
    _set_pace(steps, view, surroundings.trigger)
    part = _slice_to_work(steps, surroundings)
    if part is not None:
        Attempt(steps, part, view, surroundings).make()
        _replan(steps, part, view, surroundings.profile)
    if steps.execution.open_children:
        return
    if _is_over(steps):
        # One try is all that a sweep has, or an extension that has passed while nobody looked.
        _end_slices(steps)
        ends_at_deadline(steps, view)
    elif _is_done_with_all(steps.execution):
        on_nothing_planned(steps, view)


def _is_done_with_all(x: Execution) -> bool:
    """Tell whether what goes one after the other has nothing more to come; a TWAP's window is its own."""
    return x.algo is not Algo.TWAP and x.working_slice is None and not x.unsent_slices


def _is_over(steps: Steps) -> bool:
    ends_at = steps.execution.ends_at
    return ends_at is not None and steps.now >= ends_at


def _guard(steps: Steps, view: MarketView) -> bool:
    """Stop where the touch has moved too far against us since arrival. Return whether it did."""
    x = steps.execution
    most = x.policy.max_slippage_bps
    if most is None or x.arrival_price is None or view.quote is None or not _is_fresh(x, view):
        return False
    touch = view.quote.touch(x.order.side)
    moved = x.order.side.sign * (touch - x.arrival_price) * BPS
    if moved <= most * x.arrival_price:
        return False
    if x.algo is Algo.MARKET:
        stop_incomplete(steps, ExecutionState.INCOMPLETE, Reason.MAX_SLIPPAGE)
    elif x.policy.on_slippage is OnSlippage.CANCEL:
        stop_incomplete(steps, ExecutionState.CANCELLED, Reason.MAX_SLIPPAGE)
    else:
        detail = f"touch {touch} is more than {most} bps worse than arrival {x.arrival_price}"
        pause(steps, Reason.MAX_SLIPPAGE, detail, view.summary)
    return True


def _is_fresh(x: Execution, view: MarketView) -> bool:
    """Tell whether the touch may be acted upon: an old one says nothing of the market now."""
    return view.quote_age is not None and view.quote_age <= x.policy.max_quote_age


def _set_pace(steps: Steps, view: MarketView, trigger: SetTrigger | None) -> None:
    """Speed up at a favourable price, slow down when it has gone, and ask to hear of the next change."""
    x = steps.execution
    threshold = x.policy.early_completion_threshold
    target = x.policy.target_price if x.policy.target_price is not None else x.arrival_price
    if not threshold or target is None or view.quote is None or not _is_fresh(x, view):
        return
    side, touch = x.order.side, view.quote.touch(x.order.side)
    level = early_completion_price(target, side, threshold)
    is_favourable = check_early_completion(touch, target, side, threshold)
    if is_favourable is not x.accelerated:
        changed_at = x.pace_changed_at
        if changed_at is not None and steps.now < changed_at + PACE_CHANGE_INTERVAL:
            steps.ask(WakeAt(changed_at + PACE_CHANGE_INTERVAL))
            return
        event = TwapAccelerated if is_favourable else TwapSlowed
        steps.add(
            event(execution_id=x.execution_id, at=steps.now, touch=touch, threshold_price=level)
        )
    wanted = SetTrigger(level=level, worse=is_favourable)
    if wanted != trigger:
        steps.ask(wanted)


def _slice_to_work(steps: Steps, surroundings: Surroundings) -> Slice | None:
    """Return the slice whose turn it is: the newest that is due, else the one at work, else one brought forward."""
    x = steps.execution
    retry_at = tries_again_at(x, surroundings)
    waits = retry_at is not None and steps.now < retry_at
    if x.algo is not Algo.TWAP:
        return None if waits else x.working_slice or _next_due(steps)
    due = [part for part in x.unsent_slices if part.due_at <= steps.now]
    if due:
        newest = due[-1]
        if waits and newest.reason is not None:
            return None
        # Overdue ones are merged, so that a stall is never followed by a burst: later ones catch up.
        _end_slices(steps, newest.number, Reason.OVERDUE_MERGED)
        return steps.execution.slice(newest.number)
    if waits:
        return None
    working = x.working_slice
    if working is not None:
        return working if retry_at is not None or x.accelerated else None
    unsent = x.unsent_slices
    return unsent[0] if x.accelerated and unsent else None


def _next_due(steps: Steps) -> Slice | None:
    following = steps.execution.unsent_slices[:1]
    return next((part for part in following if part.due_at <= steps.now), None)


def _end_slices(steps: Steps, up_to: int | None = None, reason: Reason = Reason.DEADLINE) -> None:
    """End the slice at work and every other that has not begun, or those before `up_to`."""
    x = steps.execution
    for part in map(x.slice, x.unfinished_numbers):
        if part.status is SliceStatus.WORKING or up_to is None or part.number < up_to:
            status = status_of(part)
            done = status is SliceStatus.FILLED
            end_slice(steps, part, status, None if done else part.reason or reason)


def _replan(steps: Steps, part: Slice, view: MarketView, profile: VolumeProfile | None) -> None:
    """Move the due times of the slices to come when volume has departed from what was expected."""
    x = steps.execution
    later = [s for s in x.unsent_slices if s.number > part.number]
    is_first_try = x.slice(part.number).attempts == x.lost_attempts + 1
    if profile is None or not later or not is_first_try or x.ends_at is None:
        return
    expected = profile.expected_volume(steps.now - x.window, steps.now)
    if not expected or not x.policy.volume_adaptivity:
        return
    ratio = min(max(view.window_volume / expected, _LEAST_RATIO), _MOST_RATIO)
    if x.volume_ratio / _REPLAN_FACTOR <= ratio <= x.volume_ratio * _REPLAN_FACTOR:
        return
    times = replan_due_times(
        len(later),
        now=steps.now,
        ends_at=x.ends_at,
        volume_profile=profile,
        volume_adaptivity=x.policy.volume_adaptivity,
        volume_ratio=ratio,
        min_slice_interval=x.policy.min_slice_interval,
    )
    steps.add(
        TwapRescheduled(
            execution_id=x.execution_id,
            at=steps.now,
            reason=Reason.VOLUME_DEPARTED,
            ends_at=x.ends_at,
            slices=tuple(
                PlannedSlice(number=s.number, due_at=due_at, quantity=s.planned_quantity)
                for s, due_at in zip(later, times, strict=True)
            ),
            volume_ratio=ratio,
        )
    )
