"""One engine for one database. Readers need no lock."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from genesis_actors.storage.database import Database, Target
from genesis_actors.storage.errors import DatabaseInUse
from genesis_actors.storage.sqlite import unusable_path


class EngineLock:
    """Held as long as an engine works on a database; the system releases it when the process dies, however it dies.

    It is a lock on a file beside the database. A server's database has none: there a second engine's writes are
    refused by the unique sequence number.
    """

    def __init__(self, target: Target) -> None:
        self._database = Database.of(target)
        self._file: int | None = None

    @property
    def path(self) -> Path | None:
        database = self._database.path
        # Two names of one file share one lock.
        return None if database is None else Path(f"{database.resolve()}.lock")

    def acquire(self) -> None:
        """Take the lock or raise `DatabaseInUse` at once."""
        if self.path is None or self._file is not None:
            return
        while self._file is None:
            file = self._open(self.path)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                holder = os.pread(file, 32, 0).decode(errors="replace").strip()
                os.close(file)
                raise DatabaseInUse(
                    f"{self._database} is in use by another engine"
                    + (f" (process {holder})" if holder else ""),
                    "stop that engine, or name another database with --db",
                ) from error
            # Its former holder removes the file: a lock on a removed file would keep nobody out.
            if _is_still_at(file, self.path):
                os.truncate(file, 0)
                os.pwrite(file, str(os.getpid()).encode(), 0)
                self._file = file
            else:
                os.close(file)

    def release(self) -> None:
        if self.path is None or self._file is None:
            return
        self.path.unlink(missing_ok=True)
        os.close(self._file)
        self._file = None

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()

    def _open(self, path: Path) -> int:
        try:
            return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise unusable_path(self._database.path or path, error) from error


def _is_still_at(file: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False
