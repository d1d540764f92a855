"""Amending a running order: its limit, its end, its quantity, its rate - and the slices to come, planned anew.

What may be amended is held against what is filled or may yet trade, against the operator's bounds and the venue's
rules. Nothing that was decided before an amendment is sent after it: `release` sees to that.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from genesis_actors.domain.attempt import end_slice
from genesis_actors.domain.children import cancel_of
from genesis_actors.domain.cutting import ScheduleError, TimeSlice
from genesis_actors.domain.decision import AskMarket, Decision, Refusal, Steps
from genesis_actors.domain.ending import complete_if_filled
from genesis_actors.domain.execution import Execution, status_of
from genesis_actors.domain.iceberg import further_clips
from genesis_actors.domain.schedule import calculate_time_slices
from genesis_actors.domain.surroundings import Surroundings
from genesis_actors.messages.events import PlannedSlice, Terms, TwapAmended
from genesis_actors.messages.supervisor import AmendExecution
from genesis_actors.messages.venue import AmendParent
from genesis_actors.values import (
    ZERO,
    Algo,
    ExecutionState,
    OrderStatus,
    Reason,
    Side,
    SliceStatus,
    decimal_text,
    is_multiple,
    time_text,
)

_AMENDABLE = {ExecutionState.QUEUED, ExecutionState.RUNNING, ExecutionState.PAUSED}
_MICROSECOND = timedelta(microseconds=1)
_LARGEST_EXPONENT = 30  # As for an order: beyond it, quantities and prices leave exact arithmetic.


def amend(
    x: Execution, command: AmendExecution, now: datetime, surroundings: Surroundings
) -> Decision:
    """Change what `x` is to do, or say what forbids it. What holds already is no change, whatever the state."""
    before, after = _terms(x), _amended_terms(x, command)
    if after == before:
        return Decision(x, was_already=True)
    asked = _Asked(x, before, after, command, now, surroundings)
    plan: tuple[TimeSlice, ...] | None = None
    refusal = _forbidden_by_state(asked) or _out_of_bounds(asked) or _too_little(asked)
    if refusal is None and asked.is_planned_anew:
        planned = _plan(asked)
        if isinstance(planned, Refusal):
            return Decision(x, refusal=planned)
        plan, refusal = planned, _too_much(asked, planned)
    if refusal is not None:
        return Decision(x, refusal=refusal)
    return _amended(asked, plan)


def parent_as_it_is(x: Execution) -> AmendParent:
    return AmendParent(execution_id=x.execution_id, quantity=x.quantity)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is to be changed, and all that it is judged by."""

    x: Execution
    before: Terms
    after: Terms
    command: AmendExecution
    now: datetime
    surroundings: Surroundings

    @property
    def is_planned_anew(self) -> bool:
        changed = self.after.quantity != self.before.quantity
        return changed or self.after.ends_at != self.before.ends_at

    @property
    def committed(self) -> Decimal:
        """Return what is filled, or may be filled yet whatever is decided now."""
        return self.x.filled_quantity + self.x.reserved_quantity

    @property
    def rest(self) -> Decimal:
        return self.after.quantity - self.committed

    @property
    def price(self) -> Decimal | None:
        """Return what we would trade at now, as far as is known: the far touch, or the limit where that is better."""
        x, quote, limit = self.x, self.surroundings.quote, self.after.limit_price
        touches = [child.touch for child in x.children.values()]
        touch = quote.touch(x.order.side) if quote is not None else next(reversed(touches), None)
        likely = x.arrival_price if touch is None else touch
        if likely is None or limit is None:
            return limit if likely is None else likely
        return limit if x.order.side.is_worse(likely, limit) else likely


def _terms(x: Execution) -> Terms:
    return Terms(
        quantity=x.quantity,
        ends_at=x.ends_at,
        limit_price=x.policy.limit_price,
        max_participation=x.policy.max_participation,
    )


def _amended_terms(x: Execution, command: AmendExecution) -> Terms:
    ends_at = x.ends_at
    if command.ends_at is not None:
        ends_at = command.ends_at.astimezone(UTC)
    elif command.duration is not None:
        ends_at = (x.started_at or x.created_at) + command.duration
    limit = x.policy.limit_price if command.limit_price is None else command.limit_price
    return Terms(
        quantity=x.quantity if command.quantity is None else command.quantity,
        ends_at=ends_at,
        limit_price=None if command.removes_limit else limit,
        max_participation=command.max_participation or x.policy.max_participation,
    )


