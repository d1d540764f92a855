"""The end of the journal, for readers of events: the journal itself is their buffer.

Each reader has a place in it, the sequence number up to which it has read. So nothing is dropped and the order is the
journal's, however slow a reader is, and none costs memory; the newest events are kept here once for all of them.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar

from genesis_actors.logs import get_logger
from genesis_actors.storage import queries
from genesis_actors.storage.batch import EventRow
from genesis_actors.storage.database import Database
from genesis_actors.storage.errors import StorageError

T = TypeVar("T")

KEPT: Final = 10_000
READ_AT_ONCE: Final = 1_000
PAUSE_SECONDS: Final = 0.05
"""Events that come within this time are read together."""
RETRY_SECONDS: Final = 1.0

log = get_logger()

Aside = Callable[[Callable[[], T]], Awaitable[T]]
"""Runs something that waits for the disk on a thread of its own."""


@dataclass(frozen=True, slots=True)
class Told:
    """One event of the journal, ready to be sent."""

    sequence: int
    execution_id: str
    line: str


class Tail:
    """Reads the journal behind its writer, and wakes whoever waits for more."""

    def __init__(self, database: Database, aside: Aside[list[EventRow]]) -> None:
        self._database = database
        self._aside = aside
        self._kept: list[Told] = []
        self._has_news = asyncio.Event()
        self._readers: set[asyncio.Event] = set()
        self.last = 0
        self.is_over = False
        """Whether nothing comes after `last` any more."""

    def start_behind(self, sequence: int) -> None:
        self.last = sequence

    def wake(self) -> None:
        """Say that there is something new in the journal."""
        self._has_news.set()

    def join(self, reader: asyncio.Event) -> None:
        self._readers.add(reader)

    def leave(self, reader: asyncio.Event) -> None:
        self._readers.discard(reader)

    async def run(self) -> None:
        """Read on, as long as the door is open."""
        while True:
            await self._has_news.wait()
            self._has_news.clear()
            try:
                while await self._read_on():
                    pass
            except StorageError as error:
                log.warning("journal_not_readable", error=error.message)
                self._has_news.set()
                await asyncio.sleep(RETRY_SECONDS)
            await asyncio.sleep(PAUSE_SECONDS)

    async def let_go(self) -> None:
        """Read to the end, once `run` has ended, and have the readers leave when they have it."""
        try:
            async with asyncio.timeout(RETRY_SECONDS):
                while await self._read_on():
                    pass
        except (StorageError, TimeoutError) as error:
            log.warning("journal_not_read_to_its_end", at=self.last, error=str(error))
        self.is_over = True
        for reader in self._readers:
            reader.set()

    async def after(self, sequence: int) -> list[Told]:
        """Return the next events behind `sequence`, at most `READ_AT_ONCE`."""
        if sequence >= self.last:
            return []
        if self._kept and self._kept[0].sequence <= sequence + 1:
            start = bisect_right(self._kept, sequence, key=lambda told: told.sequence)
            return self._kept[start : start + READ_AT_ONCE]
        return await self._read(sequence)

    async def _read_on(self) -> bool:
        """Read what is new, and tell whether there may be more."""
        told = await self._read(self.last)
        if told:
            self._kept += told
            del self._kept[:-KEPT]
            self.last = told[-1].sequence
            for reader in self._readers:
                reader.set()
        return len(told) == READ_AT_ONCE

    async def _read(self, sequence: int) -> list[Told]:
        rows = await self._aside(
            lambda: queries.events_after(self._database, sequence, READ_AT_ONCE)
        )
        return [told(row) for row in rows]


def told(row: EventRow) -> Told:
    return Told(row.sequence_number, row.aggregate_id, row.line())


def sequence_before(database: Database, at: datetime) -> int:
    """Return the sequence number behind which everything since `at` stands."""
    return queries.last_sequence(database, at)
