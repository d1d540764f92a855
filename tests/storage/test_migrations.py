from __future__ import annotations

import asyncio
import re
import sqlite3
import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import OperationalError

import genesis_actors
from genesis_actors.storage import migrations
from genesis_actors.storage.database import Database
from genesis_actors.storage.errors import (
    DatabaseUnusable,
    SchemaTooNew,
    SchemaTooOld,
)
from genesis_actors.storage.journal import Journal
from genesis_actors.storage.migrations import Migration, current, migrate
from genesis_actors.storage.queries import executions
from genesis_actors.storage.recovery import Identity, load_identity
from genesis_actors.storage.tables import SCHEMA, metadata
from tests.storage.samples import NOON


def definitions(path: Path) -> dict[str, list[str]]:
    """Return what each table and index is made of, whatever the order of its constraints."""
    with sqlite3.connect(path) as connection:
        rows = connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"
        ).fetchall()
    connection.close()
    return {
        name: sorted(re.sub(r"\s+", " ", part).strip(" ,()") for part in sql.split(","))
        for name, sql in rows
        if name != "alembic_version"
    }


def test_migrated_schema_is_that_of_the_tables(database: Database) -> None:
    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, metadata))

    assert database.read(differences) == []


def test_migrated_tables_have_the_constraints_of_the_tables(
    database: Database, tmp_path: Path
) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'created.db'}")
    metadata.create_all(engine)
    engine.dispose()

    assert database.path
    assert definitions(database.path) == definitions(tmp_path / "created.db")


def test_newest_migration_is_the_one_that_the_program_expects() -> None:
    script = ScriptDirectory(str(migrations.scripts()))

    assert script.get_heads() == [SCHEMA]


def test_migrations_are_found_in_the_package_when_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "_alembic").mkdir()
    monkeypatch.setattr(genesis_actors, "__path__", [str(tmp_path)])

    assert migrations.scripts() == tmp_path / "_alembic"


def test_second_migration_has_nothing_to_do(database: Database) -> None:
    again = migrate(database)

    assert again == Migration(SCHEMA, SCHEMA)
    assert not again.has_changed
    assert current(database) == SCHEMA


def test_migrates_inside_a_running_event_loop(tmp_path: Path) -> None:
    async def main() -> Migration:
        return migrate(tmp_path / "x.db")

    assert asyncio.run(main()) == Migration(None, SCHEMA)


def test_migrates_in_a_plain_thread(tmp_path: Path) -> None:
    done: list[Migration] = []
    thread = threading.Thread(target=lambda: done.append(migrate(tmp_path / "x.db")))
    thread.start()
    thread.join()

    assert done[0].has_changed


def test_an_empty_file_is_taken_over(tmp_path: Path) -> None:
    (tmp_path / "x.db").touch()

    assert migrate(tmp_path / "x.db") == Migration(None, SCHEMA)


@pytest.mark.parametrize("is_new", [True, False])
def test_a_failed_migration_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_new: bool
) -> None:
    scripts = tmp_path / "scripts"
    (scripts / "versions").mkdir(parents=True)
    source = migrations.scripts()
    (scripts / "env.py").write_text((source / "env.py").read_text())
    first = next((source / "versions").glob("0001_*.py")).read_text()
    broken = first.replace("    create_fills()\n", "    op.execute('NO SQL')\n")
    (scripts / "versions" / "0001_broken.py").write_text(broken)
    monkeypatch.setattr(migrations, "scripts", lambda: scripts)
    path = tmp_path / "x.db"
    if not is_new:
        path.touch()

    with pytest.raises(DatabaseUnusable):
        migrate(path)
    assert path.exists() is not is_new
    if not is_new:
        assert "events" not in definitions(path)
        assert current(path) is None


def renumber(database: Database, revision: str) -> None:
    change = text("UPDATE alembic_version SET version_num = :revision")
    database.transact(lambda connection: connection.execute(change, {"revision": revision}))


def test_a_newer_schema_is_refused_everywhere(database: Database) -> None:
    renumber(database, "0999")

    for attempt in (migrate, executions, lambda it: asyncio.run(Journal.open(it))):
        with pytest.raises(SchemaTooNew) as caught:
            attempt(database)
        assert "upgrade genesis-actors" in caught.value.hint


