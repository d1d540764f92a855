"""`genesis start`, `pause`, `resume`, `amend`, `cancel`, `wait`: commands for executions in the daemon."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import click

from genesis_actors.cli import options, text
from genesis_actors.cli import parameters as kinds
from genesis_actors.cli.completion import complete_execution
from genesis_actors.cli.door import Asking, socket_option
from genesis_actors.cli.errors import CliError, ExitCode
from genesis_actors.cli.execution_text import summary_text
from genesis_actors.cli.output import Output
from genesis_actors.notation import parse_duration
from genesis_actors.values import Algo, parse_time, time_text

_EXECUTION = click.argument(
    "execution", metavar="ID", type=kinds.EXECUTION, shell_complete=complete_execution
)

_FIELDS = {
    "over": "duration",
    "clip": "clip_quantity",
    "limit": "limit_price",
    "max_slippage": "max_slippage_bps",
}
"""Options whose names differ from those of an order's fields."""

_EXEMPT = (
    "a market order is exempt from the participation cap: other executions of the symbol wait until it is out of "
    "their volume window"
)

_ONE_WAIT_SECONDS = 30
"""The daemon is asked anew so often, so that neither end waits on a connection that has died."""


@click.command()
@options.order_options
@socket_option
@options.output_option
def start(socket: str | None, output: str, **given: Any) -> None:  # noqa: ANN401 - click hands over what the options say
    r"""Have the daemon work an order. Returns when the order is durable.

    \b
    genesis start BTC/USDT buy 2.5 --over 10m --client-id rebalance-0412

    With --client-id the same command may be given again: it finds the execution it has started, also after a restart.
    """
    options.check_order(given)
    order = {_FIELDS.get(name, name): value for name, value in given.items() if value is not None}
    answer = Asking(socket).post("executions", body=order)
    view = answer.data
    if view["is_new"] and view["algo"] == Algo.MARKET:
        click.echo(f"warning: {_EXEMPT}", err=True)
    Output(output, answer.mode).write_item(view, lambda: _started_text(view))
    for warning in view["warnings"]:
        click.echo(f"warning: {warning}", err=True)


@click.command()
@_EXECUTION
@socket_option
@options.output_option
def pause(execution: str, socket: str | None, output: str) -> None:
    """Stop an execution's orders. Returns when that is durable and nothing is working or unknown."""
    _command("pause", execution, socket, output)


@click.command()
@_EXECUTION
@click.option("--catch-up", is_flag=True, help="Keep the end. Else it moves by the pause's length.")
@socket_option
@options.output_option
def resume(execution: str, catch_up: bool, socket: str | None, output: str) -> None:
    """Let a paused execution go on."""
    mode = "catch-up" if catch_up else "shift"
    _command("resume", execution, socket, output, {"mode": mode})


@click.command()
@_EXECUTION
@click.option("--limit", type=kinds.LIMIT, metavar="P|off", help="Never trade at a worse price.")
@click.option("--over", type=kinds.DURATION, metavar="TIME", help="The window, from its start.")
@click.option("--until", type=kinds.TIME, metavar="TIME", help="When the window ends, with zone.")
@click.option("--quantity", type=kinds.BASE_QUANTITY, metavar="QTY", help="All of it, in base.")
@click.option("--max-participation", type=kinds.RATE, metavar="RATE", help="10% or 0.1.")
@click.option(
    "--reason", type=kinds.LINE, metavar="TEXT", help="Your word for why; it is journaled."
)
@socket_option
@options.output_option
def amend(
    execution: str,
    until: datetime | None,
    over: str | None,
    reason: str | None,
    socket: str | None,
    output: str,
    **given: str | None,
) -> None:
    """Change an order while it is worked or paused; what is not named stays. Returns when that is durable."""
    if over is not None and until is not None:
        raise click.UsageError("--over and --until contradict each other: give one of them")
    changes = {
        **given,
        "duration": over,
        "deadline": None if until is None else time_text(until),
    }
    if all(value is None for value in changes.values()):
        raise click.UsageError(
            "say what is to change: --limit, --over, --until, --quantity or --max-participation"
        )
    body = {
        name: value for name, value in {**changes, "reason": reason}.items() if value is not None
    }
    _command("amend", execution, socket, output, body)


