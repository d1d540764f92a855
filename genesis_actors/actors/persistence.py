"""Makes journals durable, many writes to a transaction, and answers each writer when its events are safe.

When the database takes no writes, everything is answered as failed at once, and by and by it is tried again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from types import TracebackType
from typing import Any, ClassVar, Final, TypeAlias, TypeVar, assert_never

from pykka import ActorDeadError

from genesis_actors.logs import get_logger
from genesis_actors.messages.base import Address
from genesis_actors.messages.persistence import (
    AccountNotWritten,
    AccountWritten,
    AllWritten,
    AwaitWritten,
    ExecutionLoaded,
    HaltWritten,
    JournalBack,
    JournalDown,
    Journaled,
    JournalFailed,
    LoadExecution,
    NoteTrades,
    PersistenceMessage,
    StoreDepth,
    StoreMarket,
    StoreReport,
    WriteAccount,
    WriteHalt,
    WriteJournal,
)
from genesis_actors.runtime.actor import ActorFailed, MessageActor
from genesis_actors.runtime.dispatcher import DispatcherKind
from genesis_actors.runtime.interpreter import hurried
from genesis_actors.runtime.system import Runtime
from genesis_actors.storage.batch import Write, last_version, whose
from genesis_actors.storage.database import Database, Target
from genesis_actors.storage.errors import OutcomeUncertain, StorageError
from genesis_actors.storage.journal import Failure, Journal
from genesis_actors.storage.recovery import load_open_execution
from genesis_actors.storage.waiting import Waiting

T = TypeVar("T")

log = get_logger()

EVENTS_PER_COMMIT: Final = 500
FEW: Final = 16
"""So few executions' writes are committed in a hurry: where there is much to do, more of them come together."""
WAITING_AT_MOST: Final = 20 * EVENTS_PER_COMMIT
PATIENCE: Final = timedelta(milliseconds=100)
"""So long a write that is not urgent waits for one that is, whose transaction it shares."""
OUTAGE_PROBED_EVERY: Final = timedelta(seconds=1)
WRITER_HAS_FAILED: Final = "the journal's writer has failed"


@dataclass(frozen=True, slots=True)
class KeepCommitting:
    """To ourselves: more is waiting than one commit takes, and what has arrived meanwhile comes first."""


@dataclass(frozen=True, slots=True)
class CommitPatient:
    """To ourselves: what is not urgent may have waited long enough."""


@dataclass(frozen=True, slots=True)
class ProbeDatabase:
    """To ourselves: it is time to see whether the database takes writes again."""


_Question: TypeAlias = LoadExecution | WriteHalt
_Accepted: TypeAlias = PersistenceMessage | KeepCommitting | CommitPatient | ProbeDatabase


