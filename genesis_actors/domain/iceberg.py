"""What of an iceberg shows: clips of varied size with pauses between them. Its second rule besides `schedule`'s.

Sizes and pauses are drawn independently of each other, so that neither gives the next one away; all follow from the
seed. Pure integers inside: lots and microseconds.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import accumulate
from math import ceil, floor

from genesis_actors.domain.cutting import (
    MICROSECOND,
    ScheduleError,
    TimeSlice,
    draw_between,
    largest_tradable,
    least_tradable,
    lot_of,
    lots_of,
    part_count,
)
from genesis_actors.domain.execution import Execution, Slice
from genesis_actors.domain.numbers import Number, finite, positive, utc, whole
from genesis_actors.domain.slippage import slippage_vs_price_bps
from genesis_actors.values import (
    ONE,
    ZERO,
    MarketRules,
    Policy,
    Reason,
    Side,
    ceil_to_step,
    decimal_text,
    exact,
    floor_to_step,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CLIPS = 10


@exact
def calculate_clips(  # noqa: PLR0913 - each is a knob, most have a default.
    *,
    quantity: Number,
    clips: int | None = None,
    clip_quantity: Number | None = None,
    variation: Number = Decimal("0.2"),
    min_pause: timedelta = timedelta(seconds=1),
    max_pause: timedelta = timedelta(seconds=5),
    start_at: datetime = _EPOCH,
    window: timedelta | None = None,
    first_number: int = 1,
    lot: Number = Decimal("0.00000001"),
    min_notional: Number = ZERO,
    min_quantity: Number | None = None,
    max_quantity: Number | None = None,
    price: Number | None = None,
    seed: int = 0,
) -> tuple[TimeSlice, ...]:
    """Cut `quantity` into clips that add up exactly, each due a pause after the one before it.

    The first is due at once, unless others have gone before it. Each is within `variation` of the clip that was asked
    for, as far as lots and the quantity allow: where no number of such clips adds up to the quantity, they are somewhat
    smaller. There are fewer of them where they could not be traded any more at a price 5 % lower, and more where one
    could exceed `max_quantity`.

    Args:
        quantity: what to trade, in base units.
        clips: how many are wanted; 10 where `clip_quantity` says nothing else.
        clip_quantity: how much one clip shows, in base units.
        variation: share below 1 by which a clip may differ; 0.2 is 20 % either way.
        min_pause: the shortest pause between two clips.
        max_pause: the longest.
        start_at: when the first is due, with a time zone.
        window: what all pauses together must fit into, however they are drawn; None: whatever comes.
        first_number: the first clip's; above 1 it waits for a pause, too.
        lot: the venue's quantity step, in base units.
        min_notional: the least value of an order, in quote units.
        min_quantity: the least quantity of an order, in base units.
        max_quantity: the largest quantity of an order, in base units.
        price: the price now, in quote units per base unit; needed where there is a `min_notional`.
        seed: of sizes and pauses.

    >>> for clip in calculate_clips(quantity=Decimal(1), clips=3, lot=Decimal("0.01")):
    ...     print(clip.number, clip.due_at.time(), clip.quantity)
    1 00:00:00 0.34
    2 00:00:04.308340 0.33
    3 00:00:05.484235 0.33

    Raises:
        ScheduleError: with its reason, where the window, the quantity or the lot forbid it.
        TypeError: for a number that is neither a Decimal nor an int.
        ValueError: for arguments that mean nothing, such as NaN or a naive time.
    """
    quantity, share = finite("quantity", quantity), _variation(variation)
    begins_at, lot = utc("start_at", start_at), lot_of(lot)
    if clips is not None and whole("clips", clips) < 1:
        raise ValueError(f"there must be at least 1 clip, not {clips}")
    whole("seed", seed)
    minimum = least_tradable(lot, min_quantity, min_notional, price)
    lots = lots_of(quantity, lot, minimum)
    size = None if clip_quantity is None else positive("clip_quantity", clip_quantity) / lot
    wanted = _clips_of(lots, size, share) if size is not None else clips or _CLIPS
    count = part_count(
        lots,
        wanted=wanted,
        most=lots,
        least_lots=int(minimum / lot),
        most_lots=None if max_quantity is None else int(finite("max_quantity", max_quantity) / lot),
        jitter=share,
        lot=lot,
    )
    _check_fits(count, max_pause, window)
    bounds = _bounds(lots, count, share, size if count == wanted else None, int(minimum / lot))
    salt = f"{seed}:{first_number}"
    sizes = _sizes(lots, count, bounds, salt)
    pauses = _pauses(count, min_pause, max_pause, salt)
    if first_number == 1:
        pauses[0] = 0
    return tuple(
        TimeSlice(number, (begins_at + due * MICROSECOND).astimezone(start_at.tzinfo), part * lot)
        for number, (due, part) in enumerate(
            zip(accumulate(pauses), sizes, strict=True), start=first_number
        )
    )


def _variation(value: Number) -> Decimal:
    share = finite("variation", value)
    if not 0 <= share < 1:
        raise ValueError(f"variation is a share from 0 to below 1, not {share}")
    return share


def _clips_of(lots: int, size: Decimal, share: Decimal) -> int:
    """Return how many clips of about `size` lots there are: the nearest number at which all can be within `share`."""
    least, most = _within(size, share)
    nearest = floor(lots / size + Decimal("0.5"))
    fewest = -(-lots // most) if most else lots + 1
    greatest = lots // max(least, 1)
    if fewest <= greatest:
        return min(max(nearest, fewest), greatest)
    return min(ceil(lots / size), lots)  # None of them shows more than was asked for.


def _within(size: Decimal, share: Decimal) -> tuple[int, int]:
    """Return the least and the most lots within `share` of `size`."""
    return ceil((1 - share) * size), floor((1 + share) * size)


def _bounds(
    lots: int, count: int, share: Decimal, size: Decimal | None, minimum: int
) -> tuple[int, int]:
    """Return what a clip may be: within `share` of what was asked for, else of the mean, and always tradable."""
    if size is not None:
        least, most = _within(size, share)
        least = max(least, minimum)
        if least <= most and count * least <= lots <= count * most:
            return least, most
    least, most = _within(Decimal(lots) / count, share)
    # A lot may be too coarse for that: then as near to the mean as lots are.
    return min(least, lots // count), max(most, -(-lots // count))


def _sizes(lots: int, count: int, bounds: tuple[int, int], salt: str) -> list[int]:
    """Draw each clip by itself, then spread what they are off in all by the room that each has left."""
    least, most = bounds
    drawn = [draw_between(least, most, f"{salt}:clip:{each}") for each in range(count)]
    off = lots - sum(drawn)
    room = [most - each if off > 0 else each - least for each in drawn]
    in_all = sum(room)
    if not off or not in_all:
        return drawn
    spread = [abs(off) * until // in_all for until in accumulate(room)]
    sign = 1 if off > 0 else -1
    return [
        each + sign * (until - before)
        for each, until, before in zip(drawn, spread, [0, *spread[:-1]], strict=True)
    ]


def _pauses(count: int, shortest: timedelta, longest: timedelta, salt: str) -> list[int]:
    if not timedelta(0) <= shortest <= longest:
        raise ValueError(f"pauses last from {shortest} to {longest}: that is no range")
    bounds = shortest // MICROSECOND, longest // MICROSECOND
    return [draw_between(*bounds, f"{salt}:pause:{each}") for each in range(count)]


def _check_fits(count: int, max_pause: timedelta, window: timedelta | None) -> None:
    needed = (count - 1) * max_pause
    if window is None or needed <= window:
        return
    fitting = window // max_pause + 1
    raise ScheduleError(
        Reason.WINDOW_OUT_OF_BOUNDS,
        f"{count} clips with pauses of up to {_seconds(max_pause)} s between them may take "
        f"{_seconds(needed)} s, and there are {_seconds(window)} s: show larger clips, {fitting} of them at most",
    )


def _seconds(length: timedelta) -> str:
    return decimal_text(Decimal(length // MICROSECOND) / 1_000_000)


def plan_clips(
    rules: MarketRules,
    policy: Policy,
    quantity: Decimal,
    *,
    price: Decimal | None,
    window: timedelta | None,
    now: datetime,
    first_number: int = 1,
) -> tuple[TimeSlice, ...]:
    """Return the clips of `quantity` (base) from `now` on. Raises ScheduleError."""
    clipping = policy.clipping
    if clipping is None:
        raise ValueError("only an iceberg has clips")
    further = clipping.further_quantity or clipping.clip_quantity
    return calculate_clips(
        quantity=quantity,
        clips=clipping.clips,
        clip_quantity=clipping.clip_quantity if first_number == 1 else further,
        variation=clipping.variation,
        min_pause=clipping.min_pause,
        max_pause=clipping.max_pause,
        start_at=now,
        window=window,
        first_number=first_number,
        lot=rules.lot,
        min_notional=rules.min_notional,
        min_quantity=rules.min_quantity,
        max_quantity=largest_tradable(rules, price),
        price=price,
        seed=policy.seed,
    )


@exact
def with_further_clips(policy: Policy, quantity: Decimal, clips: int, lot: Decimal) -> Policy:
    """Note how large the clips of a first schedule are, so that later ones look the same."""
    clipping = policy.clipping
    if clipping is None:
        return policy
    size = clipping.clip_quantity or ceil_to_step(quantity / clips, lot)
    return replace(policy, clipping=replace(clipping, further_quantity=size))


def further_clips(
    x: Execution, quantity: Decimal, *, price: Decimal | None, now: datetime
) -> tuple[TimeSlice, ...]:
    """Return clips like those that `x` began with, behind all that have begun: of what is left of it, or added.

    What is no whole lot stays out; what cannot be cut at all, as it could not be traded at a price 5 % lower, is one.
    """
    number = len(x.slices) - len(x.unsent_slices) + 1
    whole_lots = floor_to_step(quantity, x.rules.lot)
    try:
        return plan_clips(
            x.rules,
            x.policy,
            whole_lots,
            price=price,
            window=None,
            now=now,
            first_number=max(number, 2),
        )
    except ScheduleError:
        return (TimeSlice(number, now, whole_lots),)


def clip_to_measure(x: Execution) -> Slice | None:
    """Return the clip whose impact is to be seen: the last that was sent and is over, unless it has been."""
    if x.policy.clipping is None:
        return None
    last = next((part for part in reversed(x.slices) if part.sent_at is not None), None)
    is_over = last is not None and last.status.is_done and last.price_after is None
    return last if is_over else None


def impact_bps(side: Side, before: Decimal | None, after: Decimal | None) -> Decimal | None:
    """Return how far the mid has moved against us over a clip and the pause behind it, in bps; None without both.

    >>> impact_bps(Side.BUY, Decimal(100), Decimal("100.02"))
    Decimal('2.0000000000')
    """
    return None if after is None else slippage_vs_price_bps(side, after, ONE, before)
