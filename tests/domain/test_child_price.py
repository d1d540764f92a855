"""The limit price of a child that takes: the touch, the collar, the tick and the limits."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis_actors.domain.child_price import collar_price
from genesis_actors.values import Quote, Side

TICK = Decimal("0.01")
TEN = Decimal(10)
NOON = datetime(2024, 8, 8, 12, tzinfo=UTC)


def quote(bid: str, ask: str) -> Quote:
    return Quote(NOON, Decimal(bid), Decimal(ask))


def test_a_buy_goes_above_the_ask_and_is_rounded_down() -> None:
    # 123.45 x 1.001 = 123.57345
    assert collar_price(quote("123.40", "123.45"), Side.BUY, TEN, tick=TICK) == Decimal("123.57")


def test_a_sell_goes_below_the_bid_and_is_rounded_up() -> None:
    # 123.40 x 0.999 = 123.2766
    assert collar_price(quote("123.40", "123.45"), Side.SELL, TEN, tick=TICK) == Decimal("123.28")


def test_a_collar_of_less_than_a_tick_is_the_touch() -> None:
    cheap = quote("1.22", "1.23")

    assert collar_price(cheap, Side.BUY, TEN, tick=TICK) == Decimal("1.23")
    assert collar_price(cheap, Side.SELL, TEN, tick=TICK) == Decimal("1.22")
    assert collar_price(cheap, Side.BUY, Decimal(0), tick=TICK) == Decimal("1.23")


@pytest.mark.parametrize("which", ["limit_price", "threshold_price"])
def test_no_limit_is_passed_and_each_is_rounded_on_the_safe_side(which: str) -> None:
    def limited(side: Side, limit: str) -> Decimal:
        return collar_price(
            quote("99.99", "100.01"), side, TEN, tick=TICK, **{which: Decimal(limit)}
        )

    assert limited(Side.BUY, "100.057") == Decimal("100.05")
    assert limited(Side.SELL, "99.943") == Decimal("99.95")
    assert limited(Side.BUY, "99.5") == Decimal(
        "99.50"
    )  # Better than the touch: the limit says so.
    assert limited(Side.SELL, "100.5") == Decimal("100.50")
    assert limited(Side.BUY, "200") == Decimal("100.11")
    assert limited(Side.SELL, "50") == Decimal("99.90")


def test_the_tighter_of_two_limits_holds() -> None:
    def limited(side: Side, limit: str, threshold: str) -> Decimal:
        return collar_price(
            quote("99.99", "100.01"),
            side,
            TEN,
            tick=TICK,
            limit_price=Decimal(limit),
            threshold_price=Decimal(threshold),
        )

    assert limited(Side.BUY, "100.05", "100.03") == Decimal("100.03")
    assert limited(Side.SELL, "99.95", "99.97") == Decimal("99.97")


@pytest.mark.parametrize("collar", [Decimal(-1), Decimal(10_000), Decimal("NaN")])
def test_a_collar_that_is_none_is_an_error(collar: Decimal) -> None:
    with pytest.raises(ValueError, match="collar_bps"):
        collar_price(quote("1", "2"), Side.BUY, collar, tick=TICK)


@pytest.mark.parametrize("tick", [Decimal(0), Decimal("-0.01"), Decimal("NaN")])
def test_a_tick_that_is_none_is_an_error(tick: Decimal) -> None:
    with pytest.raises(ValueError, match="tick"):
        collar_price(quote("1", "2"), Side.BUY, TEN, tick=tick)


@pytest.mark.parametrize("name", ["limit_price", "threshold_price"])
def test_a_limit_that_is_none_is_an_error(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be a positive number, not 0"):
        collar_price(quote("1", "2"), Side.BUY, TEN, tick=TICK, **{name: Decimal(0)})


@given(
    bid_ticks=st.integers(1, 10**7),
    spread_ticks=st.integers(0, 1000),
    side=st.sampled_from(Side),
    collar=st.decimals(0, 500, places=2),
    tick=st.sampled_from([Decimal("0.01"), Decimal("0.00000001"), Decimal("0.5")]),
    limit=st.none() | st.decimals("0.01", 10**6, places=4),
    threshold=st.none() | st.decimals("0.01", 10**6, places=4),
)
def test_every_price_is_on_the_tick_within_collar_and_limits(
    *,
    bid_ticks: int,
    spread_ticks: int,
    side: Side,
    collar: Decimal,
    tick: Decimal,
    limit: Decimal | None,
    threshold: Decimal | None,
) -> None:
    touches = Quote(NOON, bid_ticks * tick, (bid_ticks + spread_ticks) * tick)
    touch = touches.touch(side)
    price = collar_price(
        touches, side, collar, tick=tick, limit_price=limit, threshold_price=threshold
    )

    assert price % tick == 0
    assert not side.is_worse(price, touch * (1 + side.sign * collar / 10_000))
    for bound in (limit, threshold):
        assert bound is None or not side.is_worse(price, bound)
    if limit is None and threshold is None:
        assert not side.is_worse(touch, price)
