"""A disk that is full under a daemon: what it says, that it sends nothing, and that it comes back by itself."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable

from genesis_actors.storage.checks import check_database
from tests.daemon.conftest import Desktop

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


def test_commands_say_that_the_journal_is_down_until_it_is_back(desktop: Desktop) -> None:
    desktop.data("daemon", "start")
    key = desktop.data("start", *ORDER)["id"]
    desktop.data("wait", key, "--for", "filled=0.1%", "--timeout", "60s")
    log = desktop.database.with_name("genesis.db-wal")
    let_files_grow(desktop, log.stat().st_size)
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

    let_files_grow(desktop, NO_LIMIT)
    soon(lambda: desktop.data("daemon", "status")["journal_outage"] is None)
    before = desktop.data("show", key)["slices_done"]
    soon(lambda: desktop.data("show", key)["slices_done"] > before)

    assert desktop.data("cancel", key)["state"] == "CANCELLED"
    assert desktop.data("daemon", "stop")["state"] == "stopped"
    assert check_database(desktop.database).problems == ()


def test_a_log_that_cannot_be_written_costs_no_actor(desktop: Desktop) -> None:
    desktop.data("daemon", "start")
    desktop.data("start", *ORDER)
    let_files_grow(desktop, 1)  # Nothing can be written any more, its log included.
    soon(lambda: desktop.data("daemon", "status")["journal_outage"] is not None)
    time.sleep(1)
    let_files_grow(desktop, NO_LIMIT)
    soon(lambda: desktop.data("daemon", "status")["journal_outage"] is None)

    assert desktop.data("cancel", "@last")["state"] == "CANCELLED"
    assert "engine_failed" not in (desktop.state_dir / "daemon.log").read_text()
