"""How far a database's journal has come, noted beside it: one that has come less far is an older copy of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from genesis_actors.logs import get_logger
from genesis_actors.storage.errors import DatabaseUnusable
from genesis_actors.storage.sqlite import unusable_path

if TYPE_CHECKING:
    from genesis_actors.storage.database import Database

log = get_logger()

_DIGITS: Final = 20


def check_presence(database: Database) -> None:
    """Refuse to make a database anew where there was one: DatabaseUnusable."""
    path = database.path
    if path is None or database.is_temporary or path.exists():
        return
    mark = _path_of(path)
    if mark.exists():
        raise DatabaseUnusable(
            f"{path} has gone, but {mark.name} shows that there was one",
            f"put it back where it was, or remove {mark} to begin anew: then nothing is known of earlier orders",
        )


def _path_of(database: Path) -> Path:
    return Path(f"{database.resolve()}.newest")


class HighWater:
    """A file beside the database with its prefix and the last sequence number that became durable.

    Written after each commit, and never waited for: a lower bound is enough, and a loss of power may take it back. A
    new database of the same name has another prefix, and begins anew.
    """

    def __init__(self, database: Path, prefix: str) -> None:
        path = _path_of(database)
        self._head = f"{prefix} ".encode()
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise unusable_path(path, error) from error
        self._fails = False

    def noted(self) -> int:
        """Return the number that is noted for this database, 0 for none."""
        text = os.pread(self._file, len(self._head) + _DIGITS, 0)
        number = text.removeprefix(self._head)
        is_whole = text.startswith(self._head) and len(number) == _DIGITS and number.isdigit()
        return int(number) if is_whole else 0

    def note(self, sequence_number: int) -> None:
        try:
            os.pwrite(self._file, self._head + f"{sequence_number:0{_DIGITS}}\n".encode(), 0)
        except OSError as error:
            # The journal itself has been written: nothing depends on this but what an old copy would do.
            if not self._fails:
                log.warning("high_water_not_noted", error=str(error))
            self._fails = True

    def close(self) -> None:
        os.close(self._file)
