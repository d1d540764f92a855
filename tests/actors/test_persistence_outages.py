"""A journal whose database is full or locked for a while. SQLite itself refuses; nothing is pretended."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import structlog.testing
from pykka import ActorRef

from genesis_actors.actors.persistence import PersistenceActor
from genesis_actors.messages.persistence import (
    ExecutionLoaded,
    HaltWritten,
    JournalBack,
    JournalDown,
    Journaled,
    JournalFailed,
    LoadExecution,
    StoreReport,
    WriteHalt,
)
from genesis_actors.runtime.simulation import DeterministicRuntime
from genesis_actors.runtime.system import Runtime
from genesis_actors.storage import recovery
from genesis_actors.storage.batch import Write
from genesis_actors.storage.database import Database
from genesis_actors.storage.journal import Failure
from genesis_actors.storage.migrations import migrate
from genesis_actors.storage.recovery import Identity
from genesis_actors.storage.writer import SqliteWriter
from genesis_actors.values import ExecutionId
from tests.helpers import Probe
from tests.storage.samples import NOON, execution_row, sent, whole_write, write

Answer: TypeAlias = Journaled | JournalFailed | ExecutionLoaded | HaltWritten
Outage: TypeAlias = Callable[[ActorRef[Any], Database], AbstractContextManager[None]]

SECOND = timedelta(seconds=1)
X1, X2 = ExecutionId("x1"), ExecutionId("x2")


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("genesis_actors.storage.sqlite.BUSY_SECONDS", 0.01)
    with structlog.testing.capture_logs():
        yield


@pytest.fixture
def database(tmp_path: Path) -> Database:
    found = Database.of(tmp_path / "genesis.db")
    migrate(found)
    recovery.claim(found, Identity("ab12", "paper", "paper", NOON))
    return found


@pytest.fixture
def simulation() -> Iterator[DeterministicRuntime]:
    with Runtime.deterministic(seed=1, start=NOON) as chosen:
        yield chosen


def the_actor(ref: ActorRef[Any]) -> PersistenceActor:
    found = ref.actor_inbox.actor  # pyright: ignore[reportAttributeAccessIssue]
    assert isinstance(found, PersistenceActor)
    return found


def connection_of(actor: PersistenceActor) -> sqlite3.Connection:
    writer = actor._opened._writer
    assert isinstance(writer, SqliteWriter)
    return writer._sqlite


@contextmanager
def full(ref: ActorRef[Any], _: Database) -> Generator[None]:
    """Let the database have no more pages than it has."""

    def limit(pages: int) -> None:
        connection_of(the_actor(ref)).execute(f"PRAGMA max_page_count = {pages}").fetchall()

    limit(1)  # Fewer than there are: SQLite takes as many as there are.
    yield
    limit(2**30)


@contextmanager
def locked(_: ActorRef[Any], database: Database) -> Generator[None]:
    """Let another program write for ever."""
    assert database.path
    other = sqlite3.connect(database.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    yield
    other.close()


@pytest.fixture(params=[full, locked])
def outage(request: pytest.FixtureRequest) -> Outage:
    return request.param


class Desk:
    """A journal's writer with somebody who hears its answers and its outages."""

    def __init__(self, simulation: DeterministicRuntime, database: Database) -> None:
        self.simulation = simulation
        self.answers = Probe[Answer]()
        self.outages = Probe[JournalDown | JournalBack]()
        self.actor = PersistenceActor.start(simulation, database, outages=self.outages)
        simulation.run_until_quiet()

    def tell(self, *messages: object) -> list[Answer]:
        """Return what is answered at once."""
        before = len(self.answers.messages)
        for message in messages:
            self.actor.tell(message)
        self.simulation.run_until_quiet()
        return self.answers.messages[before:]

    def write(self, name: str, version: int) -> Write:
        return whole_write(name, version, self.answers)

    def load(self, name: str) -> LoadExecution:
        return LoadExecution(ExecutionId(name), self.answers)

    def halt(self, reason: str | None) -> WriteHalt:
        return WriteHalt(reason is not None, reason, NOON, self.answers)


