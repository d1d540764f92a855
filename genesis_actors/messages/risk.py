"""What the risk actor accepts: it stands between the slicers and the venue, in both directions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TypeAlias

from genesis_actors.messages.venue import (
    OrderMessage,
    RestoreOrders,
    SymbolDescribed,
    VenueOutcome,
)
from genesis_actors.values import ClientOrderId, Symbol, TradeId


@dataclass(frozen=True, slots=True)
class RestoreFills:
    """Count what orders of earlier runs have filled, those of executions that have ended too, in the symbol's budget.

    `fills` are the trades that are recorded. `orders` are those of which more may be told, or has been said by the
    operator: what each has filled in all. What exceeds its trades counts as filled at `at`.
    """

    symbol: Symbol
    at: datetime
    fills: tuple[tuple[ClientOrderId, TradeId, datetime, Decimal], ...]
    orders: tuple[tuple[ClientOrderId, Decimal], ...] = ()


RiskMessage: TypeAlias = (
    OrderMessage | VenueOutcome | SymbolDescribed | RestoreOrders | RestoreFills
)
"""Everything the risk actor accepts."""
