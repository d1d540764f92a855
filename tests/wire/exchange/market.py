"""The others: a market that is a function of seed, symbol and time, so that nobody has to run it.

Prices follow a few slow waves, levels are drawn anew every second, and trades are drawn per minute.
Only what was done to it from outside is remembered: what we took, and what a test moved.
"""

from __future__ import annotations

import math
import random
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Literal

from tests.wire.exchange.symbols import Symbol

Side = Literal["BUY", "SELL"]
MINUTE = 60_000


@dataclass(frozen=True, slots=True)
class Temper:
    """How lively a market is. A still one has constant prices and levels, and nobody else trades."""

    swing: float = 0.002  # Largest distance from the base price, relative to it.
    spread_ticks: int = 2
    levels: int = 20
    level_share: float = 0.02  # Mean size of a level, as a share of a usual minute's volume.
    trades_per_minute: int = 120
    refresh_ms: int = 1000  # What was taken from a level is back after this long.

    @classmethod
    def still(cls) -> Temper:
        return cls(swing=0.0, trades_per_minute=0, refresh_ms=10**15)


@dataclass(frozen=True, slots=True)
class Print:
    """One public trade."""

    trade_id: int
    at: int
    price: Decimal
    quantity: Decimal
    taker: Side


@dataclass(frozen=True, slots=True)
class Candle:
    at: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    trades: int


Level = tuple[Decimal, Decimal]


