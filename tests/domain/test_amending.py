from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis_actors.domain.decide import recovered
from genesis_actors.domain.decision import AskMarket, Decision
from genesis_actors.domain.evolve import evolve, fold
from genesis_actors.domain.execution import Execution, restore, snapshot
from genesis_actors.domain.policy import TwapDefaults
from genesis_actors.messages.events import (
    ChildClosed,
    PlannedSlice,
    Terms,
    TwapAccelerated,
    TwapAmended,
    TwapCompleted,
    TwapFinishing,
    TwapResumed,
    TwapSliceExecuted,
)
from genesis_actors.messages.venue import AmendParent, Balance
from genesis_actors.values import (
    ZERO,
    ExecutionState,
    OnDeadline,
    OrderStatus,
    Reason,
    ResumeMode,
    Side,
    SliceStatus,
    Style,
)
from tests.domain.executions import (
    CALM,
    EAGER,
    EXECUTION_ID,
    NOON,
    Desk,
    accepted,
    execution,
    quote,
    refusal_of,
    seconds,
    with_rules,
)
from tests.domain.plays import Fault, Play, Scenario

TEN = ("1",) * 10


@pytest.fixture
def desk() -> Desk:
    """Ten slices of 1, due every 30 s from 15 s on; the third has just been filled."""
    desk = Desk(execution(TEN), bounds=CALM)
    for nth in range(3):
        desk.at(15 + 30 * nth).look()
        desk.fill_all(trade=f"t{nth}")
        desk.close(OrderStatus.FILLED)
    return desk


@pytest.fixture
def working(desk: Desk) -> Desk:
    """The same, with the child of the fourth slice at the venue."""
    desk.at(105).look()
    return desk


def kinds(decision: Decision) -> list[type]:
    return [type(event) for event in decision.events]


def plan(x: Execution) -> list[tuple[int, float, str]]:
    return [
        (part.number, (part.due_at - NOON).total_seconds(), str(part.planned_quantity))
        for part in x.unsent_slices
    ]


def adds_up(x: Execution) -> bool:
    return sum((part.planned_quantity for part in x.slices), ZERO) == x.quantity


# --- The limit ---------------------------------------------------------------------------------------


def test_a_limit_is_set_changed_and_removed_and_binds_the_next_child(desk: Desk) -> None:
    before = plan(desk.execution)
    decision = desk.at(80).amend(limit_price="99.5", note="the desk is nervous")

    terms = Terms(
        quantity=Decimal(10),
        ends_at=NOON + seconds(300),
        limit_price=None,
        max_participation=Decimal("0.10"),
    )
    assert decision.events == (
        TwapAmended(
            execution_id=EXECUTION_ID,
            at=NOON + seconds(80),
            before=terms,
            after=terms.model_copy(update={"limit_price": Decimal("99.5")}),
            slices=None,
            note="the desk is nervous",
        ),
    )
    assert decision.effects == (AskMarket(),)
    assert plan(desk.execution) == before
    assert not desk.at(105).look().execution.open_children
    assert desk.amend(limit_price="100.05").execution.policy.limit_price == Decimal("100.05")
    assert desk.at(115).look().execution.open_children[0].price == Decimal("100.05")
    desk.fill_all(trade="t4")
    assert desk.amend(removes_limit=True).execution.policy.limit_price is None


def test_a_limit_that_is_no_price_is_refused(desk: Desk) -> None:
    refusal = refusal_of(desk.amend(limit_price="1E+99"))

    assert refusal.reason is Reason.LIMIT_PRICE


def test_what_rests_by_another_limit_is_taken_back_what_takes_has_traded_by_then() -> None:
    resting = Desk(execution(TEN, style=Style.MAKER)).at(15)
    resting.look()
    taking = Desk(execution(TEN)).at(15)
    taking.look()
    for desk in (resting, taking):
        desk.accept()
        desk.amend(limit_price="99")

    assert [cancel.client_order_id for cancel in resting.cancels] == [
        resting.child().client_order_id
    ]
    assert not taking.cancels


def test_what_rests_stays_where_only_quantity_or_end_change() -> None:
    desk = Desk(execution(TEN, style=Style.MAKER)).at(15)
    desk.look()
    desk.accept()
    desk.amend(quantity="12", end=360)

    assert not desk.cancels


# --- The rate ----------------------------------------------------------------------------------------


def test_a_lower_rate_binds_the_next_child(desk: Desk) -> None:
    desk.amend(max_participation="0.0005")

    desk.at(105).look(window="1000")
    assert not desk.execution.open_children
    desk.amend(max_participation="0.1")
    desk.at(110).look(window="1000")
    assert desk.child().quantity == 1


