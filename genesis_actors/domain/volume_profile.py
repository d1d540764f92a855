"""When in the day a market trades: its volume by minute of the UTC day, learned from bars.

It says what is usual. What the market does today is the tape's to tell.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import accumulate, pairwise
from math import lcm

from genesis_actors.domain.numbers import Number, not_negative, utc, whole
from genesis_actors.messages.venue import HourlyVolume
from genesis_actors.values import ONE, ZERO, exact, quotient

_HOURS = 24
_HOUR = 60  # minutes
_DAY = _HOURS * _HOUR
_MINUTE_MICROSECONDS = 60_000_000
_DAY_MICROSECONDS = _DAY * _MINUTE_MICROSECONDS
_MICROSECOND = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_UNITS = Decimal(10) ** 15  # Shares of a day are kept as whole numbers of these.


@dataclass(frozen=True, slots=True)
class VolumeProfile:
    """The usual volume of each minute of the UTC day, as whole-number weights.

    Within a minute the volume is taken to flow evenly. A profile without any volume knows nothing,
    so it is flat.

    Attributes:
        weights: 1440 relative weights, of the minutes from 00:00 UTC on.
        mean_daily_volume: base units; None where only the shape of the day is known.

    >>> profile = VolumeProfile.from_hourly([Decimal(1)] * 12 + [Decimal(3)] * 12)
    >>> profile.get_hourly_volumes()[0], profile.get_hourly_volumes()[23]
    (Decimal('0.0208333333'), Decimal('0.0625000000'))
    >>> eleven_pm = datetime(2024, 8, 8, 23, tzinfo=UTC)
    >>> profile.fraction_between(eleven_pm, eleven_pm + timedelta(hours=2))
    Fraction(1, 12)
    >>> profile.is_high_volume_period(eleven_pm)
    True
    """

    weights: tuple[int, ...]
    mean_daily_volume: Decimal | None = None
    _running: tuple[int, ...] = field(init=False, repr=False, compare=False)  # At each full hour.

    def __post_init__(self) -> None:
        if len(self.weights) != _DAY:
            raise ValueError(f"a profile has {_DAY} minutes, not {len(self.weights)}")
        for other in (weight for weight in self.weights if type(weight) is not int):
            whole("weights", other)
        if (least := min(self.weights)) < 0:
            raise ValueError(f"a profile's weights cannot be negative, as {least} is")
        if self.mean_daily_volume is not None:
            mean = not_negative("mean_daily_volume", self.mean_daily_volume)
            object.__setattr__(self, "mean_daily_volume", mean)
        if not any(self.weights):
            object.__setattr__(self, "weights", (1,) * _DAY)
            object.__setattr__(self, "mean_daily_volume", None)
        # A profile is kept for each symbol, and most have one weight an hour: one object for all that are equal.
        shared = {weight: weight for weight in self.weights}
        object.__setattr__(self, "weights", tuple(map(shared.__getitem__, self.weights)))
        hours = (sum(self.weights[hour : hour + _HOUR]) for hour in range(0, _DAY, _HOUR))
        object.__setattr__(self, "_running", (0, *accumulate(hours)))

    @classmethod
    @exact
    def from_hourly(
        cls, volumes: Sequence[Number], mean_daily_volume: Number | None = None
    ) -> VolumeProfile:
        """Return the profile with these volumes of the hours 00 to 23 UTC, in any one unit.

        Raises:
            TypeError: for a number that is neither a Decimal nor an int.
            ValueError: unless there are 24 finite volumes, none of them negative.
        """
        if len(volumes) != _HOURS:
            raise ValueError(f"a day has {_HOURS} hourly volumes, not {len(volumes)}")
        shares = [Fraction(not_negative("volumes", volume)) for volume in volumes]
        scale = lcm(*(share.denominator for share in shares))
        return cls(
            tuple(int(share * scale) for share in shares for _ in range(_HOUR)),
            None
            if mean_daily_volume is None
            else not_negative("mean_daily_volume", mean_daily_volume),
        )

    @classmethod
    @exact
    def from_bars(cls, bars: Iterable[HourlyVolume]) -> VolumeProfile:
        """Return the profile that `bars` (of whole minutes: 1 minute, 1 hour, ...) show.

        It is the mean of daily *fractions*, so that one wild day counts no more than a calm one. A
        day counts when each of its hours has a bar; minutes without one then had no trade, for
        venues leave such bars out. Half of each minute's weight is its hour's mean, so that minutes
        in which nothing happened to trade do not starve. Where bars of several lengths overlap, the
        shortest counts; of repeated ones the first.

        With no complete day the bars are pooled by hour, and hours that were never seen get the
        mean of the others.

        >>> noon = datetime(2024, 8, 8, 12, tzinfo=UTC)
        >>> profile = VolumeProfile.from_bars(
        ...     [
        ...         HourlyVolume(start=noon, seconds=3600, volume=Decimal(60)),
        ...         HourlyVolume(start=noon + timedelta(hours=1), seconds=3600, volume=Decimal(20)),
        ...     ]
        ... )
        >>> profile.mean_daily_volume
        Decimal('960.0000000000')
        >>> profile.expected_volume(noon, noon + timedelta(minutes=1))
        Decimal('1.0000000000')

        Raises:
            ValueError: for a negative volume, or a bar that is not of whole minutes.
        """
        days: dict[int, _Day] = {}
        for bar in sorted(bars, key=lambda bar: bar.seconds):
            not_negative("volume of bars", bar.volume)
            minutes, rest = divmod(bar.seconds, _HOUR)
            if minutes < 1 or rest:
                raise ValueError(f"a bar of {bar.seconds} s is not one of whole minutes")
            _add_bar(days, _microseconds(bar.start) // _MINUTE_MICROSECONDS, minutes, bar.volume)
        complete = [day for day in days.values() if day.is_complete]
        if complete:
            return cls(*_mean_of_fractions(complete))
        return cls(*_pooled(list(days.values())))

    @exact
    def get_hourly_volumes(self) -> tuple[Decimal, ...]:
        """Return each hour's share of the day's volume, 00 UTC first; the 24 sum to exactly 1."""
        ends = [self._share(weight) for weight in self._running]
        return tuple(end - start for start, end in pairwise(ends))

    def is_high_volume_period(self, at: datetime) -> bool:
        """Tell whether the hour of `at` usually trades more than 1.25 times the mean hour.

        Raises:
            ValueError: for a time without a time zone.
        """
        hour = utc("at", at).hour
        volume = self._running[hour + 1] - self._running[hour]
        return 4 * _HOURS * volume > 5 * self._running[-1]

    def fraction_between(self, start: datetime, end: datetime) -> Fraction:
        """Return the volume from `start` to `end` as an exact share of one day's; two days have 2.

        Raises:
            ValueError: if `end` is before `start`, or for a time without a time zone.
        """
        first, last = utc("start", start), utc("end", end)
        if last < first:
            raise ValueError(f"the end {end} is before the start {start}")
        flown = self._flown(_microseconds(last)) - self._flown(_microseconds(first))
        return Fraction(flown, self._running[-1] * _MINUTE_MICROSECONDS)

    def expected_volume(self, start: datetime, end: datetime) -> Decimal | None:
        """Return the usual volume from `start` to `end`, base units; None for a pure shape.

        Raises:
            ValueError: if `end` is before `start`, or for a time without a time zone.
        """
        share = self.fraction_between(start, end)
        if self.mean_daily_volume is None:
            return None
        return _quotient(self.mean_daily_volume, share.numerator, share.denominator)

    def steps(self, start: datetime, end: datetime) -> Iterator[tuple[int, int]]:
        """Return the density from `start` to `end` as (microseconds, weight) pieces, each as long as it can be.

        Raises:
            ValueError: for a time without a time zone.
        """
        return self._steps(_microseconds(utc("start", start)), _microseconds(utc("end", end)))

    def _steps(self, at: int, last: int) -> Iterator[tuple[int, int]]:
        weights, ends_in = self.weights, (last - 1) // _MINUTE_MICROSECONDS
        while at < last:
            minute = at // _MINUTE_MICROSECONDS
            weight = weights[minute % _DAY]
            while minute < ends_in and weights[(minute + 1) % _DAY] == weight:
                minute += 1
            step_end = min(last, (minute + 1) * _MINUTE_MICROSECONDS)
            yield step_end - at, weight
            at = step_end

    def _flown(self, at: int) -> int:
        """Return the weight x microseconds from the epoch to `at`."""
        day, within = divmod(at, _DAY_MICROSECONDS)
        minute, rest = divmod(within, _MINUTE_MICROSECONDS)
        hour = minute // _HOUR
        whole_minutes = (
            day * self._running[-1] + self._running[hour] + sum(self.weights[hour * _HOUR : minute])
        )
        return whole_minutes * _MINUTE_MICROSECONDS + self.weights[minute % _DAY] * rest

    def _share(self, weight: int) -> Decimal:
        return _quotient(ONE, weight, self._running[-1])


class _Day:
    """One day's bars while a profile is made of them."""

    __slots__ = ("bars", "covered", "volume")

    def __init__(self) -> None:
        self.bars: list[tuple[int, int, Decimal]] = []  # first minute, minutes, volume
        self.covered = bytearray(_DAY)
        self.volume = ZERO

    @property
    def is_complete(self) -> bool:
        return all(any(self.covered[hour : hour + _HOUR]) for hour in range(0, _DAY, _HOUR))

    def add(self, first: int, minutes: int, volume: Decimal) -> None:
        if any(self.covered[first : first + minutes]):
            return
        self.covered[first : first + minutes] = b"\x01" * minutes
        self.bars.append((first, minutes, volume))
        self.volume += volume


