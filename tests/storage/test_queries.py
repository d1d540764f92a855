from __future__ import annotations

import asyncio
import os
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from genesis_actors.storage import queries
from genesis_actors.storage.database import Database
from genesis_actors.storage.errors import AmbiguousExecution, ExecutionNotFound
from genesis_actors.storage.journal import Journal
from genesis_actors.values import ExecutionState
from tests.storage.samples import NOON, execution_row, write

NAMES = ("ab1", "ab2", "ab20", "c%1")


@pytest.fixture
def filled(database: Database) -> Database:
    async def main() -> None:
        journal = await Journal.open(database)
        rows = [
            execution_row(
                name,
                created_at=NOON + timedelta(seconds=number),
                state="RUNNING" if number % 2 else "COMPLETED",
            )
            for number, name in enumerate(NAMES)
        ]
        writes = [write(row.execution_id, execution=row) for row in rows]
        assert await journal.write(writes) == [None] * len(rows)
        await journal.close()

    asyncio.run(main())
    return database


def ids(database: Database, **wanted: object) -> list[str]:
    return [it.execution_id for it in queries.executions(database, **wanted)]  # type: ignore[arg-type]


def test_executions_come_newest_first(filled: Database) -> None:
    assert ids(filled) == ["c%1", "ab20", "ab2", "ab1"]
    assert ids(filled, limit=1) == ["c%1"]
    assert ids(filled, states=[ExecutionState.COMPLETED]) == ["ab20", "ab1"]
    assert ids(filled, states=[]) == []


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("@last", "c%1"),
        ("c", "c%1"),
        ("c%", "c%1"),
        ("ab1", "ab1"),
        ("ab2", "ab2"),
        ("ab20", "ab20"),
    ],
)
def test_an_id_may_be_shortened(filled: Database, name: str, found: str) -> None:
    assert queries.execution(filled, name).execution_id == found


@pytest.mark.parametrize("name", ["z", "%", "_b1"])
def test_an_unknown_id_is_named(filled: Database, name: str) -> None:
    with pytest.raises(ExecutionNotFound, match=repr(name)) as caught:
        queries.execution(filled, name)
    assert "genesis ps" in caught.value.hint


@pytest.mark.parametrize("name", ["ab", "a", ""])
def test_an_ambiguous_beginning_lists_what_it_may_mean(filled: Database, name: str) -> None:
    with pytest.raises(AmbiguousExecution, match="ab20, ab2, ab1"):
        queries.slices(filled, name)


def test_the_newest_is_the_one_that_was_started_last(filled: Database) -> None:
    # Virtual time begins anew with each run.
    assert filled.path
    with sqlite3.connect(filled.path) as connection:
        connection.execute("UPDATE twap_executions SET created_at = '2024-08-08T12:00:00.000000Z'")
    connection.close()

    assert ids(filled) == ["c%1", "ab20", "ab2", "ab1"]
    assert queries.execution(filled, "@last").execution_id == "c%1"


def test_there_is_no_last_one_in_an_empty_database(database: Database) -> None:
    with pytest.raises(ExecutionNotFound, match="no execution yet"):
        queries.execution(database, "@last")


def test_an_execution_without_a_report_has_none(filled: Database) -> None:
    assert queries.report(filled, "ab1") is None


def test_a_path_will_do(filled: Database) -> None:
    assert filled.path
    assert queries.journal(filled.path, "ab1")[0].aggregate_version == 1
    assert queries.journal(str(filled.path), "ab1")[0].created_at == NOON


def test_what_lies_where_nobody_may_write_can_be_read(
    filled: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The superuser, who may run the tests, may write everywhere.
    monkeypatch.setattr(os, "access", lambda *_: False)

    assert len(queries.executions(filled)) == len(NAMES)


def test_reading_changes_no_file(filled: Database) -> None:
    assert filled.path
    before = filled.path.read_bytes()

    queries.executions(filled)

    assert filled.path.read_bytes() == before
    assert [file.name for file in filled.path.parent.iterdir()] == [Path(filled.path).name]
