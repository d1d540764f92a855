"""What a view asks the door for: plans, prices, an execution's terms and events, and what has ended."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from genesis_actors import Engine, Settings, TwapOrder
from genesis_actors.control.client import Client, RefusedError
from genesis_actors.control.desk import House
from genesis_actors.control.prices import Prices
from genesis_actors.control.server import Door
from genesis_actors.values import parse_time

ORDER = {"symbol": "BTC/USDT", "side": "buy", "quantity": "2", "duration": "10m"}


@pytest.fixture(autouse=True)
def no_actor_is_left() -> None:
    """The engine here outlives each test; it stops its actors at the end of the module."""


@pytest.fixture(scope="module")
def prices() -> Prices:
    return Prices()


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory, prices: Prices) -> Iterator[Engine]:
    url = str(tmp_path_factory.mktemp("looking") / "genesis.db")
    with Engine.start(Settings.load(storage={"url": url}), market_tap=prices) as started:
        yield started


@pytest.fixture(scope="module")
def client(
    engine: Engine, prices: Prices, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Client]:
    path = Path(tmp_path_factory.mktemp("state") / "control.sock")
    house = House("paper", "paper", "genesis.db", str(path), engine.runtime.clock.now())
    door = Door(engine, house, on_stop=lambda _: None, prices=prices)
    door.open()
    yield Client(path)
    door.close()


def test_a_plan_starts_nothing_and_is_the_one_that_its_seed_starts(client: Client) -> None:
    plan = client.post("plan", body={**ORDER, "jitter": "20%"}).data
    assert client.get("executions").data == []
    body = {**ORDER, "jitter": "20%", "seed": plan["seed"], "client_id": "planned"}
    key = client.post("executions", body=body).data["id"]
    slices = client.get("executions", key, "slices").data

    assert plan["slices_total"] == 20
    assert [s["planned_quantity"] for s in slices] == [s["quantity"] for s in plan["slices"]]
    assert Decimal(plan["sweep_cost_bps"]) >= Decimal(plan["estimated_cost_bps"]) > 0
    client.post("executions", key, "cancel")


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"symbol": "NO/SUCH"}, 409, "unknown_symbol"),
        ({"duration": "2h"}, 409, "window_out_of_bounds"),
        ({"quantity": "0"}, 400, "usage"),
        ({"algo": "market"}, 400, "usage"),
        ({"algo": "iceberg", "clips": 900}, 409, "window_out_of_bounds"),
    ],
)
def test_what_would_be_refused_is_refused_to_be_planned(
    client: Client, changes: dict[str, Any], status: int, code: str
) -> None:
    for where in ("plan", "executions"):
        with pytest.raises(RefusedError) as caught:
            client.post(where, body={**ORDER, **changes})
        assert (caught.value.status, caught.value.code) == (status, code)


def test_the_market_is_told_from_where_a_client_has_it(client: Client, engine: Engine) -> None:
    handle = engine.submit(TwapOrder.parse(**ORDER))
    told = client.get("market", query={"symbol": "btc/usdt"}).data
    times = [parse_time(at) for at, _, _ in told["points"]]
    again = client.get("market", query={"symbol": "BTC/USDT", "since": told["points"][-2][0]}).data

    assert Decimal(told["bid"]) < Decimal(told["ask"])
    assert times == sorted(set(times))
    assert len(times) > 100  # The minutes before the first order are there, too.
    assert again["points"][0][0] == told["points"][-2][0]
    assert client.get("market", query={"symbol": "ETH/USDT"}).data["points"] == []
    for query in ({"symbol": "nonsense"}, {"symbol": "BTC/USDT", "since": "yesterday"}):
        with pytest.raises(RefusedError, match=r"no symbol|Invalid isoformat"):
            client.get("market", query=query)
    handle.cancel()


def test_terms_follow_amendments_and_the_last_events_are_told(
    client: Client, engine: Engine
) -> None:
    order = {**ORDER, "limit_price": "99000", "max_slippage_bps": "30", "style": "auto"}
    handle = engine.submit(TwapOrder.parse(**order))
    first = client.get("executions", handle.execution_id, "journal").data
    handle.amend(limit="off", max_participation="5%")
    second = client.get("executions", handle.execution_id, "journal", query={"last": 1}).data

    assert first["terms"] == {
        "limit_price": "99000",
        "target_price": None,
        "max_participation": "0.10",
        "max_slippage_bps": "30",
        "early_completion_threshold": "0.002",
        "on_deadline": "leave",
        "style": "auto",
        "amended": 0,
    }
    assert [event["type"] for event in first["events"]][:2] == ["TwapAccepted", "TwapStarted"]
    assert second["terms"]["limit_price"] is None
    assert second["terms"]["max_participation"] == "0.05"
    assert second["terms"]["amended"] == 1
    assert len(second["events"]) == 1
    with pytest.raises(RefusedError, match="whole number"):
        client.get("executions", handle.execution_id, "journal", query={"last": "many"})
    handle.cancel()


def test_only_so_many_of_those_that_ended_are_listed(client: Client, engine: Engine) -> None:
    ended = [engine.submit(TwapOrder.parse(**ORDER)) for _ in range(3)]
    for handle in ended:
        handle.cancel()
    handle = engine.submit(TwapOrder.parse(**ORDER))
    listed = client.get("executions", query={"ended": 2}).data

    assert [x["id"] for x in listed] == [
        handle.execution_id,
        ended[2].execution_id,
        ended[1].execution_id,
    ]
    assert [x["id"] for x in client.get("executions").data] == [handle.execution_id]
    handle.cancel()
