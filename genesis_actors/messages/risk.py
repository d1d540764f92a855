"""What the risk actor accepts: it stands between the slicers and the venue, in both directions."""

from __future__ import annotations

from typing import TypeAlias

from genesis_actors.messages.venue import OrderMessage, OrderOutcome, SymbolDescribed

RiskMessage: TypeAlias = OrderMessage | OrderOutcome | SymbolDescribed
"""Everything the risk actor accepts."""
