"""Children without an outcome: when they are asked about, what is believed, what proves, and what the operator says."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from genesis_actors.domain.decide import recovered
from genesis_actors.domain.decision import AskMarket, Decision
from genesis_actors.domain.execution import Execution, restore, snapshot
from genesis_actors.domain.projection import rows
from genesis_actors.domain.proof import ProofRules
from genesis_actors.messages.events import (
    ChildAccepted,
    ChildClosed,
    ChildFilled,
    ChildNotFound,
    ChildSettled,
    ChildUnknown,
    TwapFinishing,
    TwapPaused,
    TwapResumed,
    TwapSliceExecuted,
)
from genesis_actors.messages.venue import CancelOrder, LookUpOrder, SettleOrder
from genesis_actors.values import (
    ZERO,
    ClientOrderId,
    ExecutionState,
    OrderStatus,
    Reason,
    ResumeMode,
    SliceStatus,
    Style,
)
from tests.domain.executions import (
    EXECUTION_ID,
    NOON,
    SYMBOL,
    Desk,
    execution,
    refusal_of,
    seconds,
)

NAME = ClientOrderId("gx1001001")
SLOW = ProofRules(request_expiry=seconds(5), read_lag=seconds(2))
"""Seven seconds after a request has ended, nothing of it can appear any more."""
NEVER = ProofRules(request_expiry=None)

CANCEL = CancelOrder(execution_id=EXECUTION_ID, client_order_id=NAME, symbol=SYMBOL)
QUESTION = LookUpOrder(execution_id=EXECUTION_ID, client_order_id=NAME, symbol=SYMBOL)


def settlement(filled: str) -> SettleOrder:
    return SettleOrder(
        execution_id=EXECUTION_ID,
        client_order_id=NAME,
        symbol=SYMBOL,
        filled_quantity=Decimal(filled),
    )


def kinds(decision: Decision) -> list[type]:
    return [type(event) for event in decision.events]


def parts(x: Execution) -> tuple[Decimal, ...]:
    return x.filled_quantity, x.working_quantity, x.unknown_quantity, x.remaining_quantity


@pytest.fixture
def desk() -> Desk:
    """Its first child of 1 is at the venue since 15 s; of ten slices of 1, every 30 s."""
    desk = Desk(execution(), proof=SLOW)
    desk.at(15).look()
    return desk


@pytest.fixture
def unknown(desk: Desk) -> Desk:
    """The answer to its first child was lost at 15 s."""
    desk.lose_answer()
    return desk


# --- Becoming unknown --------------------------------------------------------------------------------


def test_a_lost_answer_is_unknown_reserved_and_asked_about(desk: Desk) -> None:
    decision = desk.lose_answer()

    assert kinds(decision) == [ChildUnknown]
    assert decision.effects == (QUESTION,)
    assert desk.execution.unknown_quantity == 1
    assert desk.lose_answer() == Decision(desk.execution)


def test_a_lost_answer_of_a_closed_child_is_no_news(desk: Desk) -> None:
    desk.close()

    assert desk.lose_answer() == Decision(desk.execution)


def test_nothing_is_sent_while_a_child_is_unknown(unknown: Desk) -> None:
    unknown.at(45).look()

    assert len(unknown.execution.children) == 1


def test_an_answer_that_does_not_come_in_time_is_lost(desk: Desk) -> None:
    desk.at(20).accept()
    assert desk.next_wake == 50
    decision = desk.at(50).wake()

    assert kinds(decision) == [ChildUnknown]
    assert decision.effects == (QUESTION,)
    assert desk.last(ChildUnknown).detail == "no answer came in time"


def test_a_child_that_is_not_sent_yet_has_no_answer_to_wait_for() -> None:
    desk = Desk(execution(), is_slow=True)
    desk.at(15).look()

    assert desk.next_wake == 300
    assert desk.at(60).wake() == Decision(desk.execution)


@pytest.mark.parametrize("what", ["rest", "pause", "cancel"])
def test_a_resting_child_is_waited_for_only_once_it_is_taken_back(what: str) -> None:
    desk = Desk(execution(["1"] * 5, style=Style.MAKER))  # One rests for 10 s.
    desk.at(30).look()
    desk.accept()
    desk.at(36)
    if what == "pause":
        desk.pause()
    if what == "cancel":
        desk.cancel()
    taken_back_at = 40 if what == "rest" else 36
    if what == "rest":
        assert desk.next_wake == 40
        assert desk.at(69).wake().effects == (CANCEL,)
    else:
        assert desk.next_wake == 66
    decision = desk.at(taken_back_at + 30).wake()

    assert kinds(decision) == [ChildUnknown]
    assert decision.effects == (CANCEL, QUESTION)


def test_a_cancel_that_the_venue_does_not_find_leaves_the_child_unknown_and_asked_about(
    desk: Desk,
) -> None:
    desk.pause()
    decision = desk.at(16).not_found()

    assert kinds(decision) == [ChildUnknown]
    assert decision.effects == (QUESTION,)


def test_an_answer_that_is_older_than_what_was_heard_since_is_no_news(desk: Desk) -> None:
    desk.at(16).accept()

    assert desk.at(17).not_found(asked=16) == Decision(desk.execution)


def test_a_child_that_is_not_sent_yet_cannot_be_missed_at_the_venue() -> None:
    desk = Desk(execution(), is_slow=True)
    desk.at(15).look()

    assert desk.at(16).not_found() == Decision(desk.execution)


def test_an_unknown_child_that_is_found_is_working_again(unknown: Desk) -> None:
    unknown.fill("0.4")
    decision = unknown.accept()

    assert kinds(decision) == [ChildAccepted]
    assert unknown.child().status is OrderStatus.PARTIAL
    assert parts(unknown.execution) == (Decimal("0.4"), Decimal("0.6"), ZERO, Decimal(9))


def test_what_is_found_although_nothing_should_be_working_is_taken_back(unknown: Desk) -> None:
    unknown.pause()
    decision = unknown.accept()

    assert decision.effects == (CANCEL,)


# --- Closes that came before their fills -------------------------------------------------------------


def test_a_close_is_not_believed_before_its_fills_have_come(desk: Desk) -> None:
    desk.accept()
    desk.fill("0.3", trade="t1")
    decision = desk.close(OrderStatus.EXPIRED, filled="0.7")
    assert kinds(decision) == [ChildUnknown]
    assert decision.effects == (QUESTION,)
    assert desk.last(ChildUnknown).filled_quantity == Decimal("0.7")
    assert desk.close(OrderStatus.EXPIRED, filled="0.7") == Decision(desk.execution)
    assert desk.accept() == Decision(desk.execution), "it is closed by now"
    assert desk.fill("0.2", trade="t2").effects == ()
    # The last one has come: the venue is asked for its close at once.
    assert desk.fill("0.2", trade="t3").effects == (QUESTION,)
    assert parts(desk.execution) == (Decimal("0.7"), ZERO, Decimal("0.3"), Decimal(9))
    desk.close(OrderStatus.EXPIRED, filled="0.7")

    assert desk.child().status is OrderStatus.EXPIRED
    assert desk.execution.remaining_quantity == Decimal("9.3")


def test_filled_without_its_fills_keeps_the_rest_reserved_and_asks_for_them(desk: Desk) -> None:
    desk.fill("0.4", trade="t1")
    decision = desk.close(OrderStatus.FILLED)
    assert kinds(decision) == [ChildUnknown]
    assert decision.effects == (QUESTION,)
    assert desk.execution.reserved_quantity == Decimal("0.6")
    desk.fill("0.6", trade="t2")

    assert desk.child().status is OrderStatus.FILLED, "whatever else is unknown"


def test_an_older_close_does_not_take_back_what_a_newer_one_said(desk: Desk) -> None:
    desk.close(OrderStatus.EXPIRED, filled="0.7")

    assert desk.close(OrderStatus.EXPIRED) == Decision(desk.execution)
    assert kinds(desk.close(OrderStatus.EXPIRED, filled="0.8")) == [ChildUnknown]
    assert desk.child().told_quantity == Decimal("0.8")


def test_the_first_word_of_an_order_that_is_closed_already_is_no_news(desk: Desk) -> None:
    desk.close(OrderStatus.EXPIRED, filled="0.7")

    assert desk.accept() == Decision(desk.execution)
    assert desk.child().status is OrderStatus.UNKNOWN


# --- Asking ------------------------------------------------------------------------------------------


def test_the_venue_is_asked_with_growing_pauses_of_ten_seconds_at_most() -> None:
    desk = Desk(execution(["1"]), proof=NEVER)
    desk.at(150).look()
    desk.lose_answer()
    asked: list[float] = []
    for _ in range(8):
        wake = desk.next_wake
        assert wake is not None
        assert desk.at(wake).wake().effects == (QUESTION,)
        asked.append(wake - 150)

    assert asked == [1, 3, 7, 15, 25, 35, 45, 55]


def test_what_passed_before_this_process_began_counts_for_nothing(unknown: Desk) -> None:
    """Nobody knows how long that was: the wall clock may have been set meanwhile."""
    unknown.proof = replace(SLOW, counts_from=NOON + seconds(100))

    assert unknown.at(100).not_found().events == ()
    assert unknown.at(106.9).not_found().events == ()
    assert kinds(unknown.at(107).not_found()) == [ChildNotFound]
    assert ChildClosed in kinds(unknown.at(108).not_found())


def test_patience_begins_anew_with_the_process(unknown: Desk) -> None:
    unknown.proof = replace(SLOW, counts_from=NOON + seconds(100))
    unknown.at(100.1).wake()
    assert unknown.execution.state is ExecutionState.RUNNING
    unknown.at(100 + SLOW.patience.total_seconds()).wake()

    assert unknown.execution.reason is Reason.UNSETTLED_CHILD


def test_it_is_asked_as_soon_as_an_answer_may_prove_something(unknown: Desk) -> None:
    unknown.at(18).wake()
    assert unknown.next_wake == 22  # Both 7 s after, and the deadline.
    unknown.at(22).wake()
    assert unknown.next_wake == 23
    unknown.at(22.5).not_found()
    assert unknown.next_wake == 23.5


def test_where_questions_fail_they_come_soon_again_once_an_answer_would_count() -> None:
    proof = ProofRules(seconds(5), seconds(10), seconds(1), seconds(2))
    desk = Desk(execution(), proof=proof)
    desk.at(15).look()
    desk.lose_answer()
    asked: list[float] = []
    while len(asked) < 9:  # Nobody answers any of them.
        wake = desk.next_wake
        assert wake is not None
        if QUESTION in desk.at(wake).wake().effects:
            asked.append(wake - 15)
    desk.not_found()
    asked.append((desk.next_wake or 0) - 15)

    assert asked == [1, 3, 7, 15, 18, 19, 21, 25, 33, 34]


def test_questions_go_on_at_the_deadline_of_the_execution(unknown: Desk) -> None:
    unknown.proof = NEVER
    unknown.at(75).wake()
    unknown.resume()
    unknown.at(301).wake()

    assert unknown.next_wake is not None
    assert unknown.at(310).wake().effects[-1] == QUESTION


def test_with_the_clock_set_back_it_is_asked_soon(unknown: Desk) -> None:
    assert unknown.at(5).next_wake == 16


# --- Proof -------------------------------------------------------------------------------------------


def test_where_the_ledger_is_ours_one_answer_is_proof(unknown: Desk) -> None:
    decision = unknown.not_found(is_proof=True)

    assert kinds(decision) == [ChildClosed]
    assert decision.effects == (settlement("0"),)
    assert unknown.child().status is OrderStatus.NEVER_ACCEPTED
    assert unknown.next_wake == 15
    assert unknown.not_found(is_proof=True) == Decision(unknown.execution)


def test_two_answers_after_the_deadline_are_proof(unknown: Desk) -> None:
    assert unknown.at(23).not_found(asked=21.9) == Decision(unknown.execution)
    assert kinds(unknown.not_found(asked=22)) == [ChildNotFound]
    assert unknown.not_found(asked=22) == Decision(unknown.execution), "the same answer again"
    assert unknown.not_found(asked=22.9) == Decision(unknown.execution), "too close to it"
    decision = unknown.at(24).not_found(asked=23)

    assert kinds(decision) == [ChildClosed]
    assert decision.effects == (settlement("0"),)
    assert unknown.child().status is OrderStatus.NEVER_ACCEPTED
    assert unknown.next_wake == 24
    unknown.look()
    assert unknown.child().client_order_id == "gx1001002", "an id is never used again"


def test_where_requests_do_not_expire_nothing_is_ever_proven(desk: Desk) -> None:
    desk.proof = NEVER
    desk.lose_answer()

    assert desk.at(3600).not_found() == Decision(desk.execution)


@pytest.mark.parametrize("word", ["accepted", "filled", "closed"])
def test_an_order_that_the_venue_has_spoken_of_cannot_be_proven_away(desk: Desk, word: str) -> None:
    match word:
        case "accepted":
            desk.accept()
        case "filled":
            desk.fill("0.4")
        case _:
            desk.close(OrderStatus.EXPIRED, filled="0.4")
    if word != "closed":
        desk.lose_answer()

    assert desk.at(100).not_found() == Decision(desk.execution)
    assert desk.at(110).not_found() == Decision(desk.execution)


def test_an_order_that_lost_its_proof_by_being_found_needs_two_new_answers(unknown: Desk) -> None:
    unknown.at(23).not_found()
    decision = unknown.accept()
    unknown.lose_answer()

    assert kinds(decision) == [ChildAccepted]
    assert unknown.at(60).not_found() == Decision(unknown.execution)


def test_a_fill_for_what_was_proven_away_is_recorded_and_takes_back_what_is_too_much() -> None:
    desk = Desk(execution(["1"], style=Style.MAKER), proof=SLOW)
    desk.at(150).look()
    desk.lose_answer()
    desk.at(160).not_found()
    desk.at(161).not_found()
    desk.look()
    desk.accept()
    assert desk.child().quantity == 1
    decision = desk.fill("0.4", nth=0)

    assert kinds(decision) == [ChildFilled]
    assert decision.effects == (
        CancelOrder(
            execution_id=EXECUTION_ID, client_order_id=ClientOrderId("gx1001002"), symbol=SYMBOL
        ),
        CANCEL,
    )
    assert parts(desk.execution) == (Decimal("0.4"), Decimal(1), ZERO, Decimal("-0.4"))


@pytest.mark.parametrize("is_settled", [False, True])
def test_an_order_that_turns_up_after_it_was_given_up_is_taken_back(
    unknown: Desk, *, is_settled: bool
) -> None:
    if is_settled:
        unknown.settle("0")
    else:
        unknown.not_found(is_proof=True)
    decision = unknown.accept()

    assert kinds(decision) == [ChildAccepted]
    assert decision.effects == (CANCEL,)
    assert unknown.child().status is OrderStatus.NEVER_ACCEPTED
    assert unknown.accept() == Decision(unknown.execution)


def test_late_words_on_a_closed_child_change_nothing_but_its_name_at_the_venue(desk: Desk) -> None:
    desk.close()
    assert kinds(desk.accept()) == [ChildAccepted]
    assert desk.child().status is OrderStatus.EXPIRED

    for late in (
        desk.accept(),
        desk.lose_answer(),
        desk.not_found(),
        desk.not_found(is_proof=True),
        desk.refuse(Reason.HALTED),
        desk.close(OrderStatus.FILLED, filled="1"),
    ):
        assert late == Decision(desk.execution)


def test_a_venue_that_fills_too_much_is_recorded_too(desk: Desk) -> None:
    desk.fill("1.5")

    assert desk.child().status is OrderStatus.FILLED
    assert parts(desk.execution) == (Decimal("1.5"), ZERO, ZERO, Decimal("8.5"))


# --- Patience ----------------------------------------------------------------------------------------


def test_what_stays_unknown_for_too_long_pauses_its_execution(unknown: Desk) -> None:
    assert unknown.at(74.9).wake().events == ()
    decision = unknown.at(75).wake()

    assert kinds(decision) == [TwapPaused]
    assert unknown.last(TwapPaused).reason is Reason.UNSETTLED_CHILD
    assert unknown.last(TwapPaused).detail == f"what became of {NAME}?"
    assert decision.effects == (QUESTION, CANCEL)
    # The questions go on.
    assert unknown.next_wake == 77
    assert unknown.at(80).wake().effects == (CANCEL, QUESTION)


def test_that_pause_lifts_itself_when_nothing_is_unknown_any_more(unknown: Desk) -> None:
    unknown.at(75).wake()
    decision = unknown.at(100).not_found(is_proof=True)

    assert kinds(decision) == [ChildClosed, TwapResumed]
    assert unknown.last(TwapResumed).mode is ResumeMode.CATCH_UP
    assert decision.effects == (settlement("0"), AskMarket())
    assert unknown.execution.state is ExecutionState.RUNNING
    assert unknown.execution.ends_at == NOON + seconds(300)


def test_that_pause_also_ends_when_the_child_is_found_working(unknown: Desk) -> None:
    unknown.at(75).wake()

    assert kinds(unknown.accept()) == [ChildAccepted, TwapResumed]


def test_a_pause_by_a_user_on_top_of_it_wins(unknown: Desk) -> None:
    unknown.at(75).wake()
    decision = unknown.at(80).pause()
    assert kinds(decision) == [TwapPaused]
    assert not decision.was_already
    assert unknown.execution.reason is Reason.USER
    assert unknown.execution.paused_at == NOON + seconds(75)
    assert unknown.pause().was_already
    unknown.not_found(is_proof=True)

    assert unknown.execution.state is ExecutionState.PAUSED


def test_a_user_who_resumes_it_too_early_has_it_paused_again(unknown: Desk) -> None:
    unknown.at(75).wake()
    unknown.at(80).resume()
    assert unknown.next_wake == 75
    unknown.wake()

    assert unknown.execution.reason is Reason.UNSETTLED_CHILD


def test_what_is_ending_or_paused_already_is_not_paused(unknown: Desk) -> None:
    unknown.pause()
    assert unknown.at(75).wake().events == ()
    unknown.cancel()

    assert unknown.at(80).wake() == Decision(unknown.execution, effects=(CANCEL, QUESTION))


# --- The operator's word -----------------------------------------------------------------------------


def test_what_the_operator_says_was_filled_counts_at_the_limit_price_with_the_takers_fee(
    unknown: Desk,
) -> None:
    unknown.fill("0.3", "100", trade="t1", fee=ZERO)
    before = unknown.execution
    decision = unknown.at(20).settle("0.7")

    assert kinds(decision) == [ChildSettled]
    assert decision.effects == (settlement("0.7"),)
    assert unknown.next_wake == 20, "what is left is tried again at once"
    child, x = unknown.child(), unknown.execution
    assert (child.status, child.reason) == (OrderStatus.CANCELLED, Reason.SETTLED)
    assert parts(x) == (Decimal("0.7"), ZERO, ZERO, Decimal("9.3"))
    notional = Decimal("0.4") * child.price
    assert x.filled_notional == 30 + notional
    assert x.fees_quote == notional / 1000
    assert x.slice(1).filled_quantity == Decimal("0.7")
    assert x.filled_since(NOON + seconds(19)) == Decimal("0.4")
    assert x.filled_since(NOON + seconds(20)) == ZERO
    changed = rows(before, x, decision.events, "paper")
    (order,) = changed.orders
    assert (order.status, order.reason) == (OrderStatus.CANCELLED, Reason.SETTLED)
    assert (order.filled_quantity, order.average_price) == (
        Decimal("0.7"),
        Decimal("100.0628571429"),
    )
    assert changed.fills == ()
    assert [part.filled_quantity for part in changed.slices] == [Decimal("0.7")]
    assert restore(snapshot(x)) == x


def test_settled_as_filled_it_ends_its_slice(unknown: Desk) -> None:
    assert kinds(unknown.settle("1")) == [ChildSettled, TwapSliceExecuted]
    assert unknown.child().status is OrderStatus.FILLED
    assert unknown.execution.slice(1).status is SliceStatus.FILLED


def test_settled_as_nothing_it_was_never_accepted(unknown: Desk) -> None:
    unknown.settle("0")

    assert unknown.child().status is OrderStatus.NEVER_ACCEPTED
    assert unknown.next_wake == 15
    unknown.look()
    assert unknown.child().client_order_id == "gx1001002"


def test_a_settlement_lifts_the_pause_that_waited_for_it(unknown: Desk) -> None:
    unknown.at(75).wake()

    assert kinds(unknown.settle("0.4")) == [ChildSettled, TwapResumed]


def test_a_settlement_may_complete_the_order() -> None:
    desk = Desk(execution(["1"]))
    desk.at(150).look()
    desk.lose_answer()

    assert kinds(desk.settle("1")) == [ChildSettled, TwapSliceExecuted, TwapFinishing]


def test_real_trades_take_the_place_of_what_was_said_and_only_then_count_on_top(
    unknown: Desk,
) -> None:
    unknown.settle("0.6")
    unknown.fill("0.4", "100", trade="t1", fee=Decimal("0.04"))
    x, price = unknown.execution, unknown.child().price
    assert x.filled_quantity == Decimal("0.6")
    assert x.filled_notional == 40 + Decimal("0.2") * price
    assert x.fees_quote == Decimal("0.04") + Decimal("0.2") * price / 1000
    unknown.fill("0.5", "100", trade="t2", fee=Decimal("0.05"))
    x = unknown.execution

    assert parts(x) == (Decimal("0.9"), ZERO, ZERO, Decimal("9.1"))
    assert x.filled_notional == 90
    assert x.fees_quote == Decimal("0.09")
    assert x.slice(1).filled_quantity == Decimal("0.9")
    assert unknown.child().settled_quantity == ZERO


def test_fees_in_a_strange_currency_stay_unknown_through_a_settlement(unknown: Desk) -> None:
    unknown.fill("0.1", trade="t1", fee=Decimal(1), fee_currency="BNB")
    unknown.settle("0.5")
    unknown.fill("0.1", trade="t2")

    assert unknown.execution.fees_quote is None


@pytest.mark.parametrize("ends", ["said", "proven", "ended"])
def test_who_is_built_anew_tells_once_more_what_only_it_knows(unknown: Desk, ends: str) -> None:
    """The message may have been lost with its slicer; risk and gate would reserve the quantity for ever."""
    if ends == "proven":
        unknown.fill("0.4", "100", trade="t1", fee=ZERO)
        unknown.not_found(is_proof=True)
    else:
        unknown.settle("0.4")
    if ends == "ended":
        unknown.cancel()
        unknown.look()
    assert unknown.execution.state.is_final is (ends == "ended")

    assert recovered(unknown.execution, unknown.now) == Decision(
        unknown.execution, effects=(settlement("0.4"),)
    )


def test_a_settlement_is_repeated_in_vain(unknown: Desk) -> None:
    unknown.settle("0.4")

    assert unknown.settle("0.4") == Decision(unknown.execution, was_already=True)
    assert refusal_of(unknown.settle("0.5")).reason is Reason.WRONG_STATE


def test_a_settlement_that_cannot_be_true_is_refused(unknown: Desk) -> None:
    unknown.fill("0.3")
    assert refusal_of(unknown.settle("0", name="strange")).reason is Reason.UNKNOWN_ID
    below = refusal_of(unknown.settle("0.2"))
    assert (below.reason, below.message) == (
        Reason.QUANTITY_BELOW_MINIMUM,
        f"0.3 of {NAME} are filled already",
    )
    above = refusal_of(unknown.settle("1.01"))
    assert (above.reason, above.message) == (
        Reason.QUANTITY_ABOVE_MAXIMUM,
        f"{NAME} cannot have filled more than 1",
    )
    assert refusal_of(unknown.settle("0.305")).reason is Reason.QUANTITY_NOT_A_LOT

    assert unknown.child().status is OrderStatus.UNKNOWN


def test_a_child_whose_outcome_is_not_in_doubt_is_not_settled(desk: Desk) -> None:
    refusal = refusal_of(desk.settle("1"))

    assert refusal.reason is Reason.WRONG_STATE
    assert refusal.message == f"{NAME} is SENT: its outcome is not in doubt"


def test_what_the_venue_filled_may_be_settled_though_it_is_no_lot(unknown: Desk) -> None:
    unknown.fill("0.305")

    assert kinds(unknown.settle("0.305")) == [ChildSettled]


def test_a_settlement_never_exceeds_the_order(desk: Desk) -> None:
    desk = Desk(execution(["1", "1"]))
    desk.at(75).look()
    desk.close()
    desk.at(225).look()
    assert desk.child().quantity == 2
    desk.lose_answer()
    desk.fill("1", nth=0)

    assert refusal_of(desk.settle("2")).reason is Reason.QUANTITY_ABOVE_MAXIMUM
    assert kinds(desk.settle("1"))[0] is ChildSettled


# --- A second order of the same name -----------------------------------------------------------------


def test_a_refusal_of_what_the_venue_knows_is_not_about_this_order(desk: Desk) -> None:
    desk.accept()

    assert desk.refuse(Reason.HALTED) == Decision(desk.execution)
