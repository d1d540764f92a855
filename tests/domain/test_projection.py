"""The rows that people query: which of them an event changes, and what they say."""

from __future__ import annotations

from decimal import Decimal

import pytest

from genesis_actors.domain.execution import Execution
from genesis_actors.domain.projection import Rows, all_rows, rows
from genesis_actors.messages.events import ChildFilled
from genesis_actors.messages.persistence import FillRow, OrderRow, SliceRow
from genesis_actors.values import OrderStatus, Reason, ResumeMode, SliceStatus, Style
from tests.domain.executions import EAGER, EXECUTION_ID, NOON, SYMBOL, Desk, execution, seconds


@pytest.fixture
def desk() -> Desk:
    """Two slices of 1; the first is at the venue since 75 s."""
    desk = Desk(execution(["1", "1"]))
    desk.at(75).look(window="50")
    desk.accept()
    return desk


def changed(desk: Desk, before: Execution) -> Rows:
    count = desk.execution.version - before.version
    return rows(before, desk.execution, desk.events[len(desk.events) - count :], "paper")


def test_a_fill_changes_its_execution_slice_and_order_and_adds_a_row(desk: Desk) -> None:
    before = desk.execution
    desk.at(76).fill("0.4", "100.05", fee=Decimal("0.04"))
    after = changed(desk, before)

    assert after.execution.filled_quantity == Decimal("0.4")
    assert after.execution.working_quantity == Decimal("0.6")
    assert after.execution.average_price == Decimal("100.05")
    assert after.slices == (
        SliceRow(
            execution_id=EXECUTION_ID,
            slice_number=1,
            due_at=NOON + seconds(75),
            planned_quantity=Decimal(1),
            filled_quantity=Decimal("0.4"),
            average_price=Decimal("100.05"),
            market_price=Decimal(100),
            slippage_bps=Decimal(5),
            market_volume=Decimal(50),
            participation_rate=Decimal("0.008"),
            status=SliceStatus.WORKING,
            reason=None,
            sent_at=NOON + seconds(75),
            done_at=None,
        ),
    )
    assert after.orders == (
        OrderRow(
            client_order_id="gx1001001",
            venue_order_id="v-1",
            execution_id=EXECUTION_ID,
            slice_number=1,
            total_slices=2,
            symbol=SYMBOL,
            side="buy",
            order_type="limit_ioc",
            quantity=Decimal(1),
            price=Decimal("100.11"),
            filled_quantity=Decimal("0.4"),
            average_price=Decimal("100.05"),
            status=OrderStatus.PARTIAL,
            reason=None,
            mid_price=Decimal(100),
            touch_price=Decimal("100.01"),
            slippage_percent=Decimal("0.05"),
            created_at=NOON + seconds(75),
            sent_at=NOON + seconds(75),
            executed_at=NOON + seconds(76),
        ),
    )
    assert after.fills == (
        FillRow(
            venue="paper",
            symbol=SYMBOL,
            trade_id="t1",
            client_order_id="gx1001001",
            execution_id=EXECUTION_ID,
            quantity=Decimal("0.4"),
            price=Decimal("100.05"),
            fee=Decimal("0.04"),
            fee_currency="USDT",
            liquidity="taker",
            traded_at=NOON + seconds(76),
        ),
    )


def test_a_delay_changes_its_slice(desk: Desk) -> None:
    desk.close()
    before = desk.execution
    desk.at(90).look(age=60)

    assert [part.reason for part in changed(desk, before).slices] == [Reason.STALE_QUOTE]


def test_a_pause_changes_the_execution_alone(desk: Desk) -> None:
    before = desk.execution
    desk.pause()
    after = changed(desk, before)

    assert after.execution.state == "PAUSED"
    assert after.execution.reason == "user"
    assert (after.slices, after.orders, after.fills) == ((), (), ())


def test_a_new_schedule_changes_what_is_still_to_come(desk: Desk) -> None:
    desk.pause()
    desk.close(OrderStatus.CANCELLED)
    before = desk.execution
    desk.at(95).resume()

    assert [part.due_at for part in changed(desk, before).slices] == [NOON + seconds(245)]


def test_what_goes_on_as_it_was_planned_keeps_its_rows(desk: Desk) -> None:
    desk.pause()
    desk.close(OrderStatus.CANCELLED)
    before = desk.execution
    desk.at(95).resume(ResumeMode.CATCH_UP)

    assert changed(desk, before).slices == ()


def test_the_end_closes_what_is_open_and_says_when() -> None:
    desk = Desk(execution(["1", "1"], defaults=EAGER))
    desk.at(2).look(bid="99.68", ask="99.70")
    desk.fill_all("99.70")
    before = desk.execution
    desk.at(3).look()
    after = changed(desk, before)

    assert after.execution.state == "COMPLETED"
    assert after.execution.early_completion
    assert after.execution.early_completion_reason == "favourable_price"
    assert after.execution.finished_at == NOON + seconds(3)
    assert (after.execution.slices_total, after.execution.slices_done) == (2, 2)
    assert [part.done_at for part in after.slices] == [NOON + seconds(3)]


def test_an_order_that_has_not_filled_has_no_price_and_a_resting_one_is_called_so() -> None:
    desk = Desk(execution(["1"], style=Style.MAKER))
    desk.at(150).look()
    (order,) = rows(None, desk.execution, desk.events, "paper").orders

    assert order.order_type == "limit_maker"
    assert (order.average_price, order.slippage_percent, order.executed_at) == (None, None, None)


def test_all_rows_are_those_of_the_whole_journal(desk: Desk) -> None:
    desk.fill("0.4", trade="t1")
    desk.fill("0.6", trade="t2")
    everything = all_rows(desk.execution, desk.events, "paper")

    assert [part.slice_number for part in everything.slices] == [1, 2]
    assert [order.client_order_id for order in everything.orders] == ["gx1001001"]
    assert [fill.trade_id for fill in everything.fills] == ["t1", "t2"]
    assert len(desk.happened(ChildFilled)) == 2
    assert everything.slices[1].slippage_bps is None
