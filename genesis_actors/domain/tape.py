"""One symbol's market as exact running sums: a window's figures are the difference of two of them.

The market data actor owns it. Memory is bounded by the longest window that anybody watches, and by
the watchers.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from genesis_actors.values import EXACT, ZERO, MarketSummary, Quote, Trade

_MICROSECOND = timedelta(microseconds=1)
_LEAST_HISTORY = timedelta(seconds=60)
_SPARE_ROWS = 64
"""Rows beyond the history, and a quarter of it, before it is pruned: there are many symbols, and it costs little."""
_HALF = Decimal("0.5")


@dataclass(frozen=True, slots=True)
class _Sums:
    """The running sums as of one time."""

    volume: Decimal
    notional: Decimal
    mid: Decimal | None
    mid_integral: Decimal
    mid_microseconds: int


class MarketTape:
    """Trades and quotes of one symbol, in time order; ours are not among them.

    A trade at exactly the start of a window is not in it, one at its end is; the quote that stands
    at the start is in force there. Of several quotes at one time the last counts.

    >>> from datetime import UTC
    >>> noon = datetime(2024, 8, 8, 12, tzinfo=UTC)
    >>> tape = MarketTape()
    >>> tape.record_quote(noon, Quote(noon, bid=Decimal(99), ask=Decimal(101)))
    >>> tape.watch("x1", since=noon, window=timedelta(seconds=60))
    >>> tape.record_trade(
    ...     Trade(noon + timedelta(seconds=1), price=Decimal(101), quantity=Decimal(2))
    ... )
    >>> summary = tape.summary("x1", noon + timedelta(seconds=2))
    >>> summary.volume, summary.notional, summary.mid_integral, summary.mid_microseconds
    (Decimal('2'), Decimal('202'), Decimal('200000000.0'), 2000000)
    """

    def __init__(self) -> None:
        self.quote: Quote | None = None
        self._vouched_at: datetime | None = None
        self._newest: datetime | None = None
        # Of each trade: its time, and the sums with it.
        self._trade_times: list[datetime] = []
        self._volumes: list[Decimal] = []
        self._notionals: list[Decimal] = []
        self._volume = ZERO
        self._notional = ZERO
        self._trade_limit = _SPARE_ROWS
        self._trades_pruned = False
        # Of each change of the mid: its time, the mid from then on, and its integral up to then.
        self._mid_times: list[datetime] = []
        self._mids: list[Decimal] = []
        self._integrals: list[Decimal] = []
        self._first_mid_at: datetime | None = None
        self._mid_limit = _SPARE_ROWS
        self._mids_pruned = False
        # Of each watcher: since when, how much history, and the sums then, once rows are forgotten.
        self._watches: dict[str, tuple[datetime, timedelta]] = {}
        self._marks: dict[str, _Sums] = {}
        self._windows: Counter[timedelta] = Counter()
        self._history = _LEAST_HISTORY

    def record_quote(self, at: datetime, quote: Quote) -> None:
        """Record the touch in force from `at` on.

        Raises:
            ValueError: if `at` is before the newest row.
        """
        self._move_on(at)
        self.quote = quote
        self._vouched_at = at
        mid = EXACT.multiply(EXACT.add(quote.bid, quote.ask), _HALF)
        if not self._mids:
            self._first_mid_at = at
            integral = ZERO
        elif mid == self._mids[-1]:
            return
        else:
            passed = (at - self._mid_times[-1]) // _MICROSECOND
            integral = EXACT.fma(self._mids[-1], passed, self._integrals[-1])
        self._mid_times.append(at)
        self._mids.append(mid)
        self._integrals.append(integral)
        if len(self._mids) > self._mid_limit:
            self._prune(at)

    def record_trade(self, trade: Trade) -> None:
        """Record one market trade that is not ours.

        Raises:
            ValueError: if it is before the newest row.
        """
        self._move_on(trade.at)
        self._volume = EXACT.add(self._volume, trade.quantity)
        self._notional = EXACT.fma(trade.quantity, trade.price, self._notional)
        self._trade_times.append(trade.at)
        self._volumes.append(self._volume)
        self._notionals.append(self._notional)
        if len(self._volumes) > self._trade_limit:
            self._prune(trade.at)

    def confirm(self, at: datetime) -> None:
        """Note that at `at` the source vouched for the quote in force, if there is one."""
        if self._vouched_at is not None and at > self._vouched_at:
            self._vouched_at = at

    def watch(self, key: str, since: datetime, window: timedelta) -> None:
        """Keep what `summary(key, ...)` will need from `since` on, and a history of `window`.

        Replaces an earlier watch of the same key. A `since` that the history no longer reaches back
        to (see `covers`) gets what is left. Watching again from the same time keeps what there is.
        """
        watched = self._watches.get(key)
        mark = self._marks.get(key)
        self.unwatch(key)
        self._watches[key] = (since, window)
        self._windows[window] += 1
        self._history = max(self._history, window)
        if mark is not None and watched is not None and watched[0] == since:
            self._marks[key] = mark
        elif not self.covers(since):
            self._marks[key] = self._as_of(since)

    def unwatch(self, key: str) -> None:
        """Forget what was kept for `key`; nothing, if it was not watched."""
        watched = self._watches.pop(key, None)
        if watched is None:
            return
        self._marks.pop(key, None)
        _, window = watched
        self._windows[window] -= 1
        if not self._windows[window]:
            del self._windows[window]
            self._history = max((_LEAST_HISTORY, *self._windows))

    def covers(self, since: datetime) -> bool:
        """Tell whether nothing from `since` on is forgotten, so that its sums are exact."""
        return not (
            (self._trades_pruned and since < self._trade_times[0])
            or (self._mids_pruned and since < self._mid_times[0])
        )

    def summary(self, key: str | datetime, now: datetime) -> MarketSummary:
        """Return what the market did in (since, now]: of a watcher, or since a time in the history.

        Raises:
            KeyError: for a key that does not watch.
            ValueError: for a time that the history no longer reaches back to, or that is after
                `now`.
        """
        if isinstance(key, datetime):
            since, mark = key, None
            if not self.covers(since):
                raise ValueError(
                    f"the tape no longer reaches back to {since}; watch it from then on"
                )
        else:
            since, _ = self._watches[key]
            mark = self._marks.get(key)
        # Where the clock was set back between two runs, what began in the first one begins later.
        since = min(since, now)
        start = mark or self._as_of(since)
        end = self._as_of(now)
        return MarketSummary(
            start=since,
            end=now,
            volume=EXACT.subtract(end.volume, start.volume),
            notional=EXACT.subtract(end.notional, start.notional),
            mid_integral=EXACT.subtract(end.mid_integral, start.mid_integral),
            mid_microseconds=end.mid_microseconds - start.mid_microseconds,
            last_mid=end.mid,
            start_mid=start.mid,
        )

    def window_volume(self, now: datetime, window: timedelta) -> Decimal:
        """Return V(now - window, now] in base units; beyond the history, what is left of it."""
        earlier, _ = self._traded(now - window)
        volume, _ = self._traded(now)
        return EXACT.subtract(volume, earlier)

    def quote_age(self, now: datetime) -> timedelta | None:
        """Return the time since the source last vouched for the quote, None without one."""
        return None if self._vouched_at is None else now - self._vouched_at

    def _move_on(self, at: datetime) -> None:
        if self._newest is not None and at < self._newest:
            raise ValueError(f"a row at {at} is before the newest one, at {self._newest}")
        self._newest = at

    def _as_of(self, at: datetime) -> _Sums:
        """Return the sums as of `at`, or of the oldest rows that are left."""
        volume, notional = self._traded(at)
        if self._mids_pruned:
            at = max(at, self._mid_times[0])
        index = bisect_right(self._mid_times, at) - 1
        if index < 0 or self._first_mid_at is None:
            return _Sums(volume, notional, None, ZERO, 0)
        mid = self._mids[index]
        passed = (at - self._mid_times[index]) // _MICROSECOND
        return _Sums(
            volume,
            notional,
            mid,
            EXACT.fma(mid, passed, self._integrals[index]),
            (at - self._first_mid_at) // _MICROSECOND,
        )

    def _traded(self, at: datetime) -> tuple[Decimal, Decimal]:
        """Return the sums of the trades up to `at`, or up to the oldest row that is left."""
        if not self._trade_times or at >= self._trade_times[-1]:  # As most ask, for now.
            return self._volume, self._notional
        index = bisect_right(self._trade_times, at) - 1
        if self._trades_pruned:
            index = max(index, 0)
        return (self._volumes[index], self._notionals[index]) if index >= 0 else (ZERO, ZERO)

    def _prune(self, now: datetime) -> None:
        """Forget rows older than the history, but for the last: it is in force when that begins."""
        horizon = now - self._history
        for key, (since, _) in self._watches.items():
            if since < horizon and key not in self._marks:
                self._marks[key] = self._as_of(since)
        old = bisect_right(self._trade_times, horizon) - 1
        if old > 0:
            for rows in (self._trade_times, self._volumes, self._notionals):
                del rows[:old]
            self._trades_pruned = True
        old = bisect_right(self._mid_times, horizon) - 1
        if old > 0:
            for rows in (self._mid_times, self._mids, self._integrals):
                del rows[:old]
            self._mids_pruned = True
        self._trade_limit = 5 * len(self._trade_times) // 4 + _SPARE_ROWS
        self._mid_limit = 5 * len(self._mid_times) // 4 + _SPARE_ROWS
