"""The charts of a report, as plotly's own JSON: colours are names that the page replaces by those of its theme."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Final, TypeAlias, TypeVar

View: TypeAlias = Mapping[str, Any]
Trace: TypeAlias = dict[str, Any]
T = TypeVar("T")

GOOD, BAD, LINE, SOFT, MARK, EDGE = "$good", "$bad", "$line", "$soft", "$mark", "$edge"
"""Colours by what they mean: a gain, a cost, the subject, its band, our trades, a limit."""

MOST_MARKS: Final = 600
"""Of our fills in one chart: more cannot be told apart."""

_PARTS: Final = ("delay", "spread", "drift", "schedule", "impact", "opportunity", "fees")


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart with what it shows in words, for whoever cannot see it."""

    name: str
    title: str
    says: str
    traces: Sequence[Trace]
    layout: Trace


def charts(view: View) -> list[Chart]:
    """Return the charts for which the report has figures."""
    return [chart for chart in _all(view) if any(_shows(trace) for trace in chart.traces)]


def _all(view: View) -> Iterator[Chart]:
    quote = view["execution"]["symbol"].partition("/")[2]
    yield _waterfall(view, quote)
    yield _price_path(view, quote)
    yield _fill_curve(view)
    yield _slippage(view)
    yield _participation(view)
    yield _markouts(view)
    yield _comparisons(view)
    yield _latency(view)
    yield _timeline(view)


def _shows(trace: Trace) -> bool:
    """Tell whether there is anything to see: bars of zero are none."""
    return any(value is not None and (trace["type"] != "bar" or value) for value in trace["y"])


def _waterfall(view: View, quote: str) -> Chart:
    parts = view["shortfall_parts"]
    values = [_number(parts[name]["bps"]) for name in _PARTS]
    whole = _number(view["shortfall"]["bps"])
    trace = {
        "type": "waterfall",
        "x": [*_PARTS, "together"],
        "y": [*values, whole],
        "measure": [*("relative" for _ in _PARTS), "total"],
        "text": [_signed(value) for value in (*values, whole)],
        "textposition": "outside",
        "cliponaxis": False,
        "increasing": {"marker": {"color": BAD}},
        "decreasing": {"marker": {"color": GOOD}},
        "totals": {"marker": {"color": LINE}},
        "connector": {"line": {"color": EDGE, "width": 1}},
        "hovertemplate": "%{x}: %{y:.2f} bps<extra></extra>",
    }
    says = f"Parts of the implementation shortfall in bps of the order, {quote} in the table below."
    return Chart("waterfall", "Where the cost came from (bps, up is cost)", says, [trace], {})


def _price_path(view: View, quote: str) -> Chart:
    times = [_short(point[0]) for point in view["path"]]
    bids, asks = ([_number(p[n]) for p in view["path"]] for n in (1, 2))
    fills = _thinned(view["fills"])
    traces: list[Trace] = [
        {
            "type": "scatter",
            "name": "bid",
            "x": times,
            "y": bids,
            "mode": "lines",
            "line": {"shape": "hv", "width": 1, "color": SOFT},
            "hovertemplate": "%{y}<extra>bid</extra>",
        },
        {
            "type": "scatter",
            "name": "bid to ask",
            "x": times,
            "y": asks,
            "mode": "lines",
            "fill": "tonexty",
            "fillcolor": "$band",
            "line": {"shape": "hv", "width": 1, "color": LINE},
            "hovertemplate": "%{y}<extra>ask</extra>",
        },
        {
            "type": "scatter",
            "name": "fills",
            "x": [_short(fill["at"]) for fill in fills],
            "y": [float(fill["price"]) for fill in fills],
            "text": [fill["quantity"] for fill in fills],
            "mode": "markers",
            "marker": {"color": MARK, "size": 7, "line": {"width": 1, "color": "$paper"}},
            "hovertemplate": "%{text} at %{y}<extra>fill</extra>",
        },
    ]
    lines = [
        (label, view["benchmarks"][name]["price"], dash)
        for name, label, dash in (
            ("arrival", "arrival", "dot"),
            ("twap", "TWAP", "dash"),
            ("vwap", "VWAP", "dashdot"),
        )
    ]
    end = view["execution"]["finished_at"] or view["as_of"]
    start = view["execution"]["created_at"]
    traces += [
        {
            "type": "scatter",
            "name": label,
            "x": [start, end],
            "y": [float(price), float(price)],
            "mode": "lines",
            "line": {"dash": dash, "width": 1.5, "color": EDGE},
            "hovertemplate": f"{label} %{{y}}<extra></extra>",
        }
        for label, price, dash in lines
        if price is not None and end is not None
    ]
    return Chart(
        "price",
        f"Price and our fills ({quote}; pauses and gaps shaded)",
        "The touch over time with every fill, the arrival price, the interval TWAP and VWAP.",
        traces,
        {"shapes": _shades(view), "yaxis": {"tickformat": ",~r"}},
    )