def test_a_rate_above_the_operators_is_refused_with_both_numbers(desk: Desk) -> None:
    refusal = refusal_of(desk.amend(max_participation="0.11"))

    assert refusal.reason is Reason.PARTICIPATION_ABOVE_LIMIT
    assert (refusal.limit, refusal.actual) == (Decimal("0.10"), Decimal("0.11"))


def test_a_rate_that_was_admitted_under_other_settings_does_not_stand_in_the_way(
    desk: Desk,
) -> None:
    desk.bounds = replace(CALM, max_participation=Decimal("0.05"))

    assert kinds(desk.amend(limit_price="101")) == [TwapAmended]


# --- The end -----------------------------------------------------------------------------------------


def test_a_later_end_plans_what_is_left_at_the_old_pace(desk: Desk) -> None:
    desk.at(80).amend(end=440)

    x = desk.execution
    assert x.ends_at == NOON + seconds(440)
    assert [number for number, _, _ in plan(x)] == list(range(4, 16))
    assert [due for _, due, _ in plan(x)] == [95 + 30 * nth for nth in range(12)]
    assert sum(part.planned_quantity for part in x.unsent_slices) == 7
    assert adds_up(x)
    assert (x.slices_total, x.window) == (10, timedelta(seconds=60))


def test_an_earlier_end_plans_fewer_slices_and_ends_the_others_unsent() -> None:
    desk = Desk(execution(("1",) * 20, duration=timedelta(minutes=10))).at(5)
    desk.amend(end=305)

    skipped = [part for part in desk.execution.slices if part.status is SliceStatus.SKIPPED]
    assert [part.number for part in skipped] == list(range(1, 11))
    assert {(part.reason, part.planned_quantity) for part in skipped} == {(Reason.AMENDED, ZERO)}
    assert [number for number, _, _ in plan(desk.execution)] == list(range(11, 21))
    assert adds_up(desk.execution)


def test_a_duration_counts_from_the_start(desk: Desk) -> None:
    desk.amend(duration=timedelta(minutes=8))

    assert desk.execution.ends_at == NOON + seconds(480)
    assert desk.amend(duration=timedelta(minutes=8)).was_already


@pytest.mark.parametrize(
    ("end", "limit", "actual"),
    [(299, 300, 299), (1801, 1800, 1801), (75, None, None)],
)
def test_an_end_out_of_the_operators_bounds_or_in_the_past_is_refused(
    desk: Desk, end: int, limit: int | None, actual: int | None
) -> None:
    refusal = refusal_of(desk.amend(end=end))

    assert refusal.reason is Reason.WINDOW_OUT_OF_BOUNDS
    assert (refusal.limit, refusal.actual) == (limit, actual)


def test_what_a_pause_has_moved_beyond_the_longest_window_may_end_earlier_not_later(
    desk: Desk,
) -> None:
    desk.bounds = TwapDefaults(max_duration=timedelta(seconds=300))
    desk.pause()
    desk.at(375).resume(ResumeMode.SHIFT)
    assert desk.execution.ends_at == NOON + seconds(600)

    assert refusal_of(desk.amend(end=601)).reason is Reason.WINDOW_OUT_OF_BOUNDS
    assert desk.amend(end=500).execution.ends_at == NOON + seconds(500)


def test_another_deadline_has_its_own_rule() -> None:
    desk = Desk(execution(("1", "1"), on_deadline=OnDeadline.EXTEND))
    desk.at(300).look(window="0")
    assert desk.execution.deadline_applied
    desk.at(310).amend(end=600)
    assert not desk.execution.deadline_applied
    desk.at(600).look(window="0")

    assert desk.execution.ends_at == NOON + seconds(900)  # Half of the window as amended.


def test_a_rest_that_is_too_little_for_a_slice_does_not_bind_the_end() -> None:
    desk = Desk(execution(("1", "1"))).at(75)
    desk.look()
    desk.fill("0.95")
    desk.close()
    desk.at(225).look()
    desk.fill("1", trade="t2")
    desk.close()
    assert desk.execution.remaining_quantity == Decimal("0.05")
    desk.amend(end=400)

    assert [str(part.planned_quantity) for part in desk.execution.unsent_slices] == ["0.05"]
    assert adds_up(desk.execution)


# --- The quantity ------------------------------------------------------------------------------------


