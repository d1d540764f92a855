"""How threads wake those who wait in an event loop."""

from __future__ import annotations

import asyncio
import threading


class Wakers:
    """Sets events of event loops from any thread.

    All that come before a loop has looked take one wake-up of it together: each costs both sides a system call, and
    thousands may be answered at once.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._due: dict[asyncio.AbstractEventLoop, list[asyncio.Event]] = {}

    def wake(self, loop: asyncio.AbstractEventLoop, event: asyncio.Event) -> None:
        """Set `event` in `loop`; in one that is closed nobody waits for it any more."""
        with self._lock:
            due = self._due.get(loop)
            if due is not None:
                due.append(event)
                return
            self._due[loop] = [event]
        try:
            loop.call_soon_threadsafe(self._set, loop)
        except RuntimeError:  # It is closed.
            self._take(loop)

    def _set(self, loop: asyncio.AbstractEventLoop) -> None:
        for event in self._take(loop):
            event.set()

    def _take(self, loop: asyncio.AbstractEventLoop) -> list[asyncio.Event]:
        with self._lock:
            return self._due.pop(loop, [])
