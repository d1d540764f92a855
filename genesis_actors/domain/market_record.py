"""What a symbol's market did, as it was recorded for later: touches and trades with their exact times and numbers.

A record is read once and asked often: prices are integers on a common scale, sums are running.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import accumulate
from operator import itemgetter
from typing import Final, TypeAlias, cast

from genesis_actors.values import BPS, ZERO, MarketSummary, Side, quotient

MICROSECOND: Final = timedelta(microseconds=1)
GAP: Final = timedelta(seconds=10)
"""Where the source says nothing for longer than this, what the market did meanwhile is not known."""

_SECOND: Final = timedelta(seconds=1)
_SECOND_MICROS: Final = 1_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

Span: TypeAlias = tuple[datetime, datetime]
"""From and until."""

PathPoint: TypeAlias = tuple[datetime, Decimal | None, Decimal | None]
"""When, bid and ask."""


@dataclass(frozen=True, slots=True)
class MarketSegment:
    """One symbol between two times, in columns. Times are microseconds since 1970, numbers integers of 10^-places.

    The first touch is the one in force at the beginning. `epoch` is the run that recorded it: of two segments about the
    same time the later run's counts. `is_cut` says that there was more than a segment holds.
    """

    epoch: int
    began: int
    ended: int
    price_places: int
    quantity_places: int
    quote_times: Sequence[int]
    bids: Sequence[int]
    asks: Sequence[int]
    trade_times: Sequence[int]
    prices: Sequence[int]
    quantities: Sequence[int]
    gaps: Sequence[tuple[int, int]] = ()
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class Depth:
    """The levels that an order could meet at `at`, best first: price and quantity."""

    at: datetime
    levels: tuple[tuple[Decimal, Decimal], ...]


@dataclass(slots=True)
class MarketRecord:
    """All that is recorded of one symbol. What is not covered is None, never the last thing known before.

    >>> noon = datetime(2024, 8, 8, 12, tzinfo=UTC)
    >>> start = micros(noon)
    >>> record = MarketRecord.of(
    ...     [
    ...         MarketSegment(
    ...             epoch=1,
    ...             began=start,
    ...             ended=start + 60_000_000,
    ...             price_places=2,
    ...             quantity_places=1,
    ...             quote_times=[start, start + 5_000_000],
    ...             bids=[9999, 10001],
    ...             asks=[10001, 10003],
    ...             trade_times=[start + 3_000_000],
    ...             prices=[10001],
    ...             quantities=[25],
    ...         )
    ...     ]
    ... )
    >>> record.mid(noon + timedelta(seconds=4)), record.mid(noon + timedelta(seconds=5))
    (Decimal('100.00'), Decimal('100.02'))
    >>> record.volume(noon, noon + timedelta(seconds=3)), record.mid(noon + timedelta(minutes=2))
    (Decimal('2.5'), None)
    """

    _price_unit: Decimal = Decimal(1)
    _quantity_unit: Decimal = Decimal(1)
    _quote_times: list[int] = field(default_factory=list[int])
    _bids: list[int] = field(default_factory=list[int])
    _asks: list[int] = field(default_factory=list[int])
    _trade_times: list[int] = field(default_factory=list[int])
    _prices: list[int] = field(default_factory=list[int])
    _volumes: list[int] = field(default_factory=lambda: [0])
    _covered: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])

    @classmethod
    def of(cls, segments: Iterable[MarketSegment]) -> MarketRecord:
        parts = _without_repetition(segments)
        price_places = max((s.price_places for s in parts), default=0)
        quantity_places = max((s.quantity_places for s in parts), default=0)
        record = cls(Decimal(1).scaleb(-price_places), Decimal(1).scaleb(-quantity_places))
        quantities: list[int] = []
        for part in parts:
            to_price = price_places - part.price_places
            record._quote_times += part.quote_times
            record._bids += _scaled(part.bids, to_price)
            record._asks += _scaled(part.asks, to_price)
            record._trade_times += part.trade_times
            record._prices += _scaled(part.prices, to_price)
            quantities += _scaled(part.quantities, quantity_places - part.quantity_places)
            record._cover(part)
        record._volumes = list(accumulate(quantities, initial=0))
        return record

    def _cover(self, part: MarketSegment) -> None:
        began = part.began
        for gap_from, gap_until in (*part.gaps, (part.ended, part.ended)):
            if self._covered and self._covered[-1][1] == began:
                self._covered[-1] = (self._covered[-1][0], gap_from)
            elif began < gap_from or part.began < began < part.ended:
                # Between two silences one instant may be known; a segment's edge within one is not.
                self._covered.append((began, gap_from))
            began = gap_until

    @property
    def ends_at(self) -> datetime | None:
        """When it was recorded last; None where nothing was."""
        return moment(self._covered[-1][1]) if self._covered else None

    def knows(self, at: datetime) -> bool:
        """Tell whether the touch in force at `at` is recorded."""
        return self._covers(micros(at))

    def _covers(self, when: int) -> bool:
        index = bisect_right(self._covered, when, key=_beginning) - 1
        return index >= 0 and when <= self._covered[index][1]

    def gaps(self, start: datetime, end: datetime) -> tuple[Span, ...]:
        """Return the times within [start, end] of which nothing is recorded."""
        found: list[Span] = []
        known_until, until = micros(start), micros(end)
        for began, ended in self._covered:
            if ended < known_until:
                continue
            if began >= until:
                break
            if began > known_until:
                found.append((moment(known_until), moment(began)))
            known_until = ended
        if known_until < until:
            found.append((moment(known_until), moment(until)))
        return tuple(found)

    def mid(self, at: datetime) -> Decimal | None:
        """Return the mid in force at `at`, that of a touch of that very time included."""
        index = self._in_force(at)
        if index is None:
            return None
        return (self._bids[index] + self._asks[index]) * self._price_unit / 2

    def touch(self, side: Side, at: datetime) -> Decimal | None:
        """Return the price at which an order of `side` would have traded at once."""
        index = self._in_force(at)
        if index is None:
            return None
        return self._far(side)[index] * self._price_unit

    def best_touch(self, side: Side, start: datetime, end: datetime) -> Decimal | None:
        """Return the best price for `side` in [start, end], that of the touch in force at `start` included."""
        first = max(bisect_right(self._quote_times, micros(start)) - 1, 0)
        last = bisect_right(self._quote_times, micros(end))
        seen = self._far(side)[first:last]
        if not seen:
            return None
        return (min(seen) if side is Side.BUY else max(seen)) * self._price_unit

    def volume(self, after: datetime, until: datetime) -> Decimal:
        """Return the base units that others traded in (after, until]."""
        return self.volumes(after, (until,))[0]

    def volumes(self, after: datetime, times: Iterable[datetime]) -> list[Decimal]:
        """Return what was traded after `after` until each of `times`."""
        before, unit = self._volumes[self._traded_until(after)], self._quantity_unit
        return [(self._volumes[self._traded_until(at)] - before) * unit for at in times]

    def summary(self, start: datetime, end: datetime) -> MarketSummary:
        """Return what the market did in (start, end], as the tape counts it: a touch is in force until the next one."""
        first, last = self._traded_until(start), self._traded_until(end)
        notional = sum(
            price * (until - before)
            for price, before, until in zip(
                self._prices[first:last],
                self._volumes[first:last],
                self._volumes[first + 1 : last + 1],
                strict=True,
            )
        )
        integral, passed = self._integral(micros(start), micros(end))
        return MarketSummary(
            start=start,
            end=end,
            volume=self.volume(start, end),
            notional=notional * self._price_unit * self._quantity_unit,
            mid_integral=integral * self._price_unit / 2,
            mid_microseconds=passed,
            last_mid=self._mid_before(end),
            start_mid=self._mid_before(start),
        )

    def known_mean_mid(self, start: datetime, end: datetime) -> Decimal | None:
        """Return the time-weighted mean of the mid over those parts of [start, end] that are recorded."""
        integral = passed = 0
        for began, ended in self._known_within(micros(start), micros(end)):
            more, length = self._integral(began, ended)
            integral, passed = integral + more, passed + length
        return quotient(integral * self._price_unit, Decimal(2 * passed))

    def mean_moves(
        self, start: datetime, end: datetime, horizons: Sequence[timedelta]
    ) -> tuple[Decimal | None, ...]:
        """Return for each horizon, in whole seconds, how much the mid moved in as long a time, on average, in bps.

        That is sum (m(t + horizon) - m(t)) / sum m(t) over the whole seconds t from `start` to `end`, where both mids
        are recorded.
        """
        count = max((end - start) // _SECOND + 1, 0)
        steps = [horizon // _SECOND for horizon in horizons]
        mids, count = self._doubled_mids(micros(start), count, max(steps, default=0))
        return tuple(_mean_move(mids, count, step) for step in steps)

    def _doubled_mids(self, since: int, count: int, longest: int) -> tuple[list[int | None], int]:
        """Return bid + ask at the seconds from `since` on, `longest` beyond the first `count`, None where not recorded.

        Of what is not recorded no more than `longest` is kept: an execution may have been left alone for a year. How
        many of those returned are among the first `count` is told, too.
        """
        mids: list[int | None] = []
        passed = counted = 0
        for began, ended in self._covered:
            first = max(-((since - began) // _SECOND_MICROS), passed)
            last = min((ended - since) // _SECOND_MICROS, count + longest - 1)
            if first > last:
                continue
            mids += [None] * min(first - passed, longest)
            times = range(since + first * _SECOND_MICROS, ended + 1, _SECOND_MICROS)
            seen = [bisect_right(self._quote_times, at) - 1 for at in times[: last + 1 - first]]
            unknown = bisect_right(seen, -1)
            mids += [None] * unknown
            mids += [self._bids[index] + self._asks[index] for index in seen[unknown:]]
            passed = last + 1
            counted = len(mids) - max(passed - count, 0) if first < count else counted
        return mids, counted

    def path(self, start: datetime, end: datetime, points: int) -> list[PathPoint]:
        """Return about so many (time, bid, ask) of [start, end]: touches that were, the extremes of each stretch.

        Where a stretch that is not recorded begins, bid and ask are None.
        """
        since, until = micros(start), micros(end)
        known = list(self._known_within(since, until))
        seen = bisect_right(self._quote_times, until) - bisect_right(self._quote_times, since)
        step = max(1, -(-2 * seen // points))
        drawn: list[PathPoint] = []
        for number, (began, ended) in enumerate(known):
            drawn += self._path_of(began, ended, step)
            if number + 1 < len(known):
                drawn.append((moment(ended), None, None))
        return drawn

    def _path_of(self, began: int, ended: int, step: int) -> list[PathPoint]:
        first = max(bisect_right(self._quote_times, began) - 1, 0)
        last = bisect_right(self._quote_times, ended)
        chosen = {first, last - 1} if first < last else set[int]()
        for at in range(first, last, step):
            bids, asks = (
                self._bids[at : min(at + step, last)],
                self._asks[at : min(at + step, last)],
            )
            chosen |= {at + bids.index(min(bids)), at + asks.index(max(asks))}
        points = [
            (
                moment(max(self._quote_times[at], began)),
                self._bids[at] * self._price_unit,
                self._asks[at] * self._price_unit,
            )
            for at in sorted(chosen)
        ]
        return [*points, (moment(ended), *points[-1][1:])] if points else []

    def _known_within(self, since: int, until: int) -> Iterator[tuple[int, int]]:
        for began, ended in self._covered:
            if began < until and ended > since:
                yield max(began, since), min(ended, until)

    def _integral(self, since: int, until: int) -> tuple[int, int]:
        """Return the sum of (bid + ask) x microseconds, and over how many: those in which a touch was in force."""
        first = bisect_right(self._quote_times, since) - 1
        last = bisect_right(self._quote_times, until)
        total = passed = 0
        for at in range(max(first, 0), last):
            ended = self._quote_times[at + 1] if at + 1 < last else until
            length = ended - max(self._quote_times[at], since)
            total += (self._bids[at] + self._asks[at]) * length
            passed += length
        return total, passed

    def _mid_before(self, at: datetime) -> Decimal | None:
        """Return the mid of the newest touch at `at`, however old it is."""
        index = bisect_right(self._quote_times, micros(at)) - 1
        if index < 0:
            return None
        return (self._bids[index] + self._asks[index]) * self._price_unit / 2

    def _far(self, side: Side) -> list[int]:
        return self._asks if side is Side.BUY else self._bids

    def _in_force(self, at: datetime) -> int | None:
        when = micros(at)
        if not self._covers(when):
            return None
        index = bisect_right(self._quote_times, when) - 1
        return index if index >= 0 else None

    def _traded_until(self, at: datetime) -> int:
        return bisect_right(self._trade_times, micros(at))


_beginning: Final = itemgetter(0)


def _scaled(numbers: Sequence[int], places: int) -> Sequence[int]:
    return [number * 10**places for number in numbers] if places else numbers


def _mean_move(mids: Sequence[int | None], count: int, step: int) -> Decimal | None:
    """Return the mean move over `step` of the first `count` of doubled mids, in bps of them."""
    later = mids[step : step + count]
    now = mids[: len(later)]
    if None in mids:
        pairs = [(a, b) for a, b in zip(now, later, strict=True) if None not in {a, b}]
        now, later = [a for a, _ in pairs], [b for _, b in pairs]
    worth = sum(cast("list[int]", now))
    return quotient(BPS * (sum(cast("list[int]", later)) - worth), Decimal(worth))


def micros(at: datetime) -> int:
    """Return the microseconds since 1970."""
    return (at - _EPOCH) // MICROSECOND


def moment(at: int) -> datetime:
    """Return the time so many microseconds after 1970."""
    return _EPOCH + at * MICROSECOND


def _without_repetition(segments: Iterable[MarketSegment]) -> list[MarketSegment]:
    """Return them in order of time. What a later run has recorded again counts once, as that run saw it."""
    kept: list[MarketSegment] = []
    for part in sorted(segments, key=lambda segment: (segment.epoch, segment.began)):
        while kept and kept[-1].ended > part.began:
            earlier = kept.pop()
            if earlier.began < part.began:
                kept.append(_until(earlier, part.began))
        kept.append(part)
    return kept


def _until(part: MarketSegment, ended: int) -> MarketSegment:
    """Return what of `part` was before `ended`."""
    quotes = bisect_left(part.quote_times, ended)
    trades = bisect_left(part.trade_times, ended)
    return MarketSegment(
        epoch=part.epoch,
        began=part.began,
        ended=ended,
        price_places=part.price_places,
        quantity_places=part.quantity_places,
        quote_times=part.quote_times[:quotes],
        bids=part.bids[:quotes],
        asks=part.asks[:quotes],
        trade_times=part.trade_times[:trades],
        prices=part.prices[:trades],
        quantities=part.quantities[:trades],
        gaps=tuple((a, min(b, ended)) for a, b in part.gaps if a < ended),
        is_cut=part.is_cut,
    )


NOTHING_RECORDED: Final = MarketRecord()
NO_VOLUME: Final = ZERO
