from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog
from click.testing import CliRunner

from genesis_actors.cli.main import genesis
from tests.cli.recordings import RecordingFiles, write_recording

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Said:
    """What a command wrote, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def data(self) -> Any:
        return self.json["data"]

    @property
    def error(self) -> dict[str, str]:
        return self.json["error"]


Command = Callable[..., Said]


@pytest.fixture(autouse=True)
def _as_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Run where no settings of this machine reach, and leave the log as it was."""
    for name in [name for name in os.environ if name.startswith("GENESIS_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    yield
    structlog.reset_defaults()


@pytest.fixture
def command() -> Command:
    """A command of `genesis`, run in this process."""

    def run(*arguments: object) -> Said:
        result = CliRunner().invoke(genesis, [str(each) for each in arguments])
        assert isinstance(result.exception, SystemExit | None), result.exception
        return Said(result.exit_code, result.stdout, result.stderr)

    return run


@pytest.fixture(scope="session")
def recording(tmp_path_factory: pytest.TempPathFactory) -> RecordingFiles:
    return write_recording(tmp_path_factory.mktemp("recording"))


def process_environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "default"}


def start_process(
    *arguments: object, stdout: int = subprocess.PIPE, stderr: int = subprocess.PIPE
) -> subprocess.Popen[str]:
    """Start `python -m genesis_actors` as a user would."""
    return subprocess.Popen(
        [sys.executable, "-m", "genesis_actors", *map(str, arguments)],
        stdout=stdout,
        stderr=stderr,
        text=True,
        env=process_environment(),
    )


def run_process(*arguments: object, stdout: int = subprocess.PIPE) -> Said:
    with start_process(*arguments, stdout=stdout) as process:
        out, err = process.communicate(timeout=60)
    return Said(process.returncode, out or "", err)
