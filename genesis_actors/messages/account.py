"""What can happen to the account as a whole. These events are a journal of their own: its tier is their fold."""

from __future__ import annotations

from decimal import Decimal
from typing import Final, TypeAlias

from genesis_actors.messages.base import Event
from genesis_actors.values import TradingTier

ACCOUNT_AGGREGATE: Final = "account"
"""The aggregate id of these events. No execution is named so: their ids have more characters."""


class TierChanged(Event):
    """The account has another tier from now on, or its first. Nothing else changes a tier.

    `equity` is what it was worth then, in `currency`; `threshold` is what that has reached, or has fallen below.
    `is_override` says that the operator has named the tier, whatever the equity.
    """

    before: TradingTier | None
    after: TradingTier
    equity: Decimal
    currency: str
    threshold: Decimal
    is_override: bool = False


AccountEvent: TypeAlias = TierChanged
