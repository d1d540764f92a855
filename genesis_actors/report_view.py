"""A report as the outside sees it: the JSON that is stored, shown, and drawn from. Its schema is in its first field."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any, Final, cast

from genesis_actors.domain.report import ExecutionReport
from genesis_actors.values import decimal_text, time_text
from genesis_actors.views import View, execution_view, fill_views, slice_views

_BY_NAME: Final = ("benchmarks", "comparisons")


def report_view(report: ExecutionReport) -> View:
    """Return the report: decimals as text, times RFC 3339 UTC, unknown figures None."""
    found = cast("dict[str, Any]", plain(report.findings))
    named = {name: {each.pop("name"): each for each in found.pop(name)} for name in _BY_NAME}
    gaps = found.pop("gaps")
    return {
        "schema": report.schema,
        "execution": execution_view(report.execution, report.slices, None),
        "style": str(report.style),
        "venue": report.venue,
        "verdict": list(report.verdict),
        **{name: found.pop(name) for name in ("shortfall_parts", "shortfall")},
        "shortfall_without_fees": found.pop("shortfall_without_fees"),
        **named,
        "markouts": found.pop("markouts"),
        "latency": found.pop("latency"),
        "incidents": found.pop("incidents"),
        "recommendations": [
            {"code": each.code, "text": each.text, "numbers": plain(dict(each.numbers))}
            for each in report.recommendations
        ],
        "reasons": {each["reason"]: each["slices"] for each in found.pop("reasons")},
        **found,
        "data_gaps": [{"at": since, "until": until} for since, until in gaps],
        "as_of": plain(report.as_of),
        "recorded_until": plain(report.recorded_until),
        "is_final": report.is_final,
        "slices_filled": report.slices_filled,
        "slices_partial": report.slices_partial,
        "slices_skipped": report.slices_skipped,
        "child_orders": len(report.orders),
        "slices": slice_views(report.slices, report.orders),
        "fills": fill_views(report.fills, report.orders),
        # By far the longest of all, so without asking of each value what it is.
        "path": [[time_text(at), _text(bid), _text(ask)] for at, bid, ask in report.path],
        "volumes": [[time_text(at), decimal_text(volume)] for at, volume in report.volumes],
    }


def plain(value: object) -> object:
    """Return a value as JSON has it.

    >>> plain((Decimal("1.50"), None, True))
    ['1.5', None, True]
    """
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, Decimal):
        return decimal_text(value)
    if isinstance(value, datetime):
        return time_text(value)
    if isinstance(value, dict):
        return {key: plain(each) for key, each in cast("dict[str, object]", value).items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in cast("Sequence[object]", value)]
    return {name: plain(getattr(value, name)) for name in _field_names(type(value))}


@cache
def _field_names(dataclass: type) -> tuple[str, ...]:
    return tuple(each.name for each in fields(dataclass))


def _text(price: Decimal | None) -> str | None:
    return None if price is None else decimal_text(price)
