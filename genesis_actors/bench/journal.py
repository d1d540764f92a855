"""How long a writer waits until its events are durable, and how many a second become so.

Measured through the persistence actor on threads, on a real file with synchronous=FULL.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from genesis_actors.actors.persistence import PersistenceActor
from genesis_actors.messages.base import Address
from genesis_actors.messages.events import ChildSent
from genesis_actors.messages.persistence import Journaled, JournalFailed, WriteJournal
from genesis_actors.runtime.system import Runtime
from genesis_actors.storage.migrations import migrate
from genesis_actors.values import ClientOrderId, ExecutionId

RATES: Final = (170, 500)
"""Events a second: of 1,000 executions of ten minutes in the mean, and when all of them hurry."""

BURSTS: Final = (10, 100, 500, 5_000)
"""Events at once, each of another execution."""

_AT: Final = datetime(2024, 8, 8, tzinfo=UTC)
_SECONDS: Final = 10.0
_SECONDS_WHEN_QUICK: Final = 1.0
_PATIENCE_SECONDS: Final = 60.0


class _Counted:
    """Keeps how long each answer took, and says when all have come."""

    def __init__(self, expected: int) -> None:
        self.seconds: list[float] = []
        self.done = threading.Event()
        self._expected = expected
        self._error: str | None = None

    def asked(self) -> Address[Journaled | JournalFailed]:
        return _Asked(time.perf_counter(), self.answered)

    def answered(self, seconds: float, error: str | None) -> None:
        """Count one answer; only the persistence actor's thread comes here."""
        self.seconds.append(seconds)
        self._error = error or self._error
        if len(self.seconds) == self._expected:
            self.done.set()

    def wait(self) -> None:
        if not self.done.wait(_PATIENCE_SECONDS) or self._error is not None:
            raise RuntimeError(f"the journal has not kept all events of a benchmark: {self._error}")


class _Asked:
    """Where one write's answer goes."""

    def __init__(self, at: float, answered: Callable[[float, str | None], None]) -> None:
        self._at = at
        self._answered = answered

    def tell(self, message: Journaled | JournalFailed) -> None:
        error = message.error if isinstance(message, JournalFailed) else None
        self._answered(time.perf_counter() - self._at, error)


def run(*, quick: bool = False) -> list[dict[str, object]]:
    """Return a row for each rate, then one for each burst."""
    seconds = _SECONDS_WHEN_QUICK if quick else _SECONDS
    with tempfile.TemporaryDirectory(prefix="genesis-bench-") as directory:
        path = Path(directory) / "journal.db"
        migrate(path)
        with Runtime.system() as runtime:
            actor = PersistenceActor.start(runtime, path)
            rows = [_paced(actor, rate, seconds) for rate in RATES]
            return rows + [_burst(actor, size, seconds / 5) for size in BURSTS]


def _paced(actor: Address[WriteJournal], rate: int, seconds: float) -> dict[str, object]:
    events = int(rate * seconds)
    counted = _Counted(events)
    began = time.perf_counter()
    for number in range(events):
        pause = began + number / rate - time.perf_counter()
        if pause > 0:
            time.sleep(pause)
        actor.tell(_write(f"paced{rate}x{number}", 1, counted))
    counted.wait()
    return _row(f"{rate} events/s", counted.seconds, time.perf_counter() - began)


def _burst(actor: Address[WriteJournal], size: int, seconds: float) -> dict[str, object]:
    answers: list[float] = []
    version = 0
    began = time.perf_counter()
    while time.perf_counter() - began < seconds:
        version += 1
        counted = _Counted(size)
        for number in range(size):
            actor.tell(_write(f"burst{size}x{number}", version, counted))
        counted.wait()
        answers += counted.seconds
    return _row(f"bursts of {size}", answers, time.perf_counter() - began)


def _write(execution_id: str, version: int, counted: _Counted) -> WriteJournal:
    event = ChildSent(
        at=_AT, execution_id=ExecutionId(execution_id), client_order_id=ClientOrderId("c1")
    )
    asked = counted.asked()
    return WriteJournal(event.execution_id, version, (event,), None, (), (), (), None, asked)


def _row(load: str, seconds: list[float], elapsed: float) -> dict[str, object]:
    ordered = sorted(seconds)
    return {
        "load": load,
        "durable_events_per_second": round(len(seconds) / elapsed),
        "ask_to_durable_ms_p50": round(_quantile(ordered, 0.5) * 1e3, 3),
        "ask_to_durable_ms_p99": round(_quantile(ordered, 0.99) * 1e3, 3),
    }


def _quantile(ordered: list[float], share: float) -> float:
    return ordered[int(share * (len(ordered) - 1))]
