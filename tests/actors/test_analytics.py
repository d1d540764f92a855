"""The reports that are made by themselves, from a market that is recorded on the way."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from genesis_actors.analysis import report_of
from genesis_actors.domain.market_recorder import OBSERVED_AFTER
from genesis_actors.engine import Engine
from genesis_actors.opening import VirtualTime
from genesis_actors.orders import TwapOrder
from genesis_actors.runtime.simulation import DeterministicRuntime
from genesis_actors.settings import Settings
from genesis_actors.storage.analysis import load_evidence


def settings(folder: Path) -> Settings:
    return Settings.load(
        None,
        engine={"seed": 7},
        storage={"url": str(folder / "genesis.db")},
        venue={"kind": "paper", "paper": {"seed": 7}},
    )


def an_order(quantity: str = "2") -> TwapOrder:
    return TwapOrder.parse(symbol="BTC/USDT", side="buy", quantity=quantity, duration="5m")


def stored(folder: Path) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(folder / "genesis.db")) as connection:
        return [
            json.loads(text)
            for (text,) in connection.execute("select report from execution_reports")
        ]


def run_on(engine: Engine, duration: timedelta) -> None:
    runtime = engine.runtime
    assert isinstance(runtime, DeterministicRuntime)
    runtime.advance_to(runtime.clock.now() + duration)


def test_a_report_is_stored_when_an_execution_has_ended(tmp_path: Path) -> None:
    with Engine.start(settings(tmp_path), virtual=VirtualTime()) as engine:
        twap = engine.submit(an_order())
        twap.wait()

    (report,) = stored(tmp_path)
    assert report["execution"]["id"] == twap.execution_id
    assert not report["is_final"]  # Nobody has seen yet what the price did for five minutes.
    assert report["data_gaps"] == []
    assert report["comparisons"]["sweep_at_arrival"]["quantity"] == "2"


def test_it_is_made_again_when_all_mark_outs_can_be_seen(tmp_path: Path) -> None:
    with Engine.start(settings(tmp_path), virtual=VirtualTime()) as engine:
        engine.submit(an_order()).wait()
        run_on(engine, OBSERVED_AFTER)

    (report,) = stored(tmp_path)
    assert report["is_final"]
    assert {mark["fills_not_observed"] for mark in report["markouts"]} == {0}


def test_the_database_alone_gives_the_same_report(tmp_path: Path) -> None:
    with Engine.start(settings(tmp_path), virtual=VirtualTime()) as engine:
        engine.submit(an_order()).wait()
        run_on(engine, OBSERVED_AFTER)

    assert report_of(tmp_path / "genesis.db", "@last", again=True) == stored(tmp_path)[0]


def test_executions_of_a_symbol_share_one_record(tmp_path: Path) -> None:
    with Engine.start(settings(tmp_path), virtual=VirtualTime()) as engine:
        twaps = [engine.submit(an_order("1")), engine.submit(an_order("2"))]
        for twap in twaps:
            twap.wait()

    with closing(sqlite3.connect(tmp_path / "genesis.db")) as connection:
        spans = connection.execute("select began_at, ended_at from market_segments").fetchall()
    in_order = sorted(spans)
    assert len(stored(tmp_path)) == 2
    assert all(a[1] == b[0] for a, b in pairwise(in_order))


def test_a_restart_leaves_a_gap_that_is_flagged_where_time_went_on(tmp_path: Path) -> None:
    chosen = settings(tmp_path)
    order = TwapOrder.parse(
        symbol="BTC/USDT", side="buy", quantity="2", duration="5m", client_id="c1"
    )
    engine = Engine.start(chosen, virtual=VirtualTime())
    twap = engine.submit(order)
    run_on(engine, timedelta(seconds=100))
    engine.abandon()  # As a crash would: the last segment is lost.
    with Engine.start(chosen, virtual=VirtualTime()) as engine:
        engine.submit(order).wait()

    evidence = load_evidence(tmp_path / "genesis.db", twap.execution_id)
    report = report_of(tmp_path / "genesis.db", twap.execution_id)
    assert evidence.record.ends_at is not None
    assert isinstance(report["benchmarks"], dict)
    assert report["benchmarks"]["twap"]["is_over_gap"] is bool(report["data_gaps"])


def test_what_an_execution_cost_can_be_asked_while_it_is_open(tmp_path: Path) -> None:
    with Engine.start(settings(tmp_path), virtual=VirtualTime()) as engine:
        twap = engine.submit(an_order())
        run_on(engine, timedelta(seconds=130))
        report = twap.report()

        assert not report.is_final
        assert report.execution.state == "RUNNING"
        assert report.findings.benchmarks[0].price is not None
        assert Decimal(0) < report.execution.filled_quantity < 2
        with pytest.raises(KeyError):
            engine.generate_execution_report(type(twap.execution_id)("nosuch"))
