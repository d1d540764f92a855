"""The daemon as a process: how it starts, ends, is killed, and what the next one makes of what it left."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
from pathlib import Path

import pytest

from genesis_actors.storage import queries
from tests.daemon.conftest import Desktop

ORDER = ("BTC/USDT", "buy", "1", "--over", "2m")


def test_it_starts_in_the_background_and_stops(desktop: Desktop) -> None:
    started = desktop.data("daemon", "start")
    again = desktop.data("daemon", "start")
    status = desktop.data("daemon", "status")

    assert not started["was_already"]
    assert again["was_already"]
    assert status["pid"] == started["pid"] == desktop.pid
    assert status["database"] == str(desktop.database)
    assert stat.S_IMODE(desktop.socket.stat().st_mode) == 0o600
    assert stat.S_IMODE(desktop.state_dir.stat().st_mode) == 0o700
    assert stat.S_IMODE((desktop.state_dir / "daemon.log").stat().st_mode) == 0o600

    stopped = desktop.data("daemon", "stop")

    assert stopped["state"] == "stopped"
    assert not desktop.socket.exists()
    assert desktop.genesis("daemon", "status").code == 3
    assert desktop.genesis("daemon", "stop").code == 3


def test_its_log_is_json_where_that_is_set(desktop: Desktop) -> None:
    desktop.variables["GENESIS_ENGINE__LOG"] = "json"
    desktop.data("daemon", "start")
    desktop.data("daemon", "stop")
    lines = (desktop.state_dir / "daemon.log").read_text().splitlines()

    assert lines
    assert all(json.loads(line)["event"] for line in lines)


def test_all_who_start_it_at_once_get_the_same_one(desktop: Desktop) -> None:
    starts = [desktop.popen("daemon", "start", "-o", "json") for _ in range(4)]
    said = [each.communicate(timeout=120) for each in starts]
    found = [json.loads(out)["data"] for out, _ in said]

    assert {each.returncode for each in starts} == {0}, said
    assert {each["pid"] for each in found} == {desktop.pid}
    assert [each["was_already"] for each in found].count(False) == 1


def test_a_killed_daemon_leaves_nothing_in_the_way_and_the_next_one_carries_on(
    desktop: Desktop,
) -> None:
    desktop.data("daemon", "start")
    first = desktop.data("start", *ORDER, "--client-id", "desk-1")
    desktop.data("wait", "@last", "--for", "filled=0.1%", "--timeout", "30s")
    desktop.kill()

    said = desktop.genesis("ps", "-o", "json")

    assert desktop.socket.exists()
    assert said.code == 3
    assert said.error["code"] == "no_daemon"
    assert "genesis daemon start" in said.error["hint"]

    desktop.data("daemon", "start")
    (found,) = desktop.data("ps")
    again = desktop.data("start", *ORDER, "--client-id", "desk-1")
    other = desktop.genesis(
        "start", "BTC/USDT", "buy", "2", "--over", "2m", "--client-id", "desk-1"
    )

    assert found["id"] == again["id"] == first["id"]
    assert found["state"] == "RUNNING"
    assert found["ends_at"] == first["ends_at"]
    assert first["is_new"]
    assert not again["is_new"]
    assert other.code == 5
    assert "client id" in other.err


def test_each_way_to_stop_leaves_what_it_says_and_the_next_start_goes_on(desktop: Desktop) -> None:
    desktop.data("daemon", "start")
    key = desktop.data("start", *ORDER)["id"]
    paused = desktop.data("start", "ETH/USDT", "sell", "1", "--over", "2m")["id"]
    desktop.data("pause", paused)

    assert "carried on" in desktop.genesis("daemon", "stop").out
    drained = queries.execution(desktop.database, key)
    assert (drained.state, drained.reason) == ("PAUSED", "drained")
    assert not drained.working_quantity + drained.unknown_quantity

    desktop.data("daemon", "start")
    desktop.data("wait", key, "--for", "filled=0.1%", "--timeout", "30s")
    state = {view["id"]: (view["state"], view["reason"]) for view in desktop.data("ps")}
    assert state == {key: ("RUNNING", None), paused: ("PAUSED", "user")}

    desktop.data("daemon", "stop", "--mode", "abandon")
    assert queries.execution(desktop.database, key).state == "RUNNING"

    desktop.data("daemon", "start")
    desktop.data("daemon", "stop", "--mode", "cancel")
    assert {row.state for row in queries.executions(desktop.database)} == {"CANCELLED"}


def test_under_systemd_it_says_when_it_is_ready_and_is_drained_by_sigterm(
    desktop: Desktop, tmp_path: Path
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(30)
        desktop.variables["NOTIFY_SOCKET"] = str(tmp_path / "notify")
        with desktop.popen("daemon", "run") as process:
            ready = manager.recv(1000)
            key = desktop.data("start", *ORDER)["id"]
            process.send_signal(signal.SIGTERM)
            stopping = manager.recv(1000)
            _, err = process.communicate(timeout=30)

    assert b"READY=1" in ready
    assert b"STOPPING=1" in stopping
    assert process.returncode == 0
    assert "Traceback" not in err
    assert queries.execution(desktop.database, key).reason == "drained"


def test_a_second_daemon_is_refused_and_the_first_one_stays(
    desktop: Desktop, tmp_path: Path
) -> None:
    pid = desktop.data("daemon", "start")["pid"]
    same = desktop.genesis("daemon", "run")
    desktop.variables["GENESIS_ENGINE__STATE_DIR"] = str(tmp_path / "other")
    same_socket = desktop.genesis("daemon", "run", "--socket", desktop.socket)
    same_database = desktop.genesis("daemon", "start", "-o", "json")

    assert same.code == same_socket.code == same_database.code == 1
    assert f"process {pid}" in same.err
    assert "listens at" in same_socket.err
    assert "in use by another engine" in same_database.error["message"]
    assert desktop.data("daemon", "status", "--socket", desktop.socket)["pid"] == pid


@pytest.mark.parametrize("obstacle", ["file", "open directory", "long name", "no directory"])
def test_a_door_that_cannot_be_made_safely_is_not_made(
    desktop: Desktop, tmp_path: Path, obstacle: str
) -> None:
    path = tmp_path / "door" / "x.sock"
    path.parent.mkdir(mode=0o755 if obstacle == "open directory" else 0o700)
    if obstacle == "file":
        path.write_text("precious")
    if obstacle == "long name":
        path = path.with_name("x" * 120)
    if obstacle == "no directory":
        path = desktop.directory / "pyproject" / "x.sock"
        path.parent.write_text("a file")

    said = desktop.genesis("daemon", "run", "--socket", path)

    assert said.code == 1
    assert said.err.splitlines()[-1].startswith("hint: ")
    assert obstacle != "file" or path.read_text() == "precious"
    assert "chmod" not in said.err  # It may be a directory that is others' as well.


def test_what_keeps_it_from_starting_is_said_at_once(desktop: Desktop) -> None:
    said = desktop.genesis("daemon", "start", "--db", "/nowhere/at/all.db", "-o", "json")

    assert said.code == 1
    assert said.error["code"] == "daemon_failed"
    assert "/nowhere/at does not exist" in said.error["message"]
    assert not desktop.socket.exists()


def test_real_money_needs_a_word_for_it(desktop: Desktop) -> None:
    without = desktop.genesis("daemon", "run", "--live", "-o", "json")
    desktop.variables["GENESIS_ENGINE__MODE"] = "live"
    unsaid = desktop.genesis("daemon", "start", "-o", "json")
    no_venue = desktop.genesis("daemon", "start", "--live", "-o", "json")

    assert without.code == 2  # run has no -o
    assert unsaid.code == no_venue.code == 5
    assert unsaid.error["code"] == "live_not_allowed"
    assert "needs a real venue" in no_venue.error["message"]


def test_the_environment_names_the_door_too(desktop: Desktop, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    desktop.variables["GENESIS_SOCKET"] = str(elsewhere / "my.sock")

    assert desktop.data("daemon", "start")["socket"] == str(elsewhere / "my.sock")
    assert desktop.data("ps") == []
    assert stat.S_IMODE(elsewhere.stat().st_mode) == 0o700


def test_clients_find_the_door_that_the_settings_name(desktop: Desktop, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere" / "my.sock"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number = probe.getsockname()[1]
    file = tmp_path / "config" / "genesis" / "genesis.toml"
    file.parent.mkdir(parents=True)
    file.write_text(f'[control]\nsocket = "{elsewhere}"\nport = {number}\n')
    started = desktop.data("daemon", "start", "--config", file)

    def pid() -> int:
        return desktop.data("daemon", "status")["pid"]

    assert desktop.genesis("daemon", "status").code == 3
    assert desktop.data("ps", "--config", file) == []
    assert desktop.data("ps", "--socket", f"127.0.0.1:{number}") == []
    desktop.variables["GENESIS_CONFIG"] = str(file)
    assert pid() == started["pid"]
    del desktop.variables["GENESIS_CONFIG"]
    desktop.variables["XDG_CONFIG_HOME"] = str(tmp_path / "config")
    assert pid() == started["pid"]
    desktop.variables["GENESIS_SOCKET"] = f"http://localhost:{number}"
    assert pid() == started["pid"]
    assert desktop.genesis("daemon", "start").code == 2  # A port is no place for its own door.
    file.write_text("[control")
    assert desktop.genesis("ps", "-o", "json").error["code"] == "bad_settings"
    far = desktop.genesis("ps", "--socket", "192.0.2.1:80", "--config", "/dev/null")
    assert "not on this machine" in far.err
    stopped = desktop.data("daemon", "stop", "--config", "/dev/null")
    assert stopped["state"] == "stopped"


def test_a_signal_in_the_middle_of_a_drain_ends_it_at_once(desktop: Desktop) -> None:
    with desktop.popen("daemon", "run") as process:
        assert process.stderr is not None
        process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGTERM)

        assert process.wait(timeout=30) == 0


def test_the_unit_file_and_the_image_name_commands_that_exist() -> None:
    root = Path(__file__).parents[2]
    unit = (root / "deploy" / "genesis.service").read_text()
    image = (root / "deploy" / "Dockerfile").read_text()

    assert "Type=notify" in unit
    assert "genesis daemon run" in unit
    assert json.dumps(["genesis", "daemon", "run"]) in image


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd here")
def test_the_unit_file_is_one_that_systemd_understands(tmp_path: Path) -> None:
    unit = (Path(__file__).parents[2] / "deploy" / "genesis.service").read_text()
    installed = tmp_path / "genesis.service"
    installed.write_text(unit.replace("/opt/genesis/.venv/bin/genesis", "/bin/true"))
    said = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(installed)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert said.returncode == 0
    assert installed.name not in said.stderr


def test_peers_are_told_apart_from_strangers() -> None:
    from genesis_actors.control.guard import is_welcome, peer_user

    ours, theirs = socket.socketpair(socket.AF_UNIX)
    with ours, theirs:
        assert peer_user(ours) == os.geteuid()
    assert is_welcome(1000, own=1000)
    assert is_welcome(0, own=1000)
    assert is_welcome(None, own=1000)  # over TCP, where the token decides
    assert not is_welcome(1001, own=1000)
    assert not is_welcome(1001, own=0)


def test_a_stranger_is_cut_off_before_a_byte_is_read(desktop: Desktop) -> None:
    """Another user's daemon, as far as its door can tell."""
    if os.geteuid() != 0:
        pytest.skip("only root may become another user")
    desktop.data("daemon", "start")
    desktop.directory.chmod(0o755)
    program = (
        "import os, socket, sys\n"
        "connection = socket.socket(socket.AF_UNIX)\n"
        "connection.connect(sys.argv[1])\n"
        "connection.sendall(b'GET /v1/executions HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n')\n"
        "print(connection.recv(100))\n"
    )
    # As if somebody had opened the directory for everybody.
    desktop.state_dir.chmod(0o755)
    desktop.socket.chmod(0o666)
    for parent in desktop.directory.parents:
        if "pytest-" in str(parent):
            parent.chmod(parent.stat().st_mode | 0o055)
    result = subprocess.run(
        ["/usr/bin/env", "python3", "-c", program, str(desktop.socket)],
        capture_output=True,
        text=True,
        check=False,
        user=65534,
        env={"PATH": "/usr/bin:/bin:/usr/local/bin"},
        cwd="/",
    )

    assert "HTTP" not in result.stdout
    assert "200" not in result.stdout
    assert "another user" in (desktop.state_dir / "daemon.log").read_text()
