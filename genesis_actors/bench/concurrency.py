"""Thousands of executions at once in real time: how late their slices are, and what an execution costs.

Memory is told for all together, symbols and their market included, and for what one more execution costs: beyond the
first of each symbol, when all have worked for the time.

Each count runs in an engine of its own, or in two that have half of the symbols each, on the paper venue's 100 symbols
and a durable database, beside a plain asyncio task and a stock actor with a thread for each execution, which store
nothing and send nothing.
"""

from __future__ import annotations

import asyncio
import gc
import json
import resource
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeAlias, TypedDict

from pykka import ThreadingActor

from genesis_actors.bench.runtime import resident_bytes_without_garbage
from genesis_actors.engine import Engine
from genesis_actors.gateways.paper import PaperVenue
from genesis_actors.handles import TwapHandle
from genesis_actors.messages.venue import OrderOutcome, PlaceOrder
from genesis_actors.orders import TwapOrder
from genesis_actors.runtime.interpreter import have_short_pauses
from genesis_actors.settings import Settings
from genesis_actors.steady import utc_now
from genesis_actors.values import ClientOrderId, ExecutionId, Symbol

Row: TypeAlias = dict[str, object]
SliceKey: TypeAlias = tuple[str, int]
"""An execution's id and the number of its slice."""
Due: TypeAlias = tuple[SliceKey, datetime]
"""A slice and when it was due."""

MODULE: Final = "genesis_actors.bench.concurrency"
COUNTS: Final = ((1_000, 1), (10_000, 1), (10_000, 2), (30_000, 2))
"""How many executions in how many processes; Python lets the threads of one have one core together."""
COUNTS_WHEN_QUICK: Final = ((200, 1),)
SECONDS: Final = 120.0
SECONDS_WHEN_QUICK: Final = 35.0
BASELINE_SECONDS: Final = 35.0
SYMBOLS: Final = 100
INTERVAL: Final = timedelta(seconds=30)
JITTER: Final = "90%"
"""All are submitted within seconds: so their slices fall due all the time, and not all at once."""
SETTLING_SECONDS: Final = 5.0
VOLUME: Final = 1_000
"""So many times what a paper symbol trades: no cap binds."""
WINDOW: Final = timedelta(minutes=5)
ASKED_AT_ONCE: Final = 500
PATIENCE_SECONDS: Final = 600
"""So long commands may take that all are given at once: on a machine that is full, they do."""
MOST_THREADS: Final = 1_000
"""A thread for each execution is not tried for more: beyond some 20,000 the system has no more of them."""

_HELD_BY_CAP: Final = """
    SELECT aggregate_id, json_extract(event_data, '$.slice_number') FROM events
    WHERE event_type = 'TwapSliceDelayed'
    AND json_extract(event_data, '$.reason') IN
    ('participation_cap', 'symbol_participation_cap', 'quiet_market')"""


class WatchedVenue(PaperVenue):
    """Notes when each order has been handed over: before its way to the venue, which takes time of its own."""

    def __init__(self) -> None:
        super().__init__(1, numbered_symbols=SYMBOLS)
        self._listings = {
            symbol: replace(listing, daily_volume=VOLUME * listing.daily_volume)
            for symbol, listing in self._listings.items()
        }
        self.handed_over: list[tuple[ExecutionId, int, datetime]] = []
        self._on_their_way: dict[ClientOrderId, datetime] = {}

    def latency(self, client_order_id: ClientOrderId) -> timedelta:
        self._on_their_way.setdefault(client_order_id, utc_now())
        return super().latency(client_order_id)

    def place(self, order: PlaceOrder, at: datetime) -> tuple[OrderOutcome, ...]:
        handed_over_at = self._on_their_way.pop(order.client_order_id, None) or utc_now()
        self.handed_over.append((order.execution_id, order.slice_number, handed_over_at))
        return super().place(order, at)

    def lateness(self, due: Iterable[Due]) -> list[tuple[datetime, float]]:
        """Return when each slice was due that was sent, with how many ms later its first order was handed over."""
        first = dict[SliceKey, datetime]()
        for execution_id, number, at in self.handed_over:
            first.setdefault((execution_id, number), at)
        millisecond = timedelta(milliseconds=1)
        return [(at, (first[key] - at) / millisecond) for key, at in due if key in first]


