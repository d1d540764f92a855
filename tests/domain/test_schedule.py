"""The slices of a parent order: hand-worked examples first, then what holds for every order."""

from __future__ import annotations

import decimal
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from genesis_actors.domain.schedule import (
    ScheduleError,
    TimeSlice,
    calculate_time_slices,
    catch_up_quantity,
    replan_due_times,
)
from genesis_actors.domain.volume_profile import VolumeProfile
from genesis_actors.values import ONE, ZERO, Reason

NOON = datetime(2024, 8, 8, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
LOT = Decimal("0.001")
PINNED = [
    ("12:00:32.596244", "0.220"),
    ("12:01:27.403756", "0.180"),
    ("12:02:33.887532", "0.185"),
    ("12:03:30.045693", "0.205"),
    ("12:04:26.066775", "0.210"),
]


def seconds_in(slices: tuple[TimeSlice, ...], start: datetime = NOON) -> list[float]:
    return [(part.due_at - start).total_seconds() for part in slices]


def refused(duration: int | Decimal = 10, **order: object) -> ScheduleError:
    with pytest.raises(ScheduleError) as caught:
        calculate_time_slices(duration, **order)  # type: ignore[arg-type]
    return caught.value


def test_slices_of_a_flat_profile_are_due_in_the_middle_of_equal_intervals() -> None:
    slices = calculate_time_slices(10, quantity=Decimal(10), slices=4, start_at=NOON, lot=LOT)

    assert slices == tuple(
        TimeSlice(number, NOON + timedelta(seconds=75 + 150 * (number - 1)), Decimal("2.500"))
        for number in range(1, 5)
    )


def test_there_is_one_slice_for_every_interval_of_the_window() -> None:
    assert len(calculate_time_slices(10, quantity=ONE)) == 20
    assert len(calculate_time_slices(5, quantity=ONE, slice_interval=MINUTE)) == 5
    assert len(calculate_time_slices(5, quantity=ONE, slice_interval=timedelta(hours=1))) == 1


def test_a_window_that_is_no_whole_number_of_minutes_loses_no_microsecond() -> None:
    slices = calculate_time_slices(Decimal(430) / 60, quantity=ONE, slices=1, start_at=NOON)

    assert slices[0].due_at == NOON + timedelta(seconds=215)


def test_running_totals_are_rounded_to_the_lot_so_that_no_dust_is_left() -> None:
    slices = calculate_time_slices(10, quantity=ONE, slices=3, lot=Decimal("0.1"))

    assert [part.quantity for part in slices] == [Decimal(text) for text in ("0.3", "0.4", "0.3")]


def test_busy_hours_get_slices_closer_together() -> None:
    # Three times the volume after midnight. Volume alone: an eighth of it per slice, so that the five minutes
    # before midnight (a quarter of all) hold quantiles 1/8 only, and those after it 3/8, 5/8 and 7/8.
    profile = VolumeProfile.from_hourly([Decimal(3)] * 12 + [ONE] * 12)
    start = datetime(2024, 8, 8, 23, 55, tzinfo=UTC)
    order = {"quantity": ONE, "slices": 4, "start_at": start}

    by_volume = calculate_time_slices(10, profile, volume_adaptivity=ONE, **order)
    plain = calculate_time_slices(10, profile, volume_adaptivity=ZERO, **order)
    blended = calculate_time_slices(10, profile, **order)

    assert seconds_in(by_volume, start) == [150, 350, 450, 550]
    assert seconds_in(plain, start) == [75, 225, 375, 525]
    # f is 3/4 of uniform before midnight and 5/4 of it after; F(300 s) = 3/8, so the second is due at midnight.
    assert seconds_in(blended, start) == [100, 300, 420, 540]


def test_a_profile_without_any_volume_is_flat() -> None:
    empty = VolumeProfile.from_hourly([ZERO] * 24)
    dead_hour = VolumeProfile.from_hourly([ONE] + [ZERO] * 23)
    flat = calculate_time_slices(10, quantity=ONE, start_at=NOON)

    assert calculate_time_slices(10, empty, quantity=ONE, start_at=NOON) == flat
    assert calculate_time_slices(10, dead_hour, quantity=ONE, start_at=NOON) == flat


def test_volume_in_a_single_minute_still_leaves_the_least_interval_between_slices() -> None:
    spike = VolumeProfile((0,) * 725 + (1,) + (0,) * 714)  # 12:05 to 12:06
    slices = calculate_time_slices(
        10, spike, quantity=ONE, start_at=NOON, slices=60, volume_adaptivity=ONE
    )

    gaps = [later - earlier for earlier, later in pairwise(seconds_in(slices))]
    assert min(gaps) == 5
    assert slices[0].due_at >= NOON
    assert slices[-1].due_at <= NOON + 10 * MINUTE


def test_slices_are_never_closer_than_the_least_interval_whatever_was_asked_for() -> None:
    asked = calculate_time_slices(5, quantity=ONE, slices=1000)
    by_interval = calculate_time_slices(5, quantity=ONE, slice_interval=timedelta(seconds=1))

    assert len(asked) == len(by_interval) == 60


def test_there_are_only_as_many_slices_as_stay_tradable_when_the_price_falls() -> None:
    # 10 quote at 95 are 0.106 base (in lots of 0.001): 9 of them fit into 1, 10 at the full price would not either.
    slices = calculate_time_slices(
        10, quantity=ONE, lot=LOT, min_notional=Decimal(10), price=Decimal(100)
    )

    assert len(slices) == 9
    assert min(part.quantity for part in slices) * 95 >= 10


def test_jitter_is_allowed_for_when_the_slices_are_counted() -> None:
    # With 20 % jitter a slice needs 0.125 before it to have 0.1 after it.
    for seed in range(20):
        slices = calculate_time_slices(
            10, quantity=ONE, lot=LOT, min_quantity=Decimal("0.1"), jitter=Decimal("0.2"), seed=seed
        )

        assert len(slices) == 8
        assert min(part.quantity for part in slices) >= Decimal("0.1")


def test_one_slice_is_left_where_two_would_not_be_tradable() -> None:
    slices = calculate_time_slices(
        10, quantity=Decimal("1.9"), lot=LOT, min_quantity=ONE, jitter=Decimal("0.5"), start_at=NOON
    )

    assert slices == (TimeSlice(1, NOON + 5 * MINUTE, Decimal("1.900")),)


def test_slices_above_the_largest_order_are_cut_into_more() -> None:
    slices = calculate_time_slices(10, quantity=Decimal(100), slices=2, max_quantity=Decimal(3))

    assert len(slices) == 34
    assert max(part.quantity for part in slices) <= 3


def test_a_largest_order_that_is_not_reached_changes_nothing() -> None:
    assert len(calculate_time_slices(10, quantity=ONE, max_quantity=ONE)) == 20


def test_an_order_above_what_the_window_can_hold_is_refused_with_the_most_that_fits() -> None:
    error = refused(quantity=Decimal(361), lot=ONE, max_quantity=Decimal(3))

    assert error.reason is Reason.QUANTITY_ABOVE_MAXIMUM
    assert "order at most 360," in str(error)
    assert calculate_time_slices(10, quantity=Decimal(360), lot=ONE, max_quantity=Decimal(3))


def test_the_most_that_fits_allows_for_jitter() -> None:
    limits = {"lot": ONE, "max_quantity": Decimal(120), "jitter": Decimal("0.2")}
    error = refused(quantity=Decimal(50_000), **limits)

    assert "order at most 12000," in str(error)
    fitting = calculate_time_slices(10, quantity=Decimal(12_000), **limits)  # type: ignore[arg-type]
    assert max(part.quantity for part in fitting) <= 120


def test_an_order_that_can_only_go_as_one_slice_is_held_to_the_largest_order() -> None:
    error = refused(quantity=Decimal(9), lot=ONE, min_quantity=Decimal(5), max_quantity=Decimal(8))

    assert error.reason is Reason.QUANTITY_ABOVE_MAXIMUM
    assert "order at most 8," in str(error)


def test_an_order_below_the_minimum_is_refused_with_the_least_that_goes() -> None:
    error = refused(quantity=Decimal("0.052"), lot=LOT, min_notional=Decimal(5), price=Decimal(100))

    assert error.reason is Reason.QUANTITY_BELOW_MINIMUM
    assert "order at least 0.053" in str(error)
    assert refused(quantity=Decimal("1E-9")).reason is Reason.QUANTITY_BELOW_MINIMUM


def test_an_order_that_is_not_a_multiple_of_the_lot_is_refused_with_its_neighbours() -> None:
    error = refused(quantity=Decimal("1.2345"), lot=LOT)

    assert error.reason is Reason.QUANTITY_NOT_A_LOT
    assert "order 1.234 or 1.235" in str(error)


def test_an_absurd_quantity_is_refused_before_it_leaves_exact_arithmetic() -> None:
    assert refused(quantity=Decimal("1E+200")).reason is Reason.QUANTITY_ABOVE_MAXIMUM


@pytest.mark.parametrize("minutes", [4, 31, Decimal("4.99"), 0, -10])
def test_a_window_out_of_bounds_is_refused_with_the_bounds(minutes: int | Decimal) -> None:
    error = refused(minutes, quantity=ONE)

    assert error.reason is Reason.WINDOW_OUT_OF_BOUNDS
    assert "choose one from 5 to 30 minutes" in str(error)


def test_the_operator_may_change_the_bounds_but_no_window_is_empty() -> None:
    bounds = {"min_duration": timedelta(0), "max_duration": timedelta(hours=2)}

    assert len(calculate_time_slices(120, quantity=ONE, **bounds)) == 240  # type: ignore[arg-type]
    assert len(calculate_time_slices(Decimal("0.5"), quantity=ONE, **bounds)) == 1  # type: ignore[arg-type]
    assert refused(0, quantity=ONE, **bounds).reason is Reason.WINDOW_OUT_OF_BOUNDS


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("quantity", Decimal("NaN")),
        ("quantity", Decimal("Infinity")),
        ("quantity", Decimal(-1)),
        ("duration_minutes", Decimal("NaN")),
        ("volume_adaptivity", Decimal("1.1")),
        ("volume_adaptivity", Decimal("NaN")),
        ("jitter", ONE),
        ("jitter", Decimal("-0.1")),
        ("slices", 0),
        ("slice_interval", timedelta(0)),
        ("min_slice_interval", timedelta(seconds=-1)),
        ("start_at", datetime(2024, 8, 8)),  # noqa: DTZ001
        ("lot", ZERO),
        ("lot", Decimal("NaN")),
        ("lot", Decimal("1E-90")),
        ("min_notional", Decimal("NaN")),
        ("max_quantity", Decimal(-1)),
        ("price", ZERO),
        ("price", Decimal("NaN")),
        ("price", None),
    ],
)
def test_arguments_that_mean_nothing_are_errors(argument: str, value: object) -> None:
    order = {"duration_minutes": 10, "quantity": ONE, "min_notional": ONE, "price": ONE}
    with pytest.raises(ValueError, match=r"\w+ \w+ \w+") as caught:
        calculate_time_slices(**(order | {argument: value}))  # type: ignore[arg-type]

    assert not isinstance(caught.value, ScheduleError)


