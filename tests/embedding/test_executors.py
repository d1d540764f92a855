"""The executor classes that trading code expects: the same engine, by their names."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

from genesis_actors import (
    Engine,
    IcebergExecutor,
    MarketExecutor,
    Order,
    OrderError,
    OrderExecutor,
    OrderRejectedError,
    Settings,
    TwapExecutor,
    TwapOrder,
    VirtualTime,
)
from genesis_actors.values import ExecutionState, Reason, Side

ORDER = TwapOrder(symbol="BTC/USDT", side="buy", quantity="0.5", duration="5m")


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    settings = Settings(storage={"url": str(tmp_path / "genesis.db")})
    with Engine.start(settings, virtual=VirtualTime()) as started:
        yield started


def test_an_order_is_executed_to_its_end(engine: Engine) -> None:
    result = OrderExecutor(engine).execute(ORDER)

    assert result.is_complete
    assert result.filled_quantity == result.quantity == Decimal("0.5")
    assert result.remaining_quantity == 0
    assert result.average_price is not None
    assert result.side is Side.BUY
    assert result.state is ExecutionState.COMPLETED


def test_a_twap_takes_the_minutes_it_is_given(engine: Engine) -> None:
    order = Order(
        symbol="ETH/USDT", side="sell", quantity="25000quote", client_id="k", jitter="10%"
    )
    result = TwapExecutor(engine).execute_twap(order, 7)
    again = TwapExecutor(engine).execute_twap(order, Decimal(7))
    row = engine.execution(result.execution_id).status().execution

    assert row.duration_seconds == 420
    assert again == result
    assert asyncio.run(TwapExecutor(engine).execute_twap_async(order, 7.0)) == result


def test_a_tier_that_is_known_to_be_too_low_is_told(tmp_path: Path) -> None:
    settings = Settings(
        storage={"url": str(tmp_path / "genesis.db")},
        account={"hunter_equity": "900000000", "strategist_equity": "1000000000"},
    )
    with Engine.start(settings, virtual=VirtualTime()) as engine:
        executor = TwapExecutor(engine)
        before = executor.validate_order(ORDER)
        with pytest.raises(OrderRejectedError) as refused:
            executor.execute(ORDER)
        found = executor.validate_order(ORDER)

        assert before  # Nobody has looked at the account yet.
        assert (found.reason, found.message) == (Reason.TIER_TOO_LOW, str(refused.value.args[0]))
        assert executor.validate_order(
            ORDER.model_copy(update={"algo": "market", "duration": None})
        )


@pytest.mark.parametrize("minutes", [0, -1, float("nan"), float("inf")])
def test_minutes_that_are_none_are_refused(engine: Engine, minutes: float) -> None:
    with pytest.raises(OrderError, match="duration"):
        TwapExecutor(engine).execute_twap(ORDER, minutes)


def test_what_the_settings_forbid_is_known_before(engine: Engine) -> None:
    executor = OrderExecutor(engine)
    too_long = ORDER.model_copy(update={"duration": timedelta(minutes=500)})
    found = executor.validate_order(too_long)

    assert executor.validate_order(ORDER)
    assert not found
    assert found.reason is Reason.WINDOW_OUT_OF_BOUNDS
    assert "min_duration" in found.hint
    with pytest.raises(OrderRejectedError) as refused:
        executor.execute(too_long)
    assert (refused.value.reason, str(refused.value)) == (found.reason, found.message)


def test_names_are_unique_and_slippage_is_a_cost(engine: Engine) -> None:
    executor = OrderExecutor(engine)
    names = {executor.generate_client_order_id() for _ in range(100)}

    assert len(names) == 100
    assert executor.calculate_slippage(100, Decimal("100.5"), "sell") == Decimal("-0.5")


def test_another_thread_pauses_what_is_executed(tmp_path: Path) -> None:
    settings = Settings(
        storage={"url": str(tmp_path / "genesis.db")},
        twap={"min_duration": "1s", "slice_interval": "500ms", "min_slice_interval": "100ms"},
        venue={"paper": {"activity": 20}},
    )
    results: list[object] = []
    started = threading.Event()
    with Engine.start(settings) as engine:
        executor = TwapExecutor(engine)
        with pytest.raises(KeyError, match="none"):
            executor.pause()
        engine.subscribe(lambda _: started.set())
        order = Order(symbol="BTC/USDT", side="buy", quantity="0.02")
        worker = threading.Thread(
            target=lambda: results.append(executor.execute_twap(order, Decimal("0.05"), 60))
        )
        worker.start()
        assert started.wait(20)
        assert executor.pause().state is ExecutionState.PAUSED
        execution_id = engine.executions()[0].execution_id
        assert executor.resume(execution_id[:6]).state is ExecutionState.RUNNING
        worker.join(60)

    assert [result.state for result in results] == [ExecutionState.COMPLETED]  # pyright: ignore[reportAttributeAccessIssue]


def test_an_iceberg_shows_its_clips_one_after_the_other(engine: Engine) -> None:
    order = Order(symbol="BTC/USDT", side="sell", quantity="0.5", clips=4, client_id="berg")
    result = IcebergExecutor(engine).execute_iceberg(order)
    status = engine.execution(result.execution_id).status()
    clips = status.slices

    assert result.is_complete
    assert [part.status for part in clips] == ["FILLED"] * 4
    assert all(Decimal("0.1") <= part.filled_quantity <= Decimal("0.15") for part in clips)
    for one, following in pairwise(clips):
        assert one.done_at is not None
        assert following.sent_at is not None
        assert following.sent_at - one.done_at >= timedelta(seconds=1)
        assert one.impact_bps is not None


def test_a_market_order_is_over_at_once_and_says_what_it_is(engine: Engine) -> None:
    order = Order(symbol="BTC/USDT", side="buy", quantity="0.5")
    result = MarketExecutor(engine).execute_market(order)
    row = engine.execution(result.execution_id).status().execution

    assert result.is_complete
    assert row.algo == "market"
    assert result.started_at is not None
    assert result.finished_at is not None
    assert result.finished_at - result.started_at < timedelta(seconds=1)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"algo": "iceberg", "jitter": "10%"}, "jitter: an iceberg"),
        ({"algo": "market", "max_participation": "5%"}, "max_participation: a market order"),
        ({"clip_quantity": "1", "duration": "5m"}, "clip_quantity: only an iceberg"),
        ({}, "duration: a TWAP needs its window"),
    ],
)
def test_what_an_algorithm_does_not_have_is_refused(fields: dict[str, str], named: str) -> None:
    with pytest.raises(OrderError, match=named):
        TwapOrder.parse(symbol="BTC/USDT", side="buy", quantity="1", **fields)
