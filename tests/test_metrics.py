"""What monitoring is told: the names that dashboards rely on, in the format that Prometheus reads."""

from __future__ import annotations

import json
import re
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from genesis_actors.actors.supervisor import SupervisorActor
from genesis_actors.engine import Engine, TwapHandle
from genesis_actors.metrics import Metrics
from genesis_actors.opening import VirtualTime
from genesis_actors.orders import TwapOrder
from genesis_actors.runtime.simulation import DeterministicRuntime
from genesis_actors.settings import Settings

ALWAYS = {
    "genesis_executions",
    "genesis_slice_lateness_seconds",
    "genesis_order_latency_seconds",
    "genesis_fills",
    "genesis_unknown_orders",
    "genesis_rejects",
    "genesis_journal_latency_seconds",
    "genesis_inbox_depth",
    "genesis_actor_restarts",
    "genesis_halted",
}


def samples(metrics: Metrics) -> dict[str, float]:
    """Return what a scrape reads, by name and labels; it refuses what is not in the format."""
    return {
        f"{sample.name}{sorted(sample.labels.items()) if sample.labels else ''}": sample.value
        for family in text_string_to_metric_families(metrics.text().decode())
        for sample in family.samples
    }


def settings(folder: Path) -> Settings:
    return Settings.load(
        None,
        engine={"seed": 7},
        storage={"url": str(folder / "genesis.db")},
        venue={"kind": "paper", "paper": {"seed": 7}},
    )


def submitted(engine: Engine) -> TwapHandle:
    return engine.submit(
        TwapOrder.parse(symbol="BTC/USDT", side="buy", quantity="2", duration="5m")
    )


def test_a_run_is_counted_under_the_names_that_dashboards_rely_on(tmp_path: Path) -> None:
    with Engine.start(settings(tmp_path), virtual=VirtualTime()) as engine:
        metrics = Metrics(engine)
        status = submitted(engine).wait()
        assert isinstance(engine.runtime, DeterministicRuntime)
        engine.runtime.run_until_quiet()  # What its end is news to has heard of it.
        found = samples(metrics)
        families = {
            family.name for family in text_string_to_metric_families(metrics.text().decode())
        }

    sent = [part for part in status.slices if part.sent_at is not None]
    assert families >= ALWAYS
    assert found["genesis_executions[('state', 'COMPLETED')]"] == 1
    assert found["genesis_fills_total"] == len(status.fills)
    assert found["genesis_slice_lateness_seconds_count"] == len(sent)
    assert found["genesis_order_latency_seconds_count"] == len(status.orders)
    assert found["genesis_slice_participation_count"] > 0
    assert found["genesis_unknown_orders"] == found["genesis_halted"] == 0
    assert found["genesis_inbox_depth[('actor', 'market_data')]"] == 0
    assert found["genesis_journal_latency_seconds_count"] > 0


def test_a_halt_and_a_failure_show(tmp_path: Path) -> None:
    with Engine.start(settings(tmp_path), virtual=VirtualTime()) as engine:
        metrics = Metrics(engine)
        supervisor = next(
            ref for ref in engine.runtime.living() if ref.actor_class is SupervisorActor
        )
        supervisor.tell("nothing it knows")
        submitted(engine)
        engine.halt("a test")
        found = samples(metrics)

    assert found["genesis_halted"] == 1
    assert found["genesis_actor_restarts_total"] == 1


def test_a_host_may_bring_its_registry(tmp_path: Path) -> None:
    registry = CollectorRegistry()
    with Engine.start(settings(tmp_path), virtual=VirtualTime()) as engine:
        metrics = Metrics(engine, registry)

        assert metrics.registry is registry
        assert registry.get_sample_value("genesis_fills_total") == 0


def test_an_engine_in_real_time_tells_how_old_its_quotes_are(tmp_path: Path) -> None:
    with Engine.start(settings(tmp_path)) as engine:
        metrics = Metrics(engine)
        handle = submitted(engine)
        found = samples(metrics)
        handle.cancel()

    assert found["genesis_market_data_age_seconds[('symbol', 'BTC/USDT')]"] >= 0
    assert found["genesis_dispatcher_lag_seconds"] >= 0


def test_dashboard_and_alerts_ask_for_what_there_is(tmp_path: Path) -> None:
    deploy = Path(__file__).parents[1] / "deploy"
    asked = set[str]()
    for name in ("grafana-dashboard.json", "alerts.yaml"):
        asked |= set(re.findall(r"\bgenesis_[a-z_]+", (deploy / name).read_text()))
    json.loads((deploy / "grafana-dashboard.json").read_text())

    with Engine.start(settings(tmp_path), virtual=VirtualTime()) as engine:
        told = Metrics(engine).text().decode()

    live = {
        "genesis_market_data_age_seconds",
        "genesis_dispatcher_lag_seconds",
        "genesis_event_loop_lag_seconds",
    }
    assert {name for name in asked if f"# TYPE {name.removesuffix('_bucket')} " not in told} == live
