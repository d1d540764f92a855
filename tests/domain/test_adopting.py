"""Orders of ours that the venue tells of and the journal lacks: the database is older than they are."""

from __future__ import annotations

from decimal import Decimal

import pytest

from genesis_actors.domain.decide import recovered
from genesis_actors.domain.decision import Decision
from genesis_actors.domain.evolve import fold
from genesis_actors.domain.execution import restore, snapshot
from genesis_actors.messages.events import (
    ChildAccepted,
    ChildAdopted,
    ChildClosed,
    ChildFilled,
    TwapFinishing,
    TwapPaused,
)
from genesis_actors.messages.venue import (
    CancelOrder,
    LookUpOrder,
    OrderAccepted,
    OrderClosed,
    OrderFilled,
)
from genesis_actors.values import (
    ClientOrderId,
    ExecutionState,
    Liquidity,
    OrderStatus,
    Reason,
    SliceStatus,
    TradeId,
    VenueOrderId,
)
from tests.domain.executions import (
    EXECUTION_ID,
    SYMBOL,
    Desk,
    accepted,
    beginning,
    execution,
    seconds,
)

LACKED = ClientOrderId("g00000000000x1003001")
"""Of the third slice."""


@pytest.fixture
def desk() -> Desk:
    """Of ten slices of 1, every 30 s, it has done the first."""
    desk = Desk(execution())
    desk.at(15).look()
    desk.fill("1")
    return desk.at(20)


def told(desk: Desk, quantity: str, *, trade: str = "t7", name: ClientOrderId = LACKED) -> Decision:
    return desk.tell(
        OrderFilled(
            at=desk.now,
            execution_id=EXECUTION_ID,
            client_order_id=name,
            trade_id=TradeId(trade),
            quantity=Decimal(quantity),
            price=Decimal(101),
            fee=Decimal("0.1"),
            fee_currency="USDT",
            liquidity=Liquidity.TAKER,
            traded_at=desk.now - seconds(1),
        )
    )


def listed(desk: Desk, quantity: str) -> Decision:
    return desk.tell(
        OrderAccepted(
            at=desk.now,
            execution_id=EXECUTION_ID,
            client_order_id=LACKED,
            venue_order_id=VenueOrderId("v7"),
            quantity=Decimal(quantity),
            price=Decimal(99),
        )
    )


def closed(desk: Desk, status: OrderStatus, filled: str) -> Decision:
    return desk.tell(
        OrderClosed(
            at=desk.now,
            execution_id=EXECUTION_ID,
            client_order_id=LACKED,
            status=status,
            filled_quantity=Decimal(filled),
        )
    )


def kinds(decision: Decision) -> list[type]:
    return [type(event) for event in decision.events]


def test_its_trades_count_and_nothing_is_sent_until_somebody_has_looked(desk: Desk) -> None:
    decision = told(desk, "0.8")

    assert kinds(decision) == [ChildAdopted, TwapPaused, ChildFilled]
    question = LookUpOrder(execution_id=EXECUTION_ID, client_order_id=LACKED, symbol=SYMBOL)
    assert question in decision.effects
    x = desk.execution
    assert (x.state, x.reason) == (ExecutionState.PAUSED, Reason.JOURNAL_BEHIND)
    assert (x.filled_quantity, x.remaining_quantity) == (Decimal("1.8"), Decimal("8.2"))
    assert [s.status for s in x.slices[:4]] == [
        SliceStatus.FILLED,
        SliceStatus.SKIPPED,
        SliceStatus.PARTIAL,
        SliceStatus.PLANNED,
    ]
    desk.at(200).look()
    assert len(desk.sent) == 1


def test_it_is_over_when_the_venue_says_so_and_all_its_trades_have_come(desk: Desk) -> None:
    told(desk, "0.5")
    assert kinds(told(desk, "0.5")) == []
    assert kinds(told(desk, "0.2", trade="t8")) == [ChildFilled]
    assert ChildClosed not in kinds(closed(desk, OrderStatus.FILLED, "1"))

    told(desk, "0.3", trade="t9")
    assert kinds(closed(desk, OrderStatus.FILLED, "1")) == [ChildClosed]
    child = desk.execution.children[LACKED]
    assert (child.quantity, child.filled_quantity) == (1, 1)
    assert not desk.execution.open_children


