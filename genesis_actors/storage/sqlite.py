"""Everything that is true of SQLite alone: how it is opened, made durable, and what its errors mean."""

from __future__ import annotations

import os
import sqlite3
import threading
from functools import lru_cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from sqlalchemy import Connection, Engine, NullPool, create_engine, event
from sqlalchemy.exc import DBAPIError

from genesis_actors.storage.errors import DatabaseUnusable, StorageError

BUSY_SECONDS: Final = 5.0
WAL_BYTES_KEPT: Final = 64 * 1024 * 1024
WAL_PAGES_COPIED_AT: Final = 4_000
"""So large the log becomes before it is copied into the file; a page that was written many times is copied once."""

_FULL: Final = 2
_PRIMARY_CODE: Final = 0xFF


# Engines are kept, since they keep what they have compiled; no connection of theirs stays open.
@lru_cache(maxsize=8)
def reading_engine(path: Path) -> Engine:
    """Return an engine that cannot write, never creates a database, and leaves no side files behind."""

    def connect() -> sqlite3.Connection:
        uri = f"file:{quote(str(path))}?{_reading_mode(path)}"
        connection = _open(uri, path)
        connection.execute("PRAGMA query_only = ON")
        return connection

    engine = create_engine("sqlite://", creator=connect, poolclass=NullPool)
    event.listen(engine, "begin", _begin_deferred)
    return engine


def _reading_mode(path: Path) -> str:
    if os.access(path.parent, os.W_OK) or Path(f"{path}-wal").exists():
        # Read-only mode could not remove the side files that it needs while it reads.
        return "mode=rw"
    return "immutable=1"  # They cannot even be made; and where nobody writes, nobody needs them.


@lru_cache(maxsize=8)
def writing_engine(path: Path, *, foreign_keys: bool = True) -> Engine:
    """Return an engine for plain code; a schema change can be rolled back."""
    engine = create_engine(
        "sqlite://",
        creator=lambda: connect(path, foreign_keys=foreign_keys),
        poolclass=NullPool,
    )
    event.listen(engine, "begin", _begin_immediate)
    return engine


def connect(path: Path, *, foreign_keys: bool = True) -> sqlite3.Connection:
    """Open `path` for writing, durable and checked. It creates the file where it is missing."""
    connection = _open(f"file:{quote(str(path))}", path)
    try:
        _secure(connection, foreign_keys=foreign_keys)
    except BaseException:
        connection.close()
        raise
    return connection


def prepare(engine: Engine) -> None:
    """Make every connection of `engine` durable and checked, and every transaction a writer's from its beginning."""

    def on_connect(connection: Any, _record: object) -> None:  # noqa: ANN401 - two drivers
        # The driver must not begin transactions of its own: it would begin them as a reader's.
        connection.isolation_level = None
        _secure(connection, foreign_keys=True)

    event.listen(engine, "connect", on_connect)
    event.listen(engine, "begin", _begin_immediate)


def _secure(connection: Any, *, foreign_keys: bool) -> None:  # noqa: ANN401 - two drivers
    settings: tuple[tuple[str, object, object], ...] = (
        ("busy_timeout", int(BUSY_SECONDS * 1000), int(BUSY_SECONDS * 1000)),
        ("journal_mode", "WAL", "wal"),
        ("synchronous", "FULL", _FULL),
        ("foreign_keys", int(foreign_keys), int(foreign_keys)),
        ("journal_size_limit", WAL_BYTES_KEPT, WAL_BYTES_KEPT),
        ("wal_autocheckpoint", WAL_PAGES_COPIED_AT, WAL_PAGES_COPIED_AT),
    )
    cursor = connection.cursor()
    for name, value, expected in settings:
        cursor.execute(f"PRAGMA {name} = {value}")
        cursor.execute(f"PRAGMA {name}")
        (found,) = cursor.fetchone()
        if found != expected:
            raise DatabaseUnusable(
                f"SQLite has {name} = {found} instead of {expected}, so that nothing would be safe",
                "put the database on a local disk; network file systems have no write-ahead log",
            )
    cursor.close()


