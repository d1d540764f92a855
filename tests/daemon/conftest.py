from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import ROOT, Said

SHORT = {
    "GENESIS_TWAP__MIN_DURATION": "1s",
    "GENESIS_TWAP__SLICE_INTERVAL": "500ms",
    "GENESIS_TWAP__MIN_SLICE_INTERVAL": "100ms",
    "GENESIS_TWAP__EARLY_COMPLETION_THRESHOLD": "0",
    # What is traded in two seconds must not be chance, at whatever hour and day.
    "GENESIS_VENUE__PAPER__ACTIVITY": "20",
}


@dataclass
class Desktop:
    """A user's machine: a directory to work in, a state directory, and the real command line."""

    directory: Path
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def state_dir(self) -> Path:
        return self.directory / "state"

    @property
    def socket(self) -> Path:
        return self.state_dir / "control.sock"

    @property
    def database(self) -> Path:
        return self.directory / "genesis.db"

    def popen(self, *words: object, **more: Any) -> subprocess.Popen[str]:
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith("GENESIS_")
        }
        return subprocess.Popen(
            [sys.executable, "-m", "genesis_actors", *map(str, words)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.directory,
            env={
                **kept,
                **SHORT,
                "PYTHONPATH": str(ROOT),
                "GENESIS_ENGINE__STATE_DIR": str(self.state_dir),
                **self.variables,
            },
            **more,
        )

    @contextmanager
    def running(self, *words: object) -> Generator[subprocess.Popen[str]]:
        """A command that goes on until it is ended."""
        process = self.popen(*words)
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.communicate(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()

    def genesis(self, *words: object, timeout: float = 60) -> Said:
        process = self.popen(*words)
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise
        return Said(process.returncode, out, err)

    def data(self, *words: object) -> Any:
        said = self.genesis(*words, "-o", "json")
        assert said.code == 0, said.err
        return said.data

    @property
    def pid(self) -> int:
        return int((self.state_dir / "daemon.pid").read_text() or "0")

    def kill(self) -> None:
        pid = self.pid
        os.kill(pid, signal.SIGKILL)
        # It is not our child; its lock is free when it is gone.
        from genesis_actors.control.sockets import holder_of

        while holder_of(self.state_dir / "daemon.pid") is not None:
            pass

    def clean_up(self) -> None:
        from genesis_actors.control.sockets import holder_of

        if holder_of(self.state_dir / "daemon.pid") is not None:
            self.kill()


MakeDesktop = Callable[..., Desktop]


@pytest.fixture
def desktop(tmp_path: Path) -> Iterator[Desktop]:
    made = Desktop(tmp_path)
    yield made
    made.clean_up()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desktop]:
    """A machine whose daemon runs; the tests of a module share it."""
    made = Desktop(tmp_path_factory.mktemp("served"))
    said = made.genesis("daemon", "start")
    assert said.code == 0, said.err
    yield made
    made.clean_up()
