"""Which window would have sufficed for an order under its cap: it is worked again, by the same rules, on the record.

Assumed is that every order fills at the touch it was sent at, as far as the largest order of the execution did. What
is not recorded is not assumed: a window that ends after the record does is not answered for.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from genesis_actors.domain.decide import decide, release
from genesis_actors.domain.decision import Decision, TryAgain
from genesis_actors.domain.evolve import evolve
from genesis_actors.domain.execution import Execution
from genesis_actors.domain.history import History
from genesis_actors.domain.market_record import MarketRecord
from genesis_actors.domain.policy import TwapDefaults
from genesis_actors.domain.quality import reason_counts
from genesis_actors.domain.schedule import ScheduleError
from genesis_actors.domain.starting import plan_schedule, started
from genesis_actors.domain.surroundings import Surroundings, TriedInVain
from genesis_actors.domain.waking import next_wake
from genesis_actors.messages.market_data import MarketView
from genesis_actors.messages.venue import OrderClosed, OrderFilled, PlaceOrder
from genesis_actors.values import (
    ZERO,
    Algo,
    ExecutionState,
    Liquidity,
    MarketSummary,
    OnDeadline,
    OrderStatus,
    Quote,
    Reason,
    Side,
    Style,
    TradeId,
    exact,
    floor_to_step,
)

MINUTE: Final = timedelta(minutes=1)
LONGEST: Final = TwapDefaults().max_duration
"""No order may ask for a longer window, as shipped."""

_MOST_TRIED: Final = 12
_SHORTEST_STEP: Final = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class OtherWindow:
    """In whole minutes from the schedule's start.

    `sufficient` is the shortest window in which all of the order was done when it was worked again, None where it never
    was. `tried_until` is the longest that could be tried: as far as the market is recorded without a gap, and as
    windows may be. `allowed_quantity` (base) is the cap's share of all volume of that, more than which cannot be.
    """

    sufficient: int | None
    tried_until: int
    allowed_quantity: Decimal


@exact
def other_windows(
    history: History, record: MarketRecord, shortest: int, below: timedelta | None = None
) -> OtherWindow | None:
    """Return which windows of at least `shortest` minutes would have sufficed; None where that cannot be told.

    One of `below` or more is not tried, where that is given: it counts as one that does not suffice.

    That is so for what is no TWAP, for orders that rest, since nobody knows which of those would have been met, and
    where the book, other executions or expected volumes had held this one back, since these are not recorded.
    """
    x = history.execution
    if x.algo is not Algo.TWAP:
        return None
    if (
        x.started_at is None
        or not x.filled_quantity
        or x.policy.style is not Style.TAKER
        or _was_held_back(history)
    ):
        return None
    recorded = _known_minutes(x.started_at, record)
    longest = min(recorded, int(max(LONGEST, x.duration) / MINUTE))
    if longest < 1:
        return None
    allowed = [
        x.policy.max_participation * record.volume(x.started_at, x.started_at + minutes * MINUTE)
        for minutes in range(longest + 1)
    ]
    candidates = [
        minutes for minutes in range(shortest, longest + 1) if allowed[minutes] >= x.quantity
    ]
    sufficient = next(
        (
            minutes
            for minutes in _spread(candidates)
            if (below is None or minutes * MINUTE < below)
            and _suffices(x, record, minutes * MINUTE)
        ),
        None,
    )
    return OtherWindow(sufficient, longest, floor_to_step(allowed[longest], x.rules.lot))


_NOT_RECORDED: Final = frozenset(
    {
        Reason.THIN_BOOK,
        Reason.QUIET_MARKET,
        Reason.VOLUME_ANOMALY,
        Reason.SYMBOL_PARTICIPATION_CAP,
    }
)


def _was_held_back(history: History) -> bool:
    return any(each.reason in _NOT_RECORDED for each in reason_counts(history))


def _known_minutes(started_at: datetime, record: MarketRecord) -> int:
    if record.ends_at is None or not record.knows(started_at):
        return 0
    gaps = record.gaps(started_at, record.ends_at)
    until = gaps[0][0] if gaps else record.ends_at
    return int((until - started_at) / MINUTE)


def _spread(candidates: list[int]) -> Iterable[int]:
    """Return at most a few of them, the shortest first; what is passed over could only have been shorter."""
    step = -(-len(candidates) // _MOST_TRIED) or 1
    return [*candidates[::step], *([] if not candidates else candidates[-1:])]


def _suffices(x: Execution, record: MarketRecord, duration: timedelta) -> bool:
    """Work the order again in a window of that length; tell whether all of it gets done by its end."""
    again = _begun(x, record, duration)
    largest = max((child.filled_quantity for child in x.children.values()), default=ZERO)
    return again is not None and _Replay(again, record, largest).run() >= x.quantity


def _begun(x: Execution, record: MarketRecord, duration: timedelta) -> Execution | None:
    start = x.started_at or x.created_at
    order = replace(x.order, duration=duration)
    policy = replace(x.policy, duration=duration, on_deadline=OnDeadline.LEAVE)
    touch = record.touch(x.order.side, start)
    bounds = TwapDefaults(min_duration=min(duration, MINUTE), max_duration=duration)
    bounds = replace(bounds, min_slice_interval=policy.min_slice_interval)
    try:
        slices = plan_schedule(
            order,
            x.rules,
            policy,
            x.quantity,
            price=touch or x.arrival_price,
            profile=None,
            bounds=bounds,
            now=start,
        )
    except ScheduleError:
        return None
    accepted = Execution(
        execution_id=x.execution_id,
        version=1,
        order=order,
        rules=x.rules,
        policy=policy,
        client_order_id_prefix=x.client_order_id_prefix,
        quantity=x.quantity,
        state=ExecutionState.QUEUED,
        created_at=start,
        arrival_price=x.arrival_price,
        arrival_at=x.arrival_at,
    )
    return evolve(accepted, started(x.execution_id, order, policy, slices, start))


class _Replay:
    """An execution worked at once on a recorded market: each of its orders fills when it is sent."""

    def __init__(self, execution: Execution, record: MarketRecord, largest: Decimal) -> None:
        self._execution = execution
        self._record = record
        self._start = execution.started_at or execution.created_at
        self._end = execution.ends_at or self._start
        self._surroundings = Surroundings()
        self._trades = 0
        self._largest = largest

    def run(self) -> Decimal:
        """Return what got done."""
        now = self._start
        while now < self._end and self._execution.state is ExecutionState.RUNNING:
            self._look(now)
            wake = next_wake(self._execution, now, self._surroundings) or self._end
            now = max(wake, now + _SHORTEST_STEP)
        return self._execution.filled_quantity

    def _look(self, now: datetime) -> None:
        x, record = self._execution, self._record
        buy, sell = record.touch(Side.BUY, now), record.touch(Side.SELL, now)
        quote = None if buy is None or sell is None else Quote(now, sell, buy)
        view = MarketView(
            execution_id=x.execution_id,
            symbol=x.order.symbol,
            at=now,
            quote=quote,
            quote_age=None if quote is None else timedelta(0),
            summary=MarketSummary(
                self._start, now, record.volume(self._start, now), ZERO, ZERO, 0, last_mid=None
            ),
            window_volume=record.volume(max(now - x.window, self._start), now),
        )
        self._perform(decide(x, view, now, self._surroundings), now)

    def _perform(self, decision: Decision, now: datetime) -> None:
        self._execution = decision.execution
        for effect in decision.effects:
            if isinstance(effect, TryAgain):
                tried = TriedInVain(self._execution.version, effect.at)
                self._surroundings = replace(self._surroundings, tried_in_vain=tried)
            elif isinstance(effect, PlaceOrder):
                released = release(self._execution, effect, now, self._surroundings)
                self._execution = released.execution
                for sent in [each for each in released.effects if isinstance(each, PlaceOrder)]:
                    self._fill(sent, now)

    def _fill(self, order: PlaceOrder, now: datetime) -> None:
        self._trades += 1
        child = self._execution.children[order.client_order_id]
        quantity = min(order.quantity, self._largest)
        filled = OrderFilled(
            execution_id=order.execution_id,
            at=now,
            client_order_id=order.client_order_id,
            trade_id=TradeId(str(self._trades)),
            quantity=quantity,
            price=child.touch,
            fee=ZERO,
            fee_currency=self._execution.rules.quote,
            liquidity=Liquidity.TAKER,
            traded_at=now,
        )
        closed = OrderClosed(
            execution_id=order.execution_id,
            at=now,
            client_order_id=order.client_order_id,
            status=OrderStatus.FILLED if quantity == order.quantity else OrderStatus.EXPIRED,
            filled_quantity=quantity,
        )
        for outcome in (filled, closed):
            self._perform(decide(self._execution, outcome, now, self._surroundings), now)
