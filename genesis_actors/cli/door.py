"""How commands reach the daemon: the option that names its door, and its refusals as errors of the command line."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from genesis_actors.cli.errors import CliError, ExitCode
from genesis_actors.places import LoopbackPort, PlaceError, find_socket

if TYPE_CHECKING:
    from genesis_actors.control.client import Answer, Client

F = TypeVar("F", bound=Callable[..., Any])

_EXIT_CODES = {
    400: ExitCode.USAGE,
    404: ExitCode.UNKNOWN_ID,
    409: ExitCode.REJECTED,
    423: ExitCode.HALTED,
    504: ExitCode.TIMEOUT,
}


_SETTINGS = "genesis_actors.settings_file"
"""Where a command line keeps the settings file that its --config names."""


def own_socket_option(command: F) -> F:
    """Add where a daemon is to have its door."""
    return click.option(
        "--socket", metavar="PATH", help="Its door.  [default: GENESIS_SOCKET, or the settings]"
    )(command)


def socket_option(command: F) -> F:
    """Add where the daemon's door is, and the settings file that may say so."""
    named = click.option(
        "--socket",
        metavar="PATH",
        help="The daemon's door, or 127.0.0.1:PORT.  [default: GENESIS_SOCKET, or the settings]",
    )
    told = click.option(
        "--config",
        type=click.Path(path_type=Path),
        metavar="FILE",
        expose_value=False,
        is_eager=True,
        callback=_keep_settings,
        help="Settings that say where the door is.",
    )
    return named(told(command))


def _keep_settings(
    context: click.Context, _parameter: click.Parameter, path: Path | None
) -> Path | None:
    context.meta[_SETTINGS] = path
    return path


def chosen_settings() -> Path | None:
    """Return the settings file that --config names."""
    context = click.get_current_context(silent=True)
    return None if context is None else context.meta.get(_SETTINGS)


def find_door(socket: str | None) -> Path | LoopbackPort:
    """Return the door that the command line means. Raises CliError."""
    try:
        return find_socket(socket, chosen_settings())
    except PlaceError as error:
        raise CliError(
            "bad_settings",
            str(error),
            "name the door: --socket PATH; or correct what GENESIS_SOCKET or the settings say",
        ) from error


class Asking:
    """A client whose errors are the command line's. `hint` is the next step where no daemon is."""

    def __init__(self, socket: str | None, hint: str = "start one: genesis daemon start") -> None:
        from genesis_actors.control.client import Client

        self._client: Client = Client(find_door(socket))
        self._hint = hint

    @property
    def path(self) -> Path | LoopbackPort:
        return self._client.path

    def get(self, *where: str, **query: str | int | None) -> Answer:
        with self._explained():
            return self._client.get(*where, query=query)

    def post(self, *where: str, body: Mapping[str, object] | None = None) -> Answer:
        with self._explained():
            return self._client.post(*where, body=body)

    def stream(self, *where: str, **query: str | int | None) -> Iterator[dict[str, Any]]:
        with self._explained():
            yield from self._client.stream(*where, query=query)

    @contextmanager
    def _explained(self) -> Generator[None]:
        from genesis_actors.control.client import (
            LostError,
            NoDaemonError,
            RefusedError,
            TokenError,
        )

        try:
            yield
        except NoDaemonError as error:
            raise _unreachable(self.path, error.why) or CliError(
                "no_daemon", str(error), self._hint, ExitCode.NO_DAEMON
            ) from error
        except TokenError as error:
            hint = "use its socket, or name the file under [control] token_file"
            raise CliError("no_token", str(error), hint) from error
        except LostError as error:
            hint = "what was asked may have been done: look with genesis ps -a"
            raise CliError("connection_lost", str(error), hint) from error
        except RefusedError as error:
            code = _EXIT_CODES.get(error.status, ExitCode.FAILURE)
            raise CliError(error.code, error.message, error.hint, code) from error


def _unreachable(path: Path | LoopbackPort, why: str) -> CliError | None:
    """Return the error for a daemon that lives, as its lock says, and cannot be reached."""
    if not isinstance(path, Path):
        return None
    from genesis_actors.control.sockets import holder_of, lock_beside

    process = holder_of(lock_beside(path))
    if process is None:
        return None
    return CliError(
        "daemon_unreachable",
        f"a daemon runs (process {process}), but nobody answers at {path} ({why})",
        "it is starting or ending, or makes its socket anew: try again in a moment; "
        f"SIGTERM drains it, too: kill {process}",
    )


def reading(socket: str | None) -> Asking:
    """Return a client for what a database can tell as well."""
    return Asking(socket, "start one: genesis daemon start; or read a database: --db PATH")
