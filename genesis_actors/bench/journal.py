"""How many events a second become durable, by the size of a transaction."""

from __future__ import annotations

import asyncio
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from genesis_actors.messages.events import ChildSent
from genesis_actors.messages.persistence import Journaled, JournalFailed, WriteJournal
from genesis_actors.storage.journal import Journal
from genesis_actors.storage.migrations import migrate
from genesis_actors.values import ClientOrderId, ExecutionId

SIZES: Final = (1, 10, 100, 500)

_AT: Final = datetime(2024, 8, 8, tzinfo=UTC)
_SECONDS: Final = 2.0
_SECONDS_WHEN_QUICK: Final = 0.2


class _Nobody:
    def tell(self, message: Journaled | JournalFailed) -> None:
        """Forget it."""


def run(*, quick: bool = False) -> list[dict[str, object]]:
    """Return a row for each transaction size, measured on a real file with synchronous=FULL."""
    with tempfile.TemporaryDirectory(prefix="genesis-bench-") as directory:
        path = Path(directory) / "journal.db"
        migrate(path)
        return asyncio.run(_measure(path, _SECONDS_WHEN_QUICK if quick else _SECONDS))


async def _measure(path: Path, seconds: float) -> list[dict[str, object]]:
    journal = await Journal.open(path)
    try:
        return [await _row(journal, size, seconds) for size in SIZES]
    finally:
        await journal.close()


async def _row(journal: Journal, size: int, seconds: float) -> dict[str, object]:
    latencies: list[float] = []
    rounds = 0
    began = time.perf_counter()
    while time.perf_counter() - began < seconds:
        rounds += 1
        batch = [_write(f"bench{size}x{number}", rounds) for number in range(size)]
        asked = time.perf_counter()
        if any(await journal.write(batch)):
            raise RuntimeError("the journal has refused a benchmark's event")
        latencies.append(time.perf_counter() - asked)
    latencies.sort()
    return {
        "events_per_transaction": size,
        "durable_events_per_second": round(rounds * size / sum(latencies)),
        "commit_ms_p50": round(_quantile(latencies, 0.5) * 1e3, 3),
        "commit_ms_p99": round(_quantile(latencies, 0.99) * 1e3, 3),
    }


def _write(execution_id: str, version: int) -> WriteJournal:
    event = ChildSent(
        at=_AT, execution_id=ExecutionId(execution_id), client_order_id=ClientOrderId("c1")
    )
    return WriteJournal(event.execution_id, version, (event,), None, (), (), (), None, _Nobody())


def _quantile(ordered: list[float], share: float) -> float:
    return ordered[int(share * (len(ordered) - 1))]
