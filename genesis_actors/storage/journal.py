"""The journal's writer: events and the rows that follow from them become durable together, or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection, select

from genesis_actors.logs import get_logger
from genesis_actors.messages.persistence import WriteAccount
from genesis_actors.storage.batch import Batch, EventRow, JournalWrite, Write, last_version
from genesis_actors.storage.columns import utc_text
from genesis_actors.storage.database import Database, Target, cause_of, check_schema, run_blocking
from genesis_actors.storage.errors import DatabaseUnusable, OutcomeUncertain, StorageError
from genesis_actors.storage.statements import statements_for
from genesis_actors.storage.tables import engine_identity, events
from genesis_actors.storage.writer import FAULTS, BadWrite, CommitFailed, Work, Writer, is_bad_write
from genesis_actors.values import ExecutionState

log = get_logger()

_ATTEMPTS_TO_LEARN: Final = 3
_FINAL_STATES: Final = frozenset(state.value for state in ExecutionState if state.is_final)
_ALL_FAULTS: Final = (*FAULTS, StorageError)
_PROBE: Final = EventRow(
    sequence_number=-1,
    event_id="probe",
    event_type="probe",
    aggregate_id="probe",
    aggregate_version=0,
    engine_epoch=0,
    event_data="x" * 65_536,
    created_at=datetime(2000, 1, 1, tzinfo=UTC),
)
"""No event: nobody ever sees it. So large that it needs pages of its own, as a full disk has none left."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a write is not durable and never will be. In an outage it is the database's fault, not the write's."""

    error: str
    is_outage: bool = False


