"""The usual volume of the day: learned from bars, asked for by hour and between any two times."""

from __future__ import annotations

import decimal
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis_actors.domain.volume_profile import VolumeProfile
from genesis_actors.messages.venue import HourlyVolume
from genesis_actors.values import ONE, ZERO

MIDNIGHT = datetime(2024, 8, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
FLAT = VolumeProfile((1,) * 1440)


def bar(start: datetime, seconds: int, volume: object) -> HourlyVolume:
    return HourlyVolume(start=start, seconds=seconds, volume=Decimal(str(volume)))


def hourly_day(start: datetime, *volumes: int) -> list[HourlyVolume]:
    return [bar(start + hour * HOUR, 3600, volume) for hour, volume in enumerate(volumes)]


def test_an_hour_has_its_share_of_the_day() -> None:
    profile = VolumeProfile.from_hourly([ONE] * 20 + [Decimal(5)] * 4)

    assert profile.get_hourly_volumes() == (Decimal("0.025"),) * 20 + (Decimal("0.125"),) * 4
    assert profile.mean_daily_volume is None
    assert profile.expected_volume(MIDNIGHT, MIDNIGHT + HOUR) is None


def test_hourly_shares_add_up_to_one_even_where_they_have_no_end() -> None:
    assert sum(FLAT.get_hourly_volumes()) == 1
    assert {str(share) for share in FLAT.get_hourly_volumes()} == {"0.0416666667", "0.0416666666"}


def test_volumes_of_any_precision_keep_their_proportion() -> None:
    profile = VolumeProfile.from_hourly([Decimal("0.00000001")] * 23 + [Decimal("1E+2")])

    assert profile.fraction_between(MIDNIGHT, MIDNIGHT + HOUR) == Fraction(1, 23 + 10**10)


def test_days_count_by_their_fractions_not_by_their_volume() -> None:
    calm = hourly_day(MIDNIGHT, *[1] * 12, *[0] * 12)
    wild = hourly_day(MIDNIGHT + DAY, *[0] * 12, *[1000] * 12)
    profile = VolumeProfile.from_bars(calm + wild)

    assert set(profile.get_hourly_volumes()) <= {Decimal("0.0416666667"), Decimal("0.0416666666")}
    assert profile.mean_daily_volume == 6006
    assert profile.expected_volume(MIDNIGHT, MIDNIGHT + 2 * HOUR) == Decimal("500.5")


def test_days_that_are_not_complete_do_not_count_beside_complete_ones() -> None:
    complete = hourly_day(MIDNIGHT, *[1] * 23, 2)
    partial = hourly_day(MIDNIGHT + DAY, 1000)

    assert VolumeProfile.from_bars(complete + partial) == VolumeProfile.from_bars(complete)


def test_a_complete_day_without_volume_counts_for_the_mean_volume_alone() -> None:
    profile = VolumeProfile.from_bars(
        hourly_day(MIDNIGHT, *[0] * 24) + hourly_day(MIDNIGHT + DAY, *[2] * 24)
    )

    assert profile.mean_daily_volume == 24
    assert sum(profile.get_hourly_volumes()) == 1


def test_bars_of_less_than_a_day_are_pooled_and_unseen_hours_get_their_mean() -> None:
    # 10:00 saw 60 and 20 on two days, 11:30 to 12:00 saw 60: 40, 120 and, for each unseen hour, 140 in 150 minutes.
    ten = MIDNIGHT + 10 * HOUR
    profile = VolumeProfile.from_bars(
        [bar(ten, 3600, 60), bar(ten + DAY, 3600, 20), bar(ten + 1.5 * HOUR, 1800, 60)]
    )

    assert profile.mean_daily_volume == 40 + 120 + 22 * 56
    assert profile.expected_volume(ten, ten + HOUR) == 40
    assert profile.expected_volume(ten + HOUR, ten + 2 * HOUR) == 120
    assert profile.expected_volume(ten + 2 * HOUR, ten + 3 * HOUR) == 56


@pytest.mark.parametrize(
    "bars",
    [[], hourly_day(MIDNIGHT, *[0] * 24), [bar(MIDNIGHT, 60, 0)]],
    ids=["no bars", "an empty day", "an empty minute"],
)
def test_a_profile_that_saw_no_volume_is_flat_and_expects_nothing(bars: list[HourlyVolume]) -> None:
    profile = VolumeProfile.from_bars(bars)

    assert profile == FLAT
    assert profile.expected_volume(MIDNIGHT, MIDNIGHT + HOUR) is None


def test_minute_bars_shape_the_hour_by_half_so_that_empty_minutes_do_not_starve() -> None:
    # In each hour everything trades in its first minute: 1/24 of the day, of which the minute keeps half and the
    # hour's 60 minutes share the other.
    bars = [bar(MIDNIGHT + hour * HOUR, 60, 3) for hour in range(24)]
    profile = VolumeProfile.from_bars(bars)
    minute = timedelta(minutes=1)

    assert profile.expected_volume(MIDNIGHT, MIDNIGHT + HOUR) == 3
    assert profile.expected_volume(MIDNIGHT, MIDNIGHT + minute) == Decimal("1.525")
    assert profile.expected_volume(MIDNIGHT + minute, MIDNIGHT + 2 * minute) == Decimal("0.025")


def test_where_bars_overlap_the_shortest_counts_and_of_repeated_ones_the_first() -> None:
    hours = hourly_day(MIDNIGHT, *[6] * 24)
    minutes = [bar(MIDNIGHT + timedelta(minutes=minute), 60, 2) for minute in range(60)]
    profile = VolumeProfile.from_bars(hours + minutes + hours)

    assert profile.mean_daily_volume == 23 * 6 + 120


def test_a_bar_that_crosses_midnight_belongs_to_both_days_in_proportion() -> None:
    # Days from 22:00 to 22:00: the first and the last of the three are not complete.
    bars = [bar(MIDNIGHT - 2 * HOUR + number * DAY, 86_400, 24) for number in range(2)]
    profile = VolumeProfile.from_bars(bars)

    assert profile == VolumeProfile.from_bars(hourly_day(MIDNIGHT, *[1] * 24))


@pytest.mark.parametrize("seconds", [30, 0, 90, -60])
def test_bars_that_are_not_of_whole_minutes_are_an_error(seconds: int) -> None:
    with pytest.raises(ValueError, match="whole minutes"):
        VolumeProfile.from_bars([bar(MIDNIGHT, seconds, 1)])


@pytest.mark.parametrize("volume", [Decimal(-1), Decimal("NaN"), Decimal("Infinity")])
def test_volumes_that_are_not_are_an_error(volume: Decimal) -> None:
    with pytest.raises(ValueError, match="not negative"):
        VolumeProfile.from_hourly([volume] * 24)


def test_a_profile_has_every_hour_and_every_minute() -> None:
    with pytest.raises(ValueError, match="24 hourly volumes, not 23"):
        VolumeProfile.from_hourly([ONE] * 23)
    with pytest.raises(ValueError, match="1440 minutes, not 1"):
        VolumeProfile((1,))
    with pytest.raises(ValueError, match="cannot be negative"):
        VolumeProfile((1,) * 1439 + (-1,))
    with pytest.raises(TypeError, match="weights must be an int, not float"):
        VolumeProfile((1,) * 1439 + (1.0,))  # type: ignore[arg-type]


def test_whole_volumes_may_be_ints() -> None:
    whole = VolumeProfile.from_hourly([*range(24)], 276)

    assert whole == VolumeProfile.from_hourly([Decimal(hour) for hour in range(24)], Decimal(276))
    assert str(whole.mean_daily_volume) == "276"
    assert type(VolumeProfile((1,) * 1440, 7).mean_daily_volume) is Decimal  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [1.0, "1", True])
