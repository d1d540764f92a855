"""A runtime: where actors run, what time it is for them, and where their randomness comes from."""

from __future__ import annotations

import random
import threading
import time
from abc import ABC, abstractmethod
from collections import Counter
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Protocol, Self, runtime_checkable

from pykka import ActorRef, ActorRegistry, Timeout

from genesis_actors.logs import get_logger
from genesis_actors.runtime.clock import Clock, SystemClock
from genesis_actors.runtime.dispatcher import Dispatcher, DispatcherKind
from genesis_actors.runtime.futures import blocking
from genesis_actors.runtime.mailbox import Mailbox
from genesis_actors.runtime.pinned import PinnedDispatcher
from genesis_actors.runtime.pooled import WorkerPool
from genesis_actors.runtime.wakers import Wakers

if TYPE_CHECKING:
    from genesis_actors.runtime.simulation import DeterministicRuntime

log = get_logger()

STOP_SECONDS: Final = 10.0


@runtime_checkable
class Abandoned(Protocol):
    """Something that holds a file, a thread or a socket, and can drop it without another word."""

    def abandon(self) -> None: ...


class Runtime(ABC):
    """What a `MessageActor` needs to run. The same actor classes run on all of them."""

    random: random.Random
    is_deterministic: bool
    is_stopping: bool = False
    """Whether its actors are being stopped, one after the other: that one of them is gone is no news any more."""

    @cached_property
    def failures(self) -> Counter[str]:
        """How often actors of each class have failed so far."""
        return Counter()

    @cached_property
    def wakers(self) -> Wakers:
        return Wakers()

    @property
    @abstractmethod
    def clock(self) -> Clock: ...

    @staticmethod
    def system(workers: int = 2) -> SystemRuntime:
        """Real threads and real time."""
        return SystemRuntime(workers)

    @staticmethod
    def deterministic(
        *, seed: int, start: datetime, speed: Decimal | None = None, trace: bool = False
    ) -> DeterministicRuntime:
        """One thread, virtual time: the seed fixes everything. See `DeterministicRuntime`."""
        from genesis_actors.runtime.simulation import DeterministicRuntime  # noqa: PLC0415 - it builds on this module

        return DeterministicRuntime(seed=seed, start=start, speed=speed, trace=trace)

    @abstractmethod
    def dispatcher_for(self, kind: DispatcherKind, *, name: str = "") -> Dispatcher:
        """The dispatcher for one new actor of that kind. The name serves for threads."""

    @abstractmethod
    def wait(self, event: threading.Event, timeout: float | None) -> bool:
        """Let time pass until the event is set.

        False: so many seconds, in the clock's time, went by.
        """

    @abstractmethod
    def start(self) -> None: ...

    @abstractmethod
    def stop(self) -> None:
        """Stop every actor that is left, the youngest first, then the runtime itself, for good."""

    def abandon(self) -> None:
        """Let go of every actor without its leave, as the end of the process would: no hook of an end is run.

        An actor that holds something of the system's has a method `abandon`, which drops it.
        """
        for ref in self.living():
            mailbox = ref.actor_inbox
            if isinstance(mailbox, Mailbox):
                actor = mailbox.actor
                mailbox.abandon()
                if isinstance(actor, Abandoned):
                    actor.abandon()

    @abstractmethod
    def owns(self, dispatcher: Dispatcher | None) -> bool: ...

    def living(self) -> list[ActorRef[Any]]:
        """This runtime's actors in the order in which they were started."""
        return [
            ref
            for ref in ActorRegistry.get_all()
            if self.owns(getattr(ref.actor_inbox, "dispatcher", None))
        ]

    def stop_actors(self, timeout: float = STOP_SECONDS) -> None:
        """Stop every actor, the youngest first; those of a higher `stop_stage` when all of the lower ones have."""
        self.is_stopping = True
        deadline = time.monotonic() + timeout
        living = self.living()
        for stage in sorted({_stage_of(ref) for ref in living}):
            stopping = [
                (ref, ref.stop(block=False)) for ref in reversed(living) if _stage_of(ref) == stage
            ]
            for ref, stopped in stopping:
                try:
                    stopped.get(timeout=max(deadline - time.monotonic(), 0.0))
                except Timeout:
                    log.warning("actor_did_not_stop", actor=str(ref))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


class SystemRuntime(Runtime):
    """A small pool of workers, a thread for each pinned actor, and the system's clock."""

    is_deterministic = False

    def __init__(self, workers: int = 2) -> None:
        self.random = random.Random(random.SystemRandom().getrandbits(128))
        self._pool = WorkerPool(workers)
        self._clock = SystemClock(backlog=self._backlog)
        self._pinned: list[PinnedDispatcher] = []
        self._is_running = False

    @property
    def clock(self) -> SystemClock:
        return self._clock

    def dispatcher_for(self, kind: DispatcherKind, *, name: str = "") -> Dispatcher:
        match kind:
            case "pooled":
                return self._pool.pooled
            case "shared":
                return self._pool.shared
            case "pinned":
                pinned = PinnedDispatcher(name or "pinned")
                self._pinned = [*(other for other in self._pinned if not other.is_over), pinned]
                return pinned

    def owns(self, dispatcher: Dispatcher | None) -> bool:
        return dispatcher in (self._pool.pooled, self._pool.shared) or dispatcher in self._pinned

    def _backlog(self) -> int:
        return len(self._pool.pooled.ready) + sum(pinned.backlog for pinned in self._pinned)

    def wait(self, event: threading.Event, timeout: float | None) -> bool:
        with blocking():
            return event.wait(timeout)

    def start(self) -> None:
        self._clock.start()
        self._pool.start()
        self._is_running = True

    def stop(self) -> None:
        self._clock.stop()
        if self._is_running:
            self.stop_actors()
        self._pool.stop()
        for pinned in self._pinned:
            pinned.join(1.0)


def _stage_of(ref: ActorRef[Any]) -> int:
    return getattr(ref.actor_class, "stop_stage", 0)