def _shades(view: View) -> list[Trace]:
    spans = [i for i in view["incidents"] if i["kind"] in {"paused", "data_gap"} and i["until"]]
    return [
        {
            "type": "rect",
            "xref": "x",
            "yref": "paper",
            "x0": span["at"],
            "x1": span["until"],
            "y0": 0,
            "y1": 1,
            "fillcolor": "$shade",
            "line": {"width": 0},
        }
        for span in spans
    ]


def _fill_curve(view: View) -> Chart:
    x = view["execution"]
    start, whole = x["started_at"], float(x["quantity"])
    due = sorted((part["due_at"], float(part["planned_quantity"])) for part in view["slices"])
    fills = [(_short(fill["at"]), float(fill["quantity"])) for fill in view["fills"]]
    end = x["finished_at"] or view["as_of"]
    allowed = [min(_cap_at(view, at) * float(volume), whole) for at, volume in view["volumes"]]

    def curve(name: str, steps: Sequence[tuple[str, float]], color: str, dash: str) -> Trace:
        totals = list(accumulate((quantity for _, quantity in steps), initial=0.0))
        times = [start, *(at for at, _ in steps)]
        totals = [float(f"{total:.10g}") for total in _thinned(totals)]
        times = list(_thinned(times))
        if end is not None and times[-1] is not None and times[-1] < end:
            times, totals = [*times, end], [*totals, totals[-1]]
        return {
            "type": "scatter",
            "name": name,
            "x": times,
            "y": totals,
            "mode": "lines",
            "line": {"shape": "hv", "color": color, "dash": dash, "width": 2},
            "hovertemplate": f"%{{y:.6~g}}<extra>{name}</extra>",
        }

    traces = [
        {
            "type": "scatter",
            "name": "allowed by the cap",
            "x": [at for at, _ in view["volumes"]],
            "y": allowed,
            "mode": "lines",
            "line": {"color": EDGE, "width": 1, "dash": "dot"},
            "hovertemplate": "%{y:.6~g}<extra>cap</extra>",
        },
        curve("schedule", due, SOFT, "dash"),
        curve("filled", fills, MARK, "solid"),
    ]
    base = x["symbol"].partition("/")[0]
    return Chart(
        "filled",
        f"Filled against the schedule ({base})",
        "What was filled over time, what the schedule wanted, and what the cap allowed.",
        traces,
        {},
    )


def _bars(x: Sequence[object], y: Sequence[float | None], hover: str) -> Trace:
    return {
        "type": "bar",
        "x": list(x),
        "y": list(y),
        "marker": {"color": [BAD if (value or 0) > 0 else GOOD for value in y]},
        "hovertemplate": f"{hover}<extra></extra>",
    }


def _slippage(view: View) -> Chart:
    parts = view["slices"]
    values = [_number(part["slippage_bps"]) for part in parts]
    trace = _bars([p["number"] for p in parts], values, "slice %{x}: %{y:.2f} bps")
    return Chart(
        "slippage",
        "Slippage of each slice against its own mid (bps)",
        "For each slice how much worse than the mid at its first order it was filled.",
        [trace],
        {"xaxis": {"title": {"text": "slice"}, "type": "category"}},
    )


def _participation(view: View) -> Chart:
    parts = view["slices"]
    numbers = [part["number"] for part in parts]
    shares = [_percent(part["participation_rate"]) for part in parts]
    caps = [100 * _cap_at(view, part["sent_at"] or part["due_at"]) for part in parts]
    traces: list[Trace] = [
        {
            "type": "bar",
            "name": "slice",
            "x": numbers,
            "y": shares,
            "marker": {"color": LINE},
            "hovertemplate": "slice %{x}: %{y:.2f} %<extra></extra>",
        }
    ]
    if any(share is not None for share in shares):
        traces.append(
            {
                "type": "scatter",
                "name": "cap",
                "x": numbers,
                "y": caps,
                "mode": "lines",
                "line": {"shape": "hvh", "color": BAD, "dash": "dash", "width": 1.5},
                "hovertemplate": "cap %{y} %<extra></extra>",
            }
        )
    return Chart(
        "participation",
        "Share of the market's volume, slice by slice (%)",
        "Each slice's share of the volume before it, against the cap.",
        traces,
        {"xaxis": {"title": {"text": "slice"}, "type": "category"}},
    )


def _markouts(view: View) -> Chart:
    marks = view["markouts"]
    values = [_number(mark["cost_bps"]) for mark in marks]
    errors = [
        None if mark["high_bps"] is None else float(mark["high_bps"]) - float(mark["cost_bps"])
        for mark in marks
    ]
    is_certain = [mark["high_bps"] is not None for mark in marks]
    trace = {
        "type": "scatter",
        "name": "cost",
        "x": [f"{mark['seconds']} s" for mark in marks],
        "y": values,
        "mode": "lines+markers" if any(is_certain) else "markers",
        "line": {"color": LINE},
        "marker": {
            "color": LINE,
            "size": 9,
            "symbol": ["circle" if certain else "circle-open" for certain in is_certain],
        },
        "error_y": {"type": "data", "array": errors, "color": EDGE, "thickness": 1.5},
        "text": [
            f"{mark['fills']} fills" + ("" if certain else ", too few for an interval")
            for mark, certain in zip(marks, is_certain, strict=True)
        ],
        "hovertemplate": "%{x} later: %{y:.2f} bps, %{text}<extra></extra>",
    }
    drift = {
        "type": "scatter",
        "name": "the market's own drift",
        "x": trace["x"],
        "y": [
            None if value is None else _number(mark["market_bps"])
            for mark, value in zip(marks, values, strict=True)
        ],
        "mode": "lines",
        "line": {"color": EDGE, "dash": "dot", "width": 1.5},
        "hovertemplate": "%{x}: %{y:.2f} bps of drift<extra></extra>",
    }
    return Chart(
        "markouts",
        "Mark-outs: how much better the mid was later (bps, 95 %; hollow: too few fills for an interval)",
        "The mean cost of all fills against the mid some time later, and the market's drift in as long a time.",
        [trace, drift],
        {"xaxis": {"type": "category"}},
    )


