from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pykka
import pytest
import structlog.testing
from structlog.typing import EventDict

from genesis_actors.actors import persistence
from genesis_actors.actors.persistence import OUTAGE_PROBED_EVERY, PATIENCE, PersistenceActor
from genesis_actors.messages.persistence import (
    AllWritten,
    AwaitWritten,
    JournalBack,
    JournalDown,
    Journaled,
    JournalFailed,
    LoadExecution,
    StoreMarket,
    StoreReport,
    WriteHalt,
    WriteJournal,
)
from genesis_actors.runtime.actor import ActorFailed
from genesis_actors.runtime.simulation import DeterministicRuntime
from genesis_actors.runtime.system import Runtime
from genesis_actors.storage import journal as journal_module
from genesis_actors.storage import queries, recovery
from genesis_actors.storage.batch import Write, whose
from genesis_actors.storage.database import Database
from genesis_actors.storage.journal import Failure, Journal
from genesis_actors.storage.migrations import migrate
from genesis_actors.storage.waiting import Waiting
from genesis_actors.storage.writer import SqliteWriter
from genesis_actors.values import ExecutionId, Symbol
from tests.helpers import Probe
from tests.storage.samples import NOON, execution_row, sent, whole_write, write

Answers = Probe[Journaled | JournalFailed]


@pytest.fixture(autouse=True)
def log() -> Iterator[list[EventDict]]:
    """Keep the log for the test: to print a failure with everything around it takes seconds."""
    with structlog.testing.capture_logs() as captured:
        yield captured


@pytest.fixture
def database(tmp_path: Path) -> Database:
    found = Database.of(tmp_path / "genesis.db")
    migrate(found)
    return found


@pytest.fixture(params=["deterministic", "system"])
def runtime(request: pytest.FixtureRequest) -> Iterator[Runtime]:
    chosen = (
        Runtime.system() if request.param == "system" else Runtime.deterministic(seed=1, start=NOON)
    )
    with chosen:
        yield chosen


@pytest.fixture
def simulation() -> Iterator[DeterministicRuntime]:
    with Runtime.deterministic(seed=1, start=NOON) as chosen:
        yield chosen


