"""The report of one execution: what it did, what it cost, and why its slices came out as they did."""

from __future__ import annotations

from collections import Counter

from pydantic import BaseModel, ConfigDict

from genesis_actors.messages.control import ExecutionStatus
from genesis_actors.messages.persistence import ExecutionRow, FillRow, SliceRow
from genesis_actors.values import SliceStatus

SCHEMA = "genesis-report/1"


class ReasonCount(BaseModel):
    """How many slices a rule skipped, cut or delayed last."""

    model_config = ConfigDict(frozen=True)

    reason: str
    slices: int


class ExecutionReport(BaseModel):
    """Everything in quote currency, base quantities, or bps (positive = cost); unknown figures are None."""

    model_config = ConfigDict(frozen=True)

    schema_name: str = SCHEMA
    execution: ExecutionRow
    slices_filled: int
    slices_partial: int
    slices_skipped: int
    child_orders: int
    reasons: tuple[ReasonCount, ...]
    slices: tuple[SliceRow, ...]
    fills: tuple[FillRow, ...]


def generate_execution_report(status: ExecutionStatus) -> ExecutionReport:
    """Return the report of an execution from all that is known of it. Pure; the numbers are those of its rows.

    >>> from dataclasses import fields
    >>> known = {"execution_id": "x1", "state": "QUEUED"}
    >>> row = ExecutionRow(**{field.name: known.get(field.name) for field in fields(ExecutionRow)})
    >>> report = generate_execution_report(ExecutionStatus(row, slices=(), orders=(), fills=()))
    >>> report.execution.execution_id, report.slices_filled, report.child_orders
    ('x1', 0, 0)
    """
    states = Counter(part.status for part in status.slices)
    reasons = Counter(part.reason for part in status.slices if part.reason is not None)
    return ExecutionReport(
        execution=status.execution,
        slices_filled=states[SliceStatus.FILLED],
        slices_partial=states[SliceStatus.PARTIAL],
        slices_skipped=states[SliceStatus.SKIPPED],
        child_orders=len(status.orders),
        reasons=tuple(
            ReasonCount(reason=reason, slices=count)
            for reason, count in sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
        ),
        slices=status.slices,
        fills=status.fills,
    )
