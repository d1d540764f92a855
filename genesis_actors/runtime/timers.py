"""One heap of timers. What time it is, and who waits for it, is the clocks' business."""

from __future__ import annotations

import heapq
import threading
from datetime import UTC, datetime
from itertools import count
from typing import Any, Final, TypeAlias

from pykka import ActorDeadError

from genesis_actors.logs import get_logger
from genesis_actors.runtime.actor import Address, T

log = get_logger()

COMPACT_AT_LEAST: Final = 64
"""Cancelled timers that may lie in a small heap; in a large one they may be half of it."""


class Timer:
    """A message that waits for its time. Holds nothing once it has been delivered or cancelled."""

    __slots__ = ("_heap", "address", "message")

    def __init__(self, heap: TimerHeap, address: Address[Any], message: object) -> None:
        self._heap: TimerHeap | None = heap
        self.address: Address[Any] | None = address
        self.message = message

    def cancel(self) -> None:
        """Forget the message, if it has not been told yet.

        May be called again, and from any thread.
        """
        heap = self._heap
        if heap is None:
            self.release()
        else:
            heap.cancel(self)

    def deliver(self) -> None:
        address, message = self.address, self.message
        self.release()
        if address is None:
            return
        try:
            address.tell(message)
        except ActorDeadError:  # Whoever has set it needs it no more.
            log.debug("timer_of_dead_actor", receiver=str(address))

    def leave_heap(self) -> None:
        self._heap = None

    def release(self) -> None:
        self._heap, self.address, self.message = None, None, None


_Entry: TypeAlias = tuple[datetime, int, int, Timer]


class TimerHeap:
    """Timers in the order of (time, phase, registration). Safe to use from several threads.

    Heaps that one thread looks after share a lock.
    """

    def __init__(self, lock: threading.RLock | None = None) -> None:
        self.lock = threading.RLock() if lock is None else lock
        self._entries: list[_Entry] = []
        self._cancelled = 0
        self._next_number = count().__next__

    def __len__(self) -> int:
        return len(self._entries)

    def push(self, when: datetime, phase: int, address: Address[T], message: T) -> Timer:
        timer = Timer(self, address, message)
        with self.lock:
            heapq.heappush(self._entries, (when, phase, self._next_number(), timer))
        return timer

    def cancel(self, timer: Timer) -> None:
        with self.lock:
            if timer.address is None:
                return
            timer.release()
            self._cancelled += 1
            if self._cancelled > max(COMPACT_AT_LEAST, len(self._entries) // 2):
                self._entries = [entry for entry in self._entries if entry[3].address is not None]
                heapq.heapify(self._entries)
                self._cancelled = 0

    def next_due(self) -> datetime | None:
        with self.lock:
            entry = self._first()
            return None if entry is None else entry[0]

    def pop_due(self, now: datetime, most: int | None = None) -> list[Timer]:
        """Take the timers whose time has come: all, or the earliest so many of them."""
        with self.lock:
            due: list[Timer] = []
            while len(due) != most and (entry := self._first()) is not None and entry[0] <= now:
                due.append(self._take())
            return due

    def pop_phase(self) -> list[Timer]:
        """Take the timers of the earliest instant that share its lowest phase."""
        with self.lock:
            first = self._first()
            if first is None:
                return []
            together: list[Timer] = []
            while (entry := self._first()) is not None and entry[:2] == first[:2]:
                together.append(self._take())
            return together

    def _first(self) -> _Entry | None:
        entries = self._entries
        while entries and entries[0][3].address is None:
            heapq.heappop(entries)
            self._cancelled -= 1
        return entries[0] if entries else None

    def _take(self) -> Timer:
        # A timer that was taken may still be cancelled before it is delivered, but is no garbage of
        # ours any more.
        timer = heapq.heappop(self._entries)[3]
        timer.leave_heap()
        return timer


def as_utc(when: datetime) -> datetime:
    """The same instant in UTC. A naive time is refused: it says nothing about when."""
    if when.tzinfo is UTC:
        return when
    if when.tzinfo is None:
        msg = f"{when.isoformat()} has no time zone"
        raise ValueError(msg)
    return when.astimezone(UTC)
