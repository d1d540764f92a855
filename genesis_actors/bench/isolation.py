"""One execution in the worst of trouble beside a thousand others: how late the others' slices are because of it.

Each trouble has a process of its own, with executions as in the scenario `concurrency`, and is planted in subclasses of
what the engine is handed. On the paper venue, whose calls cannot hang, the venue never answers for the one execution.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, Final, TypeAlias

from genesis_actors.actors import supervisor
from genesis_actors.actors.persistence import PersistenceActor
from genesis_actors.actors.slicer import SlicerActor
from genesis_actors.bench.concurrency import (
    INTERVAL,
    SETTLING_SECONDS,
    Due,
    Row,
    WatchedVenue,
    an_order,
    due_slices,
    held_by_cap,
    in_a_process,
    quantiles,
    unlimited,
)
from genesis_actors.engine import Engine
from genesis_actors.handles import TwapHandle
from genesis_actors.messages.slicer import SlicerMessage
from genesis_actors.messages.supervisor import PauseExecution, ResumeExecution
from genesis_actors.runtime.interpreter import have_short_pauses
from genesis_actors.steady import utc_now
from genesis_actors.storage.batch import Write
from genesis_actors.storage.journal import Failure
from genesis_actors.values import ClientOrderId, ExecutionId

TROUBLES: Final = ("none", "no answers", "raising slicer", "flood", "journal stall")
EXECUTIONS: Final = 1_000
EXECUTIONS_WHEN_QUICK: Final = 200
SECONDS: Final = 60.0
SECONDS_WHEN_QUICK: Final = 35.0
COMMANDS: Final = 100_000
STALL: Final = timedelta(seconds=5)
NEVER: Final = timedelta(days=1)
AFTERWARDS_SECONDS: Final = 10

Span: TypeAlias = tuple[datetime, datetime]


@dataclass
class _Victim:
    """The one execution that is in trouble, once there is one."""

    execution_id: ExecutionId | None = None


class _Venue(WatchedVenue):
    """What the victim's orders ask of it takes for ever. All others arrive at once: lateness is ours alone."""

    def __init__(self, deaf_to: _Victim) -> None:
        super().__init__()
        self._deaf_to = deaf_to

    def latency(self, client_order_id: ClientOrderId) -> timedelta:
        victim = self._deaf_to.execution_id
        return NEVER if victim is not None and victim in client_order_id else timedelta(0)


class _Persistence(PersistenceActor):
    """Its disk stands still once, when it is told to."""

    is_to_stall: ClassVar = threading.Event()
    stalled: ClassVar = list[Span]()

    def _write(self, batch: Sequence[Write]) -> Sequence[Failure | None]:
        if self.is_to_stall.is_set():
            self.is_to_stall.clear()
            began = utc_now()
            time.sleep(STALL.total_seconds())
            self.stalled.append((began, utc_now()))
        return super()._write(batch)


class _Slicer(SlicerActor):
    """The victim's fails of whatever it is told."""

    victim: ClassVar = _Victim()

    def _handle(self, message: SlicerMessage) -> None:
        if self._execution.execution_id == self.victim.execution_id:
            raise RuntimeError("always")
        super()._handle(message)


@dataclass
class _Flood:
    """Commands without a pause, from a thread that waits for nothing."""

    engine: Engine
    twap: TwapHandle
    answers: int = 0
    is_answered: threading.Event = field(default_factory=threading.Event)

    def tell(self, message: object) -> None:
        del message
        self.answers += 1
        if self.answers == COMMANDS:
            self.is_answered.set()

    def pour(self) -> Span:
        began = utc_now()
        for number in range(COMMANDS):
            kind = (PauseExecution, ResumeExecution)[number % 2]
            self.engine.door.tell(kind(execution_id=self.twap.execution_id, reply_to=self))
        self.is_answered.wait()
        return began, utc_now()


def run(*, quick: bool = False) -> list[Row]:
    """Return a row for each trouble, the undisturbed run first; about nine minutes, seven when quick."""
    executions = EXECUTIONS_WHEN_QUICK if quick else EXECUTIONS
    seconds = SECONDS_WHEN_QUICK if quick else SECONDS
    rows = [in_a_process(__name__, trouble, executions, seconds) for trouble in TROUBLES]
    return [_compared(row, rows[0]) for row in rows]


