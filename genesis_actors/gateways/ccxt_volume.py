"""The market's volume without ours: a venue's trades include our own, and those must not make room for more of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from genesis_actors.gateways.ccxt_parsing import MarketTrade
from genesis_actors.values import ZERO, ClientOrderId, Trade, TradeId, exact

LONGEST_HOLD = timedelta(seconds=5)
"""So long trades wait for the outcome of an order of ours that may be in them; then they count without all of it."""

_BEFORE = timedelta(seconds=1)


@dataclass(slots=True)
class _Order:
    sent_at: datetime
    left: Decimal
    is_deducted: bool = False
    deducted: Decimal = ZERO
    trades: set[TradeId] = field(default_factory=set[TradeId])


class OthersVolume:
    """One symbol's public trades, less what is ours. Whatever is unclear makes the volume smaller, never larger."""

    def __init__(self) -> None:
        self._orders: dict[ClientOrderId, _Order] = {}
        self._owed = ZERO  # What of ours has not been taken off yet.
        self._held: list[tuple[datetime, MarketTrade]] = []

    def sent(self, name: ClientOrderId, quantity: Decimal, at: datetime) -> None:
        self._orders[name] = _Order(at, quantity)

    @exact
    def filled(self, name: ClientOrderId, trade_id: TradeId, quantity: Decimal) -> None:
        """Take a trade of ours off what the market shows, once."""
        order = self._orders.get(name)
        if order is None or trade_id in order.trades:
            return  # One of an earlier run is in trades that were never read.
        order.trades.add(trade_id)
        order.left -= quantity
        ahead = min(order.deducted, quantity)
        order.deducted -= ahead
        self._owed += quantity - ahead

    @exact
    def closed(self, name: ClientOrderId) -> None:
        """It trades no more, and all its trades are known."""
        order = self._orders.pop(name, None)
        if order is not None:
            self._owed = max(self._owed - order.deducted, ZERO)

    @exact
    def take(self, trades: Iterable[MarketTrade], now: datetime) -> list[Trade]:
        """Return what may be counted by now, oldest first, without what is ours."""
        self._held += ((now, trade) for trade in trades)
        open_since = [o.sent_at for o in self._orders.values() if not o.is_deducted]
        if self._held and open_since and self._held[0][0] + LONGEST_HOLD <= now:
            for order in self._orders.values():
                if not order.is_deducted:
                    order.is_deducted, order.deducted = True, max(order.left, ZERO)
                    self._owed += order.deducted
            open_since = []
        until = min(open_since) - _BEFORE if open_since else None
        free = [t for _, t in self._held if until is None or t.trade.at < until]
        self._held = [(at, t) for at, t in self._held if until is not None and t.trade.at >= until]
        return [trade for each in free if (trade := self._less_ours(each.trade)) is not None]

    def _less_ours(self, trade: Trade) -> Trade | None:
        ours = min(self._owed, trade.quantity)
        self._owed -= ours
        left = trade.quantity - ours
        return replace(trade, quantity=left) if left > ZERO else None
