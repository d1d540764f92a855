"""What the files of one recorded symbol hold: trades, book, depth and candles, checked on reading."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from heapq import merge
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from genesis_actors.gateways.book import Level, Levels
from genesis_actors.gateways.csv_files import (
    BOOK_HEADER,
    CANDLES_HEADER,
    DEPTH_HEADER,
    MAX_DIGITS,
    TRADES_HEADER,
    Notes,
    Rows,
    refuse_row,
)
from genesis_actors.gateways.venue import SourceError
from genesis_actors.values import Quote, Side, Trade, time_text

GAP = timedelta(seconds=60)
"""A recording without trades and touches for longer than this has a gap."""

_MAX_GAP_WARNINGS = 5
_NO_TIME = timedelta(0)

_NUMBER = rf"\d{{1,{MAX_DIGITS}}}(?:\.\d{{1,{MAX_DIGITS}}})?(?:[eE][+-]?0?[12]?\d)?"
_TIME = rf"\d{{1,{MAX_DIGITS}}}"
_LEVEL = rf"(?=[\d.]*[1-9]){_NUMBER}:{_NUMBER}"  # The price is not zero.
_TRADE = re.compile(rf"({_TIME}),({_NUMBER}),({_NUMBER}),(buy|sell|)\r?", re.ASCII)
_BOOK = re.compile(rf"({_TIME}),({_NUMBER}),({_NUMBER}|),({_NUMBER}),({_NUMBER}|)\r?", re.ASCII)
_DEPTH = re.compile(rf"({_TIME}),([ab]),((?:{_LEVEL}(?: {_LEVEL})*)?)\r?", re.ASCII)
_CANDLE = re.compile(rf"({_TIME}),{_NUMBER},{_NUMBER},{_NUMBER},{_NUMBER},({_NUMBER})\r?", re.ASCII)

_TAKER_SIDES = {"buy": Side.BUY, "sell": Side.SELL, "": None}
_BOOK_SIDES = {"b": Side.BUY, "a": Side.SELL}


class DepthRow(NamedTuple):
    """One side of a snapshot. Its form is checked; its levels are read when an order needs them."""

    at: datetime
    side: Side
    levels: Levels


class Candle(NamedTuple):
    """The volume of one bar, which opens at `at`."""

    at: datetime
    volume: Decimal


@dataclass(frozen=True, slots=True)
class Recording:
    """Rows by time, those of one instant as in their file. `bar` is the length of a candle."""

    trades: Sequence[Trade]
    book: Sequence[Quote]
    depth: Sequence[DepthRow] | None
    candles: Sequence[Candle]
    bar: timedelta
    warnings: tuple[str, ...]
    digests: Mapping[str, str]
    """What tells the content of each of its files from any other."""

    @property
    def first_at(self) -> datetime:
        return min(self.trades[0].at, self.book[0].at)

    @property
    def last_at(self) -> datetime:
        return max(self.trades[-1].at, self.book[-1].at)

    @classmethod
    def read(
        cls, trades: Path, book: Path, depth: Path | None = None, candles: Path | None = None
    ) -> Recording:
        notes = Notes()
        trade_rows = _read_trades(trades, notes)
        book_rows = _read_book(book, notes)
        _check_overlap(trades, trade_rows, book, book_rows)
        depth_rows = None
        if depth is not None:
            depth_rows = _read_depth(depth, notes)
            _check_overlap(trades, trade_rows, depth, depth_rows)
        bars, bar = ((), timedelta(0)) if candles is None else _read_candles(candles, notes)
        notes.warnings.extend(_gaps(trade_rows, book_rows))
        notes.warnings.extend(_gaps_alone(trades, "trade", [row.at for row in trade_rows]))
        notes.warnings.extend(_gaps_alone(book, "touch", [row.at for row in book_rows]))
        return cls(
            trade_rows, book_rows, depth_rows, bars, bar, tuple(notes.warnings), notes.digests
        )


def _read_trades(path: Path, notes: Notes) -> list[Trade]:
    rows = Rows[Trade](path, "trades", notes)
    for number, line in rows.lines(TRADES_HEADER):
        match = _TRADE.fullmatch(line)
        if match is None:
            refuse_row(path, number, line, TRADES_HEADER)
        ms, price_text, amount, side = match.groups()
        price, quantity = Decimal(price_text), Decimal(amount)
        if not price:
            refuse_row(path, number, line, TRADES_HEADER)
        if quantity:
            rows.append(Trade(rows.time(ms, number), price, quantity, _TAKER_SIDES[side]))
        else:
            rows.skip("with no amount", number)
    return rows.in_order()


def _read_book(path: Path, notes: Notes) -> list[Quote]:
    rows = Rows[Quote](path, "book", notes)
    for number, line in rows.lines(BOOK_HEADER):
        match = _BOOK.fullmatch(line)
        if match is None:
            refuse_row(path, number, line, BOOK_HEADER)
        ms, bid_text, bid_size, ask_text, ask_size = match.groups()
        bid, ask = Decimal(bid_text), Decimal(ask_text)
        if not bid or not ask:
            refuse_row(path, number, line, BOOK_HEADER)
        if bid < ask:
            at = rows.time(ms, number)
            rows.append(Quote(at, bid, ask, _size(bid_size), _size(ask_size)))
        else:
            rows.skip(f"with a {'locked' if bid == ask else 'crossed'} book", number)
    return rows.in_order()


def _size(text: str) -> Decimal | None:
    return Decimal(text) if text else None


def _read_depth(path: Path, notes: Notes) -> list[DepthRow]:
    rows = Rows[DepthRow](path, "depth", notes)
    for number, line in rows.lines(DEPTH_HEADER):
        match = _DEPTH.fullmatch(line)
        if match is None:
            refuse_row(path, number, line, DEPTH_HEADER)
        ms, side, levels = match.groups()
        at = rows.time(ms, number)
        rows.append(DepthRow(at, _BOOK_SIDES[side], partial(_levels_of, levels)))
    return rows.in_order()


def _levels_of(text: str) -> Sequence[Level]:
    levels: list[Level] = []
    for level in text.split():
        price, _, quantity = level.partition(":")
        levels.append((Decimal(price), Decimal(quantity)))
    return levels


def _read_candles(path: Path, notes: Notes) -> tuple[Sequence[Candle], timedelta]:
    """Return the bars and their length: the shortest step between two of them."""
    rows = Rows[Candle](path, "candles", notes)
    for number, line in rows.lines(CANDLES_HEADER):
        match = _CANDLE.fullmatch(line)
        if match is None:
            refuse_row(path, number, line, CANDLES_HEADER)
        rows.append(Candle(rows.time(match[1], number), Decimal(match[2])))
    candles = rows.in_order()
    bar = min((after.at - before.at for before, after in pairwise(candles)), default=_NO_TIME)
    if bar % timedelta(seconds=1) or not bar:
        raise SourceError(
            f"{path}: its {len(candles)} bars do not say how long a bar is.",
            "Name a file with two bars or more, whole seconds apart, each only once.",
        )
    missing = (candles[-1].at - candles[0].at) // bar + 1 - len(candles)
    if missing:
        notes.warnings.append(f"{path.name}: {missing} missing (bars of {_seconds(bar)} s)")
    return candles, bar


def _check_overlap(
    trades: Path,
    trade_rows: Sequence[Trade],
    other: Path,
    other_rows: Sequence[Quote] | Sequence[DepthRow],
) -> None:
    """Refuse files of different times. A touch holds until the next one, but not across a gap."""
    if other_rows[0].at > trade_rows[-1].at or other_rows[-1].at + GAP < trade_rows[0].at:
        raise SourceError(
            f"{other} {_range(other_rows)} does not overlap with {trades} {_range(trade_rows)}.",
            "Name files that were recorded at the same time.",
        )


def _range(rows: Sequence[Trade] | Sequence[Quote] | Sequence[DepthRow]) -> str:
    return f"(from {time_text(rows[0].at)} to {time_text(rows[-1].at)})"


def _gaps(trades: Sequence[Trade], book: Sequence[Quote]) -> list[str]:
    times = merge((row.at for row in trades), (row.at for row in book))
    gaps = [
        f"gap of {_seconds(after - before)} s at {time_text(before)}: neither trade nor touch"
        for before, after in pairwise(times)
        if after - before > GAP
    ]
    more = len(gaps) - _MAX_GAP_WARNINGS
    return gaps[:_MAX_GAP_WARNINGS] + ([f"{more} more gaps"] if more > 0 else [])


def _gaps_alone(path: Path, what: str, times: Sequence[datetime]) -> list[str]:
    """Return a warning where one of the files is silent, whatever the other one says meanwhile."""
    gaps = [(before, after) for before, after in pairwise(times) if after - before > GAP]
    if not gaps:
        return []
    before, after = gaps[0]
    counted = "1 gap" if len(gaps) == 1 else f"{len(gaps)} gaps"
    first = f"first: {_seconds(after - before)} s at {time_text(before)}"
    return [f"{path.name}: {counted} of more than {_seconds(GAP)} s without a {what} ({first})"]


def _seconds(length: timedelta) -> int:
    return length // timedelta(seconds=1)
