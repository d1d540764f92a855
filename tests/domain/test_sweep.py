"""A market order: one order, exempt from the cap, within its collar and its limit."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from genesis_actors.domain.cutting import ScheduleError
from genesis_actors.domain.sweep import exemption_warning, plan_sweep
from genesis_actors.messages.events import TwapEnded, TwapSliceExecuted
from genesis_actors.values import (
    Algo,
    ExecutionState,
    OrderStatus,
    Reason,
    ResumeMode,
    SliceStatus,
)
from tests.domain.executions import (
    EAGER,
    NOON,
    Desk,
    execution,
    refusal_of,
    seconds,
    with_rules,
)


def a_sweep(**wishes: Any) -> Desk:
    """Return a market order for 10, due half a minute after noon, that waits until a minute after it."""
    wishes = {"duration": seconds(60), "algo": Algo.MARKET} | wishes
    return Desk(execution(("10",), **wishes), bounds=EAGER).at(30)


def test_it_takes_all_of_it_at_once_whatever_has_traded() -> None:
    desk = a_sweep()
    desk.look(window="0", volume="0")
    (order,) = desk.sent

    assert order.quantity == 10
    assert order.price == Decimal("100.51")  # 50 bps beyond the touch.
    assert not order.obeys_cap
    desk.fill_all()
    desk.look()
    assert desk.execution.state is ExecutionState.COMPLETED


def test_what_the_book_does_not_hold_is_left() -> None:
    desk = a_sweep()
    desk.look()
    desk.fill("4")
    desk.close()
    desk.look()
    ended = desk.last(TwapEnded)

    assert (ended.state, ended.reason) == (ExecutionState.INCOMPLETE, Reason.THIN_BOOK)
    assert desk.last(TwapSliceExecuted).status is SliceStatus.PARTIAL
    assert len(desk.sent) == 1


def test_it_never_trades_past_its_limit_nor_waits_for_it() -> None:
    desk = a_sweep(limit_price=Decimal("100.05"))
    desk.look()
    assert desk.sent[0].price == Decimal("100.05")
    other = a_sweep(limit_price=Decimal(100))
    other.look()

    assert other.sent == []
    assert other.last(TwapEnded).reason is Reason.LIMIT_PRICE
    assert other.execution.state is ExecutionState.INCOMPLETE


def test_its_slippage_against_arrival_is_bound() -> None:
    desk = a_sweep(max_slippage_bps=Decimal(5))
    desk.look()
    assert desk.sent[0].price == Decimal("100.05")
    other = a_sweep(max_slippage_bps=Decimal(5))
    other.look("100.05", "100.07")

    assert other.last(TwapEnded).reason is Reason.MAX_SLIPPAGE
    assert other.execution.state is ExecutionState.INCOMPLETE


def test_what_never_left_is_tried_again_until_its_patience_ends() -> None:
    desk = a_sweep()
    desk.look()
    desk.refuse(Reason.SELF_TRADE)
    assert desk.next_wake == 31
    desk.at(31).look()
    assert len(desk.sent) == 2
    desk.refuse(Reason.SELF_TRADE)
    desk.at(60).look()

    assert desk.last(TwapEnded).reason is Reason.SELF_TRADE


def test_what_a_limit_keeps_back_is_tried_again_and_told_as_the_reason() -> None:
    desk = a_sweep()
    desk.look()
    desk.refuse(Reason.MAX_SYMBOL_EXPOSURE, "6")
    desk.look(window="1", volume="1")  # The cap has no say in it, however little has traded.
    assert (desk.child().quantity, desk.child().cut_by) == (6, Reason.MAX_SYMBOL_EXPOSURE)
    desk.fill_all()
    desk.close(OrderStatus.FILLED)
    desk.look()
    assert desk.next_wake == 31
    desk.at(31).look()
    assert desk.child().quantity == 4
    desk.refuse(Reason.MAX_SYMBOL_EXPOSURE, "0.01")
    desk.look()
    desk.at(60).look()
    ended = desk.last(TwapEnded)

    assert (ended.state, ended.reason) == (
        ExecutionState.INCOMPLETE,
        Reason.MAX_SYMBOL_EXPOSURE,
    )


def test_what_no_later_try_would_let_pass_ends_it() -> None:
    desk = a_sweep()
    desk.look()
    desk.refuse(Reason.MAX_SYMBOL_EXPOSURE, for_good=True)
    desk.look()
    ended = desk.last(TwapEnded)

    assert (ended.state, ended.reason) == (
        ExecutionState.INCOMPLETE,
        Reason.MAX_SYMBOL_EXPOSURE,
    )


def test_where_less_than_what_was_let_pass_is_in_the_book_it_is_swept() -> None:
    desk = a_sweep()
    desk.look()
    desk.refuse(Reason.MAX_SYMBOL_EXPOSURE, "6")
    desk.look()
    desk.fill("5")
    desk.close()
    desk.look()

    assert desk.last(TwapEnded).reason is Reason.THIN_BOOK


def test_without_a_quote_it_waits_and_then_says_so() -> None:
    desk = a_sweep()
    desk.see(None)
    assert desk.next_wake == 31
    desk.at(60).see(None)

    assert desk.last(TwapEnded).reason is Reason.NO_QUOTE


def test_rejected_by_the_venue_it_is_over() -> None:
    desk = a_sweep()
    desk.look()
    desk.reject()
    desk.look()

    assert desk.last(TwapEnded).reason is Reason.VENUE_REJECTED


def test_paused_in_its_midst_it_sends_nothing_more() -> None:
    desk = a_sweep()
    desk.look()
    desk.pause()
    desk.fill("4")
    desk.close(OrderStatus.CANCELLED)
    desk.at(40).resume(ResumeMode.CATCH_UP)
    desk.look()

    assert desk.execution.state is ExecutionState.INCOMPLETE
    assert len(desk.sent) == 1


def test_an_unknown_order_is_waited_for_and_sent_anew_only_where_it_never_arrived() -> None:
    desk = a_sweep()
    desk.look()
    desk.lose_answer()
    desk.look()
    assert len(desk.sent) == 1
    desk.at(50).not_found(is_proof=True)
    desk.at(52).not_found(is_proof=True)
    desk.at(53).look()

    assert desk.child(0).status is OrderStatus.NEVER_ACCEPTED
    assert len(desk.sent) == 2


def test_only_its_limit_can_be_amended() -> None:
    desk = a_sweep()
    refusal = refusal_of(desk.amend(quantity="20"))

    assert refusal.reason is Reason.WRONG_STATE
    assert desk.amend(limit_price="101").refusal is None


def test_it_is_one_order_or_none() -> None:
    rules = with_rules(max_quantity=Decimal(5))
    with pytest.raises(ScheduleError) as refused:
        plan_sweep(rules, Decimal(10), price=Decimal(100), now=NOON)

    assert refused.value.reason is Reason.QUANTITY_ABOVE_MAXIMUM
    assert len(plan_sweep(rules, Decimal(5), price=Decimal(100), now=NOON)) == 1


def test_its_warning_says_how_large_it_is() -> None:
    said = exemption_warning(Decimal(5), "BTC", Decimal("0.1"), Decimal(20))

    assert "5 BTC is 25.0% of the 20 BTC that usually trade in a minute" in said