def test_more_is_planned_over_the_rest_of_the_window_and_the_gate_is_told_of_it(
    desk: Desk,
) -> None:
    decision = desk.at(80).amend(quantity="24")

    x = desk.execution
    assert decision.effects == (
        AmendParent(execution_id=EXECUTION_ID, quantity=Decimal(24)),
        AskMarket(),
    )
    assert [part.planned_quantity for part in x.unsent_slices] == [3] * 7
    assert adds_up(x)
    desk.at(105).look()
    assert desk.sent[-1].parent_quantity == 24


def test_less_is_planned_in_slices_that_can_be_traded(desk: Desk) -> None:
    desk.at(80).amend(quantity="3.5")

    parts = [str(part.planned_quantity) for part in desk.execution.unsent_slices]
    assert parts == ["0.13", "0.12", "0.13", "0.12"]
    assert adds_up(desk.execution)


def test_down_to_what_is_filled_it_is_complete(desk: Desk) -> None:
    decision = desk.amend(quantity="3")

    assert kinds(decision) == [TwapSliceExecuted] * 7 + [TwapAmended, TwapFinishing]
    desk.look()
    assert kinds(desk.look())[-1:] == []
    assert desk.execution.state is ExecutionState.COMPLETED
    assert desk.last(TwapCompleted)


def test_down_to_what_is_filled_and_working_it_ends_when_that_has_filled(working: Desk) -> None:
    working.amend(quantity="4")
    assert working.execution.state is ExecutionState.RUNNING
    assert adds_up(working.execution)
    working.fill_all(trade="t4")
    working.close(OrderStatus.FILLED)
    working.look()

    assert working.execution.state is ExecutionState.COMPLETED


def test_what_of_the_working_child_does_not_fill_is_tried_again(working: Desk) -> None:
    working.amend(quantity="4")
    working.fill("0.4", trade="t4")
    working.close()
    working.at(120).look()

    assert working.child().quantity == Decimal("0.6")


@pytest.mark.parametrize("is_unknown", [False, True])
def test_less_than_what_is_filled_working_or_unknown_is_refused(
    working: Desk, is_unknown: bool
) -> None:
    if is_unknown:
        working.lose_answer()
    refusal = refusal_of(working.amend(quantity="3.99"))

    assert refusal.reason is Reason.QUANTITY_COMMITTED
    assert (refusal.limit, refusal.actual) == (Decimal(4), Decimal("3.99"))


@pytest.mark.parametrize(
    ("quantity", "reason"),
    [
        ("3.005", Reason.QUANTITY_NOT_A_LOT),
        ("3.05", Reason.QUANTITY_BELOW_MINIMUM),  # It would leave what cannot be traded.
        ("1E+31", Reason.QUANTITY_ABOVE_MAXIMUM),
    ],
)
def test_a_quantity_that_the_venue_would_not_take_is_refused(
    desk: Desk, quantity: str, reason: Reason
) -> None:
    before = desk.execution
    refusal = refusal_of(desk.amend(quantity=quantity))

    assert refusal.reason is reason
    assert desk.execution == before


def test_slices_above_the_largest_order_are_refused() -> None:
    desk = Desk(execution(TEN, rules=with_rules(max_quantity=Decimal(2)))).at(5)

    assert refusal_of(desk.amend(quantity="1000")).reason is Reason.QUANTITY_ABOVE_MAXIMUM


def test_slices_worth_more_than_the_operator_allows_are_refused(desk: Desk) -> None:
    desk.bounds = replace(CALM, max_order_notional=Decimal(200))
    refusal = refusal_of(desk.amend(quantity="100"))

    assert refusal.reason is Reason.MAX_ORDER_NOTIONAL
    assert refusal.limit == 200
    desk.bounds = replace(CALM, max_order_quantity=Decimal(2))
    assert refusal_of(desk.amend(quantity="100")).reason is Reason.MAX_ORDER_QUANTITY
    assert kinds(desk.amend(quantity="15"))[-1] is TwapAmended


@pytest.mark.parametrize(
    ("side", "currency", "needed"), [(Side.BUY, "USDT", "1701.7000"), (Side.SELL, "BTC", "17")]
)
def test_more_than_the_account_can_pay_is_refused(side: Side, currency: str, needed: str) -> None:
    desk = Desk(execution(TEN, side=side)).at(15)
    desk.look()
    desk.fill_all()
    desk.close(OrderStatus.FILLED)
    desk.quote = quote("100", "100")
    short = (Balance(currency=currency, free=Decimal(needed) - Decimal("0.01")),)
    enough = (Balance(currency=currency, free=Decimal(needed)),)
    refusal = refusal_of(desk.amend(quantity="18", balances=short))

    assert refusal.reason is Reason.INSUFFICIENT_BALANCE
    assert refusal.actual == Decimal(needed)
    assert desk.amend(quantity="18", balances=enough).refusal is None
    assert desk.amend(quantity="17", balances=()).refusal is None  # Less needs no more.


