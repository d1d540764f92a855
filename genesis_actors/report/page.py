"""A report as one page of HTML that works without a network: on a screen, a phone and paper, in light and in dark."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import Any, Final, TypeAlias

from genesis_actors.report import words
from genesis_actors.report.charts import Chart, charts
from genesis_actors.report.tables import Table, tables

View: TypeAlias = Mapping[str, Any]

SCRIPT_NAME: Final = "plotly.min.js"
"""What pages that share their charts' script look for beside themselves."""

MOST_ROWS: Final = 600
"""Of one table: a page has to stay small, however many fills there were."""

_HERE: Final = files("genesis_actors.report")


def script() -> str:
    """Return the charts' script: plotly.js, as its package brings it."""
    # 5 MB, and not every page needs it.
    from plotly.offline import get_plotlyjs  # noqa: PLC0415  # pyright: ignore[reportMissingTypeStubs]

    return get_plotlyjs()


def page(view: View, mode: str, *, embeds_script: bool = True) -> str:
    """Return the report as a page. Without the script it refers to `SCRIPT_NAME` in its own folder.

    `view` is what `genesis report ID -o json` shows; `mode` says whether money is real.
    """
    execution = view["execution"]
    title = f"{execution['side']} {execution['quantity']} {execution['symbol']}"
    body = "\n".join(_body(view, mode, title))
    return html_page(title, body, charts(view), embeds_script=embeds_script)


def html_page(title: str, body: str, drawn: Sequence[Chart], *, embeds_script: bool = True) -> str:
    """Return a page with this body, in which each chart has a place of its name."""
    beside = "" if embeds_script else " 'self' file:"
    policy = (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data: blob:; font-src data:; "
        f"script-src 'unsafe-inline'{beside}"
    )
    library = (
        f"<script>{script()}</script>"
        if embeds_script
        else f'<script src="{SCRIPT_NAME}"></script>'
    )
    shown = {chart.name: {"data": chart.traces, "layout": dict(chart.layout)} for chart in drawn}
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="color-scheme" content="light dark">
<title>{escape(title)} - Genesis</title>
<link rel="icon" href="data:,">
<style>{_read("page.css")}</style>
</head>
<body>
{body}
<script type="application/json" id="charts">{_embedded(shown)}</script>
{library if drawn else ""}
<script>{_read("page.js")}</script>
</body>
</html>
"""


def chart_places(drawn: Sequence[Chart]) -> str:
    """Return a figure for each chart, in which the page's script draws it."""
    figures = (
        f'<figure><figcaption>{escape(chart.title)}</figcaption><div class="chart" id="chart-{chart.name}" role="img" '
        f'aria-label="{escape(chart.says)}"></div></figure>'
        for chart in drawn
    )
    return f'<section class="charts">{"".join(figures)}</section>'


def table_html(table: Table) -> str:
    """Return a table whose columns can be sorted by their headings; of very many rows the first and the last."""
    heads = "".join(
        f'<th scope="col"><button type="button">{escape(name)}</button></th>'
        for name in table.headings
    )
    # There may be many: end tags that HTML does without are left out, and the style sheet knows the columns.
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}" for cell in row) for row in _bounded(table.rows)
    )
    left = " ".join(f"l{number + 1}" for number in table.left)
    omitted = len(table.rows) - MOST_ROWS
    note = (
        f"<p><small>{omitted} rows in the middle are left out; genesis fills and genesis slices have all.</small></p>"
        if omitted > 0
        else ""
    )
    return (
        f'<section class="table"><h2>{escape(table.title)}</h2>{note}<div class="scroll"><table class="{left}">'
        f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div></section>"
    )


def _bounded(rows: Sequence[Sequence[str]]) -> Sequence[Sequence[str]]:
    if len(rows) <= MOST_ROWS:
        return rows
    half = MOST_ROWS // 2
    return [*rows[:half], *rows[-half:]]


def cards_html(cards: Sequence[tuple[str, str, str]]) -> str:
    """Return (name, figure, remark) as cards."""
    return (
        '<section class="cards">'
        + "".join(
            f'<div class="card"><span>{escape(name)}</span><b>{escape(figure)}</b><small>{escape(remark)}</small></div>'
            for name, figure, remark in cards
        )
        + "</section>"
    )


def _body(view: View, mode: str, title: str) -> Iterator[str]:
    execution = view["execution"]
    if execution["finished_at"] is None:
        until = f"as of {words.moment(view['as_of'])} UTC"
    else:
        until = f"to {words.moment(execution['finished_at'])} UTC"
    when = f"{words.moment(execution['started_at'])} {until}"
    yield (
        f"<header><h1>{escape(title)}</h1><p>{escape(execution['id'])}, {escape(mode)}, "
        f"{escape(str(execution['state']))}, {escape(when)}</p></header>"
    )
    sentences = "".join(f"<p>{escape(sentence)}</p>" for sentence in view["verdict"])
    yield f'<section class="verdict">{sentences}{_pending(view)}</section>'
    yield cards_html(words.cards(view))
    advice = "".join(f"<li>{escape(each['text'])}</li>" for each in view["recommendations"])
    yield f'<section class="advice"><h2>What to do</h2><ul>{advice}</ul></section>'
    yield chart_places(charts(view))
    yield from (table_html(table) for table in tables(view) if table.rows)
    yield f'<section class="method"><h2>Method and signs</h2>{_method()}</section>'


def _pending(view: View) -> str:
    if view["is_final"]:
        return ""
    until = words.moment(view["recorded_until"])
    if view["recorded_until"] is None:
        return "<p><small>Nothing is recorded of its market yet.</small></p>"
    return f"<p><small>The market is recorded until {until} UTC: what comes later is not in it.</small></p>"


def _method() -> str:
    return "".join(
        f"<p><b>{escape(name)}</b> {escape(explained)}</p>" for name, explained in words.METHOD
    )


def _embedded(value: object) -> str:
    """Return JSON that cannot end the element it stands in."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":")).replace("<", "\\u003c")


def _read(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")
