"""What the risk actor accepts: it stands between the slicers and the venue, in both directions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TypeAlias

from pydantic import SkipValidation

from genesis_actors.messages.base import Address, Command, Message
from genesis_actors.messages.venue import (
    OrderMessage,
    RestoreOrders,
    SymbolDescribed,
    VenueOutcome,
)
from genesis_actors.values import ClientOrderId, ExecutionId, Reason, Side, Symbol, TradeId


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
class PastPosition:
    """The net of all that was ever traded in a symbol: base, negative for a short one, and a price to value it at."""

    symbol: Symbol
    quantity: Decimal
    price: Decimal | None


@dataclass(frozen=True, slots=True)
class RestoreAccount:
    """Take over the account as the tables have it. `trades` are the newest day's, which `positions` have in them."""

    positions: tuple[PastPosition, ...] = ()
    trades: tuple[Traded, ...] = ()


class JudgeParent(Command):
    """Say whether an order of `quantity` (base) can be worked at all. `mid` is None where there is no quote yet."""

    execution_id: ExecutionId
    symbol: Symbol
    side: Side
    quantity: Decimal
    mid: Decimal | None
    reply_to: SkipValidation[Address[ParentJudged]]


class ParentJudged(Message):
    """`reason` is None where it may begin. `limit` and `actual`, in quote, are what was compared."""

    execution_id: ExecutionId
    reason: Reason | None = None
    limit: Decimal | None = None
    actual: Decimal | None = None


RiskMessage: TypeAlias = (
    OrderMessage
    | VenueOutcome
    | SymbolDescribed
    | RestoreOrders
    | RestoreFills
    | RestoreAccount
    | JudgeParent
)
"""Everything the risk actor accepts."""
