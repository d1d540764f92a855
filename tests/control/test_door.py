"""The door under clients that are broken, slow, many or hostile: executions go on, and others are answered."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from genesis_actors import Engine, Settings, TwapHandle, TwapOrder
from genesis_actors.control.callers import Port
from genesis_actors.control.client import Client, NoDaemonError, RefusedError, TokenError
from genesis_actors.control.desk import House
from genesis_actors.control.limits import Limits
from genesis_actors.control.protocol import StopMode
from genesis_actors.control.server import Door
from genesis_actors.control.sockets import DoorError, token_in
from genesis_actors.opening import VirtualTime
from genesis_actors.places import LoopbackPort
from genesis_actors.values import ExecutionState

QUICK = Limits(
    head_seconds=0.5, body_seconds=0.3, stuck_seconds=0.5, max_connections=220, max_readers=3
)
ORDER = {
    "symbol": "BTC/USDT",
    "side": "buy",
    "quantity": "0.01",
    "duration": "2s",
    "slices": 4,
    "on_deadline": "extend",
}
LONG = {**ORDER, "quantity": "1", "duration": "5m", "slices": 30}
PAST = {"symbol": "BTC/USDT", "side": "buy", "quantity": "50", "duration": "30m", "slices": 360}


@pytest.fixture(autouse=True)
def no_actor_is_left() -> None:
    """The engine here outlives each test; it stops its actors at the end of the module."""


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A database with a past: some thousand events to be read."""
    made = Settings(
        storage={"url": str(tmp_path_factory.mktemp("door") / "genesis.db")},
        twap={
            "min_duration": "1s",
            "slice_interval": "500ms",
            "min_slice_interval": "100ms",
            "early_completion_threshold": "0",
        },
        venue={"paper": {"activity": 20}},
    )
    with Engine.start(made, virtual=VirtualTime()) as engine:
        engine.submit(TwapOrder.parse(**PAST)).wait()
    return made


@pytest.fixture(scope="module")
def engine(settings: Settings) -> Iterator[Engine]:
    with Engine.start(settings) as started:
        yield started


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state") / "control.sock"


def a_door(engine: Engine, path: Path, **more: Any) -> Door:
    house = House("paper", "paper", "genesis.db", str(path), engine.runtime.clock.now())
    stops: list[StopMode] = []
    return Door(engine, house, on_stop=stops.append, limits=QUICK, **more)


@pytest.fixture(scope="module")
def client(engine: Engine, path: Path) -> Iterator[Client]:
    door = a_door(engine, path)
    door.open()
    yield Client(path)
    door.close()


@pytest.fixture
def twap(engine: Engine) -> Iterator[TwapHandle]:
    handle = engine.submit(TwapOrder.parse(**LONG))
    yield handle
    handle.cancel()


def connected(path: Path) -> socket.socket:
    made = socket.socket(socket.AF_UNIX)
    made.settimeout(10)
    made.connect(str(path))
    return made


def said(path: Path, raw: bytes) -> bytes:
    """What comes back for these bytes, until the door closes the connection."""
    with connected(path) as connection:
        try:
            connection.sendall(raw)
            answer = b""
            while more := connection.recv(65536):
                answer += more
        except (ConnectionResetError, BrokenPipeError):
            pass
        return answer


