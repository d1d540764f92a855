"""The journal's writer on a disk that is slow at times, full at others, and now and then denies what it has done."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar, Protocol

from genesis_actors.actors.persistence import KeepCommitting, PersistenceActor
from genesis_actors.messages.persistence import PersistenceMessage
from genesis_actors.simulation.faults import Dice, Faults
from genesis_actors.storage.journal import Journal


class DurableWatcher(Protocol):
    """Hears of everything that has become durable, before anybody else does."""

    def on_durable(self, write: PersistenceMessage) -> None: ...


class Disk:
    """The state of the disk, beyond the life of any process."""

    def __init__(
        self, seed: int, faults: Faults, counts: Counter[str], watcher: DurableWatcher
    ) -> None:
        self.faults = faults
        self.commits = 0
        self._dice = Dice(f"disk:{seed}", counts)
        self._watcher = watcher
        self._slow = _Spells("slow_disk", (0.05, 6.0))
        self._broken = _Spells("broken_disk", (1.0, 30.0))

    def slow_until(self, now: datetime) -> datetime | None:
        return self._slow.until(self._dice, now, self.faults.slow_disk_every)

    def is_broken(self, now: datetime) -> bool:
        return self._broken.until(self._dice, now, self.faults.broken_disk_every) is not None

    def denies_commit(self) -> bool:
        return self._dice.goes_wrong("commit_denied", self.faults.commit_denied)

    def has_written(self, batch: Sequence[PersistenceMessage], errors: Sequence[str | None]) -> None:
        self.commits += 1
        for write, error in zip(batch, errors, strict=True):
            if error is None:
                self._watcher.on_durable(write)


class _Spells:
    """Stretches of time that come at random, one after another."""

    def __init__(self, name: str, seconds: tuple[float, float]) -> None:
        self._name = name
        self._seconds = seconds
        self._next_at: datetime | None = None
        self._until: datetime | None = None

    def until(self, dice: Dice, now: datetime, every: float) -> datetime | None:
        """Return when the spell that is on ends, None where there is none."""
        if not every:
            self._next_at = self._until = None
            return None
        if self._next_at is None:
            self._next_at = now + dice.pause(every)
        if now >= self._next_at:
            dice.counts[self._name] += 1
            self._until = now + dice.seconds(*self._seconds)
            self._next_at = self._until + dice.pause(every)
        return self._until if self._until is not None and now < self._until else None


class SimulatedPersistence(PersistenceActor):
    """The journal's writer as it is, on a simulated disk. Subclassed once for each simulation, to name its disk."""

    disk: ClassVar[Disk]

    def begin(self) -> None:
        super().begin()
        assert self._journal is not None  # noqa: S101 - made just now
        self._journal = _WatchedJournal(self._journal, self)  # pyright: ignore[reportAttributeAccessIssue]

    def on_idle(self) -> None:
        until = self.disk.slow_until(self.clock.now())
        if until is None:
            super().on_idle()
        elif self._waiting:
            self.wake_at(until, KeepCommitting())

    def abandon(self) -> None:
        """Close the file without another word, as the end of the process would."""
        self._close()


class _WatchedJournal:
    def __init__(self, journal: Journal, actor: SimulatedPersistence) -> None:
        self._journal = journal
        self._actor = actor

    async def write(self, batch: Sequence[PersistenceMessage]) -> list[str | None]:
        disk = self._actor.disk
        if disk.is_broken(self._actor.clock.now()):
            raise sqlite3.OperationalError("database or disk is full")
        errors = await self._journal.write(batch)  # pyright: ignore[reportArgumentType]
        disk.has_written(batch, errors)
        return errors

    async def close(self) -> None:
        await self._journal.close()


def persistence_on(disk: Disk) -> type[SimulatedPersistence]:
    return type("SimulatedPersistence", (SimulatedPersistence,), {"disk": disk})
