"""History, mark-outs, comparisons, timing, quality: the numbers that are not in the report's own tests."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from genesis_actors.domain.history import History, Incident, read_history
from genesis_actors.domain.market_record import Depth, MarketRecord
from genesis_actors.domain.markouts import FEWEST_FILLS, TimedFill, mark_outs
from genesis_actors.domain.report import generate_execution_report
from genesis_actors.domain.timing import latency, timing
from genesis_actors.messages.events import ChildUnknown, JournalEvent, TwapPaused
from genesis_actors.values import (
    BPS,
    Algo,
    Liquidity,
    OrderStatus,
    Reason,
    ResumeMode,
    Side,
    quotient,
)
from tests.domain.executions import EAGER, EXECUTION_ID, NOON, Desk, beginning, execution, seconds
from tests.domain.test_report import market


def history(desk: Desk, parts: list[str], **wishes: object) -> History:
    return read_history(journal(desk, parts, **wishes))


def journal(desk: Desk, parts: list[str], **wishes: object) -> list[JournalEvent]:
    return [*beginning(parts, **wishes), *desk.events]


def fills(count: int, *, orders: int, price: str = "100.01") -> list[TimedFill]:
    return [
        TimedFill(NOON + seconds(at), Decimal(1), Decimal(price), f"o{at % orders}")
        for at in range(count)
    ]


# --- Mark-outs ---


def test_an_interval_needs_twenty_fills_and_two_orders() -> None:
    record = market((0, "99.99", "100.01"))

    few = mark_outs(Side.BUY, fills(FEWEST_FILLS - 1, orders=19), record, None)[0]
    one = mark_outs(Side.BUY, fills(FEWEST_FILLS, orders=1), record, None)[0]
    enough = mark_outs(Side.BUY, fills(FEWEST_FILLS, orders=2), record, None)[0]

    assert (few.has_too_few, few.low_bps) == (True, None)
    assert (one.has_too_few, one.low_bps) == (False, None)
    # Each paid 0.01 of 100.01 more than the mid, so there is nothing that varies.
    assert enough.low_bps == enough.cost_bps == enough.high_bps == Decimal("0.9999000100")


def test_an_interval_is_wider_where_fills_of_one_order_move_together() -> None:
    record = market((0, "99.99", "100.01"), (10, "98.99", "99.01"))
    apart = mark_outs(Side.SELL, fills(20, orders=20), record, None)[0]
    together = mark_outs(
        Side.SELL,
        [
            TimedFill(f.at, f.quantity, f.price, "a" if n < 9 else "b")
            for n, f in enumerate(fills(20, orders=20))
        ],
        record,
        None,
    )[0]

    assert apart.cost_bps == together.cost_bps
    assert apart.low_bps is not None
    assert together.low_bps is not None
    assert together.low_bps < apart.low_bps


def test_without_fills_there_is_nothing_to_mark() -> None:
    mark = mark_outs(Side.BUY, [], market((0, "99", "101")), None)[0]

    assert (mark.fills, mark.cost_quote, mark.cost_bps, mark.reversion_bps) == (0, None, None, None)


def test_cost_and_reversion_are_of_the_same_fills_those_with_both_mids() -> None:
    record = market((1, "99.99", "100.01"), (2, "98.99", "99.01"))
    mark = mark_outs(Side.BUY, fills(3, orders=3), record, None)[0]

    # The first came before any mid was known; a buy at 100.01, and one second later the mid is 99, twice.
    assert (mark.fills, mark.fills_not_observed) == (2, 1)
    assert mark.cost_quote == Decimal("2.02")
    assert mark.reversion_bps == quotient(BPS * (1 + 0), Decimal(199))


def test_the_market_s_own_drift_is_told_beside_what_came_back() -> None:
    # The mid falls by one a second all the time, whoever trades.
    record = market(*((at, f"{199 - at}.99", f"{200 - at}.01") for at in range(60)), until=60)
    buys = [TimedFill(NOON + seconds(10), Decimal(1), Decimal("190.01"), "o")]
    mark = mark_outs(Side.BUY, buys, record, (NOON, NOON + seconds(20)))[1]
    sales = mark_outs(Side.SELL, buys, record, (NOON, NOON + seconds(20)))[1]

    # After 5 s: by 5 of 190 at the fill, and at the 21 whole seconds of the window by 5 of 200 to 180.
    assert mark.reversion_bps == quotient(BPS * 5, Decimal(190))
    assert mark.market_bps == quotient(BPS * 5 * 21, Decimal(sum(range(180, 201))))
    assert sales.market_bps == quotient(-BPS * 5 * 21, Decimal(sum(range(180, 201))))


# --- History ---


def test_a_lost_answer_is_an_incident_until_it_is_settled() -> None:
    desk = Desk(execution(["1"]))
    desk.at(150).look()
    desk.at(151).lose_answer()
    desk.at(152).lose_answer()
    desk.at(160).settle("0.4")
    (doubt,) = history(desk, ["1"]).incidents

    assert (doubt.kind, doubt.at, doubt.until) == (
        "unknown",
        NOON + seconds(151),
        NOON + seconds(160),
    )
    assert doubt.slice_number == 1


def test_what_is_said_again_while_it_lasts_is_one_incident() -> None:
    desk = Desk(execution(["1"]))
    desk.at(150).look()
    desk.at(151).lose_answer()
    paused = TwapPaused(execution_id=EXECUTION_ID, at=NOON + seconds(170), reason=Reason.USER)
    told = [*journal(desk, ["1"]), desk.last(ChildUnknown), paused, paused]

    assert [i.kind for i in read_history(told).incidents] == ["unknown", "paused"]


def test_a_rejection_is_an_incident_with_its_reason() -> None:
    desk = Desk(execution(["1"]))
    desk.at(150).look()
    desk.reject("lot size")
    (rejected,) = history(desk, ["1"]).incidents

    assert (rejected.kind, rejected.detail) == ("rejected", "venue_rejected lot size")


def test_pauses_last_until_they_are_lifted_or_the_execution_ends() -> None:
    desk = Desk(execution(["1", "1"]))
    desk.at(10).pause()
    desk.at(40).resume(ResumeMode.CATCH_UP)
    desk.at(100).pause()
    desk.at(110).pause(Reason.DRAINED)
    desk.at(120).cancel()
    desk.look()
    found = history(desk, ["1", "1"])

    assert [i.kind for i in found.incidents] == ["paused", "paused"]
    assert timing(found, NOON + seconds(500)).paused_seconds == 50


def test_a_pause_that_goes_on_lasts_until_now() -> None:
    desk = Desk(execution(["1"]))
    desk.at(10).pause()
    desk.at(20).see(None)
    found = history(desk, ["1"])

    assert found.pauses == [(NOON + seconds(10), None)]
    assert timing(found, NOON + seconds(30)).paused_seconds == 20


def test_changes_of_pace_and_plan_are_told() -> None:
    desk = Desk(execution(["1", "1"], defaults=EAGER), bounds=EAGER)
    desk.at(10).look(bid="99.00", ask="99.02", window="0")
    desk.at(20).look()
    desk.at(30).amend(quantity="3", note="more")
    kinds = [i.kind for i in history(desk, ["1", "1"], defaults=EAGER).incidents]

    assert kinds[:2] == ["accelerated", "slowed"]
    assert "amended" in kinds


def test_a_halt_is_an_incident_while_it_keeps_something_from_being_sent() -> None:
    desk = Desk(execution(["1", "1"]))
    desk.is_halted = True
    desk.at(75).look()
    desk.at(85).look()
    desk.is_halted = False
    desk.at(95).look()
    (halt,) = history(desk, ["1", "1"]).incidents

    assert (halt.kind, halt.at, halt.until) == ("halted", NOON + seconds(75), NOON + seconds(95))


def test_each_cap_is_known_with_when_it_began_to_be_in_force() -> None:
    desk = Desk(execution(["1", "1"]))
    desk.at(30).amend(max_participation="0.05")

    assert history(desk, ["1", "1"]).caps == [
        (NOON, Decimal("0.10")),
        (NOON + seconds(30), Decimal("0.05")),
    ]


def test_a_new_plan_is_told() -> None:
    from genesis_actors.values import OnDeadline

    desk = Desk(execution(["1"], on_deadline=OnDeadline.SWEEP))
    desk.at(150).look(window="0")
    desk.at(300).look()

    assert Incident(NOON + seconds(300), "rescheduled", "deadline") in (
        history(desk, ["1"], on_deadline=OnDeadline.SWEEP).incidents
    )


# --- Timing ---


def test_the_schedule_error_is_how_far_we_were_from_the_plan_over_time() -> None:
    desk = Desk(execution(["1", "1"]))
    desk.at(90).look()  # Due at 75.
    desk.fill("1", "100.01", trade="t1")
    desk.at(225).look()
    desk.fill("1", "100.01", trade="t2")
    desk.at(300).look()
    found = timing(history(desk, ["1", "1"]), NOON + seconds(300))

    # For 15 of 300 seconds, half of the quantity was missing.
    assert found.schedule_error == Decimal("0.025")
    assert found.mean_lead == Decimal("-0.025")
    assert (found.slices_sent, found.slices_on_time) == (2, 1)


def test_before_the_schedule_has_begun_there_is_no_error() -> None:
    found = timing(read_history(beginning(["1"])[:1]), NOON)

    assert found.schedule_error is None


def test_latencies_are_those_of_slices_and_orders() -> None:
    desk = Desk(execution(["1"]))
    desk.at(150.5).look()
    desk.at(150.6).accept()
    desk.at(150.8).fill("0.5", "100.01", trade="t1")
    desk.at(151).fill("0.5", "100.01", trade="t2")
    waits = latency(history(desk, ["1"]))

    assert waits.due_to_sent.p95_ms == 500
    assert (waits.sent_to_acknowledged.count, waits.sent_to_acknowledged.max_ms) == (1, 100)
    assert waits.sent_to_filled.p50_ms == 300


def test_what_was_never_sent_has_no_latency() -> None:
    assert latency(read_history(beginning(["1"]))).sent_to_filled.p50_ms is None


# --- Comparisons ---


def bought(quantity: str = "2", **wishes: object) -> list[JournalEvent]:
    desk = Desk(execution([quantity], **wishes))
    desk.at(150).look()
    desk.fill(quantity, "100.01")
    desk.at(151).look()
    return journal(desk, [quantity], **wishes)


def test_a_sweep_takes_the_depth_as_far_as_it_goes() -> None:
    levels = ((Decimal("100.01"), Decimal(1)), (Decimal("100.03"), Decimal("0.5")))
    sweep = generate_execution_report(bought(), depth=Depth(NOON, levels)).findings.comparisons[3]

    assert sweep.quantity == Decimal("1.5")
    # (100.01 + 0.5 x 100.03) - 1.5 x 100.01, and fees of a thousandth each.
    assert sweep.saved_quote == Decimal("0.0100")
    assert sweep.saved_quote_with_fees == Decimal("0.01001")


@pytest.mark.parametrize(("held", "quantity"), [("0.2", Decimal("0.2")), ("0.19", None)])
def test_a_sweep_of_less_than_a_tenth_is_no_comparison(held: str, quantity: Decimal | None) -> None:
    depth = Depth(NOON, ((Decimal("100.01"), Decimal(held)),))
    sweep = generate_execution_report(bought(), depth=depth).findings.comparisons[3]

    assert sweep.quantity == quantity


@pytest.mark.parametrize(("algo", "is_compared"), [(Algo.TWAP, True), (Algo.MARKET, False)])
def test_only_what_has_a_window_is_compared_with_a_plain_twap(
    algo: Algo, is_compared: bool
) -> None:
    record = market((0, "99.99", "100.01"))
    plain = generate_execution_report(bought(algo=algo), record).findings.comparisons[2]

    assert (plain.price is not None) is is_compared


def test_the_best_within_the_cap_takes_the_best_minutes_first() -> None:
    record = market((0, "99.99", "100.01"), (60, "98.99", "99.01"), (119, "99.99", "100.01"))
    # Ten a second: a minute's tenth is 60, or 59 of the first one, whose first trade is at its very start.
    feasible = generate_execution_report(bought("100"), record).findings.comparisons[1]

    assert feasible.quantity == 100
    # The minutes from 60 and 120 stand at 99.01 and 100.01; the first one has 99.01 at its very end.
    assert feasible.price == Decimal("99.01")


def test_the_best_within_the_cap_keeps_the_limit() -> None:
    limit = Decimal("100.01")
    record = market((0, "109.99", "110.01"), (140, "99.99", "100.01"))
    feasible = generate_execution_report(
        bought("2", limit_price=limit), record
    ).findings.comparisons[1]

    assert feasible.price == limit


@pytest.mark.parametrize("until", [100, 149])
def test_what_was_not_recorded_is_not_compared(until: int) -> None:
    record = market((0, "99.99", "100.01"), until=until)
    found = generate_execution_report(bought(), record).findings.comparisons

    assert [other.price for other in found] == [None] * 4


def test_a_market_without_touches_is_not_compared() -> None:
    found = generate_execution_report(bought(), market()).findings.comparisons

    assert [other.price for other in found[:3]] == [None] * 3


def test_an_execution_that_never_began_is_not_compared() -> None:
    report = generate_execution_report(beginning(["1"])[:1], market((0, "99", "101")))

    assert [other.price for other in report.findings.comparisons] == [None] * 4
    assert report.findings.shortfall.quote is None
    assert report.findings.participation.average is None


# --- Quality ---


def test_resting_fills_earn_the_half_spread() -> None:
    desk = Desk(execution(["1"]))
    desk.at(150).look()
    desk.fill("1", "99.99", liquidity=Liquidity.MAKER)
    spread = generate_execution_report(journal(desk, ["1"])).findings.spread

    assert (spread.capture, spread.maker_share, spread.half_spread_bps) == (1, 1, 1)
    assert spread.effective_spread_bps == -2


def test_slices_that_the_cap_has_cut_or_delayed_are_bound_by_it() -> None:
    desk = Desk(execution(["1", "1"]))
    desk.at(75).look(window="5")  # A tenth of it is 0.5.
    desk.fill("0.5", "100.01", trade="t1")
    desk.close(OrderStatus.FILLED)
    desk.at(225).look(window="0")
    share = generate_execution_report(journal(desk, ["1", "1"])).findings.participation

    assert share.slices_bound == 2
    assert share.highest_slice == Decimal("0.1")


def test_a_report_has_no_mids_without_a_record() -> None:
    report = generate_execution_report(bought(), MarketRecord())

    assert report.path == ()
    assert not report.is_final
    assert report.findings.gaps == ((NOON, NOON + timedelta(seconds=151)),)
