"""`genesis watch` and `genesis events`: what happens, while it happens. Both only listen."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import click

from genesis_actors.cli import bars, options, text
from genesis_actors.cli import parameters as kinds
from genesis_actors.cli.completion import complete_execution
from genesis_actors.cli.door import Asking, reading, socket_option
from genesis_actors.cli.errors import CliError, ExitCode
from genesis_actors.cli.output import Output, echo
from genesis_actors.notation import parse_duration
from genesis_actors.values import parse_time, time_text

_RECENT = timedelta(minutes=10)
_FINAL = frozenset({"COMPLETED", "INCOMPLETE", "CANCELLED", "FAILED", "REJECTED"})
_TOLD = (
    "reason",
    "after",
    "equity",
    "cut_by",
    "slice_number",
    "state",
    "status",
    "quantity",
    "filled_quantity",
    "price",
)
"""What of an event a line for people shows."""

_View = Mapping[str, Any]


@click.command()
@click.argument(
    "execution",
    metavar="[ID]",
    type=kinds.EXECUTION,
    required=False,
    shell_complete=complete_execution,
)
@click.option("--once", is_flag=True, help="Show how it is now, and end.")
@socket_option
@options.output_option
def watch(execution: str | None, once: bool, socket: str | None, output: str) -> ExitCode:
    """Watch one execution, or all that are open, until they are over. It touches nothing."""
    from genesis_actors.cli.signals import interrupt_from_here

    interrupt_from_here()
    asking = Asking(socket)
    mode, views = _open_executions(asking, execution)
    if once:
        form = Output(output, mode)
        form.write_list(views, lambda: "\n".join(_bars(views)) or "no executions")
        return ExitCode.OK
    if output not in {"table", "ndjson"}:
        raise click.UsageError(f"-o {output} has an end, and watching has none: use ndjson")
    try:
        _watch(asking, execution, views, output)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    return ExitCode.OK


@click.command()
@click.option("-f", "--follow", is_flag=True, help="Go on with what happens from now on.")
@click.option(
    "--since",
    type=kinds.SINCE,
    metavar="10m|TIME|N",
    help="From so long ago, that time, or behind the event with that number.  [default: 10m; with -f: now]",
)
@click.option(
    "--id", "execution", type=kinds.EXECUTION, metavar="ID", help="Of this execution alone."
)
@options.database_option
@socket_option
@options.output_option
def events(
    follow: bool,
    since: str | None,
    execution: str | None,
    db: str | None,
    socket: str | None,
    output: str,
) -> ExitCode:
    """Show what has happened, event by event, as the journal has it."""
    if follow and (output == "json" or db is not None):
        what = "--db" if db is not None else "-o json"
        raise click.UsageError(f"{what} has an end, and -f has none: use -o ndjson, without --db")
    from genesis_actors.cli.signals import interrupt_from_here

    interrupt_from_here()
    start = _start(since, follow=follow)
    try:
        if db is not None:
            found = list(_from_database(db, start, execution))
            _write_events(found, output, _mode_of(db))
        elif follow:
            _write_lines(_followed(reading(socket), start, execution), output)
        else:
            asking = reading(socket)
            mode = asking.get("daemon").mode
            found = list(asking.stream("events", since=start, id=execution))
            _write_events(found, output, mode)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    return ExitCode.OK


def _start(since: str | None, *, follow: bool) -> str | None:
    """Return a sequence number or a time; None is now."""
    if since is None and follow:
        return None
    if since is not None and since.isdigit():
        return since
    try:
        ago = _RECENT if since is None else parse_duration(since)
    except ValueError:
        return since
    return time_text(datetime.now(UTC) - ago)


def _followed(asking: Asking, start: str | None, execution: str | None) -> Iterator[dict[str, Any]]:
    """Yield events without end. Where the daemon cuts us off, go on behind the last one that came."""
    place = start
    while True:
        came = False
        try:
            for event in asking.stream("events", since=place, follow=1, id=execution):
                came, place = True, str(event["sequence"])
                yield event
        except CliError as error:
            if error.code != "connection_lost" or not came:
                raise
        if not came:
            raise CliError(
                "connection_lost",
                "the daemon has ended the stream",
                f"go on from here: genesis events -f --since {place or 0}",
                ExitCode.NO_DAEMON,
            )


def _from_database(db: str, start: str | None, execution: str | None) -> Iterator[dict[str, Any]]:
    from genesis_actors.control.tail import READ_AT_ONCE, told
    from genesis_actors.storage import queries

    only = None if execution is None else queries.execution(db, execution).execution_id
    is_number = start is None or start.isdigit()
    place = int(start or 0) if is_number else queries.last_sequence(db, parse_time(start or ""))
    while rows := queries.events_after(db, place, READ_AT_ONCE):
        place = rows[-1].sequence_number
        yield from (json.loads(told(r).line) for r in rows if only in {None, r.aggregate_id})


def _mode_of(db: str) -> str:
    from genesis_actors.storage import queries

    return queries.mode(db)


def _write_events(found: Sequence[dict[str, Any]], output: str, mode: str) -> None:
    if output == "json":
        Output(output, mode).write_list(found, str)
    else:
        _write_lines(found, output)


def _write_lines(found: Iterable[dict[str, Any]], output: str) -> None:
    """Write each event when it comes."""
    columns = ("sequence", "at", "execution_id", "version", "type")
    if output == "csv":
        echo(",".join(columns))
    for event in found:
        match output:
            case "csv":  # None of them needs quotes.
                echo(",".join(str(event[name]) for name in columns))
            case "ndjson":
                echo(json.dumps(event, ensure_ascii=False))
            case _:
                echo(_line(event))


def _line(event: _View) -> str:
    data: _View = event["data"]
    told = [
        f"{name.removesuffix('_quantity')}={text.shown(str(data[name]))}"
        for name in _TOLD
        if data.get(name) is not None
    ]
    at = text.moment(parse_time(event["at"]))
    return f"{event['sequence']:>7}  {at}  {event['execution_id']}  {event['type']:<18} {' '.join(told)}".rstrip()


def _open_executions(asking: Asking, execution: str | None) -> tuple[str, list[_View]]:
    if execution is None:
        answer = asking.get("executions")
        return answer.mode, answer.data
    answer = asking.get("executions", execution)
    view = {name: value for name, value in answer.data.items() if not isinstance(value, list)}
    return answer.mode, [view]


def _watch(asking: Asking, execution: str | None, views: Sequence[_View], output: str) -> None:
    """Show what is new, until everything that is watched is over."""
    if not views:
        echo("no executions")
        return
    known = {view["id"]: view for view in views}
    named = None if execution is None else views[0]["id"]
    redraws = output == "table" and sys.stdout.isatty()
    drawn = 0
    query: dict[str, str | int | None] = {"follow": 1, "quiet": 1, "progress": 1, "id": named}
    for told in asking.stream("events", **query):
        view: _View = told["data"]
        known[view["id"]] = view
        if output == "ndjson":
            echo(json.dumps(view, ensure_ascii=False))
        elif redraws:
            lines = _bars(known.values())
            back = f"\x1b[{drawn}F" if drawn else ""
            echo(back + "".join(f"{line}\x1b[K\n" for line in lines) + "\x1b[J", nl=False)
            drawn = len(lines)
        else:
            for line in _bars([view]):
                echo(line)
        sys.stdout.flush()
        if all(each["state"] in _FINAL for each in known.values()):
            return
    raise CliError(
        "connection_lost",
        "the daemon has ended, and what is watched has not",
        "start it again: genesis daemon start; or look: genesis ps --db PATH",
        ExitCode.NO_DAEMON,
    )


def _bars(views: Iterable[_View]) -> list[str]:
    """Return two lines for each execution, as `genesis run` draws them."""
    stream = sys.stdout
    width, is_plain = bars.width_of(stream), not bars.can_show(stream, bars.BLOCKS)
    return [line for view in views for line in _bar_lines(view, width, is_plain=is_plain)]


def _bar_lines(view: _View, width: int, *, is_plain: bool) -> list[str]:
    filled = Decimal(view["progress"] or 0)
    planned = Decimal(view["schedule_progress"] or 0)
    title = f"{view['symbol']} {view['side']} {view['quantity']}"[:24]
    figures = (
        f"{text.percent(filled, 1):>6} of {text.percent(planned, 1):>6} due  {_left(view):>11}"
    )
    room = max(width - 24 - len(figures) - 2, 10)
    bar = bars.bar(filled, planned, room, is_plain=is_plain)
    state = str(view["state"]).lower()
    if view["reason"] is not None and view["state"] != "RUNNING":
        state += f": {text.words(view['reason'])}"
    average, volume = view["slippage_vs_arrival_bps"], view["participation_rate"]
    second = "  ".join(
        (
            f"  {state[:22]:<22}",
            f"{view['slices_done']:>3}/{view['slices_total']}",
            f"avg {text.bps(None if average is None else Decimal(average)):>7} bps",
            f"vol {text.percent(None if volume is None else Decimal(volume), 1)}",
            f" {view['id']}",
        )
    )
    return [f"{title:<24} {bar} {figures}"[:width], second[:width]]


def _left(view: _View) -> str:
    if view["state"] in _FINAL or view["ends_at"] is None:
        return ""
    since = datetime.now(UTC) if view["paused_at"] is None else parse_time(view["paused_at"])
    return f"{text.length(max(parse_time(view['ends_at']) - since, timedelta(0)))} left"
