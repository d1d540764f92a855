"""`genesis report`: what an execution cost, why, and whether another way would have been better."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click

from genesis_actors.cli import options
from genesis_actors.cli.completion import complete_execution
from genesis_actors.cli.door import reading, socket_option
from genesis_actors.cli.files import write_text
from genesis_actors.cli.output import Output, echo

_FORMS: Final = {"json": "json", "text": "table", "csv": "csv"}


@click.command()
@click.argument("execution", metavar="ID", shell_complete=complete_execution)
@options.page_options
@click.option("--again", is_flag=True, help="Make it anew from the journal and the market.")
@click.option(
    "--shared-js",
    is_flag=True,
    help="HTML: keep the charts' script in plotly.min.js beside it, for many reports to share.",
)
@options.database_option
@socket_option
@options.output_option
def report(
    execution: str,
    form: str | None,
    out: Path | None,
    again: bool,
    shared_js: bool,
    db: str | None,
    socket: str | None,
    output: str,
) -> None:
    """Report on an execution: what it cost, why, and whether another way would have been better."""
    if shared_js and (form != "html" or out is None):
        raise click.UsageError("--shared-js is for --format html with --out FILE")
    mode, view = _found(execution, db, socket, again=again)
    if form == "html":
        text = _page(view, mode, out if shared_js else None)
    else:
        text = _rendered(view, output if form is None else _FORMS[form], mode)
    if out is None:
        echo(text, nl=False)
    else:
        write_text(out, text)


def _found(
    execution: str, db: str | None, socket: str | None, *, again: bool
) -> tuple[str, Mapping[str, Any]]:
    if db is None:
        answer = reading(socket).get("executions", execution, "report", again=int(again) or None)
        return answer.mode, answer.data
    from genesis_actors.analysis import report_of
    from genesis_actors.storage import queries

    return queries.mode(db), report_of(db, execution, again=again)


def _rendered(view: Mapping[str, Any], form: str, mode: str) -> str:
    from genesis_actors.cli.report_text import figure_rows, report_text

    rows = figure_rows(view) if form == "csv" else [view]
    return Output(form, mode).rendered(view, lambda: report_text(view), rows)


def _page(view: Mapping[str, Any], mode: str, beside: Path | None) -> str:
    """Return the page; with `beside`, write the script that it then refers to into that file's folder."""
    from genesis_actors.report.page import SCRIPT_NAME, page, script

    if beside is None:
        return page(view, mode)
    write_text(beside.parent / SCRIPT_NAME, script())
    return page(view, mode, embeds_script=False)
