"""`genesis settle`, `halt` and `unhalt`: what only a person can decide."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import click

from genesis_actors.cli import options
from genesis_actors.cli import parameters as kinds
from genesis_actors.cli.completion import complete_execution
from genesis_actors.cli.door import Asking, socket_option
from genesis_actors.cli.errors import CliError, ExitCode
from genesis_actors.cli.output import Output

_NO_DAEMON = (
    "start one: genesis daemon start; or name the database that no engine works on: --db PATH"
)


@click.command()
@click.argument("execution", metavar="ID", type=kinds.EXECUTION, shell_complete=complete_execution)
@click.argument("child", metavar="CHILD")
@click.option(
    "--filled", type=kinds.FILLED, metavar="QTY", help="So much of it was filled, in base."
)
@click.option("--not-accepted", is_flag=True, help="The venue never had it.")
@options.database_option
@socket_option
@options.output_option
def settle(
    execution: str,
    child: str,
    filled: Decimal | None,
    not_accepted: bool,
    db: str | None,
    socket: str | None,
    output: str,
) -> None:
    """Say what became of an order that no one can look up. CHILD is its client order id, or its beginning or end.

    Only an UNKNOWN order can be settled. What was filled counts at its limit price until the venue's trades are known.
    """
    if (filled is not None) is not_accepted:
        raise click.UsageError(
            "say either --filled QTY or --not-accepted; see what is open: genesis show ID"
        )
    if db is None:
        body = {"child": child, "filled_quantity": str(filled or Decimal(0))}
        answer = Asking(socket, _NO_DAEMON).post("executions", execution, "settle", body=body)
        Output(output, answer.mode).write_item(answer.data, lambda: _settled_text(answer.data))
        return
    from genesis_actors import offline
    from genesis_actors.storage import queries
    from genesis_actors.values import ClientOrderId, ExecutionId, OrderStatus, decimal_text

    status = queries.status_of(db, execution)
    execution_id = ExecutionId(status.execution.execution_id)
    named = [
        order.client_order_id
        for order in status.orders
        if order.client_order_id.startswith(child) or order.client_order_id.endswith(child)
    ]
    if len(named) != 1:
        unknown = [o.client_order_id for o in status.orders if o.status == OrderStatus.UNKNOWN]
        raise CliError(
            "unknown_id",
            f"{'no order' if not named else 'more than one order'} of execution {execution_id} "
            f"is named {child!r}",
            f"those without an outcome: {', '.join(unknown) or 'none'}",
            ExitCode.UNKNOWN_ID,
        )
    name = ClientOrderId(named[0])
    try:
        after = offline.settle(db, execution_id, name, filled or Decimal(0))
    except offline.SettlementRefusedError as error:
        raise CliError(
            error.reason,
            str(error),
            f"see its orders: genesis show {execution_id} --db {db} -o json",
            ExitCode.REJECTED,
        ) from error
    settled = after.children[name]
    view = {
        "execution_id": execution_id,
        "client_order_id": name,
        "status": settled.status.value,
        "filled_quantity": decimal_text(settled.filled_quantity),
        "state": after.state.value,
    }
    Output(output, queries.mode(db)).write_item(view, lambda: _settled_text(view))


def _settled_text(view: Mapping[str, Any]) -> str:
    return (
        f"order {view['client_order_id']} is {view['status']} with {view['filled_quantity']} "
        f"filled; execution {view['execution_id']} is {view['state']}"
    )


@click.command()
@click.option(
    "--reason",
    metavar="TEXT",
    help="Why, in one line; it is shown to whoever is stopped by it.",
)
@options.database_option
@socket_option
@options.output_option
def halt(reason: str | None, db: str | None, socket: str | None, output: str) -> None:
    """Stop new orders of all executions, durably, until `genesis unhalt`."""
    _set_halt(db, socket, output, is_halted=True, reason=reason)


@click.command()
@options.database_option
@socket_option
@options.output_option
def unhalt(db: str | None, socket: str | None, output: str) -> None:
    """End a halt: executions go on when an engine works on them."""
    _set_halt(db, socket, output, is_halted=False, reason=None)


def _set_halt(
    db: str | None, socket: str | None, output: str, *, is_halted: bool, reason: str | None
) -> None:
    if db is None:
        asking = Asking(socket, _NO_DAEMON)
        where, body = ("halt", {"reason": reason}) if is_halted else ("unhalt", {})
        answer = asking.post(where, body=body)
        view, mode = answer.data, answer.mode
    else:
        from genesis_actors import offline
        from genesis_actors.storage import queries
        from genesis_actors.values import time_text

        state = offline.set_halt(db, is_halted=is_halted, reason=reason)
        view = {
            "halted": is_halted,
            "halted_at": None if state.halted_at is None else time_text(state.halted_at),
            "reason": state.reason,
            "was_already": state.was_already,
        }
        mode = queries.mode(db)
    said = f"halted since {view['halted_at']}" if view["halted"] else "not halted"
    Output(output, mode).write_item(
        view, lambda: f"{said}{': nothing to do' if view['was_already'] else ''}"
    )