@pytest.fixture
def desk(simulation: DeterministicRuntime, database: Database) -> Desk:
    return Desk(simulation, database)


def large(desk: Desk, version: int) -> Write:
    """Return a write that needs pages of its own."""
    return write(
        "x1",
        version,
        [sent("x1")] * 400,
        execution=execution_row("x1"),
        snapshot="x" * 100_000,
        reply_to=desk.answers,
    )


def test_an_outage_fails_what_waits_and_what_comes_at_once(
    desk: Desk, database: Database, outage: Outage
) -> None:
    assert desk.tell(desk.write("x1", 1), desk.write("x2", 1)) == [
        Journaled(X1, 1),
        Journaled(X2, 1),
    ]
    with outage(desk.actor, database):
        waiting = desk.tell(large(desk, 2), desk.write("x2", 2))
        coming = desk.tell(desk.write("x1", 2), StoreReport(X1, NOON, "{}"))
        (halt,) = desk.tell(desk.halt("stop"))
        down = list(desk.outages.messages)
        desk.simulation.advance_to(NOON + 5 * SECOND)

    failed = [it for it in (*waiting, *coming) if isinstance(it, JournalFailed)]
    assert [(it.execution_id, it.first_version) for it in failed] == [(X1, 2), (X2, 2), (X1, 2)]
    assert all(it.is_outage for it in failed)
    assert isinstance(halt, HaltWritten)
    assert halt.error
    assert [type(it) for it in down] == [JournalDown]
    assert desk.outages.messages == down


def test_it_goes_on_where_it_was_when_the_database_takes_writes_again(
    desk: Desk, database: Database, outage: Outage
) -> None:
    desk.tell(desk.write("x1", 1), desk.write("x2", 1))
    with outage(desk.actor, database):
        desk.tell(large(desk, 2), desk.write("x2", 2))
        desk.simulation.advance_to(NOON + SECOND / 2)
    assert len(desk.outages.messages) == 1
    desk.simulation.advance_to(NOON + SECOND)

    assert desk.outages.messages[1:] == [JournalBack()]
    assert desk.tell(large(desk, 2), desk.write("x2", 2)) == [Journaled(X1, 401), Journaled(X2, 2)]
    assert desk.tell(desk.write("x2", 2))[0] != Journaled(X2, 2)
    numbers = database.read(
        lambda it: it.exec_driver_sql("SELECT count(*), max(sequence_number) FROM events").one()
    )
    assert tuple(numbers) == (403, 403)


def test_executions_are_loaded_while_nothing_can_be_written(
    desk: Desk, database: Database, outage: Outage
) -> None:
    desk.tell(desk.write("x1", 1))
    with outage(desk.actor, database):
        desk.tell(large(desk, 2))
        (loaded,) = desk.tell(desk.load("x1"))

    assert isinstance(loaded, ExecutionLoaded)
    assert loaded.snapshot == whole_write("x1", 1).snapshot
    assert loaded.error is None


def test_a_halt_that_cannot_be_written_is_an_outage(desk: Desk, database: Database) -> None:
    with locked(desk.actor, database):
        (halt,) = desk.tell(desk.halt("stop"))

    assert isinstance(halt, HaltWritten)
    assert halt.error
    assert [type(it) for it in desk.outages.messages] == [JournalDown]


def test_a_halt_and_its_end_are_durable(desk: Desk, database: Database) -> None:
    assert desk.tell(desk.write("x1", 1), desk.halt("flood")) == [
        Journaled(X1, 1),
        HaltWritten(is_halted=True),
    ]
    halted = recovery.load_identity(database)
    assert desk.tell(desk.halt(None)) == [HaltWritten(is_halted=False)]
    free = recovery.load_identity(database)

    assert halted
    assert free
    assert (halted.halted_at, halted.halt_reason) == (NOON, "flood")
    assert (free.halted_at, free.halt_reason) == (None, None)


