"""`genesis tui`: the full-screen live view, on a terminal or in a browser."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import click

from genesis_actors.cli.door import Asking, find_door, socket_option
from genesis_actors.cli.errors import CliError, ExitCode
from genesis_actors.places import LoopbackPort

_SIZE = re.compile(r"(\d{2,3})x(\d{2,3})")
_NICENESS = 5
_NO_DAEMON = "start one: genesis daemon start"


@click.command()
@click.option("--web", is_flag=True, help="Show it in a browser of this machine.")
@click.option("--port", type=click.IntRange(0, 65535), help="Of --web.  [default: any free one]")
@click.option(
    "--screenshot",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Save it as SVG, and end; needs no terminal.",
)
@click.option("--size", metavar="120x40", help="Of --screenshot, in columns and rows.")
@click.option("--press", metavar="KEYS", help="For --screenshot: keys to press before, like 4,x.")
@click.option("--served", is_flag=True, hidden=True)  # By --web, which has the browser's end.
@socket_option
def tui(
    web: bool,
    port: int | None,
    screenshot: Path | None,
    size: str | None,
    press: str | None,
    served: bool,
    socket: str | None,
) -> ExitCode:
    """Watch and steer executions on the full screen. Ending it touches nothing."""
    if port is not None and not web:
        raise click.UsageError("--port is for --web")
    if (size or press) and screenshot is None:
        raise click.UsageError("--size and --press are for --screenshot FILE")
    if web and screenshot is not None:
        raise click.UsageError("--web and --screenshot contradict each other: give one of them")
    door = find_door(socket)
    if screenshot is not None:
        return _screenshot(screenshot, door, size or "120x40", press)
    if web:
        return _serve(door, port or 0, Asking(socket).get("daemon").mode)
    if not served and not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        raise click.UsageError(
            "the live view needs a terminal; without one use --web, --screenshot FILE or genesis watch"
        )
    if not served:
        Asking(socket).get("daemon")  # Without one there is nothing to show.
    from genesis_actors.tui.app import LiveView
    from genesis_actors.tui.ending import ended_at_once
    from genesis_actors.tui.link import Link

    # Whoever only looks on gives way to those who trade.
    os.nice(_NICENESS)
    view = LiveView(Link(door), in_browser=served)
    with ended_at_once(view.leave):
        view.run()
    if view.failure is not None:
        raise view.failure
    return ExitCode.OK


def _serve(door: Path | LoopbackPort, port: int, mode: str) -> ExitCode:
    import asyncio

    from genesis_actors.tui.web import serve

    if mode == "live":
        click.echo("real money: the browser may look, and gives no commands", err=True)

    def say(line: str) -> None:
        click.echo(line)
        sys.stdout.flush()

    try:
        asyncio.run(serve(door, port, say=say))
    except OSError as error:
        message = f"port {port} cannot be used: {error.strerror}"
        raise CliError("port_in_use", message, "name another one, or leave --port out") from error
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    return ExitCode.OK


def _not_written(path: Path, why: str) -> CliError:
    return CliError(
        "output_failed", f"{path} cannot be written: {why}", "name another file with --screenshot"
    )


def _screenshot(path: Path, door: Path | LoopbackPort, size: str, press: str | None) -> ExitCode:
    import asyncio

    from genesis_actors.tui.screenshot import take

    match = _SIZE.fullmatch(size)
    if match is None:
        raise click.UsageError(f"{size!r} is no size; write columns and rows, like 120x40")
    keys = tuple(press.split(",")) if press else ()
    wanted = int(match[1]), int(match[2])
    directory = path.absolute().parent
    if not directory.is_dir():  # Before, not after all has been drawn.
        raise _not_written(path, "no such directory")
    try:
        has_answered = asyncio.run(take(path, door=door, size=wanted, keys=keys))
    except OSError as error:
        raise _not_written(path, error.strerror or str(error)) from error
    if not has_answered:
        message = f"there is no daemon at {door}"
        raise CliError("no_daemon", message, _NO_DAEMON, ExitCode.NO_DAEMON)
    click.echo(f"saved {path}", err=True)
    return ExitCode.OK