def run(*, quick: bool = False) -> list[Row]:
    """Return a row for each count; about four minutes for each of them, one in all when quick."""
    counts = COUNTS_WHEN_QUICK if quick else COUNTS
    seconds = SECONDS_WHEN_QUICK if quick else SECONDS
    return [measure(executions, processes, seconds) for executions, processes in counts]


def in_a_process(module: str, *arguments: object) -> Row:
    """Return what `module`, run by itself, prints."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)  # noqa: S603
    row: Row = json.loads(done.stdout)
    return row


def measure(executions: int, processes: int, seconds: float) -> Row:
    """Return the row of one count: lateness in ms from when a slice was due until its order was handed over."""
    row = _row_of(executions, processes, seconds, _in_step(executions, processes, seconds))
    row["baseline"] = in_a_process(MODULE, "baseline", executions, min(seconds, BASELINE_SECONDS))
    return row


class _Share(TypedDict):
    """What one engine tells of its part of the executions."""

    late_ms: list[float]
    due: int
    sent: int
    cpu_share: float
    rss_bytes: list[int]
    """Before the first execution, with one for each symbol, and when all have worked."""
    events_heard: int
    seconds: list[float]
    """What it took to submit, to pause, to resume and to stop."""


def _in_step(executions: int, processes: int, seconds: float) -> list[_Share]:
    """Run the engines side by side; they begin to count when all of them have submitted theirs."""
    command = [sys.executable, "-m", MODULE, "share"]
    with ExitStack() as stack:
        engines = [
            stack.enter_context(
                subprocess.Popen(  # noqa: S603 - our own code
                    [*command, str(share), str(processes), str(executions), str(seconds)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for share in range(processes)
        ]
        for engine in engines:
            assert engine.stdout is not None  # noqa: S101 - as it is piped
            engine.stdout.readline()
        for engine in engines:
            assert engine.stdin is not None  # noqa: S101
            engine.stdin.write("count\n")
            engine.stdin.flush()
        told = [engine.communicate()[0] for engine in engines]
    for engine in engines:
        if engine.returncode:
            raise subprocess.CalledProcessError(engine.returncode, engine.args)
    return [json.loads(each) for each in told]


def _row_of(executions: int, processes: int, seconds: float, shares: list[_Share]) -> Row:
    late = sorted(ms for share in shares for ms in share["late_ms"])
    sent = sum(share["sent"] for share in shares)
    symbols = min(SYMBOLS, executions)
    first, worked = (
        sum(share["rss_bytes"][at] - share["rss_bytes"][0] for share in shares) for at in (1, 2)
    )
    submit, pause, resume, stop = (
        round(max(share["seconds"][at] for share in shares), 2) for at in range(4)
    )
    return {
        "executions": executions,
        "processes": processes,
        "slice_lateness_ms": quantiles(late),
        "slices_due": sum(share["due"] for share in shares),
        "slices_sent": sent,
        "slices_held_by_cap": sent - len(late),
        "slices_per_second": round(sent / seconds, 1),
        "cpu_percent_of_one_core": round(100 * sum(share["cpu_share"] for share in shares), 1),
        "rss_per_execution_bytes": round(worked / executions),
        "rss_per_further_execution_bytes": round((worked - first) / max(executions - symbols, 1)),
        "rss_per_symbol_bytes": round(first / symbols),
        "events_heard": sum(share["events_heard"] for share in shares),
        "submit_seconds": submit,
        "pause_all_seconds": pause,
        "resume_all_seconds": resume,
        "stop_seconds": stop,
    }


async def _work(database: Path, numbers: range, symbols: int, seconds: float) -> _Share:
    venue = WatchedVenue()
    engine = await asyncio.to_thread(Engine.start, unlimited(database), venue=venue)
    heard = _Heard()
    engine.subscribe(heard)
    empty = resident_bytes_without_garbage()
    began = time.perf_counter()
    twaps = await _all(engine.submit_async(an_order(number)) for number in numbers[:symbols])
    submitted = time.perf_counter() - began
    # What a symbol costs, its first execution shows.
    with_each_symbol = resident_bytes_without_garbage()
    began = time.perf_counter()
    twaps += await _all(engine.submit_async(an_order(number)) for number in numbers[symbols:])
    submitted += time.perf_counter() - began
    gc.collect()
    # Looking for garbage has held all of them up.
    await asyncio.sleep(SETTLING_SECONDS)
    sys.stdout.write("submitted\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.readline)
    cpu, wall, since = time.process_time(), time.perf_counter(), utc_now()
    await asyncio.sleep(seconds)
    until = utc_now()
    cpu_share = (time.process_time() - cpu) / (time.perf_counter() - wall)
    worked = resident_bytes_without_garbage()
    paused = await _timed(twaps, lambda twap: twap.pause_async(timeout=PATIENCE_SECONDS))
    resumed = await _timed(twaps, lambda twap: twap.resume_async(timeout=PATIENCE_SECONDS))
    began = time.perf_counter()
    await engine.stop_async()
    stopped = time.perf_counter() - began
    due = due_slices(database, since, until)
    held = held_by_cap(database)
    return {
        "late_ms": [ms for _, ms in venue.lateness(each for each in due if each[0] not in held)],
        "due": len(due),
        "sent": len(venue.lateness(due)),
        "cpu_share": cpu_share,
        "rss_bytes": [empty, with_each_symbol, worked],
        "events_heard": heard.count,
        "seconds": [submitted, paused, resumed, stopped],
    }


def unlimited(database: Path) -> Settings:
    """Return the settings of a paper venue that takes any number of orders a second."""
    return Settings.load(
        None,
        storage={"url": str(database)},
        venue={"kind": "paper"},
        risk={"max_orders_per_second": 1_000_000},
    )


class _Heard:
    """A subscriber that counts."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, news: object) -> None:
        del news
        self.count += 1