@click.command()
@_EXECUTION
@socket_option
@options.output_option
def cancel(execution: str, socket: str | None, output: str) -> None:
    """End an execution with what is filled. Returns when it has ended."""
    _command("cancel", execution, socket, output)


@click.command()
@_EXECUTION
@click.option(
    "--for",
    "goal",
    type=kinds.GOAL,
    default="done",
    show_default=True,
    metavar="done|paused|filled=50%",
)
@click.option("--timeout", type=kinds.DURATION, metavar="TIME", help="Like 1h. Else no limit.")
@socket_option
@options.output_option
def wait(
    execution: str, goal: str, timeout: str | None, socket: str | None, output: str
) -> ExitCode:
    """Wait until an execution is done, paused, or filled to a share.

    Exit code 0 if it is so, and for done if it is complete; 7 if it has ended otherwise; 6 after --timeout.
    """
    from genesis_actors.cli.signals import interrupt_from_here

    interrupt_from_here()
    asking = Asking(socket)
    deadline = None if timeout is None else time.monotonic() + _length(timeout)
    while True:
        left = _ONE_WAIT_SECONDS if deadline is None else max(deadline - time.monotonic(), 0)
        seconds = str(round(min(left, _ONE_WAIT_SECONDS), 3))
        query = {"for": goal, "timeout": seconds}
        try:
            answer = asking.get("executions", execution, "wait", **query)
        except KeyboardInterrupt:
            raise CliError(
                "interrupted",
                f"interrupted while waiting for execution {execution}, which goes on",
                f"wait on: genesis wait {execution}; or look at it: genesis show {execution}",
                ExitCode.INTERRUPTED,
            ) from None
        view = answer.data["execution"]
        execution = view["id"]  # @last means the one it meant at first.
        if answer.data["settled"]:
            break
        if deadline is not None and time.monotonic() >= deadline:
            raise CliError(
                "timeout",
                f"execution {execution} is {view['state']} with {_filled(view)} filled after {timeout}",
                f"wait on, or look at it: genesis show {execution}",
                ExitCode.TIMEOUT,
            )
        time.sleep(answer.data["ask_again_seconds"])
    Output(output, answer.mode).write_item(view, lambda: summary_text(view))
    is_as_wanted = answer.data["met"] and (goal != "done" or view["state"] == "COMPLETED")
    return ExitCode.OK if is_as_wanted else ExitCode.INCOMPLETE


def _command(
    verb: str,
    execution: str,
    socket: str | None,
    output: str,
    body: Mapping[str, object] | None = None,
) -> None:
    answer = Asking(socket).post("executions", execution, verb, body=body)
    view = answer.data
    Output(output, answer.mode).write_item(view, lambda: _state_text(view))


def _started_text(view: Mapping[str, Any]) -> str:
    what = f"{view['side']} {view['quantity']} {view['symbol']}"
    if view["is_new"]:
        end = None if view["ends_at"] is None else parse_time(view["ends_at"])
        parts = text.parts(view["algo"], view["slices_total"])
        return f"started {view['id']}: {what} in {parts} {text.until(view['algo'], end, ' UTC')}"
    return f"started before, as {view['id']}: {what}, {view['state']} with {_filled(view)} filled"


def _state_text(view: Mapping[str, Any]) -> str:
    reason = "" if view["reason"] is None else f" ({text.words(view['reason'])})"
    already = ": it was so already" if view["was_already"] else ""
    return f"execution {view['id']} is {view['state']}{reason}, {_filled(view)} filled{already}"


def _filled(view: Mapping[str, Any]) -> str:
    share = view["progress"]
    return text.percent(None if share is None else Decimal(share), 1)


def _length(duration: str) -> float:
    return parse_duration(duration).total_seconds()
