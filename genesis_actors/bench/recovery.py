"""How long an engine needs after a crash until it may send again, by the number of open executions.

A simulated venue has its own ledger in our database; to read that back is counted by itself.
"""

from __future__ import annotations

import sqlite3
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Final

from genesis_actors.engine import Engine
from genesis_actors.opening import VirtualTime
from genesis_actors.orders import TwapOrder
from genesis_actors.recovery import Continuity
from genesis_actors.runtime.simulation import DeterministicRuntime
from genesis_actors.settings import Settings

COUNTS: Final = (1_000, 10_000)
SLICES: Final = 60
_WINDOW: Final = timedelta(minutes=30)
_CRASH_AFTER: Final = timedelta(minutes=14, seconds=10)
"""When half of an execution is done, and half of the events between two snapshots have come after the last one."""

_LATER: Final = """aggregate_version = 1
    OR aggregate_version > (SELECT aggregate_version FROM snapshots WHERE execution_id = :original)"""
_COPIED: Final = (
    ("twap_executions", "execution_id", "1"),
    ("twap_slice_history", "execution_id", "1"),
    ("orders", "execution_id", "1"),
    ("fills", "execution_id", "1"),
    ("snapshots", "execution_id", "1"),
    ("events", "aggregate_id", f"({_LATER})"),
)
_RENUMBERED: Final = {
    "sequence_number": "sequence_number + 1000 * k",
    "event_id": "event_id || k",
    "trade_id": "trade_id || '-' || k",
    # Kept as they are: numbers, which `replace` would make texts.
    **{
        name: name
        for name in (
            "aggregate_version",
            "client_id",
            "early_completion",
            "engine_epoch",
            "seed",
            "slice_number",
            "slices_done",
            "slices_total",
            "total_slices",
        )
    },
}


def run(*, quick: bool = False) -> list[dict[str, object]]:
    """Crash in the middle of so many executions of 60 slices, and take them over."""
    with tempfile.TemporaryDirectory(prefix="genesis-bench-") as directory:
        path = Path(directory) / "recovery.db"
        _crash(path)
        rows: list[dict[str, object]] = []
        present = 1
        for count in COUNTS[:1] if quick else COUNTS:
            _multiply(path, present, count)
            rows.append(_measure(path, count))
            present = count
        return rows


def _measure(path: Path, count: int) -> dict[str, object]:
    began, cpu = time.perf_counter(), time.process_time()
    store = Continuity.open(str(path), mode="paper", venue="paper", seed=None)
    try:
        executions = store.recover(lambda order: True)  # noqa: ARG005
        folded = time.perf_counter()
        now = store.last_instant(executions)
        if len(executions) != count or now is None:
            raise RuntimeError(f"{len(executions)} of {count} executions have been recovered")
        past = store.past(executions, now=now)
        store.statuses(past.executions)
        store.client_orders()
        ready = time.perf_counter()
        cpu = time.process_time() - cpu
        fills = store.past_fills()
        restored = time.perf_counter()
    finally:
        store.close()
    return {
        "open_executions": count,
        "slices_each": SLICES,
        "fills": len(fills),
        "folded_seconds": round(folded - began, 3),
        "ready_seconds": round(ready - began, 3),
        "ready_cpu_seconds": round(cpu, 3),
        "simulated_ledger_seconds": round(restored - ready, 3),
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
        runtime = engine.runtime
        if not isinstance(runtime, DeterministicRuntime):
            raise TypeError("virtual time has a deterministic runtime")
        runtime.run_until(lambda: False, deadline=runtime.clock.now() + _CRASH_AFTER)
    finally:
        engine.abandon()


def _multiply(path: Path, first: int, count: int) -> None:
    """Copy the database's first execution `first` to `count` - 1, so that there are `count`.

    Of the events that are in the snapshot only the first is copied: recovery reads no other.
    """
    connection = sqlite3.connect(path)
    with connection:
        (original,) = connection.execute("SELECT min(execution_id) FROM snapshots").fetchone()
        for table, key, which in _COPIED:
            columns = [name for _, name, *_ in connection.execute(f"PRAGMA table_info({table})")]
            values = ", ".join(
                _RENUMBERED.get(name, f"replace({name}, :original, printf('%013d', k))")
                for name in columns
            )
            connection.execute(
                f"WITH RECURSIVE numbers(k) AS"  # noqa: S608 - nobody else's words
                f" (SELECT :first UNION ALL SELECT k + 1 FROM numbers WHERE k + 1 < :count)"
                f" INSERT INTO {table} SELECT {values} FROM {table}, numbers"
                f" WHERE {key} = :original AND {which} ORDER BY k",
                {"original": original, "first": first, "count": count},
            )
    connection.close()
