"""Who may come in, and for how long: peers of our user, so many at once, none that dawdles.

A guard stands between each connection and the HTTP parser. It knows nothing of HTTP but whether a request is in hand.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Final, cast

from genesis_actors.logs import get_logger

HEAD_SECONDS: Final = 10.0
"""So long a client may take for the head of its next request; then it is cut off."""

MAX_CONNECTIONS: Final = 256

KEPT_FREE: Final = 32
"""Places beyond those, for commands that must get in however many clients there are."""

MAX_REQUEST_BYTES: Final = 1_000_000
"""What may arrive while one request is in hand: its body, and what a client sends ahead of the answer."""

LOOK_SECONDS: Final = 0.01

_CREDENTIALS: Final = struct.Struct("3i")  # Process, user, group.

log = get_logger()


def peer_user(connection: socket.socket) -> int | None:
    """Return the user at the other end of a Unix socket, None where the system does not tell."""
    if connection.family != socket.AF_UNIX or not hasattr(socket, "SO_PEERCRED"):
        return None
    found = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, user, _ = _CREDENTIALS.unpack(found)
    return user


def is_welcome(user: int | None, own: int) -> bool:
    """Tell whether a peer may come in: our own user, and root, whom nothing keeps out anyway."""
    return user in {None, own, 0}


class Guards:
    """All connections of one door."""

    def __init__(
        self,
        *,
        head_seconds: float = HEAD_SECONDS,
        max_connections: int = MAX_CONNECTIONS,
        own_user: int | None = None,
    ) -> None:
        self.head_seconds = head_seconds
        self.own_user = os.geteuid() if own_user is None else own_user
        self._max_connections = max_connections
        self._open: dict[asyncio.BaseTransport, Guard] = {}

    def __len__(self) -> int:
        return len(self._open)

    def of(self, transport: asyncio.BaseTransport | None) -> Guard | None:
        return None if transport is None else self._open.get(transport)

    def admit(self, transport: asyncio.BaseTransport, guard: Guard) -> bool:
        """Let a connection in; where there are too many, one that asks for nothing has to go.

        Where none is idle, it gets one of the places that are kept free: what it may ask for there is little.
        """
        if len(self._open) >= self._max_connections:
            idle = next((other for other in self._open.values() if not other.is_busy), None)
            if idle is not None:
                idle.cut_off()
            elif len(self._open) < self._max_connections + KEPT_FREE:
                guard.is_extra = True
            else:
                log.warning("connection_refused", reason="too many", open=len(self._open))
                return False
        self._open[transport] = guard
        return True

    async def see_off(self, seconds: float) -> None:
        """Let what is written reach its readers, for so long, and then end every connection."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._open:  # noqa: ASYNC110 - it is over in some milliseconds
                    await asyncio.sleep(LOOK_SECONDS)
        for guard in tuple(self._open.values()):
            guard.cut_off()
        await asyncio.sleep(0)  # It is the event loop that closes what was aborted.

    def leave(self, transport: asyncio.BaseTransport) -> None:
        self._open.pop(transport, None)


class Guard(asyncio.Protocol):
    """Hands a connection to the HTTP protocol once its peer is known, and ends it when it dawdles."""

    def __init__(self, guards: Guards, make_protocol: Callable[[], asyncio.Protocol]) -> None:
        self.is_busy = False
        self.is_extra = False
        """Whether it has one of the places that are kept free."""
        self.when_lost: Callable[[], None] | None = None
        self._received = 0
        self._guards = guards
        self._make_protocol = make_protocol
        self._inner: asyncio.Protocol | None = None
        self._transport: asyncio.Transport | None = None
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        user = peer_user(transport.get_extra_info("socket"))
        if not is_welcome(user, self._guards.own_user):
            log.warning("connection_refused", reason="another user", user=user)
            self._transport.abort()
            return
        if not self._guards.admit(transport, self):
            self._transport.abort()
            return
        self._inner = self._make_protocol()
        self._inner.connection_made(transport)
        self.request_over()

    def request_begun(self) -> None:
        """Take the clock off it: what is done with a request has limits of its own."""
        self.is_busy = True
        self._stop_clock()

    def request_over(self) -> None:
        self.is_busy = False
        self._received = 0
        self._stop_clock()
        if self._transport is not None and not self._transport.is_closing():
            loop = asyncio.get_running_loop()
            self._deadline = loop.call_later(self._guards.head_seconds, self.cut_off)

    def cut_off(self) -> None:
        if self._transport is not None:
            self._guards.leave(self._transport)
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        if self._received > MAX_REQUEST_BYTES:
            self.cut_off()
        elif self._inner is not None:
            self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return None if self._inner is None else self._inner.eof_received()

    def pause_writing(self) -> None:
        if self._inner is not None:
            self._inner.pause_writing()

    def resume_writing(self) -> None:
        if self._inner is not None:
            self._inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_clock()
        if self._transport is not None:
            self._guards.leave(self._transport)
        if self._inner is not None:
            self._inner.connection_lost(exc)
        if self.when_lost is not None:
            self.when_lost()

    def _stop_clock(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