@pytest.mark.parametrize("minutes", [Decimal("1E+999999"), Decimal("1E-999999"), 10**40])
def test_a_window_beyond_all_measure_is_refused_like_any_other(minutes: int | Decimal) -> None:
    error = refused(minutes, quantity=ONE)

    assert error.reason is Reason.WINDOW_OUT_OF_BOUNDS
    assert len(str(error)) < 200


@pytest.mark.parametrize("hours", [0, 9, -9])
def test_a_window_past_the_end_of_time_is_an_error(hours: int) -> None:
    zone = timezone(timedelta(hours=hours))
    start = datetime(9999, 12, 31, 23, 55, tzinfo=zone)
    with pytest.raises(ValueError, match="start_at is"):
        calculate_time_slices(10, quantity=ONE, start_at=start)

    assert len(calculate_time_slices(10, quantity=ONE, start_at=start - 10 * HOUR)) == 20


def test_due_times_are_in_the_zone_of_the_start_and_summer_time_moves_none() -> None:
    # The clocks of Berlin go back from 03:00 to 02:00 at 01:00 UTC.
    berlin = ZoneInfo("Europe/Berlin")
    start = datetime(2024, 10, 27, 0, 57, tzinfo=UTC)
    profile = VolumeProfile.from_hourly([ONE, Decimal(9)] + [ONE] * 22)
    plain = calculate_time_slices(10, profile, quantity=ONE, start_at=start)
    local = calculate_time_slices(10, profile, quantity=ONE, start_at=start.astimezone(berlin))

    assert [part.due_at.astimezone(UTC) for part in local] == [part.due_at for part in plain]
    assert {part.due_at.tzinfo for part in local} == {berlin}


