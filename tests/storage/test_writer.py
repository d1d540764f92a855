from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy.exc import DatabaseError, DBAPIError, IntegrityError, OperationalError

from genesis_actors.storage.batch import EventRow
from genesis_actors.storage.database import Database, run_blocking
from genesis_actors.storage.statements import statements_for
from genesis_actors.storage.writer import SqliteWriter, Writer, inserting, is_bad_write
from tests.storage.samples import NOON

CAUSE = Exception("cause")
NORMAL: Final = 1
FULL: Final = 2


@pytest.mark.parametrize(
    ("error", "is_bad"),
    [
        (sqlite3.IntegrityError("unique"), True),
        (sqlite3.ProgrammingError("type"), True),
        (OverflowError("seed"), True),
        (IntegrityError("", None, CAUSE), True),
        (DBAPIError("", None, CAUSE), True),
        (sqlite3.OperationalError("disk is full"), False),
        (sqlite3.DatabaseError("disk image is malformed"), False),
        (OperationalError("", None, CAUSE), False),
        (DatabaseError("", None, CAUSE), False),
        (DBAPIError("", None, CAUSE, connection_invalidated=True), False),
        (ConnectionResetError(), False),
    ],
)
def test_a_write_is_not_blamed_for_the_database(error: Exception, is_bad: bool) -> None:
    assert is_bad_write(error) is is_bad


@pytest.mark.parametrize(("waits", "found"), [(True, FULL), (False, NORMAL)])
def test_a_commit_waits_for_the_disk_unless_nothing_real_depends_on_it(
    tmp_path: Path, waits: bool, found: int
) -> None:
    database = Database.of(tmp_path / "genesis.db")
    database.waits_for_disk = waits

    async def synchronous() -> list[int]:
        writer = await Writer.open(database)
        try:
            return await writer.ask("PRAGMA synchronous", [()])
        finally:
            await writer.close()

    assert run_blocking(synchronous()) == [found]


def an_event(number: int) -> EventRow:
    return EventRow(number, f"e{number}", "ChildSent", f"x{number % 7}", number, 1, "{}", NOON)


@pytest.mark.parametrize(
    ("count", "steps"), [(1, 1), (2, 1), (3, 2), (64, 1), (65, 2), (127, 7), (200, 4)]
)
def test_rows_of_one_table_take_few_steps_and_are_all_there(
    database: Database, count: int, steps: int
) -> None:
    assert database.path is not None
    writer, seen = SqliteWriter(database, database.path), list[str]()
    event = statements_for(writer.dialect).event
    rows = [event.encode(an_event(number)) for number in range(1, count + 1)]
    writer._sqlite.set_trace_callback(seen.append)

    asyncio.run(writer.write([(event.sql, rows)], follows=0))
    asyncio.run(writer.close())

    assert sum(statement.startswith("INSERT") for statement in seen) == steps
    with closing(sqlite3.connect(database.path)) as connection:
        names = ", ".join(event.names)
        found = connection.execute(f"SELECT {names} FROM events ORDER BY sequence_number")  # noqa: S608
        assert found.fetchall() == rows


def test_a_row_that_breaks_a_rule_takes_all_of_its_transaction_with_it(database: Database) -> None:
    assert database.path is not None
    writer = SqliteWriter(database, database.path)
    event = statements_for(writer.dialect).event
    rows = [event.encode(an_event(number)) for number in (1, 2, 2, 3)]

    with pytest.raises(sqlite3.IntegrityError):
        asyncio.run(writer.write([(event.sql, rows)]))
    asyncio.run(writer.roll_back())
    asyncio.run(writer.write([(event.sql, rows[:1])], follows=0))
    asyncio.run(writer.close())


@pytest.mark.parametrize(
    "sql", ["UPDATE t SET a = ?", "DELETE FROM t WHERE a = ?", "INSERT INTO t SELECT ?, 1"]
)
def test_what_is_no_insertion_of_one_row_is_left_as_it_is(sql: str) -> None:
    assert inserting(sql, 2) is None