class PersistenceActor(MessageActor[_Accepted]):
    """The only writer of the database. It waits for the disk, so it has a thread, an event loop and a connection.

    Everything is answered once, in order, also when the actor ends or fails. `outages` hears when the database takes
    no writes, and when it does again.
    """

    dispatcher_kind: ClassVar[DispatcherKind] = "pinned"
    stop_stage: ClassVar[int] = 2  # What the others write at their ends is durable, too.

    def __init__(
        self,
        runtime: Runtime,
        database: Target,
        *,
        name: str = "persistence",
        supervisor: Address[ActorFailed] | None = None,
        outages: Address[JournalDown | JournalBack] | None = None,
    ) -> None:
        super().__init__(runtime, name=name, supervisor=supervisor)
        self._database = Database.of(database)
        self._outages = outages
        self._outage: Failure | None = None
        self._waiting = Waiting()
        self._patient_until: datetime | None = None
        self._has_timer = False
        self._asked: deque[_Question] = deque()  # behind our end
        self._awaited: list[AwaitWritten] = []
        self._runner: asyncio.Runner | None = None
        self._journal: Journal | None = None

    def begin(self) -> None:
        if self._database.path is None:
            self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        try:
            self._journal = self._run(self._open_journal())
        except BaseException as error:
            self._give_up(error)  # Pykka reports no failure to start.
            raise

    def handle(self, message: _Accepted) -> None:
        match message:
            case (
                WriteJournal()
                | WriteAccount()
                | StoreReport()
                | StoreMarket()
                | StoreDepth()
                | NoteTrades()
            ):
                self._on_write(message)
            case AwaitWritten():
                self._awaited.append(message)
            case LoadExecution():
                self._commit_all()
                self.send(message.reply_to, self._loaded(message))
            case WriteHalt():
                self._commit_all()
                self._on_write_halt(message)
            case CommitPatient():
                self._on_commit_patient()
            case ProbeDatabase():
                self._on_probe_database()
            case KeepCommitting():
                pass  # The inbox is empty behind it, or what is there comes first.
            case _:
                assert_never(message)

    @property
    def backlog(self) -> int:
        # What may wait for company is no backlog.
        return len(self.actor_inbox) + (self._waiting.executions if self._waiting.is_urgent else 0)

    def on_idle(self) -> None:
        if self._waiting:
            if not (self._waiting.is_urgent or self._awaited):
                self._wait_for_company()
                return
            self._commit()
        if self._waiting:
            self.send(self.actor_ref, KeepCommitting())
            return
        self._patient_until = None
        while self._awaited:
            awaited = self._awaited.pop(0)
            with suppress(ActorDeadError):  # Who asked may have ended: then nobody needs it.
                awaited.reply_to.tell(AllWritten(awaited.symbol))

    def end(self) -> None:
        self._take_inbox()
        try:
            self._commit_all()
            while self._asked:
                self.handle(self._asked.popleft())
        finally:
            self._refuse_waiting("the engine has stopped")
            self._close()

    def on_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        del exception_type, traceback  # The base class has logged them.
        self._give_up(exception_value)

    def abandon(self) -> None:
        """Drop everything as the end of the process would: nothing more is written or answered.

        For simulations, between two messages.
        """
        self._waiting = Waiting()
        self._close()

    async def _open_journal(self) -> Journal:
        """Open the journal. A simulation may bring another one."""
        return await Journal.open(self._database)

    def _write(self, batch: Sequence[Write]) -> Sequence[Failure | None]:
        """Make `batch` durable; return for each write why it is not. A simulation may let it fail."""
        return self._run(self._opened.write(batch))

    def _write_halt(self, at: datetime | None, reason: str | None) -> Failure | None:
        return self._run(self._opened.write_halt(at, reason))

    def _probe(self) -> Failure | None:
        """Return why the database still takes no writes, None where it does."""
        return self._run(self._opened.probe())

    def _on_write(self, write: Write) -> None:
        if self._outage is not None:
            self._answer(write, self._outage)
            return
        self._waiting.add(write)
        if self._waiting.executions >= EVENTS_PER_COMMIT or self._waiting.events >= WAITING_AT_MOST:
            self._commit()

    def _on_write_halt(self, message: WriteHalt) -> None:
        failure = self._outage
        if failure is None:
            at, reason = (message.at, message.reason) if message.is_halted else (None, None)
            try:
                failure = self._write_halt(at, reason)
            except BaseException as error:
                self.send(message.reply_to, HaltWritten(message.is_halted, str(error)))
                raise
            if failure is not None:
                self._go_down(failure)
        what = None if failure is None else failure.error
        self.send(message.reply_to, HaltWritten(message.is_halted, what))

    def _on_probe_database(self) -> None:
        if self._probe() is not None:
            self._probe_later()
            return
        log.warning("journal_back")
        self._outage = None
        if self._outages is not None:
            self.send(self._outages, JournalBack())

    def _wait_for_company(self) -> None:
        if self._patient_until is None:
            self._patient_until = self.clock.now() + PATIENCE
        if not self._has_timer:
            self._has_timer = True
            self.wake_at(self._patient_until, CommitPatient())

    def _on_commit_patient(self) -> None:
        self._has_timer = False
        # The timer may be one that was set for earlier ones, which have found company since.
        if self._patient_until is not None and self._patient_until <= self.clock.now():
            self._waiting.is_urgent = True

    def _commit_all(self) -> None:
        while self._waiting:
            self._commit()

    def _commit(self) -> None:
        batch = self._waiting.take(EVENTS_PER_COMMIT)
        try:
            with hurried() if len(batch) <= FEW else nullcontext():
                failures = self._write(batch)
        except OutcomeUncertain as error:
            # An outage like others: when it is over, the journal is read again and knows what has become durable.
            failures = [Failure(str(error), is_outage=True)] * len(batch)
        except BaseException as error:
            # Their writers read the journal again, which knows what became durable.
            failure = Failure(f"the outcome is uncertain: {error}", is_outage=True)
            for write in batch:
                self._answer(write, failure)
            raise
        for write, failure in zip(batch, failures, strict=True):
            self._answer(write, failure)
        outage = next((it for it in failures if it is not None and it.is_outage), None)
        if outage is not None:
            self._go_down(outage)

    def _go_down(self, outage: Failure) -> None:
        log.error("journal_down", error=outage.error)
        self._outage = outage
        self._fail_waiting(outage)
        if self._outages is not None:
            self.send(self._outages, JournalDown(outage.error))
        self._probe_later()

    def _probe_later(self) -> None:
        self.wake_at(self.clock.now() + OUTAGE_PROBED_EVERY, ProbeDatabase())

    def _loaded(self, message: LoadExecution) -> ExecutionLoaded:
        try:
            found = load_open_execution(self._database, message.execution_id)
        except (StorageError, ValueError) as error:  # ValueError: no text that a database takes
            return ExecutionLoaded(message.execution_id, None, (), str(error))
        if found is None:
            return ExecutionLoaded(message.execution_id, None, ())
        return ExecutionLoaded(message.execution_id, found.snapshot, found.tail)

    def _answer(self, write: Write, failure: Failure | None) -> None:
        if failure is not None:
            is_market = isinstance(write, NoteTrades | StoreMarket)
            kind = "symbol" if is_market else "execution_id"
            log.error("write_failed", **{kind: whose(write)}, error=failure.error)
        if isinstance(write, WriteJournal):
            answer = (
                Journaled(write.execution_id, last_version(write))
                if failure is None
                else JournalFailed(
                    write.execution_id, write.first_version, failure.error, failure.is_outage
                )
            )
            self.send(write.reply_to, answer)
        elif isinstance(write, WriteAccount):
            answer = (
                AccountWritten(last_version(write))
                if failure is None
                else AccountNotWritten(failure.error, failure.is_outage)
            )
            self.send(write.reply_to, answer)

    @property
    def _opened(self) -> Journal:
        assert self._journal is not None  # noqa: S101 - made in `begin`, before the first message
        return self._journal

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run `work` to its end. What writes to a file waits for nothing that an event loop would have to bring."""
        if self._runner is None:
            return _without_loop(work)
        # Not through the runner's own `run`, which makes a context for each call: there are many.
        return _outside_of_loops(partial(self._runner.get_loop().run_until_complete, work))

    def _take_inbox(self) -> None:
        """Take over what came in behind our end: nobody else would answer it."""
        for _ in range(len(self.actor_inbox)):
            envelope = self.actor_inbox.get()
            message = envelope.message
            if envelope.reply_to is not None:
                self.actor_inbox.put(envelope)
            elif isinstance(message, Write):
                self._waiting.add(message)
            elif isinstance(message, LoadExecution | WriteHalt):
                self._asked.append(message)
            else:
                self.actor_inbox.put(envelope)

    def _give_up(self, error: BaseException | None) -> None:
        self._take_inbox()
        self._refuse_waiting(f"{WRITER_HAS_FAILED}: {error}")
        self._close()

    def _refuse_waiting(self, error: str) -> None:
        self._fail_waiting(Failure(error, is_outage=True))
        while self._asked:
            match self._asked.popleft():
                case LoadExecution() as asked:
                    loaded = ExecutionLoaded(asked.execution_id, None, (), error)
                    self.send(asked.reply_to, loaded)
                case WriteHalt() as asked:
                    self.send(asked.reply_to, HaltWritten(asked.is_halted, error))

    def _fail_waiting(self, failure: Failure) -> None:
        while self._waiting:
            for write in self._waiting.take(EVENTS_PER_COMMIT):
                self._answer(write, failure)

    def _close(self) -> None:
        journal, self._journal = self._journal, None
        try:
            if journal is not None:
                self._run(journal.close())
        finally:
            runner, self._runner = self._runner, None
            if runner is not None:
                _outside_of_loops(runner.close)


def _without_loop(work: Coroutine[Any, Any, T]) -> T:
    try:
        work.send(None)
    except StopIteration as done:
        return done.value
    work.close()
    raise RuntimeError("a database in a file must not wait for an event loop")


def _outside_of_loops(work: Callable[[], T]) -> T:
    """Do `work` here, or beside us where this thread already runs a host's event loop, as a simulation's may."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return work()
    with ThreadPoolExecutor(1) as executor:
        return executor.submit(work).result()
