"""Where clients come in: the Unix socket, and the ports where there are any. A socket that is removed is made anew."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from genesis_actors.control.sockets import DoorError, bind, identity_of, remove
from genesis_actors.logs import get_logger

BACKLOG: Final = 1024
LOOK_SECONDS: Final = 1.0

log = get_logger()


class Entrance:
    """Listens at `path`, and at `ports` of this machine."""

    def __init__(
        self, path: Path, ports: Iterable[int], make_protocol: Callable[[], asyncio.Protocol]
    ) -> None:
        self._path = path
        self._ports = tuple(ports)
        self._make_protocol = make_protocol
        self._at_path: asyncio.Server | None = None
        self._at_ports: list[asyncio.Server] = []
        self._identity: tuple[int, int] | None = None

    async def open(self) -> None:
        """Let clients in. Raises DoorError."""
        await self._listen_at_path()
        loop = asyncio.get_running_loop()
        for port in self._ports:
            try:
                self._at_ports.append(
                    await loop.create_server(self._make_protocol, "127.0.0.1", port)
                )
            except OSError as error:
                raise DoorError(
                    f"port {port} cannot be used: {error.strerror}",
                    "name another one under [control] port or metrics_port, or leave it out",
                ) from error

    async def mind(self) -> None:
        """See to it that the socket stays where clients look for it, as long as the door is open."""
        has_failed = False
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if identity_of(self._path) == self._identity:
                continue
            try:
                await self._listen_at_path()
            except DoorError as error:
                if not has_failed:
                    log.warning("socket_lost", path=str(self._path), error=error.message)
                has_failed = True
            else:
                log.warning("socket_made_anew", path=str(self._path))
                has_failed = False

    def close(self) -> None:
        """Let nobody in any more. What is at the path by now is removed only if it is ours."""
        for server in (self._at_path, *self._at_ports):
            if server is not None:
                server.close()
        if self._identity is not None and identity_of(self._path) == self._identity:
            remove(self._path)

    async def _listen_at_path(self) -> None:
        listening = bind(self._path)
        before, self._identity = self._at_path, identity_of(self._path)
        self._at_path = await asyncio.get_running_loop().create_unix_server(
            self._make_protocol, sock=listening, backlog=BACKLOG
        )
        if before is not None:
            before.close()
