"""How each event changes an execution: the whole of recovery is this fold.

What may follow what is decided in `decide`; here events have already happened and are never refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import reduce
from typing import Final, assert_never

from genesis_actors.domain.execution import Child, Execution, Fill, Slice, restore, status_of
from genesis_actors.messages.events import (
    ArrivalObserved,
    ChildAccepted,
    ChildAdopted,
    ChildClosed,
    ChildFilled,
    ChildIntended,
    ChildNotFound,
    ChildSent,
    ChildSettled,
    ChildUnknown,
    ClipMeasured,
    JournalEvent,
    PlannedSlice,
    TwapAccelerated,
    TwapAccepted,
    TwapAmended,
    TwapCompleted,
    TwapEnded,
    TwapFinishing,
    TwapPaused,
    TwapQueued,
    TwapRescheduled,
    TwapResumed,
    TwapSliceDelayed,
    TwapSliceExecuted,
    TwapSliceStarted,
    TwapSlowed,
    TwapStarted,
)
from genesis_actors.values import (
    ZERO,
    ClientOrderId,
    ExecutionState,
    OrderStatus,
    Reason,
    SliceStatus,
    exact,
    plus,
)


@exact
def fold(execution: Execution | None, events: Iterable[JournalEvent]) -> Execution | None:
    """Apply a journal's events in order."""
    return reduce(evolve, events, execution)


def refold(snapshot: str | None, tail: Iterable[JournalEvent]) -> Execution | None:
    """Return what a journal has of an execution: `tail` folded onto `snapshot` (JSON; None: onto nothing)."""
    return fold(None if snapshot is None else restore(snapshot), tail)


LOST_ATTEMPTS: Final = 36**2
"""So many attempts at each slice a journal that is behind may have missed: their names are not used again."""


@exact
def evolve(execution: Execution | None, event: JournalEvent) -> Execution:
    """Apply one event. Pure and total over every journal that `decide` can write."""
    if execution is None:
        if not isinstance(event, TwapAccepted):
            raise ValueError(f"a journal begins with TwapAccepted, not with {type(event).__name__}")
        return _accepted(event)
    changed = _applied(execution, event)
    # In place, as nothing else is: every event makes it anew, nobody has it yet, and it is large to copy.
    vars(changed)["version"] = execution.version + 1
    return changed


def _accepted(event: TwapAccepted) -> Execution:
    return Execution(
        execution_id=event.execution_id,
        version=1,
        order=event.order,
        rules=event.rules,
        policy=event.policy,
        client_order_id_prefix=event.client_order_id_prefix,
        quantity=event.quantity,
        state=ExecutionState.QUEUED,
        created_at=event.at,
        arrival_price=event.arrival_price,
        arrival_at=event.arrival_at,
        market_source=event.market_source,
    )


