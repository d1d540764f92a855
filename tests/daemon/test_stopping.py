"""How the daemon ends while orders are at the venue: what comes to rest, and what `stop` says of it."""

from __future__ import annotations

from genesis_actors.storage import queries
from tests.daemon.conftest import Desktop
from tests.helpers import eventually

SLOW = "GENESIS_VENUE__PAPER__LATENCY"
ORDER = ("BTC/USDT", "buy", "1", "--over", "2m")


def has_an_order_at_the_venue(desktop: Desktop, key: str) -> bool:
    return any(order.status == "SENT" for order in queries.child_orders(desktop.database, key))


def state_of(desktop: Desktop, key: str) -> str:
    return queries.execution(desktop.database, key).state


def test_cancel_wins_over_drain_and_a_killed_daemon_has_cancelled_nothing(
    desktop: Desktop,
) -> None:
    desktop.variables[SLOW] = "10m"  # The order stays at the venue, whatever is done about it.
    desktop.data("daemon", "start")
    key = desktop.data("start", *ORDER)["id"]
    eventually(lambda: has_an_order_at_the_venue(desktop, key))
    with desktop.popen("daemon", "stop") as drain:
        eventually(lambda: state_of(desktop, key) == "PAUSED")
        resumed = desktop.genesis("resume", key, "-o", "json")
        with desktop.popen("daemon", "stop", "--mode", "cancel", "-o", "json") as cancel:
            eventually(lambda: state_of(desktop, key) == "FINISHING")
            desktop.kill()
            out, _ = cancel.communicate(timeout=60)
        drained, _ = drain.communicate(timeout=60)

    assert resumed.error["code"] == "stopping"
    assert (cancel.returncode, drain.returncode) == (1, 1)
    assert '"state": "died"' in out
    assert '"executions": {"FINISHING": 1}' in out
    assert '"unsettled_executions": 1' in out
    assert "1 execution not ended yet" in drained
    assert "cancelled" not in drained


def test_a_drain_waits_for_what_is_about_to_end_anyway(desktop: Desktop) -> None:
    desktop.variables[SLOW] = "6s"
    desktop.data("daemon", "start")
    key = desktop.data("start", *ORDER)["id"]
    eventually(lambda: has_an_order_at_the_venue(desktop, key))
    with desktop.popen("cancel", key) as cancel:
        eventually(lambda: state_of(desktop, key) in {"FINISHING", "CANCELLED"})
        stopped = desktop.data("daemon", "stop")
        cancel.communicate(timeout=60)

    assert state_of(desktop, key) == "CANCELLED"
    assert {order.status for order in queries.child_orders(desktop.database, key)} <= {
        "FILLED",
        "EXPIRED",
        "CANCELLED",
    }
    assert stopped["executions"] == {"CANCELLED": 1}
    assert stopped["is_as_asked"]


def test_what_cannot_be_read_is_not_said_to_have_been_done(desktop: Desktop) -> None:
    desktop.data("daemon", "start")
    desktop.data("start", *ORDER)
    desktop.database.rename(desktop.directory / "moved.db")

    said = desktop.genesis("daemon", "stop", "--mode", "abandon", "-o", "json")

    assert said.code == 1
    assert said.error["code"] == "outcome_not_readable"
    assert "cannot be read" in (desktop.state_dir / "daemon.log").read_text()