def _comparisons(view: View) -> Chart:
    others = view["comparisons"]
    values = [_number(other["saved_bps_with_fees"]) for other in others.values()]
    trace = {
        "type": "bar",
        "orientation": "v",
        "x": [name.replace("_", " ") for name in others],
        "y": values,
        "text": [_signed(value) for value in values],
        "textposition": "outside",
        "cliponaxis": False,
        "marker": {"color": [GOOD if (value or 0) >= 0 else BAD for value in values]},
        "hovertemplate": "%{x}: %{y:.2f} bps<extra></extra>",
    }
    return Chart(
        "comparisons",
        "Saved against other ways (bps with fees, up is saved)",
        "What we saved or lost against perfect foresight, a plain TWAP, and one sweep.",
        [trace],
        {},
    )


def _latency(view: View) -> Chart:
    kinds = {
        "due_to_sent": "due to sent",
        "sent_to_acknowledged": "to acknowledged",
        "sent_to_filled": "to filled",
    }
    traces = [
        {
            "type": "bar",
            "name": label,
            "x": list(kinds.values()),
            "y": [_number(view["latency"][name][figure]) for name in kinds],
            "marker": {"color": color},
            "hovertemplate": f"%{{x}}, {label}: %{{y}} ms<extra></extra>",
        }
        for figure, label, color in (
            ("p50_ms", "half", SOFT),
            ("p95_ms", "95 %", LINE),
            ("max_ms", "longest", EDGE),
        )
    ]
    return Chart(
        "latency",
        "Latency (ms)",
        "How long it took from due to sent, and from sent to the venue's answer and first fill.",
        traces,
        {"barmode": "group"},
    )


def _timeline(view: View) -> Chart:
    incidents, x = view["incidents"], view["execution"]
    end = x["finished_at"] or view["as_of"]
    kinds = [each["kind"].replace("_", " ") for each in incidents]
    began = {
        "type": "scatter",
        "mode": "markers",
        "x": [_short(each["at"]) for each in incidents],
        "y": kinds,
        "text": [each["detail"] for each in incidents],
        "marker": {"color": MARK, "size": 10, "symbol": "diamond"},
        "hovertemplate": "%{y}: %{text}<extra></extra>",
    }
    lasted: Trace = {"type": "scatter", "mode": "lines", "x": [], "y": [], "hoverinfo": "skip"}
    lasted["line"] = {"color": MARK, "width": 5}
    for each, kind in zip(incidents, kinds, strict=True):
        until = each["until"] or (end if each["kind"] in _LAST else None)
        if until is not None:
            lasted["x"] += [_short(each["at"]), _short(until), None]
            lasted["y"] += [kind, kind, None]
    # All of the window, so that it is seen when in it something was, and for how long.
    times = [x["created_at"], end, *lasted["x"], *began["x"]]
    known = sorted(_short(at) for at in times if at is not None)
    return Chart(
        "timeline",
        "Incidents",
        "When something happened that was not planned, and how long it lasted.",
        [began, lasted],
        {
            "showlegend": False,
            "yaxis": {"type": "category"},
            "xaxis": {"type": "date", "range": [known[0], known[-1]]},
        },
    )


_LAST: Final = frozenset({"unknown", "paused", "data_gap", "halted"})
"""What has not ended yet goes on."""


def _cap_at(view: View, at: str) -> float:
    """Return the cap in force then, as a share: it may have been amended."""
    caps = [cap for since, cap in view["participation"]["caps"] if since <= at]
    return float(caps[-1] if caps else view["participation"]["cap"])


def _thinned(rows: Sequence[T]) -> Sequence[T]:
    """Return at most so many, evenly, the last one among them."""
    step = -(-len(rows) // MOST_MARKS)
    return rows if step <= 1 else [*rows[:-1:step], rows[-1]]


def _short(at: str) -> str:
    """Return an RFC 3339 time to the millisecond, for the eye."""
    return at[:23]


def _number(value: str | None) -> float | None:
    return None if value is None else float(value)


def _percent(value: str | None) -> float | None:
    return None if value is None else 100 * float(value)


def _signed(value: float | None) -> str:
    return "" if value is None else f"{round(value, 2) or 0.0:+.2f}"