def request(body: bytes, more: str = "") -> bytes:
    head = f"POST /v1/executions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n{more}\r\n"
    return head.encode() + body


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"\x00\xff\xfe nonsense \r\n\r\n", b"400"),
        (b"GET / HTTP/9.9\r\n\r\n", b"400"),
        (b"GET /v1/executions HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", b"400"),
        (b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 100_000 + b"\r\n\r\n", b"400"),
        (request(b"{}" + b" " * 70_000), b"413"),
        (b"POST /v1/halt HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n", b"413"),
        (b"GET /v1/nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", b"400"),
        (b"DELETE /v1/halt HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", b"405"),
    ],
)
def test_what_makes_no_sense_as_http_is_refused(
    client: Client, path: Path, raw: bytes, status: bytes
) -> None:
    answer = said(path, raw)

    assert answer.split(b" ")[1] == status if answer else len(raw) > 100_000
    if answer:
        error = json.loads(answer.partition(b"\r\n\r\n")[2])["error"]
        assert error["code"] == "usage"
        assert error["message"]
        assert error["hint"]
    assert client.get("daemon").data["state"] == "running"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"{", "no JSON"),
        (b"[" * 60_000, "no JSON"),
        (b"\xff\xfe", "no JSON"),
        (b"[1]", "not a JSON object"),
        (b'{"quantity": "1", "quantity": "2"}', "'quantity' is there more than once"),
        (b'{"symbol": NaN}', "NaN is not a number"),
        (json.dumps({**ORDER, "quantity": 0.05}).encode(), "a float is not exact"),
        (json.dumps({**ORDER, "quantity": "-1"}).encode(), "quantity"),
        (json.dumps({**ORDER, "side": "hold"}).encode(), "side"),
        (json.dumps({**ORDER, "secret": 1}).encode(), "secret"),
        (json.dumps({**ORDER, "cls": 1}).encode(), "cls"),
        (json.dumps({**ORDER, "client_id": "red \x1b[31m"}).encode(), "control characters"),
        (json.dumps({**ORDER, "\ud800": 1}).encode(), "unicode"),
        (json.dumps({"symbol": "BTC/USDT"}).encode(), "side"),
    ],
)
@pytest.mark.usefixtures("client")
def test_an_order_that_makes_no_sense_is_refused_with_the_field(
    path: Path, body: bytes, why: str
) -> None:
    head, _, answer = said(path, request(body, "Connection: close\r\n")).partition(b"\r\n\r\n")
    error = json.loads(answer)["error"]

    assert b" 400 " in head
    assert error["code"] == "usage"
    assert why in error["message"]
    assert error["hint"]


