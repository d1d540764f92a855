"""Each rule by its numbers: one that applies, and one that just does not."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from genesis_actors.domain.comparisons import SWEEP, Comparison
from genesis_actors.domain.findings import Findings, findings
from genesis_actors.domain.history import History, Incident, read_history
from genesis_actors.domain.market_record import Depth, MarketRecord
from genesis_actors.domain.markouts import MarkOut
from genesis_actors.domain.recommendations import Recommendation, recommendations
from genesis_actors.domain.shortfall import Cost
from genesis_actors.domain.timing import LatencySummary
from genesis_actors.domain.verdict import verdict
from genesis_actors.values import Algo, Side
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


def test_a_binding_cap_names_the_window_that_would_have_sufficed() -> None:
    history, found = half_filled()
    bound = said(history, found)["cap_bound"]

    # A tenth of 1000 in 5 minutes is 100: 10 take half a minute, so it was the slices' own minutes that were thin.
    assert bound.text.startswith("The 10 % cap bound 10 of 10 slices: volume came unevenly")
    longer = replace(found, participation=replace(found.participation, market_volume=Decimal(50)))
    assert said(history, longer)["cap_bound"].text == (
        "The 10 % cap bound 10 of 10 slices: at the volume that was seen, a 10-minute window would have sufficed."
    )


def test_without_any_volume_no_window_would_have_done() -> None:
    history, found = half_filled()
    dead = replace(found, participation=replace(found.participation, market_volume=Decimal(0)))

    assert "no window would have done" in said(history, dead)["cap_bound"].text


def test_what_stayed_open_at_the_deadline_is_named_with_what_it_cost() -> None:
    history, found = half_filled()

    assert said(history, found)["left_over"].text == (
        "7.5 of 10 stayed open at the deadline, which has cost 0.00 so far: --on-deadline extend goes on for at most "
        "half the window, sweep takes what the cap allows."
    )


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


def test_a_price_that_came_back_for_certain_is_our_own_impact() -> None:
    history, found = all_filled()

    def marked(low: str | None) -> Findings:
        mark = MarkOut(
            seconds=30,
            fills=40,
            fills_not_observed=0,
            cost_quote=Decimal(1),
            cost_bps=Decimal(4),
            low_bps=None if low is None else Decimal(low),
            high_bps=Decimal(7),
            reversion_bps=Decimal(4),
            has_too_few=False,
        )
        return replace(found, markouts=(mark,))

    assert "impact_reverted" in said(history, marked("1.01"))
    rested = replace(found.spread, maker_share=Decimal("0.6"))
    assert "picked_off" in said(history, replace(marked("1.01"), spread=rested))
    assert "impact_reverted" not in said(history, marked("1.00"))
    assert "impact_reverted" not in said(history, marked(None))


def test_a_drift_against_an_order_that_used_little_suggests_to_hurry() -> None:
    wishes: dict[str, Any] = {"duration": seconds(1200)}
    history, found = all_filled(**wishes)
    moved = having(found, "drift", "3")

    assert said(history, moved)["could_be_faster"].text == (
        "The market moved 3.00 bps away on average while we used 0.1 % of its volume; the cap of 10 % would have "
        "allowed all of it in 5 minutes."
    )
    used = replace(moved, participation=replace(moved.participation, average=Decimal("0.03")))
    assert "could_be_faster" not in said(history, used)
    short, found = all_filled()
    assert "could_be_faster" not in said(short, having(found, "drift", "3"))
    assert "could_be_faster" not in said(history, found)


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


def test_late_slices_are_said_with_their_causes() -> None:
    history, found = half_filled()
    late = LatencySummary(10, Decimal(100), Decimal(2500), Decimal(3000))
    found = replace(found, latency=replace(found.latency, due_to_sent=late))

    assert said(history, found)["slices_late"].text.startswith(
        "One slice in twenty was sent 2.5 s or more after it was due: "
    )
    without = replace(found, reasons=())
    assert said(history, without)["slices_late"].text.endswith("after it was due.")


def test_doubts_and_gaps_are_counted() -> None:
    history, found = all_filled()
    found = replace(
        found,
        incidents=(Incident(NOON, "unknown", "timed out"),),
        gaps=((NOON, NOON + seconds(12)), (NOON + seconds(20), NOON + seconds(21))),
    )

    assert said(history, found)["unknown_orders"].numbers == (("unknown_orders", Decimal(1)),)
    assert "for 13 s in 2 gaps" in said(history, found)["data_gaps"].text


# --- The verdict ---


def test_a_verdict_says_what_was_done_and_what_it_cost() -> None:
    history, found = all_filled()
    first, second, third = verdict(history.execution, found)

    assert first == "Bought 10 of 10 BTC (100.0 %) at 100.01 USDT on average; it is COMPLETED."
    assert second == (
        "Against the arrival price it cost 11.00 bps, 1.10 USDT with fees, most of it fees (+10.00 bps) "
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
        "Against one sweep at arrival of the 4 BTC that the depth held we saved 2.00 bps (0.08 USDT)."
    )


@pytest.mark.parametrize(("quote", "bps"), [("-2", "-20"), ("0", "0")])
def test_a_gain_and_nothing_are_called_so(quote: str, bps: str) -> None:
    history, found = all_filled()
    found = replace(found, shortfall=Cost(Decimal(quote), Decimal(bps)), comparisons=())
    (_, second) = verdict(history.execution, found)

    assert ("gained 20.00" in second) is (quote == "-2")
    assert ("cost 0.00 bps, 0.00 USDT with fees." in second) is (quote == "0")


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
    assert "it lets all of it pass in" in told