def test_volumes_that_are_not_exact_are_refused(wrong: Any) -> None:
    with pytest.raises(TypeError, match="volumes must be a Decimal or an int"):
        VolumeProfile.from_hourly([wrong] * 24)
    with pytest.raises(TypeError, match="mean_daily_volume must be a Decimal or an int"):
        VolumeProfile.from_hourly([1] * 24, wrong)


@pytest.mark.parametrize("wrong", [Decimal("NaN"), Decimal(-1)])
def test_a_mean_volume_that_is_none_is_an_error(wrong: Decimal) -> None:
    with pytest.raises(ValueError, match="mean_daily_volume must be a number"):
        VolumeProfile.from_hourly([1] * 24, wrong)


def test_an_hour_well_above_the_mean_is_a_high_volume_period() -> None:
    # 1.25 times the mean hour is not enough, a little more is.
    at_bound = VolumeProfile((60 * 115,) * 60 + (60 * 91,) * 1380)
    volumes = [Decimal(23 * 5)] + [Decimal(91)] * 23
    mean = sum(volumes, ZERO) / 24

    assert volumes[0] / mean == Decimal("1.25")
    assert not at_bound.is_high_volume_period(MIDNIGHT)
    above = VolumeProfile.from_hourly([volumes[0] + ONE, *volumes[1:]])
    assert above.is_high_volume_period(MIDNIGHT + timedelta(minutes=59))
    assert not above.is_high_volume_period(MIDNIGHT + HOUR)


