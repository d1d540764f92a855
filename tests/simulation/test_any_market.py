"""Whole runs, from order to figures, on markets of every awkward kind - and recomputed from outside."""

from __future__ import annotations

import os
import shutil
import tempfile
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st

from genesis_actors.engine import Engine, OrderRejectedError
from genesis_actors.opening import VirtualTime
from genesis_actors.orders import TwapOrder
from genesis_actors.settings import Settings
from genesis_actors.storage.migrations import migrate
from genesis_actors.values import ExecutionState
from tests.simulation.markets import MIDNIGHT_MS, PRICES, VOLUMES, MadeMarket, Recorded
from tests.simulation.recompute import Market, Run, differences

CAP = Decimal("0.10")


@pytest.fixture(scope="module")
def empty_database() -> Path:
    """A migrated database to copy: migrating anew for every example would take most of the time."""
    path = Path(tempfile.mkdtemp()) / "empty.db"
    migrate(path)
    return path


def a_run(recorded: Recorded, database: Path, order: TwapOrder) -> tuple[Run, str]:
    """Work `order` on a recording; return what the database has of it, and how it ended."""
    replay = {"symbol": "BTC/USDT", "trades": recorded.trades, "book": recorded.book}
    if recorded.depth is not None:
        replay["depth"] = recorded.depth
    chosen = Settings.load(
        None, storage={"url": str(database)}, venue={"kind": "replay", "replay": replay}
    )
    with Engine.start(chosen, virtual=VirtualTime()) as engine:
        twap = engine.submit(order)
        ends = {*(state for state in ExecutionState if state.is_final), ExecutionState.PAUSED}
        status = engine.wait_until(twap.execution_id, lambda row: row.state in ends)
        state = str(status.execution.state)
    return Run.read(database, twap.execution_id), state


orders = st.fixed_dictionaries(
    {
        "side": st.sampled_from(["buy", "sell"]),
        "quantity": st.sampled_from(["0.02", "0.5", "7.77", "40", "900.01"]),
        "duration": st.sampled_from(["5m", "7m", "10m"]),
        "jitter": st.sampled_from(["0", "0.2", "0.9"]),
        "seed": st.integers(0, 2**32),
        "on_deadline": st.sampled_from(["leave", "extend", "sweep"]),
        "early_completion": st.sampled_from(["off", "0.2%", "0.01%"]),
        "style": st.sampled_from(["taker", "taker", "maker", "auto"]),
        "slices": st.sampled_from([None, 1, 3, 20, 60]),
        "limit_price": st.sampled_from([None, None, "1000", "950"]),
        "max_slippage_bps": st.sampled_from([None, None, "5"]),
    }
)
markets = st.builds(
    MadeMarket,
    seed=st.integers(0, 2**32),
    minutes=st.sampled_from([12, 16]),
    price=st.sampled_from(PRICES),
    volume=st.sampled_from(VOLUMES),
    has_depth=st.booleans(),
    has_sizes=st.booleans(),
    start_ms=st.sampled_from([MIDNIGHT_MS - 300_000, MIDNIGHT_MS + 1_000, MIDNIGHT_MS - 1]),
)


@settings(
    max_examples=int(os.environ.get("GENESIS_EXAMPLES", "8")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(market=markets, order=orders)
@example(
    market=MadeMarket(1, 12, "falling", "steady", True, True, MIDNIGHT_MS - 300_000),
    order={"side": "buy", "quantity": "7.77", "duration": "10m", "early_completion": "0.2%"},
)
@example(
    market=MadeMarket(2, 12, "flat", "none", False, False, MIDNIGHT_MS),
    order={"side": "sell", "quantity": "0.5", "duration": "5m", "on_deadline": "sweep"},
)
@example(
    market=MadeMarket(3, 12, "rising", "steady", True, True, MIDNIGHT_MS),
    order={"side": "buy", "quantity": "7.77", "duration": "10m", "max_slippage_bps": "5"},
)
def test_every_run_agrees_with_its_recording_and_keeps_within_the_cap(
    empty_database: Path, market: MadeMarket, order: dict[str, object]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        recorded = market.write(Path(folder))
        database = Path(shutil.copy(empty_database, Path(folder) / "run.db"))
        try:
            run, state = a_run(recorded, database, TwapOrder.parse(symbol="BTC/USDT", **order))
        except OrderRejectedError as refused:
            event(f"refused: {refused.reason}")
            return
        event(state)
        outside = Market(recorded.trades, recorded.book, recorded.depth)

        assert differences(run, outside, CAP) == []
        is_guarded = order.get("max_slippage_bps") is not None
        assert ExecutionState(state).is_final or (state == ExecutionState.PAUSED and is_guarded)
        lot = Decimal("0.01")
        for child in run.orders:
            assert Decimal(child["quantity"]) % lot == 0
            assert Decimal(child["quantity"]) * Decimal(child["price"]) >= 5
        for part in run.slices:
            assert Decimal(part["planned_quantity"]) % lot == 0
