"""Implementation shortfall by hand, and that its parts are what they say."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis_actors.domain.shortfall import calculate_implementation_shortfall
from genesis_actors.values import Side

ARRIVAL = Decimal(100)


def shortfall(side: Side | str = Side.BUY, /, **changes: Decimal | None) -> Decimal | None:
    """Return the shortfall of 8 out of 10 filled at 100.50, arrival 100, last mid 102, fee 1."""
    figures: dict[str, Decimal | None] = {
        "quantity": Decimal(10),
        "filled_quantity": Decimal(8),
        "filled_notional": Decimal(804),
        "arrival_price": ARRIVAL,
        "last_price": Decimal(102),
        "fees_quote": Decimal(1),
    }
    return calculate_implementation_shortfall(side=side, **(figures | changes))  # type: ignore[arg-type]


def test_a_buy_pays_for_fills_above_arrival_for_what_it_missed_and_for_fees() -> None:
    # 804 - 800 = 4, 2 x 2 = 4, fee 1: 9 of 1000.
    assert shortfall() == 90


def test_a_sell_gains_from_the_same_prices_and_pays_the_same_fees() -> None:
    # -4 - 4 + 1 = -7 of 1000.
    assert shortfall(Side.SELL) == -70
    assert shortfall("sell") == -70


def test_an_order_that_filled_needs_no_last_price() -> None:
    figures = {"filled_quantity": Decimal(10), "filled_notional": Decimal(1003)}

    assert shortfall(**figures, last_price=None) == 40
    assert shortfall(**figures, last_price=Decimal(999)) == 40


def test_an_order_without_a_fill_missed_the_whole_move() -> None:
    nothing = {
        "filled_quantity": Decimal(0),
        "filled_notional": Decimal(0),
        "fees_quote": Decimal(0),
    }

    assert shortfall(**nothing) == 200
    assert shortfall(Side.SELL, **nothing) == -200


@pytest.mark.parametrize("unknown", ["arrival_price", "last_price", "fees_quote"])
def test_a_figure_that_is_unknown_leaves_the_shortfall_unknown(unknown: str) -> None:
    assert shortfall(**{unknown: None}) is None


def test_fees_default_to_none_paid() -> None:
    assert calculate_implementation_shortfall(
        side="buy",
        quantity=Decimal(3),
        filled_quantity=Decimal(3),
        filled_notional=Decimal(301),
        arrival_price=ARRIVAL,
        last_price=None,
    ) == Decimal("33.3333333333")


@pytest.mark.parametrize("quantity", [Decimal(0), Decimal(-1), Decimal("NaN")])
def test_an_order_of_no_quantity_is_an_error(quantity: Decimal) -> None:
    with pytest.raises(ValueError, match="quantity must be a positive number"):
        shortfall(quantity=quantity)


def test_an_order_that_its_venue_overfilled_has_a_shortfall_too() -> None:
    # 12 for 1206 cost 6, the 2 too many could be sold 2 higher, fee 1: 6 - 4 + 1 = 3 of 1000.
    overfilled = {"filled_quantity": Decimal(12), "filled_notional": Decimal(1206)}

    assert shortfall(**overfilled) == 30
    assert shortfall(**overfilled, last_price=None) is None


def test_a_rebate_is_a_negative_fee() -> None:
    assert shortfall(fees_quote=Decimal(-1)) == 70


def test_an_arrival_price_of_zero_leaves_the_shortfall_unknown() -> None:
    assert shortfall(arrival_price=Decimal(0)) is None


@pytest.mark.parametrize("wrong", [Decimal("NaN"), Decimal(-1)])
@pytest.mark.parametrize(
    "name", ["filled_quantity", "filled_notional", "arrival_price", "last_price"]
)
def test_a_figure_that_means_nothing_is_an_error(name: str, wrong: Decimal) -> None:
    with pytest.raises(ValueError, match=f"{name} must be a number that is not negative"):
        shortfall(**{name: wrong})


def test_a_side_is_buy_or_sell() -> None:
    with pytest.raises(ValueError, match="hold"):
        shortfall("hold")


@given(
    quantity=st.integers(1, 1000),
    filled=st.integers(0, 1000),
    price=st.integers(1, 10_000),
    last=st.integers(1, 10_000),
    fees=st.integers(0, 1000),
)
def test_without_fees_a_buy_s_cost_is_a_sell_s_gain(
    quantity: int, filled: int, price: int, last: int, fees: int
) -> None:
    filled = min(filled, quantity)
    figures = {
        "quantity": Decimal(quantity),
        "filled_quantity": Decimal(filled),
        "filled_notional": Decimal(filled * price),
        "last_price": Decimal(last),
    }
    buy, sell = (shortfall(side, **figures, fees_quote=Decimal(0)) for side in Side)
    with_fees = shortfall(**figures, fees_quote=Decimal(fees))

    assert buy is not None
    assert sell is not None
    assert with_fees is not None
    assert buy == -sell
    assert abs(with_fees - buy - Decimal(10_000 * fees) / (quantity * ARRIVAL)) <= Decimal("1E-10")