def test_without_any_price_nothing_can_be_planned_but_by_the_lot() -> None:
    nowhere = Desk(execution(TEN, arrival=None)).at(5)
    anywhere = Desk(execution(TEN, arrival=None, rules=with_rules(min_notional=ZERO))).at(5)

    assert refusal_of(nowhere.amend(quantity="12")).reason is Reason.NO_QUOTE
    assert nowhere.amend(quantity="12", limit_price="100").refusal is None
    assert anywhere.amend(quantity="12").refusal is None


def test_slices_are_priced_by_the_newest_touch_or_the_limit_where_that_is_better(
    desk: Desk,
) -> None:
    desk.quote = quote("0.99", "1")  # 10 at least are 10.53, then.
    assert refusal_of(desk.amend(quantity="13.5")).reason is Reason.QUANTITY_BELOW_MINIMUM
    desk.quote = None
    assert desk.amend(quantity="13.5").refusal is None
    assert (
        refusal_of(desk.amend(quantity="13", limit_price="1")).reason
        is Reason.QUANTITY_BELOW_MINIMUM
    )


# --- Whatever it is doing ----------------------------------------------------------------------------


def test_what_holds_already_succeeds_and_says_so(desk: Desk) -> None:
    decision = desk.amend(
        quantity="10.0", end=300, removes_limit=True, max_participation="0.1", note="again"
    )

    assert (decision.was_already, decision.events) == (True, ())


@pytest.mark.parametrize("change", [{"limit_price": "101"}, {"quantity": "12"}])
def test_what_is_ending_or_over_is_not_amended(desk: Desk, change: dict[str, Any]) -> None:
    desk.at(105).look()
    desk.cancel()
    assert refusal_of(desk.amend(**change)).reason is Reason.WRONG_STATE
    desk.close(OrderStatus.CANCELLED)
    desk.look()
    assert desk.execution.state is ExecutionState.CANCELLED

    assert refusal_of(desk.amend(**change)).reason is Reason.WRONG_STATE
    assert desk.amend(quantity="10").was_already


def test_what_is_queued_takes_another_limit_or_rate_not_another_plan() -> None:
    desk = Desk(evolve(None, accepted()))

    assert refusal_of(desk.amend(quantity="12")).reason is Reason.WRONG_STATE
    assert refusal_of(desk.amend(duration=timedelta(minutes=6))).reason is Reason.WRONG_STATE
    desk.amend(limit_price="101", max_participation="0.05")
    assert desk.execution.state is ExecutionState.QUEUED
    assert desk.execution.policy.limit_price == 101


def test_while_paused_it_is_planned_anew_and_a_shift_counts_from_then_on(desk: Desk) -> None:
    desk.at(80).pause()
    desk.at(200).amend(end=400)
    assert desk.execution.state is ExecutionState.PAUSED
    first = plan(desk.execution)[0][1]
    desk.at(210).resume(ResumeMode.SHIFT)

    assert desk.last(TwapResumed).ends_at == NOON + seconds(410)
    assert plan(desk.execution)[0][1] == first + 10
    desk.pause()
    desk.at(250).resume(ResumeMode.SHIFT)
    assert desk.execution.ends_at == NOON + seconds(450)


def test_down_to_what_is_filled_while_paused_it_is_complete(desk: Desk) -> None:
    desk.pause()
    desk.amend(quantity="3")
    desk.look()

    assert desk.execution.state is ExecutionState.COMPLETED


def test_a_child_that_waits_for_durability_is_never_sent_after_an_amendment() -> None:
    desk = Desk(execution(TEN), is_slow=True).at(15)
    desk.look()
    desk.amend(limit_price="99")
    desk.journaled()

    assert not desk.sent
    closed = desk.last(ChildClosed)
    assert (closed.status, closed.reason) == (OrderStatus.NEVER_ACCEPTED, Reason.STALE_AT_RELEASE)


def test_a_child_that_waits_for_durability_is_decided_anew_with_the_raised_quantity() -> None:
    desk = Desk(execution(TEN), is_slow=True).at(15)
    desk.look()
    desk.amend(quantity="20")
    desk.journaled()
    assert not desk.sent
    desk.is_slow = False
    desk.at(30).look()

    assert desk.sent[-1].parent_quantity == 20