class Market:
    def __init__(self, symbol: Symbol, seed: int, temper: Temper) -> None:
        self.symbol = symbol
        self.temper = temper
        self._shifts: list[tuple[int, int]] = []
        self.printed: list[Print] = []  # Our own trades, and those a test has asked for.
        self._seed = f"{seed}/{symbol.id}"
        self._taken: dict[tuple[int, Side, Decimal], Decimal] = {}
        dice = random.Random(self._seed)
        self._waves = [(period, dice.uniform(0, math.tau)) for period in (47.0, 613.0, 7919.0)]
        self._minute = lru_cache(maxsize=2048)(self._draw_minute)

    def move(self, at: int, ticks: int) -> None:
        """From now on every price is this much higher, or lower."""
        self._shifts.append((at, ticks))
        self._minute.cache_clear()

    def mid_ticks(self, at: int) -> int:
        return self._wave_ticks(at) + self._shift_ticks(at)

    def touch(self, at: int, side: Side) -> Decimal:
        """Best bid for SELL, best ask for BUY: the price that a taker of this side pays."""
        ticks = self._wave_ticks(self._epoch(at) * self.temper.refresh_ms) + self._shift_ticks(at)
        half = self.temper.spread_ticks // 2
        return self.symbol.tick * (ticks + half if side == "BUY" else max(1, ticks - half))

    def offered(self, at: int, taker: Side) -> Iterator[Level]:
        """What a taker of this side meets, best first, without what was taken since the last draw."""
        epoch = self._epoch(at)
        best = self.touch(at, taker)
        step = self.symbol.tick if taker == "BUY" else -self.symbol.tick
        dice = random.Random(f"{self._seed}/{epoch}/{taker}")
        mean = max(1.0, self.symbol.step_volume * self.temper.level_share)
        for number in range(self.temper.levels):
            size = self.symbol.step * max(1, int(mean * dice.uniform(0.3, 1.7)))
            price = best + number * step
            left = size - self._taken.get((epoch, taker, price), Decimal(0))
            if price > 0 and left > 0:
                yield price, left

    def take(self, at: int, taker: Side, price: Decimal, quantity: Decimal) -> None:
        key = (self._epoch(at), taker, price)
        self._taken[key] = self._taken.get(key, Decimal(0)) + quantity

    def tape(self, after: int, until: int) -> list[Print]:
        """Every public trade of (after, until], ours included."""
        others = self.others(after, until)
        ours = [trade for trade in self.printed if after < trade.at <= until]
        return sorted(others + ours, key=lambda trade: trade.trade_id)

    def others(self, after: int, until: int) -> list[Print]:
        minutes = range(after // MINUTE, until // MINUTE + 1)
        return [t for m in minutes for t in self._minute(m) if after < t.at <= until]

    def newest(self, until: int, count: int) -> list[Print]:
        found: list[Print] = []
        for back in range(1, 60):
            found = self.tape(until - back * MINUTE, until)
            if len(found) >= count:
                break
        return found[-count:]

    def candles(self, first: int, until: int, width: int) -> list[Candle]:
        """Candles of `width` milliseconds that open at or after `first`, up to `until`."""
        starts = range(-(-first // width) * width, until + 1, width)
        return [self._candle(start, min(until, start + width - 1), width) for start in starts]

    def _candle(self, start: int, until: int, width: int) -> Candle:
        samples = range(start, until + 1, max(1, min(width, 1_800_000) // 12))
        prices = [self.symbol.tick * self.mid_ticks(at) for at in samples]
        ours = [trade for trade in self.printed if start <= trade.at <= until]
        prices += [trade.price for trade in ours]
        volume, trades = sum((t.quantity for t in ours), Decimal(0)), len(ours)
        for minute in range(start // MINUTE, until // MINUTE + 1):
            if (minute + 1) * MINUTE > until + 1:  # Not over yet.
                told = [t for t in self._minute(minute) if start <= t.at <= until]
                volume, trades = volume + sum(t.quantity for t in told), trades + len(told)
            else:
                steps, count = self._figures(minute)
                volume, trades = volume + self.symbol.step * steps, trades + count
        return Candle(start, prices[0], max(prices), min(prices), prices[-1], volume, trades)

    def _figures(self, minute: int) -> tuple[int, int]:
        """Volume in steps and number of trades of a minute: cheap, because weeks of them are asked for."""
        mean = self.temper.trades_per_minute
        if mean == 0:
            return 0, 0
        day = 1 + 0.6 * math.sin(math.tau * (minute % 1440) / 1440)
        steps = int(self.symbol.step_volume * day * (0.6 + 0.8 * self._draw("volume", minute)))
        count = min(max(1, int(mean * (0.7 + 0.6 * self._draw("trades", minute)))), max(1, steps))
        return max(steps, count), count

    def _draw(self, what: str, minute: int) -> float:
        """Uniform in [0, 1); a tenth of the price of seeding dice."""
        return zlib.crc32(f"{self._seed}/{what}/{minute}".encode()) / 2**32

    def _draw_minute(self, minute: int) -> tuple[Print, ...]:
        steps, count = self._figures(minute)
        if count == 0:
            return ()
        dice = random.Random(f"{self._seed}/{minute}")
        times = sorted(dice.randrange(MINUTE) for _ in range(count))
        cuts = sorted(dice.sample(range(1, steps), count - 1))
        sizes = [b - a for a, b in zip([0, *cuts], [*cuts, steps], strict=True)]
        rows = enumerate(zip(times, sizes, strict=True))
        return tuple(self._print(minute * MINUTE + t, n, size, dice) for n, (t, size) in rows)

    def _print(self, at: int, number: int, steps: int, dice: random.Random) -> Print:
        taker: Side = "BUY" if dice.random() < 0.5 else "SELL"
        return Print(
            # Ids grow with time; those of one millisecond are told apart by the last digits.
            trade_id=at * 1000 + number % 500,
            at=at,
            price=self.touch(at, taker),
            quantity=self.symbol.step * steps,
            taker=taker,
        )

    def _wave_ticks(self, at: int) -> int:
        base = int(self.symbol.price / self.symbol.tick)
        waves = sum(math.sin(math.tau * at / 1000 / p + phase) for p, phase in self._waves)
        return base + round(base * self.temper.swing * waves / 3)

    def _shift_ticks(self, at: int) -> int:
        return sum(ticks for since, ticks in self._shifts if since <= at)

    def _epoch(self, at: int) -> int:
        return at // self.temper.refresh_ms
