from __future__ import annotations

import asyncio
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from genesis_actors.recovery import Continuity
from genesis_actors.storage.database import Database
from genesis_actors.storage.errors import StorageError
from genesis_actors.storage.high_water import HighWater
from genesis_actors.storage.journal import Failure, Journal
from genesis_actors.storage.recovery import load_identity
from tests.storage.samples import write


def test_what_is_noted_outlives_the_process_and_is_the_databases_own(tmp_path: Path) -> None:
    path = tmp_path / "live.db"
    first = HighWater(path, "g7k2pd")
    assert first.noted() == 0
    for number in (9, 1_000_000):
        first.note(number)
    first.close()

    assert HighWater(path, "g7k2pd").noted() == 1_000_000
    # Another database of the same name.
    assert HighWater(path, "other1").noted() == 0


def test_what_cannot_be_read_is_no_mark(tmp_path: Path) -> None:
    (tmp_path / "live.db.newest").write_bytes(b"g7k2pd 12")

    assert HighWater(tmp_path / "live.db", "g7k2pd").noted() == 0


def test_without_room_for_it_the_journal_goes_on(tmp_path: Path) -> None:
    mark = HighWater(tmp_path / "live.db", "g7k2pd")
    full = os.open("/dev/full", os.O_RDWR)
    os.dup2(full, mark._file)
    os.close(full)

    mark.note(1)
    mark.note(2)
    mark.close()


def test_where_it_cannot_be_made_the_start_says_so(tmp_path: Path) -> None:
    (tmp_path / "live.db.newest").mkdir()

    with pytest.raises(StorageError, match=r"live\.db\.newest"):
        HighWater(tmp_path / "live.db", "g7k2pd")


@pytest.mark.parametrize("is_real", [True, False])
def test_an_older_copy_is_halted_once_where_its_orders_are_real(
    tmp_path: Path, *, is_real: bool
) -> None:
    def start() -> tuple[bool, str | None]:
        store = Continuity.open(str(path), mode="live", venue="binance", seed=1, is_real=is_real)
        try:
            found = load_identity(store.database)
            return store.is_behind, None if found is None else found.halt_reason
        finally:
            store.close()

    path = tmp_path / "live.db"
    assert start() == (False, None)
    identity = load_identity(path)
    assert identity is not None
    mark = HighWater(path, identity.client_order_id_prefix)
    mark.note(7)
    mark.close()

    is_behind, reason = start()
    assert is_behind is is_real
    if is_real:
        assert reason is not None
        assert reason.startswith("journal_behind: this database ends at event 0 and has been at 7")
    assert start() == (False, reason)


def test_a_backup_put_in_the_place_of_a_journal_that_is_written_is_not_gone_on_with(
    database: Database, tmp_path: Path
) -> None:
    path, backup = database.path, tmp_path / "backup.db"
    assert path is not None

    async def main() -> list[Failure | None]:
        journal = await Journal.open(database)
        done = await journal.write([write("x1", 1)])
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(backup)) as copy:
            source.backup(copy)
        done += await journal.write([write("x1", 2)])
        done.append(await journal.probe())
        await journal.close()
        backup.replace(path)
        done.append(await journal.probe())
        await journal.close()
        return done

    database.high_water = HighWater(path, "g7k2pd")
    *done, replaced = asyncio.run(main())

    assert done == [None, None, None]
    assert replaced is not None
    assert replaced.is_outage
    assert "older copy" in replaced.error


def test_a_database_that_has_gone_is_not_made_anew_where_its_orders_are_real(
    tmp_path: Path,
) -> None:
    path = tmp_path / "live.db"

    def start(*, is_real: bool = True) -> None:
        Continuity.open(str(path), mode="live", venue="binance", seed=1, is_real=is_real).close()

    start()
    path.unlink()
    with pytest.raises(StorageError, match="has gone"):
        start()
    assert not path.exists()
    (tmp_path / "live.db.newest").unlink()
    start()