class Journal:
    """Writes batches of one engine to one database. There must be no other writer: see `EngineLock`.

    Opening it writes nothing. `engine_epoch` counts the engines that have written; the first write stores it.
    """

    def __init__(self, database: Database, writer: Writer, last_sequence: int, epoch: int) -> None:
        self.epoch = epoch
        self._database = database
        self._writer: Writer | None = writer
        self._statements = statements_for(writer.dialect)
        self._last_sequence = last_sequence
        self._is_epoch_stored = False
        self._versions: dict[
            str, int | None
        ] = {}  # of executions that are not over; None: no event yet

    @classmethod
    async def open(cls, target: Target) -> Journal:
        database = Database.of(target)
        # Read first: the writer's connection would create the file.
        last_sequence, last_epoch = database.read(_where_it_stands)
        with database.explained():
            writer = await cls._open_writer(database)
        return cls(database, writer, last_sequence, last_epoch + 1)

    @property
    def last_sequence(self) -> int:
        return self._last_sequence

    async def write(self, batch: Sequence[Write]) -> list[Failure | None]:
        """Write all of `batch` in one transaction; return for each write why it failed, None if it is durable.

        A bad write fails alone, with all later writes of its execution; an outage fails everything from there on.
        `OutcomeUncertain` means that the database cannot even be asked what has become durable.
        """
        if not batch:
            return []
        try:
            failures = await self._admitted(batch)
        except _ALL_FAULTS as error:
            return [self._outage(error)] * len(batch)
        admitted = [write for write, found in zip(batch, failures, strict=True) if found is None]
        if not admitted:
            return failures
        try:
            failure = await self._write_together(admitted)
        except BadWrite as fault:
            if len(admitted) > 1:
                return await self._write_singly(batch)
            failure = Failure(str(fault))
        if failure is not None:
            # What has been taken for the beginning of a journal may not be one.
            self._forget(admitted)
        return [failure if found is None else found for found in failures]

    async def write_halt(self, at: datetime | None, reason: str | None) -> Failure | None:
        """Make a halt durable, or with None its end."""
        row = None if at is None else utc_text(at), reason
        return await self._changed([(self._statements.halt.sql, [row])])

    async def probe(self) -> Failure | None:
        """Write something for certain, and learn anew what is durable if that works."""
        event, take_back = self._statements.event, self._statements.take_event_back
        work = (
            (event.sql, [event.encode(_PROBE)]),
            (take_back.sql, [(_PROBE.sequence_number,)]),
        )
        failure = await self._changed(work, is_patient=False)
        if failure is not None:
            return failure
        try:
            last_sequence, _ = self._database.read(_where_it_stands)
        except _ALL_FAULTS as error:
            return self._outage(error)
        high_water = self._database.high_water
        if high_water is not None and last_sequence < high_water.noted():
            # Somebody has put a backup in its place. What is open at the venue, only a start asks for.
            what = f"{self._database} has been replaced by an older copy: start the engine again"
            return Failure(what, is_outage=True)
        self._last_sequence = last_sequence
        self._versions.clear()
        return None

    async def close(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            await writer.close()

    async def _write_singly(self, batch: Sequence[Write]) -> list[Failure | None]:
        failures: list[Failure | None] = []
        for write in batch:
            last = failures[-1] if failures else None
            # In an outage each further attempt would only take its time.
            is_over = last is not None and last.is_outage
            failures.append(last if is_over else (await self.write([write]))[0])
        return failures

    async def _admitted(self, batch: Sequence[Write]) -> list[Failure | None]:
        """Return for each write why it cannot follow on what its execution's journal has, None if it can."""
        unknown = set[str]()
        for write in batch:
            if isinstance(write, JournalWrite) and write.execution_id not in self._versions:
                if _begins(write):
                    # Where its journal has begun already, the database finds the same version twice.
                    self._versions[write.execution_id] = None
                else:
                    unknown.add(write.execution_id)
        if unknown:
            await self._learn_versions(sorted(unknown))
        versions = dict[str, int | None]()
        failures: list[Failure | None] = []
        for write in batch:
            failure = None
            if isinstance(write, JournalWrite):
                last = versions.get(write.execution_id, self._versions[write.execution_id])
                expected = (0, 1) if last is None else (last + 1,)
                if write.first_version in expected:
                    versions[write.execution_id] = last_version(write) if write.events else last
                else:
                    error = f"version conflict: {write.first_version} cannot follow {last}"
                    failure = Failure(error)
            failures.append(failure)
        return failures

    async def _learn_versions(self, execution_ids: Sequence[str]) -> None:
        writer = await self._connected()
        found = await writer.ask(self._statements.last_version.sql, [(x,) for x in execution_ids])
        self._versions.update(zip(execution_ids, found, strict=True))

    async def _write_together(self, writes: Sequence[Write]) -> Failure | None:
        """Return the outage that kept all from being written, None for success; raise `BadWrite` for a bad one."""
        try:
            batch = Batch(writes, first_sequence=self._last_sequence + 1, epoch=self.epoch)
            work = batch.work(self._statements)
        except FAULTS as error:
            raise BadWrite(str(error)) from error
        if not self._is_epoch_stored:
            work.append((self._statements.epoch.sql, [(self.epoch,)]))
        try:
            await self._execute(work, follows=self._last_sequence)
        except CommitFailed as failure:
            if not await self._is_durable(batch):
                return self._outage(failure.error)
            log.warning(
                "commit_failed_but_took_place", error=str(failure), events=len(batch.events)
            )
        except _ALL_FAULTS as error:
            if is_bad_write(error):
                raise BadWrite(str(cause_of(error))) from error
            return self._outage(error)
        self._has_written(writes, batch)
        return None

    async def _changed(self, work: Work, *, is_patient: bool = True) -> Failure | None:
        try:
            await self._execute(work, is_patient=is_patient)
        except CommitFailed as failure:
            with suppress(*_ALL_FAULTS):
                await self._reconnect()
            return self._outage(failure.error)
        except _ALL_FAULTS as error:
            return self._outage(error)
        return None

    async def _execute(
        self, work: Work, *, follows: int | None = None, is_patient: bool = True
    ) -> None:
        """Do `work` in one transaction; nothing of it is left behind after an error that is not `CommitFailed`."""
        writer = await self._connected()
        try:
            await writer.write(work, follows=follows, is_patient=is_patient)
        except FAULTS:
            await self._roll_back(writer)
            raise

    def _has_written(self, writes: Sequence[Write], batch: Batch) -> None:
        self._is_epoch_stored = True
        self._last_sequence = batch.last_sequence
        if self._database.high_water is not None and batch.events:
            self._database.high_water.note(batch.last_sequence)
        for write in writes:
            if not isinstance(write, JournalWrite):
                continue
            if write.events:
                self._versions[write.execution_id] = last_version(write)
            if isinstance(write, WriteAccount):
                continue
            if write.execution is not None and write.execution.state in _FINAL_STATES:
                # A late fill may still come; then its version is looked up.
                self._versions.pop(write.execution_id, None)

    def _forget(self, writes: Sequence[Write]) -> None:
        for write in writes:
            if isinstance(write, JournalWrite):
                self._versions.pop(write.execution_id, None)

    def _outage(self, error: Exception) -> Failure:
        explained = error if isinstance(error, StorageError) else self._database.explain(error)
        return Failure(str(explained), is_outage=True)

    async def _roll_back(self, writer: Writer) -> None:
        try:
            await writer.roll_back()
        except FAULTS as error:
            log.warning("rollback_failed", error=str(error))
            await self._drop()

    @staticmethod
    async def _open_writer(database: Database) -> Writer:
        return await Writer.open(database)

    async def _connected(self) -> Writer:
        if self._writer is None:
            self._writer = await self._open_writer(self._database)
        return self._writer

    async def _reconnect(self) -> Writer:
        await self._drop()
        return await self._connected()

    async def _drop(self) -> None:
        try:
            await self.close()
        except FAULTS as error:
            log.warning("close_failed", error=str(error))

    async def _is_durable(self, batch: Batch) -> bool:
        """Look on a fresh connection whether the events of a failed commit are there."""
        for attempt in range(1, _ATTEMPTS_TO_LEARN + 1):
            try:
                writer = await self._reconnect()
                return await writer.read(batch.is_in)
            except _ALL_FAULTS as error:
                log.warning("commit_not_yet_certain", error=str(error), attempt=attempt)
        raise OutcomeUncertain(
            f"a commit to {self._database} failed, and what became of it cannot be read",
            "check the disk, then start again: the journal has what became durable",
        )


def write_halt(database: Database, at: datetime | None, reason: str | None) -> None:
    """Make a halt durable, or with None its end, where no engine works. Raises StorageError."""

    async def write() -> Failure | None:
        journal = await Journal.open(database)
        try:
            return await journal.write_halt(at, reason)
        finally:
            await journal.close()

    check(run_blocking(write()))


def check(failure: Failure | None) -> None:
    """Raise DatabaseUnusable where a write of one's own has failed."""
    if failure is not None:
        raise DatabaseUnusable(failure.error, "check the disk, then try again: nothing was written")


def _begins(write: JournalWrite) -> bool:
    return write.first_version == 1 and bool(write.events)


def _where_it_stands(connection: Connection) -> tuple[int, int]:
    """Return the last sequence number and the highest engine epoch that has been used."""
    check_schema(connection)
    newest = select(events.c.sequence_number, events.c.engine_epoch)
    event = connection.execute(newest.order_by(events.c.sequence_number.desc()).limit(1)).first()
    epoch = connection.scalar(select(engine_identity.c.engine_epoch)) or 0
    return (0, epoch) if event is None else (event.sequence_number, max(epoch, event.engine_epoch))
