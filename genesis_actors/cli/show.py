"""`genesis ps`, `show`, `slices` and `fills`: what a daemon knows, or a database without one."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from genesis_actors.cli import options
from genesis_actors.cli import parameters as kinds
from genesis_actors.cli.completion import complete_execution
from genesis_actors.cli.door import reading, socket_option
from genesis_actors.cli.execution_text import (
    execution_text,
    executions_text,
    fills_text,
    slices_text,
)
from genesis_actors.cli.output import Output, echo

if TYPE_CHECKING:
    from genesis_actors.messages.control import ExecutionStatus

_LOOK_SECONDS = 1.0

_EXECUTION = click.argument(
    "execution", metavar="ID", type=kinds.EXECUTION, shell_complete=complete_execution
)

_View = Mapping[str, Any]


@click.command()
@click.option("-a", "--all", "shows_all", is_flag=True, help="Also those that are over.")
@click.option("-w", "--watch", "watches", is_flag=True, help="Look again every second.")
@options.database_option
@socket_option
@options.output_option
def ps(shows_all: bool, watches: bool, db: str | None, socket: str | None, output: str) -> int:
    """List executions, the newest first: those that are open, with -a all."""

    def look() -> tuple[str, Sequence[_View]]:
        return _executions(db, socket, shows_all=shows_all)

    if watches:
        return _watch(look, output)
    mode, views = look()
    Output(output, mode).write_list(views, lambda: executions_text(views))
    return 0


@click.command()
@_EXECUTION
@options.database_option
@socket_option
@options.output_option
def show(execution: str, db: str | None, socket: str | None, output: str) -> None:
    """Show one execution. ID is an id, its beginning, or @last."""

    def from_database(status: ExecutionStatus) -> _View:
        from genesis_actors.control.terms import terms_in_force
        from genesis_actors.storage.database import Database
        from genesis_actors.values import ExecutionId
        from genesis_actors.views import status_view

        key = ExecutionId(status.execution.execution_id)
        terms = terms_in_force(Database.of(db or ""), key)
        return {**status_view(status, None), "terms": terms}

    mode, view = _found(db, socket, from_database, "executions", execution)
    Output(output, mode).write_item(view, lambda: execution_text(view), [_without_lists(view)])


@click.command()
@_EXECUTION
@options.database_option
@socket_option
@options.output_option
def slices(execution: str, db: str | None, socket: str | None, output: str) -> None:
    """Show an execution's slices, and why each came out as it did."""

    def from_database(status: ExecutionStatus) -> Sequence[_View]:
        from genesis_actors.views import slice_views

        return slice_views(status.slices, status.orders)

    mode, views = _found(db, socket, from_database, "executions", execution, "slices")
    Output(output, mode).write_list(views, lambda: slices_text(views))


@click.command()
@_EXECUTION
@options.database_option
@socket_option
@options.output_option
def fills(execution: str, db: str | None, socket: str | None, output: str) -> None:
    """Show an execution's fills."""

    def from_database(status: ExecutionStatus) -> Sequence[_View]:
        from genesis_actors.views import fill_views

        return fill_views(status.fills, status.orders)

    mode, views = _found(db, socket, from_database, "executions", execution, "fills")
    Output(output, mode).write_list(views, lambda: fills_text(views))


def _executions(
    db: str | None, socket: str | None, *, shows_all: bool
) -> tuple[str, Sequence[_View]]:
    if db is None:
        answer = reading(socket).get("executions", all=1 if shows_all else None)
        return answer.mode, answer.data
    from genesis_actors.storage import queries
    from genesis_actors.values import ExecutionState
    from genesis_actors.views import execution_view

    states = None if shows_all else [state for state in ExecutionState if not state.is_final]
    rows = queries.executions_with_plans(db, states=states)
    places = queries.queue_places(db)
    views = [
        execution_view(row, plan, None, queue_place=places.get(row.execution_id))
        for row, plan in rows
    ]
    return queries.mode(db), views


def _found(
    db: str | None,
    socket: str | None,
    from_database: Callable[[ExecutionStatus], Any],
    *where: str,
) -> tuple[str, Any]:
    """Return what the daemon answers there, or what a database says of the same execution; and the mode."""
    if db is None:
        answer = reading(socket).get(*where)
        return answer.mode, answer.data
    from genesis_actors.storage import queries

    status = queries.status_of(db, where[1])
    return queries.mode(db), from_database(status)


def _without_lists(view: _View) -> _View:
    return {name: value for name, value in view.items() if not isinstance(value, list)}


def _watch(look: Callable[[], tuple[str, Sequence[_View]]], output: str) -> int:
    """Show the list again whenever it has changed, in place on a terminal, until Ctrl-C."""
    from genesis_actors.cli.errors import ExitCode
    from genesis_actors.cli.signals import interrupt_from_here

    interrupt_from_here()
    clears = output == "table" and sys.stdout.isatty()
    shown: object = None
    try:
        while True:
            mode, views = look()
            text = executions_text(views) if output == "table" else None
            if (text or views) != shown:
                shown = text or views
                if clears:
                    echo("\x1b[H\x1b[2J", nl=False)
                Output(output, mode).write_list(views, lambda views=views: executions_text(views))
            time.sleep(_LOOK_SECONDS)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
