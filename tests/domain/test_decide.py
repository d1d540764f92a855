"""What each message causes in each state: outcomes, pauses, resumes, cancels, releases and restarts."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from genesis_actors.domain.decide import begun, recovered, release
from genesis_actors.domain.decision import AskMarket, Decision, Effect, SetTrigger, WakeAt
from genesis_actors.domain.evolve import evolve
from genesis_actors.messages.events import (
    ChildAccepted,
    ChildClosed,
    ChildFilled,
    ChildUnknown,
    TwapCompleted,
    TwapEnded,
    TwapPaused,
    TwapResumed,
    TwapSliceDelayed,
    TwapSliceExecuted,
)
from genesis_actors.messages.venue import CancelOrder, LookUpOrder, OrderAccepted
from genesis_actors.values import (
    ClientOrderId,
    ExecutionState,
    OnDeadline,
    OrderStatus,
    Reason,
    ResumeMode,
    SliceStatus,
    Style,
    VenueOrderId,
)
from tests.domain.executions import (
    EAGER,
    EXECUTION_ID,
    NOON,
    SYMBOL,
    Desk,
    accepted,
    beginning,
    execution,
    refusal_of,
    seconds,
    summary,
)


def cancel_of(name: str) -> CancelOrder:
    return CancelOrder(
        execution_id=EXECUTION_ID, client_order_id=ClientOrderId(name), symbol=SYMBOL
    )


def question_about(name: str) -> LookUpOrder:
    return LookUpOrder(
        execution_id=EXECUTION_ID, client_order_id=ClientOrderId(name), symbol=SYMBOL
    )


@pytest.fixture
def desk() -> Desk:
    """An execution of ten slices of 1, every 30 s, the first due at 15 s."""
    return Desk(execution())


@pytest.fixture
def working(desk: Desk) -> Desk:
    """Its first child of 1 is at the venue since 15 s."""
    desk.at(15).look()
    return desk


# --- Waking ------------------------------------------------------------------------------------------


def test_it_wakes_when_its_first_slice_falls_due(desk: Desk) -> None:
    assert desk.next_wake == 15
    assert desk.at(15).wake().effects == (AskMarket(),)


def test_a_wake_before_its_time_changes_nothing(desk: Desk) -> None:
    decision = desk.at(3).wake()

    assert decision.events == ()


def test_while_a_child_is_open_only_its_answer_and_the_end_are_waited_for(working: Desk) -> None:
    assert working.next_wake == 45
    assert working.at(44).wake() == Decision(working.execution)
    working.accept()
    assert working.next_wake == 74
    last = Desk(execution(["1"]))
    last.at(290).look()
    assert last.next_wake == 300


def test_at_the_end_an_open_child_is_taken_back_again_and_again() -> None:
    desk = Desk(execution(["1"]))
    desk.at(290).look()
    assert desk.at(300).wake().effects == (cancel_of("gx1001001"),)
    assert desk.at(301).wake().effects == (cancel_of("gx1001001"),)


def test_nothing_but_open_children_wakes_what_is_queued_paused_or_over(working: Desk) -> None:
    queued = evolve(None, accepted())
    assert Desk(queued).next_wake is None
    working.pause()
    assert working.next_wake == 45
    working.cancel()
    assert working.next_wake == 45
    assert working.at(30).wake().effects == (cancel_of("gx1001001"),)
    working.close(OrderStatus.CANCELLED)
    assert working.next_wake is not None
    assert working.next_wake <= 300
    assert working.wake().effects == (AskMarket(),)
    working.look()
    assert working.execution.state is ExecutionState.CANCELLED
    assert working.next_wake is None
    assert working.wake() == Decision(working.execution)


def test_a_paused_execution_with_an_open_child_takes_it_back_whenever_it_is_woken(
    working: Desk,
) -> None:
    working.pause()

    assert working.at(20).wake() == Decision(working.execution, effects=(cancel_of("gx1001001"),))


# --- Fills -------------------------------------------------------------------------------------------


def test_a_fill_is_recorded_and_a_full_slice_ends(working: Desk) -> None:
    decision = working.fill("1", "100.005", trade="t1")

    assert [type(event) for event in decision.events] == [ChildFilled, TwapSliceExecuted]
    assert decision.effects == (), "nothing is to be seen before the next slice is due"
    assert working.next_wake == 45
    assert working.execution.slice(1).status is SliceStatus.FILLED
    assert working.execution.filled_notional == Decimal("100.005")


def test_a_guard_looks_at_the_market_after_each_child() -> None:
    guarded = Desk(execution(max_slippage_bps=Decimal(50)))
    guarded.at(15).look()

    assert guarded.fill("1").effects == (AskMarket(),)


def test_a_favourable_price_that_was_told_while_a_child_was_open_is_looked_at_after_it() -> None:
    told, untold = (Desk(execution(defaults=EAGER)) for _ in range(2))
    for eager in (told, untold):
        eager.at(15).look()
    told.cross("99.7")
    told.look(bid="99.68", ask="99.70")

    assert told.fill("1").effects == (AskMarket(),)
    assert untold.fill("1").effects == (), "it will be told"


def test_what_is_brought_forward_goes_on_after_each_child() -> None:
    eager = Desk(execution(defaults=EAGER))
    eager.at(15).look(bid="99.68", ask="99.70", window="5")

    assert eager.execution.accelerated
    assert eager.fill("0.5").effects == (AskMarket(),)


def test_a_trigger_for_the_price_to_go_back_tells_of_no_favourable_one() -> None:
    eager = Desk(execution(defaults=EAGER))
    eager.at(15).look()
    # Left of a time in which it was accelerated: a pause ends that, and the look after it saw an old price.
    eager.trigger = SetTrigger(Decimal("99.8"), worse=True)

    assert eager.fill("1").effects == (AskMarket(),)


def test_a_repeated_fill_counts_once(working: Desk) -> None:
    working.fill("0.4", trade="t1")

    assert working.fill("0.4", trade="t1") == Decision(working.execution)
    assert working.execution.filled_quantity == Decimal("0.4")


def test_outcomes_of_a_strange_order_are_ignored(desk: Desk) -> None:
    stranger = OrderAccepted(
        at=NOON,
        execution_id=EXECUTION_ID,
        client_order_id=ClientOrderId("stranger"),
        venue_order_id=VenueOrderId("v"),
    )

    assert desk.tell(stranger) == Decision(desk.execution)


def test_a_repeated_acceptance_is_recorded_once(working: Desk) -> None:
    assert [type(event) for event in working.accept().events] == [ChildAccepted]
    assert working.accept() == Decision(working.execution)


def test_a_late_fill_after_the_end_updates_the_figures_never_the_state_or_the_time() -> None:
    desk = Desk(execution(["1"]))
    desk.at(150).look()
    desk.close()
    desk.at(300).look()
    assert desk.execution.state is ExecutionState.INCOMPLETE
    before = desk.execution
    decision = desk.at(500).fill("1")

    assert [type(event) for event in decision.events] == [ChildFilled]
    assert decision.effects == ()
    assert desk.execution.filled_quantity == 1
    assert (desk.execution.state, desk.execution.finished_at) == (
        before.state,
        before.finished_at,
    )
    assert desk.execution.slice(1).status is SliceStatus.FILLED


def test_a_late_fill_that_completes_the_order_takes_back_what_still_rests() -> None:
    desk = Desk(execution(["1", "1"], style=Style.MAKER))
    desk.at(75).look()
    desk.accept()
    desk.close(OrderStatus.CANCELLED)
    desk.look()
    desk.fill("1", nth=1, trade="t1")
    desk.at(225).look()
    decision = desk.fill("1", nth=0, trade="t2")

    assert desk.execution.state is ExecutionState.FINISHING
    assert cancel_of("gx1002001") in decision.effects
    assert desk.next_wake == 255


def test_a_late_fill_that_leaves_too_little_takes_the_next_child_back() -> None:
    desk = Desk(execution(["1", "1"], style=Style.MAKER))
    desk.at(225).look()
    assert desk.child().quantity == 2
    desk.fill("0.5", trade="t1")
    desk.close(OrderStatus.CANCELLED)
    desk.look()
    assert desk.child().quantity == Decimal("1.5")
    decision = desk.fill("0.7", nth=0, trade="t2")

    assert decision.effects == (cancel_of("gx1002002"),)


def test_a_late_fill_ends_its_slice_only_together_with_the_slices_open_child() -> None:
    desk = Desk(execution(), is_slow=True)
    desk.at(15).look()
    desk.journaled()
    desk.close()
    desk.at(20).look()
    desk.fill("1", nth=0)
    assert desk.execution.slice(1).status is SliceStatus.WORKING
    desk.journaled()

    assert desk.execution.slice(1).status is SliceStatus.FILLED
    assert desk.execution.slice(1).reason is None
    assert desk.next_wake == 45


# --- Closes ------------------------------------------------------------------------------------------


def test_what_an_ioc_child_left_is_tried_again_after_a_while_as_the_book_was_thin(
    working: Desk,
) -> None:
    working.fill("0.4")
    working.close(OrderStatus.EXPIRED)

    assert working.child().reason is Reason.THIN_BOOK
    assert working.execution.slice(1).reason is Reason.THIN_BOOK
    assert working.next_wake == 20
    working.at(20).look()
    assert working.child().quantity == Decimal("0.6")
    assert working.child().client_order_id == "gx1001002"


def test_a_second_close_changes_nothing(working: Desk) -> None:
    working.close(OrderStatus.EXPIRED)

    assert working.close(OrderStatus.EXPIRED) == Decision(working.execution)
    assert working.close(OrderStatus.FILLED) == Decision(working.execution)


def test_three_rejects_in_a_row_pause_it_and_say_why(working: Desk) -> None:
    for attempt in range(3):
        assert working.execution.state is ExecutionState.RUNNING
        working.reject("price filter")
        working.at(20 + 5 * attempt).look()

    assert working.execution.state is ExecutionState.PAUSED
    assert working.execution.reason is Reason.VENUE_REJECTED
    assert working.last(TwapPaused).detail == "price filter"


def test_a_close_in_between_means_that_the_venue_takes_orders(working: Desk) -> None:
    for attempt in range(2):
        working.reject()
        working.at(20 + 5 * attempt).look()
    working.close(OrderStatus.EXPIRED)
    working.at(30).look()
    working.reject()

    assert working.execution.state is ExecutionState.RUNNING
    assert working.execution.rejects == 1


def test_after_a_resume_rejects_are_counted_anew(working: Desk) -> None:
    working.reject()
    working.pause()
    working.resume()

    assert working.execution.rejects == 0


def test_a_refusal_of_ours_says_nothing_about_the_venue(working: Desk) -> None:
    working.reject()
    working.at(20).look()
    working.refuse(Reason.HALTED)

    assert working.execution.rejects == 1


def test_rejects_of_resting_orders_do_not_pause_it() -> None:
    desk = Desk(execution(style=Style.MAKER))
    for attempt in range(4):
        desk.at(15 + 5 * attempt).look()
        desk.reject("would cross")

    assert desk.execution.state is ExecutionState.RUNNING


def test_a_third_reject_after_a_pause_only_closes_the_child(working: Desk) -> None:
    for attempt in range(2):
        working.reject()
        working.at(20 + 5 * attempt).look()
    working.pause()
    working.reject()

    assert working.execution.reason is Reason.USER


# --- Refusals ----------------------------------------------------------------------------------------


def test_a_refusal_with_an_available_quantity_is_tried_again_at_once_with_that(
    working: Desk,
) -> None:
    working.refuse(Reason.SYMBOL_PARTICIPATION_CAP, available="0.35")
    assert working.next_wake == 15
    working.look()

    assert working.child().quantity == Decimal("0.35")
    assert working.execution.slice(1).reason is Reason.SYMBOL_PARTICIPATION_CAP


def test_a_refusal_is_journaled_with_its_numbers(working: Desk) -> None:
    working.refuse(Reason.MAX_SYMBOL_EXPOSURE, available="0.35", compared=("60000", "61000"))

    closed = working.last(ChildClosed)
    assert (closed.limit, closed.actual) == (60_000, 61_000)
    assert closed.available_quantity == Decimal("0.35")


def test_a_slice_that_was_cut_goes_on_to_what_it_was_to_do(working: Desk) -> None:
    working.refuse(Reason.SYMBOL_PARTICIPATION_CAP, available="0.35")
    working.look()
    working.fill("0.35")

    part = working.execution.slice(1)
    assert (part.status, part.target_quantity) == (SliceStatus.WORKING, 1)
    working.at(20).look()
    assert working.child().quantity == Decimal("0.65")


def test_an_available_quantity_is_kept_to_even_where_the_rest_is_dust() -> None:
    desk = Desk(execution(["1"]))
    desk.at(150).look()
    desk.refuse(Reason.SYMBOL_PARTICIPATION_CAP, available="0.95")
    desk.look()

    assert desk.child().quantity == Decimal("0.90")
    assert desk.child().cut_by is Reason.SYMBOL_PARTICIPATION_CAP


def test_an_available_quantity_below_the_minimum_is_waited_out(working: Desk) -> None:
    working.refuse(Reason.SYMBOL_PARTICIPATION_CAP, available="0.05")
    working.look()

    assert len(working.execution.children) == 1
    assert working.execution.slice(1).reason is Reason.SYMBOL_PARTICIPATION_CAP
    assert working.next_wake == 20
    working.at(20).look()
    assert working.child().quantity == 1


def test_an_available_quantity_of_less_than_a_lot_is_none(working: Desk) -> None:
    working.refuse(Reason.SYMBOL_PARTICIPATION_CAP, available="0.009")

    assert working.execution.available_quantity is None
    assert working.next_wake == 20


def test_any_other_refusal_is_tried_again_after_a_while(working: Desk) -> None:
    working.refuse(Reason.HALTED)

    assert working.child().status is OrderStatus.REFUSED
    assert working.next_wake == 20


def test_what_was_refused_was_not_sent_and_its_slice_has_the_figures_of_the_first_that_is(
    working: Desk,
) -> None:
    working.refuse(Reason.HALTED)
    part = working.execution.slice(1)
    assert working.child().sent_at is None
    assert (part.sent_at, part.market_volume, part.market_price) == (None, None, None)

    working.at(20).look("100.00", "100.02", window="800")
    part = working.execution.slice(1)

    assert working.child().sent_at == part.sent_at == working.now
    assert (part.market_volume, part.market_price) == (800, Decimal("100.01"))
    assert part.attempts == 2


def test_a_slice_keeps_the_figures_of_its_first_child_when_a_later_one_is_refused(
    working: Desk,
) -> None:
    first = working.execution.slice(1)
    working.close()
    working.at(20).look(window="800")
    working.refuse(Reason.HALTED)

    part = working.execution.slice(1)
    assert (part.sent_at, part.market_volume) == (first.sent_at, first.market_volume)


def test_a_child_without_its_mark_was_sent_all_the_same(working: Desk) -> None:
    """Where the process died before the mark was durable."""
    first = working.execution.slice(1)
    name = working.child().client_order_id
    unmarked = working.child().having(sent_at=None)
    working.execution = working.execution.having(children={name: unmarked})
    working.fill("0.4")
    working.close()
    working.at(20).look(window="800")
    working.refuse(Reason.HALTED)

    assert working.execution.slice(1).market_volume == first.market_volume


def test_a_child_that_is_stale_when_it_is_durable_was_not_sent(desk: Desk) -> None:
    desk.is_slow = True
    desk.at(15).look()
    desk.at(100).journaled()

    part = desk.execution.slice(1)
    assert desk.child().status is OrderStatus.NEVER_ACCEPTED
    assert (part.sent_at, part.market_volume, part.market_price) == (None, None, None)


def test_an_insufficient_balance_pauses_it(working: Desk) -> None:
    working.refuse(Reason.INSUFFICIENT_BALANCE)

    assert working.execution.state is ExecutionState.PAUSED
    assert working.execution.reason is Reason.INSUFFICIENT_BALANCE
    assert working.refuse(Reason.INSUFFICIENT_BALANCE) == Decision(working.execution)


def test_an_insufficient_balance_of_what_is_being_cancelled_pauses_nothing(working: Desk) -> None:
    working.cancel()
    working.refuse(Reason.INSUFFICIENT_BALANCE)

    assert working.execution.state is ExecutionState.FINISHING


# --- Pausing and resuming ----------------------------------------------------------------------------


def test_a_pause_takes_the_working_child_back(working: Desk) -> None:
    decision = working.pause()

    assert working.execution.state is ExecutionState.PAUSED
    assert working.execution.paused_at == working.now
    assert decision.effects == (cancel_of("gx1001001"),)


def test_the_figures_of_a_paused_one_are_as_of_the_newest_look_at_its_market(
    working: Desk,
) -> None:
    working.fill("1")
    of_the_child = working.execution.market
    working.pause()
    assert working.execution.market == of_the_child
    working.resume()
    working.market = summary(NOON + seconds(25), "12000")
    working.at(30).pause()

    assert working.last(TwapPaused).market == working.execution.market == working.market


def test_a_pause_of_a_paused_one_succeeds_and_says_so(desk: Desk) -> None:
    desk.pause()

    assert desk.pause() == Decision(desk.execution, was_already=True)


def test_nothing_is_sent_while_paused(desk: Desk) -> None:
    desk.pause()
    desk.at(50).look()

    assert desk.sent == []
    assert desk.cross("90") == Decision(desk.execution)


def test_shift_moves_the_rest_of_the_schedule_by_the_length_of_the_pause(desk: Desk) -> None:
    desk.at(10).pause()
    desk.at(110).resume(ResumeMode.SHIFT)

    dues = [(part.due_at - NOON).total_seconds() for part in desk.execution.slices]
    assert dues == [115 + 30 * number for number in range(10)]
    assert desk.execution.ends_at == NOON + seconds(400)
    assert desk.next_wake == 115


def test_nothing_is_looked_at_before_a_slice_is_due_unless_that_may_matter(desk: Desk) -> None:
    eager = Desk(execution(defaults=EAGER))
    unpriced = Desk(execution(arrival=None))
    for each in (desk, eager, unpriced):
        each.at(10).pause()

    assert desk.at(20).resume().effects == ()
    assert desk.next_wake == 25
    assert eager.at(20).resume().effects == (WakeAt(eager.now),), "no crossing would be told"
    resumed = unpriced.at(20).resume()
    assert resumed.effects == (WakeAt(unpriced.now),), "its arrival price is not known yet"


def test_an_execution_begins_with_a_look_only_where_that_may_matter() -> None:
    def first_effects(**wishes: Any) -> tuple[Effect, ...]:
        return begun(execution(**wishes), beginning(**wishes)).effects

    assert first_effects() == ()
    assert first_effects(defaults=EAGER) == (AskMarket(),)
    assert first_effects(arrival=None) == (AskMarket(),)


def test_catch_up_keeps_the_deadline_and_merges_what_is_overdue(desk: Desk) -> None:
    desk.at(10).pause()
    desk.at(110).resume(ResumeMode.CATCH_UP)
    desk.look()

    statuses = [part.status for part in desk.execution.slices[:5]]
    assert statuses == [*[SliceStatus.SKIPPED] * 3, SliceStatus.WORKING, SliceStatus.PLANNED]
    assert desk.execution.slice(1).reason is Reason.OVERDUE_MERGED
    assert desk.execution.ends_at == NOON + seconds(300)
    assert desk.child().quantity == Decimal("1.42")  # 1 and a seventh of the 3 that are overdue


def test_a_slice_that_was_working_goes_on_after_the_pause(working: Desk) -> None:
    working.fill("0.4")
    working.pause()
    working.close(OrderStatus.CANCELLED)
    working.at(100).resume()
    assert working.next_wake == 100
    working.look()

    assert working.child().client_order_id == "gx1001002"
    assert working.child().quantity == Decimal("0.6")


def test_a_resume_of_a_running_one_succeeds_and_says_so(desk: Desk) -> None:
    assert desk.resume() == Decision(desk.execution, was_already=True)


def test_completion_during_a_pause_completes_it() -> None:
    desk = Desk(execution(["1"]))
    desk.at(150).look()
    desk.pause()
    desk.fill("1")
    assert desk.execution.state is ExecutionState.FINISHING
    desk.look()

    assert desk.execution.state is ExecutionState.COMPLETED
    assert desk.last(TwapCompleted).early is False


def test_a_resume_past_the_end_applies_the_deadline(desk: Desk) -> None:
    desk.at(10).pause()
    desk.at(310).resume(ResumeMode.CATCH_UP)
    assert desk.last(TwapResumed).mode is ResumeMode.CATCH_UP
    desk.look()

    assert desk.execution.state is ExecutionState.INCOMPLETE
    assert desk.execution.reason is Reason.DEADLINE


# --- Cancelling --------------------------------------------------------------------------------------


def test_a_cancel_waits_for_what_is_open(working: Desk) -> None:
    decision = working.cancel()
    assert decision.effects == (cancel_of("gx1001001"),)
    working.look()
    assert working.execution.state is ExecutionState.FINISHING
    working.close(OrderStatus.CANCELLED)
    working.look()

    assert working.execution.state is ExecutionState.CANCELLED
    assert working.last(TwapEnded).reason is Reason.USER
    assert working.execution.slice(9).reason is Reason.USER
    assert {part.status for part in working.execution.slices} == {SliceStatus.SKIPPED}


def test_a_fill_that_crosses_a_cancel_counts_and_may_even_complete_it() -> None:
    desk = Desk(execution(["1"]))
    desk.at(150).look()
    desk.cancel()
    desk.fill("1")
    desk.look()

    assert desk.execution.state is ExecutionState.COMPLETED
    assert desk.execution.reason is None


def test_a_queued_or_paused_execution_can_be_cancelled(desk: Desk) -> None:
    queued = Desk(evolve(None, accepted()))
    for each in (queued, desk):
        each.cancel()
        each.look()
        assert each.execution.state is ExecutionState.CANCELLED
    assert queued.execution.finished_at == NOON


def test_a_cancel_of_what_is_being_cancelled_succeeds_and_says_so(working: Desk) -> None:
    working.cancel()
    assert working.cancel() == Decision(working.execution, was_already=True)
    working.close(OrderStatus.CANCELLED)
    working.look()
    assert working.cancel() == Decision(working.execution, was_already=True)


def test_what_has_ended_is_neither_paused_nor_resumed_nor_cancelled() -> None:
    desk = Desk(execution(["1"]))
    desk.at(150).look()
    desk.fill("1")
    assert refusal_of(desk.pause()).message == "execution x1 is FINISHING and cannot be paused"
    assert refusal_of(desk.cancel()).message == "execution x1 is FINISHING and cannot be cancelled"
    desk.look()

    for asked in (desk.pause(), desk.resume(), desk.cancel()):
        assert refusal_of(asked).reason is Reason.WRONG_STATE
        assert asked.events == ()


# --- Releasing ---------------------------------------------------------------------------------------


@pytest.fixture
def waiting() -> Desk:
    """Its first child of 1 waits since 15 s for its intent to become durable."""
    desk = Desk(execution(), is_slow=True)
    desk.at(15).look()
    return desk


def test_an_order_is_sent_when_its_intent_is_durable(waiting: Desk) -> None:
    assert waiting.sent == []
    waiting.at(16).journaled()

    assert [order.client_order_id for order in waiting.sent] == ["gx1001001"]
    assert waiting.child().sent_at == NOON + seconds(16)


def test_an_order_that_waited_too_long_is_never_sent(waiting: Desk) -> None:
    waiting.at(25.1).journaled()

    assert waiting.sent == []
    assert waiting.child().status is OrderStatus.NEVER_ACCEPTED
    assert waiting.last(ChildClosed).reason is Reason.STALE_AT_RELEASE
    assert waiting.next_wake == 25.1
    waiting.look()
    assert waiting.child().client_order_id == "gx1001002"


@pytest.mark.parametrize("is_cancel", [False, True])
def test_an_order_of_a_paused_or_cancelled_execution_is_never_sent(
    waiting: Desk, *, is_cancel: bool
) -> None:
    decision = waiting.cancel() if is_cancel else waiting.pause()
    assert decision.effects == ()
    waiting.journaled()

    assert waiting.sent == []
    assert waiting.execution.open_children == ()


def test_an_order_whose_budget_a_late_fill_has_used_is_never_sent() -> None:
    desk = Desk(execution(["1"]))
    desk.at(150).look()
    desk.close()
    desk.is_slow = True
    desk.at(160).look()
    desk.fill("0.5", nth=0)
    desk.journaled()

    assert len(desk.sent) == 1
    assert desk.child().status is OrderStatus.NEVER_ACCEPTED
    assert desk.execution.remaining_quantity == Decimal("0.5")


def test_an_order_that_is_not_pending_any_more_is_never_sent(waiting: Desk) -> None:
    waiting.close(OrderStatus.CANCELLED)
    order = waiting.waiting[0]

    assert release(waiting.execution, order, waiting.now, waiting.surroundings) == Decision(
        waiting.execution
    )


def test_while_halted_no_order_is_released(waiting: Desk) -> None:
    waiting.is_halted = True
    waiting.at(16).journaled()

    assert waiting.sent == []
    assert waiting.child().status is OrderStatus.NEVER_ACCEPTED
    assert waiting.child().reason is Reason.HALTED
    assert waiting.next_wake == 21


def test_while_halted_a_slice_is_delayed_and_tried_again(desk: Desk) -> None:
    desk.is_halted = True
    desk.at(15).look()
    delayed = desk.last(TwapSliceDelayed)
    assert (delayed.reason, delayed.slice_number) == (Reason.HALTED, 1)
    assert desk.sent == []
    assert desk.next_wake == 20
    desk.is_halted = False
    desk.at(20).look()

    assert len(desk.sent) == 1


def test_what_stands_in_the_way_for_long_is_one_event_and_many_tries(desk: Desk) -> None:
    desk.is_halted = True
    for second in (15, 20, 25):
        desk.at(second).look()
        assert len(desk.happened(TwapSliceDelayed)) == 1
        assert desk.at(second + 1).look().events == ()
        assert desk.next_wake == second + 5

    desk.tried_in_vain = None  # As after a crash, which forgets that.
    assert desk.next_wake == 20
    desk.is_halted = False
    desk.look()
    assert len(desk.sent) == 1


def test_what_stands_in_the_way_anew_is_an_event_again(desk: Desk) -> None:
    desk.is_halted = True
    desk.at(15).look()
    desk.at(20).look()
    desk.is_halted = False
    desk.at(25).look(age=11)
    assert [e.reason for e in desk.happened(TwapSliceDelayed)] == [
        Reason.HALTED,
        Reason.STALE_QUOTE,
    ]
    assert desk.next_wake == 26  # Not 30, when the halt would have been tried again.
    desk.is_halted = True
    desk.at(26).look()

    assert desk.last(TwapSliceDelayed).reason is Reason.HALTED


def test_while_halted_the_deadline_holds() -> None:
    desk = Desk(execution(["1"]), is_halted=True)
    desk.at(150).look()
    desk.at(300).look()

    assert desk.execution.state is ExecutionState.INCOMPLETE
    assert desk.execution.slice(1).reason is Reason.HALTED


# --- Restarting --------------------------------------------------------------------------------------


def test_after_a_restart_every_open_child_is_asked_about(working: Desk) -> None:
    again = recovered(working.execution, working.now)
    assert again.effects == (question_about("gx1001001"),)
    assert again.execution.open_children[0].status is OrderStatus.UNKNOWN
    working.lose_answer()
    assert recovered(working.execution, working.now) == Decision(
        working.execution, effects=(question_about("gx1001001"),)
    )
    working.close()
    assert recovered(working.execution, working.now) == Decision(working.execution)


def test_a_second_restart_writes_nothing(working: Desk) -> None:
    once = recovered(working.execution, working.now, Reason.REPEATED_FAILURE)
    again = recovered(once.execution, working.now, Reason.REPEATED_FAILURE)

    assert [type(event) for event in once.events] == [ChildUnknown, TwapPaused]
    assert again.events == ()


def test_what_keeps_failing_is_paused_with_that_reason_also_where_its_own_pause_would_lift_itself(
    working: Desk,
) -> None:
    running = recovered(working.execution, working.now, Reason.REPEATED_FAILURE)
    assert running.execution.state is ExecutionState.PAUSED
    assert running.execution.reason is Reason.REPEATED_FAILURE
    assert cancel_of("gx1001001") in running.effects
    working.lose_answer()
    working.at(75).wake()
    assert working.execution.reason is Reason.UNSETTLED_CHILD
    paused = recovered(working.execution, working.now, Reason.REPEATED_FAILURE)
    assert paused.execution.reason is Reason.REPEATED_FAILURE
    assert paused.execution.paused_at == working.now


@pytest.mark.parametrize("is_cancel", [False, True])
def test_what_keeps_failing_while_paused_by_its_user_or_ending_stays_as_it_is(
    working: Desk, *, is_cancel: bool
) -> None:
    decision = working.cancel() if is_cancel else working.pause()
    again = recovered(decision.execution, working.now, Reason.REPEATED_FAILURE)

    assert again.execution.state is decision.execution.state
    assert again.execution.reason is Reason.USER
    assert [type(event) for event in again.events] == [ChildUnknown]
    assert again.effects == (question_about("gx1001001"), cancel_of("gx1001001"))


def test_after_a_restart_what_should_not_be_working_is_taken_back_once_more(waiting: Desk) -> None:
    waiting.pause()

    assert recovered(waiting.execution, waiting.now).effects == (
        question_about("gx1001001"),
        cancel_of("gx1001001"),
    )


def test_an_order_found_after_a_restart_is_working_though_its_sending_was_forgotten() -> None:
    desk = Desk(execution(style=Style.MAKER), is_slow=True)
    desk.at(15).look()
    desk.waiting = []
    desk.accept()

    assert desk.child().status is OrderStatus.SENT
    assert desk.at(21).wake().effects == (cancel_of("gx1001001"),)


# --- Resting children --------------------------------------------------------------------------------


def test_a_resting_child_is_taken_back_after_a_while_and_priced_anew() -> None:
    desk = Desk(execution(style=Style.MAKER))
    desk.at(15).look(bid="99.90")
    assert (desk.child().resting, desk.child().price) == (True, Decimal("99.90"))
    assert desk.next_wake == 20
    assert desk.at(20).wake().effects == (cancel_of("gx1001001"),)
    desk.fill("0.3")
    desk.close(OrderStatus.CANCELLED)
    assert desk.next_wake == 20
    desk.look(bid="99.95")

    assert (desk.child().quantity, desk.child().price) == (Decimal("0.7"), Decimal("99.95"))


def test_a_resting_child_makes_room_for_the_next_slice() -> None:
    desk = Desk(execution(style=Style.MAKER))
    desk.at(43).look()

    assert desk.next_wake == 45


def test_a_resting_child_gives_way_when_the_price_becomes_favourable() -> None:
    desk = Desk(execution(style=Style.MAKER, defaults=EAGER))
    desk.at(15).look()
    assert desk.at(16).cross("99.7").effects == (cancel_of("gx1001001"),)
    desk.close(OrderStatus.CANCELLED)
    desk.look(bid="99.68", ask="99.70")

    assert desk.execution.accelerated
    assert not desk.child().resting


def test_a_crossing_without_a_resting_child_makes_it_look(desk: Desk) -> None:
    assert desk.at(1).cross("90").effects == (AskMarket(),)


def test_auto_rests_for_two_thirds_of_the_time_it_has_and_then_takes_the_rest() -> None:
    desk = Desk(execution(["1"] * 5, style=Style.AUTO))  # Every 60 s, from 30 s on.
    desk.at(30).look()
    assert desk.child().resting
    for second in (40, 50, 60):
        assert desk.next_wake == second
        desk.at(second).wake()
        desk.close(OrderStatus.CANCELLED)
        desk.look()
        assert desk.child().resting
    assert desk.next_wake == 70
    desk.at(70).wake()
    desk.close(OrderStatus.CANCELLED)
    desk.look()

    assert not desk.child().resting


def test_auto_takes_the_rest_of_the_last_slice_before_the_end() -> None:
    desk = Desk(execution(["1", "1"], style=Style.AUTO))
    desk.at(75).look()
    desk.fill("1")
    desk.look()
    desk.at(225).look()
    assert desk.next_wake == 235
    desk.at(270).wake()
    desk.close(OrderStatus.CANCELLED)
    desk.look()
    assert desk.next_wake == 275  # 225 and two thirds of the 75 s until the end.
    desk.at(275).wake()
    desk.close(OrderStatus.CANCELLED)
    desk.look()

    assert not desk.child().resting


def test_auto_without_any_time_takes_at_once() -> None:
    desk = Desk(execution(["1"], style=Style.AUTO, on_deadline=OnDeadline.SWEEP))
    desk.at(300).look()

    assert not desk.child().resting


def test_what_risk_refuses_for_good_pauses_with_the_numbers_and_forgets_nothing() -> None:
    desk = Desk(execution(["1"] * 5)).at(30)
    desk.look()

    decision = desk.refuse(Reason.MAX_SYMBOL_EXPOSURE, compared=("1000", "1100.0"), for_good=True)

    paused = decision.events[-1]
    assert isinstance(paused, TwapPaused)
    assert paused.reason is Reason.MAX_SYMBOL_EXPOSURE
    assert paused.detail == "1100 is above the limit of 1000"
    assert desk.execution.state is ExecutionState.PAUSED
    assert desk.execution.remaining_quantity == Decimal(5)


def test_what_passes_is_tried_again() -> None:
    desk = Desk(execution(["1"] * 5)).at(30)
    desk.look()

    desk.refuse(Reason.ORDER_RATE, compared=("10", "11"))

    assert desk.execution.state is ExecutionState.RUNNING
    assert desk.execution.retry_at is not None
