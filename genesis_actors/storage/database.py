"""Which database is meant, and how it is opened. What differs between SQLite and PostgreSQL is decided here."""

from __future__ import annotations

import asyncio
import re
import shutil
import sqlite3
import tempfile
import weakref
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

from sqlalchemy import URL, Connection, Engine, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from genesis_actors.storage import sqlite
from genesis_actors.storage.errors import (
    DatabaseUnusable,
    SchemaTooNew,
    SchemaTooOld,
    StorageError,
)
from genesis_actors.storage.high_water import HighWater, check_presence
from genesis_actors.storage.tables import SCHEMA, SCHEMAS

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

T = TypeVar("T")

_DRIVERS: Final = {
    "sqlite": "sqlite+aiosqlite",
    "postgresql": "postgresql+asyncpg",
    "postgres": "postgresql+asyncpg",
}
_OURS_ALONE: Final = frozenset({"engine_identity", "twap_executions", "twap_slice_history"})
"""Tables that every version has, and no other program."""
_MEMORY_DIRECTORY: Final = Path("/dev/shm")  # noqa: S108 - a directory of our own is made in it


class Database:
    """One database, named by a path or a URL. It is neither opened nor created by being named.

    ":memory:" is a file of its own that lasts as long as this object: several connections can share it.
    """

    def __init__(self, url: URL) -> None:
        self.url = url
        self.is_sqlite = url.get_backend_name() == "sqlite"
        self.path: Path | None = None
        """The file, None where the database is a server's."""
        self.is_temporary = False
        """Whether it is gone when this object is."""
        self.waits_for_disk = True
        """Whether a commit is there after a loss of power; after the end of a process it is in any case."""
        self.high_water: HighWater | None = None
        """Where it is noted how far the journal has come, for whom an older copy of it would be dangerous."""
        self.is_checked = False
        """Whether its schema has been found to be this version's; nobody changes it while it is in use."""
        if not self.is_sqlite:
            return
        if url.database in {None, "", ":memory:"}:
            self.path = _temporary_file(self)
            self.url = url.set(database=str(self.path))
            self.is_temporary = True
        else:
            self.path = Path(url.database or "")
            _check_name(self.path)

    @classmethod
    def of(cls, target: Target) -> Database:
        """Return the database that a user's PATH or URL names."""
        if isinstance(target, Database):
            return target
        if isinstance(target, Path) or "://" not in target:
            name = str(target) if str(target) == ":memory:" else str(Path(target).expanduser())
            return cls(URL.create("sqlite+aiosqlite", database=name))
        try:
            url = make_url(target)
        except (ArgumentError, ValueError) as error:
            raise DatabaseUnusable(f"{target!r} is not a database URL", _URL_HINT) from error
        driver = _DRIVERS.get(url.get_backend_name())
        if driver is None:
            raise DatabaseUnusable(
                f"databases of the kind {url.drivername!r} are not supported", _URL_HINT
            )
        return cls(url.set(drivername=driver))

    def __str__(self) -> str:
        return str(self.path or self.url.render_as_string(hide_password=True))

    def async_engine(self) -> AsyncEngine:
        """Return a new engine for writing; it belongs to the event loop that first uses it."""
        from sqlalchemy.ext.asyncio import create_async_engine  # noqa: PLC0415 - brings the ORM, which SQLite does without

        engine = create_async_engine(self.url)
        if self.is_sqlite:
            sqlite.prepare(engine.sync_engine)
        return engine

    @contextmanager
    def explained(self) -> Generator[None]:
        """Turn the drivers' errors into ours."""
        try:
            yield
        except (SQLAlchemyError, sqlite3.Error, OSError, ModuleNotFoundError) as error:
            raise self.explain(error) from error

    def explain(self, error: Exception) -> StorageError:
        if self.path is not None:
            return sqlite.explain(error, self.path)
        if isinstance(error, ModuleNotFoundError):
            return DatabaseUnusable(
                str(error), "install the driver: pip install 'genesis-actors[postgres]'"
            )
        return DatabaseUnusable(
            f"{self} cannot be used: {cause_of(error)}",
            "check the server, the URL and the password",
        )

    def read(self, query: Callable[[Connection], T]) -> T:
        """Run `query` in one read-only transaction and let go at once: an open reader lets the log grow."""
        if self.path is None:
            return run_blocking(self._on_server(query))
        if not self.path.exists():
            check_presence(self)
            raise DatabaseUnusable(
                f"there is no database at {self.path}", "check the path; a run with --db creates it"
            )
        sqlite.check_header(self.path)
        return self._on_file(sqlite.reading_engine(self.path), query)

    def transact(self, change: Callable[[Connection], T]) -> T:
        """Run `change` in one transaction of its own. The journal has a quicker way."""
        if self.path is None:
            return run_blocking(self._on_server(change))
        return self._on_file(sqlite.writing_engine(self.path), change)

    def _on_file(self, engine: Engine, work: Callable[[Connection], T]) -> T:
        with self.explained(), engine.begin() as connection:
            return work(connection)

    async def _on_server(self, work: Callable[[Connection], T]) -> T:
        with self.explained():
            engine = self.async_engine()
            try:
                async with engine.begin() as connection:
                    return await connection.run_sync(work)
            finally:
                await engine.dispose()