def _applied(x: Execution, event: JournalEvent) -> Execution:  # noqa: C901, PLR0911, PLR0912 - one line a case
    match event:
        case TwapAccepted():
            raise ValueError("an execution is accepted once")
        case ArrivalObserved():
            return x.having(arrival_price=event.arrival_price, arrival_at=event.at)
        case TwapQueued():
            return x.having(reason=event.reason, queue_expires_at=event.expires_at)
        case TwapStarted():
            return _started(x, event)
        case TwapRescheduled():
            return _rescheduled(x, event)
        case TwapAmended():
            return _amended(x, event)
        case TwapSliceStarted():
            return _slice_started(x, event)
        case TwapSliceDelayed():
            part = x.slice(event.slice_number).having(reason=event.reason)
            return x.put(part, retry_at=event.retry_at, available_quantity=None)
        case TwapSliceExecuted():
            return _slice_executed(x, event)
        case ClipMeasured():
            return x.put(x.slice(event.slice_number).having(price_after=event.price_after))
        case ChildIntended():
            return _intended(x, event)
        case ChildSent():
            return _with_child(
                x,
                event.client_order_id,
                status=OrderStatus.SENT,
                sent_at=event.at,
                heard_at=event.at,
            )
        case ChildAccepted():
            return _at_venue(x, event)
        case ChildFilled():
            return _filled(x, event)
        case ChildClosed():
            return _closed(x, event)
        case ChildUnknown():
            return _with_child(
                x,
                event.client_order_id,
                status=OrderStatus.UNKNOWN,
                unknown_since=_since_when_unknown(x.children[event.client_order_id], event.at),
                told_quantity=event.filled_quantity,
                not_found_at=None,
            )
        case ChildNotFound():
            return _with_child(x, event.client_order_id, not_found_at=event.asked_at)
        case ChildSettled():
            return _settled(x, event)
        case ChildAdopted():
            return _adopted(x, event)
        case TwapAccelerated():
            return x.having(accelerated=True, pace_changed_at=event.at, retry_at=None)
        case TwapSlowed():
            return x.having(
                accelerated=False, pace_changed_at=event.at, retry_at=_when_to_work(x, event.at)
            )
        case TwapPaused():
            is_behind = event.reason is Reason.JOURNAL_BEHIND
            return x.having(
                state=ExecutionState.PAUSED,
                reason=event.reason,
                lost_attempts=x.lost_attempts + LOST_ATTEMPTS if is_behind else x.lost_attempts,
                # A pause upon a pause changes the reason, not how long it has lasted.
                paused_at=x.paused_at or event.at,
                market=event.market or x.market,
                accelerated=False,
            )
        case TwapResumed():
            return _resumed(x, event)
        case TwapFinishing():
            return x.having(
                state=ExecutionState.FINISHING,
                reason=event.reason,
                finishing_as=event.state,
                finishing_at=event.at,
            )
        case TwapCompleted():
            reason = Reason.FAVOURABLE_PRICE if event.early else Reason.AHEAD_OF_SCHEDULE
            return _with_all_done(x, event.at, reason).having(
                state=ExecutionState.COMPLETED,
                reason=None,
                finished_at=event.at,
                market=event.market,
                early_completion=event.early,
            )
        case TwapEnded():
            return _with_all_done(x, event.at, event.reason).having(
                state=event.state,
                reason=event.reason,
                finished_at=event.at,
                market=event.market,
            )
        case _ as never:
            assert_never(never)


def _started(x: Execution, event: TwapStarted) -> Execution:
    return x.having(
        state=ExecutionState.RUNNING,
        reason=None,
        started_at=event.at,
        ends_at=event.ends_at,
        window=timedelta(microseconds=event.participation_window_microseconds),
        slices_total=len(event.slices),
        slices=tuple(_planned(part) for part in event.slices),
    )


def _planned(part: PlannedSlice) -> Slice:
    return Slice(number=part.number, due_at=part.due_at, planned_quantity=part.quantity)


def _rescheduled(x: Execution, event: TwapRescheduled) -> Execution:
    if event.reason in {Reason.DEADLINE, Reason.REPLENISHED}:
        # What the slices so far have left is planned anew: the plan goes on adding up to the quantity.
        done = tuple(
            s.having(planned_quantity=s.filled_quantity) if s.status.is_done else s
            for s in x.slices
        )
        x = x.having(slices=done)
    return _with_unsent(x, event.slices).having(
        ends_at=event.ends_at,
        deadline_applied=x.deadline_applied or event.reason is Reason.DEADLINE,
        volume_ratio=x.volume_ratio if event.volume_ratio is None else event.volume_ratio,
    )


def _amended(x: Execution, event: TwapAmended) -> Execution:
    before, after = event.before, event.after
    if event.slices is not None:
        # As at the deadline: what the slices so far have left is planned anew.
        x = x.having(slices=tuple(_as_far_as_it_came(x, part) for part in x.slices))
        x = _with_unsent(x, event.slices).having(
            amended_plan_at=event.at,
            # A slice that had to wait is another one now.
            retry_at=x.retry_at if x.working_slice is not None else None,
            available_quantity=x.available_quantity if x.working_slice is not None else None,
        )
    if after.ends_at is not None and after.ends_at != before.ends_at:
        x = x.having(
            ends_at=after.ends_at,
            amended_duration=after.ends_at - (x.started_at or x.created_at),
            deadline_applied=False,  # It is another deadline.
        )
    return x.having(
        quantity=after.quantity,
        policy=replace(
            x.policy, limit_price=after.limit_price, max_participation=after.max_participation
        ),
        amendments=x.amendments + 1,
    )


