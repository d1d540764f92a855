"""What was last heard of every execution, for all who ask: nobody's question reaches an actor or the disk.

News comes in from the control actor's thread; everything else happens on the door's event loop.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from genesis_actors.domain.status import REMEMBERED_ENDED, begins, is_over, updated
from genesis_actors.messages.control import ExecutionNews, ExecutionStatus
from genesis_actors.messages.persistence import ExecutionRow
from genesis_actors.values import ExecutionId, ExecutionState
from genesis_actors.views import execution_view

Heard: TypeAlias = ExecutionNews | ExecutionStatus | None
Listener: TypeAlias = Callable[[set[ExecutionId]], None]


@dataclass(frozen=True, slots=True)
class _Rendered:
    """An execution's JSON, and what it was made from."""

    status: ExecutionStatus
    second: int
    text: str


class Board:
    """An address for news, and for the statuses of executions that were there before."""

    def __init__(self, loop: asyncio.AbstractEventLoop, now: Callable[[], datetime]) -> None:
        self._loop = loop
        self._now = now
        self._lock = threading.Lock()
        self._heard: deque[Heard] = deque()
        self._is_woken = False
        self._known: dict[ExecutionId, ExecutionStatus] = {}
        self._ended: deque[ExecutionId] = deque()
        self._rendered: dict[ExecutionId, _Rendered] = {}
        self._waiting: dict[ExecutionId, set[asyncio.Event]] = {}
        self._listeners: list[Listener] = []
        self._is_over = False

    def tell(self, message: Heard) -> None:
        """Take a message in on the loop soon, together with all that come until then."""
        with self._lock:
            self._heard.append(message)
            is_woken, self._is_woken = self._is_woken, True
        if not is_woken:
            with suppress(RuntimeError):  # The loop is closed: nobody looks here any more.
                self._loop.call_soon_threadsafe(self._take_in)

    def join(self, listener: Listener) -> None:
        """Call `listener` with the executions that have changed."""
        self._listeners.append(listener)

    def leave(self, listener: Listener) -> None:
        self._listeners = [other for other in self._listeners if other != listener]

    def let_go(self) -> None:
        """Let nobody wait any more: the door is being closed."""
        self._is_over = True
        for waiting in self._waiting.values():
            for changed in waiting:
                changed.set()

    def status(self, execution_id: ExecutionId) -> ExecutionStatus | None:
        return self._known.get(execution_id)

    def open_ids(self) -> list[ExecutionId]:
        """Return the open executions, the newest first."""
        found = [
            (s.execution.created_at, key)
            for key, s in self._known.items()
            if not is_over(s.execution)
        ]
        return [key for _, key in sorted(found, reverse=True)]

    def open_rows(self) -> tuple[ExecutionRow, ...]:
        return tuple(s.execution for s in self._known.values() if not is_over(s.execution))

    def is_queued(self, execution_id: ExecutionId) -> bool:
        return self._known[execution_id].execution.state == ExecutionState.QUEUED

    def text(self, execution_id: ExecutionId) -> str:
        """Return the execution as JSON. All who ask within a second share one rendering."""
        status, now = self._known[execution_id], self._now()
        second, rendered = int(now.timestamp()), self._rendered.get(execution_id)
        if rendered is None or rendered.status is not status or rendered.second != second:
            view = execution_view(status.execution, status.slices, now)
            rendered = _Rendered(status, second, json.dumps(view, ensure_ascii=False))
            self._rendered[execution_id] = rendered
        return rendered.text

    async def until(
        self,
        execution_id: ExecutionId,
        fits: Callable[[ExecutionRow], bool],
        timeout: float,  # noqa: ASYNC109
    ) -> bool:
        """Wait until the execution fits. False: it did not within `timeout` seconds, or before the door was closed."""
        changed = asyncio.Event()
        self._waiting.setdefault(execution_id, set()).add(changed)
        try:
            async with asyncio.timeout(timeout):
                while not self._is_over and not fits(self._known[execution_id].execution):
                    await changed.wait()
                    changed.clear()
        except TimeoutError:
            return False
        else:
            return not self._is_over
        finally:
            self._waiting[execution_id].discard(changed)
            if not self._waiting[execution_id]:
                del self._waiting[execution_id]

    def _take_in(self) -> None:
        with self._lock:
            heard, self._heard = self._heard, deque()
            self._is_woken = False
        changed = {key for message in heard if (key := self._hear(message)) is not None}
        for key in changed:
            for waiting in self._waiting.get(key, ()):
                waiting.set()
        for listener in self._listeners:
            listener(changed)

    def _hear(self, message: Heard) -> ExecutionId | None:
        if message is None:
            return None
        key = ExecutionId(message.execution.execution_id)
        known = self._known.get(key)
        if isinstance(message, ExecutionStatus):
            self._known[key] = message
        elif known is None and not begins(message):
            return key  # Of one that ended long ago; what is here would be a part of it only.
        else:
            self._known[key] = updated(known, message)
        if is_over(self._known[key].execution) and (known is None or not is_over(known.execution)):
            self._ended.append(key)
            if len(self._ended) > REMEMBERED_ENDED:
                self._forget(self._ended.popleft())
        return key

    def _forget(self, key: ExecutionId) -> None:
        if key not in self._waiting:
            del self._known[key]
            self._rendered.pop(key, None)
