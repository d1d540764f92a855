"""Reports of executions, one or many, from a database alone: with or without an engine that works on it. Read-only."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, cast

from genesis_actors.domain.attribution import PARTS, By, ExecutionCost, grouped, next_changes
from genesis_actors.domain.report import SCHEMA
from genesis_actors.report_view import plain, report_view
from genesis_actors.storage import queries
from genesis_actors.storage.analysis import load_evidence
from genesis_actors.storage.database import Database, Target
from genesis_actors.values import ExecutionState, exact, parse_time, time_text
from genesis_actors.views import View

_MOST_SHOWN = 10


def report_of(
    target: Target, name: str, *, again: bool = False, now: datetime | None = None
) -> View:
    """Return the report of the execution that `name` means, as it was stored, or made from the journal and market.

    It is made anew where it has not been stored, is not complete yet, or with `again`. `now` is the time of the engine
    that works on the database, None where none does. Raises StorageError.
    """
    database = Database.of(target)
    key = queries.execution(database, name).execution_id
    stored = None if again else queries.report(database, key)
    if stored is not None:
        view: View = json.loads(stored)
        if view.get("schema") == SCHEMA and view["is_final"]:
            return view
    return report_view(load_evidence(database, key).report(now))


def portfolio_of(target: Target, since: timedelta | datetime | None, by: By) -> View:
    """Return what the executions that have ended cost together: those since a time, or so long before the newest end.

    It counts from the newest end and not from now, because the times of a replay are those of its recording.
    """
    database = Database.of(target)
    ended = [state for state in ExecutionState if state.is_final]
    rows = [
        row for row in queries.executions(database, states=ended) if row.finished_at is not None
    ]
    newest = max((row.finished_at for row in rows if row.finished_at is not None), default=None)
    start = newest - since if isinstance(since, timedelta) and newest is not None else since
    costs = [
        _cost(report_of(database, row.execution_id))
        for row in rows
        if not isinstance(start, datetime)
        or (row.finished_at is not None and row.finished_at >= start)
    ]
    worst = sorted(grouped(costs, By.SYMBOL), key=lambda row: -(row.worst_bps or 0))
    return {
        "since": None if not isinstance(start, datetime) else time_text(start),
        "until": None if newest is None else time_text(newest),
        "by": by.value,
        "executions": len(costs),
        "groups": _views(grouped(costs, by)),
        "by_symbol": _views(grouped(costs, By.SYMBOL)),
        "worst": [
            {"execution": row.worst_execution, "symbol": row.key, "bps": plain(row.worst_bps)}
            for row in worst[:_MOST_SHOWN]
            if row.worst_execution is not None
        ],
        "next_changes": [
            {**cast("View", plain(change)), "symbols": dict(change.symbols)}
            for change in next_changes(costs)
        ],
    }


def _views(rows: object) -> list[View]:
    found = cast("list[dict[str, Any]]", plain(rows))
    return [{**row, "parts_bps": dict(row["parts_bps"])} for row in found]


@exact
def _cost(view: Mapping[str, Any]) -> ExecutionCost:
    """Return a report in short."""
    x = view["execution"]
    arrival, quantity = _number(x["arrival_price"]), Decimal(x["quantity"])
    filled = Decimal(x["filled_quantity"])
    against, others = view["benchmarks"], view["comparisons"]
    sweep = others["sweep_at_arrival"]
    swept = _number(sweep["quantity"])
    return ExecutionCost(
        execution_id=x["id"],
        symbol=x["symbol"],
        side=x["side"],
        style=view["style"],
        venue=view["venue"],
        started_at=None if x["started_at"] is None else parse_time(x["started_at"]),
        value_quote=None if arrival is None else quantity * arrival,
        filled_value_quote=None if arrival is None else filled * arrival,
        shortfall_quote=_number(view["shortfall"]["quote"]),
        parts={part: _number(view["shortfall_parts"][part]["quote"]) for part in PARTS},
        twap_cost_quote=_number(against["twap"]["cost_quote"]),
        vwap_cost_quote=_number(against["vwap"]["cost_quote"]),
        saved_to_plain_twap_quote=_number(others["plain_twap"]["saved_quote_with_fees"]),
        saved_to_sweep_quote=_number(sweep["saved_quote_with_fees"]),
        sweep_value_quote=None if arrival is None or swept is None else swept * arrival,
        recommendations=tuple((each["code"], each["text"]) for each in view["recommendations"]),
    )


def _number(value: str | None) -> Decimal | None:
    return None if value is None else Decimal(value)