def _begin_immediate(connection: Connection) -> None:
    # A reader that turns writer is refused at once when somebody has written in between; this one waits its turn.
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin_deferred(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def explain(error: Exception, path: Path) -> StorageError:
    """Say what `error` means for the user of the database at `path`."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    code = getattr(cause, "sqlite_errorcode", None)
    match None if code is None else code & _PRIMARY_CODE:
        case sqlite3.SQLITE_NOTADB:
            return DatabaseUnusable(
                f"{path} is not a database",
                "name another file with --db; a new one is created where none exists",
            )
        case sqlite3.SQLITE_CORRUPT:
            return DatabaseUnusable(
                f"{path} is damaged ({cause})", f"restore a backup, or try: sqlite3 {path} .recover"
            )
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return DatabaseUnusable(
                f"{path} is locked by another program",
                "close the program that is writing to it and try again",
            )
        case sqlite3.SQLITE_FULL:
            return DatabaseUnusable(
                f"no space is left for {path}", "free some disk space and try again"
            )
        case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM:
            return unusable_path(path)
        case _:
            return DatabaseUnusable(
                f"{path} cannot be used: {cause}", "check the disk, then: genesis db check"
            )


def unusable_path(path: Path, error: OSError | None = None) -> StorageError:
    """Say why the file at `path` can be neither opened nor created."""
    directory = path.parent
    if not directory.exists():
        return DatabaseUnusable(
            f"the directory {directory} does not exist", f"create it: mkdir -p {directory}"
        )
    if not directory.is_dir():
        return DatabaseUnusable(f"{directory} is not a directory", "name another file with --db")
    if path.is_dir():
        return DatabaseUnusable(f"{path} is a directory", "name a file in it with --db")
    if path.exists() and not os.access(path, os.R_OK):
        return DatabaseUnusable(f"{path} may not be read", f"check its permissions: ls -l {path}")
    if path.exists() and not os.access(path, os.W_OK):
        return DatabaseUnusable(
            f"{path} may not be written", f"check its permissions: ls -l {path}"
        )
    if not os.access(directory, os.W_OK):
        return DatabaseUnusable(
            f"the directory {directory} may not be written", "name another file with --db"
        )
    why = f" ({error.strerror})" if error is not None else ""
    return DatabaseUnusable(
        f"{path} cannot be opened or created{why}", "name another file with --db"
    )


_opening: Final = threading.Lock()
_opened: Final[set[tuple[int, int]]] = set()
"""The files that this process has opened as databases: any of them may be open still."""


def _open(uri: str, path: Path) -> sqlite3.Connection:
    """Open a database, and note it before SQLite can hold a lock on it: `connect` opens the file, but locks nothing."""
    with _opening:
        connection = sqlite3.connect(
            uri,
            uri=True,
            timeout=BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,  # An actor is in one thread at a time, and not always in the same one.
        )
        try:
            _opened.add(_file_of(path))
        except BaseException:
            connection.close()
            raise
        return connection


def _file_of(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino


def check_header(path: Path) -> None:
    """Refuse a file that is no database, before SQLite creates side files next to it.

    A file that this process may have open as a database is never opened here: to close it again would take away every
    lock that SQLite holds on it (POSIX locks are the process's), and another program that looks at the database would
    then take its log away from under the writer. While it is open here, nobody opens it as a database.
    """
    try:
        with _opening:
            if _file_of(path) in _opened:
                return
            with path.open("rb") as file:
                head = file.read(16)
    except OSError as error:
        raise unusable_path(path, error) from error
    if head and head != b"SQLite format 3\x00":
        raise explain(_not_a_database(), path)


def _not_a_database() -> sqlite3.DatabaseError:
    error = sqlite3.DatabaseError("file is not a database")
    error.sqlite_errorcode = sqlite3.SQLITE_NOTADB
    return error
