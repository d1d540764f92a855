"""What the venue actor accepts, and what comes back from a venue."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated, TypeAlias

from pydantic import AwareDatetime, Field, SkipValidation

from genesis_actors.messages.base import Address, Command, Event, Message
from genesis_actors.values import (
    ZERO,
    ClientOrderId,
    ExecutionId,
    Liquidity,
    MarketRules,
    OrderStatus,
    Reason,
    Side,
    Symbol,
    TradeId,
    VenueOrderId,
)


class PlaceOrder(Command):
    """Send one child order. It meets risk first, then the venue.

    `resting` posts it at `price` and leaves it there; otherwise it is a limit IOC. `mid`, `market_volume` (base, of
    the last w, which began at `window_start`) and `rate` are the numbers it was decided on; `parent_quantity` (base) is
    what all children of the execution together may never exceed, `remaining_quantity` what it has still to do, this
    order included. One that does not obey the cap on its symbol's volume is charged to it all the same.
    """

    execution_id: ExecutionId
    client_order_id: ClientOrderId
    slice_number: int
    symbol: Symbol
    side: Side
    quantity: Decimal
    price: Decimal
    mid: Decimal
    rate: Decimal
    market_volume: Decimal
    window_start: AwareDatetime
    parent_quantity: Decimal
    remaining_quantity: Decimal
    resting: bool = False
    obeys_cap: bool = True


class CancelOrder(Command):
    """Take an order back. Answered by `OrderClosed`, never refused; an unknown or closed order is no error."""

    execution_id: ExecutionId
    client_order_id: ClientOrderId
    symbol: Symbol


class LookUpOrder(Command):
    """Ask the venue what became of an order. Answered by its fills, then `OrderClosed`, or by `OrderNotFound`."""

    execution_id: ExecutionId
    client_order_id: ClientOrderId
    symbol: Symbol


class SettleOrder(Command):
    """No outcome of this order will come: it is proven, or said by the operator, that so much of it was filled.

    Stops at risk and at the gate in front of the venue, which then reserve nothing for it any more.
    """

    execution_id: ExecutionId
    client_order_id: ClientOrderId
    symbol: Symbol
    filled_quantity: Decimal


class AmendParent(Command):
    """An execution's parent order is for `quantity` (base) from now on; that is durable.

    Stops at the gate in front of the venue, which holds what it lets pass against it.
    """

    execution_id: ExecutionId
    quantity: Decimal


class EndParent(Command):
    """An execution is over for good: the gate lets nothing more of it pass, and forgets its orders."""

    execution_id: ExecutionId


class LookUpTrades(Command):
    """Ask for all trades of ours in `symbol` from `since` on: each is told as `OrderFilled`, then `TradesTold`.

    A real venue's first answer tells of open orders of ours before, as `OrderAccepted` with their quantity. All come
    back the way of all outcomes, in this order.
    """

    symbol: Symbol
    since: AwareDatetime


class TradesTold(Event):
    """Every trade that was asked for has been told. `is_complete` is False where the venue did not answer."""

    symbol: Symbol
    is_complete: bool


class VenueAvailability(Event):
    """The venue takes no orders from now on - maintenance, or nothing answers - or takes them again."""

    is_available: bool
    detail: str


@dataclass(frozen=True, slots=True)
class PastOrder:
    """A child order of an earlier run: its fills by trade id, and what of it may still trade, in base.

    `settled_quantity` is what the operator said at `settled_at` was filled, beyond these fills.
    """

    client_order_id: ClientOrderId
    fills: tuple[tuple[TradeId, datetime, Decimal], ...]
    settled_quantity: Decimal
    reserved_quantity: Decimal
    price: Decimal
    resting: bool = False
    settled_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RestoreOrders:
    """Take over what a recovered execution has sent, before it may send anything. For risk and for the gate."""

    execution_id: ExecutionId
    symbol: Symbol
    side: Side
    parent_quantity: Decimal
    orders: tuple[PastOrder, ...]


@dataclass(frozen=True, slots=True)
class HaltChanged:
    """No execution may send new children from now on, or all may again."""

    is_halted: bool


class DescribeSymbol(Command):
    """Ask for a symbol's rules, the account's balances and the volume profile; starts its market data too.

    `shows_book` asks for the book, too, where the venue has it at hand.
    """

    symbol: Symbol
    shows_book: bool = False
    reply_to: SkipValidation[Address[SymbolDescribed]]


@dataclass(frozen=True, slots=True)
class HourlyVolume:
    """The volume in base that one bar of `seconds` length, opened at `start`, saw."""

    start: AwareDatetime
    seconds: int
    volume: Decimal


class Balance(Message):
    """`held` is what open orders of the account hold of the currency, beside what is `free`."""

    currency: str
    free: Decimal
    held: Decimal = ZERO


class BookLevel(Message):
    """A price at which an order of `side` would trade, and how much of it, in base."""

    side: Side
    price: Decimal
    quantity: Decimal


class SymbolDescribed(Event):
    """`rules` is None for a symbol the venue does not know; `known_symbols` then helps to find the right one.

    `book` has its levels best first, of each side; it is empty unless it was asked for and is at hand.
    """

    symbol: Symbol
    rules: MarketRules | None
    balances: tuple[Balance, ...]
    volumes: tuple[HourlyVolume, ...]
    known_symbols: tuple[Symbol, ...] = ()
    book: tuple[BookLevel, ...] = ()


class OrderEvent(Event):
    """Something that happened to one child order. Per order they arrive in the order in which they are told."""

    execution_id: ExecutionId
    client_order_id: ClientOrderId


class OrderAccepted(OrderEvent):
    """The venue has it. Where it was listed among the open ones, `quantity` and `price` are what it shows of it."""

    venue_order_id: VenueOrderId
    quantity: Decimal | None = None
    price: Decimal | None = None


class OrderFilled(OrderEvent):
    """One trade of ours; may be repeated, may arrive late. Fee in `fee_currency`."""

    trade_id: TradeId
    quantity: Annotated[Decimal, Field(gt=0)]
    price: Decimal
    fee: Decimal
    fee_currency: str
    liquidity: Liquidity
    traded_at: AwareDatetime


class OrderClosed(OrderEvent):
    """The order can trade no more. Sent after its last `OrderFilled`, which may yet be lost, or come behind it.

    `filled_quantity` (base) is what the venue says was filled in all, None where it does not say.
    """

    status: OrderStatus
    reason: Reason | None = None
    detail: str | None = None
    filled_quantity: Decimal | None = None


class OrderRefused(OrderEvent):
    """It was not let pass on our side, or the venue did not take it for a reason that passes: it can never trade.

    `available_quantity` is what would have passed, where that is what stood in the way. `is_permanent` says that to try
    again is in vain.
    """

    reason: Reason
    limit: Decimal | None = None
    actual: Decimal | None = None
    available_quantity: Decimal | None = None
    is_permanent: bool = False


class OrderOutcomeUnknown(OrderEvent):
    """The answer was lost: the order may stand, may have traded, may never have arrived."""

    detail: str


class OrderNotFound(OrderEvent):
    """The venue, asked at `asked_at`, knew no such order, neither among its orders nor among its trades.

    `is_proof` says that it can never appear later either, because the venue's ledger is ours.
    """

    asked_at: AwareDatetime
    is_proof: bool


OrderMessage: TypeAlias = PlaceOrder | CancelOrder | LookUpOrder | SettleOrder | AmendParent
"""Everything that goes right, from a slicer through risk to the venue."""

OrderOutcome: TypeAlias = (
    OrderAccepted | OrderFilled | OrderClosed | OrderRefused | OrderOutcomeUnknown | OrderNotFound
)
"""Everything that comes back left, from the venue through risk and supervisor to the slicer."""


@dataclass(frozen=True, slots=True)
class OrderStory:
    """What a venue tells of one order in one breath, in order: as good as each by itself, and dealt with at once."""

    execution_id: ExecutionId
    outcomes: tuple[OrderOutcome, ...]


VenueOutcome: TypeAlias = OrderOutcome | OrderStory | TradesTold | VenueAvailability
"""Everything that comes back from a venue, in the order in which it was told."""


@dataclass(frozen=True, slots=True)
class LookAtDepth:
    """Ask for the levels that an order of `side` would meet now. Answered by `DepthSeen`, where the venue shows any."""

    execution_id: ExecutionId
    symbol: Symbol
    side: Side
    reply_to: Address[DepthSeen]


@dataclass(frozen=True, slots=True)
class DepthSeen:
    """Price and quantity of each level at `at`, best first."""

    execution_id: ExecutionId
    at: datetime
    levels: tuple[tuple[Decimal, Decimal], ...]


VenueMessage: TypeAlias = (
    OrderMessage | DescribeSymbol | LookUpTrades | RestoreOrders | EndParent | LookAtDepth
)
"""Everything the venue actor accepts from others; its own timers aside."""