def an_order(number: int) -> TwapOrder:
    return TwapOrder.parse(
        symbol=Symbol(f"SYM{number % SYMBOLS:03d}/USDT"),
        side="buy" if number // SYMBOLS % 2 else "sell",
        quantity="600quote",
        jitter=JITTER,
        duration=WINDOW,
        every=INTERVAL,
        early_completion="off",
        client_id=f"bench-{number}",
        seed=number,
    )


async def _all(work: Iterable[Coroutine[Any, Any, TwapHandle]]) -> list[TwapHandle]:
    limit = asyncio.Semaphore(ASKED_AT_ONCE)

    async def one(each: Coroutine[Any, Any, TwapHandle]) -> TwapHandle:
        async with limit:
            return await each

    return await asyncio.gather(*map(one, work))


async def _timed(
    twaps: Sequence[TwapHandle], command: Callable[[TwapHandle], Awaitable[object]]
) -> float:
    """Return the seconds that a command takes which all of them are given at once."""
    began = time.perf_counter()
    await asyncio.gather(*map(command, twaps))
    return time.perf_counter() - began


def due_slices(database: Path, since: datetime, until: datetime) -> list[tuple[SliceKey, datetime]]:
    """Return the slices that were due in that time, with when."""
    with closing(sqlite3.connect(database)) as connection:
        rows = connection.execute(
            "SELECT execution_id, slice_number, due_at FROM twap_slice_history"
        )
        found = [((name, number), datetime.fromisoformat(due)) for name, number, due in rows]
    return [(key, at) for key, at in found if since <= at <= until - timedelta(seconds=2)]


def held_by_cap(database: Path) -> set[SliceKey]:
    """Return the slices that the market's volume did not allow when they were due: those are not late by our doing.

    Most are first slices: in the second after its start an execution may have seen no trade that it could be a part of.
    """
    with closing(sqlite3.connect(database)) as connection:
        return set(connection.execute(_HELD_BY_CAP))


