"""How threads wake those who wait in an event loop."""

from __future__ import annotations

import asyncio
import threading


class Wakers:
    """Ends waits in event loops from any thread.

    All that come before a loop has looked take one wake-up of it together: each costs both sides a system call, and
    thousands may be answered at once.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._due: dict[asyncio.AbstractEventLoop, list[asyncio.Future[bool]]] = {}

    def wake(self, future: asyncio.Future[bool]) -> None:
        """Have `future` be True in its loop; in one that is closed nobody waits for it any more."""
        loop = future.get_loop()
        with self._lock:
            due = self._due.get(loop)
            if due is not None:
                due.append(future)
                return
            self._due[loop] = [future]
        try:
            loop.call_soon_threadsafe(self._end_waits, loop)
        except RuntimeError:  # It is closed.
            self._take(loop)

    def _end_waits(self, loop: asyncio.AbstractEventLoop) -> None:
        for future in self._take(loop):
            if not future.done():  # It may have been given up.
                future.set_result(True)

    def _take(self, loop: asyncio.AbstractEventLoop) -> list[asyncio.Future[bool]]:
        with self._lock:
            return self._due.pop(loop, [])