def test_hours_are_those_of_utc_whatever_the_zone_asked_in() -> None:
    profile = VolumeProfile.from_hourly([Decimal(9)] + [ONE] * 23)
    tokyo = timezone(timedelta(hours=9))

    assert profile.is_high_volume_period(datetime(2024, 8, 8, 9, 30, tzinfo=tokyo))
    assert not profile.is_high_volume_period(datetime(2024, 8, 8, 0, 30, tzinfo=tokyo))


def test_volume_flows_across_hours_and_midnight() -> None:
    profile = VolumeProfile.from_hourly([Decimal(2)] + [ONE] * 22 + [Decimal(4)], Decimal(56))
    start = MIDNIGHT - timedelta(minutes=15)

    assert profile.fraction_between(start, MIDNIGHT + HOUR / 2) == Fraction(2, 28)
    assert profile.expected_volume(start, MIDNIGHT + HOUR / 2) == 4
    assert profile.fraction_between(start, start + 3 * DAY) == 3
    assert profile.fraction_between(start, start) == 0
    assert profile.expected_volume(start, start) == ZERO


def test_time_does_not_run_backwards() -> None:
    with pytest.raises(ValueError, match="before the start"):
        FLAT.fraction_between(MIDNIGHT, MIDNIGHT - HOUR)


def test_the_caller_s_decimal_context_does_not_matter() -> None:
    bars = [bar(MIDNIGHT + hour * HOUR, 3600, f"{hour}.12345678") for hour in range(24)]
    expected = VolumeProfile.from_bars(bars)
    with decimal.localcontext() as context:
        context.prec = 3
        profile = VolumeProfile.from_bars(bars)

        assert profile == expected
        assert sum(expected.get_hourly_volumes(), start=ZERO).quantize(ONE) == 1


times = st.datetimes(datetime(1969, 12, 1), datetime(2030, 1, 1)).map(  # noqa: DTZ001
    lambda at: at.replace(tzinfo=UTC)
)


@settings(max_examples=30, deadline=None)
@given(
    volumes=st.lists(st.decimals(0, 10**6, places=3), min_size=24, max_size=24),
    first=times,
    minutes=st.lists(st.integers(0, 3000), min_size=2, max_size=2),
)
def test_fractions_of_adjacent_times_add_up_exactly(
    volumes: list[Decimal], first: datetime, minutes: list[int]
) -> None:
    profile = VolumeProfile.from_hourly(volumes)
    second = first + minutes[0] * timedelta(seconds=61)
    third = second + minutes[1] * timedelta(microseconds=77)

    assert sum(profile.get_hourly_volumes()) == 1
    assert profile.fraction_between(first, third) == (
        profile.fraction_between(first, second) + profile.fraction_between(second, third)
    )
    assert profile.fraction_between(first, first + DAY) == 1
    steps = list(profile.steps(first, third))
    assert sum(length for length, _ in steps) == (third - first) // timedelta(microseconds=1)
    flown = sum(length * weight for length, weight in steps)
    assert profile.fraction_between(first, third) == Fraction(
        flown, sum(profile.weights) * 60_000_000
    )
