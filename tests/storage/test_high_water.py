from __future__ import annotations

import asyncio
import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from genesis_actors.messages.events import TwapPaused
from genesis_actors.messages.persistence import WriteJournal
from genesis_actors.recovery import Continuity
from genesis_actors.storage.database import Database
from genesis_actors.storage.errors import StorageError
from genesis_actors.storage.high_water import HighWater
from genesis_actors.storage.journal import Failure, Journal, write_halt
from genesis_actors.storage.migrations import migrate
from genesis_actors.storage.recovery import load_identity
from genesis_actors.values import ExecutionId, Reason
from tests.storage.samples import NOON, accepted, execution_row, sent, write


def test_what_is_noted_outlives_the_process_and_is_the_databases_own(tmp_path: Path) -> None:
    path = tmp_path / "live.db"
    first = HighWater(path, "g7k2pd")
    assert first.mark() is None
    first.note(9)
    first.note_copy(5)
    first.note(1_000_000)
    first.close()

    again = HighWater(path, "g7k2pd")
    assert again.mark() == ("g7k2pd", 1_000_000, 5)
    again.note(1_000_001)
    assert HighWater(path, "g7k2pd").mark() == ("g7k2pd", 1_000_001, 5)
    # Another database of the same name.
    assert HighWater(path, "other1").mark() is None


@pytest.mark.parametrize(
    "content", [b"g7k2pd 12", b"\0" * 49, b"g7k2pd " + b"1" * 20 + b" " + b"x" * 20, b"\xff\n"]
)
def test_what_cannot_be_read_is_no_mark(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "live.db.newest").write_bytes(content)

    mark = HighWater(tmp_path / "live.db", "g7k2pd")

    assert mark.mark() is None
    assert mark.noted() == 0


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
    def start() -> str | None:
        store = Continuity.open(str(path), mode="live", venue="binance", seed=1, is_real=is_real)
        try:
            found = load_identity(store.database)
            return None if found is None else found.halt_reason
        finally:
            store.close()

    path = tmp_path / "live.db"
    assert start() is None
    identity = load_identity(path)
    assert identity is not None
    mark = HighWater(path, identity.client_order_id_prefix)
    mark.note(7)
    mark.close()

    reason = start()
    assert (reason is not None) is is_real
    if is_real:
        assert reason is not None
        assert reason.startswith("journal_behind: this database ends at event 0 and has been at 7")
    assert start() == reason


def test_a_backup_put_in_the_place_of_a_journal_that_is_written_is_not_gone_on_with(
    database: Database, tmp_path: Path
) -> None:
    path, backup = database.path, tmp_path / "backup.db"
    assert path is not None

    async def main() -> list[Failure | None]:
        journal = await Journal.open(database)
        done = await journal.write([write("x1", 1)])
        back_up(path, backup)
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


@pytest.mark.parametrize("was_made_again", [False, True])
def test_an_empty_database_does_not_take_the_place_of_one_whose_orders_are_real(
    tmp_path: Path, *, was_made_again: bool
) -> None:
    path = tmp_path / "live.db"
    opened(path).close()
    path.unlink()
    if was_made_again:
        path.touch()
    else:
        migrate(Database.of(path))

    for _ in range(2):
        with pytest.raises(StorageError, match=r"is empty, but live\.db\.newest shows"):
            opened(path)


def test_another_database_does_not_take_the_place_of_one_whose_orders_are_real(
    tmp_path: Path,
) -> None:
    path, other = tmp_path / "live.db", tmp_path / "other.db"
    for number, each in enumerate((path, other)):
        opened(each, seed=number).close()
    other.replace(path)

    with pytest.raises(StorageError, match=r"not the database that live\.db\.newest was written"):
        opened(path)
    (tmp_path / "live.db.newest").unlink()
    opened(path).close()


