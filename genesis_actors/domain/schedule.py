"""When a TWAP trades, and how much: the slices of a parent order, and the times of those to come.

Pure integers inside: microseconds, lots and the profile's weights. So a seed gives the same
schedule on every machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from genesis_actors.domain.cutting import (
    LARGEST_EXPONENT,
    MICROSECOND,
    ScheduleError,
    TimeSlice,
    draw,
    least_tradable,
    lot_of,
    lots_of,
    minutes_text,
    part_count,
)
from genesis_actors.domain.numbers import Number, finite, not_negative, positive, utc, whole
from genesis_actors.domain.volume_profile import VolumeProfile
from genesis_actors.values import (
    ONE,
    ZERO,
    Reason,
    decimal_text,
    exact,
    floor_to_step,
)

_MINUTE_MICROSECONDS = 60_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HALF_LIFE_MINUTES = 5
# 2^(-k/5) in units of 10^-12, for k = 0..4: what is left of a departure k minutes into a half-life.
_DECAY_UNIT = 10**12
_DECAY = (10**12, 870_550_563_296, 757_858_283_255, 659_753_955_386, 574_349_177_499)


@exact
def calculate_time_slices(  # noqa: PLR0913 - each is a knob, most have a default.
    duration_minutes: Number,
    volume_profile: VolumeProfile | None = None,
    *,
    quantity: Number,
    start_at: datetime = _EPOCH,
    slices: int | None = None,
    slice_interval: timedelta = timedelta(seconds=30),
    min_slice_interval: timedelta = timedelta(seconds=5),
    lot: Number = Decimal("0.00000001"),
    min_notional: Number = ZERO,
    min_quantity: Number | None = None,
    max_quantity: Number | None = None,
    price: Number | None = None,
    volume_adaptivity: Number = Decimal("0.5"),
    jitter: Number = ZERO,
    seed: int = 0,
    min_duration: timedelta = timedelta(minutes=5),
    max_duration: timedelta = timedelta(minutes=30),
) -> tuple[TimeSlice, ...]:
    """Cut `quantity` into slices and spread them over the window that begins at `start_at`.

    Slice k of n falls due at the quantile (k - 1/2)/n of `f(t) = (1 - a)/D + a v(t)/integral(v)`,
    where a is `volume_adaptivity`, D the window and v the profile: plain TWAP blended with the
    usual volume curve (Bialkowski, Darolles and Le Fol 2008 for the curve; the blend is ours).
    Running totals are rounded to the lot, not the parts, so the slices add up exactly.

    The number of slices is the largest up to the one asked for at which every slice, and so any
    remainder, stays tradable at a price 5 % lower, with the worst jitter that any seed could bring;
    it is raised where a slice would exceed `max_quantity`. Slices are never closer together than
    `min_slice_interval`.

    Jitter moves neighbours against each other by equal amounts, so the deviations sum to zero in
    time and in size.

    Args:
        duration_minutes: the window, in minutes.
        volume_profile: None for a flat one.
        quantity: what to trade, in base units.
        start_at: the window's beginning, with a time zone; due times are in the same.
        slices: how many are wanted; the default is the window over `slice_interval`.
        slice_interval: the nominal time between slices.
        min_slice_interval: the least time between two slices.
        lot: the venue's quantity step, in base units.
        min_notional: the least value of an order, in quote units.
        min_quantity: the least quantity of an order, in base units.
        max_quantity: the largest quantity of an order, in base units.
        price: the price now, in quote units per base unit; needed where there is a `min_notional`.
        volume_adaptivity: share from 0 (plain TWAP) to 1 (volume alone).
        jitter: share below 1; 0.2 moves a time by at most 20 % of the mean interval, a size by at
            most 20 %.
        seed: of the jitter.
        min_duration: the shortest window allowed.
        max_duration: the longest window allowed.

    >>> for part in calculate_time_slices(
    ...     10, quantity=Decimal("0.10"), slices=3, lot=Decimal("0.01")
    ... ):
    ...     print(part.number, part.due_at.time(), part.quantity)
    1 00:01:40 0.03
    2 00:05:00 0.04
    3 00:08:20 0.03

    Raises:
        ScheduleError: with its reason, where the window, the quantity or the lot forbid it.
        TypeError: for a number that is neither a Decimal nor an int.
        ValueError: for arguments that mean nothing, such as NaN or a naive time.
    """
    minutes, quantity = finite("duration_minutes", duration_minutes), finite("quantity", quantity)
    window = _window(minutes, min_duration, max_duration)
    volume_adaptivity = _share("volume_adaptivity", volume_adaptivity)
    jitter = _share("jitter", jitter)
    if jitter == ONE:
        raise ValueError("jitter must be below 1, or a slice could vanish")
    if slices is not None and whole("slices", slices) < 1:
        raise ValueError(f"there must be at least 1 slice, not {slices}")
    least_gap = _interval("min_slice_interval", min_slice_interval)
    wanted = slices or max(1, window // _interval("slice_interval", slice_interval))
    begins_at = utc("start_at", start_at)
    try:
        end_at = begins_at + window * MICROSECOND
        end_at.astimezone(start_at.tzinfo)
    except OverflowError:
        raise ValueError(
            f"start_at is too late for times up to the year 9999: {start_at}"
        ) from None

    whole("seed", seed)
    lot = lot_of(lot)
    most_quantity = None if max_quantity is None else not_negative("max_quantity", max_quantity)
    minimum = least_tradable(lot, min_quantity, min_notional, price)
    lots = lots_of(quantity, lot, minimum)
    count = part_count(
        lots,
        wanted=wanted,
        most=max(1, window // least_gap),
        least_lots=int(minimum / lot),
        most_lots=None if most_quantity is None else int(most_quantity / lot),
        jitter=jitter,
        lot=lot,
    )
    sizes = _jittered_sizes(lots, count, jitter, seed)
    dues = _quantile_times(_density(volume_profile, begins_at, end_at), count, volume_adaptivity)
    dues = _spaced(dues, window, min(least_gap, window // count))
    dues = _jittered_times(dues, window, least_gap, jitter, seed)
    # One object for all that are equal: they are kept as long as the execution.
    quantities = {size: size * lot for size in set(sizes)}
    return tuple(
        TimeSlice(
            number, (begins_at + due * MICROSECOND).astimezone(start_at.tzinfo), quantities[size]
        )
        for number, (due, size) in enumerate(zip(dues, sizes, strict=True), start=1)
    )


@exact
def replan_due_times(
    remaining: int,
    *,
    now: datetime,
    ends_at: datetime,
    volume_profile: VolumeProfile | None,
    volume_adaptivity: Number,
    volume_ratio: Number,
    min_slice_interval: timedelta,
) -> tuple[datetime, ...]:
    """Return when the `remaining` unsent slices fall due, after `now` and up to `ends_at`.

    As in `calculate_time_slices`, with the profile first corrected by what the market does today:
    `volume_ratio` is the volume of late over the expected one (1 = as usual), and half of its
    departure from 1 is forgotten every 5 minutes. The least interval gives way where the slices
    would not fit otherwise.

    >>> noon = datetime(2024, 8, 8, 12, tzinfo=UTC)
    >>> for due in replan_due_times(
    ...     2,
    ...     now=noon,
    ...     ends_at=noon + timedelta(minutes=8),
    ...     volume_profile=None,
    ...     volume_adaptivity=Decimal("0.5"),
    ...     volume_ratio=Decimal(1),
    ...     min_slice_interval=timedelta(seconds=5),
    ... ):
    ...     print(due.time())
    12:02:00
    12:06:00

    Raises:
        TypeError: for a number that is neither a Decimal nor an int.
        ValueError: if slices remain and `ends_at` is not after `now`, for a negative number, or for
            a time without a time zone.
    """
    start, end = utc("now", now), utc("ends_at", ends_at)
    if whole("remaining", remaining) < 0:
        raise ValueError(f"{remaining} slices cannot remain")
    if not remaining:
        return ()
    if end <= start:
        raise ValueError(f"{remaining} slices remain, and no time: {ends_at} is not after {now}")
    volume_adaptivity = _share("volume_adaptivity", volume_adaptivity)
    ratio = not_negative("volume_ratio", volume_ratio)
    window = (end - start) // MICROSECOND
    least_gap = _interval("min_slice_interval", min_slice_interval)
    density = _corrected(_density(volume_profile, start, end), ratio)
    dues = _quantile_times(density, remaining, volume_adaptivity)
    dues = _spaced(dues, window, min(least_gap, window // remaining))
    return tuple((start + due * MICROSECOND).astimezone(now.tzinfo) for due in dues)


@exact
def catch_up_quantity(
    *,
    planned: Number,
    owed: Number,
    slices_left: int,
    catch_up_limit: Number = Decimal(3),
    lot: Number,
) -> Decimal:
    """Return what a slice may do, in base units, when `owed` is due by now, its own part included.

    What earlier slices could not do is spread evenly over the `slices_left` (this one counts), so
    the last may do all of it. Never more than `catch_up_limit` times the planned part, never more
    than is owed, never below zero; rounded down to the lot.

    >>> catch_up_quantity(
    ...     planned=Decimal(1), owed=Decimal("5.4"), slices_left=4, lot=Decimal("0.1")
    ... )
    Decimal('2.1')
    >>> catch_up_quantity(planned=Decimal(1), owed=Decimal(5), slices_left=1, lot=Decimal("0.1"))
    Decimal('3')

    Raises:
        TypeError: for a number that is neither a Decimal nor an int.
        ValueError: unless at least one slice is left, the limit is not negative and the lot is
            positive.
    """
    if whole("slices_left", slices_left) < 1:
        raise ValueError(f"this slice is one of those left, so {slices_left} cannot be")
    planned, owed = finite("planned", planned), finite("owed", owed)
    most = not_negative("catch_up_limit", catch_up_limit) * planned
    spread = (planned * (slices_left - 1) + owed) / slices_left
    return max(ZERO, floor_to_step(min(spread, most, owed), positive("lot", lot)))


def _window(minutes: Decimal, shortest: timedelta, longest: timedelta) -> int:
    """Return the window in microseconds."""
    is_sane = abs(minutes.adjusted()) <= LARGEST_EXPONENT
    # To the nearest: 100 s are 1.666... minutes, and must not come back as a microsecond less.
    microseconds = round(minutes * _MINUTE_MICROSECONDS) if is_sane else 0
    least = max(1, shortest // MICROSECOND)
    if not least <= microseconds <= longest // MICROSECOND:
        raise ScheduleError(
            Reason.WINDOW_OUT_OF_BOUNDS,
            f"a window of {decimal_text(minutes) if is_sane else minutes} minutes is out of bounds: "
            f"choose one from {minutes_text(shortest)} to {minutes_text(longest)} minutes, "
            "or change the bounds in the settings",
        )
    return microseconds


def _jittered_sizes(lots: int, count: int, jitter: Decimal, seed: int) -> list[int]:
    ends = [(2 * lots * number + count) // (2 * count) for number in range(count + 1)]
    sizes = [end - start for start, end in pairwise(ends)]
    over, under = jitter.as_integer_ratio()
    amplitudes = [size * over // under for size in sizes]
    moves = _deviations(amplitudes, f"{seed}:size")
    return [size + move for size, move in zip(sizes, moves, strict=True)]


def _jittered_times(
    dues: Sequence[int], window: int, least_gap: int, jitter: Decimal, seed: int
) -> list[int]:
    """Move due times by at most `jitter` of the mean interval; less where order or window need it."""
    furthest = int(jitter * window / len(dues))
    slack = [(later - earlier - least_gap) // 2 for earlier, later in pairwise(dues)]
    before = [dues[0], *slack]
    after = [*slack, window - dues[-1]]
    amplitudes = [min(furthest, *room) for room in zip(before, after, strict=True)]
    moves = _deviations(amplitudes, f"{seed}:time")
    return [due + move for due, move in zip(dues, moves, strict=True)]


def _deviations(amplitudes: Sequence[int], salt: str) -> list[int]:
    """Return a whole number within plus or minus each amplitude; pairs (or the last three) sum to 0."""
    count = len(amplitudes)
    if count == 1:
        return [0]
    moves: list[int] = []
    in_pairs = count - 3 * (count % 2)  # Else one would be left alone.
    for first in range(0, in_pairs, 2):
        move = draw(min(amplitudes[first], amplitudes[first + 1]), f"{salt}:{first}")
        moves += (move, -move)
    if in_pairs < count:
        half = min(amplitudes[in_pairs:]) // 2
        one, two = draw(half, f"{salt}:{in_pairs}"), draw(half, f"{salt}:{in_pairs + 1}")
        moves += (one, two, -one - two)
    return moves


def _density(
    profile: VolumeProfile | None, start: datetime, end: datetime
) -> Iterable[tuple[int, int]]:
    """Return the density of volume as (microseconds, weight) pieces."""
    return [((end - start) // MICROSECOND, 1)] if profile is None else profile.steps(start, end)


def _by_minute(density: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Cut the pieces at whole minutes since the first began."""
    passed = 0
    for length, weight in density:
        left = length
        while left:
            part = min(left, _MINUTE_MICROSECONDS - passed % _MINUTE_MICROSECONDS)
            yield part, weight
            passed += part
            left -= part


