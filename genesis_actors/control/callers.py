"""Who may ask: over a port whoever knows the token, and no page of a browser; nobody who means another daemon."""

from __future__ import annotations

import hmac
import socket
from dataclasses import dataclass
from http import HTTPStatus

from aiohttp import web

from genesis_actors.control.client import MODE_HEADER
from genesis_actors.control.refusals import Refusal


@dataclass(frozen=True, slots=True)
class Port:
    """A port of this machine, for whoever knows the token."""

    number: int
    token: str


class Callers:
    """Refuses the others. The Unix socket's own guard has seen to whose its callers are."""

    def __init__(self, mode: str, port: Port | None, metrics_port: int | None) -> None:
        self._mode = mode
        self._port = port
        self._metrics_port = metrics_port

    def check(self, request: web.Request) -> None:
        self._check_place(request)
        self._check_mode(request)

    def _check_place(self, request: web.Request) -> None:
        """Over TCP: refuse whoever has no token, and what a browser sends on behalf of some page."""
        transport = request.transport
        connection = None if transport is None else transport.get_extra_info("socket")
        if connection is None or connection.family == socket.AF_UNIX:
            return
        number = connection.getsockname()[1]
        hosts = {f"{name}:{number}" for name in ("127.0.0.1", "localhost")}
        origin = request.headers.get("Origin")
        is_ours = request.host in hosts and (
            origin is None or origin in {f"http://{host}" for host in hosts}
        )
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if not is_ours:
            raise Refusal(HTTPStatus.FORBIDDEN, "foreign_origin", "not from here", "use 127.0.0.1")
        if number == self._metrics_port:
            if request.path != "/metrics" or request.method != "GET":
                raise Refusal(
                    HTTPStatus.FORBIDDEN, "metrics_only", "only GET /metrics here", "use the socket"
                )
            return
        # What is no text came as bytes; it is no token either way.
        sent = given.strip().encode(errors="surrogateescape")
        is_bearer = scheme.lower() == "bearer"
        if (
            self._port is None
            or not is_bearer
            or not hmac.compare_digest(sent, self._port.token.encode())
        ):
            raise Refusal(
                HTTPStatus.UNAUTHORIZED,
                "no_token",
                "the token is missing or wrong",
                "send Authorization: Bearer TOKEN, with the token of [control] token_file",
            )

    def _check_mode(self, request: web.Request) -> None:
        """Refuse whoever takes real money for paper, or paper for real money."""
        believed, mode = request.headers.get(MODE_HEADER), self._mode
        if believed is not None and believed != mode:
            raise Refusal(
                HTTPStatus.CONFLICT,
                "another_mode",
                f"this daemon's mode is {mode}, not {believed[:20]}: nothing was done",
                "look again, then decide: genesis daemon status",
            )
