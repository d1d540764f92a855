"""The thin client of the door: the standard library alone, one connection a question."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from genesis_actors.places import LoopbackPort

ANSWER_SECONDS = 75.0
"""Longer than the door lets a command take, so that it is the door which says what has become of it."""

CONNECT_SECONDS = 5.0
CONNECT_AGAIN_SECONDS = 0.02

MODE_HEADER = "Genesis-Mode"
"""Says which mode the client believes the daemon to be in."""

SILENCE_SECONDS = 60.0
"""A stream that says nothing for so long, not even that it is alive, has lost its other end."""

Query = Mapping[str, str | int | None]


class NoDaemonError(Exception):
    """Nobody listens at the door."""

    def __init__(self, place: Path | LoopbackPort, why: str) -> None:
        super().__init__(f"there is no daemon at {place} ({why})")
        self.why = why


class TokenError(Exception):
    """There is no token for the daemon's port at hand."""


class LostError(Exception):
    """The daemon was there, and went away before it had answered: what was asked may have been done."""


class RefusedError(Exception):
    """The daemon's own error: its HTTP status, stable code, what and why, and the next step."""

    def __init__(self, status: int, code: str, message: str, hint: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Answer:
    """What the daemon answered, and whether its money is real."""

    mode: str
    data: Any


class _UnixConnection(HTTPConnection):
    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        deadline = time.monotonic() + CONNECT_SECONDS
        while True:
            try:
                return self.sock.connect(str(self._path))
            except BlockingIOError:
                # Others are before us in the kernel's queue.
                if time.monotonic() >= deadline:
                    raise
                time.sleep(CONNECT_AGAIN_SECONDS)


class Client:
    """Asks the daemon whose door is at `path`: a Unix socket, or a port of this machine.

    With a `mode` a daemon of the other one does nothing: real money is not moved by who believes it is paper.
    """

    def __init__(self, path: Path | LoopbackPort, *, mode: str | None = None) -> None:
        self.path = path
        self._mode = mode

    def get(self, *where: str, query: Query | None = None) -> Answer:
        return self._ask("GET", where, query, None)

    def post(self, *where: str, body: Mapping[str, object] | None = None) -> Answer:
        return self._ask("POST", where, None, body or {})

    def stream(
        self, *where: str, query: Query | None = None
    ) -> Generator[dict[str, Any], None, None]:
        """Yield one object a line until the daemon ends the stream. Raises LostError where it just stops."""
        with closing(self._connection(SILENCE_SECONDS)) as connection:
            response = self._send(connection, "GET", where, query, None)
            if response.status != 200:  # noqa: PLR2004 - HTTP's word for yes
                raise _refusal(response.status, _read(response))
            # The response has a hold of its own on the socket.
            with response:
                yield from _lines(response)

    def _ask(
        self, method: str, where: tuple[str, ...], query: Query | None, body: object | None
    ) -> Answer:
        with closing(self._connection(ANSWER_SECONDS)) as connection:
            response = self._send(connection, method, where, query, body)
            answer = _read(response)
        if response.status >= 400:  # noqa: PLR2004 - from here on HTTP's errors
            raise _refusal(response.status, answer)
        return Answer(answer["mode"], answer["data"])

    def _connection(self, timeout: float) -> HTTPConnection:
        if isinstance(self.path, LoopbackPort):
            return HTTPConnection("127.0.0.1", self.path.number, timeout=timeout)
        return _UnixConnection(self.path, timeout)

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json"}
        if self._mode is not None:
            headers[MODE_HEADER] = self._mode
        if isinstance(self.path, LoopbackPort):
            headers["Authorization"] = f"Bearer {_token_in(self.path.token_file)}"
        return headers

    def _send(
        self,
        connection: HTTPConnection,
        method: str,
        where: tuple[str, ...],
        query: Query | None,
        body: object | None,
    ) -> HTTPResponse:
        path = "/v1/" + "/".join(quote(part, safe="") for part in where)
        given = {name: value for name, value in (query or {}).items() if value is not None}
        if given:
            path += "?" + urlencode(given)
        text, headers = None if body is None else json.dumps(body), self._headers()
        try:
            connection.connect()
        except OSError as error:
            raise NoDaemonError(self.path, _why(error)) from error
        try:
            with suppress(
                BrokenPipeError
            ):  # It has answered, and reads no more: its answer is there.
                connection.request(method, path, text, headers)
            return connection.getresponse()
        except TimeoutError as error:
            raise LostError(f"no answer within {ANSWER_SECONDS:.0f} s") from error
        except (OSError, HTTPException) as error:
            raise LostError(f"the daemon went away before it answered: {error}") from error


def _lines(response: HTTPResponse) -> Iterator[dict[str, Any]]:
    while True:
        try:
            line = response.readline()
        except (OSError, HTTPException) as error:
            raise LostError(f"the stream broke off: {error}") from error
        if not line:
            return
        if line.strip():
            yield json.loads(line)


def _token_in(path: Path) -> str:
    try:
        token = path.read_text(encoding="ascii").strip()
    except OSError as error:
        raise TokenError(f"the token file {path} cannot be read: {_why(error)}") from error
    except ValueError as error:
        raise TokenError(f"the token file {path} holds no token") from error
    if not token.isprintable():
        raise TokenError(f"the token file {path} holds more than one token")
    return token


def _why(error: OSError) -> str:
    return error.strerror.lower() if error.strerror else str(error)


def _read(response: HTTPResponse) -> dict[str, Any]:
    try:
        found = json.loads(response.read())
    except (OSError, HTTPException) as error:
        raise LostError(f"the answer broke off: {error}") from error
    except ValueError as error:
        raise LostError("the answer is no JSON: something else listens there") from error
    if not isinstance(found, dict) or not ({"data", "error"} & found.keys()):
        raise LostError("the answer is not one of ours: something else listens there")
    return found  # pyright: ignore[reportUnknownVariableType]


def _refusal(status: int, answer: dict[str, Any]) -> RefusedError:
    said: dict[str, str] = answer.get("error", {})
    return RefusedError(
        status, said.get("code", "refused"), said.get("message", ""), said.get("hint", "")
    )