def test_slices_that_remain_are_spread_over_real_time_when_the_clocks_change() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    now = datetime(2024, 10, 27, 0, 55, tzinfo=UTC)
    dues = replan_due_times(
        2,
        now=now.astimezone(berlin),
        ends_at=(now + 8 * MINUTE).astimezone(berlin),
        volume_profile=None,
        volume_adaptivity=ONE,
        volume_ratio=ONE,
        min_slice_interval=timedelta(seconds=5),
    )

    assert [due.astimezone(UTC) - now for due in dues] == [2 * MINUTE, 6 * MINUTE]


def test_a_seed_gives_the_same_schedule_everywhere() -> None:
    slices = calculate_time_slices(
        5, quantity=ONE, slices=5, lot=LOT, jitter=Decimal("0.2"), seed=7, start_at=NOON
    )

    assert [(part.due_at.time().isoformat(), str(part.quantity)) for part in slices] == PINNED


def test_another_seed_gives_another_schedule() -> None:
    schedules = {
        calculate_time_slices(10, quantity=ONE, lot=LOT, jitter=Decimal("0.2"), seed=seed)
        for seed in range(50)
    }

    assert len(schedules) == 50


def test_jitter_has_no_bias_over_seeds() -> None:
    # Each deviation is uniform in +-0.02: its mean over 400 seeds has a standard error of 0.0006.
    first = [
        calculate_time_slices(10, quantity=Decimal(2), lot=LOT, jitter=Decimal("0.2"), seed=seed)[
            0
        ].quantity
        for seed in range(400)
    ]

    assert abs(sum(first, ZERO) / 400 - Decimal("0.1")) < Decimal("0.003")
    assert max(first) == Decimal("0.120")
    assert min(first) == Decimal("0.080")


