"""`genesis ps`, `show`, `slices`, `fills` and `report`: what a database knows, with or without a running engine."""

from __future__ import annotations

import click

from genesis_actors.cli import options
from genesis_actors.cli.errors import no_daemon

_EXECUTION = click.argument("execution", metavar="ID")


@click.command()
@click.option("-a", "--all", "shows_all", is_flag=True, help="Also those that are over.")
@options.database_option
@options.output_option
def ps(shows_all: bool, db: str | None, output: str) -> None:
    """List executions, the newest first: those that are open, with -a all."""
    url = _database(db, "ps")
    from genesis_actors.cli.execution_text import executions_text
    from genesis_actors.cli.output import Output
    from genesis_actors.storage import queries
    from genesis_actors.values import ExecutionState
    from genesis_actors.views import execution_view

    states = None if shows_all else [state for state in ExecutionState if not state.is_final]
    rows = queries.executions(url, states=states)
    views = [execution_view(row, queries.slices(url, row.execution_id), None) for row in rows]
    Output(output, queries.mode(url)).write_list(views, lambda: executions_text(rows))


@click.command()
@_EXECUTION
@options.database_option
@options.output_option
def show(execution: str, db: str | None, output: str) -> None:
    """Show one execution. ID is an id, its beginning, or @last."""
    url = _database(db, "show")
    from genesis_actors.cli.execution_text import execution_text
    from genesis_actors.cli.output import Output
    from genesis_actors.storage import queries
    from genesis_actors.views import execution_view, status_view

    status = queries.status_of(url, execution)
    Output(output, queries.mode(url)).write_item(
        status_view(status, None),
        lambda: execution_text(status, None),
        [execution_view(status.execution, status.slices, None)],
    )


@click.command()
@_EXECUTION
@options.database_option
@options.output_option
def slices(execution: str, db: str | None, output: str) -> None:
    """Show an execution's slices, and why each came out as it did."""
    url = _database(db, "slices")
    from genesis_actors.cli.execution_text import slices_text
    from genesis_actors.cli.output import Output
    from genesis_actors.storage import queries
    from genesis_actors.views import slice_views

    status = queries.status_of(url, execution)
    Output(output, queries.mode(url)).write_list(
        slice_views(status.slices, status.orders), lambda: slices_text(status.slices)
    )


@click.command()
@_EXECUTION
@options.database_option
@options.output_option
def fills(execution: str, db: str | None, output: str) -> None:
    """Show an execution's fills."""
    url = _database(db, "fills")
    from genesis_actors.cli.execution_text import fills_text
    from genesis_actors.cli.output import Output
    from genesis_actors.storage import queries
    from genesis_actors.views import fill_views

    status = queries.status_of(url, execution)
    Output(output, queries.mode(url)).write_list(
        fill_views(status.fills, status.orders), lambda: fills_text(status.fills)
    )


@click.command()
@_EXECUTION
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "html", "csv"]),
    help="Default: text, or what -o says.",
)
@options.database_option
@options.output_option
def report(execution: str, form: str | None, db: str | None, output: str) -> None:
    """Report on an execution: what it did, what it cost, and what stood in its way."""
    from genesis_actors.cli.errors import not_built_yet

    if form in {"html", "csv"}:
        raise not_built_yet(f"--format {form}", "use --format json or --format text")
    url = _database(db, "report")
    from genesis_actors.cli.execution_text import report_text
    from genesis_actors.cli.output import Output
    from genesis_actors.domain.report import generate_execution_report
    from genesis_actors.storage import queries
    from genesis_actors.views import execution_view, report_view

    status = queries.status_of(url, execution)
    found = generate_execution_report(status)
    wanted = {"json": "json", "text": "table", None: output}[form]
    Output(wanted, queries.mode(url)).write_item(
        report_view(found, status),
        lambda: report_text(found, status),
        [execution_view(status.execution, status.slices, None)],
    )


def _database(db: str | None, command: str) -> str:
    if db is None:
        raise no_daemon(command)
    return db
