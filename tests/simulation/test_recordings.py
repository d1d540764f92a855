"""The real recordings, where they are at hand: they are not part of the project."""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path

import pytest

from genesis_actors.analysis import report_of
from genesis_actors.domain.market_recorder import OBSERVED_AFTER
from genesis_actors.engine import Engine
from genesis_actors.opening import VirtualTime
from genesis_actors.orders import TwapOrder
from genesis_actors.runtime.simulation import DeterministicRuntime
from genesis_actors.settings import Settings
from tests.simulation.recompute import Market, Run, differences
from tests.simulation.recompute_report import report_differences

DATA = Path(os.environ.get("GENESIS_DATA", Path(__file__).parents[3] / "shared" / "data"))

ORDERS = {
    "BTCUSDT": [
        {"side": "buy", "quantity": "25"},
        {"side": "sell", "quantity": "60", "on_deadline": "sweep", "jitter": "0.2"},
        {"side": "buy", "quantity": "3", "slices": 4, "early_completion": "off"},
        {"side": "buy", "quantity": "10", "duration": "5m"},
    ],
    "ETHUSDT": [{"side": "sell", "quantity": "300", "style": "auto"}],
}


@pytest.mark.data
@pytest.mark.parametrize(
    ("market", "order"),
    [(market, order) for market, orders in ORDERS.items() for order in orders],
)
def test_a_run_on_a_real_recording_is_borne_out_by_it(
    tmp_path: Path, market: str, order: dict[str, object]
) -> None:
    files = {
        kind: DATA / f"{name}_binance_spot_{market}_20240808.csv.gz"
        for kind, name in (("trades", "trades"), ("book", "book"), ("depth", "depth20"))
    }
    if not files["trades"].exists():
        pytest.skip(f"the recordings are not at {DATA}; GENESIS_DATA may name their folder")
    symbol = market.replace("USDT", "/USDT")
    chosen = Settings.load(
        None,
        storage={"url": str(tmp_path / "run.db")},
        venue={"kind": "replay", "replay": {"symbol": symbol, **files}},
    )
    with Engine.start(chosen, virtual=VirtualTime()) as engine:
        twap = engine.submit(TwapOrder.parse(symbol=symbol, **{"duration": "10m"} | order))
        twap.wait()
        assert isinstance(engine.runtime, DeterministicRuntime)
        engine.runtime.advance_to(engine.runtime.clock.now() + OBSERVED_AFTER)

    run = Run.read(tmp_path / "run.db", twap.execution_id)

    outside, cap = Market(files["trades"], files["book"], files["depth"]), Decimal("0.10")
    assert differences(run, outside, cap) == []
    assert run.fills
    report = report_of(tmp_path / "run.db", twap.execution_id, again=True)
    assert report_differences(report, run, outside, cap) == []