@pytest.mark.parametrize(
    ("where", "query", "why"),
    [
        ("events", {"since": "0001-01-01T00:00:00+23:59"}, "out of reach"),
        ("events", {"since": "yesterday"}, "since"),
        ("events", {"id": "\x00"}, "no execution"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(
    client: Client, where: str, query: dict[str, str], why: str
) -> None:
    with pytest.raises(RefusedError, match=why) as refused:
        list(client.stream(where, query=query))

    assert refused.value.status < 500


@pytest.mark.parametrize(
    ("reason", "kept"),
    [
        ("red \x1b[31m", "red ?[31m"),
        ("two\nlines\x00", "two lines?"),
        ("half \ud800", "half ?"),
        ("x" * 600, "x" * 497 + "..."),
        (7, "7"),
    ],
)
def test_no_reason_keeps_everything_from_being_halted(
    client: Client, reason: object, kept: str
) -> None:
    assert client.post("halt", body={"reason": reason}).data["halted"]
    assert client.get("daemon").data["halt_reason"] == kept
    client.post("unhalt")


@pytest.mark.usefixtures("client")
def test_a_client_that_sends_byte_by_byte_is_cut_off(path: Path) -> None:
    began = time.monotonic()
    with connected(path) as slow:
        # Each byte comes in time; the head as a whole does not.
        for byte in b"GET /v1/executions HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 1000:
            try:
                slow.sendall(bytes([byte]))
            except (BrokenPipeError, ConnectionResetError):
                break
            slow.settimeout(0.02)
            try:
                if not slow.recv(10):
                    break
            except TimeoutError:
                continue
            except ConnectionResetError:
                break

    assert time.monotonic() - began < 10


@pytest.mark.usefixtures("client")
def test_a_body_that_does_not_come_is_not_waited_for(path: Path) -> None:
    raw = b"POST /v1/halt HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{"
    answer = said(path, raw)

    assert b" 408 " in answer
    assert b"not complete" in answer


def test_clients_that_vanish_within_a_body_are_no_error(
    client: Client, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(10):
        with connected(path) as connection:
            connection.sendall(b"POST /v1/halt HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{")
            time.sleep(0.02)
    deadline = time.monotonic() + 30
    while client.get("daemon").data["connections"] > 1:
        assert time.monotonic() < deadline
        time.sleep(0.05)

    assert "request_failed" not in caplog.text


def test_who_takes_real_money_for_paper_is_refused(path: Path, client: Client) -> None:
    del client
    mistaken = Client(path, mode="live")
    with pytest.raises(RefusedError, match="this daemon's mode is paper, not live"):
        mistaken.post("halt")
    assert not Client(path, mode="paper").get("daemon").data["halted"]


def test_fewer_slices_than_are_asked_for_are_told(client: Client) -> None:
    order = {**LONG, "slices": 1_000, "duration": "30s", "quantity": "5"}
    started = client.post("executions", body=order).data
    client.post("executions", started["id"], "cancel")

    (warning,) = started["warnings"]
    assert warning.startswith(f"{started['slices_total']} slices instead of the 1000 asked for")


def test_200_clients_that_say_nothing_disturb_nobody(
    client: Client, path: Path, engine: Engine
) -> None:
    with ExitStack() as open_ones:
        idle = [open_ones.enter_context(connected(path)) for _ in range(200)]
        for number, each in enumerate(idle):
            if number % 2:
                each.sendall(b"GET /v1/exec")
        twap = client.post("executions", body=ORDER).data
        began = time.monotonic()
        listed = client.get("executions").data
        took = time.monotonic() - began
        done = engine.wait_until(twap["id"], lambda row: row.finished_at is not None, 30)

        assert done.execution.state == ExecutionState.COMPLETED, done.slices
        assert twap["id"] in {view["id"] for view in listed}
        assert took < 2
        # None of them is kept for longer than a head may take.
        for each in idle:
            assert each.recv(1000)[:12] in {b"", b"HTTP/1.0 408"}


def test_too_many_connections_make_the_oldest_idle_one_go(client: Client, path: Path) -> None:
    with ExitStack() as open_ones:
        idle = [open_ones.enter_context(connected(path)) for _ in range(230)]

        assert client.get("daemon").data["connections"] <= 220
        assert idle[0].recv(10) == b""


def test_requests_without_end_on_one_connection_are_cut_off(client: Client, path: Path) -> None:
    one = b"GET /v1/executions HTTP/1.1\r\nHost: x\r\n\r\n"
    with connected(path) as flood:
        flood.settimeout(2)
        with pytest.raises((BrokenPipeError, ConnectionResetError, TimeoutError)):
            flood.sendall(one * 1_000_000)

    assert client.get("daemon").data["state"] == "running"


def no_reader_is_left(client: Client) -> None:
    """Wait until the door has seen the last one go."""
    began = time.monotonic()
    while client.get("daemon").data["event_readers"]:
        assert time.monotonic() - began < 10


def test_a_reader_that_is_stuck_is_cut_off_while_executions_go_on(
    client: Client, path: Path, engine: Engine
) -> None:
    twap = client.post("executions", body=ORDER).data
    with connected(path) as stuck:
        stuck.sendall(b"GET /v1/events?since=0&follow=1 HTTP/1.1\r\nHost: x\r\n\r\n")
        no_reader_is_left(client)
        done = engine.wait_until(twap["id"], lambda row: row.finished_at is not None, 30)

    assert done.execution.state == ExecutionState.COMPLETED


def test_a_reader_gets_everything_in_order_from_any_place(client: Client) -> None:
    everything = list(client.stream("events", query={"since": 0}))
    numbers = [event["sequence"] for event in everything]
    place = numbers[len(numbers) // 2]
    later = list(client.stream("events", query={"since": place}))

    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) > 1500
    assert later == [event for event in everything if event["sequence"] > place]


def test_progress_is_the_newest_of_each_execution(client: Client, twap: TwapHandle) -> None:
    query = {"follow": 1, "quiet": 1, "progress": 1, "id": twap.execution_id}
    stream = client.stream("events", query=query)
    first = next(stream)
    client.post("executions", twap.execution_id, "pause")
    paused = next(told for told in stream if told["data"]["state"] == "PAUSED")
    stream.close()

    assert first["priority"] == paused["priority"] == "NORMAL"
    assert first["data"]["state"] == "RUNNING"
    assert paused["data"]["reason"] == "user"


def test_more_readers_than_there_may_be_are_refused(client: Client, twap: TwapHandle) -> None:
    no_reader_is_left(client)
    query = {"follow": 1, "progress": 1, "id": twap.execution_id}
    streams = [client.stream("events", query=query) for _ in range(3)]
    for stream in streams:
        next(stream)
    with pytest.raises(RefusedError) as caught:
        next(client.stream("events"))
    for stream in streams:
        stream.close()

    assert caught.value.code == "too_many_readers"


@pytest.mark.usefixtures("client")
def test_a_flood_of_commands_for_one_execution_is_refused_as_busy_or_answered(
    path: Path, twap: TwapHandle
) -> None:
    where = f"/v1/executions/{twap.execution_id}/pause"
    raw = f"POST {where} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
    with ExitStack() as open_ones:
        many = [open_ones.enter_context(connected(path)) for _ in range(50)]
        for each in many:
            each.sendall(raw)
        statuses = {each.recv(65536).split(b" ")[1] for each in many}

    assert statuses <= {b"200", b"409"}
    assert b"200" in statuses
    assert twap.status().execution.state == ExecutionState.PAUSED


def test_a_port_of_this_machine_wants_the_token_and_no_stranger(
    engine: Engine, tmp_path: Path
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number = probe.getsockname()[1]
    token_file = tmp_path / "token"
    token = token_in(token_file)
    door = a_door(engine, tmp_path / "x.sock", port=Port(number, token))
    door.open()

    def status(**headers: str) -> bytes:
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        raw = f"GET /v1/executions HTTP/1.1\r\n{lines}Connection: close\r\n\r\n"
        with socket.create_connection(("127.0.0.1", number), 10) as connection:
            connection.sendall(raw.encode(errors="surrogateescape"))
            return connection.recv(65536).split(b" ")[1]

    here, bearer = f"127.0.0.1:{number}", f"Bearer {token}"
    try:
        assert status(Host=here, Authorization=bearer) == b"200"
        assert status(Host=here) == b"401"
        assert status(Host=here, Authorization=token) == b"401"
        assert status(Host=here, Authorization=f"Basic {token}") == b"401"
        assert status(Host=here, Authorization="Bearer wrong") == b"401"
        assert status(Host=here, Authorization="Bearer \udcff\udcfe") == b"401"
        assert status(Host="evil.example", Authorization=bearer) == b"403"
        assert status(Host=here, Authorization=bearer, Origin="https://evil.example") == b"403"
        assert status(Host=here, Authorization=bearer, Origin=f"http://{here}") == b"200"
        assert Client(tmp_path / "x.sock").get("executions").mode == "paper"
        assert Client(LoopbackPort(number, token_file)).get("executions").mode == "paper"
        with pytest.raises(TokenError):
            Client(LoopbackPort(number, tmp_path / "none")).get("executions")
        (tmp_path / "other").write_text("not the token")
        with pytest.raises(RefusedError, match="missing or wrong"):
            Client(LoopbackPort(number, tmp_path / "other")).get("executions")
    finally:
        door.close()
    assert token_in(token_file) == token
    assert token_file.stat().st_mode & 0o777 == 0o600
    token_file.chmod(0o644)
    with pytest.raises(DoorError, match="others may read"):
        token_in(token_file)
    with pytest.raises(NoDaemonError):
        Client(tmp_path / "x.sock").get("executions")


def test_a_door_is_not_opened_where_another_one_is(
    engine: Engine, client: Client, path: Path
) -> None:
    with pytest.raises(DoorError, match="listens at"):
        a_door(engine, path).open()

    assert client.get("daemon").data["state"] == "running"


# --- Metrics ---


@pytest.mark.usefixtures("client")
def test_metrics_are_told_on_the_socket(path: Path) -> None:
    answer = said(path, b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").decode()

    assert answer.startswith("HTTP/1.1 200 OK")
    assert "text/plain; version=" in answer
    assert 'genesis_executions{state="COMPLETED"} ' in answer


def test_a_port_for_metrics_tells_nothing_else(engine: Engine, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        number = free.getsockname()[1]
    door = a_door(engine, tmp_path / "metrics.sock", metrics_port=number)
    door.open()

    def status(request: str, host: str = "127.0.0.1") -> str:
        with socket.create_connection(("127.0.0.1", number), 10) as connection:
            head = f"{request} HTTP/1.1\r\nHost: {host}:{number}\r\nConnection: close\r\n\r\n"
            connection.sendall(head.encode())
            return connection.recv(65536).decode().split()[1]

    try:
        assert status("GET /metrics") == "200"
        assert status("GET /v1/executions") == "403"
        assert status("POST /metrics") == "403"
        assert status("GET /metrics", "example.org") == "403"
    finally:
        door.close()
