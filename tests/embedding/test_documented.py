"""Every program in docs/embedding.md prints what the page says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.cli.conftest import ROOT

PROGRAMS = re.findall(
    r"```python\n(.*?)```\n\n```text\n(.*?)```", (ROOT / "docs/embedding.md").read_text(), re.DOTALL
)
QUICK = {
    "GENESIS_TWAP__MIN_DURATION": "1s",
    "GENESIS_TWAP__MIN_SLICE_INTERVAL": "10ms",
    "GENESIS_TWAP__SLICE_INTERVAL": "300ms",
    "GENESIS_VENUE__PAPER__ACTIVITY": "20",
}


def test_the_page_has_a_program_for_every_chapter_about_one() -> None:
    assert len(PROGRAMS) == 5


def test_every_program_prints_what_the_page_says(tmp_path: Path) -> None:
    for program, printed in PROGRAMS:
        # Real time is made short; virtual time is short as it is.
        quick = program if "VirtualTime()" in program else program.replace('"5m"', '"3s"')
        variables = {} if "VirtualTime()" in program else QUICK
        result = subprocess.run(
            [sys.executable, "-W", "error", "-c", quick],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            env={"PATH": os.defpath, "PYTHONPATH": str(ROOT), **variables},
            timeout=60,
        )

        assert result.stdout == printed
        assert result.stderr == ""
