"""Clips and pauses, and how an iceberg goes from one to the next."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis_actors.domain import ScheduleError, TimeSlice, calculate_clips
from genesis_actors.domain.admission import Admission, Market, Rejection, admit
from genesis_actors.domain.evolve import fold
from genesis_actors.domain.execution import restore, snapshot
from genesis_actors.domain.iceberg import further_clips, plan_clips, with_further_clips
from genesis_actors.domain.policy import TwapDefaults, resolve
from genesis_actors.messages.events import (
    ClipMeasured,
    TwapEnded,
    TwapPaused,
    TwapRescheduled,
    TwapSliceDelayed,
)
from genesis_actors.values import (
    Algo,
    ExecutionState,
    OnDeadline,
    OnSlippage,
    OrderStatus,
    Reason,
    ResumeMode,
    SliceStatus,
    Style,
)
from tests.domain.executions import CALM, NOON, RULES, Desk, execution, parent_order, quote, seconds

ONE = Decimal(1)
WHOLE_LOTS: dict[str, Any] = {"lot": ONE}


def sizes(clips: tuple[TimeSlice, ...]) -> list[Decimal]:
    return [clip.quantity for clip in clips]


# --- The plan --------------------------------------------------------------------------------------


@given(
    lots=st.integers(1, 10**6),
    clips=st.integers(1, 60),
    least=st.integers(1, 50),
    seed=st.integers(0, 2**63),
)
def test_clips_add_up_and_each_is_tradable_and_near_the_mean(
    lots: int, clips: int, least: int, seed: int
) -> None:
    if lots < least:
        return
    made = calculate_clips(
        quantity=lots, clips=clips, min_quantity=least, seed=seed, start_at=NOON, **WHOLE_LOTS
    )
    mean = Decimal(lots) / len(made)

    assert sum(sizes(made)) == lots
    assert min(sizes(made)) >= least
    for size in sizes(made):
        assert mean * 8 <= size * 10 <= mean * 12 or abs(size - mean) < 1
    one_more = lots // (len(made) + 1)
    assert len(made) == clips or one_more - one_more // 5 < least
    pauses = [later.due_at - earlier.due_at for earlier, later in pairwise(made)]
    assert made[0].due_at == NOON
    assert all(seconds(1) <= pause <= seconds(5) for pause in pauses)
    assert made == calculate_clips(
        quantity=lots, clips=clips, min_quantity=least, seed=seed, start_at=NOON, **WHOLE_LOTS
    )


@given(hundredths=st.integers(100, 5000), clip=st.integers(50, 1000), seed=st.integers(0, 2**63))
def test_a_clip_shows_what_was_asked_for_wherever_that_adds_up(
    hundredths: int, clip: int, seed: int
) -> None:
    made = sizes(calculate_clips(quantity=hundredths, clip_quantity=clip, seed=seed, **WHOLE_LOTS))
    least, most = -(-8 * clip // 10), 12 * clip // 10
    adds_up = any(n * least <= hundredths <= n * most for n in range(1, 101))

    assert sum(made) == hundredths
    for size in made:
        assert size <= most
        assert not adds_up or size >= least


def test_seeds_differ_and_sizes_do_not_give_pauses_away() -> None:
    one, other = (calculate_clips(quantity=ONE, seed=seed) for seed in (1, 2))

    assert sizes(one) != sizes(other)
    assert len(set(sizes(one))) == len({b.due_at - a.due_at for a, b in pairwise(one)}) + 1 == 10


def test_further_clips_begin_with_a_pause_and_are_others() -> None:
    first, further = (
        calculate_clips(quantity=ONE, clips=3, seed=1, first_number=number, start_at=NOON)
        for number in (1, 4)
    )

    assert [clip.number for clip in further] == [4, 5, 6]
    assert seconds(1) <= further[0].due_at - NOON <= seconds(5)
    assert sizes(further) != sizes(first)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"clips": 30, "window": seconds(100)}, Reason.WINDOW_OUT_OF_BOUNDS),
        ({"clip_quantity": Decimal("0.001"), "window": seconds(100)}, Reason.WINDOW_OUT_OF_BOUNDS),
        ({"min_quantity": 2}, Reason.QUANTITY_BELOW_MINIMUM),
        ({"quantity": Decimal("1.0000000001")}, Reason.QUANTITY_NOT_A_LOT),
    ],
)
def test_what_cannot_be_cut_is_refused(wrong: dict[str, Any], reason: Reason) -> None:
    with pytest.raises(ScheduleError) as refused:
        calculate_clips(**{"quantity": ONE, **wrong})

    assert refused.value.reason is reason


@pytest.mark.parametrize(
    "nonsense",
    [
        {"clips": 0},
        {"variation": ONE},
        {"clip_quantity": 0},
        {"min_pause": seconds(6)},
        {"quantity": 0},
    ],
)
def test_what_means_nothing_is_an_error(nonsense: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"clip|variation|range|quantity"):
        calculate_clips(**{"quantity": ONE, **nonsense})


def test_a_venues_largest_order_makes_more_clips() -> None:
    assert len(calculate_clips(quantity=100, clips=2, max_quantity=12, **WHOLE_LOTS)) == 10


# --- The work --------------------------------------------------------------------------------------


def an_iceberg(parts: tuple[str, ...] = ("1", "1", "1"), **wishes: Any) -> Desk:
    """Return an iceberg of these clips, due 5, 15 and 25 s after noon, and its end half a minute after it."""
    wishes = {"duration": seconds(30), "algo": Algo.ICEBERG} | wishes
    wishes["clip_quantity"] = Decimal(parts[0])
    return Desk(execution(parts, **wishes))


def due(desk: Desk) -> list[float]:
    return [(part.due_at - NOON).total_seconds() for part in desk.execution.unsent_slices]


def test_the_pause_begins_when_a_clip_is_over() -> None:
    desk = an_iceberg()
    desk.at(5).look()
    desk.at(9).fill_all()

    assert due(desk) == [19, 29]
    desk.at(18).look()
    assert len(desk.sent) == 1
    assert desk.next_wake == 19
    desk.at(19).look()
    assert len(desk.sent) == 2


def test_overdue_clips_are_not_merged_and_show_no_more_than_theirs() -> None:
    desk = an_iceberg()
    desk.at(28).look()
    assert [order.quantity for order in desk.sent] == [1]
    desk.fill_all()

    assert due(desk) == [38, 48]
    assert desk.execution.slice(1).status is SliceStatus.FILLED


def test_a_clip_waits_until_the_cap_lets_it_pass_whole() -> None:
    desk = an_iceberg(("2", "2"), duration=seconds(300))
    desk.at(75).look(window="15")

    assert desk.sent == []
    assert desk.last(TwapSliceDelayed).reason is Reason.PARTICIPATION_CAP
    assert desk.next_wake == 76
    desk.at(76).look(window="20")
    assert [order.quantity for order in desk.sent] == [2]


def test_a_clip_that_has_waited_for_w_shows_what_the_cap_lets_pass() -> None:
    desk = an_iceberg(("2", "2"), duration=seconds(300))
    desk.at(135).look(window="15")

    assert [order.quantity for order in desk.sent] == [Decimal("1.5")]


def test_what_clips_have_left_is_shown_in_further_ones() -> None:
    desk = an_iceberg(("2", "2"), duration=seconds(900))
    for second in (285, 800):
        desk.at(second).look(window="15")
        desk.fill_all(trade=f"t{second}")
        desk.at(second + 1).look(window="15")
        assert desk.execution.working_slice is None
    replenished = desk.last(TwapRescheduled)

    assert replenished.reason is Reason.REPLENISHED
    assert sum(part.quantity for part in replenished.slices) == 1
    assert replenished.slices[0].due_at >= desk.now + seconds(1)
    assert sum(part.planned_quantity for part in desk.execution.slices) == 4


def test_the_rest_of_a_thin_book_belongs_to_the_clip() -> None:
    desk = an_iceberg()
    desk.at(5).look()
    desk.fill("0.4")
    desk.close()
    desk.at(6).look()

    assert [order.quantity for order in desk.sent] == [1, Decimal("0.6")]
    assert desk.execution.working_slice is desk.execution.slice(1)


def test_each_clip_is_measured_after_its_pause_and_the_last_at_the_end() -> None:
    desk = an_iceberg(("1", "1"))
    desk.at(7.5).look()
    desk.fill_all()
    desk.at(10).look("100.09", "100.11")
    assert desk.happened(ClipMeasured) == []
    desk.at(22.5).look("100.09", "100.11")
    desk.fill_all(trade="t2")
    desk.look("100.19", "100.21")
    before = [event.price_before for event in desk.happened(ClipMeasured)]
    after = [event.price_after for event in desk.happened(ClipMeasured)]

    assert before == [100, Decimal("100.1")]
    assert after == [Decimal("100.1"), Decimal("100.2")]
    assert desk.execution.state is ExecutionState.COMPLETED
    assert desk.execution.slice(2).price_after == Decimal("100.2")


@pytest.mark.parametrize("rule", OnSlippage)
def test_beyond_the_guard_it_pauses_or_ends_and_never_pays_more(rule: OnSlippage) -> None:
    desk = an_iceberg(max_slippage_bps=Decimal(5), on_slippage=rule)
    desk.at(5).look("100.00", "100.02")
    assert desk.sent[0].price == Decimal("100.05")
    desk.fill_all("100.05")
    desk.at(15).look("100.05", "100.07")

    assert len(desk.sent) == 1
    if rule is OnSlippage.PAUSE:
        assert desk.last(TwapPaused).reason is Reason.MAX_SLIPPAGE
    else:
        assert desk.last(TwapEnded).state is ExecutionState.CANCELLED


def test_a_resting_clip_is_left_alone_for_ten_seconds() -> None:
    desk = an_iceberg(style=Style.MAKER)
    desk.at(5).look()
    desk.accept()

    assert desk.sent[0].resting
    assert desk.next_wake == 15


def test_paused_and_resumed_it_goes_on_with_the_clips_it_has() -> None:
    desk = an_iceberg()
    desk.at(5).look()
    desk.fill_all()
    desk.at(10).pause()
    desk.at(110).resume()
    shifted = due(desk)
    desk.pause()
    desk.at(130).resume(ResumeMode.CATCH_UP)

    assert shifted == due(desk) == [115, 125]


def test_amended_it_shows_clips_of_the_same_size() -> None:
    desk = an_iceberg(("2", "2", "2"))
    desk.at(5).look()
    desk.fill_all()
    desk.amend(quantity="12", duration=timedelta(minutes=5))
    planned = [part.planned_quantity for part in desk.execution.unsent_slices]

    assert sum(planned) == 10
    assert desk.execution.unsent_slices[0].due_at > desk.now
    assert all(Decimal("1.6") <= size <= Decimal("2.4") for size in planned)


@pytest.mark.parametrize("rule", OnDeadline)
def test_at_its_end_it_leaves_sweeps_or_goes_on_in_clips(rule: OnDeadline) -> None:
    desk = an_iceberg(on_deadline=rule)
    desk.at(5).look()
    desk.fill_all()
    desk.at(30).look()

    match rule:
        case OnDeadline.LEAVE:
            assert desk.execution.state is ExecutionState.INCOMPLETE
        case OnDeadline.SWEEP:
            assert desk.sent[-1].quantity == 2
        case OnDeadline.EXTEND:
            assert desk.execution.ends_at == NOON + seconds(45)
            assert len(desk.last(TwapRescheduled).slices) == 2


def test_a_rest_that_could_not_be_traded_ends_it_at_once() -> None:
    desk = an_iceberg(("1",))
    desk.at(15).look()
    desk.fill("0.99")
    desk.close()
    desk.at(16).look("0.9", "1")  # Worth less than any order may be now.

    assert desk.last(TwapEnded).reason is Reason.REMAINDER_UNTRADABLE


def test_what_is_restored_has_the_same_clips_to_come() -> None:
    desk = an_iceberg()
    desk.at(5).look()
    desk.at(9).fill_all()

    assert restore(snapshot(desk.execution)) == desk.execution
    first = execution(
        ("1", "1", "1"), duration=seconds(30), algo=Algo.ICEBERG, clip_quantity=Decimal(1)
    )
    assert fold(first, desk.events) == desk.execution


def test_a_child_that_never_left_changes_nothing_of_its_clip() -> None:
    desk = an_iceberg()
    desk.at(5).look()
    desk.refuse(Reason.SYMBOL_PARTICIPATION_CAP, "0.5")
    desk.look()

    assert [order.quantity for order in desk.sent] == [1, Decimal("0.5")]
    desk.close(OrderStatus.EXPIRED)
    assert desk.execution.working_slice is desk.execution.slice(1)


def test_only_an_iceberg_has_clips() -> None:
    twap = resolve(parent_order(), CALM, seed=1)

    assert with_further_clips(twap, ONE, 1, ONE) is twap
    with pytest.raises(ValueError, match="only an iceberg"):
        plan_clips(RULES, twap, ONE, price=ONE, window=None, now=NOON)


def test_a_rest_that_can_be_traded_only_at_the_price_of_now_is_one_clip() -> None:
    desk = an_iceberg()
    (clip,) = further_clips(desk.execution, Decimal("0.1"), price=Decimal(50), now=NOON)

    assert clip.quantity == Decimal("0.1")  # Worth 5, which is the least.


def test_what_is_no_whole_lot_is_in_no_clip() -> None:
    clips = further_clips(an_iceberg().execution, Decimal("1.0049"), price=Decimal(50), now=NOON)

    assert sum(sizes(clips)) == 1


def test_an_admitted_iceberg_notes_how_large_its_clips_are() -> None:
    order = parent_order("10", algo=Algo.ICEBERG, clips=3, duration=None)
    market = Market(RULES, (), None, quote("99", "101"), None)
    admission = admit(order, market, TwapDefaults(), now=NOON, seed=1)

    assert isinstance(admission, Admission)
    assert admission.policy.clipping is not None
    assert admission.policy.clipping.further_quantity == Decimal("3.34")
    assert admission.ends_at == NOON + timedelta(minutes=30)
    assert admission.participation_window == seconds(60)
    too_many = parent_order("100", algo=Algo.ICEBERG, clips=900, duration=None)
    refused = admit(too_many, market, TwapDefaults(), now=NOON, seed=1)
    assert isinstance(refused, Rejection)
    assert "--over" in refused.hint
