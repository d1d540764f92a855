"""More orders than may be worked at once: they wait in the database, and begin in their order."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from genesis_actors import Engine, Settings
from genesis_actors.analysis import report_of
from genesis_actors.domain.benchmarks import interval_twap
from genesis_actors.domain.evolve import fold
from genesis_actors.engine import CommandRefusedError, TwapHandle
from genesis_actors.messages.events import TwapQueued, TwapStarted
from genesis_actors.opening import VirtualTime
from genesis_actors.storage import queries
from genesis_actors.storage.analysis import load_evidence
from genesis_actors.storage.checks import check_database
from genesis_actors.storage.recovery import load_events
from genesis_actors.values import ExecutionState, Reason
from tests.test_engine import an_order, let_pass

QUEUED, RUNNING = ExecutionState.QUEUED, ExecutionState.RUNNING


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "genesis.db"


def start(database: Path, **risk: object) -> Engine:
    settings = Settings.model_validate(
        {"storage": {"url": str(database)}, "risk": {"max_open_executions": 1, **risk}}
    )
    return Engine.start(settings, virtual=VirtualTime())


def state(twap: TwapHandle) -> tuple[str, str | None]:
    row = twap.status().execution
    return row.state, row.reason


WAITS = (QUEUED, Reason.MAX_OPEN_EXECUTIONS)


def test_more_than_may_be_open_wait_and_begin_by_priority_then_age_also_after_a_restart(
    database: Path,
) -> None:
    with start(database) as engine:
        names = {"first": 0, "plain": 0, "urgent": 3, "late": 0}
        twaps = {
            name: engine.submit(an_order(client_id=name, priority=priority))
            for name, priority in names.items()
        }
        assert state(twaps["first"]) == (RUNNING, None)
        assert [state(twaps[name]) for name in ("plain", "urgent", "late")] == [WAITS] * 3
        ids = {name: twap.execution_id for name, twap in twaps.items()}
        assert queries.queue_places(database) == {
            ids["urgent"]: 1,
            ids["plain"]: 2,
            ids["late"]: 3,
        }
        let_pass(engine, timedelta(minutes=1))
        engine.abandon()

    with start(database) as engine:
        again = {
            name: engine.submit(an_order(client_id=name, priority=priority))
            for name, priority in names.items()
        }
        assert {name: twap.execution_id for name, twap in again.items()} == ids
        assert state(again["urgent"]) == WAITS
        rows = {name: twap.wait().execution for name, twap in again.items()}

    begun = sorted(rows, key=lambda name: rows[name].started_at or rows[name].created_at)
    assert begun == ["first", "urgent", "plain", "late"]
    assert all(row.state is ExecutionState.COMPLETED for row in rows.values())
    for before, after in pairwise(begun):
        finished, started = rows[before].finished_at, rows[after].started_at
        assert finished is not None
        assert started is not None
        assert finished <= started, "one at a time"
    began, ends = rows["plain"].started_at, rows["plain"].ends_at
    assert began is not None
    assert ends == began + timedelta(minutes=5), "its window begins with it"
    assert [type(e) for e in load_events(database, ids["plain"])[1:3]] == [TwapQueued, TwapStarted]
    assert check_database(database).problems == ()


def test_who_waits_can_be_cancelled_and_not_paused(database: Path) -> None:
    with start(database) as engine:
        engine.submit(an_order(client_id="first"))
        waiting = engine.submit(an_order(client_id="second"))
        with pytest.raises(CommandRefusedError, match="QUEUED"):
            waiting.pause()
        waiting.cancel()

        assert state(waiting) == (ExecutionState.CANCELLED, Reason.USER)


def test_who_waits_too_long_ends(database: Path) -> None:
    with start(database, queue_expiry="60s") as engine:
        engine.submit(an_order(client_id="first"))
        waiting = engine.submit(an_order(client_id="second"))
        row = waiting.wait().execution

    assert (row.state, row.reason) == (ExecutionState.INCOMPLETE, Reason.QUEUE_EXPIRED)
    assert row.finished_at == row.created_at + timedelta(seconds=60)
    assert row.started_at is None


def test_the_benchmark_window_of_who_waited_begins_with_its_schedule(database: Path) -> None:
    with start(database) as engine:
        engine.submit(an_order(client_id="first"))
        waiting = engine.submit(an_order(client_id="second"))
        row = waiting.wait().execution
        let_pass(engine, timedelta(minutes=6))
    x = fold(None, load_events(database, waiting.execution_id))
    report: Any = report_of(database, waiting.execution_id, again=True)
    record = load_evidence(database, waiting.execution_id).record

    assert x is not None
    assert x.market is not None
    assert row.started_at is not None
    assert row.finished_at is not None
    assert row.started_at > row.created_at
    assert (x.market.start, x.market.end) == (row.started_at, row.finished_at)
    assert x.market == record.summary(row.started_at, row.finished_at)
    assert row.twap_benchmark == interval_twap(x.market)
    start_mid, arrival = record.mid(row.started_at), row.arrival_price
    assert start_mid is not None
    assert arrival is not None
    delay = row.filled_quantity * (start_mid - arrival)
    assert Decimal(report["shortfall_parts"]["delay"]["quote"]) == delay != 0
    assert Decimal(report["benchmarks"]["start"]["price"]) == start_mid


def test_what_never_began_has_no_benchmark_window(database: Path) -> None:
    with start(database, queue_expiry="60s") as engine:
        engine.submit(an_order(client_id="first"))
        waiting = engine.submit(an_order(client_id="second"))
        row = waiting.wait().execution
    report: Any = report_of(database, waiting.execution_id, again=True)

    assert (row.twap_benchmark, row.vwap_benchmark, row.participation_rate) == (None, None, None)
    prices = {name: each["price"] for name, each in report["benchmarks"].items()}
    assert {name for name, price in prices.items() if price is None} == {"start", "twap", "vwap"}
    assert report["shortfall"]["quote"] is not None, "what it missed is known all the same"


def test_nobody_begins_while_everything_is_halted(database: Path) -> None:
    with start(database) as engine:
        first = engine.submit(an_order(client_id="first"))
        waiting = engine.submit(an_order(client_id="second"))
        engine.halt("a drill")
        first.cancel()
        let_pass(engine, timedelta(seconds=5))
        assert state(waiting) == WAITS

        engine.unhalt()
        let_pass(engine, timedelta(seconds=5))
        assert state(waiting) == (RUNNING, None)
