"""A few of the kills that `make soak` goes on with for hours: real processes, real disks, `kill -9`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.mark.parametrize("script", ["kill_acknowledged.py", "kill_soak.py"])
def test_what_a_killed_process_leaves_is_whole(script: str) -> None:
    done = subprocess.run(
        [sys.executable, SCRIPTS / script, "--kills", "3"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 problems" in done.stdout
