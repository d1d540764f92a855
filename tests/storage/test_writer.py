from __future__ import annotations

import sqlite3

import pytest
from sqlalchemy.exc import DatabaseError, DBAPIError, IntegrityError, OperationalError

from genesis_actors.storage.writer import is_bad_write

CAUSE = Exception("cause")


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
