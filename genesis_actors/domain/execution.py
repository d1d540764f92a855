"""One execution's state: frozen values that are replaced, never changed.

How events change it is in `evolve`, what may follow what in `decide`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Self

from pydantic import TypeAdapter

from genesis_actors.domain.carried import TradedLately, all_traded, carry_child, carry_slice
from genesis_actors.domain.figures import FIGURES_COME_FROM, Figures, figures
from genesis_actors.domain.state import State, derived_from
from genesis_actors.values import (
    ONE,
    ZERO,
    Algo,
    ClientOrderId,
    ExecutionId,
    ExecutionState,
    Liquidity,
    MarketRules,
    MarketSource,
    MarketSummary,
    OrderStatus,
    ParentOrder,
    Policy,
    Reason,
    SliceStatus,
    TradeId,
    VenueOrderId,
    quotient,
)

_SHORTEST_RETRY = timedelta(seconds=1)
_LONGEST_RETRY = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Fill:
    """One trade of ours. Quantity in base, price in quote, fee in `fee_currency`."""

    trade_id: TradeId
    quantity: Decimal
    price: Decimal
    fee: Decimal
    fee_currency: str
    liquidity: Liquidity
    traded_at: datetime


@dataclass(frozen=True)
class Child(State):
    """One child order. Its unfilled quantity is reserved as long as its status is open."""

    client_order_id: ClientOrderId
    slice_number: int
    attempt: int
    quantity: Decimal
    price: Decimal
    mid: Decimal
    touch: Decimal
    resting: bool
    created_at: datetime
    quoted_at: datetime
    filled_before: Decimal  # of the whole execution, when this child was decided
    amendments_before: int = 0  # likewise
    status: OrderStatus = OrderStatus.PENDING
    reason: Reason | None = None
    cut_by: Reason | None = None
    venue_order_id: VenueOrderId | None = None
    sent_at: datetime | None = None
    filled_quantity: Decimal = ZERO
    filled_notional: Decimal = ZERO
    fills: tuple[Fill, ...] = ()
    heard_at: datetime | None = None  # when it was sent, or last heard of
    unknown_since: datetime | None = None
    told_quantity: Decimal | None = (
        None  # filled in all, as the venue said where we had heard of less
    )
    not_found_at: datetime | None = None  # when the venue was asked and knew nothing of it
    settled_quantity: Decimal = ZERO  # the part of `filled_quantity` that is the operator's word
    settled_at: datetime | None = None
    is_adopted: bool = (
        False  # the venue told of it, and the journal had nothing: `quantity` is what has filled
    )

    @property
    def is_known_at_venue(self) -> bool:
        """Tell whether the venue has ever spoken of it: then it was accepted, whatever cannot be found now."""
        return bool(self.venue_order_id or self.fills or self.told_quantity is not None)

    @property
    def reserved_quantity(self) -> Decimal:
        if not self.status.is_open:
            return ZERO
        return max(self.quantity - self.filled_quantity, ZERO)


@dataclass(frozen=True)
class Slice(State):
    """One part of the schedule and what became of it."""

    number: int
    due_at: datetime
    planned_quantity: Decimal
    status: SliceStatus = SliceStatus.PLANNED
    reason: Reason | None = None
    target_quantity: Decimal | None = None
    market_volume: Decimal | None = None
    market_price: Decimal | None = None
    attempts: int = 0
    filled_quantity: Decimal = ZERO
    filled_notional: Decimal = ZERO
    sent_at: datetime | None = None
    done_at: datetime | None = None
    price_after: Decimal | None = None  # the mid at the first look after a clip's pause

    @derived_from("filled_quantity", "market_volume")
    def participation_rate(self) -> Decimal | None:
        """Return its filled share of the market volume of the last w before its first child."""
        if self.market_volume is None:
            return None
        return quotient(self.filled_quantity, self.market_volume)


@dataclass(frozen=True)
class Execution(State):
    """The working of one parent order. Replaced, never changed."""

    execution_id: ExecutionId
    version: int
    order: ParentOrder
    rules: MarketRules
    policy: Policy
    client_order_id_prefix: str
    quantity: Decimal
    state: ExecutionState
    created_at: datetime
    reason: Reason | None = None
    arrival_price: Decimal | None = None
    arrival_at: datetime | None = None
    started_at: datetime | None = None
    ends_at: datetime | None = None
    paused_at: datetime | None = None
    finishing_at: datetime | None = None
    finished_at: datetime | None = None
    window: timedelta = timedelta(seconds=60)
    slices_total: int = 0
    slices: tuple[Slice, ...] = ()
    children: dict[ClientOrderId, Child] = field(default_factory=dict[ClientOrderId, Child])
    filled_quantity: Decimal = ZERO
    filled_notional: Decimal = ZERO
    fees_quote: Decimal | None = ZERO
    accelerated: bool = False
    pace_changed_at: datetime | None = None
    volume_ratio: Decimal = ONE
    retry_at: datetime | None = None
    available_quantity: Decimal | None = None
    rejects: int = 0
    deadline_applied: bool = False
    finishing_as: ExecutionState | None = None
    early_completion: bool = False
    market: MarketSummary | None = None
    market_source: MarketSource | None = None  # what a simulated market is made of
    amendments: int = 0
    lost_attempts: int = (
        0  # at each slice, that its journal may have missed: their names are used up
    )
    amended_duration: timedelta | None = None  # from the start to the end that was amended last
    queue_expires_at: datetime | None = None
    amended_plan_at: datetime | None = None  # when an amendment planned the slices to come

    @derived_from("children")
    def open_children(self) -> tuple[Child, ...]:
        return tuple(child for child in self.children.values() if child.status.is_open)

    @property
    def unknown_children(self) -> tuple[Child, ...]:
        return tuple(c for c in self.open_children if c.status is OrderStatus.UNKNOWN)

    @property
    def unknown_quantity(self) -> Decimal:
        return _total(self.unknown_children)

    @property
    def working_quantity(self) -> Decimal:
        return self.reserved_quantity - self.unknown_quantity

    @derived_from("children")
    def reserved_quantity(self) -> Decimal:
        """Working and unknown together: what may still trade."""
        return _total(self.open_children)

    @property
    def remaining_quantity(self) -> Decimal:
        """Return what is neither filled nor reserved, exactly; the four always add up to the quantity (P1).

        Negative where late fills have left less than what is at the venue already, or the venue has filled too much:
        what was traded is recorded in any case.
        """
        return self.quantity - self.filled_quantity - self.reserved_quantity

    @derived_from("slices")
    def working_slice(self) -> Slice | None:
        parts = (self.slices[number - 1] for number in self.unfinished_numbers)
        return next((part for part in parts if part.status is SliceStatus.WORKING), None)

    @derived_from("slices")
    def unfinished_numbers(self) -> tuple[int, ...]:
        return tuple(part.number for part in self.slices if not part.status.is_done)

    @derived_from("slices")
    def unsent_slices(self) -> tuple[Slice, ...]:
        return tuple(s for s in self.slices if s.status is SliceStatus.PLANNED)

    @derived_from("slices", "slices_total")
    def slices_done(self) -> int:
        """Return how many slices of the schedule are over; those that a deadline added do not count."""
        return sum(part.status.is_done for part in self.slices[: self.slices_total])

    @derived_from("slices")
    def max_slice_participation(self) -> Decimal | None:
        # Without a look at those that have not begun: there are many, and what is worked out of each stays with it.
        begun = (s.participation_rate for s in self.slices if s.market_volume is not None)
        return max((rate for rate in begun if rate is not None), default=None)

    @derived_from(*FIGURES_COME_FROM)
    def figures(self) -> Figures:
        """What it has cost so far, over its own last benchmark window."""
        return figures(self, self.market)

    @property
    def duration(self) -> timedelta:
        """Return the length of the window, as it was ordered or amended."""
        return self.amended_duration or self.ordered_duration

    @property
    def ordered_duration(self) -> timedelta:
        return self.policy.duration or self.order.duration or timedelta(0)

    @property
    def algo(self) -> Algo:
        return self.order.algo

    @derived_from("policy", "order", "slices_total")
    def slice_interval(self) -> timedelta:
        """Return the mean time between two slices of the schedule it began with; amendments keep that pace, and w."""
        if self.policy.clipping is not None:
            return self.policy.slice_interval
        return self.ordered_duration / max(self.slices_total, 1)

    @derived_from("policy", "order", "slices_total", "accelerated")
    def retry_interval(self) -> timedelta:
        """Return how long a slice waits before it tries again: a sixth of its interval, 1 s to 10 s."""
        if self.accelerated or self.algo is Algo.MARKET:
            return _SHORTEST_RETRY
        return min(max(self.slice_interval / 6, _SHORTEST_RETRY), _LONGEST_RETRY)

    @property
    def rest_interval(self) -> timedelta:
        """Return how long a resting child is left alone; a clip is there to be seen, so for as long as any is."""
        return self.retry_interval if self.policy.clipping is None else _LONGEST_RETRY

    def takes_at(self, part: Slice, began: datetime) -> datetime:
        """Return when the style `auto` stops resting: after two thirds of the time until the next slice, or the end.

        The next clip of an iceberg waits for this one: it rests for twice as long as a resting order is left alone.
        """
        if self.policy.clipping is not None:
            return began + 2 * self.rest_interval
        later = [s.due_at for s in self.unsent_slices if s.number > part.number]
        until = later[0] if later else self.ends_at or began
        return began + max(until - began, timedelta(0)) * 2 / 3

    def slice(self, number: int) -> Slice:
        return self.slices[number - 1]

    @derived_from("children")
    def traded_lately(self) -> TradedLately:
        return all_traded(self.children.values())

    def filled_since(self, start: datetime) -> Decimal:
        """Return what was filled in (start, ...], by the venue's times; what was settled, by when that was said."""
        lately = self.traded_lately
        if start < lately.since:
            lately = all_traded(self.children.values())
        recent = tuple(trade for trade in lately.trades if trade[0] > start)
        # What is older is forgotten: nobody asks for it again, as time goes on.
        vars(self)["traded_lately"] = TradedLately(start, recent)
        return sum((quantity for _, quantity in recent), ZERO)

    def put(self, part: Slice | None = None, child: Child | None = None, **changes: object) -> Self:
        """Return the same with `part` and `child` in the place of those of their names, and with `changes`."""
        fields = self._fields_with(changes)
        if part is not None:
            slices, at = self.slices, part.number - 1
            fields["slices"] = (*slices[:at], part, *slices[at + 1 :])
            carry_slice(fields, slices[at], part)
        if child is not None:
            children, name = self.children, child.client_order_id
            fields["children"] = {**children, name: child}
            carry_child(fields, children.get(name), child)
        return self._of(fields)


def _total(children: Iterable[Child]) -> Decimal:
    return sum((child.reserved_quantity for child in children), ZERO)


_STATE = TypeAdapter(Execution)


def snapshot(execution: Execution) -> str:
    """Return the whole state as JSON, exactly. What is as it began is left out: it takes time to be read again."""
    return _STATE.dump_json(execution, exclude_defaults=True).decode()


def restore(state: str) -> Execution:
    """Return the state that `snapshot` wrote."""
    return _STATE.validate_json(state)


def status_of(part: Slice) -> SliceStatus:
    """Return what a slice that ends now has become."""
    if not part.filled_quantity:
        return SliceStatus.SKIPPED
    if part.filled_quantity >= (part.target_quantity or part.planned_quantity):
        return SliceStatus.FILLED
    return SliceStatus.PARTIAL
