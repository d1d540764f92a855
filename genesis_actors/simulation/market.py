"""One symbol's market: a walk of quotes and trades, with halts, dead hours, missing rows and jumps.

Everything is drawn and kept in whole ticks and lots; decimals appear in what is handed out. It goes on whether anybody
listens or not.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum, auto

from genesis_actors.messages.market_data import MarketRows
from genesis_actors.simulation.faults import Dice, Faults
from genesis_actors.values import EXACT, MarketRules, Quote, Side, Symbol, Trade

STEP = timedelta(seconds=2)
HISTORY = timedelta(minutes=4)
LEVELS = 3

_FEE = Decimal("0.001")
_LONGEST_MOOD_SECONDS = 40.0


class Mood(Enum):
    """What the market is like for a while."""

    NORMAL = auto()
    DEAD = auto()  # Quotes, and nobody trades.
    HALTED = auto()  # No quotes, no trades, and orders are rejected.
    UNHEARD = auto()  # It goes on, but its rows do not reach us.
    BUSY = auto()


@dataclass(frozen=True, slots=True)
class Listing:
    rules: MarketRules
    price_ticks: int
    lots_per_step: int
    swing_ticks: int


def _listing(
    symbol: str, price: int, tick: str, lot: str, lots_per_step: int, swing: int
) -> Listing:
    base, _, quote = symbol.partition("/")
    rules = MarketRules(
        symbol=Symbol(symbol),
        base=base,
        quote=quote,
        lot=Decimal(lot),
        tick=Decimal(tick),
        min_notional=Decimal(5),
        taker_fee=_FEE,
        maker_fee=_FEE,
    )
    return Listing(rules, price, lots_per_step, swing)


LISTINGS = (
    _listing("BTC/USDT", 6_000_000, "0.01", "0.00001", 60_000, 400),
    _listing("ETH/USDT", 250_000, "0.01", "0.0001", 80_000, 30),
    _listing("XRP/USDT", 60_000, "0.00001", "0.1", 100_000, 8),
    _listing("SOL/USDT", 15_000, "0.01", "0.001", 90_000, 3),
)


class Market:
    """The market of one symbol, step by step."""

    def __init__(self, listing: Listing, dice: Dice, start: datetime) -> None:
        self.rules = listing.rules
        self.mood = Mood.NORMAL
        self.next_at = start
        self.quote: Quote | None = None
        self._listing = listing
        self._dice = dice
        self._bid = listing.price_ticks
        self._spread = 1
        self._left = {Side.BUY: 0, Side.SELL: 0}
        self._mood_until = start
        self._next_mood_at: datetime | None = None
        self._times: list[datetime] = []
        self._volume = [0]
        self._rows: list[MarketRows] = []

    def step(self, faults: Faults) -> tuple[MarketRows | None, tuple[Trade, ...]]:
        """Let the next instant happen; return its row, None where nobody hears of it, and its trades."""
        at = self.next_at
        self.next_at = at + STEP
        self._change_mood(at, faults)
        if self.mood is Mood.HALTED:
            self.quote = None
            return None, ()
        self._walk(at)
        trades = self._trades(at)
        row = MarketRows(self.rules.symbol, at, self.quote, trades)
        if self.mood is Mood.UNHEARD:
            return None, trades
        self._rows.append(row)
        if len(self._rows) > 2 * (HISTORY // STEP):
            del self._rows[: HISTORY // STEP]
        return row, trades

    def rows_since(self, start: datetime) -> tuple[MarketRows, ...]:
        return tuple(row for row in self._rows if row.at >= start)

    def volume(self, after: datetime, until: datetime) -> Decimal:
        """Return the exact volume of (after, until]."""
        first, last = bisect_right(self._times, after), bisect_right(self._times, until)
        return self._quantity(self._volume[last] - self._volume[first])

    def levels(self, side: Side) -> list[tuple[int, int]]:
        """Return price in ticks and lots of what an order of `side` meets, best first, less what was taken."""
        if self.quote is None:
            return []
        away, best = (1, self._bid + self._spread) if side is Side.BUY else (-1, self._bid)
        gap = max(1, self._listing.swing_ticks // 4)
        touch = self._left[side]
        behind = self._listing.lots_per_step // 8
        return [(best, touch)] + [
            (best + away * gap * level, behind * level) for level in range(1, LEVELS)
        ]

    def take(self, side: Side, lots: int) -> None:
        """Take from the touch; what lies behind it is there again for the next order."""
        self._left[side] = max(0, self._left[side] - lots)

    def price(self, ticks: int) -> Decimal:
        return EXACT.multiply(self.rules.tick, ticks)

    def _quantity(self, lots: int) -> Decimal:
        return EXACT.multiply(self.rules.lot, lots)

    def _change_mood(self, at: datetime, faults: Faults) -> None:
        if not faults.market_every:
            self.mood, self._next_mood_at = Mood.NORMAL, None
            return
        if self._next_mood_at is None:
            self._next_mood_at = at + self._dice.pause(faults.market_every)
        if self.mood is not Mood.NORMAL and at >= self._mood_until:
            self.mood = Mood.NORMAL
        if at < self._next_mood_at:
            return
        self._next_mood_at = at + self._dice.pause(faults.market_every)
        if self._dice.random.random() < 0.2:  # noqa: PLR2004 - one in five
            self._dice.counts["price_jump"] += 1
            jump = self._bid * self._dice.random.choice((1, 2, 5)) // 100
            self._bid += jump if self._dice.random.random() < 0.5 else -jump  # noqa: PLR2004
            return
        self.mood = self._dice.random.choice((Mood.DEAD, Mood.HALTED, Mood.UNHEARD, Mood.BUSY))
        self._dice.counts[f"market_{self.mood.name.lower()}"] += 1
        self._mood_until = at + self._dice.seconds(4, _LONGEST_MOOD_SECONDS)

    def _walk(self, at: datetime) -> None:
        draw, swing = self._dice.random.randrange, self._listing.swing_ticks
        self._bid = max(10 * swing, self._bid + draw(2 * swing + 1) - swing)
        self._spread = 1 + draw(3)
        touch = max(1, self._listing.lots_per_step // 4)
        self._left = {side: 1 + draw(touch) for side in (Side.BUY, Side.SELL)}
        self.quote = Quote(
            at,
            self.price(self._bid),
            self.price(self._bid + self._spread),
            self._quantity(self._left[Side.SELL]),
            self._quantity(self._left[Side.BUY]),
        )

    def _trades(self, at: datetime) -> tuple[Trade, ...]:
        if self.mood is Mood.DEAD or self.quote is None:
            return ()
        draw = self._dice.random.randrange
        lots = 1 + draw(2 * self._listing.lots_per_step)
        if self.mood is Mood.BUSY:
            lots *= 5
        side = Side.BUY if draw(2) else Side.SELL
        self._times.append(at)
        self._volume.append(self._volume[-1] + lots)
        return (Trade(at, self.quote.touch(side), self._quantity(lots), side),)
