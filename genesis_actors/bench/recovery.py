"""How long an engine needs after a crash until it may send again.

Once by the number of open executions, each in its middle: the database is opened, and every one is folded from its
snapshot and the events since, with what risk and budgets must know of the trades so far. And once with ten open
executions, by how much lies finished in the same database, whole and with client ids: that has to be found past.
`ready_seconds` ends where the trading actors are started; `memory_mb` is what the process has grown by until then. A
simulated venue has its own ledger in our database; to read that back is counted by itself.
"""

from __future__ import annotations

import sqlite3
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from genesis_actors.bench.runtime import resident_bytes_without_garbage
from genesis_actors.engine import Engine
from genesis_actors.opening import PAPER_EPOCH, VirtualTime
from genesis_actors.orders import TwapOrder
from genesis_actors.recovery import Continuity
from genesis_actors.runtime.simulation import DeterministicRuntime
from genesis_actors.settings import Settings

COUNTS: Final = (1_000, 10_000)
SLICES: Final = 60
FINISHED: Final = (1, 8_000)
"""So many lie finished: a million events of the larger number."""
FEW: Final = 10
_WINDOW: Final = timedelta(minutes=30)
_CRASH_AFTER: Final = timedelta(minutes=14, seconds=10)
"""When half of an execution is done, and half of the events between two snapshots have come after the last one."""
_LATER: Final = timedelta(days=2)
_BEYOND: Final = 1_000_000_000
"""More than all numbers of copied events."""

_NEEDED: Final = """aggregate_version = 1
    OR aggregate_version > (SELECT aggregate_version FROM snapshots WHERE execution_id = :original)"""