@pytest.fixture
def commits(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The batches that are written, each as the executions that its writes are of."""
    batches: list[list[str]] = []
    original = Journal.write

    async def recorded(this: Journal, batch: Sequence[Write]) -> list[Failure | None]:
        batches.append([whose(it) for it in batch])
        return await original(this, batch)

    monkeypatch.setattr(Journal, "write", recorded)
    return batches


def settle(runtime: Runtime, answers: Answers, count: int) -> None:
    done = threading.Event()
    tell = answers.tell

    def counted(message: Journaled | JournalFailed) -> None:
        tell(message)
        if len(answers.messages) >= count:
            done.set()

    answers.tell = counted
    if len(answers.messages) < count:
        assert runtime.wait(done, 20)


def test_every_write_is_answered_in_order_when_it_is_durable(
    runtime: Runtime, database: Database
) -> None:
    answers = Answers()
    actor = PersistenceActor.start(runtime, database)
    for version in range(1, 31):
        for name in ("x1", "x2"):
            actor.tell(whole_write(name, version, answers))
    settle(runtime, answers, 60)

    for name in ("x1", "x2"):
        versions = [
            it.version
            for it in answers.messages
            if isinstance(it, Journaled) and it.execution_id == name
        ]
        assert versions == list(range(1, 31))
        assert len(recovery.load_events(database, name)) == 30


def test_a_bad_write_is_answered_as_failed_and_the_others_are_not(
    runtime: Runtime, database: Database
) -> None:
    answers = Answers()
    actor = PersistenceActor.start(runtime, database)
    actor.tell(write("good", reply_to=answers))
    actor.tell(write("bad", 7, reply_to=answers))
    settle(runtime, answers, 2)

    failed = [it for it in answers.messages if isinstance(it, JournalFailed)]
    assert [(it.execution_id, it.first_version) for it in failed] == [("bad", 7)]
    assert Journaled(ExecutionId("good"), 1) in answers.messages


def test_a_whole_instant_is_one_commit(
    simulation: DeterministicRuntime, database: Database, commits: list[list[str]]
) -> None:
    actor = PersistenceActor.start(simulation, database)
    for number in range(40):
        actor.tell(write(f"x{number}"))
    simulation.run_until_quiet()

    assert [len(batch) for batch in commits] == [40]


def test_a_report_joins_the_batch(
    simulation: DeterministicRuntime,
    database: Database,
    commits: list[list[str]],
    log: list[EventDict],
) -> None:
    actor = PersistenceActor.start(simulation, database)
    actor.tell(write("x1", execution=execution_row("x1")))
    actor.tell(StoreReport(ExecutionId("x1"), NOON, "{}"))
    actor.tell(StoreReport(ExecutionId("nobody"), NOON, "{}"))  # Nobody waits for an answer.
    simulation.run_until_quiet()

    assert len(commits[0]) == 3
    assert queries.report(database, "x1") == "{}"
    assert [(it["event"], it["execution_id"]) for it in log] == [("write_failed", "nobody")]


def test_what_is_not_urgent_waits_for_company_but_not_for_long(
    simulation: DeterministicRuntime, database: Database, commits: list[list[str]]
) -> None:
    def tell_patient(name: str, at: timedelta) -> None:
        simulation.advance_to(NOON + at)
        actor.tell(write(name, is_urgent=False))
        simulation.run_until_quiet()

    actor = PersistenceActor.start(simulation, database)
    tell_patient("x1", PATIENCE * 0)
    tell_patient("x2", PATIENCE / 4)
    assert commits == []
    actor.tell(write("urgent"))
    simulation.run_until_quiet()
    assert commits.pop() == ["x1", "x2", "urgent"]

    tell_patient("x3", PATIENCE / 2)
    tell_patient("x4", PATIENCE)  # The timer for x1 and x2 is no concern of theirs.
    tell_patient("x5", PATIENCE * 1.4)
    assert commits == []
    simulation.advance_to(NOON + PATIENCE * 1.5)
    assert commits == [["x3", "x4", "x5"]]


def test_an_urgent_write_takes_along_what_waits_before_it(
    simulation: DeterministicRuntime, database: Database, commits: list[list[str]]
) -> None:
    answers = Answers()
    actor = PersistenceActor.start(simulation, database)
    for version, is_urgent in ((1, False), (2, True), (3, False)):
        actor.tell(write("x1", version, reply_to=answers, is_urgent=is_urgent))
    simulation.run_until_quiet()

    assert commits == [["x1"] * 3]
    assert answers.messages == [Journaled(ExecutionId("x1"), version) for version in (1, 2, 3)]


@pytest.mark.parametrize("asks", ["load", "await", "halt", "stop", "too much"])
def test_whoever_asks_for_what_is_durable_waits_for_nobodys_patience(
    simulation: DeterministicRuntime,
    database: Database,
    commits: list[list[str]],
    monkeypatch: pytest.MonkeyPatch,
    asks: str,
) -> None:
    actor = PersistenceActor.start(simulation, database)
    if asks == "too much":
        monkeypatch.setattr(persistence, "EVENTS_PER_COMMIT", 1)
    actor.tell(write("x1", is_urgent=False))
    match asks:
        case "load":
            actor.tell(LoadExecution(ExecutionId("x1"), Probe()))
        case "await":
            actor.tell(AwaitWritten(Symbol("BTC/USDT"), Probe()))
        case "halt":
            actor.tell(WriteHalt(is_halted=True, reason="test", at=NOON, reply_to=Probe()))
        case "stop":
            actor.stop(block=False)
        case _:
            pass
    simulation.run_until_quiet()

    assert commits == [["x1"]]


def test_what_one_commit_cannot_take_does_not_begin_to_wait_anew(
    simulation: DeterministicRuntime,
    database: Database,
    commits: list[list[str]],
) -> None:
    actor = PersistenceActor.start(simulation, database)
    actor.tell(write("x1", events=[sent("x1")] * 600, is_urgent=False))
    actor.tell(write("x1", 601, events=[sent("x1")], is_urgent=False))
    simulation.advance_to(NOON + PATIENCE)

    assert commits == [["x1"], ["x1"]]


def test_a_flood_of_one_execution_delays_only_itself(
    simulation: DeterministicRuntime, database: Database, commits: list[list[str]]
) -> None:
    actor = PersistenceActor.start(simulation, database)
    for version in range(1, 1301):
        actor.tell(write("flood", version))
    actor.tell(write("x1"))
    simulation.run_until_quiet()

    assert [len(batch) for batch in commits] == [500, 500, 301]
    assert commits[0][:3] == ["flood", "x1", "flood"]
    assert len(recovery.load_events(database, "flood")) == 1300


def test_what_comes_in_during_a_commit_is_in_the_next(
    simulation: DeterministicRuntime, database: Database, commits: list[list[str]]
) -> None:
    class Chatty:
        def tell(self, message: object) -> None:
            if isinstance(message, Journaled) and message.version == 1:
                actor.tell(write("late"))

    actor = PersistenceActor.start(simulation, database)
    for version in range(1, 1301):
        actor.tell(write("flood", version, reply_to=Chatty()))
    simulation.run_until_quiet()

    assert "late" not in commits[0]
    assert "late" in commits[1][:2]


@pytest.mark.parametrize("limit", ["EVENTS_PER_COMMIT", "WAITING_AT_MOST"])
def test_it_commits_before_it_is_idle_when_enough_is_waiting(
    simulation: DeterministicRuntime,
    database: Database,
    commits: list[list[str]],
    monkeypatch: pytest.MonkeyPatch,
    limit: str,
) -> None:
    monkeypatch.setattr(persistence, limit, 10)
    actor = PersistenceActor.start(simulation, database)
    for number in range(25):
        actor.tell(write(f"x{number}"))
    simulation.run_until_quiet()

    assert sum(map(len, commits)) == 25
    assert len(commits[0]) == 10


def test_what_waits_when_it_ends_becomes_durable(
    simulation: DeterministicRuntime, database: Database
) -> None:
    answers = Answers()
    actor = PersistenceActor.start(simulation, database)
    actor.tell(write("x1", reply_to=answers))
    stopping = actor.stop(block=False)
    actor.tell(write("x1", 2, reply_to=answers))  # Behind the stop.
    simulation.run_until_quiet()
    stopping.get()

    assert answers.messages == [Journaled(ExecutionId("x1"), 1), Journaled(ExecutionId("x1"), 2)]
    assert len(recovery.load_events(database, "x1")) == 2


def test_an_ask_behind_its_end_is_refused_by_pykka(
    simulation: DeterministicRuntime, database: Database
) -> None:
    actor = PersistenceActor.start(simulation, database)
    stopping = actor.stop(block=False)
    asked = actor.ask(write("x1"), block=False)
    stopping.get()

    with pytest.raises(pykka.ActorDeadError):
        asked.get()


def fail_commits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every commit fail, and every look at what became of it."""
    disk = sqlite3.OperationalError("disk I/O error")

    def broken(*_: object) -> None:
        raise disk

    monkeypatch.setattr(SqliteWriter, "_commit", broken)
    monkeypatch.setattr(journal_module.Journal, "_reconnect", broken)


def test_nobody_is_left_waiting_when_the_outcome_is_uncertain(
    simulation: DeterministicRuntime, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers, outages = Answers(), Probe[JournalDown | JournalBack]()
    actor = PersistenceActor.start(simulation, database, outages=outages)
    simulation.run_until_quiet()
    fail_commits(monkeypatch)
    monkeypatch.setattr(persistence, "EVENTS_PER_COMMIT", 2)
    for name in ("x1", "x2", "x3"):
        actor.tell(write(name, reply_to=answers))
    actor.tell(write("x4", reply_to=answers))
    simulation.run_until_quiet()

    assert [type(it) for it in answers.messages] == [JournalFailed] * 4
    assert {it.execution_id for it in answers.messages} == {"x1", "x2", "x3", "x4"}
    down = outages.next()
    assert isinstance(down, JournalDown)
    assert "cannot be read" in down.error
    simulation.advance_to(simulation.clock.now() + 3 * OUTAGE_PROBED_EVERY)
    assert outages.messages == [down], "it is still down"
    monkeypatch.undo()
    simulation.advance_to(simulation.clock.now() + OUTAGE_PROBED_EVERY)
    assert outages.next() == JournalBack()
    actor.tell(write("x5", reply_to=answers))
    simulation.run_until_quiet()
    assert answers.messages[-1] == Journaled(ExecutionId("x5"), 1)


def test_nobody_is_left_waiting_when_the_last_commit_fails(
    simulation: DeterministicRuntime, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = Answers()
    actor = PersistenceActor.start(simulation, database)
    simulation.run_until_quiet()
    fail_commits(monkeypatch)
    monkeypatch.setattr(persistence, "EVENTS_PER_COMMIT", 1)
    for name in ("x1", "x2"):
        actor.tell(write(name, reply_to=answers))
    stopping = actor.stop(block=False)
    simulation.run_until_quiet()
    stopping.get()

    assert [type(it) for it in answers.messages] == [JournalFailed] * 2


def test_a_database_that_cannot_be_opened_is_the_actors_failure(
    simulation: DeterministicRuntime, tmp_path: Path
) -> None:
    answers, failures = Answers(), Probe[ActorFailed]()
    actor = PersistenceActor.start(simulation, tmp_path / "no" / "x.db", supervisor=failures)
    actor.tell(write("x1", reply_to=answers))
    simulation.run_until_quiet()

    assert "there is no database" in failures.next().error
    assert isinstance(answers.next(), JournalFailed)


def test_a_host_with_a_running_event_loop_may_drive_it(
    simulation: DeterministicRuntime, database: Database
) -> None:
    answers = Answers()

    async def host() -> None:
        actor = PersistenceActor.start(simulation, database)
        actor.tell(write("x1", reply_to=answers))
        simulation.run_until_quiet()
        actor.stop()

    asyncio.run(host())

    assert answers.messages == [Journaled(ExecutionId("x1"), 1)]


def test_writes_are_taken_in_turns_and_in_order() -> None:
    waiting = Waiting()
    for name in "aaab":
        waiting.add(write(name, 1 + waiting.events))
    waiting.add(write("c", 1, [sent("c")] * 5))
    waiting.add(StoreReport(ExecutionId("b"), NOON, "{}"))
    total = waiting.events
    first, rest = waiting.take(7), waiting.take(100)

    assert total == 10
    assert [whose(it) for it in first] == ["a", "b", "c"]
    assert [whose(it) for it in rest] == ["a", "b", "a"]
    assert [it.first_version for it in [*first, *rest] if isinstance(it, WriteJournal)][:1] == [1]
    assert (waiting.events, waiting.executions, bool(waiting)) == (0, 0, False)


def test_who_waits_for_what_was_told_before_hears_when_it_can_be_read(
    simulation: DeterministicRuntime, database: Database, commits: list[list[str]]
) -> None:
    answers, symbol = Probe[AllWritten](), Symbol("BTC/USDT")
    actor = PersistenceActor.start(simulation, database)
    actor.tell(StoreMarket(symbol, NOON, NOON + timedelta(seconds=60), "{}"))
    actor.tell(AwaitWritten(symbol, answers))
    actor.tell(write("x1"))
    simulation.run_until_quiet()

    assert len(commits) == 1
    assert answers.messages == [AllWritten(symbol)]
