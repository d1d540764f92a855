"""How executions end: at their deadline, by its rule, and never with anything open."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from genesis_actors.messages.events import TwapEnded, TwapRescheduled
from genesis_actors.values import (
    ExecutionState,
    OnDeadline,
    OrderStatus,
    Reason,
    SliceStatus,
    Style,
)
from tests.domain.executions import CALM, NOON, Desk, execution, seconds, with_rules


def desk_with(rule: OnDeadline, parts: list[str] | None = None, **wishes: Any) -> Desk:
    return Desk(execution(parts or ["1"] * 10, on_deadline=rule, **wishes))


def test_leave_ends_incomplete_and_says_how_much_is_open() -> None:
    desk = desk_with(OnDeadline.LEAVE)
    desk.at(15).look()
    desk.fill("1")
    desk.at(300).look()

    assert desk.execution.state is ExecutionState.INCOMPLETE
    assert desk.execution.reason is Reason.DEADLINE
    assert desk.execution.remaining_quantity == 9
    assert desk.execution.finished_at == NOON + seconds(300)
    assert desk.execution.slice(2).reason is Reason.DEADLINE


def test_no_execution_ends_while_a_child_is_open() -> None:
    desk = desk_with(OnDeadline.LEAVE)
    desk.at(285).look()
    desk.lose_answer()
    assert desk.at(400).look().events == ()
    assert desk.execution.state is ExecutionState.RUNNING
    desk.not_found(is_proof=True)
    desk.look()

    assert desk.execution.state is ExecutionState.INCOMPLETE


def test_a_slice_that_the_end_cuts_short_keeps_its_own_reason() -> None:
    desk = desk_with(OnDeadline.LEAVE)
    desk.at(285).look()
    desk.fill("0.4")
    desk.close()
    desk.at(300).look()

    last = desk.execution.slice(10)
    assert (last.status, last.reason) == (SliceStatus.PARTIAL, Reason.THIN_BOOK)


@pytest.mark.parametrize("rule", OnDeadline)
def test_what_is_too_little_to_trade_is_left(rule: OnDeadline) -> None:
    desk = desk_with(rule, ["1"])
    desk.at(150).look()
    desk.fill("0.95")
    desk.close()
    desk.at(300).look()

    assert desk.execution.state is ExecutionState.INCOMPLETE
    assert desk.execution.reason is Reason.REMAINDER_UNTRADABLE


@pytest.mark.parametrize(
    ("arrival", "reason"),
    [("100", Reason.DEADLINE), ("90", Reason.REMAINDER_UNTRADABLE), (None, Reason.DEADLINE)],
)
def test_without_a_quote_the_arrival_price_says_what_can_be_traded(
    arrival: str | None, reason: Reason
) -> None:
    desk = desk_with(OnDeadline.LEAVE, ["0.1"], arrival=arrival)
    desk.at(300).see(None)

    assert desk.execution.reason is reason


def test_without_any_price_the_lot_says_what_can_be_traded() -> None:
    desk = desk_with(OnDeadline.EXTEND, ["0.02"], arrival=None)
    desk.at(300).see(None)

    assert desk.execution.state is ExecutionState.RUNNING
    assert [part.quantity for part in desk.last(TwapRescheduled).slices] == [Decimal("0.02")]


# --- Sweep -------------------------------------------------------------------------------------------


def test_sweep_tries_the_rest_at_once() -> None:
    desk = desk_with(OnDeadline.SWEEP)
    desk.at(285).look()
    desk.fill("3")
    desk.look()
    desk.at(300).look()

    sweep = desk.execution.slice(11)
    assert (sweep.due_at, sweep.planned_quantity) == (NOON + seconds(300), 7)
    assert desk.child().quantity == 7
    desk.fill("7")
    desk.look()
    assert desk.execution.state is ExecutionState.COMPLETED
    assert desk.execution.slices_total == 10


def test_sweep_stays_within_the_cap_and_has_one_try() -> None:
    desk = desk_with(OnDeadline.SWEEP)
    desk.at(300).look(window="40")
    assert desk.child().quantity == 4
    desk.fill("4")
    desk.look()

    assert desk.execution.state is ExecutionState.INCOMPLETE
    assert desk.execution.reason is Reason.DEADLINE


def test_a_sweep_that_cannot_be_sent_ends_it_there_and_then() -> None:
    desk = desk_with(OnDeadline.SWEEP)
    desk.at(300).look(age=60)

    assert desk.execution.state is ExecutionState.INCOMPLETE
    assert desk.execution.slice(11).reason is Reason.STALE_QUOTE
    assert desk.next_wake is None


def test_the_guard_holds_for_a_sweep_but_never_keeps_an_execution_from_its_end() -> None:
    guarded: dict[str, Any] = {"max_slippage_bps": Decimal(20)}
    left = desk_with(OnDeadline.LEAVE, **guarded)
    left.at(300).look(ask="101")
    assert left.execution.state is ExecutionState.INCOMPLETE

    swept = desk_with(OnDeadline.SWEEP, **guarded)
    swept.at(300).look(ask="101")
    assert swept.execution.state is ExecutionState.PAUSED
    assert swept.sent == []
    swept.at(310).resume()
    swept.look()
    assert swept.child().quantity == 10


# --- Extend ------------------------------------------------------------------------------------------


def test_extend_spreads_the_rest_over_half_the_window_again_at_the_old_pace() -> None:
    desk = desk_with(OnDeadline.EXTEND)
    desk.at(285).look()
    desk.fill("3")
    desk.look()
    desk.at(300).look()

    more = desk.execution.slices[10:]
    assert desk.execution.ends_at == NOON + seconds(450)
    assert [(part.due_at - NOON).total_seconds() for part in more] == [315, 345, 375, 405, 435]
    assert [part.planned_quantity for part in more] == [Decimal("1.4")] * 5
    assert desk.next_wake == 315


def test_extended_slices_are_as_few_as_can_be_traded_and_add_up() -> None:
    desk = desk_with(OnDeadline.EXTEND, ["0.35"] + ["0.01"] * 9)
    desk.at(300).look()

    parts = [part.planned_quantity for part in desk.execution.slices[10:]]
    assert sum(parts) == Decimal("0.44")
    assert all(part >= Decimal("0.1") for part in parts)
    assert len(parts) == 4


def test_an_extension_happens_once() -> None:
    desk = desk_with(OnDeadline.EXTEND)
    desk.at(300).look()
    desk.at(450).look()

    assert len(desk.happened(TwapRescheduled)) == 1
    assert desk.execution.state is ExecutionState.INCOMPLETE
    assert desk.execution.finished_at == NOON + seconds(450)


@pytest.mark.parametrize(("second", "is_over"), [(449, False), (450, True), (100_000, True)])
def test_an_extension_that_has_passed_while_nobody_looked_is_none(
    second: int, *, is_over: bool
) -> None:
    desk = desk_with(OnDeadline.EXTEND)
    desk.at(second).look()

    assert bool(desk.sent) is not is_over
    assert (desk.execution.state is ExecutionState.INCOMPLETE) is is_over
    assert (desk.execution.reason is Reason.DEADLINE) is is_over


def test_an_order_of_one_long_slice_is_extended_by_one() -> None:
    defaults = replace(CALM, max_quote_age=seconds(60))
    desk = desk_with(OnDeadline.EXTEND, ["1"], defaults=defaults)
    desk.at(300).look()

    assert [part.planned_quantity for part in desk.execution.slices[1:]] == [1]
    assert desk.next_wake == 375


def test_a_resting_child_is_taken_back_at_the_end() -> None:
    desk = desk_with(OnDeadline.LEAVE, style=Style.MAKER)
    desk.at(297).look()
    assert desk.next_wake == 300
    desk.at(300).wake()
    assert len(desk.cancels) == 1
    desk.close(OrderStatus.CANCELLED)
    desk.look()

    assert desk.execution.state is ExecutionState.INCOMPLETE
    assert desk.last(TwapEnded).state is ExecutionState.INCOMPLETE


def test_a_lot_that_divides_nothing_evenly_still_adds_up() -> None:
    desk = desk_with(OnDeadline.EXTEND, ["7"], rules=with_rules(lot=Decimal("0.3")))
    desk.at(300).look()

    assert sum(part.planned_quantity for part in desk.execution.slices[1:]) == Decimal("6.9")


def test_what_was_cancelled_while_the_clock_was_ahead_ends_when_it_is_right_again() -> None:
    desk = desk_with(OnDeadline.LEAVE)
    desk.at(15).look()
    desk.fill("1")
    desk.at(-10_000).cancel()

    assert desk.next_wake is not None
    assert desk.next_wake <= -10_000
