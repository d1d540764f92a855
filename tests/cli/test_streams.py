"""Standard streams that are closed, or take nothing: the order is worked, and what cannot be said is dropped."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Command, Said, process_environment
from tests.cli.recordings import RecordingFiles

ORDER = ("run", "BTC/USDT", "buy", "5", "--over", "5m", "--speed", "max", "--db", "run.db")


def run_with(redirections: str, *arguments: object) -> Said:
    """Run `genesis` from a shell that redirects its streams."""
    done = subprocess.run(
        ["sh", "-c", f'exec "$0" -m genesis_actors "$@" {redirections}', sys.executable]
        + [str(each) for each in arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=process_environment(),
    )
    return Said(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("closed", ["2>&-", "2>&- <&-"])
def test_without_stderr_an_order_is_worked_and_its_result_is_on_stdout(
    closed: str, recording: RecordingFiles, command: Command
) -> None:
    said = run_with(closed, *ORDER, *recording.options, "-o", "json")

    assert (said.code, said.err) == (0, "")
    assert said.data["state"] == "COMPLETED"
    assert command("db", "check", "--db", "run.db", "-o", "json").data["problems"] == []


@pytest.mark.parametrize("form", ["json", "table", "csv", "ndjson"])
def test_without_stdout_an_order_is_worked_and_its_lost_result_is_an_error(
    form: str, recording: RecordingFiles, command: Command
) -> None:
    said = run_with(">&-", *ORDER, *recording.options, "-q", "-o", form)

    assert said.code == 1
    assert said.err.startswith("error: the result cannot be written to stdout: it is closed\n")
    assert command("show", "@last", "--db", "run.db", "-o", "json").data["state"] == "COMPLETED"


def test_without_any_stream_an_order_is_worked(recording: RecordingFiles, command: Command) -> None:
    said = run_with("<&- >&- 2>&-", *ORDER, *recording.options, "-o", "json")

    assert said == Said(1, "", "")
    assert command("show", "@last", "--db", "run.db", "-o", "json").data["state"] == "COMPLETED"


@pytest.mark.parametrize(
    "broken",
    [
        ">&-",
        "2>&-",
        pytest.param(
            ">/dev/full 2>/dev/full",
            marks=pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a full device"),
        ),
    ],
)
def test_an_error_that_cannot_be_written_keeps_its_exit_code(broken: str) -> None:
    said = run_with(broken, "ps", "-o", "json")

    assert said.code == 3
    assert "Traceback" not in said.err
    if broken == "2>&-":
        assert json.loads(said.out)["error"]["code"] == "no_daemon"


def test_help_that_nobody_gets_is_an_error() -> None:
    said = run_with(">&-", "--help")

    assert said.code == 1
    assert said.err.startswith("error: the result cannot be written to stdout: it is closed\n")
