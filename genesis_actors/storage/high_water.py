"""How far a database's journal has come, noted beside it: one that has come less far is an older copy of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from genesis_actors.logs import get_logger
from genesis_actors.storage.errors import DatabaseUnusable
from genesis_actors.storage.sqlite import unusable_path

if TYPE_CHECKING:
    from genesis_actors.storage.database import Database

log = get_logger()

_DIGITS: Final = 20


class Mark(NamedTuple):
    """What is noted beside a database."""

    prefix: str
    """What the client ids of its orders begin with: each database has its own."""
    newest: int
    """The last sequence number that became durable."""
    copied_at: int
    """The last one of the older copy that was put in its place, 0 where none was.

    What has written no event since then may have done something in the meantime that nobody has written down.
    """


def check_presence(database: Database) -> None:
    """Refuse to make a database anew where there was one: DatabaseUnusable."""
    path = database.path
    if path is None or database.is_temporary or path.exists():
        return
    mark = mark_of(path)
    if mark.exists():
        raise DatabaseUnusable(
            f"{path} has gone, but {mark.name} shows that there was one",
            f"put it back where it was, or remove {mark} to begin anew: then nothing is known of earlier orders",
        )


def check_owner(database: Database, prefix: str | None) -> None:
    """Refuse a database in whose place there was another one: DatabaseUnusable. `prefix` is None for an empty one."""
    path = database.path
    if path is None or database.is_temporary:
        return
    mark = mark_of(path)
    try:
        content = mark.read_bytes()
    except FileNotFoundError:
        return
    except OSError as error:
        raise unusable_path(mark, error) from error
    found = _parse(content)
    if prefix is None and content:
        raise DatabaseUnusable(
            f"{path} is empty, but {mark.name} shows that there was another one in its place",
            f"put that one back, or remove {mark} to begin anew: then nothing is known of earlier orders",
        )
    if found is not None and found.prefix != prefix:
        raise DatabaseUnusable(
            f"{path} is not the database that {mark.name} was written for",
            f"put that one back, or remove {mark} to go on with this one, which is then halted as an older copy",
        )


def mark_of(database: Path) -> Path:
    """Return where it is noted how far the database at that path has come."""
    return Path(f"{database.resolve()}.newest")


def _parse(content: bytes) -> Mark | None:
    match content.decode(errors="replace").split():
        case [prefix, newest, copied_at] if all(
            len(number) == _DIGITS and number.isdecimal() for number in (newest, copied_at)
        ):
            return Mark(prefix, int(newest), int(copied_at))
        case _:
            return None


class HighWater:
    """A file beside the database with its prefix and the last sequence number that became durable.

    Written after each commit, and never waited for: a lower bound is enough, and a loss of power may take it back. A
    database that came without it may be an older copy of one.
    """

    def __init__(self, database: Path, prefix: str) -> None:
        path = mark_of(database)
        self._prefix = prefix
        self._newest = self._copied_at = 0
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise unusable_path(path, error) from error
        self._fails = False

    def mark(self) -> Mark | None:
        """Return what is noted for this database, None where that is nothing, or nothing that can be read."""
        found = _parse(os.pread(self._file, os.fstat(self._file).st_size, 0))
        if found is None or found.prefix != self._prefix:
            return None
        self._newest, self._copied_at = found.newest, found.copied_at
        return found

    def noted(self) -> int:
        """Return the number that is noted for this database, 0 for none."""
        found = self.mark()
        return 0 if found is None else found.newest

    def note_copy(self, copied_at: int) -> None:
        """Note that this is an older copy, which ends there; with 0 that each of its executions has written since."""
        self._copied_at = copied_at
        self.note(self._newest)

    def note(self, sequence_number: int) -> None:
        self._newest = sequence_number
        text = f"{self._prefix} {sequence_number:0{_DIGITS}} {self._copied_at:0{_DIGITS}}\n"
        try:
            os.pwrite(self._file, text.encode(), 0)
        except OSError as error:
            # The journal itself has been written: nothing depends on this but what an old copy would do.
            if not self._fails:
                log.warning("high_water_not_noted", error=str(error))
            self._fails = True

    def close(self) -> None:
        os.close(self._file)
