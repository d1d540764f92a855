"""Transactions on one connection that is kept open for writing."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

from sqlalchemy import Connection, Dialect
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.exc import DatabaseError, DBAPIError, OperationalError, SQLAlchemyError

from genesis_actors.storage import sqlite
from genesis_actors.storage.database import Database, cause_of
from genesis_actors.storage.errors import StorageError
from genesis_actors.storage.statements import Parameters

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

T = TypeVar("T")

MOST_ROWS: Final = 64
"""So many rows go into one statement: of the widest table that is two thousand values."""

FAULTS: Final = (SQLAlchemyError, sqlite3.Error, OSError, ValueError, TypeError, ArithmeticError)
"""What may go wrong with a write: values that no column takes, rules that they break, the database itself."""


class BadWrite(Exception):
    """A write has only itself to blame; the others of its batch are innocent."""


def is_bad_write(error: Exception) -> bool:
    """Tell whether a write was at fault, and not the database, which any write would find locked, full or gone."""
    if isinstance(error, OSError | OperationalError | sqlite3.OperationalError | StorageError):
        return False
    if isinstance(error, DBAPIError):
        return not error.connection_invalidated and type(error) is not DatabaseError
    # SQLite calls a damaged file by the name that all of its errors share.
    return type(error) is not sqlite3.DatabaseError


class Replaced(OSError):
    """Somebody has put another copy of the database in its place: what it has is not what was written to it."""

    def __init__(self, found: int, written: int) -> None:
        super().__init__(
            f"the database ends at event {found}, but {written} were written: another copy is in its place"
        )


class CommitFailed(Exception):
    """Everything was executed, but the commit has failed: it may have taken place all the same."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(cause_of(error)))
        self.error = error


@lru_cache(maxsize=256)
def inserting(sql: str, count: int) -> str | None:
    """Return what does for `count` rows together what `sql`, an INSERT of one row, does for each; None for others.

    >>> inserting("INSERT INTO t (a, b) VALUES (?, ?) ON CONFLICT DO NOTHING", 2)
    'INSERT INTO t (a, b) VALUES (?, ?), (?, ?) ON CONFLICT DO NOTHING'
    """
    found = _ONE_ROW.fullmatch(sql)
    if found is None:
        return None
    head, row, tail = found.groups()
    return f"{head}{', '.join([row] * count)}{tail}"


_ONE_ROW: Final = re.compile(r"(INSERT [^?]*VALUES )(\([?, ]+\))([^?]*)", re.DOTALL)

Work: TypeAlias = Sequence[tuple[str, Sequence[Parameters]]]
"""Statements, each with its rows."""


class Writer:
    """One connection and its transactions, through SQLAlchemy."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    @staticmethod
    async def open(database: Database) -> Writer:
        if database.path is not None:
            return SqliteWriter(database, database.path)
        return await Writer.through_sqlalchemy(database)

    @staticmethod
    async def through_sqlalchemy(database: Database) -> Writer:
        engine = database.async_engine()
        try:
            return Writer(await engine.connect())
        except BaseException:
            await engine.dispose()
            raise

    @property
    def dialect(self) -> Dialect:
        return self._connection.dialect

    async def write(
        self,
        work: Work,
        *,
        follows: int | None = None,
        is_patient: bool = True,  # noqa: ARG002
    ) -> None:
        """Do `work` in one transaction. `CommitFailed` comes from its end; after anything else, roll back.

        `follows` is the last event's number that the journal must have, or it is `Replaced`. Without patience it does
        not wait for others where that could take seconds.
        """
        await self._connection.begin()
        if follows is not None:
            _check((await self._connection.exec_driver_sql(_LAST)).scalar(), follows)
        for sql, rows in work:
            await self._connection.exec_driver_sql(sql, list(rows))
        try:
            await self._connection.commit()
        except FAULTS as error:
            raise CommitFailed(error) from error

    async def roll_back(self) -> None:
        await self._connection.rollback()

    async def ask(self, sql: str, questions: Sequence[Parameters]) -> list[Any]:
        """Return the one value that `sql` finds for each of `questions`."""
        async with self._connection.begin():
            found = [await self._connection.exec_driver_sql(sql, each) for each in questions]
            return [answer.scalar() for answer in found]

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Run `query` in a transaction of its own."""
        async with self._connection.begin():
            return await self._connection.run_sync(query)

    async def close(self) -> None:
        # What is not committed by now never will be.
        engine = self._connection.engine
        try:
            await self._connection.close()
        finally:
            await engine.dispose()


