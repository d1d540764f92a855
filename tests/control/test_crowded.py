"""The door when many want something of it at once, or something is slow: what must get in gets in."""

from __future__ import annotations

import asyncio
import gc
import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from genesis_actors import Engine, Settings, TwapOrder
from genesis_actors.control.client import Client, RefusedError
from genesis_actors.control.desk import House
from genesis_actors.control.limits import Limits
from genesis_actors.control.server import Door
from genesis_actors.control.sharing import Shared
from genesis_actors.storage import queries

ORDER = {"symbol": "BTC/USDT", "side": "buy", "quantity": "1", "duration": "5m", "slices": 30}
OPEN = 60


@pytest.fixture(autouse=True)
def no_actor_is_left() -> None:
    """The engine here outlives each test; it stops its actors at the end of the module."""


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    settings = Settings(storage={"url": str(tmp_path_factory.mktemp("door") / "genesis.db")})
    with Engine.start(settings) as started:
        for _ in range(OPEN):
            started.submit(TwapOrder.parse(**ORDER))
        yield started


@contextmanager
def opened(engine: Engine, path: Path, limits: Limits | None = None) -> Iterator[Door]:
    house = House("paper", "paper", "genesis.db", str(path), engine.runtime.clock.now())
    door = Door(engine, house, on_stop=lambda _mode: None, limits=limits)
    door.open()
    try:
        yield door
    finally:
        door.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "control.sock"


def an_open_one(engine: Engine) -> str:
    return engine.executions()[-1].execution_id


def asks(path: Path, words: str) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(60)
    connection.connect(str(path))
    connection.sendall(f"{words} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    return connection


def eventually_busy(client: Client, connections: int) -> None:
    deadline = time.monotonic() + 30
    while client.get("daemon").data["connections"] <= connections:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_whoever_comes_first_is_shown_all_that_is_open(engine: Engine, path: Path) -> None:
    for _ in range(5):
        with opened(engine, path):
            assert len(Client(path).get("executions").data) >= OPEN


def test_commands_do_not_wait_for_lists(
    engine: Engine, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    released, read = threading.Event(), queries.executions_with_plans

    def read_slowly(*asked: Any, **more: Any) -> Any:
        released.wait(60)
        return read(*asked, **more)

    monkeypatch.setattr(queries, "executions_with_plans", read_slowly)
    with opened(engine, path), ThreadPoolExecutor(20) as crowd:
        lists = [crowd.submit(Client(path).get, "executions", query={"all": 1}) for _ in range(20)]
        client = Client(path)
        eventually_busy(client, 20)
        halted = client.post("halt")
        lifted = client.post("unhalt")
        started = client.post("executions", body={**ORDER, "client_id": "crowded"})
        shown = client.get("executions", "@last")
        cancelled = client.post("executions", started.data["id"], "cancel")
        assert not any(each.done() for each in lists)
        released.set()

        assert halted.data["halted"]
        assert not lifted.data["halted"]
        assert shown.data["id"] == started.data["id"]
        assert cancelled.data["state"] == "CANCELLED"
        for each in lists:
            assert started.data["id"] in {view["id"] for view in each.result(60).data}


def test_work_is_done_once_for_all_who_wait_and_never_with_what_was_before_they_asked() -> None:
    async def play() -> list[int]:
        begun, may_end = 0, asyncio.Event()

        async def work() -> int:
            nonlocal begun
            begun += 1
            mine = begun
            await may_end.wait()
            if mine == 2:
                raise ValueError("the second one fails")
            return mine

        shared = Shared(work)
        first = asyncio.create_task(shared.get())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        later = [asyncio.create_task(shared.get()) for _ in range(10)]
        await asyncio.sleep(0)
        later[0].cancel()
        may_end.set()
        assert await first == 1
        found = await asyncio.gather(*later, return_exceptions=True)
        assert isinstance(found[0], asyncio.CancelledError)
        assert {type(each) for each in found[1:]} == {ValueError}
        assert await shared.get() == 3
        assert shared.is_idle
        return [begun]

    assert asyncio.run(play()) == [3]


def test_a_halt_gets_in_however_many_others_are_being_answered(engine: Engine, path: Path) -> None:
    client, wait = Client(path), f"GET /v1/executions/{an_open_one(engine)}/wait?timeout=60"
    with opened(engine, path, Limits(max_connections=8)), ExitStack() as crowd:

        def ask_until_all_are_busy() -> None:
            # One that is not busy yet gives way to the next: until all are, more are needed.
            for _ in range(1000):
                crowd.enter_context(asks(path, wait))
                client.get("executions")

        with pytest.raises(RefusedError) as refused:
            ask_until_all_are_busy()

        assert refused.value.code == "too_many_clients"
        assert client.post("halt").data["halted"]
        assert not client.post("unhalt").data["halted"]
        assert client.get("daemon").data["state"] == "running"


def test_where_too_many_wait_the_others_are_told_when_to_ask_again(
    engine: Engine, path: Path
) -> None:
    key = an_open_one(engine)
    wait = f"GET /v1/executions/{key}/wait?timeout=60"
    with opened(engine, path, Limits(max_waiting=2)), ExitStack() as crowd:
        for _ in range(2):
            crowd.enter_context(asks(path, wait))
        client = Client(path)
        eventually_busy(client, 2)
        surplus = client.get("executions", key, "wait", query={"timeout": "60"}).data

    assert not surplus["settled"]
    assert surplus["ask_again_seconds"] == 1


def test_whoever_waits_or_follows_is_told_how_it_is_when_the_door_is_closed(
    engine: Engine, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with opened(engine, path):
        waiting = asks(path, f"GET /v1/executions/{an_open_one(engine)}/wait?timeout=60")
        start = Client(path).get("daemon").data["last_sequence"]
        events = Client(path).stream("events", query={"follow": 1, "since": start})
        twap = engine.submit(TwapOrder.parse(**ORDER))
        first = next(events)
        twap.cancel()
    told = list(events)
    answer = b""
    with waiting:
        while more := waiting.recv(65536):
            answer += more

    numbers = [event["sequence"] for event in (first, *told)]
    assert numbers == list(range(start + 1, start + 1 + len(numbers)))
    assert "TwapEnded" in {e["type"] for e in told if e["execution_id"] == twap.execution_id}
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["data"]["settled"] is False
    gc.collect()
    assert "destroyed" not in caplog.text


def test_a_socket_that_is_removed_is_made_anew_and_anothers_is_left(
    engine: Engine, path: Path
) -> None:
    with opened(engine, path):
        path.unlink()
        deadline = time.monotonic() + 30
        while not path.exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert Client(path).get("daemon").data["state"] == "running"
        path.unlink()
        path.write_text("precious")

    assert path.read_text() == "precious"
