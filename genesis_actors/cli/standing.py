"""How the daemon stands, for the line below the prompt: asked once a second, away from whoever types."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from genesis_actors.cli import text
from genesis_actors.control.client import (
    Client,
    LostError,
    NoDaemonError,
    RefusedError,
    TokenError,
)
from genesis_actors.places import LoopbackPort

LOOK_SECONDS: Final = 1.0

_View = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Standing:
    """What was last seen of the daemon. `mode` is paper, live, or empty where none was seen."""

    mode: str = ""
    text: str = "looking for the daemon"
    is_halted: bool = False
    """Whether nothing is sent: by a halt, or because nothing can be written."""


def standing_of(daemon: _View, mode: str, executions: Sequence[_View]) -> Standing:
    """Return the daemon's standing: how many executions there are, and how far the newest have come."""
    counts = Counter(str(view["state"]).lower() for view in executions)
    states = ", ".join(f"{number} {state}" for state, number in counts.most_common()) or "idle"
    newest = "   ".join(_progress(view) for view in executions)
    halted = "HALTED" if daemon["halted"] else ""
    if halted and daemon["halt_reason"]:
        halted += f" ({daemon['halt_reason']})"
    outage = daemon["journal_outage"]
    down = f"JOURNAL DOWN ({outage})" if outage else ""
    said = "   ".join(part for part in (mode.upper(), halted, down, states, newest) if part)
    return Standing(mode, said, is_halted=bool(halted or down))


def _progress(view: _View) -> str:
    filled = Decimal(view["progress"] or 0)
    what = f"{view['symbol']} {view['side']} {view['quantity']}: {text.percent(filled, 1)}"
    return what if view["state"] == "RUNNING" else f"{what} {str(view['state']).lower()}"


class Watcher:
    """Looks until it is closed. `now` is what it saw last."""

    def __init__(self, door: Path | LoopbackPort) -> None:
        self.now = Standing()
        self._door = door
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="standing", daemon=True)

    def open(self) -> None:
        self.look()
        self._thread.start()

    def close(self) -> None:
        self._is_over.set()

    def look(self) -> None:
        client = Client(self._door)
        try:
            daemon = client.get("daemon")
            executions = client.get("executions")
        except NoDaemonError:
            self.now = Standing(text=f"no daemon at {self._door}: start one with daemon start")
        except (LostError, RefusedError, TokenError) as error:
            self.now = Standing(text=str(error))
        else:
            self.now = standing_of(daemon.data, daemon.mode, executions.data)

    def _run(self) -> None:
        while not self._is_over.wait(LOOK_SECONDS):
            self.look()