def file_at(path: Path) -> tuple[int, int] | None:
    """Return what tells the file at `path` from any other, None where there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116 - for each commit, and Path.stat takes twice as long
    except OSError:
        return None
    return found.st_dev, found.st_ino


class SqliteWriter(Writer):
    """The same past SQLAlchemy's cursors, which cost more than the writing, and in the very thread that waits for it.

    Its coroutines never wait for an event loop. A thread of the driver's own would cost each transaction two switches,
    which take longer than what most transactions do.
    """

    def __init__(self, database: Database, path: Path) -> None:
        self._database = database
        self._path = path
        self._sqlite = sqlite.connect(path)
        # Rows have passed the same checks when they were converted; SQLite makes a table of each list, for each row.
        self._sqlite.execute("PRAGMA ignore_check_constraints = ON")
        if not database.waits_for_disk:
            self._sqlite.execute("PRAGMA synchronous = NORMAL")
        self._file = file_at(path)

    @property
    def dialect(self) -> Dialect:
        return _SQLITE

    async def write(
        self, work: Work, *, follows: int | None = None, is_patient: bool = True
    ) -> None:
        if is_patient:
            self._transact(work, follows)
            return
        self._sqlite.execute("PRAGMA busy_timeout = 0")
        try:
            self._transact(work, follows)
        finally:
            self._sqlite.execute(f"PRAGMA busy_timeout = {int(sqlite.BUSY_SECONDS * 1000)}")

    async def roll_back(self) -> None:
        self._sqlite.rollback()

    async def ask(self, sql: str, questions: Sequence[Parameters]) -> list[Any]:
        return [self._sqlite.execute(sql, each).fetchone()[0] for each in questions]

    async def read(self, query: Callable[[Connection], T]) -> T:
        return self._database.read(query)

    async def close(self) -> None:
        self._sqlite.close()

    def _transact(self, work: Work, follows: int | None) -> None:
        self._execute(work, follows)
        try:
            self._commit()
        except sqlite3.Error as error:
            raise CommitFailed(error) from error

    def _execute(self, work: Work, follows: int | None) -> None:
        if file_at(self._path) != self._file:
            # The connection would go on writing to a file that nobody will find again.
            raise sqlite3.OperationalError("the database file has been removed or replaced")
        self._sqlite.execute("BEGIN IMMEDIATE")
        if follows is not None:
            # SQLite restores a backup into the very file that it is to replace.
            _check(self._sqlite.execute(_LAST).fetchone()[0], follows)
        for sql, rows in work:
            self._insert(sql, rows)

    def _insert(self, sql: str, rows: Sequence[Parameters]) -> None:
        """Do `sql` for all `rows`, many of them in one step where it inserts.

        The driver lets go of the interpreter for each step, and under load waits for half a millisecond until it has
        it again: row by row, a hundred thousand rows would take a minute, whatever the disk does.
        """
        done = 0
        while (left := len(rows) - done) > 1:
            count = min(1 << (left.bit_length() - 1), MOST_ROWS)
            together = inserting(sql, count)
            if together is None:
                break
            values = chain.from_iterable(rows[done : done + count])
            self._sqlite.execute(together, tuple(values))
            done += count
        if done < len(rows):
            self._sqlite.executemany(sql, rows[done:])

    def _commit(self) -> None:
        self._sqlite.commit()


def _check(found: int | None, follows: int) -> None:
    if (found or 0) != follows:
        raise Replaced(found or 0, follows)


_LAST: Final = "SELECT max(sequence_number) FROM events"
_SQLITE: Final = SQLiteDialect_pysqlite()
