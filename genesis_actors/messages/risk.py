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
    """Count these trades of earlier runs, those of executions that have ended too, in the symbol's budget."""

    symbol: Symbol
    fills: tuple[tuple[ClientOrderId, TradeId, datetime, Decimal], ...]


RiskMessage: TypeAlias = (
    OrderMessage | VenueOutcome | SymbolDescribed | RestoreOrders | RestoreFills
)
"""Everything the risk actor accepts."""
