"""`genesis shell`, and bare `genesis` on a terminal: one command after the other, without `genesis` in front."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn, TextIO

import click

from genesis_actors.cli import options
from genesis_actors.cli.door import find_door, socket_option
from genesis_actors.cli.errors import ExitCode
from genesis_actors.places import STATE_VARIABLE, LoopbackPort, default_state_dir

_WELCOME: Final = "help shows the commands, Tab completes, Ctrl-D leaves"


@click.command()
@socket_option
@click.option("-o", "--output", type=click.Choice(options.FORMATS), help="For each command.")
@click.option("-k", "--keep-going", is_flag=True, help="On a pipe: go on after a line that fails.")
def shell(socket: str | None, output: str | None, keep_going: bool) -> int:
    """Type one command after the other. On a pipe, run the lines of stdin, up to the first that fails.

    It is a client like the others: it starts nothing by itself, and leaving it touches nothing.
    """
    door = find_door(socket)
    # For the commands, whatever process they run in.
    os.environ["GENESIS_SOCKET"] = str(door)
    if isinstance(door, LoopbackPort):
        os.environ["GENESIS_CONTROL__TOKEN_FILE"] = str(door.token_file)
    given = [] if output is None else ["-o", output]
    _hear_signals()
    if sys.stdin.isatty() and sys.stdout.isatty():
        return _on_a_terminal(door, given)
    return _on_a_pipe(given, keep_going=keep_going)


def _hear_signals() -> None:
    """Let Ctrl-C end the command in hand, and SIGTERM the shell; the terminal is left as it was."""

    def leave(_number: int, _frame: FrameType | None) -> NoReturn:
        sys.exit(ExitCode.INTERRUPTED)

    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, leave)


def _on_a_terminal(door: Path | LoopbackPort, given: Sequence[str]) -> int:
    from genesis_actors.cli.lines import run_line
    from genesis_actors.cli.prompt import Prompt, open_history
    from genesis_actors.cli.standing import Watcher

    state_dir = os.environ.get(STATE_VARIABLE)
    history, why_none = open_history(
        Path(state_dir).expanduser() if state_dir else default_state_dir()
    )
    watcher = Watcher(door)
    watcher.open()
    click.echo(_WELCOME if why_none is None else f"{_WELCOME}\nwarning: {why_none}")
    prompt = Prompt(watcher, history, given)
    try:
        while True:
            try:
                if run_line(prompt.ask(), options=given) is None:
                    break
                watcher.look()
            except KeyboardInterrupt:
                continue  # What was typed is dropped, what was run is over.
            except EOFError:
                break
    finally:
        watcher.close()
    return ExitCode.OK


def _lines(stream: TextIO) -> Iterator[str]:
    """Yield lines; of one that is longer than any command only the beginning, however long it goes on."""
    from genesis_actors.cli.lines import LONGEST_LINE

    while line := stream.readline(LONGEST_LINE + 1):
        yield line
        while line and not line.endswith("\n"):
            line = stream.readline(LONGEST_LINE + 1)


def _on_a_pipe(given: Sequence[str], *, keep_going: bool) -> int:
    from genesis_actors.cli.lines import cut, run_line

    failed = 0
    for number, line in enumerate(_lines(sys.stdin), 1):
        code = run_line(line, options=given, reads_stdin=True)
        if code is None:
            break
        if code:
            click.echo(f"line {number} ended with {code}: {cut(line)}", err=True)
            failed = code
            if not keep_going:
                break
    return failed
