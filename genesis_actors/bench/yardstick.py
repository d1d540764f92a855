"""How fast this machine is just now: figures of two machines, or of two hours, compare only by it.

Shared machines are twice as slow in one hour as in another, and their disks vary more than that.
"""

from __future__ import annotations

import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Final

OBJECTS: Final = 50_000
COMMITS: Final = 50
ROUNDS: Final = 3


@dataclass(slots=True)
class _Lot:
    number: int
    quantity: Decimal


def measure() -> dict[str, object]:
    """Return `python_ms`, the CPU time of always the same plain Python, and `commit_ms`, until a row is on the disk.

    Both are in milliseconds; the first is the best of three, the second the median of fifty.
    """
    return {
        "python_ms": round(1000 * min(_python_seconds() for _ in range(ROUNDS)), 1),
        "commit_ms": round(1000 * statistics.median(_commit_seconds()), 3),
    }


def _python_seconds() -> float:
    """Make objects, then come back to them in no order, as an engine does to its executions."""
    order = list(range(OBJECTS))
    random.Random(1).shuffle(order)
    began = time.process_time()
    lots = {number: _Lot(number, Decimal(number) / 100) for number in range(OBJECTS)}
    total = Decimal(0)
    for number in order:
        lot = lots[number]
        total += lot.quantity
        lot.number += len(str(lot.quantity))
    return time.process_time() - began


def _commit_seconds() -> Iterator[float]:
    with (
        tempfile.TemporaryDirectory(prefix="genesis-bench-") as folder,
        closing(sqlite3.connect(Path(folder) / "yardstick.db")) as connection,
    ):
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("CREATE TABLE lots (number INTEGER PRIMARY KEY)")
        for number in range(COMMITS):
            began = time.perf_counter()
            with connection:
                connection.execute("INSERT INTO lots VALUES (?)", (number,))
            yield time.perf_counter() - began
