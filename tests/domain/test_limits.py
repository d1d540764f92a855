"""What risk lets pass, and the budget that all executions of a symbol share."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from genesis_actors.domain.limits import (
    APPROVED,
    RiskLimits,
    check_risk_limits,
)
from genesis_actors.messages.venue import PlaceOrder
from genesis_actors.values import ClientOrderId, Reason, Side
from tests.domain.executions import EXECUTION_ID, NOON, SYMBOL

LOT = Decimal("0.01")


def order(quantity: str = "1", price: str = "100", **changes: Any) -> PlaceOrder:
    fields: dict[str, Any] = {
        "execution_id": EXECUTION_ID,
        "client_order_id": ClientOrderId("c1"),
        "slice_number": 1,
        "symbol": SYMBOL,
        "side": Side.BUY,
        "quantity": Decimal(quantity),
        "price": Decimal(price),
        "mid": Decimal(100),
        "rate": Decimal("0.10"),
        "market_volume": Decimal(50),
        "window_start": NOON,
        "parent_quantity": Decimal(1_000_000),
        "remaining_quantity": Decimal(1_000_000),
    }
    return PlaceOrder(**(fields | changes))


def test_an_order_within_all_limits_passes() -> None:
    decision = check_risk_limits(
        order(), RiskLimits(max_order_notional=Decimal(100)), budget=Decimal(1), lot=LOT
    )

    assert decision == APPROVED
    assert decision.is_approved


def test_no_limits_let_everything_pass() -> None:
    limits = RiskLimits(max_deviation_bps=None)

    assert check_risk_limits(order("1000", "500"), limits, lot=LOT).is_approved


def test_too_large_an_order_is_refused_with_what_would_pass() -> None:
    limits = RiskLimits(max_order_notional=Decimal("99.5"))
    decision = check_risk_limits(order(), limits, lot=LOT)

    assert not decision.is_approved
    assert decision.reason is Reason.MAX_ORDER_NOTIONAL
    assert (decision.limit, decision.actual) == (Decimal("99.5"), 100)
    assert decision.available_quantity == Decimal("0.99")


@pytest.mark.parametrize(
    ("side", "price", "passes"),
    [
        (Side.BUY, "102", True),
        (Side.BUY, "102.01", False),
        (Side.BUY, "50", True),
        (Side.SELL, "98", True),
        (Side.SELL, "97.99", False),
        (Side.SELL, "200", True),
    ],
)
def test_a_price_too_much_worse_than_the_mid_is_refused(
    side: Side, price: str, *, passes: bool
) -> None:
    decision = check_risk_limits(order(price=price, side=side), RiskLimits(), lot=LOT)

    assert decision.reason is (None if passes else Reason.PRICE_COLLAR)
    assert decision.available_quantity is None


def test_what_the_shared_budget_does_not_cover_is_refused_with_what_is_left() -> None:
    decision = check_risk_limits(order(), RiskLimits(), budget=Decimal("0.777"), lot=LOT)

    assert decision.reason is Reason.SYMBOL_PARTICIPATION_CAP
    assert (decision.limit, decision.actual) == (Decimal("0.777"), 1)
    assert decision.available_quantity == Decimal("0.77")
