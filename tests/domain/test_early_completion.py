"""When a price is good enough to finish early: below the target for a buy, above it for a sell."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis_actors.domain.early_completion import check_early_completion, early_completion_price
from genesis_actors.values import ONE, Side

TARGET = Decimal(60_000)


@pytest.mark.parametrize(
    ("side", "price", "is_early"),
    [
        (Side.BUY, "59880.00", True),
        (Side.BUY, "59880.01", False),
        (Side.BUY, "59000", True),
        (Side.BUY, "60120", False),
        (Side.SELL, "60120.00", True),
        (Side.SELL, "60119.99", False),
        (Side.SELL, "61000", True),
        (Side.SELL, "59880", False),
        ("buy", "59880", True),
        ("sell", "60120", True),
    ],
)
def test_the_price_must_beat_the_target_by_the_threshold(
    side: Side | str, price: str, is_early: bool
) -> None:
    assert check_early_completion(Decimal(price), TARGET, side) is is_early


def test_the_threshold_can_be_set() -> None:
    assert early_completion_price(TARGET, Side.BUY, Decimal("0.01")) == 59_400
    assert early_completion_price(TARGET, "sell", Decimal("0.01")) == 60_600
    assert early_completion_price(TARGET, "sell", Decimal(0)) == TARGET


@pytest.mark.parametrize("price", [Decimal(0), Decimal(-1), Decimal("NaN"), Decimal("Infinity")])
def test_prices_that_are_none_are_errors(price: Decimal) -> None:
    with pytest.raises(ValueError, match="current_price must be a positive number"):
        check_early_completion(price, TARGET, Side.BUY)
    with pytest.raises(ValueError, match="target_price must be a positive number"):
        check_early_completion(TARGET, price, Side.BUY)


@pytest.mark.parametrize("threshold", [ONE, Decimal("-0.001"), Decimal("NaN")])
def test_thresholds_that_are_no_share_are_errors(threshold: Decimal) -> None:
    with pytest.raises(ValueError, match=r"threshold (is a share|must be a finite number)"):
        check_early_completion(TARGET, TARGET, Side.BUY, threshold)


def test_a_side_is_buy_or_sell() -> None:
    with pytest.raises(ValueError, match="hold"):
        check_early_completion(TARGET, TARGET, "hold")


prices = st.decimals("0.00000001", 10**6, places=8)


@given(price=prices, target=prices, side=st.sampled_from(Side))
def test_the_worst_price_that_counts_is_the_bound(
    price: Decimal, target: Decimal, side: Side
) -> None:
    worst = early_completion_price(target, side)

    assert check_early_completion(worst, target, side)
    assert check_early_completion(price, target, side) is (side.sign * (price - worst) <= 0)
