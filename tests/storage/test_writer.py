from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy.exc import DatabaseError, DBAPIError, IntegrityError, OperationalError

from genesis_actors.storage.database import Database, run_blocking
from genesis_actors.storage.writer import Writer, is_bad_write

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