_COPIED: Final = {
    "twap_executions": "execution_id",
    "twap_slice_history": "execution_id",
    "orders": "execution_id",
    "fills": "execution_id",
    "snapshots": "execution_id",
    "execution_reports": "execution_id",
    "arrival_depths": "execution_id",
    "events": "aggregate_id",
}
_RENUMBERED: Final = {
    "sequence_number": "sequence_number + 1000 * k",
    "event_id": "event_id || k",
    "trade_id": "trade_id || '-' || k",
    "client_id": "client_id || '-' || k",
    # Kept as they are: numbers, which `replace` would make texts.
    **{
        name: name
        for name in (
            "aggregate_version",
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
    """Crash in the middle of some executions, and take them over."""
    with tempfile.TemporaryDirectory(prefix="genesis-bench-") as directory:
        many, few = Path(directory) / "many.db", Path(directory) / "few.db"
        # First, while no freed memory lies about that it could be given.
        rows = _measure_growth(few, 400 if quick else FINISHED[-1])
        few.unlink()
        _crash(many, 1, PAPER_EPOCH)
        present = 1
        for count in COUNTS[:1] if quick else COUNTS:
            _multiply(many, _first_execution(many), present, count, which=_NEEDED)
            rows.append(_measure_open(many, count))
            present = count
        return rows


def _measure_growth(path: Path, most: int) -> list[dict[str, object]]:
    _finish(path)
    finished = _first_execution(path)
    _crash(path, FEW, PAPER_EPOCH + _LATER)
    with sqlite3.connect(path) as connection:
        # What is open came after all that is finished.
        connection.execute(
            "UPDATE events SET sequence_number = sequence_number + ? WHERE created_at >= ?",
            (_BEYOND, f"{PAPER_EPOCH + _LATER:%Y-%m-%d}"),
        )
    connection.close()
    rows: list[dict[str, object]] = []
    for present, count in ((1, FINISHED[0]), (FINISHED[0], most)):
        _multiply(path, finished, present, count)
        with sqlite3.connect(path) as connection:
            (events,) = connection.execute("SELECT count(*) FROM events").fetchone()
        connection.close()
        before = resident_bytes_without_garbage()
        rows.append(
            {
                "finished_executions": count,
                "events": events,
                "open_executions": FEW,
                **_measure(path, FEW, before),
            }
        )
    return rows


def _measure_open(path: Path, count: int) -> dict[str, object]:
    measured = _measure(path, count, resident_bytes_without_garbage())
    return {"open_executions": count, "slices_each": SLICES, **measured}


def _measure(path: Path, count: int, resident: int) -> dict[str, object]:
    began, cpu = time.perf_counter(), time.process_time()
    store = Continuity.open(str(path), mode="paper", venue="paper", seed=None)
    try:
        stock = store.look(lambda order: True)  # noqa: ARG005
        if len(stock.executions) != count or stock.last_instant is None:
            raise RuntimeError(f"{len(stock.executions)} of {count} executions were recovered")
        past = stock.past(stock.last_instant)
        store.statuses(past.executions)
        ready = time.perf_counter()
        cpu = time.process_time() - cpu
        grown = resident_bytes_without_garbage() - resident
        began_ledger = time.perf_counter()
        fills = store.past_fills()
        restored = time.perf_counter()
    finally:
        store.close()
    return {
        "fills": len(fills),
        "ready_seconds": round(ready - began, 3),
        "ready_cpu_seconds": round(cpu, 3),
        "memory_mb": round(grown / 1e6, 1),
        "simulated_ledger_seconds": round(restored - began_ledger, 3),
    }


def _finish(path: Path) -> None:
    """Leave one execution that is over: 20 slices in 10 minutes."""
    engine = _engine(path, PAPER_EPOCH)
    try:
        order = TwapOrder.parse(
            symbol="BTC/USDT",
            side="buy",
            quantity="0.2",
            duration=timedelta(minutes=10),
            slices=20,
            client_id="finished",
        )
        engine.submit(order).wait()
    finally:
        engine.stop()


def _crash(path: Path, count: int, at: datetime) -> None:
    """Leave so many executions as a crash in their middle leaves them."""
    engine = _engine(path, at)
    try:
        order = TwapOrder.parse(
            symbol="BTC/USDT",
            side="buy",
            quantity="0.6",
            duration=_WINDOW,
            slices=SLICES,
            early_completion="0",
        )
        for _ in range(count):
            engine.submit(order)
        runtime = engine.runtime
        if not isinstance(runtime, DeterministicRuntime):
            raise TypeError("virtual time has a deterministic runtime")
        runtime.run_until(lambda: False, deadline=runtime.clock.now() + _CRASH_AFTER)
    finally:
        engine.abandon()


def _engine(path: Path, at: datetime) -> Engine:
    settings = Settings.load(None, storage={"url": str(path)}, venue={"kind": "paper"})
    return Engine.start(settings, virtual=VirtualTime(start_at=at))


def _first_execution(path: Path) -> str:
    with sqlite3.connect(path) as connection:
        (found,) = connection.execute("SELECT min(execution_id) FROM snapshots").fetchone()
    connection.close()
    return found


def _multiply(path: Path, original: str, first: int, count: int, *, which: str = "1") -> None:
    """Copy an execution `first` to `count` - 1, so that there are `count`; of its events `which`."""
    connection = sqlite3.connect(path)
    with connection:
        for table, key in _COPIED.items():
            columns = [name for _, name, *_ in connection.execute(f"PRAGMA table_info({table})")]
            values = ", ".join(
                _RENUMBERED.get(name, f"replace({name}, :original, printf('%013d', k))")
                for name in columns
            )
            connection.execute(
                f"WITH RECURSIVE numbers(k) AS"  # noqa: S608 - nobody else's words
                f" (SELECT :first WHERE :first < :count UNION ALL SELECT k + 1 FROM numbers WHERE k + 1 < :count)"
                f" INSERT INTO {table} SELECT {values} FROM {table}, numbers"
                f" WHERE {key} = :original AND ({which if table == 'events' else '1'}) ORDER BY k",
                {"original": original, "first": first, "count": count},
            )
    connection.close()
