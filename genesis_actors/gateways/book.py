"""What one symbol's order book shows, less what we took from it. Our own orders are not in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import TypeAlias

from genesis_actors.values import ZERO, Quote, Side, Trade

Level: TypeAlias = tuple[Decimal, Decimal]
"""Price and quantity."""

Levels: TypeAlias = Callable[[], Sequence[Level]]
"""One side of a depth snapshot. Few snapshots meet an order, so it is read when one comes."""


class BookSide:
    """The bids (side BUY) or the asks (side SELL) of one symbol."""

    def __init__(self, side: Side) -> None:
        self.side = side
        self._levels: Levels = tuple
        self._snapshot: Sequence[Level] | None = None
        self._taken: dict[Decimal, Decimal] = {}

    def lay_depth(self, levels: Levels) -> None:
        """Begin a new depth snapshot: nothing has been taken from it yet."""
        self._levels = levels
        self._snapshot = None
        self.forget_taken()

    def forget_taken(self) -> None:
        if self._taken:
            self._taken.clear()

    def take(self, price: Decimal, quantity: Decimal) -> None:
        self._taken[price] = self._taken.get(price, ZERO) + quantity

    def shown(self, touch: Level | None) -> Iterator[Level]:
        """Yield the snapshot's levels, best first, with `touch` laid on them: none is better."""
        if touch is not None:
            yield touch
        if self._snapshot is None:
            self._snapshot = sorted(self._levels(), reverse=self.side is Side.BUY)
        for level in self._snapshot:
            if touch is None or self.is_behind(level[0], touch[0]):
                yield level

    def is_behind(self, price: Decimal, other: Decimal) -> bool:
        """Tell whether `price` has its turn later than `other`: lower for bids, higher for asks."""
        return price < other if self.side is Side.BUY else price > other

    def left(self, level: Level) -> Decimal:
        price, quantity = level
        return max(ZERO, quantity - self._taken.get(price, ZERO))


class OrderBook:
    """The newest touch laid on the newest depth snapshot of one symbol.

    What we took comes back with the next snapshot; where the source has none, with the next touch.
    """

    def __init__(self, *, has_depth: bool) -> None:
        self.bids = BookSide(Side.BUY)
        self.asks = BookSide(Side.SELL)
        self.quote: Quote | None = None
        self.last_trade: Trade | None = None
        self._has_depth = has_depth

    def side(self, side: Side) -> BookSide:
        return self.bids if side is Side.BUY else self.asks

    def lay_touch(self, quote: Quote) -> None:
        self.quote = quote
        if not self._has_depth:
            self.bids.forget_taken()
            self.asks.forget_taken()

    def touch(self, side: Side) -> Level | None:
        """Return the best level of `side`; one without a size has the last trade's quantity."""
        if self.quote is None:
            return None
        is_bid = side is Side.BUY
        quantity = self.quote.bid_size if is_bid else self.quote.ask_size
        if quantity is None:
            quantity = ZERO if self.last_trade is None else self.last_trade.quantity
        return (self.quote.bid if is_bid else self.quote.ask), quantity

    def shown(self, side: Side) -> Iterator[Level]:
        return self.side(side).shown(self.touch(side))

    def available(self, side: Side) -> Iterator[Level]:
        """Yield what is shown, less what we took."""
        half = self.side(side)
        for level in self.shown(side):
            yield level[0], half.left(level)

    def shown_at(self, side: Side, price: Decimal) -> Decimal:
        return next((quantity for level, quantity in self.shown(side) if level == price), ZERO)
