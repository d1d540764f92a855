"""A made-up market: prices, books and trades as a function of seed, symbol and time alone.

Nothing is stored, so any moment can be asked for in any order. Everything is drawn and computed in integers (ticks,
lots, parts per billion), so that every machine and Python version makes the same market; decimals appear only in
what is handed out.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import blake2b
from math import isqrt

from genesis_actors.gateways.book import Level
from genesis_actors.gateways.listings import Listing
from genesis_actors.values import EXACT, Quote, Side, Trade

SLOTS = 4
"""Trades happen at this many moments of a step, the first of which is the touch's own."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_BILLION = 1_000_000_000
_SECOND_US = 1_000_000
_HOUR_US = 3_600 * _SECOND_US

_NEVER = -1 << 62  # The number of no step, cell or hour.

_OCTAVES = 20
"""The price wanders freely over up to 2**20 steps, and stays near its listing's beyond that."""
_FINE_OCTAVES = 7
_NORMAL_BITS = 17
_LOWEST_PRICE = -800_000_000  # In parts per billion of the listing's price.

_HOURS = (
    *(90, 86, 84, 76, 68, 64, 70, 92, 108, 106, 98, 96),
    *(106, 138, 164, 168, 150, 128, 112, 102, 96, 88, 80, 72),
)
"""The day's shape in UTC: a trough before dawn, peaks as Europe and then America open."""
_WEEKDAY, _WEEKEND = 114, 65
_DAYS = 5 * _WEEKDAY + 2 * _WEEKEND
_THURSDAY, _SATURDAY = 3, 5  # The epoch was a Thursday.

_SPREADS = (1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 4, 5)
_DEPTH = 20
_TOUCH_SECONDS = 3  # A touch holds what trades in this time on average.

