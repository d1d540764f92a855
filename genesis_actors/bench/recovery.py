"""How long an engine needs after a crash until it may send again, by the number of open executions."""

from __future__ import annotations

import sqlite3
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Final

from genesis_actors.domain.client_ids import id_text
from genesis_actors.engine import Engine
from genesis_actors.opening import VirtualTime
from genesis_actors.orders import TwapOrder
from genesis_actors.recovery import Continuity
from genesis_actors.settings import Settings

COUNTS: Final = (1_000, 10_000)
SLICES: Final = 60
_WINDOW: Final = timedelta(minutes=30)
_CRASH_AFTER: Final = timedelta(minutes=15, seconds=20)
_ID_CHARACTERS: Final = 13


def run(*, quick: bool = False) -> list[dict[str, object]]:
    """Crash in the middle of so many executions of 60 slices, and take them over."""
    with tempfile.TemporaryDirectory(prefix="genesis-bench-") as directory:
        path = Path(directory) / "recovery.db"
        _crash(path)
        rows: list[dict[str, object]] = []
        for count in COUNTS[:1] if quick else COUNTS:
            _multiply(path, count)
            rows.append(_measure(path, count))
        return rows


def _measure(path: Path, count: int) -> dict[str, object]:
    began, cpu = time.perf_counter(), time.process_time()
    store = Continuity.open(str(path), mode="paper", venue="paper", seed=None)
    try:
        executions = store.recover(lambda order: True)  # noqa: ARG005
        recovered = time.perf_counter()
        now = store.last_instant(executions)
        store.statuses(executions)
        store.client_orders()
        fills = store.past_fills()
        ready = time.perf_counter()
    finally:
        store.close()
    if len(executions) != count or now is None:
        raise RuntimeError(f"{len(executions)} of {count} executions have been recovered")
    return {
        "open_executions": count,
        "slices_each": SLICES,
        "fills": len(fills),
        "folded_seconds": round(recovered - began, 3),
        "ready_seconds": round(ready - began, 3),
        "cpu_seconds": round(time.process_time() - cpu, 3),
    }


def _crash(path: Path) -> None:
    """Leave one execution as a crash in its middle leaves it."""
    settings = Settings.load(None, storage={"url": str(path)}, venue={"kind": "paper"})
    engine = Engine.start(settings, virtual=VirtualTime())
    try:
        order = TwapOrder.parse(
            symbol="BTC/USDT", side="buy", quantity="0.6", duration=_WINDOW, slices=SLICES
        )
        engine.submit(order)
        clock = engine.runtime.clock
        engine.runtime.wait_until(clock.now() + _CRASH_AFTER)
    finally:
        engine.abandon()


def _multiply(path: Path, count: int) -> None:
    """Give the database `count` executions like its first one, in all that recovery reads.

    Of the events that the snapshot contains only the first is repeated: the others would only fill the disk.
    """
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.create_function("copied", 2, _Copier(connection).copied)
        present = connection.execute("SELECT count(*) FROM twap_executions").fetchone()[0]
        for number in range(present, count):
            _copy(connection, number)
    connection.close()
