from __future__ import annotations

import asyncio
import sqlite3

from genesis_actors.storage import queries, recovery
from genesis_actors.storage.checks import check_database
from genesis_actors.storage.database import Database
from genesis_actors.storage.journal import Journal
from genesis_actors.storage.recovery import Identity
from genesis_actors.storage.tables import SCHEMA
from tests.storage.samples import NOON, whole_write


def written(database: Database) -> None:
    async def main() -> None:
        journal = await Journal.open(database)
        assert await journal.write([whole_write("x1", 1)]) == [None]
        await journal.close()

    asyncio.run(main())


def test_a_sound_database_has_no_problems(database: Database) -> None:
    written(database)

    found = check_database(database)

    assert (found.revision, found.executions, found.events, found.problems) == (SCHEMA, 1, 1, ())


def test_a_row_that_belongs_to_nothing_is_a_problem(database: Database) -> None:
    written(database)
    assert database.path
    with sqlite3.connect(database.path) as connection:
        connection.execute("UPDATE fills SET execution_id = 'nobody'")
    connection.close()

    (problem,) = check_database(database).problems

    assert problem.endswith("of fills belongs to nothing in twap_executions")


def test_all_that_is_known_of_an_execution_comes_together(database: Database) -> None:
    written(database)
    wanted = whole_write("x1", 1)

    found = queries.status_of(database, "@last")

    assert found.execution == wanted.execution
    assert (found.slices, found.orders, found.fills) == (wanted.slices, wanted.orders, wanted.fills)


def test_the_mode_of_a_database_is_its_identitys(database: Database) -> None:
    assert queries.mode(database) == "paper"
    recovery.claim(database, Identity("ab12", "live", "binance", NOON))
    assert queries.mode(database) == "live"