_CANDIDATES = 16  # The most trades of one step.
_DRAWS = 1 << 16
_MOST_LIKELY = 60_000  # Of _DRAWS: no candidate is certain.
_TAIL = tuple(isqrt((1 << 40) // (2 * rank + 1)) for rank in range(256))
"""Trade sizes, unnormalised: a Pareto distribution with exponent 2, cut off at 16 times its mean."""
_TAIL_SUM = sum(_TAIL)


@dataclass(frozen=True, slots=True)
class Flow:
    """The trade flow of one hour: how likely each candidate trade is, and how large on average."""

    volume: int  # Lots expected in the hour.
    likelihood: int  # Of _DRAWS.
    mean_lots: int  # Times 2**20.


class SyntheticMarket:
    """One symbol's market on a grid of steps. Steps are numbered from the epoch."""

    def __init__(self, seed: int, listing: Listing, step: timedelta) -> None:
        self.listing = listing
        self.step = step
        self._step_us = step // _MICROSECOND
        self._offsets = tuple(step * slot // SLOTS for slot in range(SLOTS))
        self._hash = blake2b(f"{seed}:{listing.symbol}".encode())
        self._price_ticks = int(listing.price / listing.tick)
        self._daily_lots = int(listing.daily_volume / listing.lot)
        self._touch_lots = max(1, self._daily_lots * _TOUCH_SECONDS // 86_400)
        self._level_gap = self._price_ticks // 40_000  # A quarter of a basis point.
        self._displacements = [
            listing.volatility_ppb * isqrt((self._step_us << octave) // 4) // isqrt(_SECOND_US)
            for octave in range(_OCTAVES + 1)
        ]
        self._cells: list[tuple[int, int]] = [(_NEVER, 0)] * (_OCTAVES + 1)
        self._block = (_NEVER, 0, 0)
        self._hour = _NEVER
        self._flow = Flow(0, 0, 0)
        self._mid_step = _NEVER
        self._mid = 0

    def step_of(self, at: datetime) -> int:
        return (at - _EPOCH) // self.step

    def time_of(self, step: int) -> datetime:
        return _EPOCH + step * self.step

    def quote(self, step: int) -> Quote:
        bid, ask, draws = self._touch(step)
        bid_size, ask_size = struct.unpack_from("<2H", draws, 1)
        return Quote(
            self.time_of(step),
            self._price(bid),
            self._price(ask),
            self._quantity(self._touch_lots * (16_384 + bid_size) // 49_152),
            self._quantity(self._touch_lots * (16_384 + ask_size) // 49_152),
        )

    def levels(self, side: Side, step: int) -> Sequence[Level]:
        """Return the depth of one side of the book behind the touch, which is not part of it."""
        bid, ask, _ = self._touch(step)
        ticks, away = (bid, -1) if side is Side.BUY else (ask, 1)
        draws = self._draw("d" if side is Side.BUY else "e", step)
        levels: list[Level] = []
        for level in range(1, _DEPTH):
            gap, size = draws[2 * level], draws[2 * level + 1]
            ticks += away * (1 + self._level_gap * gap // 128)
            if ticks <= 0:
                break
            lots = self._touch_lots * (2 + level) * (64 + size) // 384
            levels.append((self._price(ticks), self._quantity(lots)))
        return levels

    def trades(self, step: int, quote: Quote) -> list[tuple[int, list[Trade]]]:
        """Return the trades of a step by slot. They meet its touch, and do not move it."""
        flow = self.flow(step * self._step_us // _HOUR_US)
        draws = self._draw("t", step)
        slots: list[tuple[int, list[Trade]]] = []
        for index, draw in enumerate(struct.unpack_from("<16H", draws)):
            if draw >= flow.likelihood:
                continue
            slot = index * SLOTS // _CANDIDATES
            if not slots or slots[-1][0] != slot:
                slots.append((slot, []))
            side = Side.BUY if draw & 1 else Side.SELL
            tail, spread = _TAIL[draws[32 + index]], 2 * draws[48 + index] + 257
            lots = max(1, flow.mean_lots * tail * spread * 256 // (_TAIL_SUM << 29))
            at = quote.at + self._offsets[slot]
            slots[-1][1].append(Trade(at, quote.touch(side), self._quantity(lots), side))
        return slots

    def expected_volume(self, hour: int) -> Decimal:
        """Return the volume in base that the hour (since the epoch) brings on average."""
        return self._quantity(self.flow(hour).volume)

    def flow(self, hour: int) -> Flow:
        if hour != self._hour:
            self._hour, self._flow = hour, self._flow_of(hour)
        return self._flow

    def _flow_of(self, hour: int) -> Flow:
        is_weekend = (hour // 24 + _THURSDAY) % 7 >= _SATURDAY
        noise = 80 + self._draw("h", hour)[0] * 40 // 255
        share = _HOURS[hour % 24] * (_WEEKEND if is_weekend else _WEEKDAY) * noise
        whole = sum(_HOURS) * _DAYS * 100
        volume = self._daily_lots * share * 7 // whole
        trades = self.listing.trades_per_day * share * 7 * self._step_us * _DRAWS
        likelihood = min(_MOST_LIKELY, max(1, trades // (whole * _HOUR_US * _CANDIDATES)))
        mean = ((volume * self._step_us) << 20) * _DRAWS // (_HOUR_US * _CANDIDATES * likelihood)
        return Flow(volume, likelihood, mean)

    def _touch(self, step: int) -> tuple[int, int, bytes]:
        """Return the best bid and ask in ticks, and the draws that their sizes are made of."""
        draws = self._draw("b", step)
        spread = _SPREADS[draws[0] & 15]
        if step != self._mid_step:
            self._mid_step, self._mid = step, self._mid_ticks(step)
        bid = max(1, self._mid - spread // 2)
        return bid, bid + spread, draws

    def _mid_ticks(self, step: int) -> int:
        """Return the price of a step: a random walk by midpoint displacement.

        Between the ends of the widest cell the price is a straight line; each octave then moves the
        middle of its cells up or down, and their edges not at all. So one draw per octave is enough
        for any step. The wide octaves only bend the line at the edges of blocks.
        """
        block = step >> _FINE_OCTAVES
        if self._block[0] != block:
            self._block = (block, self._at_edge(block), self._at_edge(block + 1))
        _, first, last = self._block
        moved = _on_line(first, last, step, _FINE_OCTAVES)
        moved += self._displaced(step, range(1, _FINE_OCTAVES + 1))
        return max(1, self._price_ticks * (_BILLION + max(moved, _LOWEST_PRICE)) // _BILLION)

    def _at_edge(self, block: int) -> int:
        step = block << _FINE_OCTAVES
        cell = step >> _OCTAVES
        reach = self._displacements[_OCTAVES]
        first, last = (
            reach * self._normal(_OCTAVES + 1, end) >> _NORMAL_BITS for end in (cell, cell + 1)
        )
        wide = self._displaced(step, range(_FINE_OCTAVES + 1, _OCTAVES + 1))
        return _on_line(first, last, step, _OCTAVES) + wide

    def _displaced(self, step: int, octaves: range) -> int:
        moved = 0
        for octave in octaves:
            number = step >> octave
            cell = self._cells[octave]
            if cell[0] != number:
                cell = (number, self._displacements[octave] * self._normal(octave, number))
                self._cells[octave] = cell
            width = 1 << octave
            inside = step & (width - 1)
            moved += cell[1] * min(inside, width - inside) >> (octave - 1 + _NORMAL_BITS)
        return moved

    def _normal(self, octave: int, number: int) -> int:
        """Return a nearly normal draw, twelve even ones added up, with a deviation of 2**17."""
        return 2 * sum(struct.unpack_from("<12H", self._draw(f"p{octave}", number))) - 12 * 65_535

    def _draw(self, purpose: str, number: int) -> bytes:
        drawn = self._hash.copy()
        drawn.update(f":{purpose}:{number}".encode())
        return drawn.digest()

    def _price(self, ticks: int) -> Decimal:
        return EXACT.multiply(self.listing.tick, ticks)

    def _quantity(self, lots: int) -> Decimal:
        return EXACT.multiply(self.listing.lot, max(1, lots))


def _on_line(first: int, last: int, step: int, octave: int) -> int:
    """Return where the line through a cell's ends is at `step`."""
    inside = step & ((1 << octave) - 1)
    return first + ((last - first) * inside >> octave)
