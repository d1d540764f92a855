"""What a look at the market leads to: which slice, how much of it, at what price, and why not more."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from genesis_actors.domain.decision import SetTrigger, WakeAt
from genesis_actors.domain.execution import Execution
from genesis_actors.domain.volume_profile import VolumeProfile
from genesis_actors.messages.events import (
    ArrivalObserved,
    ChildIntended,
    TwapAccelerated,
    TwapEnded,
    TwapPaused,
    TwapRescheduled,
    TwapSliceDelayed,
    TwapSliceExecuted,
    TwapSliceStarted,
    TwapSlowed,
)
from genesis_actors.messages.venue import PlaceOrder
from genesis_actors.values import (
    ZERO,
    ExecutionState,
    OnSlippage,
    OrderStatus,
    Reason,
    Side,
    SliceStatus,
    Style,
)
from tests.domain.executions import (
    CALM,
    EAGER,
    EXECUTION_ID,
    NOON,
    SYMBOL,
    Desk,
    execution,
    quote,
    seconds,
    summary,
    with_rules,
)

FLAT = VolumeProfile.from_hourly([Decimal(1)] * 24, Decimal(1_440_000))
"""1000 a minute are expected, at any time."""


@pytest.fixture
def desk() -> Desk:
    """An execution of ten slices of 1, every 30 s, the first due at 15 s."""
    return Desk(execution())


def due_seconds(x: Execution) -> list[float]:
    return [(part.due_at - NOON).total_seconds() for part in x.slices]


# --- A slice and its child ---------------------------------------------------------------------------


def test_a_due_slice_becomes_a_limit_ioc_at_the_touch_worsened_by_the_collar(desk: Desk) -> None:
    desk.at(15).look(bid="99.99", ask="100.01", window="600", volume="200")

    assert desk.sent == [
        PlaceOrder(
            execution_id=EXECUTION_ID,
            client_order_id=desk.child().client_order_id,
            slice_number=1,
            symbol=SYMBOL,
            side=Side.BUY,
            quantity=Decimal("1.00"),
            price=Decimal("100.11"),
            mid=Decimal(100),
            rate=Decimal("0.10"),
            market_volume=Decimal(600),
            window_start=NOON - seconds(45),
            parent_quantity=desk.execution.quantity,
            remaining_quantity=desk.execution.remaining_quantity + 1,
        )
    ]


def test_a_slice_that_begins_notes_what_the_market_was(desk: Desk) -> None:
    desk.at(15).look(window="600")

    started = desk.last(TwapSliceStarted)
    assert (started.target_quantity, started.market_volume) == (1, 600)
    assert (started.market_price, started.reason) == (100, None)
    assert desk.execution.slice(1).status is SliceStatus.WORKING


def test_before_a_slice_is_due_nothing_happens(desk: Desk) -> None:
    assert desk.at(14.9).look().events == ()


def test_a_price_is_never_past_the_limit() -> None:
    desk = Desk(execution(limit_price=Decimal("100.05")))
    desk.at(15).look()

    assert desk.child().price == Decimal("100.05")


def test_a_touch_past_the_limit_delays_the_slice() -> None:
    desk = Desk(execution(limit_price=Decimal("99.50")))
    desk.at(15).look()

    delayed = desk.last(TwapSliceDelayed)
    assert (delayed.reason, delayed.limit, delayed.actual) == (
        Reason.LIMIT_PRICE,
        Decimal("99.50"),
        Decimal("100.01"),
    )
    assert desk.next_wake == 20
    assert desk.execution.slice(1).status is SliceStatus.PLANNED
    desk.at(20).look(bid="99.40", ask="99.45")
    assert desk.child().price == Decimal("99.50")


def test_a_limit_between_two_ticks_is_kept_to_the_tick_on_its_safe_side() -> None:
    desk = Desk(execution(limit_price=Decimal("100.015"), rules=with_rules(tick=Decimal("0.02"))))
    desk.at(15).look(bid="100.00", ask="100.01")

    assert desk.sent == []
    assert desk.last(TwapSliceDelayed).limit == Decimal("100.00")


def test_a_slice_that_is_looked_at_too_early_waits_on(desk: Desk) -> None:
    desk.at(15).look(age=11)

    assert desk.at(15.5).look().events == ()


@pytest.mark.parametrize("has_quote", [False, True])
def test_without_a_fresh_quote_the_slice_waits_a_second(desk: Desk, *, has_quote: bool) -> None:
    desk.at(15)
    if has_quote:
        desk.look(age=10.5)
    else:
        desk.see(None)

    delayed = desk.last(TwapSliceDelayed)
    assert delayed.reason is (Reason.STALE_QUOTE if has_quote else Reason.NO_QUOTE)
    assert delayed.limit == (10 if has_quote else None)
    assert delayed.actual == (Decimal("10.5") if has_quote else None)
    assert desk.next_wake == 16
    desk.at(16).look(age=10)
    assert len(desk.sent) == 1


def test_the_first_quote_is_the_arrival_price_where_there_was_none() -> None:
    desk = Desk(execution(arrival=None))
    desk.at(5).look(bid="99", ask="101")

    assert desk.events == [
        ArrivalObserved(execution_id=EXECUTION_ID, at=NOON + seconds(5), arrival_price=Decimal(100))
    ]
    assert desk.execution.arrival_at == NOON + seconds(5)
    assert desk.at(6).look().events == ()


def test_a_slice_below_the_venues_minimum_is_skipped_and_caught_up() -> None:
    desk = Desk(execution(["0.1"] * 3))
    desk.at(50).look(bid="90", ask="90.01")
    assert desk.execution.slice(1).status is SliceStatus.SKIPPED
    assert desk.execution.slice(1).reason is Reason.BELOW_MINIMUM
    desk.at(150).look(bid="90", ask="90.01")

    assert desk.child().quantity == Decimal("0.15")


def test_what_a_slice_lacks_below_the_minimum_goes_to_the_next(desk: Desk) -> None:
    desk.at(15).look()
    desk.fill("0.95")
    desk.close()
    desk.at(20).look()

    ended = desk.last(TwapSliceExecuted)
    assert (ended.status, ended.reason) == (SliceStatus.PARTIAL, Reason.BELOW_MINIMUM)
    desk.at(45).look()
    assert desk.child().quantity == 1  # And 0.05 spread over nine is less than a lot each.
    assert desk.execution.remaining_quantity == Decimal("8.05")


def test_a_rest_that_could_never_be_traded_goes_along() -> None:
    desk = Desk(execution(["1", "0.05"]))
    desk.at(75).look()

    assert desk.child().quantity == Decimal("1.05")


def test_an_order_above_the_venues_maximum_is_cut_and_the_rest_follows() -> None:
    desk = Desk(execution(["2", "2"], rules=with_rules(max_quantity=Decimal("1.5"))))
    desk.at(75).look()

    assert desk.child().quantity == Decimal("1.5")
    assert desk.child().cut_by is Reason.MAX_ORDER_QUANTITY
    desk.fill("1.5")
    assert desk.next_wake == 85
    desk.at(85).look()
    assert desk.child().quantity == Decimal("0.5")


# --- Participation -----------------------------------------------------------------------------------


def test_the_volume_since_the_start_caps_a_child(desk: Desk) -> None:
    desk.at(15).look(volume="4", window="1000")

    assert desk.child().quantity == Decimal("0.4")
    assert desk.child().cut_by is Reason.PARTICIPATION_CAP


def test_the_volume_of_the_last_window_caps_a_child(desk: Desk) -> None:
    desk.at(15).look(volume="1000", window="4")

    assert desk.child().quantity == Decimal("0.4")


def test_own_fills_count_against_the_cap_until_their_window_has_passed(desk: Desk) -> None:
    desk.at(15).look(window="14")
    desk.fill("1")
    desk.at(45).look(window="14")
    assert desk.child().quantity == Decimal("0.4")
    desk.close()
    desk.at(75).look(window="14")

    assert desk.child().quantity == Decimal("1.12")  # Not cut: the fill at 15 s is 60 s old.


def test_all_children_of_a_slice_stay_within_the_volume_of_its_window(desk: Desk) -> None:
    desk.at(15).look(window="5")
    assert desk.child().quantity == Decimal("0.5")
    desk.fill("0.3")
    desk.close()
    desk.at(20).look(window="1000")

    assert desk.child().quantity == Decimal("0.2")


def test_a_slice_that_has_used_its_cap_up_is_over(desk: Desk) -> None:
    desk.at(15).look(window="5")
    desk.fill("0.5")
    assert desk.next_wake == 20
    desk.at(20).look(window="1000")

    ended = desk.last(TwapSliceExecuted)
    assert (ended.status, ended.reason) == (SliceStatus.PARTIAL, Reason.PARTICIPATION_CAP)
    assert desk.next_wake == 45


def test_a_working_slice_without_budget_now_tries_again(desk: Desk) -> None:
    desk.at(15).look(window="1000")
    desk.fill("0.5")
    desk.close()
    desk.at(20).look(window="1")

    assert desk.last(TwapSliceDelayed).reason is Reason.PARTICIPATION_CAP
    assert desk.next_wake == 25


def test_without_volume_a_slice_waits(desk: Desk) -> None:
    desk.at(15).look(volume="0", window="0")

    delayed = desk.last(TwapSliceDelayed)
    assert (delayed.reason, delayed.limit, delayed.actual) == (Reason.PARTICIPATION_CAP, 0, 1)
    assert desk.next_wake == 20


@pytest.mark.parametrize(
    ("window", "condition"),
    [("490", Reason.QUIET_MARKET), ("4100", Reason.VOLUME_ANOMALY), ("500", None), ("4000", None)],
)
def test_the_rate_is_halved_while_volume_is_out_of_line(
    window: str, condition: Reason | None
) -> None:
    desk = Desk(execution(["1000"] * 10, volume_adaptivity=ZERO), profile=FLAT)
    desk.at(15).look(window=window, volume="100000")

    intended = desk.last(ChildIntended)
    rate = Decimal("0.10") if condition is None else Decimal("0.05")
    assert intended.rate == rate
    assert intended.quantity == rate * Decimal(window)
    assert intended.cut_by is (condition or Reason.PARTICIPATION_CAP)


# --- Catching up -------------------------------------------------------------------------------------


def test_what_a_slice_could_not_do_is_spread_over_the_rest() -> None:
    desk = Desk(execution(["1"] * 5))
    desk.at(30).look()
    desk.close()
    desk.at(90).look()

    assert desk.execution.slice(1).status is SliceStatus.SKIPPED
    assert desk.child().quantity == Decimal("1.25")


def test_a_slice_catches_up_at_most_three_times_its_plan() -> None:
    desk = Desk(execution(["1"] * 10))
    desk.at(285).look()

    assert desk.child().quantity == 3
    assert desk.child().cut_by is Reason.CATCH_UP_LIMIT
    assert desk.last(TwapSliceStarted).reason is Reason.CATCH_UP_LIMIT


def test_the_reason_is_given_also_where_the_limit_is_no_multiple_of_the_lot() -> None:
    defaults = replace(CALM, catch_up_limit=Decimal("2.5"))
    desk = Desk(execution(["1"] * 10, defaults=defaults, rules=with_rules(lot=Decimal(1))))
    desk.at(285).look()

    assert desk.child().quantity == 2
    assert desk.child().cut_by is Reason.CATCH_UP_LIMIT


def test_overdue_slices_are_merged_into_the_newest(desk: Desk) -> None:
    desk.at(110).look()

    assert [part.status for part in desk.execution.slices[:4]] == [
        *[SliceStatus.SKIPPED] * 3,
        SliceStatus.WORKING,
    ]
    assert {part.reason for part in desk.execution.slices[:3]} == {Reason.OVERDUE_MERGED}
    assert len(desk.sent) == 1


def test_a_new_slice_ends_the_one_before_it_which_keeps_its_reason(desk: Desk) -> None:
    desk.at(15).look()
    desk.fill("0.4")
    desk.close()
    desk.at(45).look()

    ended = desk.last(TwapSliceExecuted)
    assert (ended.slice_number, ended.status, ended.reason) == (
        1,
        SliceStatus.PARTIAL,
        Reason.THIN_BOOK,
    )


def test_a_new_slice_does_not_wait_for_the_retry_of_the_one_before(desk: Desk) -> None:
    desk.at(15).look()
    desk.at(44).close()
    assert desk.next_wake == 45
    desk.at(45).look()

    assert desk.child().client_order_id == "gx1002001"


def test_a_late_fill_is_not_traded_twice(desk: Desk) -> None:
    desk.at(15).look()
    desk.close()
    desk.fill("0.7", nth=0)
    desk.at(20).look()

    assert desk.child().quantity == Decimal("0.3")


# --- Early completion --------------------------------------------------------------------------------


@pytest.fixture
def eager() -> Desk:
    """As `desk`, with early completion at 0.2 % below the arrival price of 100."""
    return Desk(execution(defaults=EAGER))


def favourable(desk: Desk, second: float, window: str = "1000", volume: str = "10000") -> None:
    desk.at(second).look(bid="99.68", ask="99.70", window=window, volume=volume)


def test_a_favourable_price_brings_the_rest_forward_up_to_the_threshold(eager: Desk) -> None:
    favourable(eager, 2)

    assert eager.last(TwapAccelerated).threshold_price == Decimal("99.8")
    assert eager.child().quantity == 10
    assert eager.child().price == Decimal("99.79")
    assert SetTrigger(Decimal("99.8"), worse=True) in eager.effects


def test_a_trigger_that_is_set_is_not_set_again(eager: Desk) -> None:
    eager.at(1).look()
    eager.at(2).look()
    assert eager.effects == [SetTrigger(Decimal("99.8"), worse=False)]

    eager.cross("99.9")
    eager.at(3).look()
    assert eager.effects.count(SetTrigger(Decimal("99.8"), worse=False)) == 2, "it has fired"


def test_the_accelerated_price_is_never_past_the_threshold_or_the_limit(eager: Desk) -> None:
    eager.at(2).look(bid="99.75", ask="99.77")
    assert eager.child().price == Decimal("99.80")

    limited = Desk(execution(defaults=EAGER, limit_price=Decimal("99.78")))
    limited.at(2).look(bid="99.75", ask="99.77")
    assert limited.child().price == Decimal("99.78")

    selling = Desk(execution(defaults=EAGER, side=Side.SELL, limit_price=Decimal("100.10")))
    selling.at(2).look(bid="100.25", ask="100.27")
    assert selling.child().price == Decimal("100.20")


def test_switched_off_a_favourable_price_changes_nothing(desk: Desk) -> None:
    favourable(desk, 2)

    assert desk.events == []


def test_the_target_may_be_the_users() -> None:
    desk = Desk(execution(defaults=EAGER, target_price=Decimal("100.3")))
    desk.at(2).look()

    assert desk.execution.accelerated


def test_without_a_target_or_a_quote_there_is_no_early_completion() -> None:
    desk = Desk(execution(defaults=EAGER, arrival=None))
    desk.at(2).see(None)

    assert desk.events == []
    assert desk.effects == []


def test_an_execution_that_fills_while_accelerated_is_completed_early(eager: Desk) -> None:
    favourable(eager, 2)
    eager.fill_all("99.70")
    favourable(eager, 2)

    assert eager.execution.state is ExecutionState.COMPLETED
    assert eager.execution.early_completion
    assert eager.execution.slice(2).reason is Reason.FAVOURABLE_PRICE
    assert eager.execution.slice(2).status is SliceStatus.SKIPPED


def test_the_last_slice_of_a_plain_schedule_is_no_early_completion() -> None:
    desk = Desk(execution(["1"], defaults=EAGER))
    desk.at(150).look()
    desk.fill("1")
    desk.look()

    assert desk.execution.state is ExecutionState.COMPLETED
    assert not desk.execution.early_completion


def test_filled_at_its_very_end_an_accelerated_execution_is_not_early(eager: Desk) -> None:
    favourable(eager, 290)
    eager.at(300).fill_all()
    favourable(eager, 300)

    assert eager.execution.state is ExecutionState.COMPLETED
    assert not eager.execution.early_completion


def test_when_the_price_goes_back_so_does_the_schedule(eager: Desk) -> None:
    favourable(eager, 2, window="30")
    assert eager.child().quantity == 3
    eager.fill("3")
    eager.close()
    eager.at(3.5).look(window="1000")

    assert isinstance(eager.events[-1], TwapSlowed)
    assert eager.next_wake == 15
    # 3 are done: the schedule had them due by 75 s.
    for second in (15, 45, 75):
        eager.at(second).look()
        assert len(eager.sent) == 1
    assert eager.execution.slice(1).status is SliceStatus.FILLED
    assert eager.execution.slice(3).reason is Reason.AHEAD_OF_SCHEDULE
    eager.at(105).look()
    assert eager.child().quantity == 1


def test_a_slice_that_was_brought_forward_is_not_worked_on_before_its_time(eager: Desk) -> None:
    favourable(eager, 2, window="30")
    eager.fill("0.4")
    eager.close()
    eager.at(4).look()
    assert eager.next_wake == 15
    assert len(eager.sent) == 1
    eager.at(15).look()

    assert eager.child().client_order_id == "gx1001002"
    assert eager.child().quantity == Decimal("0.6")


def test_the_pace_changes_at_most_once_a_second_but_no_change_is_forgotten(eager: Desk) -> None:
    favourable(eager, 2, window="4")
    eager.fill("0.4")
    eager.at(2.5).look()
    assert eager.execution.accelerated
    assert eager.effects[-1] == WakeAt(NOON + seconds(3))
    eager.at(3).wake()
    eager.look()
    assert not eager.execution.accelerated
    # Favourable again at once: nothing is due until 15 s, so that only the wake it asked for can tell.
    favourable(eager, 3.3)
    assert not eager.execution.accelerated
    assert eager.effects[-1] == WakeAt(NOON + seconds(4))
    assert eager.at(4).wake().effects
    favourable(eager, 4)
    assert eager.execution.accelerated


def test_accelerated_a_used_up_slice_makes_way_for_the_next_at_once(eager: Desk) -> None:
    favourable(eager, 2, window="10")
    eager.fill("1")
    assert eager.next_wake == 3
    favourable(eager, 3, window="20")

    assert eager.execution.slice(1).status is SliceStatus.FILLED
    assert eager.child().client_order_id == "gx1002001"
    assert eager.child().quantity == 1


def test_accelerated_a_used_up_last_slice_waits_for_the_end() -> None:
    desk = Desk(execution(["1"], defaults=EAGER))
    favourable(desk, 160, window="5")
    desk.fill("0.5")
    favourable(desk, 161, window="1000")

    assert desk.execution.slice(1).reason is Reason.PARTICIPATION_CAP
    assert desk.next_wake == 300


def test_the_last_slice_is_not_wasted_on_a_part_of_what_is_left() -> None:
    desk = Desk(execution(["1"], defaults=EAGER))
    favourable(desk, 2, window="5")

    assert desk.last(TwapSliceDelayed).reason is Reason.PARTICIPATION_CAP
    assert desk.next_wake == 3
    favourable(desk, 3, window="10")
    assert desk.child().quantity == 1


def test_while_accelerated_it_looks_every_second(eager: Desk) -> None:
    favourable(eager, 2, window="0")

    assert eager.last(TwapSliceDelayed).reason is Reason.PARTICIPATION_CAP
    assert eager.next_wake == 3


def test_a_pause_ends_the_acceleration(eager: Desk) -> None:
    favourable(eager, 2, window="4")
    eager.pause()
    eager.close(OrderStatus.CANCELLED)
    assert not eager.execution.accelerated
    eager.at(10).resume()

    assert eager.next_wake == 15
    favourable(eager, 10)
    assert eager.execution.accelerated
    assert eager.child().client_order_id == "gx1001002"


# --- The guard ---------------------------------------------------------------------------------------


def test_a_touch_too_far_from_arrival_pauses_it() -> None:
    desk = Desk(execution(max_slippage_bps=Decimal(20)))
    desk.at(15).look(ask="100.20")
    desk.fill("1")
    desk.at(45).look(ask="100.21")

    assert desk.execution.state is ExecutionState.PAUSED
    assert desk.execution.reason is Reason.MAX_SLIPPAGE
    assert "100.21 is more than 20 bps worse" in (desk.last(TwapPaused).detail or "")
    assert desk.execution.market == summary(desk.now), "its figures are those of this look"
    desk.at(50).resume()
    desk.look(ask="100.10")
    assert desk.execution.state is ExecutionState.RUNNING


def test_the_guard_may_cancel_instead() -> None:
    defaults = replace(CALM, on_slippage=OnSlippage.CANCEL)
    desk = Desk(execution(defaults=defaults, max_slippage_bps=Decimal(20), side=Side.SELL))
    desk.at(15).look(bid="99.79", ask="99.80")

    assert desk.execution.state is ExecutionState.CANCELLED
    assert desk.last(TwapEnded).reason is Reason.MAX_SLIPPAGE


def test_a_move_in_our_favour_never_trips_the_guard() -> None:
    desk = Desk(execution(max_slippage_bps=Decimal(20)))
    desk.at(15).look(bid="90", ask="90.01")

    assert len(desk.sent) == 1


def test_an_old_touch_neither_trips_the_guard_nor_changes_the_pace() -> None:
    desk = Desk(execution(defaults=EAGER, max_slippage_bps=Decimal(20)))
    desk.at(2).look(ask="101", age=11)
    desk.look(bid="98", ask="98.01", age=11)

    assert desk.events == []
    assert desk.effects == []


# --- Resting -----------------------------------------------------------------------------------------


def test_a_maker_rests_at_the_near_touch_even_when_the_far_one_is_past_the_limit() -> None:
    buying = Desk(execution(style=Style.MAKER, limit_price=Decimal(100)))
    buying.at(15).look(bid="99.99", ask="100.01")
    selling = Desk(execution(style=Style.MAKER, side=Side.SELL))
    selling.at(15).look(bid="99.99", ask="100.01")

    assert (buying.child().price, buying.child().resting) == (Decimal("99.99"), True)
    assert selling.child().price == Decimal("100.01")


def test_a_maker_rests_at_its_limit_when_the_near_touch_is_past_it() -> None:
    buying = Desk(execution(style=Style.MAKER, limit_price=Decimal("99.505")))
    buying.at(15).look()
    selling = Desk(execution(style=Style.MAKER, side=Side.SELL, limit_price=Decimal("100.505")))
    selling.at(15).look()

    assert buying.child().price == Decimal("99.50")
    assert selling.child().price == Decimal("100.51")


# --- Replanning --------------------------------------------------------------------------------------


def test_unsent_slices_are_replanned_when_volume_departs() -> None:
    desk = Desk(execution(), profile=FLAT)
    desk.at(15).look(window="3000")

    replanned = desk.last(TwapRescheduled)
    assert (replanned.reason, replanned.volume_ratio) == (Reason.VOLUME_DEPARTED, 3)
    assert [part.number for part in replanned.slices] == list(range(2, 11))
    dues = due_seconds(desk.execution)
    assert dues == sorted(dues)
    assert dues[1] < 45
    assert dues[-1] <= 300
    assert desk.execution.volume_ratio == 3


def test_volume_within_twice_the_ratio_in_force_replans_nothing() -> None:
    desk = Desk(execution(), profile=FLAT)
    desk.at(15).look(window="3000")
    desk.fill("1")
    desk.at(60).look(window="1500")

    assert len(desk.happened(TwapRescheduled)) == 1


def test_a_retry_replans_nothing() -> None:
    desk = Desk(execution(), profile=FLAT)
    desk.at(15).look(window="1000")
    desk.close()
    desk.at(20).look(window="3000")

    assert desk.happened(TwapRescheduled) == []


@pytest.mark.parametrize(
    "profile",
    [
        VolumeProfile.from_hourly([Decimal(1)] * 24),
        VolumeProfile.from_hourly([Decimal(1)] * 12 + [ZERO] * 12, Decimal(1000)),
    ],
)
def test_where_no_volume_is_expected_nothing_is_replanned(profile: VolumeProfile) -> None:
    desk = Desk(execution(), profile=profile)
    desk.at(75).look(window="3000")

    assert len(desk.sent) == 1
    assert desk.happened(TwapRescheduled) == []


def test_a_plain_twap_is_never_replanned() -> None:
    desk = Desk(execution(volume_adaptivity=ZERO), profile=FLAT)
    desk.at(15).look(window="3000")

    assert desk.happened(TwapRescheduled) == []


def test_the_last_slice_leaves_nothing_to_replan() -> None:
    desk = Desk(execution(["1"]), profile=FLAT)
    desk.at(150).look(window="3000")

    assert desk.happened(TwapRescheduled) == []


def test_a_view_without_an_age_counts_as_no_quote(desk: Desk) -> None:
    desk.at(15).see(quote("99.99", "100.01"))

    assert desk.last(TwapSliceDelayed).reason is Reason.NO_QUOTE