def test_what_is_left_is_sent_after_it_under_names_of_its_own(desk: Desk) -> None:
    told(desk, "1")
    closed(desk, OrderStatus.FILLED, "1")
    desk.at(60).resume()
    for second in range(60, 600, 5):
        desk.at(second).look()
        if desk.execution.open_children:
            desk.fill(str(desk.child().quantity), trade=f"t{second + 100}")

    assert desk.execution.filled_quantity == 10
    sent = [order.slice_number for order in desk.sent]
    assert sent == [1, *range(4, 11)]


def test_one_that_has_ended_counts_it_and_stays_as_it_is(desk: Desk) -> None:
    desk.cancel()
    desk.look()
    assert desk.execution.state is ExecutionState.CANCELLED

    assert kinds(told(desk, "0.8")) == [ChildAdopted, ChildFilled]
    assert desk.execution.filled_quantity == Decimal("1.8")


def test_one_without_a_plan_ends() -> None:
    queued = fold(None, (accepted("10"),))
    assert queued is not None
    waiting = Desk(queued)

    assert kinds(told(waiting, "0.8")) == [TwapFinishing]
    assert (waiting.execution.finishing_as, waiting.execution.reason) == (
        ExecutionState.FAILED,
        Reason.JOURNAL_BEHIND,
    )
    assert kinds(told(waiting, "0.8")) == []


def test_the_journal_and_a_snapshot_tell_the_same(desk: Desk) -> None:
    told(desk, "0.5")
    told(desk, "0.5", trade="t8")

    assert fold(None, (*beginning(), *desk.events)) == desk.execution
    assert restore(snapshot(desk.execution)) == desk.execution


@pytest.mark.parametrize("name", ["h00000000000x1003001", "web-rests-1"])
def test_what_others_trade_is_nothing_to_it(desk: Desk, name: str) -> None:
    assert kinds(told(desk, "0.8", name=ClientOrderId(name))) == []
    assert desk.execution.state is ExecutionState.RUNNING


def test_without_a_trade_there_is_nothing_to_take_over(desk: Desk) -> None:
    assert kinds(closed(desk, OrderStatus.CANCELLED, "0")) == []


def test_one_that_is_open_is_taken_over_with_all_of_it_and_taken_back(desk: Desk) -> None:
    decision = listed(desk, "0.8")

    assert kinds(decision) == [ChildAdopted, TwapPaused, ChildAccepted]
    assert CancelOrder(execution_id=EXECUTION_ID, client_order_id=LACKED, symbol=SYMBOL) in (
        decision.effects
    )
    assert desk.execution.reserved_quantity == Decimal("0.8")
    told(desk, "0.3")
    assert kinds(closed(desk, OrderStatus.CANCELLED, "0.3")) == [ChildClosed]
    assert (desk.execution.filled_quantity, desk.execution.reserved_quantity) == (
        Decimal("1.3"),
        0,
    )


def test_no_name_is_used_again_that_the_journal_may_have_missed(desk: Desk) -> None:
    told(desk, "1")
    closed(desk, OrderStatus.FILLED, "1")
    desk.at(60).resume()
    desk.at(150).look()

    # The fourth slice's first attempts may have been sent, and cancelled before they had traded.
    assert [(o.slice_number, str(o.client_order_id)[-3:]) for o in desk.sent[1:]] == [(4, "101")]


def test_a_pause_by_the_user_is_one_for_the_old_journal_where_that_is_found_out(desk: Desk) -> None:
    desk.pause()
    decision = recovered(desk.execution, desk.now, Reason.JOURNAL_BEHIND)

    assert kinds(decision) == [TwapPaused]
    assert decision.execution.reason is Reason.JOURNAL_BEHIND
    assert not recovered(desk.execution, desk.now, Reason.REPEATED_FAILURE).events


def test_what_waits_in_an_old_journal_does_not_begin(desk: Desk) -> None:
    queued = desk.execution.having(state=ExecutionState.QUEUED)
    decision = recovered(queued, desk.now, Reason.JOURNAL_BEHIND)

    (finishing,) = decision.events
    assert isinstance(finishing, TwapFinishing)
    assert (finishing.state, finishing.reason) == (ExecutionState.CANCELLED, Reason.JOURNAL_BEHIND)
    assert not recovered(queued, desk.now).events


def test_that_one_was_accepted_says_nothing_of_it_where_it_was_not_listed(desk: Desk) -> None:
    decision = desk.tell(
        OrderAccepted(
            at=desk.now,
            execution_id=EXECUTION_ID,
            client_order_id=LACKED,
            venue_order_id=VenueOrderId("v7"),
        )
    )

    assert kinds(decision) == []