def _as_far_as_it_came(x: Execution, part: Slice) -> Slice:
    reserved = sum(
        (c.reserved_quantity for c in x.open_children if c.slice_number == part.number), ZERO
    )
    came = part.filled_quantity + reserved
    if part.status is SliceStatus.WORKING:
        part = part.having(target_quantity=came)
    return part.having(planned_quantity=came)


def _resumed(x: Execution, event: TwapResumed) -> Execution:
    return _with_unsent(x, event.slices).having(
        state=ExecutionState.RUNNING,
        reason=None,
        paused_at=None,
        ends_at=event.ends_at,
        retry_at=_when_to_work(x, event.at),
        rejects=0,
    )


def _when_to_work(x: Execution, now: datetime) -> datetime | None:
    """Return when the slice at work goes on: not before it is due, where it had been brought forward."""
    part = x.working_slice
    return None if part is None else max(now, part.due_at)


def _with_unsent(x: Execution, parts: tuple[PlannedSlice, ...]) -> Execution:
    kept = tuple(s for s in x.slices if s.status is not SliceStatus.PLANNED)
    before = {s.number: s for s in x.unsent_slices}
    planned = tuple(_planned_anew(part, before.get(part.number)) for part in parts)
    return x.having(slices=kept + planned)


def _planned_anew(part: PlannedSlice, before: Slice | None) -> Slice:
    """Return the slice as it is planned now: the same one, and so the same row, where that changes nothing."""
    planned = _planned(part)
    if before is not None and before.due_at == part.due_at and before == planned:
        return before
    return planned


def _with_all_done(x: Execution, at: datetime, reason: Reason | None) -> Execution:
    """Close what the schedule still had open when the execution ended."""
    return x.having(
        slices=tuple(
            part
            if part.status.is_done
            else part.having(
                status=status_of(part),
                reason=part.reason or (None if status_of(part) is SliceStatus.FILLED else reason),
                done_at=at,
            )
            for part in x.slices
        ),
    )


def _slice_started(x: Execution, event: TwapSliceStarted) -> Execution:
    part = x.slice(event.slice_number).having(
        status=SliceStatus.WORKING,
        target_quantity=event.target_quantity,
        market_volume=event.market_volume,
        market_price=event.market_price,
        sent_at=event.at,
        reason=event.reason,
    )
    return x.put(part)


def _slice_executed(x: Execution, event: TwapSliceExecuted) -> Execution:
    part = x.slice(event.slice_number).having(
        status=event.status, reason=event.reason, done_at=event.at
    )
    x = x.put(part, retry_at=None, available_quantity=None)
    return x if x.policy.clipping is None else _after_pause(x, part, event.at)


def _after_pause(x: Execution, part: Slice, now: datetime) -> Execution:
    """Let the pause behind a clip begin when it is over: by as much as that is late, the others are due later."""
    late = now - part.due_at
    if late <= timedelta(0):
        return x
    return x.having(
        slices=tuple(
            other.having(due_at=other.due_at + late)
            if other.status is SliceStatus.PLANNED and other.number > part.number
            else other
            for other in x.slices
        )
    )


def _intended(x: Execution, event: ChildIntended) -> Execution:
    child = Child(
        client_order_id=event.client_order_id,
        slice_number=event.slice_number,
        attempt=event.attempt,
        quantity=event.quantity,
        price=event.price,
        mid=event.mid,
        touch=event.touch,
        resting=event.resting,
        created_at=event.at,
        quoted_at=event.quoted_at,
        filled_before=x.filled_quantity,
        amendments_before=x.amendments,
        cut_by=event.cut_by,
    )
    return x.put(
        x.slice(event.slice_number).having(attempts=event.attempt, reason=event.cut_by),
        child,
        retry_at=None,
        available_quantity=None,
        market=event.market,
    )


