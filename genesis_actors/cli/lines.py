"""One line of `genesis shell`: what it means, and how it is run, with an exit code like that of the command itself."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import click

from genesis_actors.cli.errors import CliError, ExitCode, Invocation, report

HELP_WORDS: Final = frozenset({"help", "?"})
LEAVING_WORDS: Final = frozenset({"exit", "quit"})

LONGEST_LINE: Final = 65_536
_RECOGNISED: Final = 200

_SHELLS_OWN: Final = frozenset({"|", "||", "&", "&&", ";", ">", ">>", "<"})

_PROCESSES: Final = frozenset(
    {"run", "plan", "demo", "daemon", "tui", "simulate", "bench", "doctor", "db", "report", "tca"}
)
"""Commands that get a process of their own: they load much, catch signals, or take the whole screen."""


@dataclass(frozen=True, slots=True)
class Line:
    """What somebody has typed: the words of a command, or nothing."""

    words: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Line:
        """Take a line apart as a shell does. `genesis` in front may be left out. Raises CliError."""
        if len(text) > LONGEST_LINE:
            what = f"a line has at most {LONGEST_LINE} characters: {cut(text)}"
            raise _unusable(what, "write one command a line")
        try:
            words = shlex.split(text, comments=True)
        except ValueError as error:
            what = "a quote is not closed" if "quotation" in str(error) else str(error).lower()
            raise _unusable(f"{what}: {cut(text)}", "close it, or leave it out") from error
        if words and words[0] == "genesis":
            del words[0]
        for word in words:
            if word in _SHELLS_OWN:
                raise _unusable(
                    f"{word} is for your system's shell, and this one has only commands of genesis",
                    "there it works: genesis COMMAND ... " + word,
                )
        return cls(tuple(words))

    @property
    def is_help(self) -> bool:
        """Whether help is asked for: on its own, or for the command behind it."""
        return self.words[:1] != () and self.words[0] in HELP_WORDS

    @property
    def leaves(self) -> bool:
        return len(self.words) == 1 and self.words[0] in LEAVING_WORDS

    @property
    def command(self) -> str | None:
        return next((word for word in self.words if not word.startswith("-")), None)


def cut(text: str) -> str:
    """Return as much of what somebody has typed as is needed to know it again."""
    text = text[: _RECOGNISED + 1].strip()
    return text if len(text) <= _RECOGNISED else f"{text[:_RECOGNISED]}..."


def _unusable(message: str, hint: str) -> CliError:
    return CliError("usage", message, hint, ExitCode.USAGE)


def run_line(text: str, *, options: Sequence[str] = (), reads_stdin: bool = False) -> int | None:
    """Run a line, and return its exit code; None: it asks to leave. `options` stand in front of each command's words.

    `reads_stdin` says that the lines themselves come from there, so that no command may take them.
    """
    try:
        line = Line.parse(text)
        if not line.words:
            return ExitCode.OK
        if line.leaves:
            return None
        if line.command == "shell":
            raise _unusable("this is the shell already", "leave it with exit, or Ctrl-D")
    except CliError as error:
        return report(error, Invocation.of(options))
    words = [*line.words[1:], "--help"] if line.is_help else [*options, *line.words]
    if line.command in _PROCESSES and "--help" not in words:
        return _in_a_process(words, reads_stdin=reads_stdin)
    return _here(words)


def _here(words: Sequence[str]) -> int:
    from genesis_actors.cli.main import genesis

    try:
        genesis.main(list(words))
    except SystemExit as over:
        code = over.code
    finally:
        sys.stdout.flush()
    return code if isinstance(code, int) else ExitCode.OK


def _in_a_process(words: Sequence[str], *, reads_stdin: bool) -> int:
    command = [sys.executable, "-m", "genesis_actors", *words]
    stdin = subprocess.DEVNULL if reads_stdin else None
    with subprocess.Popen(command, stdin=stdin, env=os.environ) as process:  # noqa: S603 - our own program
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                # It has heard Ctrl-C as well, and ends in its own time.
                click.echo(err=True)
