"""Makes journals durable, many writes to a transaction, and answers each writer when its events are safe."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Any, ClassVar, Final, TypeAlias, TypeVar

import structlog

from genesis_actors.messages.base import Address
from genesis_actors.messages.persistence import (
    Journaled,
    JournalFailed,
    PersistenceMessage,
    StoreReport,
    WriteJournal,
)
from genesis_actors.runtime.actor import ActorFailed, MessageActor
from genesis_actors.runtime.dispatcher import DispatcherKind
from genesis_actors.runtime.system import Runtime
from genesis_actors.storage.batch import last_version
from genesis_actors.storage.database import Database, Target
from genesis_actors.storage.journal import Journal

T = TypeVar("T")

log = structlog.get_logger()

EVENTS_PER_COMMIT: Final = 500
WAITING_AT_MOST: Final = 20 * EVENTS_PER_COMMIT


@dataclass(frozen=True, slots=True)
class KeepCommitting:
    """To ourselves: more is waiting than one commit takes, and what has arrived meanwhile comes first."""


_Accepted: TypeAlias = PersistenceMessage | KeepCommitting


class PersistenceActor(MessageActor[_Accepted]):
    """The only writer of the database. It waits for the disk, so it has a thread, an event loop and an engine.

    Every `WriteJournal` is answered once, in order, also when the actor ends or fails.
    """

    dispatcher_kind: ClassVar[DispatcherKind] = "pinned"

    def __init__(
        self,
        runtime: Runtime,
        database: Target,
        *,
        name: str = "persistence",
        supervisor: Address[ActorFailed] | None = None,
    ) -> None:
        super().__init__(runtime, name=name, supervisor=supervisor)
        self._database = Database.of(database)
        self._waiting = Waiting()
        self._runner: asyncio.Runner | None = None
        self._journal: Journal | None = None

    def begin(self) -> None:
        self._runner = asyncio.Runner()
        try:
            self._journal = self._run(Journal.open(self._database))
        except BaseException as error:
            self._give_up(error)  # Pykka reports no failure to start.
            raise

    def handle(self, message: _Accepted) -> None:
        if isinstance(message, KeepCommitting):
            return  # The inbox is empty behind it, or what is there comes first.
        self._waiting.add(message)
        if self._waiting.executions >= EVENTS_PER_COMMIT or self._waiting.events >= WAITING_AT_MOST:
            self._commit()

    def on_idle(self) -> None:
        if self._waiting:
            self._commit()
        if self._waiting:
            self.send(self.actor_ref, KeepCommitting())

    def end(self) -> None:
        self._take_inbox()
        try:
            while self._waiting:
                self._commit()
        finally:
            self._fail_waiting("the engine has stopped")
            self._close()

    def on_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        del exception_type, traceback  # The base class has logged them.
        self._give_up(exception_value)

    def _give_up(self, error: BaseException | None) -> None:
        self._take_inbox()
        self._fail_waiting(f"the journal's writer has failed: {error}")
        self._close()

    def _commit(self) -> None:
        assert self._journal is not None  # noqa: S101 - made in `begin`, before the first message
        batch = self._waiting.take(EVENTS_PER_COMMIT)
        try:
            errors = self._run(self._journal.write(batch))
        except BaseException as error:
            # Their writers read the journal again, which knows what became durable.
            for write in batch:
                self._answer(write, f"the outcome is uncertain: {error}")
            raise
        for write, error in zip(batch, errors, strict=True):
            self._answer(write, error)

    def _answer(self, write: PersistenceMessage, error: str | None) -> None:
        if error is not None:
            log.error("write_failed", execution_id=write.execution_id, error=error)
        if isinstance(write, StoreReport):
            return
        if error is None:
            self.send(write.reply_to, Journaled(write.execution_id, last_version(write)))
        else:
            self.send(write.reply_to, JournalFailed(write.execution_id, write.first_version, error))

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        assert self._runner is not None  # noqa: S101 - made in `begin`, before the first message
        # Not through the runner's own `run`, which makes a context for each call: there are many.
        return _outside_of_loops(partial(self._runner.get_loop().run_until_complete, work))

    def _take_inbox(self) -> None:
        """Take over the writes that came in behind our end: nobody else would answer them."""
        for _ in range(len(self.actor_inbox)):
            envelope = self.actor_inbox.get()
            if envelope.reply_to is None and isinstance(
                envelope.message, WriteJournal | StoreReport
            ):
                self._waiting.add(envelope.message)
            else:
                self.actor_inbox.put(envelope)

    def _fail_waiting(self, error: str) -> None:
        while self._waiting:
            for write in self._waiting.take(EVENTS_PER_COMMIT):
                self._answer(write, error)

    def _close(self) -> None:
        if self._runner is None:
            return
        try:
            if self._journal is not None:
                self._run(self._journal.close())
        finally:
            _outside_of_loops(self._runner.close)
            self._runner = self._journal = None


def _outside_of_loops(work: Callable[[], T]) -> T:
    """Do `work` here, or beside us where this thread already runs a host's event loop, as a simulation's may."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return work()
    with ThreadPoolExecutor(1) as executor:
        return executor.submit(work).result()


class Waiting:
    """Writes in order, taken in turns: one from each execution, so that a flood of one delays only itself."""

    def __init__(self) -> None:
        self.events = 0
        self._by_execution: OrderedDict[str, deque[PersistenceMessage]] = OrderedDict()

    def __bool__(self) -> bool:
        return bool(self._by_execution)

    @property
    def executions(self) -> int:
        return len(self._by_execution)

    def add(self, write: PersistenceMessage) -> None:
        self._by_execution.setdefault(write.execution_id, deque()).append(write)
        self.events += _weight(write)

    def take(self, events: int) -> list[PersistenceMessage]:
        """Remove and return about so many events' writes, each execution's own in their order."""
        taken: list[PersistenceMessage] = []
        while self._by_execution and events > 0:
            execution_id, writes = self._by_execution.popitem(last=False)
            write = writes.popleft()
            taken.append(write)
            events -= _weight(write)
            self.events -= _weight(write)
            if writes:
                self._by_execution[execution_id] = writes
        return taken


def _weight(write: PersistenceMessage) -> int:
    return max(1, len(write.events)) if isinstance(write, WriteJournal) else 1