def _adopted(x: Execution, event: ChildAdopted) -> Execution:
    """Take over an order that was sent when this journal was elsewhere, and leave what was planned before it behind."""
    number = min(event.slice_number, len(x.slices))
    passed = (
        part
        if part.status.is_done or part.number > number
        else part.having(status=status_of(part), reason=Reason.JOURNAL_BEHIND, done_at=event.at)
        for part in x.slices
    )
    child = Child(
        client_order_id=event.client_order_id,
        slice_number=number,
        attempt=0,
        quantity=event.quantity,
        price=event.price,
        mid=event.price,
        touch=event.price,
        resting=False,
        created_at=event.at,
        quoted_at=event.at,
        filled_before=x.filled_quantity,
        amendments_before=x.amendments,
        status=OrderStatus.UNKNOWN,
        reason=Reason.JOURNAL_BEHIND,
        heard_at=event.at,
        unknown_since=event.at,
        is_adopted=True,
    )
    return x.having(slices=tuple(passed)).put(child=child, retry_at=None, available_quantity=None)


def _with_child(x: Execution, client_order_id: ClientOrderId, **changes: object) -> Execution:
    return x.put(child=x.children[client_order_id].having(**changes))


def _at_venue(x: Execution, event: ChildAccepted) -> Execution:
    """The venue has the order: that is also the truth about one whose answer, or whose sending, was forgotten."""
    child = x.children[event.client_order_id]
    status = child.status
    if status in {OrderStatus.PENDING, OrderStatus.UNKNOWN}:
        status = OrderStatus.PARTIAL if child.filled_quantity else OrderStatus.SENT
    return _with_child(
        x,
        event.client_order_id,
        status=status,
        venue_order_id=event.venue_order_id,
        heard_at=event.at,
    )


def _since_when_unknown(child: Child, now: datetime) -> datetime | None:
    return child.unknown_since if child.status is OrderStatus.UNKNOWN else now


def _filled(x: Execution, event: ChildFilled) -> Execution:
    child = x.children[event.client_order_id]
    # A real trade takes the place of what the operator had said in its stead.
    said = min(event.quantity, child.settled_quantity)
    quantity, notional = event.quantity, event.quantity * event.price
    if said:
        quantity -= said
        notional -= said * child.price
    fill = Fill(
        trade_id=event.trade_id,
        quantity=event.quantity,
        price=event.price,
        fee=event.fee,
        fee_currency=event.fee_currency,
        liquidity=event.liquidity,
        traded_at=event.traded_at,
    )
    filled = plus(child.filled_quantity, quantity)
    if child.is_adopted:
        child = child.having(quantity=max(child.quantity, filled))
    is_full = filled >= child.quantity
    fees = _add_fee(x, event)
    changed = child.having(
        filled_quantity=filled,
        filled_notional=plus(child.filled_notional, notional),
        fills=(*child.fills, fill),
        status=_status_after_fill(child, filled),
        heard_at=event.at,
        settled_quantity=child.settled_quantity - said if said else child.settled_quantity,
    )
    # All at once: an execution is large to copy, and this is its most frequent change.
    return x.put(
        _with_traded(x.slice(child.slice_number), quantity, notional),
        changed,
        filled_quantity=x.filled_quantity + quantity,
        filled_notional=x.filled_notional + notional,
        fees_quote=fees if fees is None or not said else fees - _settled_fee(x, child, said),
        retry_at=event.at + x.retry_interval if child.status.is_open and is_full else x.retry_at,
        rejects=0,
    )


