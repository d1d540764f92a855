"""What an execution has cost, by hand."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from genesis_actors.domain.figures import (
    figures,
    progress,
    progress_of_schedule,
)
from genesis_actors.domain.projection import all_rows
from genesis_actors.values import ZERO, Side
from tests.domain.executions import NOON, Desk, execution, seconds, summary


@pytest.fixture
def desk() -> Desk:
    """Two slices of 1; the first has filled at 100.20 and 100.30, with fees of 0.1002 and 0.1003."""
    desk = Desk(execution(["1", "1"]))
    desk.at(75).look(window="50", volume="400")
    desk.fill("0.5", "100.20", trade="t1", fee=Decimal("0.1002"))
    desk.fill("0.5", "100.30", trade="t2", fee=Decimal("0.1003"))
    return desk


def test_the_figures_are_those_of_the_definitions(desk: Desk) -> None:
    cost = figures(desk.execution, summary(NOON + seconds(100), "500", mid="100.10"))

    assert cost.average_price == Decimal("100.25")
    assert cost.twap_benchmark == Decimal("100.10")
    assert cost.vwap_benchmark == Decimal("100.10")
    # 0.25 for what is filled, 0.10 for what is not, 0.2005 of fees, over 2 at 100.
    assert cost.implementation_shortfall_bps == Decimal("27.525")
    assert cost.slippage_vs_arrival_bps == Decimal(25)
    assert cost.slippage_vs_twap_bps == Decimal("14.9850149850")
    assert cost.participation_rate == Decimal("0.002")
    assert cost.max_slice_participation == Decimal("0.02")


def test_a_sale_below_its_benchmark_is_a_cost() -> None:
    desk = Desk(execution(["1"], side=Side.SELL))
    desk.at(150).look()
    desk.fill("1", "99.90", fee=ZERO)

    assert desk.execution.figures.slippage_vs_arrival_bps == 10
    assert desk.execution.figures.implementation_shortfall_bps == 10


def test_without_another_window_it_is_the_one_of_the_newest_child(desk: Desk) -> None:
    assert desk.execution.figures.participation_rate == Decimal("0.0025")


def test_what_is_not_known_is_none_and_never_zero() -> None:
    cost = execution(arrival=None).figures

    assert cost == type(cost)(*[None] * 8)


def test_a_window_without_volume_has_no_share(desk: Desk) -> None:
    cost = figures(desk.execution, summary(desk.now, "0"))

    assert cost.participation_rate is None
    assert cost.vwap_benchmark is None


def test_fees_that_cannot_be_converted_leave_the_shortfall_unknown(desk: Desk) -> None:
    x = replace(desk.execution, fees_quote=None)

    assert x.figures.implementation_shortfall_bps is None
    assert x.figures.slippage_vs_arrival_bps == 25


def test_a_slices_share_is_that_of_the_volume_before_its_first_child(desk: Desk) -> None:
    assert desk.execution.slice(1).participation_rate == Decimal("0.02")
    assert desk.execution.slice(2).participation_rate is None


def test_progress_is_what_is_filled_and_what_should_be(desk: Desk) -> None:
    rows = all_rows(desk.execution, (), "paper")

    def planned_by(second: float) -> Decimal | None:
        return progress_of_schedule(rows.execution, rows.slices, NOON + seconds(second))

    assert progress(rows.execution) == Decimal("0.5")
    assert [planned_by(second) for second in (74, 75, 225)] == [ZERO, Decimal("0.5"), 1]


def test_an_extension_plans_no_more_than_there_is() -> None:
    desk = Desk(execution(["1", "1"]))
    rows = all_rows(desk.execution, (), "paper")
    extended = (*rows.slices, rows.slices[1]._replace(slice_number=3))

    assert progress_of_schedule(rows.execution, extended, NOON + seconds(400)) == 1
