"""What risk lets pass, and the budget that all executions of a symbol share."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from genesis_actors.domain.company import Company
from genesis_actors.domain.limits import (
    APPROVED,
    RiskDecision,
    RiskLimits,
    check_parent_order,
    check_risk_limits,
    check_tier,
)
from genesis_actors.domain.portfolio import Pull
from genesis_actors.domain.tiers import Equity, TierRules
from genesis_actors.messages.venue import PlaceOrder
from genesis_actors.values import ONE, Algo, ClientOrderId, Reason, Side, Symbol, TradingTier
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


@pytest.mark.parametrize(("least", "is_permanent"), [("0.35", False), ("0.36", True)])
def test_too_large_a_quantity_is_cut_unless_the_least_is_too_large(
    least: str, is_permanent: bool
) -> None:
    limits = RiskLimits(max_order_quantity=Decimal("0.355"))
    decision = check_risk_limits(order(), limits, lot=LOT, least=Decimal(least))

    assert decision.reason is Reason.MAX_ORDER_QUANTITY
    assert (decision.limit, decision.actual) == (Decimal("0.355"), 1)
    assert decision.available_quantity == Decimal("0.35")
    assert decision.is_permanent is is_permanent


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


# --- What moves together ---

CRITICAL = Pull(Symbol("ETH/USDT"), Decimal("0.90"), Decimal(1_000))


def parent(pull: Pull | None, **limits: Any) -> RiskDecision:
    chosen = RiskLimits(**limits)
    return check_parent_order(SYMBOL, Decimal(10), chosen, mid=Decimal(100), pull=pull)


@pytest.mark.parametrize("strength", ["0.7999", "0", "-0.95"])
def test_an_order_that_adds_little_or_takes_away_begins(strength: str) -> None:
    assert parent(Pull(CRITICAL.symbol, Decimal(strength), Decimal(1_000))) == APPROVED


@pytest.mark.parametrize("limits", [{}, {"scales_correlated": True, "correlation_critical": ONE}])
def test_an_order_that_adds_to_what_moves_alike_is_refused(limits: dict[str, Any]) -> None:
    pull = Pull(CRITICAL.symbol, ONE, Decimal(1_000))

    decision = parent(pull, **limits)

    assert decision.reason is Reason.CORRELATION_CRITICAL
    assert decision.is_permanent
    assert (decision.limit, decision.actual) == (
        limits.get("correlation_critical", Decimal("0.80")),
        ONE,
    )


def test_or_it_is_made_smaller_and_then_held_against_the_other_limits() -> None:
    scaled = parent(CRITICAL, scales_correlated=True)
    refused = parent(CRITICAL, scales_correlated=True, max_symbol_exposure=Decimal(499))

    assert scaled.is_approved
    assert scaled.cut_by is Reason.CORRELATION_CRITICAL
    assert scaled.available_quantity == Decimal(5)
    assert parent(CRITICAL, scales_correlated=True, max_symbol_exposure=Decimal(500)).is_approved
    assert refused.reason is Reason.MAX_SYMBOL_EXPOSURE


def test_the_operators_word_on_a_symbol_comes_before_what_it_moves_with() -> None:
    limits = {"restricted_symbols": frozenset({SYMBOL}), "scales_correlated": True}

    assert parent(CRITICAL, **limits).reason is Reason.RESTRICTED_SYMBOL


@pytest.mark.parametrize(
    ("company", "quantity", "available"),
    [
        (Company(), "10", None),
        (Company(), "10.01", "10"),
        (Company(pull=Decimal(500), rest=Decimal(250_000)), "5", None),
        (Company(pull=Decimal(500), rest=Decimal(250_000)), "5.01", "5"),
        (Company(pull=Decimal(-500), rest=Decimal(250_000)), "15", None),
        (Company(rest=Decimal(750_000)), "5.01", "5"),
        (Company(rest=Decimal(4_000_000)), "0.01", "0"),
        (Company(pull=Decimal(-1_000), rest=Decimal(4_000_000)), "20", None),
    ],
)
def test_exposure_counts_as_far_as_it_moves_together(
    company: Company, quantity: str, available: str | None
) -> None:
    limits = RiskLimits(max_correlated_exposure=Decimal(1_000))
    decision = check_risk_limits(order(quantity), limits, lot=LOT, company=company)

    if available is None:
        assert decision.is_approved
    else:
        assert decision.reason is Reason.MAX_CORRELATED_EXPOSURE
        assert decision.available_quantity == Decimal(available)
        assert (decision.actual or 0) > (decision.limit or 0)


def test_a_tier_is_told_with_what_it_takes() -> None:
    partly = Equity(Decimal(50), is_whole=False)

    assert check_tier(Algo.TWAP, TradingTier.STRATEGIST, partly, TierRules()) == APPROVED
    decision = check_tier(Algo.TWAP, None, partly, TierRules())
    assert decision.reason is Reason.EQUITY_UNKNOWN
    assert (decision.limit, decision.actual) == (Decimal(10_000), Decimal(50))
