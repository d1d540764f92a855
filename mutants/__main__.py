"""Plants each bug in a copy of the package and lets the simulator look for it: `python -m mutants`."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from mutants.planted import MUTANTS, Mutant

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "genesis_actors"
SEEDS, EXECUTIONS, MINUTES = 200, 5, 5

# A bug that only breaks off is found by nobody's promise: what it names has gone from the code.
_DOES_NOT_FIT = ("AttributeError: ", "ImportError: ", "NameError: ", "TypeError: ")

_HUNT = f"""
import sys
from decimal import Decimal
from genesis_actors.simulation.run import Plan, simulate
for seed in range(1, int(sys.argv[1]) + 1):
    try:
        violations = simulate(Plan(seed, {EXECUTIONS}, Decimal({MINUTES}))).violations
    except Exception as error:
        violations = [f"the simulation broke off: {{type(error).__name__}}: {{error}}"]
    if violations:
        print(seed, violations[0])
        break
"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m mutants", description=__doc__)
    parser.add_argument("names", nargs="*", help="these alone")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--verbose", action="store_true", help="say by what each was caught")
    asked = parser.parse_args()
    planted = [mutant for mutant in MUTANTS if not asked.names or mutant.name in asked.names]
    caught = 0
    with ThreadPoolExecutor(asked.jobs) as executor:
        hunts = {executor.submit(hunt, mutant, asked.seeds): mutant for mutant in planted}
        for done in as_completed(hunts):
            mutant, said = hunts[done], done.result()
            seeds, _, what = said.partition(" ")
            if said:
                caught += 1
                print(f"{mutant.name} caught after {seeds} seeds", flush=True)
            else:
                print(
                    f"{mutant.name} NOT caught after {asked.seeds} seeds: {mutant.why}", flush=True
                )
            if said and asked.verbose:
                print(f"    {what}", flush=True)
    print(f"caught {caught} / planted {len(planted)}")
    return 0 if caught == len(planted) else 1


def hunt(mutant: Mutant, seeds: int) -> str:
    """Return how many seeds it took and what was found, nothing where it was not caught.

    RuntimeError for a bug that cannot be hunted, as it does not fit the code.
    """
    with tempfile.TemporaryDirectory(prefix="genesis-mutant-") as name:
        plant(mutant, Path(name))
        done = subprocess.run(  # noqa: S603 - our own code
            [sys.executable, "-c", _HUNT, str(seeds)],
            cwd=name,
            env={**os.environ, "PYTHONPATH": name},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise RuntimeError(f"{mutant.name} could not be hunted: {done.stderr}")
    said = done.stdout.strip()
    if any(error in said for error in _DOES_NOT_FIT):
        raise RuntimeError(f"{mutant.name} fits the code no longer, plant it anew: {said}")
    return said


def plant(mutant: Mutant, where: Path) -> None:
    """Copy the package and change the copy; RuntimeError where a change does not fit exactly once."""
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PACKAGE, where / PACKAGE.name, ignore=ignore)
    shutil.copytree(ROOT / "alembic", where / "alembic", ignore=ignore)
    for change in mutant.changes:
        path = where / PACKAGE.name / change.file
        text = path.read_text(encoding="utf-8")
        if text.count(change.old) != 1:
            raise RuntimeError(
                f"{mutant.name} fits {text.count(change.old)} times into {change.file}: plant it anew"
            )
        path.write_text(text.replace(change.old, change.new), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