def _forbidden_by_state(asked: _Asked) -> Refusal | None:
    x = asked.x
    if x.state not in _AMENDABLE:
        message = f"execution {x.execution_id} is {x.state} and cannot be amended"
        return Refusal(Reason.WRONG_STATE, message)
    if x.algo is Algo.MARKET and asked.is_planned_anew:
        message = f"execution {x.execution_id} is one market order: cancel it and order anew"
        return Refusal(Reason.WRONG_STATE, message)
    if x.started_at is None and asked.is_planned_anew:
        message = f"execution {x.execution_id} has no schedule yet: cancel it and order anew"
        return Refusal(Reason.WRONG_STATE, message)
    return None


def _out_of_bounds(asked: _Asked) -> Refusal | None:
    """Hold rate and window against the operator's bounds, as at admission."""
    bounds, after = asked.surroundings.bounds, asked.after
    rate = after.max_participation
    if rate != asked.before.max_participation and rate > bounds.max_participation:
        return Refusal(
            Reason.PARTICIPATION_ABOVE_LIMIT,
            f"a participation of {decimal_text(rate * 100)}% is above the operator's "
            f"{decimal_text(bounds.max_participation * 100)}%",
            bounds.max_participation,
            rate,
        )
    limit = after.limit_price
    if limit is not None and abs(limit.adjusted()) > _LARGEST_EXPONENT:
        return Refusal(Reason.LIMIT_PRICE, f"a limit of {limit} is no price of any market")
    return None if after.ends_at == asked.before.ends_at else _bad_end(asked)


