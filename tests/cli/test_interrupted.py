"""Runs that do not reach their end: Ctrl-C, SIGTERM, kill -9 - and the same command again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from genesis_actors.cli import foreground
from genesis_actors.engine import Engine, TwapHandle
from genesis_actors.messages.control import ExecutionStatus
from tests.cli.conftest import Command, process_environment, start_process
from tests.cli.recordings import RecordingFiles, write_recording

ORDER = ("run", "BTC/USDT", "buy", "5", "--over", "5m", "--client-id", "again")


def _start(recording: RecordingFiles, *, lines: int) -> subprocess.Popen[str]:
    """Start a run that takes some ten seconds, and return once it has written so many lines."""
    order = (*ORDER, *recording.with_depth, "--speed", "30", "--db", "run.db", "-o", "json")
    process = start_process(*order)
    assert process.stderr is not None
    for _ in range(lines):
        line = process.stderr.readline()
        assert line.startswith("23:"), line
    return process


def test_ctrl_c_pauses_durably_and_the_same_command_goes_on(
    recording: RecordingFiles, command: Command
) -> None:
    with _start(recording, lines=4) as process:
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)

    assert process.returncode == 130, err
    paused = json.loads(out)["data"]
    assert (paused["state"], paused["reason"]) == ("PAUSED", "interrupted")
    assert paused["working_quantity"] == paused["unknown_quantity"] == "0"
    assert "is paused durably" in err
    assert "Traceback" not in err
    (shown,) = command("ps", "--db", "run.db", "-o", "json").data
    assert (shown["id"], shown["state"]) == (paused["id"], "PAUSED")

    resumed = command(
        *ORDER, *recording.with_depth, "--speed", "max", "--db", "run.db", "-o", "json"
    )

    assert resumed.code == 0
    assert resumed.data["id"] == paused["id"]
    assert (resumed.data["state"], resumed.data["filled_quantity"]) == ("COMPLETED", "5")
    assert resumed.data["fills"][: len(paused["fills"])] == paused["fills"]
    # No time passes between the pause and the resumption, so nothing has changed.
    straight = command(
        *ORDER, *recording.with_depth, "--speed", "max", "--db", "other.db", "-ojson"
    )
    for name in ("twap_benchmark", "vwap_benchmark", "participation_rate", "finished_at"):
        assert resumed.data[name] == straight.data[name]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_of_the_start_is_one_line(
    number: signal.Signals, tmp_path: Path, command: Command
) -> None:
    pipe = tmp_path / "trades.csv"
    os.mkfifo(pipe)  # Reading it takes as long as we like.
    order = (*ORDER, "--venue", "replay", "--trades", pipe, "--book", pipe, "-o", "json")
    with start_process(*order) as process, pipe.open("w"):
        process.send_signal(number)
        out, err = process.communicate(timeout=30)

    assert process.returncode == 130
    assert json.loads(out)["error"]["code"] == "interrupted"
    assert err == "interrupted before there was a result\n"
    assert command("show", "@last", "--db", "genesis.db").code == 1


def test_signals_are_heard_before_anything_that_takes_time_is_loaded() -> None:
    loaded = subprocess.run(
        [sys.executable, "-c", "import sys, genesis_actors.cli.entry; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
        env=process_environment(),
    ).stdout.split()

    assert {name for name in loaded if name.startswith("genesis_actors")} == {
        "genesis_actors",
        "genesis_actors.cli",
        "genesis_actors.cli.entry",
        "genesis_actors.cli.invocation",
        "genesis_actors.cli.signals",
    }
    assert not {"click", "dataclasses", "decimal", "json"}.intersection(loaded)


def test_a_termination_is_taken_as_ctrl_c_is(recording: RecordingFiles) -> None:
    with _start(recording, lines=3) as process:
        process.terminate()
        out, err = process.communicate(timeout=30)

    assert process.returncode == 130, err
    assert json.loads(out)["data"]["state"] == "PAUSED"


def test_a_killed_run_goes_on_as_if_nothing_had_happened(
    recording: RecordingFiles, command: Command
) -> None:
    with _start(recording, lines=4) as process:
        process.kill()
        process.communicate(timeout=30)

    assert process.returncode == -signal.SIGKILL
    (left,) = command("ps", "--db", "run.db", "-o", "json").data
    assert left["state"] == "RUNNING"

    order = (*ORDER, *recording.with_depth, "--speed", "max", "-o", "json")
    resumed = command(*order, "--db", "run.db")
    straight = command(*order, "--db", "other.db")

    assert resumed.code == 0
    assert resumed.data == straight.data
    assert command("db", "check", "--db", "run.db", "-o", "json").data["problems"] == []


def test_a_run_is_not_carried_on_in_another_market(
    recording: RecordingFiles, command: Command, tmp_path: Path
) -> None:
    with _start(recording, lines=4) as process:
        process.kill()
        process.communicate(timeout=30)
    before = command("show", "@last", "--db", "run.db", "-o", "json").data
    (tmp_path / "other").mkdir()
    other = write_recording(tmp_path / "other", seed=8)
    common = ("--speed", "max", "--db", "run.db", "-o", "json")
    refused = {
        "other trades, book, depth, start": other.with_depth,
        "other depth": recording.options,
        "other start": [*recording.with_depth, "--start-at", "2024-08-08T23:35:00Z"],
    }

    for what, market in refused.items():
        said = command(*ORDER, *market, *common)
        assert (said.code, said.error["code"]) == (5, "client_id_conflict"), what
        assert f"({what})" in said.error["message"]
    assert command("show", "@last", "--db", "run.db", "-o", "json").data == before
    assert command(*ORDER, *recording.with_depth, *common).code == 0
    # A finished one has been worked in its market, too.
    said = command(*ORDER, *other.with_depth, *common)
    assert (said.code, said.error["code"]) == (5, "client_id_conflict")
    assert command(*ORDER, *recording.with_depth, *common).code == 0


def test_without_a_client_id_nothing_is_taken_up(
    recording: RecordingFiles, command: Command
) -> None:
    with _start(recording, lines=2) as process:
        process.kill()
        process.communicate(timeout=30)
    anew = ("run", "BTC/USDT", "buy", "5", "--over", "5m", *recording.options, "--speed", "max")
    said = command(*anew, "--db", "run.db", "-o", "json")

    states = [each["state"] for each in command("ps", "-a", "--db", "run.db", "-o", "json").data]
    assert said.code == 0
    assert sorted(states) == ["COMPLETED", "RUNNING"]


@pytest.mark.parametrize("key", [(), ("--client-id", "again")])
def test_an_interrupted_run_says_how_to_go_on(
    key: tuple[str, ...],
    recording: RecordingFiles,
    command: Command,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Engine, "wait_until", interrupt)
    order = (*ORDER[:6], *key, *recording.options, "--speed", "max")
    said = command(*order, "-o", "json")

    assert said.code == 130
    assert said.data["state"] == "PAUSED"
    wanted = "resume it with the same command" if key else "give --client-id next time"
    assert wanted in said.err


def test_an_interruption_after_the_end_changes_nothing(
    recording: RecordingFiles, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait_until = Engine.wait_until

    def wait_and_interrupt(engine: Engine, *arguments: Any) -> None:
        wait_until(engine, *arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(Engine, "wait_until", wait_and_interrupt)
    said = command(*ORDER, *recording.options, "--speed", "max", "-o", "json")

    assert said.code == 0
    assert said.data["state"] == "COMPLETED"


def test_an_order_without_an_outcome_ends_the_run_and_is_told(
    recording: RecordingFiles, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing_left(*_: object) -> None:
        raise TimeoutError("no reply, and nothing left to do")

    status = TwapHandle.status

    def with_an_unknown_child(handle: TwapHandle) -> ExecutionStatus:
        known = status(handle)
        return replace(known, execution=replace(known.execution, unknown_quantity=Decimal(1)))

    monkeypatch.setattr(Engine, "wait_until", nothing_left)
    monkeypatch.setattr(TwapHandle, "status", with_an_unknown_child)
    monkeypatch.setattr(foreground, "_check_stored", lambda *_: None)  # It never was so.
    said = command(*ORDER, *recording.options, "--speed", "max")

    assert said.code == 7
    assert "1 BTC working or unknown" in said.out
    assert "an order has no known outcome" in said.err


def test_two_engines_never_share_a_database(recording: RecordingFiles, command: Command) -> None:
    with _start(recording, lines=1) as process:
        said = command(*ORDER, *recording.options, "--db", "run.db", "-o", "json")
        process.kill()
        process.communicate(timeout=30)

    assert said.code == 1
    assert said.error["code"] == "database_in_use"
    assert str(process.pid) in said.error["message"]
    assert Path("run.db").exists()
