"""What the risk actor accepts: it stands between the slicers and the venue, in both directions."""

from __future__ import annotations

from decimal import Decimal
from typing import TypeAlias

from pydantic import AwareDatetime

from genesis_actors.messages.base import Command, Message
from genesis_actors.messages.venue import OrderMessage, OrderOutcome, SymbolDescribed
from genesis_actors.values import ClientOrderId, Symbol


class PastUse(Message):
    """What one child of an earlier run has filled and may still fill, in base."""

    client_order_id: ClientOrderId
    fills: tuple[tuple[AwareDatetime, Decimal], ...]
    reserved_quantity: Decimal


class RestoreUse(Command):
    """Take over what a recovered execution uses of its symbol. Sent after its symbol is described, before it runs."""

    symbol: Symbol
    children: tuple[PastUse, ...]


RiskMessage: TypeAlias = OrderMessage | OrderOutcome | SymbolDescribed | RestoreUse
"""Everything the risk actor accepts."""
