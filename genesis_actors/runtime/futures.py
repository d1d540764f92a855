"""The future that answers an ask: it waits well on a pool's worker and in a simulation."""

import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

from pykka import ThreadingFuture, Timeout

from genesis_actors.runtime.dispatcher import Pump

T = TypeVar("T")


class Lender(Protocol):
    """A pool that can replace a worker while that one waits."""

    def lend_worker(self) -> None: ...
    def return_worker(self) -> None: ...


class _Here(threading.local):
    pool: Lender | None = None


_here = _Here()


def enter_pool(pool: Lender) -> None:
    """Mark the calling thread as a worker of this pool."""
    _here.pool = pool


@contextmanager
def blocking() -> Generator[None]:
    """Let another worker stand in while this thread waits; without effect outside a pool.

    Our own actors never wait, but Pykka's API invites to it, and a pool whose workers all wait for
    each other's actors would hang for good.
    """
    pool = _here.pool
    if pool is None:
        yield
        return
    pool.lend_worker()
    try:
        yield
    finally:
        pool.return_worker()


class ActorFuture(ThreadingFuture[T]):
    pump: Pump | None = None
    """Set by the mailbox of a simulated actor: nobody else would run the actor while we wait."""

    def is_set(self) -> bool:
        return self._result is not None

    def get(self, *, timeout: float | None = None) -> Any:  # noqa: ANN401 - as in Pykka
        if self._result is not None or self._get_hook is not None:
            return super().get(timeout=timeout)
        if self.pump is not None:
            if not self.pump(self.is_set, timeout):
                msg = (
                    "nothing is left to do that could answer"
                    if timeout is None
                    else f"{timeout} virtual seconds"
                )
                raise Timeout(msg)
            return super().get()
        with blocking():
            return super().get(timeout=timeout)