Target: TypeAlias = str | Path | Database
"""What names a database: a path, a URL, or one named before."""

_URL_HINT: Final = "write a path, sqlite+aiosqlite:///PATH or postgresql+asyncpg://USER@HOST/NAME"


def cause_of(error: Exception) -> BaseException:
    """Return the driver's own error, whose words are not followed by SQL."""
    return error.orig or error if isinstance(error, DBAPIError) else error


def _check_name(path: Path) -> None:
    try:
        path.exists()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise DatabaseUnusable(
            f"no database can have the name {str(path)[:60]!r}: {why}",
            "name another file with --db",
        ) from error


def _temporary_file(owner: Database) -> Path:
    parent = _MEMORY_DIRECTORY if _MEMORY_DIRECTORY.is_dir() else None
    directory = Path(tempfile.mkdtemp(prefix="genesis-", dir=parent))
    weakref.finalize(owner, shutil.rmtree, directory, ignore_errors=True)
    return directory / "memory.db"


def run_blocking(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` to its end from plain code, also where this thread has a running event loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return _run(work)
    with ThreadPoolExecutor(1) as executor:
        return executor.submit(_run, work).result()


def _run(work: Coroutine[Any, Any, T]) -> T:
    # With a factory of loops, the loop that a host may have set for this thread stays the one that is set.
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        return runner.run(work)


def found_revision(connection: Connection) -> str | None:
    """Return the schema's revision, None for an empty database; refuse what is not ours, damaged or newer."""
    names = set(connection.dialect.get_table_names(connection))
    if not names:
        return None
    is_ours = not _OURS_ALONE.isdisjoint(names)
    if "alembic_version" not in names:
        raise _damaged("it has our tables, but no `alembic_version`") if is_ours else _foreign()
    found = connection.scalars(text("SELECT version_num FROM alembic_version")).all()
    if not found and not is_ours:
        if names != {"alembic_version"}:
            raise _foreign()
        return None  # The first migration was stopped.
    if not names >= _OURS_ALONE:
        raise _damaged("tables are missing") if is_ours else _foreign()
    if len(found) != 1 or not isinstance(found[0], str):
        raise _damaged(f"its `alembic_version` should have one schema, and has {found!r}")
    _refuse_unknown(found[0])
    return found[0]


def _refuse_unknown(revision: str) -> None:
    """Refuse a newer schema than this version's, and what is no schema of any version."""
    if revision in SCHEMAS:
        return
    if re.fullmatch("[0-9]{4}", revision) and revision > SCHEMA:
        raise SchemaTooNew(
            f"the database's schema {revision} is newer than this version, which knows {SCHEMA}",
            "upgrade genesis-actors: pip install --upgrade genesis-actors",
        )
    raise _damaged(f"no version of this program has a schema {revision!r}")


def _foreign() -> DatabaseUnusable:
    return DatabaseUnusable(
        "this database belongs to another program: its tables are not ours",
        "name another one with --db; a new one is created where none exists",
    )


def _damaged(what: str) -> DatabaseUnusable:
    return DatabaseUnusable(
        f"the database is damaged: {what}",
        "restore a backup; a new database would not know what was traded with this one",
    )


def check_schema(connection: Connection) -> None:
    """Refuse a database whose schema is not exactly this version's."""
    revision = found_revision(connection)
    if revision != SCHEMA:
        raise SchemaTooOld(
            f"the database's schema is {revision or 'empty'}, this version works with {SCHEMA}",
            "upgrade it: genesis db upgrade",
        )
