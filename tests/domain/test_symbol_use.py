"""What our own executions have taken of a symbol, and how they share what is left."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from genesis_actors.domain.symbol_use import LONGEST_WINDOW, SymbolUse
from genesis_actors.values import ZERO, ClientOrderId, TradeId
from tests.domain.executions import NOON, seconds
from tests.domain.test_limits import LOT, order


def budget(use: SymbolUse, **changes: Any) -> Decimal:
    return use.allowance(order(**changes), lot=LOT, least=LOT, now=NOON)


def test_the_budget_is_the_rate_of_the_volume_less_all_fills_and_reservations() -> None:
    use = SymbolUse()
    assert budget(use) == 5
    use.reserve(ClientOrderId("a"), Decimal(2))
    assert budget(use) == 3
    use.fill(ClientOrderId("a"), TradeId("t1"), NOON + seconds(1), Decimal("0.5"))
    assert (use.reserved, use.filled_since(NOON)) == (Decimal("1.5"), Decimal("0.5"))
    assert budget(use) == 3
    use.release(ClientOrderId("a"))
    use.release(ClientOrderId("a"))
    assert budget(use) == Decimal("4.5")


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

    assert budget(use, window_start=NOON - seconds(300)) == 1


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


@given(
    st.lists(
        st.tuples(st.sampled_from(["fill", "fill", "look", "look", "forget"]), st.integers(0, 20)),
        min_size=8,
        max_size=40,
    )
)
def test_what_was_filled_is_right_whenever_somebody_asks_in_between(
    steps: Sequence[tuple[str, int]],
) -> None:
    use, kept = SymbolUse(), list[tuple[int, int]]()
    for number, (what, second) in enumerate(steps):
        at = NOON + seconds(second)
        match what:
            case "fill":
                use.fill(ClientOrderId("a"), TradeId(f"t{number}"), at, Decimal(number + 1))
                kept.append((second, number + 1))
            case "look":
                assert use.filled_since(at) == sum(quantity for it, quantity in kept if it > second)
            case _:
                use.forget_before(at + LONGEST_WINDOW)
                kept = [(it, quantity) for it, quantity in kept if it > second]
