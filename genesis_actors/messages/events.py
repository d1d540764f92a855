"""What can happen to one execution. These events are its journal: its state is their fold, in order.

Every field that recovery or a later report needs is in the event itself; nothing is looked up again.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

from pydantic import AwareDatetime

from genesis_actors.messages.base import Event, Message
from genesis_actors.values import (
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
    ResumeMode,
    SliceStatus,
    TradeId,
    TradingTier,
    VenueOrderId,
)


class ExecutionEvent(Event):
    execution_id: ExecutionId


@dataclass(frozen=True, slots=True)
class PlannedSlice:
    """One planned part of the schedule. `quantity` is in base, a multiple of the lot.

    No model, for every start and resumption makes all of them; as part of an event it is read as strictly as one.
    """

    number: int
    due_at: AwareDatetime
    quantity: Decimal


class TwapAccepted(ExecutionEvent):
    """The parent order is ours now. `arrival_price` is None where there was no quote yet.

    `market_source` is what its market is made of; None for a real one, and in journals from before it was noted.
    `tier` is the account's as it was accepted; None in journals from before there were tiers. `cut_by` is why
    `quantity` is less than was asked for.
    """

    order: ParentOrder
    rules: MarketRules
    policy: Policy
    client_order_id_prefix: str
    quantity: Decimal
    arrival_price: Decimal | None
    arrival_at: AwareDatetime | None
    market_source: MarketSource | None = None
    tier: TradingTier | None = None
    cut_by: Reason | None = None


class ArrivalObserved(ExecutionEvent):
    """The first quote after acceptance, where there was none before."""

    arrival_price: Decimal


class TwapQueued(ExecutionEvent):
    """It cannot begin yet, for that `reason`: it waits, until `expires_at` at the longest.

    Its `priority` rises by one in every `ageing_microseconds`.
    """

    reason: Reason
    priority: int
    ageing_microseconds: int
    expires_at: AwareDatetime


class TwapStarted(ExecutionEvent):
    """The schedule begins. `participation_window_microseconds` is w, the window that volume is measured over."""

    ends_at: AwareDatetime
    participation_window_microseconds: int
    slices: tuple[PlannedSlice, ...]


class TwapRescheduled(ExecutionEvent):
    """The slices named here replace all unsent ones; `ends_at` is the end that holds from now on.

    At the deadline they plan what is left: what the slices before them did not do is no longer planned for those.
    """

    reason: Reason
    ends_at: AwareDatetime
    slices: tuple[PlannedSlice, ...]
    volume_ratio: Decimal | None = None


class Terms(Message):
    """What of a parent order can be amended. Quantity in base, price in quote per base, the rate a share."""

    quantity: Decimal
    ends_at: AwareDatetime | None
    limit_price: Decimal | None
    max_participation: Decimal


class TwapAmended(ExecutionEvent):
    """The user has changed the order: `after` holds from now on, instead of `before`. `note` is the user's own word.

    The slices named here, if any, replace all unsent ones; what the others have neither filled nor at the venue is
    planned for them no longer.
    """

    before: Terms
    after: Terms
    slices: tuple[PlannedSlice, ...] | None
    note: str | None


class TwapSliceStarted(ExecutionEvent):
    """A slice is about to send its first child.

    `market_volume` is that of the last w before; all children of the slice together stay within the rate times it.
    """

    slice_number: int
    target_quantity: Decimal
    market_volume: Decimal
    market_price: Decimal
    reason: Reason | None = None


class TwapSliceDelayed(ExecutionEvent):
    """Nothing could be sent now; the slice is tried again at `retry_at`, and after that as often as it needs.

    Only the first try that something stands in the way of is an event, not each later one that meets the same.

    `limit` is the number that stood in the way (a budget in base, a price, an age in seconds), `actual` what met it.
    """

    slice_number: int
    reason: Reason
    retry_at: AwareDatetime
    limit: Decimal | None = None
    actual: Decimal | None = None


class TwapSliceExecuted(ExecutionEvent):
    """A slice is over. SKIPPED means that nothing was traded for it; `reason` says why it is not FILLED."""

    slice_number: int
    status: SliceStatus
    filled_quantity: Decimal
    reason: Reason | None = None


class ClipMeasured(ExecutionEvent):
    """What the market has made of an iceberg's clip: the mid before its first child, and the mid after its pause.

    That is when the next clip is due; the last one's is measured when the execution ends.
    """

    slice_number: int
    price_before: Decimal | None
    price_after: Decimal


class ChildIntended(ExecutionEvent):
    """A child order has been decided. It is sent only after this event is durable.

    `cut_by` names the rule that made it smaller than what the slice wanted; `mid` and `touch` are the quote's, which
    its source last vouched for at `quoted_at`.
    """

    client_order_id: ClientOrderId
    slice_number: int
    attempt: int
    quantity: Decimal
    price: Decimal
    mid: Decimal
    touch: Decimal
    quoted_at: AwareDatetime
    wanted_quantity: Decimal
    budget_quantity: Decimal
    rate: Decimal
    cut_by: Reason | None
    market: MarketSummary
    resting: bool = False


class ChildSent(ExecutionEvent):
    client_order_id: ClientOrderId


class ChildAccepted(ExecutionEvent):
    client_order_id: ClientOrderId
    venue_order_id: VenueOrderId


class ChildFilled(ExecutionEvent):
    """One venue trade. `at` is when we heard of it, `traded_at` when the venue says it happened."""

    client_order_id: ClientOrderId
    trade_id: TradeId
    quantity: Decimal
    price: Decimal
    fee: Decimal
    fee_currency: str
    liquidity: Liquidity
    traded_at: AwareDatetime


class ChildClosed(ExecutionEvent):
    """A child order can trade no more. `retry_at` is when its slice may try again, None if it need not.

    `is_unsent` says that it has never left us, whatever was marked before. Of a refusal `limit` and `actual` are what
    was compared, in the reason's own unit, and `available_quantity` (base) is what would have passed.
    """

    client_order_id: ClientOrderId
    status: OrderStatus
    reason: Reason | None
    limit: Decimal | None = None
    actual: Decimal | None = None
    retry_at: AwareDatetime | None = None
    detail: str | None = None
    available_quantity: Decimal | None = None
    is_unsent: bool = False


class ChildUnknown(ExecutionEvent):
    """The answer to a sent order was lost: its quantity stays reserved until the venue has told the truth.

    `filled_quantity` (base) is what the venue says was filled in all, where more than we have heard of.
    """

    client_order_id: ClientOrderId
    detail: str
    filled_quantity: Decimal | None = None


class ChildNotFound(ExecutionEvent):
    """The venue, asked at `asked_at`, knew nothing of an UNKNOWN child, when nothing could be on its way any more.

    A second such answer proves that it was never accepted.
    """

    client_order_id: ClientOrderId
    asked_at: AwareDatetime


class ChildSettled(ExecutionEvent):
    """The operator's word on an UNKNOWN child: `filled_quantity` (base) was filled in all, and nothing more will be.

    What of it has not come as trades counts as filled at the child's limit price, with the taker's fee. `retry_at` is
    when its slice may try again.
    """

    client_order_id: ClientOrderId
    filled_quantity: Decimal
    retry_at: AwareDatetime


class ChildAdopted(ExecutionEvent):
    """The venue tells of a trade of ours whose order this journal lacks: it is older than that order, as a backup is.

    What the venue tells of the order counts from now on. `quantity` (base) and `price` are the trade's; nobody knows
    what the order's were. The plan's slices up to this one are over: this journal has missed what became of them.
    """

    client_order_id: ClientOrderId
    slice_number: int
    quantity: Decimal
    price: Decimal


class TwapAccelerated(ExecutionEvent):
    """The price is favourable: remaining slices are brought forward. `threshold_price` is the worst price then."""

    touch: Decimal
    threshold_price: Decimal


class TwapSlowed(ExecutionEvent):
    """The price has gone back, and so does the schedule."""

    touch: Decimal
    threshold_price: Decimal


class TwapPaused(ExecutionEvent):
    """No new children until it is resumed.

    `market` is its benchmark window so far, as of its `end`: that of the look that paused it, else of the newest one;
    None where there was none since the last child, or what paused it was an order's outcome, which shows no market.
    """

    reason: Reason
    detail: str | None = None
    market: MarketSummary | None = None


class TwapResumed(ExecutionEvent):
    """`slices` replace the unsent ones: moved by the length of the pause (shift) or as they were (catch-up)."""

    mode: ResumeMode
    ends_at: AwareDatetime
    slices: tuple[PlannedSlice, ...]


class TwapFinishing(ExecutionEvent):
    """No new children from now on. `state` is what the execution becomes when nothing is open."""

    state: ExecutionState
    reason: Reason | None


class TwapCompleted(ExecutionEvent):
    """All of the quantity is filled."""

    market: MarketSummary
    early: bool


class TwapEnded(ExecutionEvent):
    """It ended with quantity left: INCOMPLETE, CANCELLED or FAILED."""

    state: ExecutionState
    reason: Reason | None
    market: MarketSummary


JournalEvent: TypeAlias = (
    TwapAccepted
    | ArrivalObserved
    | TwapQueued
    | TwapStarted
    | TwapRescheduled
    | TwapAmended
    | TwapSliceStarted
    | TwapSliceDelayed
    | TwapSliceExecuted
    | ClipMeasured
    | ChildIntended
    | ChildSent
    | ChildAccepted
    | ChildFilled
    | ChildClosed
    | ChildUnknown
    | ChildNotFound
    | ChildSettled
    | ChildAdopted
    | TwapAccelerated
    | TwapSlowed
    | TwapPaused
    | TwapResumed
    | TwapFinishing
    | TwapCompleted
    | TwapEnded
)
