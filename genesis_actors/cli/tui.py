"""`genesis tui`: the full-screen live view, on a terminal or in a browser."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import click

from genesis_actors.cli.door import socket_option
from genesis_actors.cli.errors import CliError, ExitCode

_SIZE = re.compile(r"(\d{2,3})x(\d{2,3})")
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
@socket_option
def tui(
    web: bool,
    port: int | None,
    screenshot: Path | None,
    size: str | None,
    press: str | None,
    socket: str | None,
) -> ExitCode:
    """Watch and steer executions on the full screen. Ending it touches nothing."""
    if port is not None and not web:
        raise click.UsageError("--port is for --web")
    if (size or press) and screenshot is None:
        raise click.UsageError("--size and --press are for --screenshot FILE")
    if web and screenshot is not None:
        raise click.UsageError("--web and --screenshot contradict each other: give one of them")
    from genesis_actors.places import find_socket

    path = find_socket(socket)
    if screenshot is not None:
        return _screenshot(screenshot, path, size or "120x40", press)
    if web:
        from genesis_actors.tui.web import serve

        return ExitCode(serve(path, port or 0))
    if not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        raise click.UsageError(
            "the live view needs a terminal; without one use --web, --screenshot FILE or genesis watch"
        )
    from genesis_actors.tui.app import LiveView
    from genesis_actors.tui.link import Link

    LiveView(Link(path)).run()
    return ExitCode.OK


def _screenshot(path: Path, socket: Path, size: str, press: str | None) -> ExitCode:
    import asyncio

    from genesis_actors.tui.screenshot import take

    match = _SIZE.fullmatch(size)
    if match is None:
        raise click.UsageError(f"{size!r} is no size; write columns and rows, like 120x40")
    keys = tuple(press.split(",")) if press else ()
    wanted = int(match[1]), int(match[2])
    if not asyncio.run(take(path, socket=socket, size=wanted, keys=keys)):
        message = f"there is no daemon at {socket}"
        raise CliError("no_daemon", message, _NO_DAEMON, ExitCode.NO_DAEMON)
    click.echo(f"saved {path}", err=True)
    return ExitCode.OK
