"""The mark that an actor has stopped, as Pykka wants it, and small: there may be tens of thousands."""

from __future__ import annotations

import threading


class Stopped(threading.Event):
    """An event that has a lock of its own, and 1 kB, only once somebody waits for it."""

    def __init__(self) -> None:
        # Not the base class's, which is what would be large.
        self._flag = False
        self._awaited: threading.Event | None = None

    def set(self) -> None:
        self._flag = True
        if self._awaited is not None:
            self._awaited.set()

    def clear(self) -> None:
        self._flag = False
        if self._awaited is not None:
            self._awaited.clear()

    def wait(self, timeout: float | None = None) -> bool:
        with _LOCK:
            if self._awaited is None:
                self._awaited = threading.Event()
        # Whoever sets it looks for the event after the mark: one of the two sees the other.
        return self._flag or self._awaited.wait(timeout)


_LOCK = threading.Lock()
