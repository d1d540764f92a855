"""What the risk actor accepts: it stands between the slicers and the venue, in both directions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TypeAlias

from pydantic import SkipValidation

from genesis_actors.messages.account import AccountEvent
from genesis_actors.messages.base import Address, Command, Message
from genesis_actors.messages.persistence import AccountNotWritten, AccountWritten
from genesis_actors.messages.venue import (
    OrderMessage,
    RestoreOrders,
    SymbolDescribed,
    VenueOutcome,
)
from genesis_actors.values import (
    Algo,
    ClientOrderId,
    ExecutionId,
    Reason,
    Side,
    Symbol,
    TradeId,
    TradingTier,
)


@dataclass(frozen=True, slots=True)
class RestoreFills:
    """Count what orders of earlier runs have filled, those of executions that have ended too, in the symbol's budget.

    `fills` are the trades that are recorded. `orders` are those of which more may be told, or has been said by the
    operator: their side, and what each has filled in all. What exceeds its trades counts as filled at `at`.
    """

    symbol: Symbol
    at: datetime
    fills: tuple[tuple[ClientOrderId, TradeId, datetime, Decimal], ...]
    orders: tuple[tuple[ClientOrderId, Side, Decimal], ...] = ()


@dataclass(frozen=True, slots=True)
class Traded:
    """One trade of ours. Quantity in base; price, and fee where it is known in it, in quote."""

    symbol: Symbol
    side: Side
    quantity: Decimal
    price: Decimal
    fee: Decimal
    at: datetime


@dataclass(frozen=True, slots=True)
class DayTraded:
    """What a symbol's trades of one UTC day come to: net `quantity` in base, and `cash` in quote, fees taken off.

    Both are counted from the account: what is bought adds to the quantity, and takes from the cash.
    """

    symbol: Symbol
    day: date
    quantity: Decimal
    cash: Decimal


@dataclass(frozen=True, slots=True)
class PastPosition:
    """The net of all that was ever traded in a symbol: base, negative for a short one, and a price to value it at."""

    symbol: Symbol
    quantity: Decimal
    price: Decimal | None


@dataclass(frozen=True, slots=True)
class RestoreAccount:
    """Take over the account as the tables have it. `days` are the newest ones, which `positions` have in them.

    `events` are the account's journal.
    """

    positions: tuple[PastPosition, ...] = ()
    days: tuple[DayTraded, ...] = ()
    events: tuple[AccountEvent, ...] = ()


@dataclass(frozen=True, slots=True)
class MidSampled:
    """The mid at the end of the so-manieth sampling interval (see `domain.portfolio`). Each is told once, in order."""

    symbol: Symbol
    number: int
    mid: Decimal


@dataclass(frozen=True, slots=True)
class PairCorrelation:
    """How much two held symbols move together; None: too little is known."""

    one: Symbol
    other: Symbol
    correlation: Decimal | None


@dataclass(frozen=True, slots=True)
class AskPortfolio:
    """Asks how the account stands as a whole."""

    reply_to: Address[PortfolioSeen]


@dataclass(frozen=True, slots=True)
class PortfolioSeen:
    """Amounts in `currency`. `equity` is as of `equity_at`, when an order last came in; None before the first.

    `exposure` is the sum of what is held and intended, `correlated_exposure` the same as far as it moves together.
    """

    tier: TradingTier | None
    currency: str
    equity: Decimal | None
    equity_at: datetime | None
    exposure: Decimal
    correlated_exposure: Decimal
    pairs: tuple[PairCorrelation, ...]


class ParentEnded(Command):
    """Nothing of this parent order is to be traded any more: it is over, or was never begun."""

    execution_id: ExecutionId


class JudgeParent(Command):
    """Say whether an order of `quantity` (base) can be worked at all. `mid` is None where there is no quote yet.

    What is let begin counts as intended until it is filled, or `ParentEnded`. With `is_amendment` it runs already, and
    is asked whether it may have that `quantity`, filled included: the tier does not count, and nothing is intended by
    it until `AmendParent`.
    """

    execution_id: ExecutionId
    algo: Algo = Algo.TWAP
    symbol: Symbol
    side: Side
    quantity: Decimal
    mid: Decimal | None
    is_amendment: bool = False
    reply_to: SkipValidation[Address[ParentJudged]]


class ParentJudged(Message):
    """`reason` is None where it may begin, for `tier`; with `cut_by` for no more than `available_quantity` (base).

    `limit` and `actual`, in quote, are what was compared: for a correlation its strengths, with the symbol `other`;
    for a tier the equity in `currency`.
    """

    execution_id: ExecutionId
    reason: Reason | None = None
    limit: Decimal | None = None
    actual: Decimal | None = None
    tier: TradingTier | None = None
    currency: str | None = None
    other: Symbol | None = None
    cut_by: Reason | None = None
    available_quantity: Decimal | None = None


PortfolioMessage: TypeAlias = (
    JudgeParent | ParentEnded | MidSampled | AskPortfolio | AccountWritten | AccountNotWritten
)

RiskMessage: TypeAlias = (
    OrderMessage
    | VenueOutcome
    | SymbolDescribed
    | RestoreOrders
    | RestoreFills
    | RestoreAccount
    | PortfolioMessage
)
"""Everything the risk actor accepts."""
