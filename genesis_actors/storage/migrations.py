"""Brings a database's schema to this version, in process. The migrations themselves are in alembic/versions."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

import genesis_actors
from genesis_actors.storage import sqlite
from genesis_actors.storage.database import (
    Database,
    Target,
    found_revision,
    run_blocking,
)
from genesis_actors.storage.tables import SCHEMA


@dataclass(frozen=True, slots=True)
class Migration:
    """What `migrate` did: the revisions before and after."""

    before: str | None
    after: str

    @property
    def has_changed(self) -> bool:
        return self.before != self.after


def migrate(target: Target) -> Migration:
    """Create or upgrade the schema. A failed step leaves nothing of itself, and no new file is left behind.

    It may be called from plain code and from inside a running event loop, which it blocks.
    """
    database = Database.of(target)
    before = current(database)
    if before == SCHEMA:
        return Migration(before, before)
    if database.path is None:
        run_blocking(_upgrade_server(database))
    else:
        _upgrade_file(database, database.path)
    return Migration(before, SCHEMA)


def current(target: Target) -> str | None:
    """Return the schema's revision, None where there is none yet; refuse a newer and a foreign database."""
    database = Database.of(target)
    if database.path is not None and not (database.path.exists() and database.path.stat().st_size):
        return None
    return database.read(found_revision)


def scripts() -> Path:
    """Return the folder of the migrations: in the package when installed, beside it in the repository."""
    package = Path(genesis_actors.__path__[0])
    packaged = package / "_alembic"
    return packaged if packaged.is_dir() else package.parent / "alembic"


def _upgrade_file(database: Database, path: Path) -> None:
    # A migration that rebuilds a table would meet references to nothing.
    engine = sqlite.writing_engine(path, foreign_keys=False)
    with _removed_if_it_fails(path), database.explained(), engine.connect() as connection:
        upgrade(connection)


async def _upgrade_server(database: Database) -> None:
    with database.explained():
        engine = database.async_engine()
        try:
            async with engine.connect() as connection:
                await connection.run_sync(upgrade)
                await connection.commit()
        finally:
            await engine.dispose()


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Run the migrations that are missing on this connection, each in a transaction of its own."""
    from alembic import command  # noqa: PLC0415 - slow to import, and most starts have nothing to migrate
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(scripts()).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


@contextmanager
def _removed_if_it_fails(path: Path) -> Generator[None]:
    """A database that could not be made is not left half made."""
    is_new = not path.exists()
    try:
        yield
    except BaseException:
        if is_new:
            for suffix in ("", "-wal", "-shm", "-journal"):
                with suppress(OSError):
                    Path(f"{path}{suffix}").unlink()
        raise
