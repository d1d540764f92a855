from __future__ import annotations

import asyncio
import gc
import os
import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import OperationalError

from genesis_actors.storage import sqlite
from genesis_actors.storage.database import Database, run_blocking
from genesis_actors.storage.errors import DatabaseUnusable
from genesis_actors.storage.migrations import Migration, migrate
from genesis_actors.storage.queries import executions
from genesis_actors.storage.recovery import Identity, claim
from genesis_actors.storage.tables import SCHEMA
from tests.storage.samples import NOON

PRAGMAS = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")


@pytest.mark.parametrize(
    ("target", "url"),
    [
        ("run.db", "sqlite+aiosqlite:///run.db"),
        (Path("/tmp/a b.db"), "sqlite+aiosqlite:////tmp/a b.db"),  # noqa: S108
        ("sqlite:///run.db", "sqlite+aiosqlite:///run.db"),
        ("postgresql://me@host/db", "postgresql+asyncpg://me@host/db"),
        ("postgres://me@host/db", "postgresql+asyncpg://me@host/db"),
    ],
)
def test_a_path_or_a_url_names_a_database(target: str | Path, url: str) -> None:
    assert Database.of(target).url == make_url(url)


def test_a_path_may_begin_at_home() -> None:
    assert Database.of("~/run.db").path == Path.home() / "run.db"


@pytest.mark.parametrize("target", ["mysql://host/db", "://", "postgresql://host:port/db"])
def test_other_urls_are_refused(target: str) -> None:
    with pytest.raises(DatabaseUnusable) as caught:
        Database.of(target)
    assert "postgresql+asyncpg" in caught.value.hint


def test_a_server_has_no_path_and_keeps_its_password_to_itself() -> None:
    database = Database.of("postgresql://me:secret@host/db")

    assert database.path is None
    assert "secret" not in str(database)


def test_a_missing_driver_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "asyncpg", None)
    database = Database.of("postgresql://me@127.0.0.1:1/db")

    for attempt in (migrate, executions):
        with pytest.raises(DatabaseUnusable) as caught:
            attempt(database)
        assert "genesis-actors[postgres]" in caught.value.hint


def test_a_servers_error_keeps_its_words() -> None:
    database = Database.of("postgresql://me@host/db")

    assert "out of cheese" in str(database.explain(OSError("out of cheese")))


def test_a_server_is_gone_about_as_a_file_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The way to a server's database, with SQLite at its end."""
    database = Database.of(tmp_path / "x.db")
    monkeypatch.setattr(database, "path", None)
    identity = Identity("ab12", "paper", "paper", NOON)

    assert migrate(database) == Migration(None, SCHEMA)
    assert not migrate(database).has_changed
    assert claim(database, identity) == claim(database, identity) == identity
    assert executions(database) == []


def test_memory_is_shared_by_connections_and_gone_with_its_name() -> None:
    database = Database.of(":memory:")
    migrate(database)
    path = database.path

    assert executions(database) == []
    assert path
    assert path.exists()
    del database
    gc.collect()
    assert not path.parent.exists()


def test_every_writing_connection_is_durable(database: Database) -> None:
    async def found() -> list[dict[str, object]]:
        engine = database.async_engine()
        result: list[dict[str, object]] = []
        for _ in range(2):
            async with engine.connect() as connection:
                result.append(
                    {name: await connection.scalar(text(f"PRAGMA {name}")) for name in PRAGMAS}
                )
            await engine.dispose()  # The next connection is a new one.
        return result

    durable = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000}
    assert asyncio.run(found()) == [durable, durable]


def test_a_connection_that_would_not_be_durable_is_refused() -> None:
    engine = create_engine("sqlite://")
    sqlite.prepare(engine)

    with pytest.raises(DatabaseUnusable, match="journal_mode = memory"):
        engine.connect()
    engine.dispose()


def test_a_writer_takes_its_turn_from_the_beginning(database: Database) -> None:
    async def main() -> None:
        engine = database.async_engine()
        async with engine.begin():
            assert database.path
            other = sqlite3.connect(database.path, timeout=0, isolation_level=None)
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                other.execute("BEGIN IMMEDIATE")
            other.close()
        await engine.dispose()

    asyncio.run(main())


