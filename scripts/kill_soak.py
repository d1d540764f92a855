"""Kills a real `genesis run` process over and over, and checks what it leaves on disk each time.

`python scripts/kill_soak.py [--kills 200]`. A run that is killed is carried on by the same command, until it ends.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from decimal import Decimal
from pathlib import Path

from genesis_actors.storage import queries
from genesis_actors.storage.checks import check_database
from genesis_actors.storage.database import Database, found_revision

RUN = (sys.executable, "-m", "genesis_actors", "run", "BTC/USDT", "buy", "5", "--over", "5m")
SPEED = "20"
LONGEST_LIFE = 6.0  # seconds, of which the first one or two are spent on starting


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    draw = random.Random(asked.seed)
    kills = orders = 0
    with tempfile.TemporaryDirectory(prefix="genesis-kill-") as name:
        database = Path(name) / "killed.db"
        while kills < asked.kills:
            orders += 1
            while kills < asked.kills and live(database, orders, draw.uniform(0.2, LONGEST_LIFE)):
                kills += 1
                problems = found_in(database)
                if problems:
                    print(f"after kill {kills}:", *problems, sep="\n  ")
                    return 1
                if kills % 10 == 0:
                    print(f"{kills} kills, {orders} orders", flush=True)
            finish(database, orders)
        problems = found_in(database)
    print(*problems, f"{kills} kills, {orders} orders, {len(problems)} problems", sep="\n")
    return 1 if problems else 0


def how(order: int) -> tuple[str, ...]:
    """Work every other order as an iceberg."""
    return () if order % 2 else ("--algo", "iceberg", "--clips", "30")


def live(database: Path, order: int, seconds: float) -> bool:
    """Run for so long at most. Return whether it had to be killed."""
    process = subprocess.Popen(  # noqa: S603 - our own command
        [
            *RUN,
            *how(order),
            "--client-id",
            f"order-{order}",
            "--db",
            str(database),
            "--speed",
            SPEED,
            "--quiet",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    time.sleep(seconds)
    process.kill()
    return process.wait() < 0


def finish(database: Path, order: int) -> None:
    """Let the order come to its end, and hold what is told of it against the table of fills."""
    arguments = [
        *how(order),
        "--client-id",
        f"order-{order}",
        "--db",
        str(database),
        "--speed",
        "max",
    ]
    done = subprocess.run(  # noqa: S603 - our own command
        [*RUN, *arguments, "--quiet", "-o", "json"], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"order {order} ended with {done.returncode}: {done.stderr}")
    told = json.loads(done.stdout)["data"]
    recorded = sum((fill.quantity for fill in queries.trades(database, told["id"])), Decimal(0))
    if Decimal(told["filled_quantity"]) != recorded:
        raise RuntimeError(f"order {order} tells {told['filled_quantity']}, has {recorded}")


def found_in(database: Path) -> list[str]:
    """Return what is wrong with the database, or with what it says was sent."""
    if not database.exists() or not database.stat().st_size:
        return []
    try:
        if Database.of(database).read(found_revision) is None:
            return []  # It died before its first migration was through, which the next one begins again.
        problems = list(check_database(database).problems)
        executions = queries.executions(database)
    except Exception as error:  # noqa: BLE001 - it is the finding
        return [f"{type(error).__name__}: {error}"]
    for row in executions:
        fills = queries.trades(database, row.execution_id)
        if sum((fill.quantity for fill in fills), Decimal(0)) > row.quantity:
            problems.append(f"{row.execution_id} has traded more than was ordered")
        twice = [trade for trade, count in Counter(f.trade_id for f in fills).items() if count > 1]
        problems += [f"trade {trade} is recorded twice" for trade in twice]
    return problems


if __name__ == "__main__":
    sys.exit(main())
