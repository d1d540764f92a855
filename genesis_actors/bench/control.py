"""How late the slices of a daemon are with and without a crowd at its door: real processes, real sockets, real time."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any, Final, TypeAlias

from genesis_actors.bench.concurrency import held_by_cap, quantiles
from genesis_actors.control.client import Client, LostError, NoDaemonError

Row: TypeAlias = dict[str, object]

EXECUTIONS: Final = 100
INTERVAL: Final = timedelta(seconds=5)
WINDOW: Final = timedelta(minutes=9)
WATCHED: Final = WINDOW + timedelta(seconds=5)
WATCHED_WHEN_QUICK: Final = timedelta(seconds=20)
POLLERS: Final = 20
READERS: Final = 10
"""One of them takes nothing."""

_POLL_SECONDS: Final = 1.0
_READY_SECONDS: Final = 60.0
_SLICES: Final = "SELECT execution_id, slice_number, due_at, sent_at FROM twap_slice_history"
_SYMBOLS: Final = ("BTC/USDT", "ETH/USDT")
"""The two that trade most: no budget for 100 executions is too small, at any hour."""


def run(*, quick: bool = False) -> list[Row]:
    """Return the lateness alone, then with the crowd: nine minutes each, 20 s when quick."""
    watched = WATCHED_WHEN_QUICK if quick else WATCHED
    return [_measure(watched, 0, 0), _measure(watched, POLLERS, READERS)]


def _measure(watched: timedelta, pollers: int, readers: int) -> Row:
    with tempfile.TemporaryDirectory(prefix="genesis-bench-") as folder:
        base = Path(folder)
        with (base / "daemon.log").open("w") as log:
            daemon = _daemon(base, log)
            crowd = None
            try:
                client = _client(base, daemon)
                if pollers or readers:
                    crowd = _crowd(client.path, pollers, readers)
                _start(client)
                _let_pass(watched)
                polls, events = _dismissed(crowd)
            finally:
                for process in filter(None, (crowd, daemon)):
                    process.send_signal(signal.SIGTERM)
                    process.wait()
        late, slices = _lateness(base / "genesis.db")
    return {
        "executions": EXECUTIONS,
        "pollers": pollers,
        "readers": readers,
        "slices": slices,
        "slices_sent_unhindered": len(late),
        "polls_answered": polls,
        "events_read": events,
        **{f"lateness_ms_{name}": each for name, each in quantiles(late).items()},
    }


def _daemon(base: Path, log: IO[str]) -> subprocess.Popen[str]:
    config = base / "genesis.toml"
    config.write_text(
        f'[engine]\nstate_dir = "{base}"\n'
        f'[storage]\nurl = "{base / "genesis.db"}"\n'
        f'[control]\nsocket = "{_socket(base)}"\n'
        "[risk]\nmax_orders_per_second = 100000\n"
    )
    command = [sys.executable, "-m", "genesis_actors", "daemon", "run", "--paper", "--config"]
    return subprocess.Popen([*command, config], stdout=log, stderr=log, text=True)  # noqa: S603


def _socket(base: Path) -> Path:
    return base / "door" / "genesis.sock"


def _client(base: Path, daemon: subprocess.Popen[str]) -> Client:
    client = Client(_socket(base))
    until = time.monotonic() + _READY_SECONDS
    while True:
        try:
            client.get("daemon")
        except (NoDaemonError, LostError):
            if daemon.poll() is not None or time.monotonic() > until:
                raise RuntimeError((base / "daemon.log").read_text()) from None
            _let_pass(timedelta(seconds=0.1))
        else:
            return client


def _start(client: Client) -> None:
    for number in range(EXECUTIONS):
        order = {
            "symbol": _SYMBOLS[number % len(_SYMBOLS)],
            "side": "buy" if number // len(_SYMBOLS) % 2 else "sell",
            "quantity": f"{25 * (WINDOW // INTERVAL)}quote",
            "duration": f"{WINDOW // timedelta(seconds=1)}s",
            "every": f"{INTERVAL // timedelta(seconds=1)}s",
            "early_completion": "off",
            "client_id": f"bench-{number}",
            "seed": number,
        }
        client.post("executions", body=order)


def _lateness(database: Path) -> tuple[list[float], int]:
    """Return how many ms after it was due each slice's first order was handed over, in order; and the slices."""
    held = held_by_cap(database)
    with closing(sqlite3.connect(database)) as connection:
        found = connection.execute(_SLICES).fetchall()
    rows = [(due, sent) for name, number, due, sent in found if (name, number) not in held]
    late = sorted(
        round((datetime.fromisoformat(sent) - datetime.fromisoformat(due)).total_seconds() * 1e3, 2)
        for due, sent in rows
        if sent is not None
    )
    return late, len(found)


# --- The crowd, a process of its own ------------------------------------------------------------------


def _crowd(socket: object, pollers: int, readers: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", __name__, str(socket), str(pollers), str(readers)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603


def _dismissed(crowd: subprocess.Popen[str] | None) -> tuple[int, int]:
    """Send the crowd away; return how many polls were answered it, and how many events it read."""
    if crowd is None:
        return 0, 0
    crowd.send_signal(signal.SIGTERM)
    said: dict[str, Any] = json.loads(crowd.communicate()[0])
    return said["polls"], said["events"]


def _gather(client: Client, pollers: int, readers: int) -> None:
    """Poll each second, and read all events, from so many threads; the first reader reads one event and no more."""
    counts = {"polls": 0, "events": 0}
    lock, over = threading.Lock(), threading.Event()

    def count(what: str) -> None:
        with lock:
            counts[what] += 1

    def poll() -> None:
        while not over.wait(_POLL_SECONDS):
            with suppress(LostError, NoDaemonError):
                client.get("executions")
                count("polls")

    def read(*, is_stuck: bool) -> None:
        while not over.is_set():
            with suppress(LostError, NoDaemonError):
                for _ in client.stream("events", query={"follow": "1", "progress": "1"}):
                    count("events")
                    if is_stuck:
                        over.wait()
                        return

    for _ in range(pollers):
        threading.Thread(target=poll, daemon=True).start()
    for number in range(readers):
        kind = {"is_stuck": number == 0}
        threading.Thread(target=read, kwargs=kind, daemon=True).start()
    signal.sigwait({signal.SIGTERM})
    sys.stdout.write(json.dumps(counts))
    sys.stdout.flush()
    # The readers hang on their sockets: nothing is left to be done for them.
    os._exit(0)


def _let_pass(duration: timedelta) -> None:
    threading.Event().wait(duration.total_seconds())


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    _gather(Client(Path(sys.argv[1])), int(sys.argv[2]), int(sys.argv[3]))
