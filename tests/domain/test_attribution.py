"""Many executions together, by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from genesis_actors.domain.attribution import PARTS, By, ExecutionCost, grouped, next_changes

NIGHT = datetime(2024, 8, 9, 23, 59, tzinfo=UTC)


def cost(
    name: str = "x1", shortfall: str | None = "10", value: str | None = "10000"
) -> ExecutionCost:
    amount = None if shortfall is None else Decimal(shortfall)
    worth = None if value is None else Decimal(value)
    return ExecutionCost(
        execution_id=name,
        symbol="BTC/USDT",
        side="buy",
        style="taker",
        venue="paper",
        started_at=NIGHT,
        value_quote=worth,
        filled_value_quote=None if worth is None else worth / 2,
        shortfall_quote=amount,
        parts=dict.fromkeys(PARTS, amount),
        twap_cost_quote=amount,
        vwap_cost_quote=None,
        saved_to_plain_twap_quote=amount,
        saved_to_sweep_quote=amount,
        sweep_value_quote=worth,
        recommendations=(("cap_bound", f"{name} was bound"),),
    )


def test_a_group_costs_what_it_cost_over_what_it_was_worth() -> None:
    (row,) = grouped([cost("a", "10", "10000"), cost("b", "60", "20000")], By.SYMBOL)

    assert (row.key, row.executions, row.value_quote) == ("BTC/USDT", 2, 30_000)
    # 70 of 30,000, which is not the mean of 10 and 30 bps.
    assert row.shortfall_bps == Decimal("23.3333333333")
    assert dict(row.parts_bps)["fees"] == Decimal("23.3333333333")
    assert row.twap_bps == Decimal("46.6666666667")
    assert row.vwap_bps is None
    assert row.saved_to_sweep_bps == Decimal("23.3333333333")
    assert (row.worst_execution, row.worst_bps) == ("b", 30)
    assert row.filled_share == Decimal("0.5")


def test_what_could_not_be_measured_is_counted_and_not_taken_for_nothing() -> None:
    (row,) = grouped([cost("a"), cost("b", None), cost("c", "5", None)], By.STYLE)

    assert (row.executions, row.not_measured) == (3, 1)
    assert row.shortfall_bps == 10
    (nothing,) = grouped([cost("b", None)], By.SIDE)
    assert (nothing.shortfall_bps, nothing.worst_execution) == (None, None)


def test_currencies_are_not_added_up() -> None:
    other = replace(cost("b", value="50000"), symbol="BTC/EUR")
    rows = grouped([cost("a"), other], By.VENUE)

    assert [(row.key, row.quote_currency) for row in rows] == [("paper", "EUR"), ("paper", "USDT")]


def test_hours_are_in_the_order_of_the_day() -> None:
    morning = replace(cost("b", value="99999"), started_at=datetime(2024, 8, 9, 7, tzinfo=UTC))
    never = replace(cost("c"), started_at=None)

    assert [row.key for row in grouped([cost("a"), morning, never], By.HOUR)] == [
        "-",
        "07:00",
        "23:00",
    ]


def test_what_to_change_next_is_what_most_executions_have_in_common() -> None:
    calm = replace(cost("c", None), recommendations=(("nothing_to_change", "-"),))
    late = replace(cost("d"), recommendations=(("cap_bound", "less"), ("slices_late", "late")))
    first, second = next_changes([cost("a", "10"), cost("b", "20"), calm, late])

    assert (first.code, first.executions, first.of, first.text) == (
        "cap_bound",
        3,
        4,
        "b was bound",
    )
    assert first.symbols == (("BTC/USDT", 3),)
    assert second.code == "slices_late"
