"""The example hosts, each run as the program that it is."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

from genesis_actors.storage import queries
from genesis_actors.storage.errors import StorageError
from tests.cli.conftest import ROOT
from tests.daemon.conftest import SHORT

DONE = re.compile(r"(\w+/USDT) (buy|sell) ([\d.]+) of ([\d.]+): COMPLETED")
ENVIRONMENT = {"PATH": os.defpath, "PYTHONPATH": str(ROOT), **SHORT}


def run_example(name: str, directory: Path) -> str:
    result = subprocess.run(
        [sys.executable, "-W", "error", str(ROOT / "examples" / name), "2s"],
        capture_output=True,
        text=True,
        check=False,
        cwd=directory,
        env=ENVIRONMENT,
        timeout=90,
    )

    assert result.stderr == ""
    assert result.returncode == 0
    return result.stdout


def test_a_host_of_threads_works_its_orders_and_finds_them_again(tmp_path: Path) -> None:
    for _ in range(2):
        said = run_example("thread_host.py", tmp_path)

        assert len(DONE.findall(said)) == 2
        assert re.search(r"heard of [1-9]\d* fills", said)
    bought = [row for row in queries.executions(tmp_path / "genesis.db") if row.side == "buy"]
    assert len(bought) == 1


def test_a_host_on_an_event_loop_works_its_orders(tmp_path: Path) -> None:
    said = run_example("asyncio_host.py", tmp_path)

    assert len(DONE.findall(said)) == 3
    assert re.search(r"heard of [1-9]\d* slices", said)


def test_a_host_with_actors_of_its_own_keeps_them(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, str(ROOT / "examples" / "pykka_host.py"), "2s"],
        cwd=tmp_path,
        env=ENVIRONMENT,
    ) as killed:
        deadline = time.monotonic() + 60
        while not _begun(tmp_path / "genesis.db"):
            assert time.monotonic() < deadline
        killed.kill()

    said = run_example("pykka_host.py", tmp_path)
    (row,) = queries.executions(tmp_path / "genesis.db")

    assert re.fullmatch(r"bought (\S+), and the keeper knows of \1; it is alive\n", said)
    assert Decimal(said.split(" ")[1].strip(",")) == row.filled_quantity > 0


def _begun(database: Path) -> int:
    with suppress(StorageError):
        return sum(bool(row.filled_quantity) for row in queries.executions(database))
    return 0
