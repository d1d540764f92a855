"""The actor runtime beside Pykka's ThreadingActor, in one run on one machine."""

import gc
import os
import resource
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeAlias

from pykka import ActorRef, ThreadingActor

from genesis_actors.runtime import MessageActor, Runtime

Row: TypeAlias = dict[str, object]
Work: TypeAlias = Callable[[], object]
Start: TypeAlias = Callable[[], ActorRef[Any]]

PAGE_BYTES: Final = resource.getpagesize()
BUSY_ACTORS: Final = 100
BUSY_SECONDS: Final = 20e-6
"""What a busy actor does per message: about as much as a slicer's decision."""


class _Pooled(MessageActor[Work]):
    def handle(self, message: Work) -> object:
        return message()


class _Stock(ThreadingActor):
    use_daemon_thread = True

    def on_receive(self, message: Work) -> object:
        return message()


class _Ring(MessageActor[int]):
    """Passes a number on, less one, until it is zero."""

    def __init__(self, runtime: Runtime, ring: list[ActorRef["_Ring"]], position: int) -> None:
        super().__init__(runtime)
        self._ring = ring
        self._next = position + 1

    def handle(self, message: int) -> None:
        if message:
            self._ring[self._next % len(self._ring)].tell(message - 1)


def run(*, quick: bool = False) -> list[Row]:
    """Measure everything; about half a minute, a fifth of it when quick."""
    share = 0.2 if quick else 1.0
    with Runtime.system() as runtime:

        def pooled() -> ActorRef[Any]:
            return _Pooled.start(runtime)

        rows = [
            # First, while no freed memory lies about that it could be given.
            _compare("memory per idle actor", "bytes", pooled, _memory, int(400 * share)),
            _compare("tell, 1 to 1", "messages/s", pooled, _tell_rate, int(60_000 * share)),
            _compare("fan-out to 1,000", "messages/s", pooled, _fan_out_rate, int(12 * share) + 3),
        ]
        for others, count in (("500 idle actors", 500), (f"{BUSY_ACTORS} busy actors", 0)):
            samples = int((500 if count else 15) * share)
            ours = _wake_ups(pooled, count, samples * (1 if count else 10))
            stock = _wake_ups(_Stock.start, count, samples)
            rows += [
                _row(f"wake-up beside {others}, {name}", "us", ours[index], stock[index])
                for index, name in enumerate(("p50", "p99"))
            ]
    rows.append(_row("simulation", "messages/s", _simulation_rate(int(200_000 * share)), None))
    return rows


def _compare(
    measure: str,
    unit: str,
    pooled: Start,
    figure: Callable[[Start, int], float],
    amount: int,
) -> Row:
    return _row(measure, unit, figure(pooled, amount), figure(_Stock.start, amount))


def _row(measure: str, unit: str, ours: float, stock: float | None) -> Row:
    """`times_better` is the ratio that is above one where ours does better."""
    ratio = None
    if stock is not None and ours > 0:
        ratio = round(ours / stock if unit.endswith("/s") else stock / ours, 2)
    return {
        "measure": measure,
        "unit": unit,
        "pooled": round(ours),
        "threading": None if stock is None else round(stock),
        "times_better": ratio,
    }


@contextmanager
def _actors(start: Start, count: int) -> Generator[list[ActorRef[Any]]]:
    refs = [start() for _ in range(count)]
    _settle(refs)
    try:
        yield refs
    finally:
        for stopped in [ref.stop(block=False) for ref in reversed(refs)]:
            stopped.get()


def _settle(refs: list[ActorRef[Any]]) -> None:
    for answer in [ref.ask(_nothing, block=False) for ref in refs]:
        answer.get()


def _nothing() -> None:
    pass


def _tell_rate(start: Start, messages: int) -> float:
    with _actors(start, 1) as refs:
        began = time.perf_counter()
        for _ in range(messages):
            refs[0].tell(_nothing)
        _settle(refs)
        return messages / (time.perf_counter() - began)


def _fan_out_rate(start: Start, rounds: int) -> float:
    with _actors(start, 1000) as refs:
        began = time.perf_counter()
        for _ in range(rounds):
            for ref in refs:
                ref.tell(_nothing)
        _settle(refs)
        return rounds * len(refs) / (time.perf_counter() - began)


def _wake_ups(start: Start, idle_actors: int, samples: int) -> tuple[float, float]:
    """Return p50 and p99 in microseconds; beside busy actors when there are no idle ones."""
    stopping = threading.Event()
    delays: list[float] = []
    with _actors(start, 1 + (idle_actors or BUSY_ACTORS)) as refs:
        if not idle_actors:
            for ref in refs[1:]:
                ref.tell(_keep_busy(ref, stopping))
        for _ in range(samples):
            time.sleep(0.001)
            told = time.perf_counter()
            refs[0].ask(lambda told=told: delays.append(time.perf_counter() - told))
        stopping.set()
        _settle(refs)
    delays.sort()
    return delays[len(delays) // 2] * 1e6, delays[int(len(delays) * 0.99)] * 1e6


def _keep_busy(ref: ActorRef[Any], stopping: threading.Event) -> Work:
    def work() -> None:
        until = time.perf_counter() + BUSY_SECONDS
        while time.perf_counter() < until:
            pass
        if not stopping.is_set():
            ref.tell(work)

    return work


def _memory(start: Start, count: int) -> float:
    gc.collect()
    before = resident_bytes()
    with _actors(start, count * (1 if start is _Stock.start else 10)) as refs:
        gc.collect()
        return (resident_bytes() - before) / len(refs)


def resident_bytes_without_garbage() -> int:
    gc.collect()
    return resident_bytes()


def resident_bytes() -> int:
    """Return how much memory this process has, where the system says so; else the most that it ever had."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text(encoding="ascii").split()[1]) * PAGE_BYTES
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if os.uname().sysname == "Darwin" else peak * 1024


def _simulation_rate(messages: int) -> float:
    runtime = Runtime.deterministic(seed=1, start=datetime(2024, 1, 1, tzinfo=UTC))
    ring: list[ActorRef[_Ring]] = []
    ring += [_Ring.start(runtime, ring, position) for position in range(100)]
    for ref in ring:
        ref.tell(messages // len(ring))
    began = time.perf_counter()
    runtime.run_until_quiet()
    rate = runtime.messages_handled / (time.perf_counter() - began)
    runtime.stop()
    return rate


if __name__ == "__main__":
    for row in run():
        print(*(f"{key}={value}" for key, value in row.items()), sep="  ")