def test_a_reader_cannot_write(database: Database) -> None:
    with pytest.raises(DatabaseUnusable):
        database.read(lambda connection: connection.execute(text("DELETE FROM events")))


def test_reading_what_is_not_there_creates_nothing(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnusable, match="no database at"):
        executions(tmp_path / "x.db")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("Buy low, sell high, and write everything down.")

    for attempt in (migrate, executions):
        with pytest.raises(DatabaseUnusable, match="is not a database"):
            attempt(path)
    assert [file.name for file in tmp_path.iterdir()] == ["notes.txt"]


def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnusable, match="does not exist") as caught:
        migrate(tmp_path / "no" / "x.db")
    assert "mkdir -p" in caught.value.hint
    assert not (tmp_path / "no").exists()


def test_a_file_in_place_of_a_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(DatabaseUnusable, match="is not a directory"):
        migrate(tmp_path / "file" / "x.db")


def test_a_directory_in_place_of_a_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnusable, match="is a directory"):
        migrate(tmp_path)


@pytest.mark.skipif(
    not Path("/proc/self").exists(), reason="needs a directory where nobody may write"
)
def test_where_nothing_can_be_created_nothing_is() -> None:
    with pytest.raises(DatabaseUnusable, match=r"cannot be opened|may not be written"):
        migrate("/proc/genesis.db")


@pytest.mark.parametrize(
    ("denied", "words"),
    [
        ({"x.db": os.R_OK}, "may not be read"),
        ({"x.db": os.W_OK}, "may not be written"),
        ({"": os.W_OK}, "the directory .* may not be written"),
    ],
)
def test_missing_permissions_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, denied: dict[str, int], words: str
) -> None:
    path = tmp_path / "x.db"
    if "x.db" in denied:
        path.touch()
    # The superuser, who may run the tests, may do everything.
    monkeypatch.setattr(
        os, "access", lambda at, mode: denied.get(Path(at).name if at == path else "") != mode
    )

    error = sqlite.unusable_path(path, PermissionError(13, "Permission denied"))

    assert re.search(words, error.message)


@pytest.mark.parametrize(
    ("code", "words"), [(sqlite3.SQLITE_FULL, "no space"), (sqlite3.SQLITE_CORRUPT, "damaged")]
)
def test_sqlite_errors_are_explained(database: Database, code: int, words: str) -> None:
    cause = sqlite3.OperationalError("it failed")
    cause.sqlite_errorcode = code

    assert words in database.explain(OperationalError("", None, cause)).message


def test_work_is_run_with_and_without_a_loop() -> None:
    async def seven() -> int:
        return 7

    async def inside() -> int:
        return run_blocking(seven())

    assert (run_blocking(seven()), asyncio.run(inside())) == (7, 7)


@pytest.mark.parametrize("reads_early", [False, True])
def test_reading_beside_the_writer_leaves_its_log_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, reads_early: bool
) -> None:
    """POSIX locks are the process's: whoever opens and closes the file beside SQLite takes them all away."""
    path = tmp_path / "genesis.db"
    migrate(path)
    monkeypatch.setattr(sqlite, "_opened", set())  # As in a process that has just started.
    secure = sqlite._secure

    def secure_while_another_thread_reads(connection: object, **how: bool) -> None:
        secure(connection, **how)
        assert executions(path) == []

    if reads_early:
        monkeypatch.setattr(sqlite, "_secure", secure_while_another_thread_reads)
    writer = sqlite.connect(path)
    writer.execute("CREATE TABLE mine (x)")
    assert executions(path) == []  # in the writer's own process
    program = (
        "import sqlite3, sys\n"
        "connection = sqlite3.connect(sys.argv[1])\n"
        "connection.execute('SELECT count(*) FROM mine').fetchone()\n"
        "connection.close()\n"
    )
    subprocess.run([sys.executable, "-c", program, str(path)], check=True)

    assert Path(f"{path}-wal").stat().st_size > 0
    writer.execute("INSERT INTO mine VALUES (1)")
    writer.close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT x FROM mine").fetchall() == [(1,)]
    connection.close()
