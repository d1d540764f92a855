"""The report of one execution, by hand."""

from __future__ import annotations

from decimal import Decimal

import pytest

from genesis_actors.domain.market_record import MarketRecord, MarketSegment, micros
from genesis_actors.domain.quality import ReasonCount
from genesis_actors.domain.report import ExecutionReport, generate_execution_report
from genesis_actors.report_view import report_view
from genesis_actors.values import Side
from tests.domain.executions import NOON, Desk, beginning, execution, seconds


def a_report(desk: Desk, parts: list[str], record: MarketRecord | None = None) -> ExecutionReport:
    journal = [*beginning(parts, side=desk.execution.order.side), *desk.events]
    return generate_execution_report(journal, record or MarketRecord())


def market(*quotes: tuple[float, str, str], until: float = 900) -> MarketRecord:
    """Return a market whose touches came at these seconds after noon, and that trades 10 each second at the mid."""
    start = micros(NOON)
    return MarketRecord.of(
        [
            MarketSegment(
                epoch=1,
                began=start,
                ended=start + int(until * 1_000_000),
                price_places=2,
                quantity_places=0,
                quote_times=[start + int(at * 1_000_000) for at, _, _ in quotes],
                bids=[int(Decimal(bid) * 100) for _, bid, _ in quotes],
                asks=[int(Decimal(ask) * 100) for _, _, ask in quotes],
                trade_times=[start + second * 1_000_000 for second in range(int(until))],
                prices=[10_000] * int(until),
                quantities=[10] * int(until),
            )
        ]
    )


def test_a_report_counts_its_slices_and_their_reasons() -> None:
    desk = Desk(execution(["1"] * 5))
    desk.at(30).look()
    desk.fill("1", trade="t1")
    desk.at(90).look()
    desk.fill("0.5", trade="t2")
    desk.close()
    desk.at(150).look()
    desk.close()
    desk.at(300).look()
    report = a_report(desk, ["1"] * 5)

    assert (report.slices_filled, report.slices_partial, report.slices_skipped) == (1, 1, 3)
    assert len(report.orders) == 3
    assert report.findings.reasons == (
        ReasonCount("deadline", 2),
        ReasonCount("thin_book", 2),
    )
    assert report.execution.state == "INCOMPLETE"
    assert len(report.fills) == 2


def test_a_buy_that_ended_with_a_part_open_is_taken_apart_by_hand() -> None:
    desk = Desk(execution(["1", "1"]))
    desk.at(75).look(bid="100.10", ask="100.30", volume="400")  # mid 100.20
    desk.fill("0.5", "100.30", trade="t1")
    desk.fill("0.5", "100.40", trade="t2")
    desk.at(225).look(bid="100.10", ask="100.30", window="0")
    desk.at(300).look()
    parts = a_report(desk, ["1", "1"]).findings.shortfall_parts

    # Arrival, start and TWAP are 100, the last mid 100; 1 of 2 filled, for 100.35; fees a thousandth of that.
    assert (parts.delay.quote, parts.drift.quote, parts.opportunity.quote) == (0, 0, 0)
    assert parts.schedule.quote == Decimal("0.20")  # 1 x (100.20 - 100)
    assert parts.spread.quote == Decimal("0.10")  # 1 x (100.30 - 100.20)
    assert parts.impact.quote == Decimal("0.05")  # 100.35 - 100.30
    assert parts.fees.quote == Decimal("0.10035")
    assert parts.schedule.bps == 10  # 0.20 of 2 x 100


def test_what_a_sale_gets_below_its_benchmark_is_a_cost() -> None:
    desk = Desk(execution(["1"], side=Side.SELL))
    desk.at(150).look(bid="99.80", ask="100.00")  # mid 99.90
    desk.fill("1", "99.80")
    found = a_report(desk, ["1"]).findings

    assert found.shortfall_parts.schedule.quote == Decimal("0.10")
    assert found.shortfall_parts.spread.quote == Decimal("0.10")
    assert found.benchmarks[0].cost_quote == Decimal("0.20")
    assert found.spread.capture == -1


def test_without_a_fill_nothing_is_measured_but_what_was_missed() -> None:
    desk = Desk(execution(["1"]))
    desk.at(150).look(window="0")
    desk.at(300).look()
    report = a_report(desk, ["1"], market((0, "99.99", "100.01")))

    assert report.findings.shortfall.quote == 0
    assert report.findings.benchmarks[0].slippage_bps is None
    assert all(other.saved_bps is None for other in report.findings.comparisons)
    assert report.verdict[0] == "Nothing of 1 BTC was traded; it is INCOMPLETE."


