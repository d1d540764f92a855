"""The dispatcher of a simulation: which actor is next is the seed's choice."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from genesis_actors.runtime.clock import VirtualClock
    from genesis_actors.runtime.dispatcher import Pump
    from genesis_actors.runtime.mailbox import Mailbox

_TRACED_TOGETHER: Final = 1_000
"""Messages that are hashed at once, since each call of the hash takes longer than what it does."""


class SeededTurns:
    """Gives single turns to actors among the ready ones, and idle hooks when none is ready."""

    def __init__(
        self, seed: str, clock: VirtualClock, *, pump: Pump, wake: Callable[[], None], trace: bool
    ) -> None:
        self.pump: Pump = pump
        self.handled = 0
        self.interrupted = False
        self._clock = clock
        self._closed = False
        # random() and a product take a fifth of randrange()'s time; its bias is far below anything
        # that matters here.
        self._draw = random.Random(seed).random
        self._idle: dict[Mailbox, None] = {}
        self._ready: list[Mailbox] = []
        self._trace = blake2b(digest_size=16) if trace else None
        self._untraced: list[str] = []
        self._traced_at: datetime | None = None
        self._instant = ""
        self._wake = wake

    @property
    def has_ready(self) -> bool:
        return bool(self._ready)

    @property
    def trace_hash(self) -> str:
        if self._trace is None:
            msg = "this runtime keeps no trace; make it with trace=True"
            raise RuntimeError(msg)
        self._trace_together()
        return self._trace.hexdigest()

    def schedule(self, mailbox: Mailbox) -> None:
        if self._closed:
            mailbox.abandon()
            return
        self._ready.append(mailbox)
        self._wake()

    def close(self) -> None:
        self._closed = True
        while self._ready:
            self._ready.pop().abandon()

    def run(self, done: Callable[[], bool]) -> bool:
        """Handle messages and run idle hooks until there are neither. True: `done()` came first."""
        while not self.run_messages(done):
            if not self._idle:
                return False
            while self._idle:
                mailbox = next(iter(self._idle))
                del self._idle[mailbox]
                mailbox.idle()
            if done():
                return True
        return True

    def run_messages(self, done: Callable[[], bool]) -> bool:
        """Handle messages until there are none. True: `done()` came first."""
        self.raise_if_interrupted()
        while self._ready:
            self._give_turn(self._pick())
            if done():
                return True
            if self.interrupted:
                self.raise_if_interrupted()
        return False

    def raise_if_interrupted(self) -> None:
        if self.interrupted:
            self.interrupted = False
            raise KeyboardInterrupt

    def _pick(self) -> Mailbox:
        # Other threads may append at any point in here: what is popped or replaced is always a
        # waiting mailbox.
        ready = self._ready
        count = len(ready)
        index = int(self._draw() * count) if count > 1 else 0
        mailbox = ready.pop()
        if index < len(ready):
            mailbox, ready[index] = ready[index], mailbox
        return mailbox

    def _give_turn(self, mailbox: Mailbox) -> None:
        self.handled += 1
        if self._trace is not None:
            self._record(mailbox)
        if mailbox.turn(1):
            self._ready.append(mailbox)
            return
        if mailbox.has_idle_hook:
            self._idle[mailbox] = None
        if mailbox.unschedule():
            self._ready.append(mailbox)

    def _record(self, mailbox: Mailbox) -> None:
        now = self._clock.now()
        if now is not self._traced_at:
            self._traced_at, self._instant = now, now.isoformat()
        name = getattr(mailbox.actor, "name", "")
        # One that has failed while it had nothing to do leaves an empty mailbox behind.
        kind = type(mailbox.next_message).__name__ if len(mailbox) else ""
        self._untraced.append(f"{self._instant}|{name}|{kind}\n")
        if len(self._untraced) >= _TRACED_TOGETHER:
            self._trace_together()

    def _trace_together(self) -> None:
        assert self._trace is not None  # noqa: S101 - asked by the callers
        self._trace.update("".join(self._untraced).encode())
        self._untraced.clear()