def test_a_late_fill_may_leave_less_than_a_waiting_child_asks_for_then_it_is_not_planned_anew() -> (
    None
):
    desk = Desk(execution(("1", "1"))).at(75)
    desk.look()
    desk.fill("0.5")
    desk.close()
    desk.is_slow = True
    desk.at(225).look()
    desk.fill("0.5", trade="late", nth=0)
    assert desk.execution.remaining_quantity < ZERO

    assert refusal_of(desk.amend(end=400)).reason is Reason.QUANTITY_COMMITTED


def test_the_slice_at_work_ends_where_nothing_of_it_is_open(desk: Desk) -> None:
    desk.at(105).look()
    desk.fill("0.4", trade="t4")
    desk.close()
    desk.at(106).amend(end=420)

    part = desk.execution.slice(4)
    assert (part.status, part.reason) == (SliceStatus.PARTIAL, Reason.AMENDED)
    assert part.planned_quantity == Decimal("0.4")
    assert adds_up(desk.execution)


def test_a_slice_at_work_that_has_done_its_part_ends_filled() -> None:
    desk = Desk(execution(TEN, defaults=EAGER)).at(15)
    desk.look(bid="98.99", ask="99", window="15", volume="1000")
    desk.fill_all()
    desk.close()
    assert desk.execution.working_slice is not None
    desk.amend(end=420)

    assert desk.execution.slice(1).status is SliceStatus.FILLED
    assert desk.execution.slice(1).reason is None


def test_while_accelerated_the_new_plan_is_brought_forward_too() -> None:
    desk = Desk(execution(TEN, defaults=EAGER)).at(5)
    desk.look(bid="98.99", ask="99")
    assert desk.last(TwapAccelerated)
    desk.fill_all()
    desk.close(OrderStatus.FILLED)
    desk = Desk(execution(TEN, defaults=EAGER)).at(5)
    desk.look(bid="98.99", ask="99", window="10")
    desk.fill_all()
    desk.close()
    desk.at(6).amend(quantity="20", limit_price="99.1")
    desk.at(7).look(bid="98.99", ask="99")

    assert desk.execution.accelerated
    assert desk.child().quantity == desk.execution.quantity - desk.execution.filled_quantity
    assert desk.child().price <= Decimal("99.1")


def test_after_a_restart_the_amended_order_holds_and_the_gate_is_told_again(working: Desk) -> None:
    working.amend(quantity="20", end=400, limit_price="101", max_participation="0.05")
    first = (accepted("10"), *working.events)
    x = working.execution

    assert restore(snapshot(x)) == x
    assert len(first) == len(working.events) + 1
    decision = recovered(x, working.now)
    assert decision.effects[0] == AmendParent(execution_id=EXECUTION_ID, quantity=Decimal(20))
    assert recovered(decision.execution, working.now).events == ()


def test_a_snapshot_of_an_earlier_version_loads() -> None:
    x = execution(TEN)
    old = (
        snapshot(x)
        .replace(',"amendments":0', "")
        .replace(',"amended_duration":null', "")
        .replace(',"amended_plan_at":null', "")
    )

    assert "amend" not in old
    assert restore(old) == x


def test_the_fold_of_an_amendment_covers_an_open_child_wherever_it_stands() -> None:
    x = execution(TEN)
    terms = Terms(
        quantity=Decimal(10), ends_at=x.ends_at, limit_price=None, max_participation=Decimal("0.1")
    )
    amended = TwapAmended(
        execution_id=EXECUTION_ID,
        at=NOON,
        before=terms,
        after=terms.model_copy(update={"quantity": Decimal(3)}),
        slices=(PlannedSlice(number=1, due_at=NOON + seconds(20), quantity=Decimal(3)),),
        note=None,
    )
    folded = fold(x, (amended,))

    assert folded is not None
    assert adds_up(folded)
    assert (folded.amendments, folded.amended_plan_at) == (1, NOON)


@settings(deadline=None, max_examples=40, database=None)
@given(
    seed=st.integers(0, 2**32),
    style=st.sampled_from(Style),
    on_deadline=st.sampled_from(OnDeadline),
    threshold=st.sampled_from([ZERO, Decimal("0.002")]),
    faults=st.frozensets(st.sampled_from(Fault)),
)
def test_amended_at_any_instant_the_parts_and_the_slices_add_up_and_nothing_goes_out_by_old_terms(
    seed: int,
    style: Style,
    on_deadline: OnDeadline,
    threshold: Decimal,
    faults: frozenset[Fault],
) -> None:
    Play(
        Scenario(
            seed=seed,
            style=style,
            on_deadline=on_deadline,
            threshold=threshold,
            faults=faults | {Fault.AMEND, Fault.USER, Fault.SLOW_JOURNAL},
        )
    ).run()