def test_an_older_schema_has_to_be_upgraded_first(database: Database) -> None:
    renumber(database, "0001")

    with pytest.raises(SchemaTooOld) as caught:
        executions(database)
    assert "genesis db upgrade" in caught.value.hint


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM alembic_version",
        "DROP TABLE alembic_version",
        "DROP TABLE engine_identity",
        "DELETE FROM alembic_version; DROP TABLE engine_identity",
        "UPDATE alembic_version SET version_num = ''",
        "UPDATE alembic_version SET version_num = '0000'",
        "UPDATE alembic_version SET version_num = 'f00d'",
        "UPDATE alembic_version SET version_num = 7",
        "UPDATE alembic_version SET version_num = x'30303036'",
        "INSERT INTO alembic_version VALUES ('0001')",
        "INSERT INTO alembic_version VALUES ('0007')",
    ],
)
def test_a_database_of_ours_whose_schema_is_in_doubt_is_damaged_and_left_as_it_is(
    tmp_path: Path, damage: str
) -> None:
    path = tmp_path / "x.db"
    migrate(path)
    with sqlite3.connect(path) as connection:
        connection.executescript(damage)
    connection.close()
    before = path.read_bytes()

    for attempt in (migrate, executions, lambda it: asyncio.run(Journal.open(it))):
        with pytest.raises(DatabaseUnusable, match="damaged") as caught:
            attempt(path)
        assert "backup" in caught.value.hint
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "tables",
    [
        "CREATE TABLE songs (title TEXT)",
        "CREATE TABLE alembic_version (version_num TEXT); INSERT INTO alembic_version VALUES ('ab')",
        "CREATE TABLE alembic_version (version_num TEXT); CREATE TABLE orders (number INTEGER)",
    ],
)
def test_another_programs_database_is_left_alone(tmp_path: Path, tables: str) -> None:
    path = tmp_path / "music.db"
    with sqlite3.connect(path) as connection:
        connection.executescript(tables)
    connection.close()
    before = path.read_bytes()

    with pytest.raises(DatabaseUnusable, match="another program"):
        migrate(path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["music.db"]


def test_a_damaged_database_is_named_so(database: Database) -> None:
    assert database.path
    content = bytearray(database.path.read_bytes())
    content[100:4096] = b"\xff" * 3996
    database.path.write_bytes(content)

    with pytest.raises(DatabaseUnusable, match="damaged"):
        migrate(database)


def at_revision(path: Path, revision: str) -> Database:
    """Return a new database as an older version has left it."""
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        migrations.upgrade(connection, revision)
    engine.dispose()
    return Database.of(path)


def test_an_older_database_keeps_what_it_has_and_was_never_halted(tmp_path: Path) -> None:
    database = at_revision(tmp_path / "old.db", "0001")
    database.transact(
        lambda connection: connection.execute(
            text(
                "INSERT INTO engine_identity (identity, client_order_id_prefix, mode, venue, created_at, engine_epoch)"
                " VALUES (1, 'ab12', 'paper', 'paper', '2024-08-08T12:00:00.000000Z', 3)"
            )
        )
    )

    assert migrate(database) == Migration("0001", SCHEMA)
    assert load_identity(database) == Identity("ab12", "paper", "paper", NOON, engine_epoch=3)


def test_downgrade_takes_everything_away(database: Database) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(migrations.scripts()))
    engine = create_engine(f"sqlite:///{database.path}")
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    engine.dispose()

    assert database.path
    assert definitions(database.path) == {}


def test_a_locked_database_is_named_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genesis_actors.storage.sqlite.BUSY_SECONDS", 0.05)
    path = tmp_path / "x.db"
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")

    with pytest.raises(DatabaseUnusable, match="locked"):
        migrate(path)
    holder.close()


def test_an_unexpected_error_keeps_its_words(database: Database) -> None:
    error = database.explain(OperationalError("", None, Exception("out of cheese")))

    assert "out of cheese" in error.message