def _bad_end(asked: _Asked) -> Refusal | None:
    x, bounds = asked.x, asked.surroundings.bounds
    start = x.started_at or x.created_at
    ends_at, before = asked.after.ends_at or start, asked.before.ends_at or start
    if ends_at <= asked.now:
        message = f"an end at {time_text(ends_at)} has passed: it is {time_text(asked.now)}"
        return Refusal(Reason.WINDOW_OUT_OF_BOUNDS, message)
    length, most = ends_at - start, bounds.max_duration
    least = bounds.min_duration if x.algo is Algo.TWAP else timedelta(0)
    # A pause may have moved the end beyond the longest window: then any earlier one is welcome.
    if least <= length and (length <= most or ends_at <= before):
        return None
    bound = least if length < least else most
    return Refusal(
        Reason.WINDOW_OUT_OF_BOUNDS,
        f"a window of {_seconds(length)} s, from {time_text(start)}, is not between "
        f"{_seconds(least)} s and {_seconds(most)} s",
        Decimal(bound // _MICROSECOND) / 1_000_000,
        Decimal(length // _MICROSECOND) / 1_000_000,
    )


def _too_little(asked: _Asked) -> Refusal | None:
    """Hold the quantity against what has traded or may yet, and against the lot."""
    x, quantity = asked.x, asked.after.quantity
    if not asked.is_planned_anew:
        return None
    if quantity.adjusted() > _LARGEST_EXPONENT:
        return Refusal(
            Reason.QUANTITY_ABOVE_MAXIMUM, f"a quantity of {quantity} is beyond any market"
        )
    if asked.rest < ZERO:
        return Refusal(
            Reason.QUANTITY_COMMITTED,
            f"{decimal_text(quantity)} is less than the {decimal_text(asked.committed)} "
            f"{x.rules.base} that are filled, working or unknown",
            asked.committed,
            quantity,
        )
    if not is_multiple(asked.rest, x.rules.lot):
        return Refusal(
            Reason.QUANTITY_NOT_A_LOT,
            f"{decimal_text(quantity)} leaves {decimal_text(asked.rest)}, no multiple of the lot "
            f"{decimal_text(x.rules.lot)}",
            x.rules.lot,
            quantity,
        )
    return None


def _plan(asked: _Asked) -> tuple[TimeSlice, ...] | Refusal:
    """Cut what is left into slices from now to the end, at the pace that was ordered."""
    x, now, ends_at, price = asked.x, asked.now, asked.after.ends_at or asked.now, asked.price
    if not asked.rest:
        return ()
    if price is None and x.rules.min_notional:
        message = "the least order value needs a price, and there has been no quote yet"
        return Refusal(Reason.NO_QUOTE, message)
    policy, bounds = x.policy, asked.surroundings.bounds
    pace = policy.slice_interval if policy.slices is None else x.ordered_duration / policy.slices
    try:
        if policy.clipping is not None:
            return further_clips(x, asked.rest, price=price, now=now)
        return calculate_time_slices(
            Decimal((ends_at - now) // _MICROSECOND) / 60_000_000,
            asked.surroundings.profile,
            quantity=asked.rest,
            start_at=now,
            slice_interval=min(max(pace, policy.min_slice_interval), bounds.max_slice_interval),
            min_slice_interval=policy.min_slice_interval,
            lot=x.rules.lot,
            min_notional=x.rules.min_notional,
            min_quantity=x.rules.min_quantity,
            max_quantity=x.rules.max_quantity,
            price=price,
            volume_adaptivity=policy.volume_adaptivity,
            jitter=policy.jitter,
            seed=policy.seed,
            min_duration=_MICROSECOND,
            max_duration=max(bounds.max_duration, ends_at - now),
        )
    except ScheduleError as error:
        if error.reason is Reason.QUANTITY_BELOW_MINIMUM and (
            asked.after.quantity == asked.before.quantity
        ):
            # Too little for a slice was left before, too: it may go along with what is working.
            return (TimeSlice(1, now + (ends_at - now) / 2, asked.rest),)
        message = (
            f"{decimal_text(asked.after.quantity)} leaves {decimal_text(asked.rest)} {x.rules.base} "
            f"to be planned until {time_text(ends_at)}: {error}"
        )
        return Refusal(error.reason, message, None, asked.after.quantity)


def _too_much(asked: _Asked, plan: tuple[TimeSlice, ...]) -> Refusal | None:
    """Refuse what risk or the account would refuse slice after slice."""
    x, price, bounds = asked.x, asked.price, asked.surroundings.bounds
    largest = max((part.quantity for part in plan), default=ZERO)
    most = bounds.max_order_quantity
    if most is not None and largest > most:
        return Refusal(
            Reason.MAX_ORDER_QUANTITY,
            f"a slice of {decimal_text(largest)} {x.rules.base} is above the operator's {decimal_text(most)}",
            most,
            largest,
        )
    most, worth = bounds.max_order_notional, largest * (price or ZERO)
    if most is not None and worth > most:
        return Refusal(
            Reason.MAX_ORDER_NOTIONAL,
            f"a slice worth {decimal_text(round(worth, 2))} {x.rules.quote} is above the "
            f"operator's {decimal_text(most)}",
            most,
            worth,
        )
    balances = asked.command.balances
    if asked.after.quantity <= asked.before.quantity or balances is None:
        return None
    if x.order.side is Side.SELL:
        currency, needed = x.rules.base, asked.rest
    else:
        currency, needed = x.rules.quote, asked.rest * (price or ZERO) * (1 + x.rules.taker_fee)
    free = sum((b.free for b in balances if b.currency == currency), ZERO)
    if needed <= free:
        return None
    return Refusal(
        Reason.INSUFFICIENT_BALANCE,
        f"to {x.order.side} {decimal_text(asked.rest)} {x.rules.base} more needs about "
        f"{decimal_text(round(needed, 8))} {currency}; the account has {decimal_text(free)}",
        free,
        needed,
    )


def _amended(asked: _Asked, plan: tuple[TimeSlice, ...] | None) -> Decision:
    before, after = asked.before, asked.after
    steps = Steps(asked.x, asked.now)
    if plan is not None:
        _make_room(steps, len(plan))
    steps.add(
        TwapAmended(
            execution_id=asked.x.execution_id,
            at=asked.now,
            before=before,
            after=after,
            slices=None if plan is None else _numbered(steps.execution, plan),
            note=asked.command.note,
        )
    )
    x = steps.execution
    if after.quantity != before.quantity:
        steps.ask(parent_as_it_is(x))
    if (after.limit_price, after.max_participation) != (
        before.limit_price,
        before.max_participation,
    ):
        # What rests does so by the old ones. It is posted anew when it has closed.
        resting = [c for c in x.open_children if c.resting and c.status is not OrderStatus.PENDING]
        steps.ask(*(cancel_of(x, child) for child in resting))
    complete_if_filled(steps)
    if not x.open_children:
        steps.ask(AskMarket())
    return steps.decision()


def _make_room(steps: Steps, count: int) -> None:
    """End the slice at work, unless its child is open, and as many of the unsent ones as the new plan has fewer.

    Numbers are never given up: what people have seen as slice 7 stays slice 7.
    """
    part = steps.execution.working_slice
    if part is not None and not steps.execution.open_children:
        status = status_of(part)
        reason = None if status is SliceStatus.FILLED else Reason.AMENDED
        end_slice(steps, part, status, reason)
    unsent = steps.execution.unsent_slices
    for surplus in unsent[: max(len(unsent) - count, 0)]:
        end_slice(steps, surplus, SliceStatus.SKIPPED, Reason.AMENDED)


def _numbered(x: Execution, plan: tuple[TimeSlice, ...]) -> tuple[PlannedSlice, ...]:
    first = len(x.slices) - len(x.unsent_slices) + 1
    return tuple(
        PlannedSlice(number=first + at, due_at=part.due_at, quantity=part.quantity)
        for at, part in enumerate(plan)
    )


def _seconds(duration: timedelta) -> str:
    return decimal_text(Decimal(duration // _MICROSECOND) / 1_000_000)
