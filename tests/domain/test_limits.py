"""What risk lets pass, and the budget that all executions of a symbol share."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis_actors.domain.limits import (
    APPROVED,
    LONGEST_WINDOW,
    RiskLimits,
    SymbolUse,
    check_risk_limits,
)
from genesis_actors.messages.venue import PlaceOrder
from genesis_actors.values import ZERO, ClientOrderId, Reason, Side, TradeId
from tests.domain.executions import EXECUTION_ID, NOON, SYMBOL, seconds

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


# --- The shared budget -------------------------------------------------------------------------------


def test_the_budget_is_the_rate_of_the_volume_less_all_fills_and_reservations() -> None:
    use = SymbolUse()
    assert use.budget(order()) == 5
    use.reserve(ClientOrderId("a"), Decimal(2))
    assert use.budget(order()) == 3
    use.fill(ClientOrderId("a"), TradeId("t1"), NOON + seconds(1), Decimal("0.5"))
    assert (use.reserved, use.filled_since(NOON)) == (Decimal("1.5"), Decimal("0.5"))
    assert use.budget(order()) == 3
    use.release(ClientOrderId("a"))
    use.release(ClientOrderId("a"))
    assert use.budget(order()) == Decimal("4.5")


def test_a_fill_of_what_is_not_reserved_counts_and_more_than_reserved_reserves_nothing() -> None:
    use = SymbolUse()
    use.fill(ClientOrderId("a"), TradeId("t2"), NOON + seconds(1), Decimal(1))
    use.reserve(ClientOrderId("b"), Decimal(1))
    use.fill(ClientOrderId("b"), TradeId("t3"), NOON + seconds(2), Decimal(2))

    assert (use.filled_since(NOON), use.reserved) == (3, 0)


def test_a_fill_at_the_windows_start_is_outside_of_it() -> None:
    use = SymbolUse()
    use.fill(ClientOrderId("a"), TradeId("t4"), NOON, Decimal(1))

    assert use.filled_since(NOON) == 0
    assert use.filled_since(NOON - seconds(1)) == 1


def test_an_order_with_a_short_window_forgets_nothing_that_a_longer_one_needs() -> None:
    use = SymbolUse()
    use.fill(ClientOrderId("a"), TradeId("t5"), NOON - seconds(100), Decimal(4))
    use.forget_before(NOON - seconds(60))

    assert use.budget(order(window_start=NOON - seconds(300))) == 1


def test_what_no_window_can_reach_is_forgotten() -> None:
    use = SymbolUse()
    use.fill(ClientOrderId("a"), TradeId("t6"), NOON - LONGEST_WINDOW, Decimal(4))
    use.fill(ClientOrderId("a"), TradeId("t7"), NOON, Decimal(1))
    use.forget_before(NOON)

    assert use.filled_since(NOON - 2 * LONGEST_WINDOW) == 1


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 9)), max_size=12), st.integers(-1, 21))
def test_fills_count_by_their_times_in_whatever_order_they_come(
    fills: Sequence[tuple[int, int]], start: int
) -> None:
    use = SymbolUse()
    for number, (second, quantity) in enumerate(fills):
        use.fill(
            ClientOrderId("a"),
            TradeId(f"{second}-{quantity}-{number}"),
            NOON + seconds(second),
            Decimal(quantity),
        )

    later = sum((Decimal(quantity) for second, quantity in fills if second > start), ZERO)
    assert use.filled_since(NOON + seconds(start)) == later


def test_settling_or_releasing_what_is_not_known_changes_nothing() -> None:
    use = SymbolUse()
    use.release(ClientOrderId("nobody"))
    use.settle(ClientOrderId("nobody"), NOON, Decimal(3))
    use.forget(ClientOrderId("nobody"))

    assert use.reserved == ZERO
    assert use.filled_since(NOON - seconds(60)) == ZERO


def test_a_settlement_counts_what_was_not_told_as_filled_then() -> None:
    use = SymbolUse()
    use.reserve(ClientOrderId("a"), Decimal(10))
    use.fill(ClientOrderId("a"), TradeId("t1"), NOON, Decimal(2))
    use.settle(ClientOrderId("a"), NOON + seconds(5), Decimal(3))
    use.settle(ClientOrderId("a"), NOON + seconds(6), Decimal(2))

    assert use.reserved == ZERO
    assert use.filled_since(NOON) == Decimal(1)
    assert use.filled_since(NOON - seconds(1)) == Decimal(3)