# --- What stores and sends nothing --------------------------------------------------------------------


async def _tasks(count: int, seconds: float) -> Row:
    """Let a plain task for each execution wake up at the times that its slices would be due."""
    late = list[float]()
    memory, cpu = resident_bytes_without_garbage(), time.process_time()
    began = time.perf_counter()

    async def one(number: int) -> None:
        for due in _times(number, seconds):
            await asyncio.sleep(began + due - time.perf_counter())
            late.append(1e3 * (time.perf_counter() - began - due))

    tasks = [asyncio.create_task(one(number)) for number in range(count)]
    await asyncio.sleep(0)
    grown = resident_bytes_without_garbage() - memory
    await asyncio.gather(*tasks)
    return _baseline(count, late, grown, time.process_time() - cpu, seconds)


class _Stock(ThreadingActor):
    use_daemon_thread = True

    def __init__(self, late: list[float], began: float) -> None:
        super().__init__()
        self._late, self._began = late, began

    def on_receive(self, message: float) -> None:
        self._late.append(1e3 * (time.perf_counter() - self._began - message))


def _threads(count: int, seconds: float) -> Row:
    """Have one thread tell each stock actor at the times that its slices would be due."""
    late = list[float]()
    memory, cpu, began = resident_bytes_without_garbage(), time.process_time(), time.perf_counter()
    actors = [_Stock.start(late, began) for _ in range(count)]
    grown = resident_bytes_without_garbage() - memory
    shift = time.perf_counter() - began
    due = sorted((shift + at, number) for number in range(count) for at in _times(number, seconds))
    over = threading.Event()
    for at, number in due:
        over.wait(max(0.0, began + at - time.perf_counter()))
        actors[number].tell(at)
    for actor in actors:
        actor.stop(block=True)
    return _baseline(count, late, grown, time.process_time() - cpu, seconds)


def _times(number: int, seconds: float) -> list[float]:
    """Return when an execution's slices are due: each 30 s, spread evenly over the executions."""
    step = INTERVAL.total_seconds()
    return [at for k in range(10) if (at := (number * 0.618_034 % 1 + k) * step) < seconds]


def _baseline(count: int, late: list[float], grown: int, cpu: float, seconds: float) -> Row:
    return {
        "executions": count,
        "slice_lateness_ms": quantiles(sorted(late)),
        "cpu_percent_of_one_core": round(100 * cpu / seconds, 1),
        "rss_per_execution_bytes": round(grown / count),
    }


def quantiles(ordered: Sequence[float]) -> Row:
    if not ordered:
        return {"p50": None, "p99": None, "max": None}
    return {
        "p50": round(ordered[len(ordered) // 2], 2),
        "p99": round(ordered[int(0.99 * (len(ordered) - 1))], 2),
        "max": round(ordered[-1], 2),
    }


def _share(share: int, processes: int, executions: int, seconds: float) -> _Share:
    """Work on each `processes`-th execution, and so with each `processes`-th symbol."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    have_short_pauses()
    with tempfile.TemporaryDirectory(prefix="genesis-bench-") as folder:
        numbers = range(share, executions, processes)
        database = Path(folder) / "genesis.db"
        return asyncio.run(_work(database, numbers, SYMBOLS // processes, seconds))


def _baselines(executions: int, seconds: float) -> Row:
    return {
        "asyncio_tasks": asyncio.run(_tasks(executions, seconds)),
        "stock_actors": _threads(min(executions, MOST_THREADS), seconds),
    }


def _main(arguments: list[str]) -> object:
    match arguments:
        case ["share", share, processes, executions, seconds]:
            return _share(int(share), int(processes), int(executions), float(seconds))
        case ["baseline", executions, seconds]:
            return _baselines(int(executions), float(seconds))
        case [executions, processes, seconds]:
            return measure(int(executions), int(processes), float(seconds))
        case _:
            raise SystemExit(f"usage: python -m {MODULE} EXECUTIONS PROCESSES SECONDS")


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_main(sys.argv[1:])))
