"""A small pool of threads that gives turns to many actors.

Fair among slicers, shared actors first.
"""

from __future__ import annotations

import decimal
import threading
import time
from collections import deque
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Final

from genesis_actors.logs import get_logger
from genesis_actors.runtime.dispatcher import ACTOR_DECIMAL_CONTEXT
from genesis_actors.runtime.futures import enter_pool

if TYPE_CHECKING:
    from genesis_actors.runtime.mailbox import Mailbox

log = get_logger()

POOLED_TURN: Final = 2
"""Messages a slicer may handle while others wait.

Small, because every other slicer waits that long.
"""
SHARED_TURN: Final = 32
SHARED_STREAK: Final = 2
"""After so many turns of shared actors in a row one of the others is served.

No flood starves them.
"""
LONG_TURN_SECONDS: Final = 0.005
"""While each turn is shorter, one worker does all the work: a second would only take the interpreter away from it."""
LONGEST_SLEEP_SECONDS: Final = 0.1
"""So long work may lie behind a turn that never ends, where nothing comes from outside to wake another worker."""
_NEVER: Final = float("-inf")


class Lane:
    """One of the pool's two queues of mailboxes that are ready for a turn."""

    pump = None

    def __init__(self, pool: WorkerPool, turn_limit: int) -> None:
        self.ready: deque[Mailbox] = deque()
        self.turn_limit = turn_limit
        self._pool = pool

    def schedule(self, mailbox: Mailbox) -> None:
        self.ready.append(mailbox)
        self._pool.has_work()


class _Worker:
    """One of the threads, and since when it has been at what it does now."""

    __slots__ = ("began", "sleep")

    def __init__(self) -> None:
        self.sleep = threading.Lock()
        self.sleep.acquire()
        self.began = time.monotonic()
        """When it was started or woken, or has begun a turn; never, while it sleeps or waits."""


class WorkerPool:
    def __init__(self, workers: int, *, name: str = "actors") -> None:
        self.shared = Lane(self, SHARED_TURN)
        self.pooled = Lane(self, POOLED_TURN)
        self._name = name
        self._size = workers
        self._lock = threading.Lock()
        self._threads: dict[threading.Thread, _Worker] = {}
        self._lent = 0
        self._surplus = 0
        self._sleepers: deque[_Worker] = deque()
        self._started = 0
        self._stopped = False

    def start(self) -> None:
        with self._lock:
            while len(self._threads) < self._size:
                self._start_worker()

    def stop(self, timeout: float = 5.0) -> None:
        """End the workers after their present turns.

        Actors that still live are closed: their asks fail.
        """
        with self._lock:
            self._stopped = True
            threads = list(self._threads)
        while self._sleepers:
            self._wake_one()
        for thread in threads:
            if thread is not threading.current_thread():
                thread.join(timeout)
        self._close_ready()

    def has_work(self) -> None:
        """See to it that a worker looks at what is ready. Called after a mailbox has been queued."""
        if self._sleepers:
            # Whoever has just begun something looks again before it lies down; the others may never come back from it.
            lately = time.monotonic() - LONG_TURN_SECONDS
            if any(worker.began > lately for worker in list(self._threads.values())):
                return
            self._wake_one()
        if self._stopped:
            self._close_ready()

    def _wake_one(self) -> None:
        with suppress(IndexError):  # another thread has just woken the last one
            worker = self._sleepers.pop()  # the one that was awake last
            worker.began = time.monotonic()
            worker.sleep.release()

    def lend_worker(self) -> None:
        """The calling worker is about to wait: let another one stand in."""
        with self._lock:
            self._threads[threading.current_thread()].began = _NEVER
            self._lent += 1
            self._count_surplus()
            if self._surplus < 0 and not self._stopped:
                self._start_worker()
        if self.shared.ready or self.pooled.ready:
            self._wake_one()  # what was left to us, as we were awake

    def return_worker(self) -> None:
        with self._lock:
            self._lent -= 1
            self._count_surplus()

    def _count_surplus(self) -> None:
        self._surplus = len(self._threads) - self._lent - self._size

    def _start_worker(self) -> None:
        self._started += 1
        worker = _Worker()
        name = f"{self._name}-{self._started}"
        thread = threading.Thread(target=self._work, args=(worker,), name=name, daemon=True)
        self._threads[thread] = worker
        self._count_surplus()
        thread.start()

    def _work(self, me: _Worker) -> None:
        decimal.setcontext(ACTOR_DECIMAL_CONTEXT.copy())
        enter_pool(self)
        streak = 0
        shared, pooled = self.shared, self.pooled
        while not self._may_leave():
            lane = (
                shared if shared.ready and (streak < SHARED_STREAK or not pooled.ready) else pooled
            )
            streak = streak + 1 if lane is shared else 0
            try:
                mailbox = lane.ready.popleft()
            except IndexError:  # nothing to do, or another worker was faster
                self._sleep(me)
                continue
            self._give_turn(mailbox, lane, me)
        if shared.ready or pooled.ready:
            self._wake_one()  # it may have been left to us

    def _give_turn(self, mailbox: Mailbox, lane: Lane, me: _Worker) -> None:
        pooled, shared = self.pooled.ready, self.shared.ready
        try:
            while True:
                me.began = time.monotonic()
                if not mailbox.turn(lane.turn_limit):
                    mailbox.idle()
                    if not mailbox.unschedule():
                        return
                # While nobody else waits there is no need to queue up again.
                if pooled or shared or self._stopped or self._surplus > 0:
                    lane.schedule(mailbox)
                    return
        except BaseException:  # an actor type's own fault must not cost the others a worker
            log.exception("turn_failed", actor=str(mailbox.actor))
            mailbox.abandon()

    def _sleep(self, me: _Worker) -> None:
        # First make ourselves known, then look again: a mailbox queued in between is seen here or
        # wakes us.
        me.began = _NEVER
        self._sleepers.append(me)
        while not (self.shared.ready or self.pooled.ready or self._stopped):
            if me.sleep.acquire(timeout=LONGEST_SLEEP_SECONDS):
                return
        try:
            self._sleepers.remove(me)
        except ValueError:  # somebody is waking us already
            me.sleep.acquire()

    def _may_leave(self) -> bool:
        if not self._stopped and self._surplus <= 0:
            return False
        with self._lock:
            if not self._stopped and self._surplus <= 0:
                return False
            del self._threads[threading.current_thread()]
            self._count_surplus()
            return True

    def _close_ready(self) -> None:
        for ready in (self.shared.ready, self.pooled.ready):
            while ready:
                try:
                    ready.popleft().abandon()
                except IndexError:
                    break


@cache
def default_pool() -> WorkerPool:
    """The pool of plain `PooledActor`s, which know no runtime. It lives as long as the process."""
    pool = WorkerPool(2, name="pooled-actors")
    pool.start()
    return pool
