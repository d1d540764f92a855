"""Live bars on a terminal: two lines for each execution, redrawn in place at most ten times a second.

It only listens: to the market rows, to the news, and to the end of each instant. It sends nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from itertools import accumulate
from typing import Final, TextIO

from genesis_actors.cli import text
from genesis_actors.cli.bars import BLOCKS, bar, can_show, width_of
from genesis_actors.cli.watched import Watched
from genesis_actors.messages.control import ExecutionNews, ExecutionStatus
from genesis_actors.messages.market_data import MarketRows
from genesis_actors.values import Quote

REDRAW_SECONDS: Final = 0.1

_NARROWEST_BAR: Final = 10
_LONGEST_TITLE: Final = 24
_LONGEST_STATE: Final = 22
_LONGEST_LEFT: Final = 11


class LiveView:
    """The bars of all executions that are watched, at the foot of the terminal."""

    def __init__(self, stream: TextIO, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._monotonic = monotonic
        self._watched: dict[str, Watched] = {}
        self._quotes: dict[str, Quote] = {}
        self._drawn_lines = 0
        self._drawn_at = float("-inf")
        self._now: datetime | None = None
        self._lock = (
            threading.RLock()
        )  # In real time news, market and clock come from threads of their own.
        self.is_closed = False
        self._is_plain = not can_show(stream, BLOCKS)

    def tell(self, message: MarketRows) -> None:
        """Hear the market; it is an address that market rows are sent to."""
        if message.quote is not None:
            self._quotes[message.symbol] = message.quote

    def watch(self, status: ExecutionStatus, max_participation: Decimal) -> None:
        with self._lock:
            self._watched[status.execution.execution_id] = Watched(status, max_participation)

    def hear(self, news: ExecutionNews) -> None:
        with self._lock:
            watched = self._watched.get(news.execution_id)
            if watched is not None:
                watched.hear(news)

    def on_instant(self, now: datetime) -> None:
        with self._lock:
            if self.is_closed:
                return
            self._now = now
            if self._monotonic() - self._drawn_at >= REDRAW_SECONDS:
                self._draw(now)

    def say(self, line: str) -> None:
        """Write a line above the bars."""
        with self._lock:
            self._write(f"{self._back_to_top()}{line}\x1b[K\n")
            self._drawn_lines = 0
            if self._now is not None:
                self._draw(self._now)

    def close(self, now: datetime | None = None) -> None:
        """Draw the last state, which then stays where it is."""
        with self._lock:
            self.is_closed = True
            last = now or self._now
            if last is not None:
                self._draw(last)
            self._drawn_lines = 0
            self._now = None

    def _draw(self, now: datetime) -> None:
        self._drawn_at = self._monotonic()
        width = width_of(self._stream)
        lines = [
            line
            for watched in self._watched.values()
            for line in bar_lines(
                watched,
                self._quotes.get(watched.row.symbol),
                now,
                width=width,
                is_plain=self._is_plain,
            )
        ]
        self._write(self._back_to_top() + "".join(f"{line}\x1b[K\n" for line in lines) + "\x1b[J")
        self._drawn_lines = len(lines)

    def _back_to_top(self) -> str:
        return f"\x1b[{self._drawn_lines}F" if self._drawn_lines else ""

    def _write(self, output: str) -> None:
        # A terminal that has gone away must not end an execution.
        with suppress(OSError, ValueError):
            self._stream.write(output)
            self._stream.flush()


def bar_lines(
    watched: Watched, quote: Quote | None, now: datetime, *, width: int, is_plain: bool
) -> list[str]:
    """Return an execution's two lines, none of them longer than `width`."""
    row = watched.row
    is_over = row.finished_at is not None
    filled, planned = watched.filled_share(), watched.planned_share(now)
    title = f"{watched.title[:_LONGEST_TITLE]:<{_LONGEST_TITLE}}"
    left = "" if is_over else f"{text.length(watched.time_left(now))} left"
    due = f" {text.percent(filled, 1):>6} of {text.percent(planned, 1):>6} due"
    left = f"  {left:>{_LONGEST_LEFT}}"
    room = max(width - len(title) - len(due) - len(left) - 1, _NARROWEST_BAR)
    first = (title, f" {bar(filled, planned, room, is_plain=is_plain)}", due, left)
    mid = None if is_over or quote is None else watched.distance_bps(quote.mid)
    volume = text.percent(row.participation_rate, 1)
    second = (
        f"  {watched.state_in_words()[:_LONGEST_STATE]:<{_LONGEST_STATE}}",
        f"  {row.slices_done:>3}/{row.slices_total}",
        f"  mid {_short_bps(mid):>6} avg {_short_bps(row.slippage_vs_arrival_bps):>6} bps",
        f"  vol {volume} of {text.percent(watched.max_participation, 0)}",
    )
    return [_fitting(first, width), _fitting(second, width)]


def _fitting(parts: Sequence[str], width: int) -> str:
    """Return as many of the parts as there is room for: one that is cut off says something else."""
    totals = accumulate(map(len, parts))
    return "".join(part for part, total in zip(parts, totals, strict=True) if total <= width)


def _short_bps(value: Decimal | None) -> str:
    return text.UNKNOWN if value is None else f"{value:+.1f}"
