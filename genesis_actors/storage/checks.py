"""Whether a database is sound: its schema, its pages, its references. Read-only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, Table, func, select

from genesis_actors.storage.database import Database, Target, check_schema
from genesis_actors.storage.tables import SCHEMA, events, twap_executions

_MOST_PROBLEMS: Final = 5


@dataclass(frozen=True, slots=True)
class Soundness:
    """What was found. A sound database has no problems."""

    revision: str
    executions: int
    events: int
    problems: tuple[str, ...]


def check_database(target: Target) -> Soundness:
    """Look at everything. Raises StorageError for one that is not ours, not of this version, or unreadable."""
    database = Database.of(target)

    def look(connection: Connection) -> Soundness:
        check_schema(connection)
        problems = _problems(connection) if database.is_sqlite else ()
        return Soundness(
            SCHEMA, _count(connection, twap_executions), _count(connection, events), problems
        )

    return database.read(look)


def _problems(connection: Connection) -> tuple[str, ...]:
    pages = connection.exec_driver_sql(f"PRAGMA integrity_check({_MOST_PROBLEMS})").scalars()
    found = [" ".join(str(line).split()) for line in pages if line != "ok"]
    for table, row, parent, _ in connection.exec_driver_sql("PRAGMA foreign_key_check").fetchmany(
        _MOST_PROBLEMS
    ):
        found.append(f"row {row} of {table} belongs to nothing in {parent}")
    return tuple(found)


def _count(connection: Connection, table: Table) -> int:
    return connection.scalar(select(func.count()).select_from(table)) or 0