def test_other_ways_are_compared_for_the_same_quantity() -> None:
    desk = Desk(execution(["1", "1"]))
    desk.at(75).look()
    desk.fill("1", "100.01", trade="t1")
    desk.at(225).look()
    desk.fill("1", "100.01", trade="t2")
    record = market((0, "99.99", "100.01"), (100, "98.99", "99.01"), (200, "99.99", "100.01"))
    best, feasible, plain, sweep = a_report(desk, ["1", "1"], record).findings.comparisons

    assert (best.price, best.saved_quote) == (Decimal("99.01"), Decimal("-2.00"))
    assert feasible.saved_bps == -100  # 10 a second and a cap of 10 % are enough for 2
    assert (plain.price, plain.saved_quote) == (Decimal("100.01"), 0)
    assert sweep.price is None  # The depth was not recorded.


def test_a_mark_out_is_how_much_better_the_price_was_later() -> None:
    desk = Desk(execution(["1"]))
    desk.at(150).look()
    desk.fill("1", "100.01")
    record = market((0, "99.99", "100.01"), (151, "99.00", "99.02"), until=220)
    marks = {mark.seconds: mark for mark in a_report(desk, ["1"], record).findings.markouts}

    assert marks[1].cost_quote == Decimal("1.00")
    assert marks[1].reversion_bps == 99
    assert marks[1].has_too_few
    assert (marks[300].fills, marks[300].fills_not_observed) == (0, 1)


def test_a_benchmark_over_a_gap_is_flagged() -> None:
    desk = Desk(execution(["1"]))
    desk.at(150).look()
    desk.fill("1", "100.01")
    desk.at(151).look()
    record = market((0, "99.99", "100.01"), until=100)
    found = a_report(desk, ["1"], record).findings

    over_gap = [cost.name for cost in found.benchmarks if cost.is_over_gap]
    assert over_gap == ["twap", "vwap", "last_mid"]  # That is 51 s old.
    assert found.benchmarks[3].price_without_gaps == 100
    assert found.gaps == ((NOON + seconds(100), NOON + seconds(151)),)
    assert [each.kind for each in found.incidents] == ["data_gap"]
    assert found.comparisons[0].price is None


def test_what_is_recorded_last_is_no_gap_while_it_is_still_to_be_written_down() -> None:
    desk = Desk(execution(["1", "1"]))
    desk.at(75).look()
    desk.fill("1", "100.01")
    nothing_yet = a_report(desk, ["1", "1"], MarketRecord())
    first_minute = a_report(desk, ["1", "1"], market((0, "99.99", "100.01"), until=60))

    assert nothing_yet.findings.gaps == first_minute.findings.gaps == ()
    assert not any(cost.is_over_gap for cost in nothing_yet.findings.benchmarks)


def test_a_paused_execution_is_looked_at_as_of_now() -> None:
    desk = Desk(execution(["1", "1"]))
    desk.at(75).look()
    desk.fill("1", "100.01")
    desk.at(80).pause()
    journal = [*beginning(["1", "1"]), *desk.events]
    record = market((0, "99.99", "100.01"), (100, "103.99", "104.01"), until=200)
    report = generate_execution_report(journal, record, now=NOON + seconds(230))

    assert report.as_of == NOON + seconds(230)
    assert report.findings.timing.paused_seconds == 150
    # The market is known for 200 s: half of them at 100, half at 104.
    assert report.recorded_until == NOON + seconds(200)
    assert report.execution.twap_benchmark == 102
    assert report.findings.shortfall_parts.opportunity.quote == 4


def test_the_journal_of_an_earlier_version_gives_a_queued_execution_its_window_by_the_record() -> (
    None
):
    first, begun = beginning(["1"])
    desk = Desk(execution(["1"]))
    desk.at(150).look()
    desk.fill("1", "100.01")
    desk.at(151).look()  # Its summaries begin at noon, when it was accepted.
    late = begun.model_copy(update={"at": NOON + seconds(100)})
    journal = [first, late, *desk.events]
    record = market((0, "99.99", "100.01"), (50, "103.99", "104.01"), until=500)
    unknown = generate_execution_report(journal)
    known = generate_execution_report(journal, record)

    assert unknown.execution.twap_benchmark is None
    assert unknown.findings.shortfall_parts.delay.quote is None
    assert known.execution.twap_benchmark == 104
    assert known.findings.shortfall_parts.delay.quote == 4


def test_a_report_is_final_once_the_market_is_recorded_for_as_long_as_it_matters() -> None:
    desk = Desk(execution(["1"]))
    desk.at(150).look(window="0")
    desk.at(300).look()
    early, late, later = (
        a_report(desk, ["1"], market((0, "99.99", "100.01"), until=until))
        for until in (300, 601, 640)
    )

    assert (early.is_final, late.is_final) == (False, True)
    assert late.recorded_until == NOON + seconds(600)
    assert report_view(late) == report_view(later)


def test_a_report_is_the_same_however_often_it_is_made() -> None:
    desk = Desk(execution(["1"]))
    desk.at(150).look()
    desk.fill("1", "100.01")
    record = market((0, "99.99", "100.01"))

    assert report_view(a_report(desk, ["1"], record)) == report_view(a_report(desk, ["1"], record))


def test_a_journal_without_its_beginning_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one event"):
        generate_execution_report([])