def test_an_older_copys_executions_are_known_until_each_of_them_has_written(tmp_path: Path) -> None:
    path = tmp_path / "live.db"
    store = opened(path)
    for name in ("x1", "x2", "x3"):
        journal(store, write(name, 1, [accepted(name)], execution=execution_row(name)))
    assert store.database.high_water is not None
    store.database.high_water.note(9)
    store.close()

    def older(*, of: str = "") -> set[str]:
        """Return them as a start finds them that takes up this one, or all."""
        store = opened(path)
        try:
            return set(store.look(lambda order: not of or order.client_id == of).older)
        finally:
            store.close()

    def wrote(name: str, *, state: str = "PAUSED") -> None:
        store = opened(path)
        store.look(lambda order: False)  # noqa: ARG005
        paused = TwapPaused(at=NOON, execution_id=ExecutionId(name), reason=Reason.JOURNAL_BEHIND)
        journal(store, write(name, 2, [paused], execution=execution_row(name, state=state)))
        store.close()

    assert older() == older(of="x1") == older() == {"x1", "x2", "x3"}
    wrote("x2")
    assert older() == {"x1", "x3"}
    wrote("x1")
    wrote("x3", state="CANCELLED")
    assert older() == set()
    (mark,) = [HighWater(path, store.identity.client_order_id_prefix).mark()]
    assert mark is not None
    assert (mark.newest, mark.copied_at) == (6, 0)


@pytest.mark.parametrize("content", [None, b"", b"torn"])
def test_a_database_that_came_without_its_mark_may_be_an_older_copy(
    tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "live.db"
    store = opened(path)
    journal(store, write("x1", 1, [accepted("x1")], execution=execution_row("x1")))
    store.close()
    mark = tmp_path / "live.db.newest"
    mark.unlink()
    if content is not None:
        mark.write_bytes(content)

    store = opened(path)
    found = load_identity(store.database)

    assert store.look(lambda order: True).older == {"x1"}  # noqa: ARG005
    assert found is not None
    assert "live.db.newest, which tells how far this database has come" in (found.halt_reason or "")
    store.close()


def test_a_halt_from_before_does_not_hide_that_the_database_is_an_older_copy(
    tmp_path: Path,
) -> None:
    path, since = tmp_path / "live.db", datetime(2024, 8, 8, tzinfo=UTC)
    store = opened(path)
    write_halt(store.database, since, "maintenance")
    assert store.database.high_water is not None
    store.database.high_water.note(7)
    store.close()

    opened(path).close()

    found = load_identity(path)
    assert found is not None
    assert found.halted_at == since
    assert found.halt_reason is not None
    assert found.halt_reason.startswith("journal_behind: this database ends at event 0")
    assert found.halt_reason.endswith("It was halted already: maintenance")


def test_a_backup_that_is_restored_into_the_file_itself_is_not_gone_on_with(
    database: Database, tmp_path: Path
) -> None:
    path, backup = database.path, tmp_path / "backup.db"
    assert path is not None

    async def main() -> list[Failure | None]:
        journal = await Journal.open(database)
        done = await journal.write([write("x1", 1)])
        back_up(path, backup)
        done += await journal.write([write("x1", 2)])
        back_up(backup, path)
        done += await journal.write([write("x1", 3)])
        done.append(await journal.probe())
        await journal.close()
        return done

    database.high_water = HighWater(path, "g7k2pd")
    *done, replaced, still = asyncio.run(main())

    assert done == [None, None]
    assert replaced is not None
    assert replaced.is_outage
    assert "ends at event 1, but 2 were written" in replaced.error
    assert still is not None
    assert "older copy" in still.error


def test_a_journal_that_does_not_hold_together_is_named_at_the_start(tmp_path: Path) -> None:
    path = tmp_path / "live.db"
    store = opened(path)
    journal(store, write("x1", 1, [accepted("x1"), sent("x1")], execution=execution_row("x1")))

    with pytest.raises(StorageError, match="journal of x1 does not hold together") as raised:
        store.look(lambda order: True)  # noqa: ARG005

    assert "genesis db check" in (raised.value.hint or "")
    store.close()


def back_up(database: Path, to: Path) -> None:
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(to)) as copy:
        source.backup(copy)


def opened(path: Path, seed: int = 1) -> Continuity:
    return Continuity.open(str(path), mode="live", venue="binance", seed=seed, is_real=True)


def journal(store: Continuity, write: WriteJournal) -> None:
    async def main() -> None:
        journal = await Journal.open(store.database)
        assert await journal.write([write]) == [None]
        await journal.close()

    asyncio.run(main())
