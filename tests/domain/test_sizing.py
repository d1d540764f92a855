"""A fixed share of a balance."""

from __future__ import annotations

import decimal
from decimal import Decimal

import pytest

from genesis_actors.domain.sizing import calculate_position_size


def test_a_position_is_a_percentage_of_the_balance() -> None:
    assert calculate_position_size(Decimal(10_000), Decimal("1.5")) == 150
    assert calculate_position_size(Decimal(10_000), Decimal(0)) == 0
    assert calculate_position_size(Decimal(10_000), Decimal(100)) == 10_000
    assert calculate_position_size(Decimal(0), Decimal(2)) == 0


def test_a_position_is_exact_whatever_the_caller_s_decimal_context() -> None:
    with decimal.localcontext() as context:
        context.prec = 3
        size = calculate_position_size(Decimal("12345.6789"), Decimal("3.33"))

    assert size == Decimal("411.11110737")


@pytest.mark.parametrize("balance", [Decimal(-1), Decimal("NaN"), Decimal("Infinity")])
def test_a_balance_that_is_none_is_an_error(balance: Decimal) -> None:
    with pytest.raises(ValueError, match="balance must be a number"):
        calculate_position_size(balance, Decimal(1))


@pytest.mark.parametrize("percent", [Decimal(-1), Decimal("100.1"), Decimal("NaN")])
def test_a_percentage_outside_0_to_100_is_an_error(percent: Decimal) -> None:
    with pytest.raises(ValueError, match=r"risk_percent (is a percentage|must be a finite number)"):
        calculate_position_size(Decimal(1), percent)
