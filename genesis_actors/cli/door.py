"""How commands reach the daemon: the option that names its door, and its refusals as errors of the command line."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from genesis_actors.cli.errors import CliError, ExitCode

if TYPE_CHECKING:
    from pathlib import Path

    from genesis_actors.control.client import Answer, Client

F = TypeVar("F", bound=Callable[..., Any])

_EXIT_CODES = {
    400: ExitCode.USAGE,
    404: ExitCode.UNKNOWN_ID,
    409: ExitCode.REJECTED,
    423: ExitCode.HALTED,
    504: ExitCode.TIMEOUT,
}


def socket_option(command: F) -> F:
    return click.option(
        "--socket", metavar="PATH", help="The daemon's door.  [default: GENESIS_SOCKET]"
    )(command)


class Asking:
    """A client whose errors are the command line's. `hint` is the next step where no daemon is."""

    def __init__(self, socket: str | None, hint: str = "start one: genesis daemon start") -> None:
        from genesis_actors.control.client import Client
        from genesis_actors.places import find_socket

        self._client: Client = Client(find_socket(socket))
        self._hint = hint

    @property
    def path(self) -> Path:
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
        from genesis_actors.control.client import LostError, NoDaemonError, RefusedError

        try:
            yield
        except NoDaemonError as error:
            raise CliError("no_daemon", str(error), self._hint, ExitCode.NO_DAEMON) from error
        except LostError as error:
            hint = "what was asked may have been done: look with genesis ps -a"
            raise CliError("connection_lost", str(error), hint) from error
        except RefusedError as error:
            code = _EXIT_CODES.get(error.status, ExitCode.FAILURE)
            raise CliError(error.code, error.message, error.hint, code) from error


def reading(socket: str | None) -> Asking:
    """Return a client for what a database can tell as well."""
    return Asking(socket, "start one: genesis daemon start; or read a database: --db PATH")
