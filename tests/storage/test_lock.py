from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from genesis_actors.storage import lock
from genesis_actors.storage.database import Database
from genesis_actors.storage.errors import DatabaseInUse, DatabaseUnusable
from genesis_actors.storage.lock import EngineLock
from genesis_actors.storage.queries import executions


def test_a_second_engine_is_refused_and_told_who_holds_it(database: Database) -> None:
    with EngineLock(database), pytest.raises(DatabaseInUse, match=str(os.getpid())) as caught:
        EngineLock(database).acquire()
    assert "--db" in caught.value.hint


def test_another_name_of_the_file_is_the_same_database(database: Database, tmp_path: Path) -> None:
    assert database.path
    (tmp_path / "alias.db").symlink_to(database.path)

    with EngineLock(database), pytest.raises(DatabaseInUse):
        EngineLock(tmp_path / "alias.db").acquire()


def test_a_reader_needs_no_lock(database: Database) -> None:
    with EngineLock(database):
        assert executions(database) == []


def test_it_is_free_again_after_release_and_leaves_no_file(database: Database) -> None:
    lock = EngineLock(database)
    with lock:
        lock.acquire()
    lock.release()
    with EngineLock(database):
        pass

    assert lock.path
    assert not lock.path.exists()


def test_a_dead_engines_lock_is_free(database: Database) -> None:
    script = (
        "import os, sys; from genesis_actors.storage.lock import EngineLock\n"
        "EngineLock(sys.argv[1]).acquire(); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", script, str(database)], check=False, cwd=Path.cwd())

    assert Path(f"{database}.lock").exists()
    with EngineLock(database):
        pass


def test_a_file_that_its_last_holder_removes_is_locked_anew(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    truths = iter([False, True])
    monkeypatch.setattr(lock, "_is_still_at", lambda *_: next(truths))

    with EngineLock(database), pytest.raises(DatabaseInUse):
        EngineLock(database).acquire()


def test_a_removed_file_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.touch()
    file = os.open(path, os.O_RDONLY)
    path.unlink()

    assert not lock._is_still_at(file, path)
    os.close(file)


def test_where_no_lock_can_be_made_it_says_why(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnusable, match="does not exist"):
        EngineLock(tmp_path / "no" / "x.db").acquire()


def test_a_server_has_no_lock_file() -> None:
    with EngineLock("postgresql://me@host/db") as held:
        assert held.path is None
