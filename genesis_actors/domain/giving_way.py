"""Who gives way where two of our own orders would trade with each other: what rests, to what has to trade now.

A resting order would be posted again as soon as it is taken back, and meet the same order at its next try. So for a
while nothing of ours is posted on that side.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from genesis_actors.domain.limits import APPROVED, RiskDecision
from genesis_actors.messages.venue import PlaceOrder
from genesis_actors.values import Reason, Side, Symbol

WAY_IS_CLEAR_FOR: Final = timedelta(seconds=12)
"""Somewhat longer than a refused slice waits until it tries again."""


class GivingWay:
    """Which sides of which symbols nothing may be posted on, and until when."""

    def __init__(self) -> None:
        self._awaited: dict[tuple[Symbol, Side], tuple[datetime, Decimal]] = {}

    def wait_for(self, order: PlaceOrder, now: datetime) -> None:
        """Keep the way clear for `order`, which was refused because something of ours rested in it."""
        self._awaited[order.symbol, order.side] = (now + WAY_IS_CLEAR_FOR, order.price)

    def passed(self, order: PlaceOrder) -> None:
        """Take note that an order goes out; one that takes is not waited for any longer."""
        if not order.resting:
            self._awaited.pop((order.symbol, order.side), None)

    def judge(self, order: PlaceOrder, now: datetime) -> RiskDecision:
        """Refuse to post what would be in the way; its numbers are the price that is waited for, and its own."""
        if not order.resting:
            return APPROVED
        awaited = self._awaited.get((order.symbol, _OTHER[order.side]))
        if awaited is None or now >= awaited[0] or order.side.is_worse(awaited[1], order.price):
            return APPROVED
        return RiskDecision(Reason.SELF_TRADE, awaited[1], order.price)


_OTHER: Final = {Side.BUY: Side.SELL, Side.SELL: Side.BUY}
