"""Small fakes and waits that tests of every layer share."""

import time
from collections.abc import Callable
from datetime import datetime
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

from pykka import ActorRef
from pykka.messages import ProxyGetAttr

from genesis_actors.runtime import VirtualClock

M = TypeVar("M")

PATIENCE_SECONDS = 20.0
"""How long a test waits for what must come. Reached only by a test that fails."""


def eventually(holds: Callable[[], bool], seconds: float = 30) -> None:
    """Wait until something holds that others bring about."""
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.02)


class Probe(Generic[M]):
    """An address that keeps what it is told."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[M] = SimpleQueue()
        self.messages: list[M] = []
        """Everything so far, also what `next` has returned."""

    def tell(self, message: M) -> None:
        self.messages.append(message)
        self._queue.put(message)

    def next(self, timeout: float = PATIENCE_SECONDS) -> M:
        """Return the oldest message not returned yet, and wait for it if need be."""
        try:
            return self._queue.get(timeout=timeout)
        except Empty:
            msg = f"no message; so far: {self.messages}"
            raise AssertionError(msg) from None


class ManualClock(VirtualClock):
    """A clock for a test to move; timers tell their messages in the moving thread."""

    def advance_to(self, when: datetime) -> None:
        while (due := self.next_due()) is not None and due <= when:
            self.release_next()
        self.move_to(when)


def settle(ref: ActorRef[Any]) -> None:
    """Return once the actor has handled everything that is in its inbox now."""
    ref.ask(ProxyGetAttr(attr_path=("actor_urn",)), timeout=PATIENCE_SECONDS)