def _corrected(density: Iterable[tuple[int, int]], ratio: Decimal) -> list[tuple[int, int]]:
    """Multiply the density by `ratio` now, by halfway between it and 1 in five minutes, and so on."""
    over, unit = (ratio - ONE).as_integer_ratio()
    corrected: list[tuple[int, int]] = []
    passed = 0
    for length, weight in _by_minute(density):
        halvings, minute = divmod(passed // _MINUTE_MICROSECONDS, _HALF_LIFE_MINUTES)
        departure = over * (_DECAY[minute] >> halvings)
        corrected.append((length, weight * (unit * _DECAY_UNIT + departure)))
        passed += length
    return corrected


def _quantile_times(
    density: Iterable[tuple[int, int]], count: int, adaptivity: Decimal
) -> list[int]:
    """Return the microseconds after the start at which the quantiles (k - 1/2)/count are reached.

    Everything is scaled up to whole numbers: the blended density by 2 x count x D x integral(v) x
    denominator(a).
    """
    density = tuple(density)
    window = sum([length for length, _ in density])
    volume = sum([length * weight for length, weight in density])
    numerator, denominator = adaptivity.as_integer_ratio()
    if not volume:
        volume, numerator = 1, 0
    level = window * volume * denominator  # one slice's worth, times 2 x count
    uniform = 2 * count * (denominator - numerator) * volume
    dues: list[int] = []
    passed = reached = 0
    for length, weight in density:
        speed = uniform + 2 * count * numerator * window * weight
        while len(dues) < count:
            missing = (2 * len(dues) + 1) * level - reached
            if missing > speed * length:
                break
            dues.append(passed - (-missing // speed))
        passed += length
        reached += speed * length
    return dues


def _spaced(dues: Sequence[int], window: int, gap: int) -> list[int]:
    """Move due times no further than it takes to keep them `gap` apart within the window."""
    spaced: list[int] = []
    earliest = 0
    for left, due in zip(range(len(dues) - 1, -1, -1), dues, strict=True):
        moved = min(max(due, earliest), window - left * gap)
        spaced.append(moved)
        earliest = moved + gap
    return spaced


def _interval(name: str, interval: timedelta) -> int:
    if interval < MICROSECOND:
        raise ValueError(f"{name} must be positive, not {interval}")
    return interval // MICROSECOND


def _share(name: str, value: Number) -> Decimal:
    share = finite(name, value)
    if not 0 <= share <= 1:
        raise ValueError(f"{name} is a share from 0 to 1, not {share}")
    return share
