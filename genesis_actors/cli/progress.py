"""How a run shows what it does while it does it: live bars on a terminal, plain lines elsewhere, or nothing."""

from __future__ import annotations

import os
import sys
import threading
import time
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from typing import Protocol, TextIO

from genesis_actors.cli import text
from genesis_actors.cli.live import REDRAW_SECONDS, LiveView
from genesis_actors.cli.watched import Watched
from genesis_actors.engine import Engine
from genesis_actors.messages.base import Address
from genesis_actors.messages.control import ExecutionNews, ExecutionStatus
from genesis_actors.messages.market_data import MarketRows
from genesis_actors.messages.persistence import SliceRow
from genesis_actors.runtime.clock import Clock
from genesis_actors.runtime.simulation import DeterministicRuntime
from genesis_actors.values import ExecutionState


class View(Protocol):
    """Shows executions. It is called by the thread that runs them, and must be quick."""

    def watch(self, status: ExecutionStatus, max_participation: Decimal) -> None: ...

    def hear(self, news: ExecutionNews) -> None: ...

    def say(self, line: str) -> None: ...

    def close(self, now: datetime | None = None) -> None: ...


class PlainLines:
    """A line when an execution's state changes, and one for each slice that is over."""

    def __init__(self, stream: TextIO, *, is_quiet: bool = False) -> None:
        self._stream = stream
        self._is_quiet = is_quiet
        self._watched: dict[str, Watched] = {}

    def watch(self, status: ExecutionStatus, max_participation: Decimal) -> None:
        row = status.execution
        self._watched[row.execution_id] = watched = Watched(status, max_participation)
        begun = row.paused_at or row.started_at or row.created_at
        head = f"{text.clock(begun)} {watched.title}:"
        filled = text.percent(watched.filled_share(), 1)
        self._tell(
            f"{head} {watched.state_in_words()}, {filled} filled, execution {row.execution_id}"
        )
        self._tell(
            f"{head} {text.parts(row.algo, row.slices_total)} {text.until(row.algo, row.ends_at)}"
        )

    def hear(self, news: ExecutionNews) -> None:
        watched = self._watched.get(news.execution_id)
        if watched is None:
            return
        was_fast = watched.is_fast
        done, has_changed = watched.hear(news)
        # At the end everything that was still planned is closed at once; that is one line, not many.
        for part in done if watched.row.finished_at is None else done[:1]:
            self._tell(_slice_line(news.at, watched, part))
        is_closing = watched.row.state == ExecutionState.FINISHING and watched.is_complete
        if (has_changed and not is_closing) or was_fast != watched.is_fast:
            filled = text.percent(watched.filled_share(), 1)
            self._tell(
                f"{text.clock(news.at)} {watched.title}: {watched.state_in_words()}, {filled} filled"
            )

    def say(self, line: str) -> None:
        self._write(line)

    def close(self, now: datetime | None = None) -> None:
        """Nothing to end: lines stay."""

    def _tell(self, line: str) -> None:
        if not self._is_quiet:
            self._write(line)

    def _write(self, line: str) -> None:
        with suppress(OSError, ValueError):
            self._stream.write(f"{line}\n")
            self._stream.flush()


def _slice_line(at: datetime, watched: Watched, part: SliceRow) -> str:
    line = (
        f"{text.clock(at)} {watched.title}: {text.parts(watched.row.algo)[:-1]} "
        f"{part.slice_number}/{watched.row.slices_total} {str(part.status).lower()}"
    )
    if part.filled_quantity:
        line += f" {text.quantity(part.filled_quantity)} at {text.price(part.average_price)}"
    return line if part.reason is None else f"{line} ({text.words(part.reason)})"


def choose_view(*, is_quiet: bool) -> LiveView | PlainLines:
    """Return live bars where stderr is a terminal that can move its cursor, plain lines elsewhere."""
    if sys.stderr.isatty() and os.environ.get("TERM") != "dumb" and not is_quiet:
        return LiveView(sys.stderr)
    return PlainLines(sys.stderr, is_quiet=is_quiet)


def market_tap(view: View) -> Address[MarketRows] | None:
    """Return who wants to hear the market: live bars do, lines do not."""
    return view if isinstance(view, LiveView) else None


def attach(view: View, engine: Engine) -> None:
    """Let `view` hear the news of `engine`, and of each instant that is over."""
    engine.subscribe(view.hear)
    if not isinstance(view, LiveView):
        return
    if isinstance(engine.runtime, DeterministicRuntime):
        engine.runtime.on_instant = view.on_instant
    else:
        threading.Thread(
            target=_tick, args=(view, engine.runtime.clock), name="live-view", daemon=True
        ).start()


def _tick(view: LiveView, clock: Clock) -> None:
    """Redraw now and then: real time has no instants that end."""
    while not view.is_closed:
        view.on_instant(clock.now())
        time.sleep(REDRAW_SECONDS)
