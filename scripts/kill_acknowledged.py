"""Kills an engine in the very moment in which it has acknowledged something, and looks whether that is durable.

`python scripts/kill_acknowledged.py [--kills 100]`. Each life is a process of its own on threads and real time: it
takes up what the one before has left, submits, pauses, resumes, halts or lifts a halt, and ends by `kill -9` at the
acknowledgement.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from genesis_actors import Engine, Settings, TwapOrder
from genesis_actors.engine import TwapHandle
from genesis_actors.offline import halt_state
from genesis_actors.storage import queries
from genesis_actors.storage.checks import check_database
from genesis_actors.values import ExecutionId, ExecutionState

DEEDS = ("submit", "pause", "resume", "halt", "unhalt", "cancel")
QUICK = {"min_duration": "5s", "slice_interval": "500ms", "min_slice_interval": "100ms"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--live", nargs=2, metavar=("DATABASE", "DEED"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.live:
        live(*asked.live)
    draw = random.Random(asked.seed)
    problems: list[str] = []
    with tempfile.TemporaryDirectory(prefix="genesis-kill-") as name:
        database = Path(name) / "killed.db"
        for number in range(asked.kills):
            deed = "submit" if not number else draw.choice(DEEDS)
            problems += kill(database, deed)
            if problems:
                break
    print(*problems, f"{number + 1} kills, {len(problems)} problems", sep="\n")
    return 1 if problems else 0


def kill(database: Path, deed: str) -> list[str]:
    """Let a process do `deed` and die of its acknowledgement. Return what of it is not durable."""
    process = subprocess.run(  # noqa: S603 - ourselves
        [sys.executable, __file__, "--live", str(database), deed],
        capture_output=True,
        text=True,
        check=False,
    )
    if process.returncode != -signal.SIGKILL:
        return [f"{deed}: it ended with {process.returncode}: {process.stderr}"]
    problems = list(check_database(database).problems)
    if deed in {"halt", "unhalt"}:
        if (halt_state(database).halted_at is not None) is not (deed == "halt"):
            problems.append(f"{deed} was acknowledged, and is not durable")
        return problems
    execution_id = process.stdout.strip()
    wanted = {"pause": {"PAUSED"}, "cancel": {"CANCELLED"}}.get(deed)
    state = queries.execution(database, execution_id).state
    # A slice that had gone as far as it could may have finished it before the command came.
    if wanted is not None and state not in {*wanted, "COMPLETED", "INCOMPLETE"}:
        problems.append(f"{deed} of {execution_id} was acknowledged, but it is {state}")
    return problems


def live(database: str, deed: str) -> None:
    """Take up what there is, do the deed, say of which execution, and die."""
    settings = Settings(storage={"url": database}, twap=QUICK)  # pyright: ignore[reportArgumentType]
    engine = Engine.start(settings)
    opened = [
        row.execution_id
        for row in queries.executions(database)
        if not ExecutionState(row.state).is_final
    ]
    twap = TwapHandle(engine, ExecutionId(opened[0])) if opened else _submitted(engine)
    match deed:
        case "submit":
            twap = _submitted(engine)
        case "pause":
            twap.pause()
        case "resume":
            if twap.status().execution.state == ExecutionState.PAUSED:
                twap.resume()
        case "cancel":
            twap.cancel()
        case "halt":
            engine.halt("a drill")
        case _:
            engine.unhalt()
    os.write(1, twap.execution_id.encode())
    os.kill(os.getpid(), signal.SIGKILL)


def _submitted(engine: Engine) -> TwapHandle:
    engine.unhalt()  # While all is halted no order is taken.
    return engine.submit(_order())


def _order() -> TwapOrder:
    return TwapOrder.parse(symbol="BTC/USDT", side="buy", quantity="0.05", duration="30s")


if __name__ == "__main__":
    sys.exit(main())
