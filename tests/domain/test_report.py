"""The report of one execution."""

from __future__ import annotations

from genesis_actors.domain.projection import all_rows
from genesis_actors.domain.report import ReasonCount, generate_execution_report
from genesis_actors.messages.control import ExecutionStatus
from tests.domain.executions import Desk, execution


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
    everything = all_rows(desk.execution, desk.events, "paper")
    report = generate_execution_report(
        ExecutionStatus(
            everything.execution, everything.slices, everything.orders, everything.fills
        )
    )

    assert (report.slices_filled, report.slices_partial, report.slices_skipped) == (1, 1, 3)
    assert report.child_orders == 3
    assert report.reasons == (
        ReasonCount(reason="deadline", slices=2),
        ReasonCount(reason="thin_book", slices=2),
    )
    assert report.execution == everything.execution
    assert (report.slices, report.fills) == (everything.slices, everything.fills)