weights = st.one_of(
    st.lists(st.sampled_from([0, 1, 3, 1000]), min_size=24, max_size=24).map(
        lambda hours: VolumeProfile(tuple(hour for hour in hours for _ in range(60)))
    ),
    st.integers(0, 1439).map(
        lambda minute: VolumeProfile((0,) * minute + (5,) + (0,) * (1439 - minute))
    ),
    st.builds(
        lambda spikes: VolumeProfile(tuple(1 if minute in spikes else 0 for minute in range(1440))),
        st.sets(st.integers(0, 1439), max_size=50),
    ),
)
profiles = st.none() | weights
shares = st.decimals(0, 1, places=3)
starts = st.datetimes(datetime(2024, 1, 1), datetime(2024, 12, 31)).map(  # noqa: DTZ001
    lambda at: at.replace(tzinfo=UTC)
) | st.integers(0, 30 * 60_000_000).map(
    lambda before: datetime(2024, 8, 9, tzinfo=UTC) - timedelta(microseconds=before)
)


@settings(max_examples=120, deadline=None)
@given(
    minutes=st.decimals(5, 30, places=4),
    profile=profiles,
    lots=st.integers(1, 10**9) | st.integers(10**5, 10**9),
    lot=st.sampled_from([Decimal(text) for text in ("0.00000001", "0.00005", "0.03", "1", "10")]),
    start=starts,
    slices=st.none() | st.integers(1, 400),
    interval=st.integers(1, 600),
    least_interval=st.integers(1, 30),
    price=st.decimals("0.0001", 100_000, places=4),
    min_notional=st.decimals(0, 100, places=2),
    min_quantity=st.none() | st.decimals(0, 10, places=5),
    max_quantity=st.none() | st.decimals("0.01", 10_000, places=2),
    adaptivity=shares,
    jitter=st.decimals(0, "0.999", places=3),
    seed=st.integers(),
)
def test_every_schedule_adds_up_is_tradable_ordered_and_inside_its_window(  # noqa: PLR0913
    *,
    minutes: Decimal,
    profile: VolumeProfile | None,
    lots: int,
    lot: Decimal,
    start: datetime,
    slices: int | None,
    interval: int,
    least_interval: int,
    price: Decimal,
    min_notional: Decimal,
    min_quantity: Decimal | None,
    max_quantity: Decimal | None,
    adaptivity: Decimal,
    jitter: Decimal,
    seed: int,
) -> None:
    def plan(jitter: Decimal, seed: int) -> tuple[TimeSlice, ...]:
        return calculate_time_slices(
            minutes,
            profile,
            quantity=quantity,
            start_at=start,
            slices=slices,
            slice_interval=timedelta(seconds=interval),
            min_slice_interval=timedelta(seconds=least_interval),
            lot=lot,
            min_notional=min_notional,
            min_quantity=min_quantity,
            max_quantity=max_quantity,
            price=price,
            volume_adaptivity=adaptivity,
            jitter=jitter,
            seed=seed,
        )

    quantity = lots * lot
    window = round(minutes * 60_000_000)
    try:
        planned = plan(jitter, seed)
    except ScheduleError as error:
        refusal = error.reason
        planned = ()
    else:
        refusal = None
    event(f"{min(len(planned), 2)} slices or more, {refusal}")
    if not planned:
        assert refusal in {Reason.QUANTITY_BELOW_MINIMUM, Reason.QUANTITY_ABOVE_MAXIMUM}
        return

    assert [part.number for part in planned] == list(range(1, len(planned) + 1))
    assert sum(part.quantity for part in planned) == quantity
    left = quantity
    for part in planned:
        left -= part.quantity
        assert part.quantity > 0
        assert part.quantity % lot == 0
        assert part.quantity <= (max_quantity or quantity)
        for tradable in (part.quantity, left) if left else (part.quantity,):
            assert tradable >= (min_quantity or 0)
            assert tradable * price * Decimal("0.95") >= min_notional

    dues = [(part.due_at - start) // timedelta(microseconds=1) for part in planned]
    assert dues[0] >= 0
    assert dues[-1] <= window
    assert all(later - earlier >= least_interval * 10**6 for earlier, later in pairwise(dues))

    with decimal.localcontext() as context:
        context.prec = 3  # The caller's context does not matter.
        assert plan(jitter, seed) == planned
    steady = plan(ZERO, seed)
    if len(steady) == len(planned):
        moves = [
            (b.due_at - a.due_at) / timedelta(microseconds=1)
            for a, b in zip(steady, planned, strict=True)
        ]
        assert sum(moves) == 0
        assert all(abs(move) <= jitter * window / len(planned) for move in moves)
        assert all(
            abs(b.quantity - a.quantity) <= jitter * a.quantity
            for a, b in zip(steady, planned, strict=True)
        )


@settings(max_examples=40, deadline=None)
@given(profile=weights, start=starts, adaptivity=shares, slices=st.integers(1, 40))
def test_due_times_are_the_quantiles_of_the_blended_density(
    profile: VolumeProfile, start: datetime, adaptivity: Decimal, slices: int
) -> None:
    tiny = timedelta(microseconds=1)
    planned = calculate_time_slices(
        10,
        profile,
        quantity=ONE,
        start_at=start,
        slices=slices,
        min_slice_interval=tiny,
        volume_adaptivity=adaptivity,
    )
    end = start + 10 * MINUTE
    whole = profile.fraction_between(start, end)
    blend = adaptivity if whole else ZERO

    def distribution(at: datetime) -> Decimal:
        part = profile.fraction_between(start, at) / whole if whole else whole
        uniform = Decimal((at - start) // tiny) / (600 * 10**6)
        return (1 - blend) * uniform + blend * Decimal(part.numerator) / part.denominator

    slack = Decimal("1E-20")
    earlier = start
    for part in planned:
        quantile = Decimal(2 * part.number - 1) / (2 * slices)
        assert distribution(part.due_at) >= quantile - slack
        if part.due_at - earlier > tiny:  # Else two quantiles lie in one microsecond.
            assert distribution(part.due_at - tiny) < quantile + slack
        earlier = part.due_at


def replan(remaining: int, minutes: int = 10, **changes: object) -> list[float]:
    arguments: dict[str, object] = {
        "now": NOON,
        "ends_at": NOON + minutes * MINUTE,
        "volume_profile": None,
        "volume_adaptivity": ONE,
        "volume_ratio": ONE,
        "min_slice_interval": timedelta(seconds=5),
    }
    dues = replan_due_times(remaining, **(arguments | changes))  # type: ignore[arg-type]
    return [(due - NOON).total_seconds() for due in dues]


def test_unsent_slices_are_spread_over_what_is_left() -> None:
    assert replan(0) == []
    assert replan(4) == [75, 225, 375, 525]


def test_a_busy_market_brings_slices_forward_and_a_quiet_one_puts_them_back() -> None:
    usual = replan(10)
    busy = replan(10, volume_ratio=Decimal(4))
    quiet = replan(10, volume_ratio=ZERO)

    assert all(sooner < planned for sooner, planned in zip(busy, usual, strict=True))
    assert all(later > planned for later, planned in zip(quiet, usual, strict=True))


def test_a_departure_is_half_forgotten_after_five_minutes() -> None:
    # Three times the usual volume now, twice in 5 minutes, 1.5 times in 10. Slices are as far apart as volume is thin.
    dues = replan(3000, 30, volume_ratio=Decimal(3), min_slice_interval=timedelta(microseconds=1))

    def in_minute(minute: int) -> int:
        return sum(60 * minute <= due < 60 * minute + 60 for due in dues)

    assert in_minute(0) / in_minute(5) == pytest.approx(3 / 2, abs=0.02)
    assert in_minute(0) / in_minute(10) == pytest.approx(3 / 1.5, abs=0.03)
    assert in_minute(0) / in_minute(2) == pytest.approx(3 / (1 + 2 * 2 ** (-2 / 5)), abs=0.02)


def test_without_adaptivity_the_volume_of_late_does_not_matter() -> None:
    assert replan(4, volume_adaptivity=ZERO, volume_ratio=Decimal(9)) == [75, 225, 375, 525]


def test_the_least_interval_gives_way_where_the_slices_would_not_fit() -> None:
    crowded = replan(4, ends_at=NOON + timedelta(seconds=4))

    assert crowded == [0.5, 1.5, 2.5, 3.5]


@pytest.mark.parametrize(
    "wrong",
    [
        {"remaining": -1},
        {"ends_at": NOON},
        {"volume_ratio": Decimal(-1)},
        {"volume_ratio": Decimal("NaN")},
        {"volume_adaptivity": Decimal(2)},
        {"min_slice_interval": timedelta(0)},
    ],
)
def test_a_plan_for_no_time_or_with_numbers_that_mean_nothing_is_an_error(
    wrong: dict[str, object],
) -> None:
    with pytest.raises(ValueError, match=r"\w+ \w+ \w+"):
        replan(**({"remaining": 2} | wrong))  # type: ignore[arg-type]


@settings(max_examples=80, deadline=None)
@given(
    remaining=st.integers(1, 100),
    window=st.integers(100, 30 * 60_000_000),
    profile=profiles,
    now=starts,
    adaptivity=shares,
    ratio=st.decimals(0, 50, places=2),
    least=st.integers(1, 30_000_000),
)
def test_every_replan_is_ordered_after_now_and_before_the_end(
    *,
    remaining: int,
    window: int,
    profile: VolumeProfile | None,
    now: datetime,
    adaptivity: Decimal,
    ratio: Decimal,
    least: int,
) -> None:
    ends_at = now + timedelta(microseconds=window)
    dues = replan_due_times(
        remaining,
        now=now,
        ends_at=ends_at,
        volume_profile=profile,
        volume_adaptivity=adaptivity,
        volume_ratio=ratio,
        min_slice_interval=timedelta(microseconds=least),
    )

    assert len(dues) == remaining
    assert now < dues[0]
    assert dues[-1] <= ends_at
    gap = timedelta(microseconds=min(least, window // remaining))
    assert all(later - earlier >= gap for earlier, later in pairwise(dues))


def test_what_is_owed_is_spread_over_the_slices_that_are_left() -> None:
    def share(owed: int, slices_left: int, planned: str = "2") -> Decimal:
        return catch_up_quantity(
            planned=Decimal(planned), owed=Decimal(owed), slices_left=slices_left, lot=LOT
        )

    assert share(2, 5) == 2  # On schedule.
    assert share(7, 5) == 3  # Five are missing, one for each slice.
    assert share(7, 3) == Decimal("3.666")  # Rounded down to the lot.
    assert share(7, 1) == 6  # All of it, but no more than three times the plan.
    assert share(5, 1) == 5
    assert share(1, 5) == 1  # Ahead: never more than is owed.
    assert share(0, 5) == 0
    assert share(-3, 5) == 0


@pytest.mark.parametrize(
    "wrong", [{"slices_left": 0}, {"catch_up_limit": Decimal(-1)}, {"lot": ZERO}]
)
def test_catching_up_over_no_slices_is_an_error(wrong: dict[str, object]) -> None:
    arguments: dict[str, object] = {"planned": ONE, "owed": ONE, "slices_left": 1, "lot": ONE}
    with pytest.raises(ValueError, match=r"cannot be|catch_up_limit must be|lot must be"):
        catch_up_quantity(**(arguments | wrong))  # type: ignore[arg-type]


@given(
    planned=st.decimals(0, 1000, places=4),
    owed=st.decimals(-1000, 5000, places=4),
    slices_left=st.integers(1, 400),
    limit=st.decimals(0, 10, places=2),
    lot=st.sampled_from([Decimal("0.0001"), Decimal("0.03"), Decimal(1)]),
)
def test_catching_up_is_never_negative_never_above_what_is_owed_and_never_above_the_limit(
    planned: Decimal, owed: Decimal, slices_left: int, limit: Decimal, lot: Decimal
) -> None:
    quantity = catch_up_quantity(
        planned=planned, owed=owed, slices_left=slices_left, catch_up_limit=limit, lot=lot
    )

    assert 0 <= quantity <= max(owed, ZERO)
    assert quantity <= limit * planned
    assert quantity % lot == 0
    if slices_left == 1 and owed > 0:
        assert quantity > min(owed, limit * planned) - lot