def _add_bar(days: dict[int, _Day], first: int, minutes: int, volume: Decimal) -> None:
    """Add a bar to the days that it touches, in proportion. `first` counts from the epoch."""
    begin, end = first, first + minutes
    while begin < end:
        number, minute = divmod(begin, _DAY)
        part = min(end - begin, _DAY - minute)
        day = days.get(number)
        if day is None:
            day = days[number] = _Day()
        day.add(minute, part, volume if part == minutes else volume * part / minutes)
        begin += part


def _mean_of_fractions(days: Sequence[_Day]) -> tuple[tuple[int, ...], Decimal]:
    changes = [0] * (_DAY + 1)  # Of each minute's units against the one before.
    for day in days:
        if not day.volume:
            continue  # It has no fractions; for the mean volume it counts.
        for first, minutes, volume in day.bars:
            share = int(volume * _DAY_UNITS // (day.volume * minutes))
            changes[first] += share
            changes[first + minutes] -= share
    units = list(accumulate(changes[:_DAY]))
    hours = [sum(units[hour : hour + _HOUR]) for hour in range(0, _DAY, _HOUR)]
    weights = tuple(_HOUR * unit + hours[minute // _HOUR] for minute, unit in enumerate(units))
    return weights, _quotient(sum((day.volume for day in days), ZERO), 1, len(days))


def _pooled(days: Sequence[_Day]) -> tuple[tuple[int, ...], Decimal]:
    volumes = [ZERO] * _HOURS
    minutes_seen = [0] * _HOURS
    for day in days:
        for first, minutes, volume in day.bars:
            for minute in range(first, first + minutes):
                volumes[minute // _HOUR] += volume / minutes
                minutes_seen[minute // _HOUR] += 1
    mean = sum(volumes, ZERO) / max(1, sum(minutes_seen))
    per_minute = [
        volume / seen if seen else mean for volume, seen in zip(volumes, minutes_seen, strict=True)
    ]
    total = _HOUR * sum(per_minute, ZERO)
    units = [int(_DAY_UNITS * volume / total) if total else 0 for volume in per_minute]
    return tuple(unit for unit in units for _ in range(_HOUR)), _quotient(total, 1, 1)


def _microseconds(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND


@exact
def _quotient(factor: Decimal, numerator: int, denominator: int) -> Decimal:
    share = quotient(factor * numerator, Decimal(denominator))
    return ZERO if share is None else share
