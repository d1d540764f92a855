"""A stream of events to one reader: what the journal has, in order, and the newest of each execution in between.

A reader that takes nothing for a while is cut off; nobody waits for it, and it may come back where it was.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from genesis_actors.control.board import Board
from genesis_actors.control.tail import Tail, Told
from genesis_actors.logs import get_logger
from genesis_actors.values import ExecutionId

STUCK_SECONDS: Final = 5.0
"""So long a reader may take nothing."""
HEARTBEAT_SECONDS: Final = 15.0
PROGRESS_SECONDS: Final = 0.25
"""The newest of each execution is told at most so often."""
LINES_AT_ONCE: Final = 100

log = get_logger()


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a reader wants: events behind `sequence`, of one execution or all, and progress in between."""

    sequence: int
    follows: bool
    execution_id: ExecutionId | None
    events: bool
    progress: bool


class Reader:
    """One reader's place in the journal, and which executions have changed since it was last told of them."""

    def __init__(self, tail: Tail, board: Board, wanted: Wanted) -> None:
        self._tail = tail
        self._board = board
        self._wanted = wanted
        self._sequence = wanted.sequence
        self._changed: dict[ExecutionId, None] = {}
        self._has_more = asyncio.Event()
        self._is_gone = False

    def leave(self) -> None:
        """End the stream: nobody reads it any more."""
        self._is_gone = True
        self._has_more.set()

    async def run(
        self, request: web.Request, *, stuck_seconds: float = STUCK_SECONDS
    ) -> web.StreamResponse:
        """Write until there is no more, the reader has gone, or is stuck."""
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        self._tail.join(self._has_more)
        if self._wanted.progress:
            self._board.join(self._note)
            self._note(
                {self._wanted.execution_id}
                if self._wanted.execution_id
                else set(self._board.open_ids())
            )
        try:
            await self._write_all(response, stuck_seconds)
        except TimeoutError:
            log.warning("event_reader_cut_off", reason="it takes nothing", at=self._sequence)
            if request.transport is not None:
                request.transport.abort()
        except ConnectionError:
            log.debug("event_reader_gone", at=self._sequence)
        finally:
            self._tail.leave(self._has_more)
            self._board.leave(self._note)
        return response

    async def _write_all(self, response: web.StreamResponse, stuck_seconds: float) -> None:
        while not self._is_gone:
            self._has_more.clear()
            for lines in await self._next():
                async with asyncio.timeout(stuck_seconds):
                    await response.write(lines.encode())
            if self._is_behind:
                continue
            if not self._wanted.follows or self._tail.is_over:
                return
            await self._wait(response, stuck_seconds)

    async def _next(self) -> list[str]:
        """Return what comes next, in portions."""
        told = await self._tail.after(self._sequence) if self._wanted.events else []
        if told:
            self._sequence = told[-1].sequence
        lines = [each.line for each in told if self._is_wanted(each)]
        changed, self._changed = self._changed, {}
        lines += [
            f'{{"priority": "NORMAL", "type": "Progress", "execution_id": "{key}", '
            f'"data": {self._board.text(key)}}}\n'
            for key in changed
            if self._board.status(key) is not None
        ]
        return [
            "".join(lines[at : at + LINES_AT_ONCE]) for at in range(0, len(lines), LINES_AT_ONCE)
        ]

    @property
    def _is_behind(self) -> bool:
        return self._wanted.events and self._sequence < self._tail.last

    async def _wait(self, response: web.StreamResponse, stuck_seconds: float) -> None:
        try:
            async with asyncio.timeout(HEARTBEAT_SECONDS):
                await self._has_more.wait()
        except TimeoutError:
            # An empty line: whoever reads knows that the daemon lives, and the daemon whether anybody reads.
            async with asyncio.timeout(stuck_seconds):
                await response.write(b"\n")
        if self._wanted.progress and not self._is_gone and not self._tail.is_over:
            await asyncio.sleep(PROGRESS_SECONDS)

    def _note(self, changed: set[ExecutionId]) -> None:
        only = self._wanted.execution_id
        wanted = changed if only is None else changed & {only}
        if wanted:
            self._changed.update(dict.fromkeys(wanted))
            self._has_more.set()

    def _is_wanted(self, told: Told) -> bool:
        only = self._wanted.execution_id
        return only is None or told.execution_id == only