def test_an_execution_is_loaded_behind_the_writes_that_came_before(desk: Desk) -> None:
    began, followed = whole_write("x1", 1, desk.answers), write("x1", 2, reply_to=desk.answers)

    assert desk.tell(began, followed, desk.load("x1"), desk.load("nobody")) == [
        Journaled(X1, 1),
        Journaled(X1, 2),
        ExecutionLoaded(X1, began.snapshot, (sent("x1"),)),
        ExecutionLoaded(ExecutionId("nobody"), None, ()),
    ]


def test_what_cannot_be_read_is_named(desk: Desk, database: Database) -> None:
    desk.tell(desk.write("x1", 1), write("x1", 2, reply_to=desk.answers))
    assert database.path
    with sqlite3.connect(database.path) as other:
        other.execute("UPDATE events SET event_data = '{}' WHERE aggregate_version = 2")
    other.close()

    (loaded,) = desk.tell(desk.load("x1"))

    assert isinstance(loaded, ExecutionLoaded)
    assert "cannot be read" in str(loaded.error)
    assert desk.actor.is_alive()


def test_questions_behind_its_end_are_answered(desk: Desk, database: Database) -> None:
    desk.tell(desk.write("x1", 1))
    stopping = desk.actor.stop(block=False)
    answers = desk.tell(desk.load("x1"), desk.halt("stop"))
    stopping.get()

    assert [type(it) for it in answers] == [ExecutionLoaded, HaltWritten]
    assert answers[1] == HaltWritten(is_halted=True)
    identity = recovery.load_identity(database)
    assert identity
    assert identity.halt_reason == "stop"


def test_questions_behind_its_failure_are_refused(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(PersistenceActor, "_write_halt", broken)

    answers = desk.tell(desk.halt("one"), desk.load("x1"), desk.halt("two"), desk.write("x1", 1))

    errors = [getattr(it, "error", None) for it in answers]
    assert [type(it) for it in answers] == [
        HaltWritten,
        JournalFailed,
        ExecutionLoaded,
        HaltWritten,
    ]
    assert all("broken" in str(it) for it in errors)


def test_an_abandoned_writer_leaves_nothing_but_what_was_durable(
    desk: Desk, database: Database
) -> None:
    desk.tell(desk.write("x1", 1))
    actor = the_actor(desk.actor)
    connection = connection_of(actor)
    actor.handle(desk.write("x1", 2))  # Taken, but not written yet.
    desk.actor.actor_inbox.abandon()  # pyright: ignore[reportAttributeAccessIssue]
    actor.abandon()

    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute("SELECT 1")
    assert desk.answers.messages == [Journaled(X1, 1)]
    assert len(recovery.load_events(database, "x1")) == 1
    assert Desk(desk.simulation, database).tell(whole_write("x1", 2)) == []
    assert len(recovery.load_events(database, "x1")) == 2


class Unlucky(PersistenceActor):
    """Its disk fails when its simulation says so."""

    is_broken = False

    def _write(self, batch: Sequence[Write]) -> Sequence[Failure | None]:
        if self.is_broken:
            return [Failure("broken", is_outage=True)] * len(batch)
        return super()._write(batch)

    def _probe(self) -> Failure | None:
        return Failure("broken", is_outage=True) if self.is_broken else super()._probe()


def test_a_simulation_may_bring_outages_of_its_own(
    simulation: DeterministicRuntime, database: Database
) -> None:
    answers, outages = Probe[Journaled | JournalFailed](), Probe[JournalDown | JournalBack]()
    ref = Unlucky.start(simulation, database, outages=outages)
    simulation.run_until_quiet()
    actor = the_actor(ref)
    assert isinstance(actor, Unlucky)
    actor.is_broken = True
    ref.tell(whole_write("x1", 1, answers))
    simulation.advance_to(NOON + 3 * SECOND)
    actor.is_broken = False
    simulation.advance_to(NOON + 4 * SECOND)
    ref.tell(whole_write("x1", 1, answers))
    simulation.run_until_quiet()

    assert answers.messages == [JournalFailed(X1, 1, "broken", is_outage=True), Journaled(X1, 1)]
    assert outages.messages == [JournalDown("broken"), JournalBack()]
