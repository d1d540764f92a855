"""Each rule by its numbers: one that applies, and one that just does not."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from genesis_actors.domain.children import cancel_of
from genesis_actors.domain.comparisons import SWEEP, Comparison
from genesis_actors.domain.decision import Decision
from genesis_actors.domain.findings import Findings, findings
from genesis_actors.domain.history import History, Incident, read_history
from genesis_actors.domain.market_record import Depth, MarketRecord, MarketSegment, micros
from genesis_actors.domain.markouts import MarkOut
from genesis_actors.domain.other_windows import OtherWindow, other_windows
from genesis_actors.domain.other_windows import _begun as begun
from genesis_actors.domain.other_windows import _Replay as Replay
from genesis_actors.domain.recommendations import Recommendation, recommendations
from genesis_actors.domain.shortfall import Cost
from genesis_actors.domain.verdict import verdict
from genesis_actors.values import Algo, OnDeadline, Reason, Side
from tests.domain.executions import NOON, Desk, beginning, execution, seconds
from tests.domain.test_report import market

PARTS = ["1"] * 10
CALM = market((0, "99.99", "100.01"))


def looked_at(desk: Desk, parts: list[str] = PARTS, **wishes: Any) -> tuple[History, Findings]:
    history = read_history([*beginning(parts, **wishes), *desk.events])
    return history, findings(history, CALM, None, desk.now)


def all_filled(quantity: str = "10", **wishes: Any) -> tuple[History, Findings]:
    desk = Desk(execution([quantity], **wishes))
    desk.at(wishes.get("duration", seconds(300)).total_seconds() / 2).look()
    desk.fill(quantity, "100.01")
    desk.look()
    return looked_at(desk, [quantity], **wishes)


def half_filled(**wishes: Any) -> tuple[History, Findings]:
    desk = Desk(execution(PARTS, **wishes))
    for number in range(10):
        desk.at(15 + 30 * number).look(window="5", volume="900")
        if desk.execution.open_children:
            desk.fill_all("100.01", trade=f"t{number}")
    desk.at(300).look(volume="1000")
    if desk.execution.open_children:  # The sweep.
        desk.fill("1", "100.01", trade="t10")
        desk.close()
        desk.look(window="0")
    return looked_at(desk, **wishes)


def said(history: History, found: Findings) -> dict[str, Recommendation]:
    return {each.code: each for each in recommendations(history, found)}


def having(found: Findings, part: str, bps: str) -> Findings:
    cost = Cost(Decimal(bps) / 10, Decimal(bps))
    return replace(found, shortfall_parts=replace(found.shortfall_parts, **{part: cost}))


def test_where_nothing_is_wrong_it_says_so_and_by_which_numbers() -> None:
    (only,) = recommendations(*all_filled())

    assert only.code == "nothing_to_change"
    assert only.text == (
        "No rule suggests a change: it cost 1.00 bps before fees, and the cap bound 0 slices."
    )


def test_what_cannot_be_measured_is_not_called_nothing() -> None:
    history, found = all_filled()
    found = replace(found, shortfall_without_fees=Cost(None, None))
    (only,) = recommendations(history, found)

    assert "cannot be measured" in only.text


def steady(volume: str, until: int = 900) -> MarketRecord:
    """Return a market at 100, more or less, in which so much is traded each second."""
    start, places = micros(NOON), 4
    return MarketRecord.of(
        [
            MarketSegment(
                epoch=1,
                began=start,
                ended=start + until * 1_000_000,
                price_places=2,
                quantity_places=places,
                quote_times=[start],
                bids=[9_999],
                asks=[10_001],
                trade_times=[start + second * 1_000_000 for second in range(1, until)],
                prices=[10_000] * (until - 1),
                quantities=[int(Decimal(volume).scaleb(places))] * (until - 1),
            )
        ]
    )


def test_a_binding_cap_names_a_window_in_which_it_does_get_done() -> None:
    history, found = half_filled()

    def bound(record: MarketRecord) -> Recommendation:
        (said,) = (r for r in recommendations(history, found, record) if r.code == "cap_bound")
        return said

    # A tenth of 0.2 a second is 10 in 500 s; but a slice sees only what was traded before it.
    enough = bound(steady("0.2"))
    assert enough.text == (
        "The 10 % cap bound 10 of 10 slices: worked again by the same rules on the recorded volume, a window of "
        "10 minutes would have sufficed."
    )
    assert dict(enough.numbers)["minutes_sufficient"] == 10
    assert not suffices(history, steady("0.2"), 9)
    assert bound(steady("0.05")).text == (
        "The 10 % cap bound 10 of 10 slices: in 15 minutes from its start it allowed 4.49 of 10 at most, and that is "
        "as far as the market is recorded: a smaller order, or a higher cap, is what helps."
    )
    assert bound(steady("0.05", until=3600)).text.endswith(
        "in 30 minutes from its start it allowed 9 of 10 at most, and that is the longest window: "
        "a smaller order, or a higher cap, is what helps."
    )
    assert "minutes_sufficient" not in dict(bound(MarketRecord()).numbers)


def suffices(history: History, record: MarketRecord, minutes: int) -> bool:
    found = other_windows(history, record, minutes)
    return found is not None and found.sufficient == minutes


def test_a_longest_window_that_does_not_suffice_though_the_cap_would_is_named_as_such(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    history, found = half_filled()
    name = "genesis_actors.domain.recommendations.other_windows"
    monkeypatch.setattr(name, lambda *_: OtherWindow(None, 30, Decimal(11)))

    assert said(history, found)["cap_bound"].text.endswith(
        ": worked again by the same rules, not even 30 minutes would have sufficed, and that is the longest "
        "window: a smaller order, or a higher cap, is what helps."
    )


def test_only_the_windows_of_a_twap_are_looked_for_and_only_those_that_can_be_cut() -> None:
    history, _ = half_filled()
    order = replace(history.execution.order, algo=Algo.ICEBERG)
    iceberg = replace(history, execution=history.execution.having(order=order))
    assert other_windows(iceberg, steady("0.2"), 6) is None
    assert begun(history.execution.having(quantity=Decimal("0.001")), CALM, seconds(300)) is None


def test_what_a_replay_is_asked_beside_orders_changes_nothing() -> None:
    history, _ = half_filled()
    replay = Replay(history.execution, CALM, Decimal(1))
    name = next(iter(history.execution.children))
    asked = cancel_of(history.execution, history.execution.children[name])
    replay._perform(Decision(history.execution, effects=(asked,)), NOON)

    assert replay._execution == history.execution


def test_no_window_is_named_where_what_held_it_back_is_not_recorded() -> None:
    history, _ = half_filled()
    assert other_windows(history, steady("0.2"), 6) is not None
    for reason in (Reason.THIN_BOOK, Reason.QUIET_MARKET):
        history.cuts[1, reason] = 1
        assert other_windows(history, steady("0.2"), 6) is None
        del history.cuts[1, reason]


def test_what_the_cap_bound_and_was_caught_up_needs_no_other_window() -> None:
    desk = Desk(execution(["1", "1"]))
    desk.at(75).look(window="5")
    desk.fill_all("100.01", trade="t1")
    desk.at(225).look()
    desk.fill_all("100.01", trade="t2")
    desk.look()
    history, found = looked_at(desk, ["1", "1"])

    assert said(history, found)["cap_bound"].text == (
        "The 10 % cap bound 1 of 2 slices: later slices caught up, and all of it was done within the window."
    )


def test_what_stayed_open_at_the_deadline_is_named_with_what_it_cost() -> None:
    history, found = half_filled()

    assert said(history, found)["left_over"].text == (
        "7.5 of 10 stayed open at the deadline, which had cost 0.00 by then: --on-deadline extend goes on for at most "
        "half the window, sweep takes what the cap allows."
    )
    assert "which had gained 3.00 by then" in (
        said(history, having(found, "opportunity", "-30"))["left_over"].text
    )


def test_what_was_done_at_the_deadline_already_is_not_advised() -> None:
    history, found = half_filled(on_deadline=OnDeadline.SWEEP)
    text = said(history, found)["left_over"].text

    assert "the sweep took what the cap allowed" in text
    assert "--on-deadline" not in text
    assert " of 11 slices" in said(history, found)["cap_bound"].text  # The sweep is one of them.


def test_a_limit_that_stopped_slices_is_named() -> None:
    limit = Decimal(100)
    desk = Desk(execution(["1", "1"], limit_price=limit))
    desk.at(75).look()
    desk.at(300).look()
    history, found = looked_at(desk, ["1", "1"], limit_price=limit)
    found = replace(
        found, shortfall_parts=replace(found.shortfall_parts, opportunity=Cost(None, None))
    )

    assert said(history, found)["left_over"].text == (
        "2 of 2 stayed open at the deadline: the limit price stopped 1 of 2 slices: move it, or accept what is left."
    )


def test_a_spread_that_was_most_of_the_cost_suggests_to_rest() -> None:
    history, found = all_filled()
    paid = having(found, "spread", "1.20")
    paid = replace(paid, shortfall_without_fees=Cost(Decimal("0.2"), Decimal(2)))

    assert said(history, paid)["spread_paid"].text == (
        "The spread was 1.20 of 2.00 bps before fees, and 0 % was traded resting: --style auto rests first, "
        "and each fill it gets saves up to 2.00 bps."
    )
    assert "spread_paid" not in said(history, having(found, "spread", "1.00"))
    rested = replace(paid, spread=replace(paid.spread, maker_share=Decimal("0.51")))
    assert "spread_paid" not in said(history, rested)
    unknown = replace(paid, spread=replace(paid.spread, half_spread_bps=None))
    assert "spread_paid" not in said(history, unknown)


def test_slices_that_went_through_the_touch_are_too_large() -> None:
    history, found = all_filled()

    assert "(2) would each take half as much" in (
        said(history, having(found, "impact", "1.50"))["slices_too_large"].text
    )
    assert "slices_too_large" not in said(history, having(found, "impact", "0.9"))


def marked(found: Findings, low: str | None, drift: str = "0") -> Findings:
    mark = MarkOut(
        seconds=30,
        fills=40,
        fills_not_observed=0,
        cost_quote=Decimal(1),
        cost_bps=Decimal(9),
        low_bps=None if low is None else Decimal(low),
        high_bps=Decimal(12),
        reversion_bps=Decimal(9),
        market_bps=Decimal(drift),
        has_too_few=False,
    )
    return replace(found, markouts=(mark,))


def test_what_came_back_for_certain_beyond_spread_and_drift_is_our_own_impact() -> None:
    history, found = all_filled()  # For 1000, at a half-spread of 1 bps.
    paid = having(found, "impact", "5")  # 0.5 of 1000.1: 5 bps of what was traded, a little less.

    claimed = said(history, marked(paid, "6", "2"))["impact_reverted"]
    assert claimed.text == (
        "30 s after our fills the price was 9.00 bps better (95 %: at least 6.00), while the half-spread was 1.00 and "
        "the market's own drift was 2.00: of the 5.00 bps that we paid beyond the touch, at least 3.00 went away "
        "again. Smaller slices, or more time, cost less."
    )
    # One bps each way: of drift, of what was certain, and of what was paid at all.
    assert "impact_reverted" not in said(history, marked(paid, "6", "4"))
    assert "impact_reverted" not in said(history, marked(paid, "4", "2"))
    assert "impact_reverted" not in said(history, marked(having(found, "impact", "1"), "6", "2"))
    assert "impact_reverted" not in said(history, marked(paid, None))


def test_resting_orders_that_lost_more_than_the_drift_were_picked_off() -> None:
    history, found = all_filled()
    rested = replace(found, spread=replace(found.spread, maker_share=Decimal("0.6")))

    assert "the market's own drift was 1.00" in (
        said(history, marked(rested, "2.01", "1"))["picked_off"].text
    )
    assert "picked_off" not in said(history, marked(rested, "2", "1"))


def test_a_drift_against_an_order_that_used_little_suggests_to_hurry() -> None:
    wishes: dict[str, Any] = {"duration": seconds(1200)}
    history, found = all_filled(**wishes)
    moved = having(found, "drift", "3")

    def faster(found: Findings, record: MarketRecord) -> str | None:
        said = [r for r in recommendations(history, found, record) if r.code == "could_be_faster"]
        return said[0].text if said else None

    assert faster(moved, steady("1", until=1200)) == (
        "The market moved 3.00 bps away on average while we used 0.1 % of its volume: worked again by the same rules "
        "under the 10 % cap, 5 minutes would have sufficed for all of it."
    )
    assert faster(moved, MarketRecord()) == (
        "The market moved 3.00 bps away on average while we used 0.1 % of its volume: the 10 % cap allows more, and "
        "so a shorter window."
    )
    assert faster(moved, steady("0.05", until=1200)) is None  # 10 are not to be had in 20 minutes.
    used = replace(moved, participation=replace(moved.participation, average=Decimal("0.03")))
    assert faster(used, steady("1", until=1200)) is None
    assert faster(found, steady("1", until=1200)) is None
    short, found = all_filled()
    assert "could_be_faster" not in said(short, having(found, "drift", "3"))


def test_a_sweep_that_would_have_been_cheaper_is_said() -> None:
    history, found = all_filled()

    def swept(saved: str, quote: str | None, quantity: str = "10") -> Findings:
        other = Comparison(
            SWEEP,
            quantity=Decimal(quantity),
            price=Decimal(100),
            saved_bps_with_fees=Decimal(saved),
            saved_quote_with_fees=None if quote is None else Decimal(quote),
        )
        return replace(found, comparisons=(other,))

    assert (
        "would have cost 2.50 bps less (0.25)"
        in said(history, swept("-2.5", "-0.25"))["sweep_cheaper"].text
    )
    assert "(unknown)" in said(history, swept("-2.5", None))["sweep_cheaper"].text
    assert "sweep_cheaper" not in said(history, swept("-0.9", "-0.1"))
    assert "sweep_cheaper" not in said(history, swept("-2.5", "-0.25", quantity="9"))


def test_late_slices_are_said_with_what_held_them_back_before_they_were_sent() -> None:
    desk = Desk(execution(["1"] * 4))
    for number, second in enumerate((37.5, 112.5, 187.5, 262.5)):
        desk.at(second).look(window="0" if number == 1 else "1000")
        if number == 1:
            desk.at(second + 10).look()
        desk.fill_all("100.01", trade=f"t{number}")
    desk.look()
    history, found = looked_at(desk, ["1"] * 4)

    assert said(history, found)["slices_late"].text == (
        "Sent more than 1 s after they were due: 1 of 4 slices, one in twenty 10 s or more, "
        "held back by participation cap (1)."
    )
    # What stood in the way of slices that were on time, or came later, is no cause of it.
    history.delayed_at[1, Reason.QUIET_MARKET] = NOON + seconds(30)
    history.delayed_at[2, Reason.THIN_BOOK] = NOON + seconds(130)
    assert said(history, found)["slices_late"].text.endswith("held back by participation cap (1).")
    history.delayed_at.clear()
    assert said(history, found)["slices_late"].text.endswith("one in twenty 10 s or more.")


def test_doubts_and_gaps_are_counted() -> None:
    history, found = all_filled()
    found = replace(
        found,
        incidents=(Incident(NOON, "unknown", "timed out"),),
        gaps=((NOON, NOON + seconds(12)), (NOON + seconds(20), NOON + seconds(21))),
    )

    assert said(history, found)["unknown_orders"].numbers == (("unknown_orders", Decimal(1)),)
    assert "to 1 order was lost" in said(history, found)["unknown_orders"].text
    assert said(history, found)["data_gaps"].text == (
        "Nothing is known of the market for 13 s in 2 gaps: the interval TWAP counts the last mid before as in force, "
        "and the VWAP no trade."
    )


def test_an_old_last_mid_is_said_where_something_stayed_open() -> None:
    desk = Desk(execution(["1", "1"]))
    desk.at(75).look()
    desk.fill_all("100.01")
    desk.at(225).look(window="0")
    desk.at(300).look()
    history = read_history([*beginning(["1", "1"]), *desk.events])
    record = market((0, "99.99", "100.01"), until=50)
    found = findings(history, record, None, desk.now)

    assert said(history, found)["data_gaps"].text == (
        "Nothing is known of the market for 250 s in 1 gap: the interval TWAP counts the last mid before as in force "
        "(without that time: 100), and the VWAP no trade. The last mid is 250 s old, and what stayed open is valued "
        "at it."
    )


def test_an_execution_that_stands_still_is_not_told_that_all_is_well() -> None:
    desk = Desk(execution(["1", "1"]))
    desk.at(75).look()
    desk.fill_all("100.01")
    desk.at(80).pause(Reason.MAX_SLIPPAGE)
    (only,) = recommendations(*looked_at(desk, ["1", "1"]))

    assert only.text.startswith("It is PAUSED (max slippage) with 1 of 2 open, and no rule")


# --- The verdict ---


def test_a_verdict_says_what_was_done_and_what_it_cost() -> None:
    history, found = all_filled()
    first, second, third = verdict(history.execution, found)

    assert first == "Bought 10 of 10 BTC (100.0 %) at 100.01 USDT on average; it is COMPLETED."
    assert second == (
        "Against the arrival price it cost 11.00 bps, 1.10 USDT with fees, first of all fees (+10.00 bps) "
        "and the spread (+1.00 bps)."
    )
    assert third == "Against a plain TWAP we saved 0.00 bps (0.00 USDT)."


def test_a_sweep_that_the_depth_did_not_hold_is_compared_for_what_it_held() -> None:
    desk = Desk(execution(["10"]))
    desk.at(150).look()
    desk.fill("10", "100.01")
    desk.look()
    history = read_history([*beginning(["10"]), *desk.events])
    depth = Depth(NOON, ((Decimal("100.03"), Decimal(4)),))
    said_last = verdict(history.execution, findings(history, CALM, depth, desk.now))[-1]

    assert said_last == (
        "Against one sweep at arrival of the 4 BTC that were seen in the book we saved 2.00 bps (0.08 USDT)."
    )


@pytest.mark.parametrize(("quote", "bps"), [("-2", "-20"), ("0", "0")])
def test_a_gain_and_nothing_are_called_so(quote: str, bps: str) -> None:
    history, found = all_filled()
    found = replace(found, shortfall=Cost(Decimal(quote), Decimal(bps)), comparisons=())
    (_, second) = verdict(history.execution, found)

    assert ("gained 20.00" in second) is (quote == "-2")
    assert ("cost 0.00 bps, 0.00 USDT with fees." in second) is (quote == "0")


def test_what_it_cost_before_fees_is_said_where_only_these_are_not_known() -> None:
    desk = Desk(execution(["10"]))
    desk.at(150).look()
    desk.fill("10", "100.01", fee_currency="BNB")
    desk.look()
    history = read_history([*beginning(["10"]), *desk.events])
    said_second = verdict(history.execution, findings(history, CALM, None, desk.now))[1]

    assert said_second == (
        "Against the arrival price it cost 1.00 bps, 0.10 USDT before fees; those were paid in a currency whose price "
        "is not known."
    )


def test_a_sale_is_called_one_and_an_unknown_cost_unknown() -> None:
    desk = Desk(execution(["1"], side=Side.SELL))
    desk.at(150).look()
    desk.fill("0.5", "99.99")
    history = read_history([*beginning(["1"], side=Side.SELL), *desk.events])
    found = findings(history, MarketRecord(), None, desk.now)
    found = replace(found, shortfall=Cost(None, None))

    first, second = verdict(history.execution, found)
    assert first.startswith("Sold 0.5 of 1 BTC (50.0 %)")
    assert "cannot be measured" in second


def test_a_sweep_is_not_told_to_rest_nor_to_sweep() -> None:
    desk = Desk(execution(["10"], algo=Algo.MARKET)).at(150)
    desk.look()
    desk.fill("4", "100.01")
    desk.close()
    desk.look()
    history, found = looked_at(desk, ["10"], algo=Algo.MARKET)
    dear = having(having(found, "spread", "9"), "drift", "9")
    dear = replace(
        having(dear, "impact", "9"), spread=replace(found.spread, half_spread_bps=Decimal(1))
    )
    told = said(history, dear)

    assert told["book_too_thin"].text == (
        "The book held 4 of 10 within the collar of 50 bps: --algo iceberg or twap works the rest as the market "
        "brings it."
    )
    assert "takes less from the book at once" in told["slices_too_large"].text
    assert not {"spread_paid", "could_be_faster", "sweep_cheaper"} & set(told)
    assert not any("one sweep" in sentence for sentence in verdict(history.execution, found))


def test_of_an_iceberg_clips_are_spoken_of_and_no_window() -> None:
    wishes: dict[str, Any] = {"algo": Algo.ICEBERG, "duration": seconds(600)}
    desk = Desk(execution(["2", "2"], **wishes))
    desk.at(150).look(window="15")
    desk.at(210).look(window="15")
    desk.fill_all("100.01")
    desk.at(211).look(window="15")
    history, found = looked_at(desk, ["2", "2"], **wishes)
    told = said(history, found)["cap_bound"].text

    assert told.startswith("The 10 % cap bound 1 of 2 clips: ")
    assert "it lets clips pass only as the market trades" in told
