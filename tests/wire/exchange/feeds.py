"""The public book as a sequence of numbered changes, so that a snapshot and a stream fit together."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from decimal import Decimal

from tests.wire.exchange.engine import OTHER, Engine
from tests.wire.exchange.market import Market

Levels = dict[Decimal, Decimal]


def levels(engine: Engine, market: Market, now: int) -> tuple[Levels, Levels]:
    """Both sides, best first: what the others offer, and our own resting orders among it."""
    sides: list[Levels] = []
    for own, taker in OTHER.items():
        sizes = dict(market.offered(now, taker))
        for account in engine.accounts:
            for order in account.open_orders():
                if order.symbol == market.symbol and order.side == own:
                    sizes[order.price] = sizes.get(order.price, Decimal(0)) + order.remaining
        sides.append(dict(sorted(sizes.items(), reverse=own == "BUY")))
    return sides[0], sides[1]


@dataclass(frozen=True, slots=True)
class Change:
    update_id: int
    at: int
    bids: Levels  # New sizes; zero where a level is gone.
    asks: Levels


class Feed:
    def __init__(self, market: Market) -> None:
        self.market = market
        self.update_id = 1_000_000
        self.bids: Levels = {}
        self.asks: Levels = {}
        self._changes: deque[Change] = deque(maxlen=2000)

    def look(self, engine: Engine, now: int) -> None:
        """Number what has changed since somebody looked last."""
        bids, asks = levels(engine, self.market, now)
        change = Change(
            self.update_id + 1, now, _changed(self.bids, bids), _changed(self.asks, asks)
        )
        if change.bids or change.asks:
            self.bids, self.asks = bids, asks
            self.update_id += 1
            self._changes.append(change)

    def since(self, update_id: int) -> list[Change]:
        return [change for change in self._changes if change.update_id > update_id]


def _changed(before: Levels, after: Levels) -> Levels:
    gone = {price: Decimal(0) for price in before if price not in after}
    return gone | {price: size for price, size in after.items() if before.get(price) != size}
