"""A disk that is full under a daemon: what it says, that it sends nothing, and that it comes back by itself."""

from __future__ import annotations

import os
import resource
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from genesis_actors.storage.checks import check_database
from tests.daemon.conftest import Desktop
from tests.wire.exchange.running import exchange_process
from tests.wire.test_kills import environment, statuses

ORDER = ("BTC/USDT", "buy", "1", "--over", "2m")
NO_LIMIT = resource.RLIM_INFINITY


def let_files_grow(desktop: Desktop, size: int) -> None:
    """Let no file of the daemon grow beyond so many bytes: its disk is full, as far as it can tell."""
    resource.prlimit(desktop.pid, resource.RLIMIT_FSIZE, (size, NO_LIMIT))


def soon(is_so: Callable[[], bool], within: float = 60) -> None:
    deadline = time.monotonic() + within
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.2)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of three megabytes."""
    disk = tmp_path / "disk"
    disk.mkdir(mode=0o700)
    command = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a small disk, and not everywhere")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_commands_say_that_the_journal_is_down_until_it_is_back(
    desktop: Desktop, small_disk: Path
) -> None:
    desktop.data("daemon", "start", "--db", small_disk / "genesis.db")
    key = desktop.data("start", *ORDER)["id"]
    desktop.data("wait", key, "--for", "filled=0.1%", "--timeout", "60s")
    with (small_disk / "filler").open("wb", buffering=0) as filler, suppress(OSError):
        while True:
            filler.write(bytes(512))
    soon(lambda: desktop.data("daemon", "status")["journal_outage"] is not None)
    refused = [
        desktop.genesis(*words, "-o", "json")
        for words in (("pause", key), ("cancel", key), ("start", *ORDER))
    ]
    seen = desktop.data("show", key)

    assert [said.code for said in refused] == [1, 1, 1]
    assert {said.error["code"] for said in refused} == {"journal_down"}
    assert "by itself" in refused[0].error["hint"]
    assert "journal     takes no writes" in desktop.genesis("daemon", "status").out
    time.sleep(1)
    assert desktop.data("show", key)["filled_quantity"] == seen["filled_quantity"]

    (small_disk / "filler").unlink()
    soon(lambda: desktop.data("daemon", "status")["journal_outage"] is None)
    before = desktop.data("show", key)["slices_done"]
    soon(lambda: desktop.data("show", key)["slices_done"] > before)

    assert desktop.data("cancel", key)["state"] == "CANCELLED"
    assert desktop.data("daemon", "stop")["state"] == "stopped"
    assert check_database(small_disk / "genesis.db").problems == ()


def test_a_log_that_cannot_be_written_costs_no_actor(desktop: Desktop) -> None:
    desktop.data("daemon", "start")
    desktop.data("start", *ORDER)
    let_files_grow(desktop, 1)  # Its log cannot be written either.
    soon(lambda: desktop.data("daemon", "status")["journal_outage"] is not None)
    time.sleep(1)
    let_files_grow(desktop, NO_LIMIT)
    soon(lambda: desktop.data("daemon", "status")["journal_outage"] is None)

    assert desktop.data("cancel", "@last")["state"] == "CANCELLED"
    assert "engine_failed" not in (desktop.state_dir / "daemon.log").read_text()


def test_what_rests_at_an_exchange_is_taken_back_and_a_halt_holds(desktop: Desktop) -> None:
    """The exchange's own books show it: the journal cannot."""
    with exchange_process() as exchange:

        def rests() -> bool:
            return "NEW" in statuses(exchange)

        settings = environment(exchange.config).items()
        desktop.variables |= {name: value for name, value in settings if "GENESIS_" in name}
        desktop.variables["GENESIS_VENUE__KIND"] = "ccxt"
        desktop.data("daemon", "start", "--live")
        away = ("--style", "maker", "--limit", "59000")
        resting = ("BTC/USDT", "buy", "0.3", "--over", "2m", "--slices", "20", *away)
        key = desktop.data("start", *resting)["id"]
        soon(rests)
        let_files_grow(desktop, 1)
        with desktop.running("halt", "--reason", "the disk is full") as halting:
            soon(lambda: desktop.data("daemon", "status")["halted"] is True)
            soon(lambda: not rests())
            sent = len(statuses(exchange))
            view = desktop.data("daemon", "status")
            told = desktop.genesis("daemon", "status").out
            assert not rests()
            assert len(statuses(exchange)) == sent
            let_files_grow(desktop, NO_LIMIT)
            assert halting.wait(60) == 0
        after = desktop.data("daemon", "status")
        refused = desktop.genesis("start", *resting)
        desktop.data("unhalt")
        cancelled = desktop.data("cancel", key)

    assert (view["halt_reason"], view["halt_is_durable"]) == ("the disk is full", False)
    assert "(the disk is full), not durable yet" in " ".join(told.split())
    assert after["halt_is_durable"] is True
    assert refused.code == 8
    assert cancelled["state"] == "CANCELLED"
