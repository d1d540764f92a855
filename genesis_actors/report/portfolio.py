"""Many executions on one page: what each kind of them cost, where it came from, and what to change next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, TypeAlias

from genesis_actors.report import words
from genesis_actors.report.charts import BAD, EDGE, GOOD, LINE, MARK, SOFT, Chart
from genesis_actors.report.page import chart_places, html_page, table_html
from genesis_actors.report.tables import Table

View: TypeAlias = Mapping[str, Any]

_COLOURS = (EDGE, SOFT, LINE, MARK, BAD, "$text", "$other")
"""Of the parts: green would say that one of them is a gain."""


def portfolio_page(view: View, mode: str) -> str:
    """Return the page; `view` is what `genesis tca -o json` shows."""
    drawn = _charts(view) if view["executions"] else []
    title = f"{view['executions']} executions by {view['by']}"
    return html_page(title, "\n".join(_body(view, mode, title, drawn)), drawn)


def _body(view: View, mode: str, title: str, drawn: list[Chart]) -> Iterator[str]:
    when = f"{words.moment(view['since'])} to {words.moment(view['until'])} UTC"
    yield f"<header><h1>{escape(title)}</h1><p>{escape(mode)}, {escape(when)}</p></header>"
    advice = "".join(f"<li>{escape(_change(change))}</li>" for change in view["next_changes"])
    yield (
        '<section class="advice"><h2>What to change next</h2>'
        f"<ul>{advice or '<li>No rule suggests a change.</li>'}</ul></section>"
    )
    yield chart_places(drawn)
    for table in (_costs(view), _attribution(view), _worst(view)):
        if table.rows:
            yield table_html(table)


def _change(change: View) -> str:
    symbols = ", ".join(f"{symbol} {count}" for symbol, count in change["symbols"].items())
    return (
        f"In {change['executions']} of {change['of']} executions ({symbols}). The costliest, {change['execution']}: "
        f"{change['text']}"
    )


def _charts(view: View) -> list[Chart]:
    groups, pairs = view["groups"], view["by_symbol"]
    keys = [_key(view, row) for row in groups]
    values = [_float(row["shortfall_bps"]) for row in groups]
    cost = {
        "type": "bar",
        "x": keys,
        "y": values,
        "marker": {"color": [BAD if (value or 0) > 0 else GOOD for value in values]},
        "hovertemplate": "%{x}: %{y:.2f} bps<extra></extra>",
    }
    parts = [
        {
            "type": "bar",
            "name": part,
            "x": [row["key"] for row in pairs],
            "y": [_float(row["parts_bps"][part]) for row in pairs],
            "marker": {"color": colour},
            "hovertemplate": f"%{{x}}, {part}: %{{y:.2f}} bps<extra></extra>",
        }
        for part, colour in zip(pairs[0]["parts_bps"], _COLOURS, strict=True)
    ]
    return [
        Chart(
            "cost",
            f"Shortfall by {view['by']} (bps of value)",
            "What each kind of execution cost against its arrival price.",
            [cost],
            {"xaxis": {"type": "category"}},
        ),
        Chart(
            "attribution",
            "Where it came from, by pair (bps of value)",
            "The parts of the shortfall of each pair.",
            parts,
            {"barmode": "relative", "xaxis": {"type": "category"}},
        ),
    ]


def _costs(view: View) -> Table:
    return Table(
        "Cost",
        (
            view["by"],
            "executions",
            "value",
            "filled",
            "cost bps",
            "against TWAP",
            "against VWAP",
            "saved to plain TWAP",
            "saved to a sweep",
            "worst",
            "not measured",
        ),
        [
            (
                _key(view, row),
                str(row["executions"]),
                f"{words.money(row['value_quote'])} {row['quote_currency']}",
                words.percent(row["filled_share"], 1),
                words.bps(row["shortfall_bps"]),
                words.bps(row["twap_bps"]),
                words.bps(row["vwap_bps"]),
                words.bps(row["saved_to_plain_twap_bps"]),
                words.bps(row["saved_to_sweep_bps"]),
                words.bps(row["worst_bps"]),
                str(row["not_measured"]),
            )
            for row in view["groups"]
        ],
    )


def _attribution(view: View) -> Table:
    pairs = view["by_symbol"]
    names = list(pairs[0]["parts_bps"]) if pairs else []
    return Table(
        "Where it came from (bps of value)",
        ("pair", *names, "together"),
        [
            (
                row["key"],
                *(words.bps(row["parts_bps"][name]) for name in names),
                words.bps(row["shortfall_bps"]),
            )
            for row in pairs
        ],
    )


def _worst(view: View) -> Table:
    return Table(
        "Costliest execution of each pair",
        ("pair", "execution", "bps"),
        [(row["symbol"], row["execution"], words.bps(row["bps"])) for row in view["worst"]],
        left=(0, 1),
    )


def _key(view: View, row: View) -> str:
    """Return what a row is of; with its currency where there are several, for they are not added up."""
    if view["by"] == "symbol" or len({each["quote_currency"] for each in view["groups"]}) == 1:
        return row["key"]
    return f"{row['key']} ({row['quote_currency']})"


def _float(value: str | None) -> float | None:
    return None if value is None else float(value)