def _compared(row: Row, undisturbed: Row) -> Row:
    """Put behind it how many times the undisturbed p99 the others have: all along, and while the trouble lasted."""
    base = _p99(undisturbed["slice_lateness_ms"])
    return {
        **row,
        "p99_ratio": round(_p99(row["slice_lateness_ms"]) / base, 2),
        "p99_ratio_meanwhile": round(_p99(row["lateness_meanwhile_ms"]) / base, 2),
    }


def _p99(lateness: Any) -> float:  # noqa: ANN401 - as JSON has it
    return lateness["p99"] or 0.0


def measure(trouble: str, executions: int, seconds: float) -> Row:
    """Return the row of one trouble."""
    with tempfile.TemporaryDirectory(prefix="genesis-bench-") as folder:
        return asyncio.run(_work(Path(folder) / "genesis.db", trouble, executions, seconds))


async def _work(database: Path, trouble: str, executions: int, seconds: float) -> Row:
    settings = unlimited(database)
    victim = _Victim()
    venue = _Venue(victim if trouble == "no answers" else _Victim())
    engine = await asyncio.to_thread(Engine.start, settings, venue=venue, persistence=_Persistence)
    supervisor.SlicerActor = _Slicer
    await asyncio.gather(*(_spread(engine, n, executions) for n in range(executions)))
    one = await engine.submit_async(an_order(executions))
    await asyncio.sleep(SETTLING_SECONDS)
    cpu, since = time.process_time(), utc_now()
    victim.execution_id = one.execution_id
    meanwhile = await asyncio.to_thread(_begin, trouble, engine, one)
    rest = (since + timedelta(seconds=seconds) - utc_now()).total_seconds()
    await asyncio.sleep(max(0.0, rest))
    until = utc_now()
    cpu_seconds = time.process_time() - cpu
    span = (until - since).total_seconds()
    await engine.stop_async()
    held = held_by_cap(database)
    due = [
        (key, at)
        for key, at in due_slices(database, since, until)
        if key[0] != one.execution_id and key not in held
    ]
    begin, end = meanwhile or (since, until)
    late = venue.lateness(due)
    row: Row = {
        "trouble": trouble,
        "executions": executions,
        "slices_due": len(due),
        "slices_sent": len(late),
        "slice_lateness_ms": quantiles(sorted(ms for _, ms in late)),
        "trouble_seconds": round((end - begin).total_seconds(), 1),
        "lateness_meanwhile_ms": quantiles(sorted(ms for at, ms in late if begin <= at <= end)),
        "cpu_percent_of_one_core": round(100 * cpu_seconds / span, 1),
    }
    if trouble == "journal stall":
        row["after_the_stall"] = _afterwards(venue, due, (begin, end))
    return row


async def _spread(engine: Engine, number: int, executions: int) -> TwapHandle:
    """Submit one of so many, each in its turn, so that their slices are due evenly and not all at once."""
    await asyncio.sleep(number * INTERVAL.total_seconds() / executions)
    return await engine.submit_async(an_order(number))


def _begin(trouble: str, engine: Engine, twap: TwapHandle) -> Span | None:
    """Let the trouble begin; wait for its end where it has one, and return when it was."""
    match trouble:
        case "raising slicer":
            _Slicer.victim.execution_id = twap.execution_id
        case "flood":
            return _Flood(engine, twap).pour()
        case "journal stall":
            _Persistence.is_to_stall.set()
            while not _Persistence.stalled:
                time.sleep(0.01)
            return _Persistence.stalled[0]
        case _:
            pass
    return None


def _afterwards(venue: WatchedVenue, due: Sequence[Due], stall: Span) -> Row:
    """Return whether what was overdue came in a burst: orders in each second after the stall, and by one execution."""
    began, ended = stall
    second = timedelta(seconds=1)
    sent = [(name, at) for name, _, at in venue.handed_over]
    later = Counter((at - ended) // second for _, at in sent if at >= ended)
    of_one = Counter(
        name for name, at in sent if began <= at <= ended + AFTERWARDS_SECONDS * second
    )
    scheduled = Counter((at - ended) // second for _, at in due)
    return {
        "overdue": sum(1 for _, at in due if began <= at <= ended),
        "sent_by_second": [later[n] for n in range(AFTERWARDS_SECONDS)],
        "due_by_second": [scheduled[n] for n in range(AFTERWARDS_SECONDS)],
        "most_by_one_execution": max(of_one.values(), default=0),
    }


if __name__ == "__main__":
    have_short_pauses()
    which, how_many, how_long = sys.argv[1:]
    sys.stdout.write(json.dumps(measure(which, int(how_many), float(how_long))))
