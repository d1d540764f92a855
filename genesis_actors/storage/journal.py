"""The journal's writer: events and the rows that follow from them become durable together, or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import structlog
from sqlalchemy import Connection, func, select

from genesis_actors.messages.persistence import WriteJournal
from genesis_actors.storage.batch import Batch, Write, last_version
from genesis_actors.storage.database import Database, Target, cause_of, check_schema
from genesis_actors.storage.errors import OutcomeUncertain, StorageError
from genesis_actors.storage.statements import statements_for
from genesis_actors.storage.tables import engine_identity, events
from genesis_actors.storage.writer import FAULTS, BadWrite, CommitFailed, Writer, is_bad_write
from genesis_actors.values import ExecutionState

log = structlog.get_logger()

_ATTEMPTS_TO_LEARN: Final = 3
_IDS_PER_QUERY: Final = 500


class Journal:
    """Writes batches of one engine to one database. There must be no other writer: see `EngineLock`.

    Opening it writes nothing. `engine_epoch` counts the engines that have written; the first write stores it.
    """

    def __init__(self, database: Database, writer: Writer, last_sequence: int, epoch: int) -> None:
        self.epoch = epoch
        self._database = database
        self._writer = writer
        self._statements = statements_for(writer.dialect)
        self._last_sequence = last_sequence
        self._is_epoch_stored = False
        self._versions: dict[
            str, int | None
        ] = {}  # of executions that are not over; None: no event yet

    @classmethod
    async def open(cls, target: Target) -> Journal:
        database = Database.of(target)
        if database.is_sqlite:
            # The driver would create the file, and stumbles over its own thread where it cannot.
            database.read(check_schema)
        with database.explained():
            writer = await Writer.open(database)
            try:
                last_sequence, last_epoch = await writer.read(_where_it_stands)
            except BaseException:
                await writer.close()
                raise
        return cls(database, writer, last_sequence, last_epoch + 1)

    @property
    def last_sequence(self) -> int:
        return self._last_sequence

    async def write(self, batch: Sequence[Write]) -> list[str | None]:
        """Write all of `batch` in one transaction; return for each write what was wrong with it, None if durable.

        A bad write fails alone, with all later writes of its execution. `OutcomeUncertain` means that the database
        cannot even be asked what has become durable.
        """
        if not batch:
            return []
        errors = await self._admitted(batch)
        admitted = [write for write, error in zip(batch, errors, strict=True) if error is None]
        if not admitted:
            return errors
        try:
            error = await self._write_together(admitted)
        except BadWrite as fault:
            if len(admitted) > 1:
                return await self._write_singly(batch)
            error = str(fault)
        if error is not None:
            # What has been taken for the beginning of a journal may not be one.
            for write in admitted:
                self._versions.pop(write.execution_id, None)
        return [error or refusal if refusal is None else refusal for refusal in errors]

    async def close(self) -> None:
        await self._writer.close()

    async def _write_singly(self, batch: Sequence[Write]) -> list[str | None]:
        return [(await self.write([write]))[0] for write in batch]

    async def _admitted(self, batch: Sequence[Write]) -> list[str | None]:
        """Return for each write why it cannot follow on what its execution's journal has, None if it can."""
        new = {write.execution_id for write in batch if _begins(write)} - self._versions.keys()
        # Where its journal has begun already, the database finds the same version twice.
        self._versions.update(dict.fromkeys(new))
        await self._learn_versions(
            {write.execution_id for write in batch if isinstance(write, WriteJournal)}
        )
        versions = dict[str, int | None]()
        errors: list[str | None] = []
        for write in batch:
            error = None
            if isinstance(write, WriteJournal):
                last = versions.get(write.execution_id, self._versions[write.execution_id])
                expected = (0, 1) if last is None else (last + 1,)
                if write.first_version in expected:
                    versions[write.execution_id] = last_version(write) if write.events else last
                else:
                    error = f"version conflict: {write.first_version} cannot follow {last}"
            errors.append(error)
        return errors

    async def _learn_versions(self, execution_ids: set[str]) -> None:
        unknown = sorted(execution_ids - self._versions.keys())
        for start in range(0, len(unknown), _IDS_PER_QUERY):
            some = unknown[start : start + _IDS_PER_QUERY]
            found = await self._writer.read(
                lambda connection, ids=some: _last_versions(connection, ids)
            )
            self._versions.update({execution_id: found.get(execution_id) for execution_id in some})

    async def _write_together(self, writes: Sequence[Write]) -> str | None:
        """Return why nothing was written, None for success; raise `BadWrite` where one of them is at fault."""
        try:
            batch = Batch(writes, first_sequence=self._last_sequence + 1, epoch=self.epoch)
            parameters = list(batch.parameters(self._statements))
        except FAULTS as error:
            raise BadWrite(str(error)) from error
        if not self._is_epoch_stored:
            parameters.append((self._statements.epoch, [(self.epoch,)]))
        try:
            await self._writer.write([(statement.sql, rows) for statement, rows in parameters])
        except CommitFailed as failure:
            if not await self._is_durable(batch):
                return self._failed(failure.error)
            log.warning(
                "commit_failed_but_took_place", error=str(failure), events=len(batch.events)
            )
        except FAULTS as error:
            await self._roll_back()
            if is_bad_write(error):
                raise BadWrite(str(cause_of(error))) from error
            return self._failed(error)
        self._has_written(writes, batch)
        return None

    def _has_written(self, writes: Sequence[Write], batch: Batch) -> None:
        self._is_epoch_stored = True
        self._last_sequence = batch.last_sequence
        for write in writes:
            if not isinstance(write, WriteJournal):
                continue
            if write.events:
                self._versions[write.execution_id] = last_version(write)
            if write.execution is not None and ExecutionState(write.execution.state).is_final:
                # A late fill may still come; then its version is looked up.
                self._versions.pop(write.execution_id, None)

    def _failed(self, error: Exception) -> str:
        return str(self._database.explain(error))

    async def _roll_back(self) -> None:
        try:
            await self._writer.roll_back()
        except FAULTS as error:
            log.warning("rollback_failed", error=str(error))
            await self._reconnect()

    async def _reconnect(self) -> None:
        try:
            await self._writer.close()
        except FAULTS as error:
            log.warning("close_failed", error=str(error))
        self._writer = await Writer.open(self._database)

    async def _is_durable(self, batch: Batch) -> bool:
        """Look on a fresh connection whether the events of a failed commit are there."""
        for attempt in range(1, _ATTEMPTS_TO_LEARN + 1):
            try:
                await self._reconnect()
                return await self._writer.read(batch.is_in)
            except (*FAULTS, StorageError) as error:
                log.warning("commit_not_yet_certain", error=str(error), attempt=attempt)
        raise OutcomeUncertain(
            f"a commit to {self._database} failed, and what became of it cannot be read",
            "check the disk, then start again: the journal has what became durable",
        )


def _begins(write: Write) -> bool:
    return isinstance(write, WriteJournal) and write.first_version == 1 and bool(write.events)


def _where_it_stands(connection: Connection) -> tuple[int, int]:
    """Return the last sequence number and the highest engine epoch that has been used."""
    check_schema(connection)
    newest = select(events.c.sequence_number, events.c.engine_epoch)
    event = connection.execute(newest.order_by(events.c.sequence_number.desc()).limit(1)).first()
    epoch = connection.scalar(select(engine_identity.c.engine_epoch)) or 0
    return (0, epoch) if event is None else (event.sequence_number, max(epoch, event.engine_epoch))


def _last_versions(connection: Connection, execution_ids: Sequence[str]) -> dict[str, int]:
    newest = select(events.c.aggregate_id, func.max(events.c.aggregate_version))
    found = connection.execute(
        newest.where(events.c.aggregate_id.in_(execution_ids)).group_by(events.c.aggregate_id)
    )
    return {execution_id: version for execution_id, version in found}  # noqa: C416 - rows are no pairs to a type checker
