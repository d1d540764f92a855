"""Average prices: ours, and the market's over a window."""

from __future__ import annotations

import decimal
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis_actors.domain.benchmarks import (
    average_price,
    calculate_twap_price,
    interval_twap,
    interval_vwap,
    twap_sums,
)
from genesis_actors.values import ZERO, MarketSummary

NOON = datetime(2024, 8, 8, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Part:
    filled_quantity: Decimal
    average_price: Decimal | None


def summary(seconds: int = 0, **changes: Decimal | int | None) -> MarketSummary:
    figures: dict[str, Decimal | int | None] = {
        "volume": ZERO,
        "notional": ZERO,
        "mid_integral": ZERO,
        "mid_microseconds": 0,
        "last_mid": None,
    }
    end = NOON + timedelta(seconds=seconds)
    return MarketSummary(start=NOON, end=end, **(figures | changes))  # type: ignore[arg-type]


def test_executed_slices_count_by_their_quantity() -> None:
    slices = [
        Part(Decimal(1), Decimal(100)),
        Part(Decimal(2), Decimal(103)),
        Part(ZERO, None),
        Part(Decimal(4), Decimal(101)),
    ]

    # That is 710 quote units for 7.
    assert calculate_twap_price(slices) == Decimal("101.4285714286")
    assert calculate_twap_price((p.filled_quantity, p.average_price) for p in slices) == Decimal(
        "101.4285714286"
    )


def test_without_a_fill_there_is_no_price() -> None:
    assert calculate_twap_price([]) is None
    assert calculate_twap_price([(ZERO, None), (ZERO, Decimal(5))]) is None
    assert calculate_twap_price([(Decimal(1), None)]) is None


@pytest.mark.parametrize("wrong", [Decimal("NaN"), Decimal(-1)])
def test_an_executed_slice_has_numbers_that_are_not_negative(wrong: Decimal) -> None:
    with pytest.raises(ValueError, match="filled_quantity of slices must be"):
        calculate_twap_price([(Decimal(3), Decimal(100)), (wrong, Decimal(100))])
    with pytest.raises(ValueError, match="average_price of slices must be"):
        calculate_twap_price([(Decimal(1), wrong)])


def test_an_executed_slice_may_have_ints_but_no_floats() -> None:
    assert str(calculate_twap_price([(1, 100), (3, 104)])) == "103.0000000000"
    with pytest.raises(TypeError, match=r"filled_quantity of slices must be .* not float: 0\.1"):
        calculate_twap_price([(0.1, 100)])  # type: ignore[list-item]


def test_an_average_is_rounded_half_even_to_ten_places() -> None:
    assert average_price(Decimal("0.00000000025"), Decimal(1)) == Decimal("0.0000000002")
    assert average_price(Decimal("0.00000000035"), Decimal(1)) == Decimal("0.0000000004")
    assert average_price(Decimal(1), ZERO) is None


def test_the_interval_twap_weighs_the_mid_by_time() -> None:
    # 100 for 9 minutes and 110 for one; no mid existed in the first minute of the eleven.
    integral = (Decimal(100) * 9 + 110) * 60_000_000
    eleven = summary(
        660, mid_integral=integral, mid_microseconds=600_000_000, last_mid=Decimal(110)
    )

    assert interval_twap(eleven) == 101
    assert twap_sums(eleven) == (integral, 600_000_000)


def test_a_window_without_length_has_the_mid_in_force_as_its_twap() -> None:
    assert interval_twap(summary(0, last_mid=Decimal("100.5"))) == Decimal("100.5")
    assert interval_twap(summary(0)) is None


def test_a_window_in_which_no_mid_was_in_force_has_no_twap() -> None:
    assert interval_twap(summary(10)) is None
    assert interval_twap(summary(10, last_mid=Decimal(100))) is None  # It came at the very end.


def test_the_interval_vwap_weighs_prices_by_volume() -> None:
    assert interval_vwap(summary(9, volume=Decimal(3), notional=Decimal(302))) == Decimal(
        "100.6666666667"
    )
    assert interval_vwap(summary(9)) is None


def test_the_caller_s_decimal_context_does_not_matter() -> None:
    with decimal.localcontext() as context:
        context.prec = 2
        price = calculate_twap_price([(Decimal("1.001"), Decimal("61234.56"))])

    assert price == Decimal("61234.56")


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(st.decimals("0.001", 100, places=3), st.decimals(1, 10**6, places=2)), min_size=1
    )
)
def test_an_average_lies_between_the_lowest_and_the_highest_price(
    slices: list[tuple[Decimal, Decimal]],
) -> None:
    price = calculate_twap_price(slices)

    assert price is not None
    assert min(p for _, p in slices) <= price <= max(p for _, p in slices)