def _settled(x: Execution, event: ChildSettled) -> Execution:
    """Count what the operator says, beyond the trades that we have heard of, as if it had traded at the limit."""
    child = x.children[event.client_order_id]
    said = event.filled_quantity - child.filled_quantity
    notional = said * child.price
    status = OrderStatus.CANCELLED if event.filled_quantity else OrderStatus.NEVER_ACCEPTED
    fees = x.fees_quote
    x = _with_child(
        x,
        event.client_order_id,
        status=OrderStatus.FILLED if event.filled_quantity >= child.quantity else status,
        reason=Reason.SETTLED,
        filled_quantity=event.filled_quantity,
        filled_notional=child.filled_notional + notional,
        settled_quantity=said,
        settled_at=event.at,
    )
    part = x.slice(child.slice_number).having(reason=Reason.SETTLED)
    return x.put(
        _with_traded(part, said, notional),
        filled_quantity=x.filled_quantity + said,
        filled_notional=x.filled_notional + notional,
        fees_quote=None if fees is None else fees + _settled_fee(x, child, said),
        retry_at=_not_before_due(x, child, event.retry_at),
        available_quantity=None,
    )


def _settled_fee(x: Execution, child: Child, said: Decimal) -> Decimal:
    return said * child.price * x.rules.taker_fee


def _with_traded(part: Slice, quantity: Decimal, notional: Decimal) -> Slice:
    part = part.having(
        filled_quantity=plus(part.filled_quantity, quantity),
        filled_notional=plus(part.filled_notional, notional),
    )
    if part.status.is_done:  # A late fill: what the slice is called follows its figures.
        status = status_of(part)
        part = part.having(
            status=status, reason=None if status is SliceStatus.FILLED else part.reason
        )
    return part


def _status_after_fill(child: Child, filled: Decimal) -> OrderStatus:
    if filled >= child.quantity and not child.is_adopted:
        return OrderStatus.FILLED
    # A late fill of a closed child changes its figures, never what it ended as; an unknown one stays unknown.
    if child.status in {OrderStatus.PENDING, OrderStatus.SENT}:
        return OrderStatus.PARTIAL
    return child.status


def _add_fee(x: Execution, event: ChildFilled) -> Decimal | None:
    """Return the fees so far in quote, None once a fee came in a currency that we cannot convert."""
    if x.fees_quote is None:
        return None
    if event.fee_currency == x.rules.quote or not event.fee:
        return x.fees_quote + event.fee
    if event.fee_currency == x.rules.base:
        return x.fees_quote + event.fee * event.price
    return None


def _closed(x: Execution, event: ChildClosed) -> Execution:
    child = x.children[event.client_order_id]
    x = _with_child(x, event.client_order_id, status=event.status, reason=event.reason)
    if event.is_unsent:
        x = _never_sent(x, child)
    if event.reason is not None:
        part = x.slice(child.slice_number)
        x = x.put(part.having(reason=event.reason))
    return x.having(
        retry_at=_not_before_due(x, child, event.retry_at),
        available_quantity=event.available_quantity,
        rejects=_rejects_in_a_row(x, child, event.status),
    )


def _never_sent(x: Execution, child: Child) -> Execution:
    """Take back that it was sent: it did not get past ourselves. The figures of its slice are those of another one."""
    x = _with_child(x, child.client_order_id, sent_at=None)
    others = (c for c in x.children.values() if c.slice_number == child.slice_number)
    # One without the mark may have been sent all the same, where the process died before the mark was written.
    if any(other.sent_at is not None or not other.status.is_unsent for other in others):
        return x
    part = x.slice(child.slice_number)
    return x.put(part.having(market_volume=None, market_price=None, sent_at=None))


def _not_before_due(x: Execution, child: Child, at: datetime | None) -> datetime | None:
    """Return when a slice may try again: one that was brought forward waits, once nothing is in a hurry any more."""
    due_at = x.slice(child.slice_number).due_at
    return at if at is None or x.accelerated else max(at, due_at)


def _rejects_in_a_row(x: Execution, child: Child, status: OrderStatus) -> int:
    if status is OrderStatus.REJECTED:
        # A post-only order is refused whenever the market has just moved: that says nothing against the order.
        return x.rejects if child.resting else x.rejects + 1
    is_from_venue = status in {OrderStatus.EXPIRED, OrderStatus.CANCELLED, OrderStatus.FILLED}
    return 0 if is_from_venue else x.rejects
