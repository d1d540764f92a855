"""What a child order may be: hand-worked budgets, then what holds for every child."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis_actors.domain.participation import (
    Budget,
    calculate_participation_rate,
    child_quantity,
    effective_rate,
    enforce_participation_limit,
    is_volume_anomaly,
    maximum_quantity,
    minimum_quantity,
    participation_budget,
    symbol_budget,
    volume_condition,
)
from genesis_actors.values import ONE, ZERO, MarketRules, Reason, Symbol

RATE = Decimal("0.10")
PRICE = Decimal(100)
RULES = MarketRules(
    symbol=Symbol("SOL/USDT"),
    base="SOL",
    quote="USDT",
    lot=Decimal("0.1"),
    tick=Decimal("0.01"),
    min_notional=Decimal(45),  # At 100: 0.45, that is 0.5 in lots.
    taker_fee=Decimal("0.001"),
    maker_fee=Decimal("0.001"),
)


def budget_of(**changes: Decimal | Reason | None) -> Budget:
    """Return a budget whose caps are 50 - 10 - 1, 6 - 2 - 1 and 5 - 1 - 1, but for the changes."""
    figures: dict[str, Decimal | Reason | None] = {
        "rate": RATE,
        "condition": None,
        "volume_since_start": Decimal(500),
        "filled": Decimal(10),
        "window_volume": Decimal(60),
        "filled_in_window": Decimal(2),
        "reserved": ONE,
        "slice_market_volume": Decimal(50),
        "slice_filled": ONE,
    }
    return participation_budget(**(figures | changes))  # type: ignore[arg-type]


def child(
    wanted: str, budget: str = "100", remaining: str = "100", rules: MarketRules = RULES
) -> tuple[Decimal, Reason | None]:
    return child_quantity(
        wanted=Decimal(wanted),
        budget=Decimal(budget),
        remaining=Decimal(remaining),
        price=PRICE,
        rules=rules,
    )


def test_the_participation_rate_is_the_share_of_the_day_s_volume() -> None:
    assert calculate_participation_rate(Decimal(3), ONE) == Decimal("0.3333333333")
    assert calculate_participation_rate(Decimal(3), ZERO) == 0


@pytest.mark.parametrize("volume", [ZERO, Decimal(-1), Decimal("NaN"), Decimal("Infinity")])
def test_a_share_of_no_volume_is_an_error(volume: Decimal) -> None:
    with pytest.raises(ValueError, match="volume_24h"):
        calculate_participation_rate(volume, ONE)


def test_a_negative_quantity_has_no_rate() -> None:
    with pytest.raises(ValueError, match="target_quantity"):
        calculate_participation_rate(ONE, Decimal(-1))


def test_a_slice_is_cut_to_its_share_of_the_volume() -> None:
    assert enforce_participation_limit(Decimal(5), Decimal(20)) == 2
    assert enforce_participation_limit(Decimal(5), Decimal(20), Decimal("0.5")) == 5
    assert enforce_participation_limit(Decimal(5), ZERO) == 0


@pytest.mark.parametrize("position", [0, 1, 2])
def test_a_limit_on_numbers_that_mean_nothing_is_an_error(position: int) -> None:
    numbers = [ONE, ONE, ONE]
    numbers[position] = Decimal(-1)
    with pytest.raises(ValueError, match="not negative, not -1"):
        enforce_participation_limit(*numbers)


@pytest.mark.parametrize(
    ("observed", "expected", "condition"),
    [
        ("4.9", "10", Reason.QUIET_MARKET),
        ("5", "10", None),
        ("40", "10", None),
        ("40.1", "10", Reason.VOLUME_ANOMALY),
        ("0", "10", Reason.QUIET_MARKET),
        ("0", "0", None),
        ("0.1", "0", Reason.VOLUME_ANOMALY),
        ("0", None, None),
    ],
)
def test_volume_below_half_or_above_four_times_the_expected_is_out_of_line(
    observed: str, expected: str | None, condition: Reason | None
) -> None:
    figures = Decimal(observed), None if expected is None else Decimal(expected)

    assert volume_condition(*figures) is condition
    assert is_volume_anomaly(*figures) is (condition is not None)


@pytest.mark.parametrize("wrong", [Decimal("NaN"), Decimal(-1)])
@pytest.mark.parametrize("name", ["observed", "expected", "quiet_share", "anomaly_multiple"])
def test_a_volume_that_means_nothing_is_an_error(name: str, wrong: Decimal) -> None:
    figures = {"observed": ONE, "expected": ONE, name: wrong}
    with pytest.raises(ValueError, match=f"{name} must be a number that is not negative"):
        is_volume_anomaly(**figures)


def test_the_bounds_of_ordinary_volume_can_be_set() -> None:
    bounds = {"quiet_share": Decimal("0.1"), "anomaly_multiple": Decimal(9)}

    assert not is_volume_anomaly(ONE, Decimal(10), **bounds)
    assert not is_volume_anomaly(Decimal(90), Decimal(10), **bounds)
    assert is_volume_anomaly(Decimal(91), Decimal(10), **bounds)


def test_the_rate_is_halved_while_volume_is_out_of_line() -> None:
    assert effective_rate(RATE, None) == RATE
    assert effective_rate(RATE, Reason.QUIET_MARKET) == Decimal("0.05")
    assert effective_rate(RATE, Reason.VOLUME_ANOMALY) == Decimal("0.05")


def test_the_tightest_of_the_three_caps_is_the_budget() -> None:
    assert budget_of().quantity == 3
    assert budget_of(slice_market_volume=Decimal(45)).quantity == Decimal("2.5")
    assert budget_of(window_volume=Decimal(55)).quantity == Decimal("2.5")
    assert budget_of(volume_since_start=Decimal(135)).quantity == Decimal("2.5")


def test_what_is_reserved_counts_against_every_cap() -> None:
    assert budget_of(reserved=Decimal(2)).quantity == 2
    assert budget_of(reserved=Decimal(2), volume_since_start=Decimal(130)).quantity == 1


def test_a_slice_without_a_child_yet_is_held_to_the_window_now() -> None:
    assert (
        budget_of(slice_market_volume=None, slice_filled=ZERO, filled_in_window=ZERO).quantity == 5
    )


def test_a_budget_is_never_below_zero() -> None:
    assert budget_of(window_volume=ZERO).quantity == 0
    assert budget_of(reserved=Decimal(99)).quantity == 0


def test_a_budget_names_the_reason_it_cuts_for() -> None:
    assert budget_of() == Budget(Decimal(3), RATE, Reason.PARTICIPATION_CAP, None)
    assert budget_of(rate=Decimal("0.08"), condition=Reason.QUIET_MARKET) == Budget(
        Decimal("1.8"), Decimal("0.08"), Reason.QUIET_MARKET, Reason.QUIET_MARKET
    )


def test_all_executions_of_a_symbol_share_one_budget() -> None:
    def shared(filled: int, reserved: int) -> Decimal:
        return symbol_budget(
            rate=RATE,
            window_volume=Decimal(60),
            filled_in_window=Decimal(filled),
            reserved=Decimal(reserved),
        )

    assert shared(2, 3) == 1
    assert shared(4, 3) == 0


def test_the_minimum_is_a_lot_or_what_quantity_and_notional_ask_for() -> None:
    assert minimum_quantity(RULES, PRICE) == Decimal("0.5")
    assert minimum_quantity(RULES, Decimal(10_000)) == Decimal("0.1")
    assert minimum_quantity(replace(RULES, min_quantity=Decimal("0.65")), PRICE) == Decimal("0.7")


@pytest.mark.parametrize("price", [ZERO, Decimal(-1), Decimal("NaN")])
def test_a_minimum_at_no_price_is_an_error(price: Decimal) -> None:
    with pytest.raises(ValueError, match="positive number"):
        minimum_quantity(RULES, price)


def test_a_child_is_what_is_wanted_where_nothing_stands_against_it() -> None:
    assert child("2") == (2, None)
    assert child("2.09") == (2, None)  # What is below a lot is no cut.
    assert child("2", budget="2", remaining="2") == (2, None)


def test_a_child_that_would_be_too_small_for_the_venue_is_not_sent() -> None:
    assert child("0.4") == (0, Reason.BELOW_MINIMUM)
    assert child("2", remaining="0.4") == (0, Reason.BELOW_MINIMUM)
    assert child("2", budget="0.4") == (0, Reason.PARTICIPATION_CAP)
    assert child("2", budget="0") == (0, Reason.PARTICIPATION_CAP)
    assert child("2", rules=replace(RULES, max_quantity=Decimal("0.4"))) == (
        0,
        Reason.MAX_ORDER_QUANTITY,
    )


def test_a_child_is_cut_to_the_budget_and_to_the_largest_order() -> None:
    assert child("2", budget="1.57") == (Decimal("1.5"), Reason.PARTICIPATION_CAP)
    large = replace(RULES, max_quantity=Decimal("1.25"))
    assert child("2", rules=large) == (Decimal("1.2"), Reason.MAX_ORDER_QUANTITY)
    assert child("2", budget="1.1", rules=large) == (Decimal("1.1"), Reason.PARTICIPATION_CAP)


def test_a_rest_that_could_never_trade_is_taken_along_if_the_budget_allows() -> None:
    assert child("2", remaining="2.4") == (Decimal("2.4"), None)
    assert child("2", remaining="2.5") == (2, None)


def test_else_a_tradable_rest_is_left() -> None:
    assert child("2", budget="2.3", remaining="2.4") == (
        Decimal("1.9"),
        Reason.PARTICIPATION_CAP,
    )


def test_else_the_child_takes_what_it_can() -> None:
    assert child("0.8", budget="0.7", remaining="0.9") == (
        Decimal("0.7"),
        Reason.PARTICIPATION_CAP,
    )
    assert child("0.7", budget="0.7", remaining="0.9") == (Decimal("0.7"), None)


@settings(max_examples=150, deadline=None)
@given(
    wanted=st.decimals(0, 50, places=2),
    budget=st.decimals(0, 50, places=2),
    remaining=st.decimals(0, 50, places=1),
    price=st.decimals("0.5", 500, places=2),
    lot=st.sampled_from([Decimal("0.1"), Decimal("0.3"), ONE]),
    min_quantity=st.none() | st.decimals(0, 2, places=1),
    max_quantity=st.none() | st.decimals(1, 20, places=1),
)
def test_no_child_is_untradable_or_above_its_budget(
    *,
    wanted: Decimal,
    budget: Decimal,
    remaining: Decimal,
    price: Decimal,
    lot: Decimal,
    min_quantity: Decimal | None,
    max_quantity: Decimal | None,
) -> None:
    rules = replace(RULES, lot=lot, min_quantity=min_quantity, max_quantity=max_quantity)
    remaining -= remaining % lot
    minimum = minimum_quantity(rules, price)
    quantity, reason = child_quantity(
        wanted=wanted, budget=budget, remaining=remaining, price=price, rules=rules
    )

    assert quantity % lot == 0
    assert quantity <= budget
    assert quantity <= remaining
    assert quantity <= (max_quantity or quantity)
    if quantity:
        assert quantity >= minimum
        assert quantity * price >= rules.min_notional
        assert quantity >= (min_quantity or 0)
        assert quantity - wanted < minimum
    else:
        assert reason is not None
    if reason is None:
        assert quantity > min(wanted, remaining) - lot
    if 0 < remaining - quantity < minimum and quantity:
        # Only where neither all of it nor a tradable rest was possible.
        assert remaining > min(budget, max_quantity or budget)
        assert remaining < 2 * minimum


@given(
    figures=st.lists(st.decimals(0, 1000, places=3), min_size=7, max_size=7),
    rate=st.decimals(0, "0.1", places=4),
)
def test_a_budget_breaks_no_cap(figures: list[Decimal], rate: Decimal) -> None:
    since, filled, window, in_window, reserved, slice_volume, slice_filled = figures
    budget = budget_of(
        rate=rate,
        volume_since_start=since,
        filled=filled,
        window_volume=window,
        filled_in_window=in_window,
        reserved=reserved,
        slice_market_volume=slice_volume,
        slice_filled=slice_filled,
    ).quantity

    assert budget >= 0
    if budget:
        assert filled + reserved + budget <= rate * since
        assert in_window + reserved + budget <= rate * window
        assert slice_filled + reserved + budget <= rate * slice_volume


def test_a_venue_s_largest_value_binds_a_child_as_its_largest_quantity_does() -> None:
    rules = replace(RULES, max_notional=Decimal(1_000))

    assert maximum_quantity(RULES, Decimal(60)) is None
    assert maximum_quantity(rules, Decimal(60)) == Decimal("16.6")
    assert maximum_quantity(replace(rules, max_quantity=Decimal(3)), Decimal(60)) == Decimal(3)
    quantity, reason = child_quantity(
        wanted=Decimal(20),
        budget=Decimal(100),
        remaining=Decimal(100),
        price=Decimal(60),
        rules=rules,
    )
    assert (quantity, reason) == (Decimal("16.6"), Reason.MAX_ORDER_QUANTITY)
