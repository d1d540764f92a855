"""The journal's writer on a disk that is slow at times, full at others, and now and then denies what it has done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar, Final, Protocol

from genesis_actors.actors.persistence import KeepCommitting, PersistenceActor
from genesis_actors.simulation.faults import Dice, Faults
from genesis_actors.storage.batch import Write
from genesis_actors.storage.journal import Failure

_FULL: Final = Failure("database or disk is full", is_outage=True)
_UNCERTAIN: Final = Failure("disk I/O error", is_outage=True)


class DurableWatcher(Protocol):
    """Hears of everything that has become durable, before anybody else does."""

    def on_durable(self, write: Write) -> None: ...

    def on_halt_durable(self, *, is_halted: bool) -> None: ...


class Disk:
    """The state of the disk, beyond the life of any process."""

    def __init__(
        self, seed: int, faults: Faults, counts: Counter[str], watcher: DurableWatcher
    ) -> None:
        self.faults = faults
        self.watcher = watcher
        self.commits = 0
        self._dice = Dice(f"disk:{seed}", counts)
        self._slow = _Spells("slow_disk", (0.05, 6.0))
        self._broken = _Spells("broken_disk", (1.0, 30.0))

    def slow_until(self, now: datetime) -> datetime | None:
        return self._slow.until(self._dice, now, self.faults.slow_disk_every)

    def is_broken(self, now: datetime) -> bool:
        return self._broken.until(self._dice, now, self.faults.broken_disk_every) is not None

    def denies_commit(self) -> bool:
        return self._dice.goes_wrong("commit_denied", self.faults.commit_denied)


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

    def on_idle(self) -> None:
        until = self.disk.slow_until(self.clock.now())
        if until is None:
            super().on_idle()
        elif self._waiting:
            self.wake_at(until, KeepCommitting())

    def _write(self, batch: Sequence[Write]) -> Sequence[Failure | None]:
        disk = self.disk
        if disk.is_broken(self.clock.now()):
            return [_FULL] * len(batch)
        failures = super()._write(batch)
        disk.commits += 1
        for write, failure in zip(batch, failures, strict=True):
            if failure is None:
                disk.watcher.on_durable(write)
        return [_UNCERTAIN] * len(batch) if disk.denies_commit() else failures

    def _write_halt(self, at: datetime | None, reason: str | None) -> Failure | None:
        disk = self.disk
        if disk.is_broken(self.clock.now()):
            return _FULL
        failure = super()._write_halt(at, reason)
        if failure is None:
            disk.watcher.on_halt_durable(is_halted=at is not None)
        return _UNCERTAIN if disk.denies_commit() else failure

    def _probe(self) -> Failure | None:
        return _FULL if self.disk.is_broken(self.clock.now()) else super()._probe()


def persistence_on(disk: Disk) -> type[SimulatedPersistence]:
    return type("SimulatedPersistence", (SimulatedPersistence,), {"disk": disk})
