"""Slippage: positive is a cost, for buys and sells alike."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis_actors.domain.slippage import (
    calculate_slippage,
    slippage_vs_price_bps,
    slippage_vs_twap_bps,
)
from genesis_actors.values import ZERO, MarketSummary, Side

NOON = datetime(2024, 8, 8, 12, tzinfo=UTC)


def market(integral: str, microseconds: int, last_mid: str | None = None) -> MarketSummary:
    return MarketSummary(
        start=NOON,
        end=NOON + timedelta(microseconds=microseconds),
        volume=ZERO,
        notional=ZERO,
        mid_integral=Decimal(integral),
        mid_microseconds=microseconds,
        last_mid=None if last_mid is None else Decimal(last_mid),
    )


@pytest.mark.parametrize(
    ("side", "actual", "percent"),
    [
        (Side.BUY, "101", "1"),
        (Side.BUY, "99", "-1"),
        (Side.SELL, "99", "1"),
        (Side.SELL, "101", "-1"),
        ("buy", "100", "0"),
        ("sell", "0", "100"),
    ],
)
def test_slippage_is_a_percentage_of_the_expected_price(
    side: Side | str, actual: str, percent: str
) -> None:
    assert calculate_slippage(Decimal(100), Decimal(actual), side) == Decimal(percent)


def test_slippage_has_ten_places() -> None:
    assert calculate_slippage(Decimal(3), Decimal(4), "buy") == Decimal("33.3333333333")


@pytest.mark.parametrize("expected", [ZERO, Decimal(-1), Decimal("NaN"), Decimal("Infinity")])
def test_an_expected_price_that_is_none_is_an_error(expected: Decimal) -> None:
    with pytest.raises(ValueError, match="expected must be a positive number"):
        calculate_slippage(expected, Decimal(1), Side.BUY)


@pytest.mark.parametrize("actual", [Decimal(-1), Decimal("NaN")])
def test_an_actual_price_that_is_none_is_an_error(actual: Decimal) -> None:
    with pytest.raises(ValueError, match="actual must be a number"):
        calculate_slippage(Decimal(1), actual, Side.BUY)


def test_a_side_is_buy_or_sell() -> None:
    with pytest.raises(ValueError, match="hold"):
        calculate_slippage(Decimal(1), Decimal(1), "hold")


def test_slippage_against_a_price_comes_from_the_sums() -> None:
    # 3 for 301 is 100.3333..., which is 33.3333... bps above 100.
    figures = Decimal(301), Decimal(3), Decimal(100)

    assert slippage_vs_price_bps(Side.BUY, *figures) == Decimal("33.3333333333")
    assert slippage_vs_price_bps(Side.SELL, *figures) == Decimal("-33.3333333333")


def test_without_a_fill_or_a_benchmark_there_is_no_slippage() -> None:
    assert slippage_vs_price_bps(Side.BUY, ZERO, ZERO, Decimal(100)) is None
    assert slippage_vs_price_bps(Side.BUY, Decimal(100), Decimal(1), None) is None
    assert slippage_vs_twap_bps(Side.BUY, ZERO, ZERO, market("300", 3)) is None
    assert slippage_vs_twap_bps(Side.BUY, Decimal(100), Decimal(1), market("0", 0)) is None


def test_slippage_against_the_twap_comes_from_its_sums_not_from_the_rounded_twap() -> None:
    # The TWAP is 200/3: against it 66.6666666667 is 0.000005 bps dearer, against its rounded self nothing.
    figures = Decimal("66.6666666667"), Decimal(1), market("200", 3)

    assert slippage_vs_twap_bps(Side.BUY, *figures) == Decimal("0.0000050000") / 1000
    assert slippage_vs_twap_bps(Side.SELL, *figures) == Decimal("-0.0000050000") / 1000


def test_slippage_against_the_twap_of_a_window_without_length() -> None:
    assert slippage_vs_twap_bps(Side.BUY, Decimal(101), Decimal(1), market("0", 0, "100")) == 100


@given(
    side=st.sampled_from(Side),
    notional=st.decimals("0.01", 10**8, places=6),
    quantity=st.decimals("0.001", 1000, places=5),
    mid=st.decimals("0.01", 10**5, places=3),
    microseconds=st.integers(1, 1_800_000_000),
)
def test_a_steady_mid_is_the_same_benchmark_as_its_price(
    side: Side, notional: Decimal, quantity: Decimal, mid: Decimal, microseconds: int
) -> None:
    steady = market(str(mid * microseconds), microseconds)

    assert slippage_vs_twap_bps(side, notional, quantity, steady) == slippage_vs_price_bps(
        side, notional, quantity, mid
    )
