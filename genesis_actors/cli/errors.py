"""What goes wrong, as users see it: what and why, the next step, an exit code - and never a traceback."""

from __future__ import annotations

import json
import os
import re
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from genesis_actors.cli.invocation import wants_json
from genesis_actors.cli.text import shown

if TYPE_CHECKING:
    from genesis_actors.storage.errors import StorageError

_UNREADABLE = re.compile(r"\d{81,}")


class ExitCode(IntEnum):
    """What scripts branch on."""

    OK = 0
    FAILURE = 1
    USAGE = 2
    NO_DAEMON = 3
    UNKNOWN_ID = 4
    REJECTED = 5
    TIMEOUT = 6
    INCOMPLETE = 7
    HALTED = 8
    INTERRUPTED = 130


class CliError(Exception):
    """An error with its stable code, what and why, the next step, and the exit code."""

    def __init__(
        self, code: str, message: str, hint: str, exit_code: ExitCode = ExitCode.FAILURE
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.exit_code = exit_code


def not_built_yet(what: str, hint: str) -> CliError:
    return CliError("not_built_yet", f"{what} is not built yet", hint, ExitCode.USAGE)


@dataclass(frozen=True, slots=True)
class Invocation:
    """What can be known of a command line before it is understood: whether errors are wanted as JSON."""

    wants_json: bool

    @classmethod
    def of(cls, arguments: Sequence[str]) -> Invocation:
        return cls(wants_json(arguments))


def report(error: BaseException, invocation: Invocation) -> ExitCode:
    """Say what went wrong, and return the exit code for it."""
    known = explain(error)
    message, hint = shown(shortened(known.message)), shown(shortened(known.hint))
    if known.code == "internal_error" and os.environ.get("GENESIS_DEBUG") == "1":
        traceback.print_exception(error, file=sys.stderr)
    if invocation.wants_json:
        fields = {"code": known.code, "message": message, "hint": hint}
        _tell(json.dumps({"api": 1, "error": fields}, ensure_ascii=False))
    _tell(f"error: {message}", err=True)
    if hint:
        _tell(f"hint: {hint}", err=True)
    return known.exit_code


def shortened(message: str) -> str:
    """Return the message with the numbers in it that nobody can read cut short.

    >>> shortened(f"{'9' * 5000} is above 1")
    '999999999999... (5000 digits) is above 1'
    """
    return _UNREADABLE.sub(lambda match: f"{match[0][:12]}... ({len(match[0])} digits)", message)


def _tell(text: str, *, err: bool = False) -> None:
    """Write to stdout or stderr; what cannot be written is dropped, because an error has nowhere else to go."""
    try:
        click.echo(text, err=err)
    except OSError:
        forget_unwritten(sys.stderr if err else sys.stdout)
    except CliError:  # A stdout that is closed.
        return


def forget_unwritten(stream: TextIO) -> None:
    """Let what is left in the buffer go nowhere: it would be tried again at the end, and change the exit code."""
    with suppress(OSError), Path(os.devnull).open("wb") as nothing:
        os.dup2(nothing.fileno(), stream.fileno())


def explain(error: BaseException) -> CliError:
    """Return `error` as users shall see it."""
    match error:
        case CliError():
            return error
        case click.ClickException():
            return _usage(error)
        case KeyboardInterrupt() | click.Abort():
            return CliError(
                "interrupted",
                "interrupted before there was a result",
                "the same command starts again; with its --client-id it carries on what had begun",
                ExitCode.INTERRUPTED,
            )
        case _:
            return _of_the_engine(error) or CliError(
                "internal_error",
                f"internal error: {type(error).__name__}: {_one_line(error)}",
                "run it again with GENESIS_DEBUG=1 to see the details, and report them",
            )


def _usage(error: click.ClickException) -> CliError:
    message = error.format_message()
    context = error.ctx if isinstance(error, click.UsageError) else None
    path = context.command_path if context is not None else "genesis"
    if isinstance(error, click.NoSuchOption) and re.match(r"-[\d.]", error.option_name):
        message = "a number on the command line cannot be negative: quantities are above zero"
    if context is not None and isinstance(context.command, click.Group) and "Usage: " in message:
        names = ", ".join(context.command.list_commands(context))
        return CliError(
            "usage", f"{path} needs a command: {names}", f"see {path} --help", ExitCode.USAGE
        )
    near = _nearest_command(context, message)
    hint = f"see {path} --help" if near is None else f"did you mean {near}? See {path} --help"
    return CliError("usage", _sentence(message), hint, ExitCode.USAGE)


def _nearest_command(context: click.Context | None, message: str) -> str | None:
    """Return the command that somebody may have meant who has typed one that there is not."""
    found = re.fullmatch(r"No such command '(.+?)'\.", message)  # Click says it where it knows.
    if found is None or context is None or not isinstance(context.command, click.Group):
        return None
    names = context.command.list_commands(context)
    near = get_close_matches(found[1], names, 1) or [n for n in names if n.startswith(found[1])]
    return f"{context.command_path} {near[0]}" if near else None


def _sentence(message: str) -> str:
    """Return click's sentence in the form of ours: one line, no full stop."""
    return " ".join(message.split()).rstrip(".")


def _of_the_engine(error: BaseException) -> CliError | None:
    # Imported here: whoever raised one of these has imported them already, and nobody else needs them.
    from genesis_actors.control.sockets import DoorError
    from genesis_actors.engine import CommandRefusedError, EngineFailedError, OrderRejectedError
    from genesis_actors.gateways.venue import ForbiddenSourceError, SourceError
    from genesis_actors.opening import LiveNotAllowedError, OtherMarketError
    from genesis_actors.orders import OrderError
    from genesis_actors.settings import NotBuiltYetError, SettingsError
    from genesis_actors.storage import errors as storage

    match error:
        case OrderRejectedError():
            code = ExitCode.FAILURE if _is_down(error.reason) else ExitCode.REJECTED
            return CliError(error.reason, _sentence(str(error)), error.hint, code)
        case CommandRefusedError() if _is_down(error.reason):
            hint = "make room, or mend what keeps it from writing, then give the command again"
            return CliError(error.reason, _sentence(str(error)), hint)
        case CommandRefusedError():
            hint = "look at its state: genesis show @last --db PATH"
            return CliError(error.reason, _sentence(str(error)), hint, ExitCode.REJECTED)
        case EngineFailedError():
            hint = "nothing that was acknowledged is lost: run it again with its --client-id"
            return CliError("engine_failed", _one_line(error), hint)
        case LiveNotAllowedError():
            return CliError("live_not_allowed", str(error), error.hint, ExitCode.REJECTED)
        case OtherMarketError():
            return CliError("client_id_conflict", str(error), error.hint, ExitCode.REJECTED)
        case OrderError():
            return CliError("usage", str(error), "see genesis run --help", ExitCode.USAGE)
        case NotBuiltYetError():
            return not_built_yet(str(error), "leave it out of the settings")
        case SettingsError():
            hint = "correct the settings; the names and their meaning are in the README"
            return CliError("bad_settings", str(error), hint)
        case ForbiddenSourceError():
            return CliError("forbidden", _sentence(str(error)), error.hint, ExitCode.REJECTED)
        case SourceError():
            return CliError("bad_source", _sentence(str(error)), error.hint)
        case DoorError():
            return CliError(error.code, error.message, error.hint)
        case storage.StorageError():
            return _of_storage(error)
        case TimeoutError():
            hint = "look at what has become of it: genesis ps -a --db PATH"
            return CliError("timeout", _one_line(error), hint, ExitCode.TIMEOUT)
        case _:
            return None


def _is_down(reason: str) -> bool:
    """Tell whether nothing is wrong with what was asked, but with the disk."""
    return reason == "journal_down"


def _of_storage(error: StorageError) -> CliError:
    from genesis_actors.storage import errors as storage

    match error:
        case storage.ExecutionNotFound() | storage.AmbiguousExecution():
            exit_code = ExitCode.UNKNOWN_ID
        case storage.ForeignDatabase():
            exit_code = ExitCode.REJECTED
        case _:
            exit_code = ExitCode.FAILURE
    code = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(error).__name__).lower()
    return CliError(code, _one_line(error.message), error.hint, exit_code)


def _one_line(text: object) -> str:
    return " ".join(str(text).split())
