from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from inspect import isawaitable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from genesis_actors.messages.account import TierChanged
from genesis_actors.messages.persistence import StoreReport, WriteAccount
from genesis_actors.storage import journal as journal_module
from genesis_actors.storage import queries, recovery, sqlite
from genesis_actors.storage.database import Database
from genesis_actors.storage.errors import DatabaseUnusable, OutcomeUncertain, SchemaTooOld
from genesis_actors.storage.journal import Failure, Journal
from genesis_actors.storage.writer import SqliteWriter, Writer
from genesis_actors.values import ExecutionId, TradingTier
from tests.helpers import Probe
from tests.storage.samples import (
    NOON,
    execution_row,
    fill_row,
    filled,
    order_row,
    sent,
    slice_row,
    whole_write,
    write,
)


@asynccontextmanager
async def opened(database: Database) -> AsyncIterator[Journal]:
    journal = await Journal.open(database)
    try:
        yield journal
    finally:
        await journal.close()


def written(database: Database, *batches: list[Any]) -> list[list[Failure | None]]:
    """Write the batches one after the other, and return what each of them was answered."""

    async def main() -> list[list[Failure | None]]:
        async with opened(database) as journal:
            return [await journal.write(batch) for batch in batches]

    return asyncio.run(main())


def events(database: Database) -> list[tuple[int, str, int, int]]:
    query = "SELECT sequence_number, aggregate_id, aggregate_version, engine_epoch FROM events"
    return database.read(
        lambda connection: [tuple(row) for row in connection.exec_driver_sql(query)]
    )


def test_events_and_rows_become_durable_together(database: Database) -> None:
    wanted = whole_write("x1", 1)

    assert written(database, [wanted]) == [[None]]
    assert queries.execution(database, "x1") == wanted.execution
    assert tuple(queries.slices(database, "x1")) == wanted.slices
    assert tuple(queries.child_orders(database, "x1")) == wanted.orders
    assert tuple(queries.trades(database, "x1")) == wanted.fills
    assert recovery.load_events(database, "x1") == wanted.events
    assert [it.event_type for it in queries.journal(database, "x1")] == ["ChildFilled"]


def test_rows_replace_those_with_the_same_key_and_the_last_of_a_batch_wins(
    database: Database,
) -> None:
    batch = [whole_write("x1", version) for version in (1, 2, 3)]

    assert written(database, batch, [whole_write("x1", 4)]) == [[None] * 3, [None]]
    assert queries.execution(database, "x1").filled_quantity == Decimal("0.4")
    assert len(queries.trades(database, "x1")) == 4
    (found,) = recovery.load_open_executions(database)
    assert (found.version, found.snapshot_version, found.tail) == (4, 4, ())


def test_a_venues_trade_is_counted_once(database: Database) -> None:
    again = write("x1", 2, fills=[replace(fill_row("x1", "t1"), quantity=Decimal(99))])
    first = write("x1", 1, execution=execution_row("x1"), fills=[fill_row("x1", "t1")])

    assert written(database, [first], [again]) == [[None], [None]]
    assert queries.trades(database, "x1") == [fill_row("x1", "t1")]


def test_sequence_numbers_have_no_gaps_over_failures_and_restarts(database: Database) -> None:
    written(database, [write("x1"), write("x1", 5), write("x2")], [write("x1", 2)])
    written(database, [write("x2", 2), write("x2", 2)])

    numbers = [number for number, *_ in events(database)]
    assert numbers == [1, 2, 3, 4]


def test_every_engine_that_writes_has_an_epoch_of_its_own(database: Database) -> None:
    recovery.claim(database, recovery.Identity("ab12", "paper", "paper", NOON))
    written(database)  # Opened, but nothing written.
    written(database, [write("x1")])
    written(database, [write("x1", 2)], [write("x1", 3)])

    assert [epoch for *_, epoch in events(database)] == [1, 2, 2]
    identity = recovery.load_identity(database)
    assert identity
    assert identity.engine_epoch == 2


BAD_WRITES: dict[str, Callable[[], Any]] = {
    "a version that is there already": lambda: write("bad", 1),
    "a version that leaves a gap": lambda: write("bad", 3),
    "an unknown state": lambda: write("bad", 2, execution=execution_row("bad", state="DREAMING")),
    "an unknown side": lambda: write(
        "bad", 2, execution=replace(execution_row("bad"), side="both")
    ),
    "a flag that is none": lambda: write(
        "bad", 2, execution=replace(execution_row("bad"), early_completion=2)
    ),
    "an unknown status of a slice": lambda: write("bad", 2, slices=[slice_row("bad", 1, "LOST")]),
    "an unknown status of an order": lambda: write(
        "bad", 2, orders=[replace(order_row("bad"), status="LOST")]
    ),
    "an unknown liquidity": lambda: write(
        "bad", 2, fills=[replace(fill_row("bad", "t1"), liquidity="dark")]
    ),
    "money as a float": lambda: write(
        "bad",
        2,
        execution=replace(execution_row("bad"), quantity=0.1),
    ),
    "a seed that is too large": lambda: write(
        "bad", 2, execution=replace(execution_row("bad"), seed=2**70)
    ),
    "an unknown execution": lambda: write("bad", 2, orders=[order_row("nobody")]),
    "another execution's event": lambda: write("bad", 2, [sent("good")]),
    "text that is none": lambda: write("bad", 2, [sent("bad", "\ud800")]),
    "a type that no column has": lambda: write(
        "bad",
        2,
        execution=replace(execution_row("bad"), symbol=object()),
    ),
}


@pytest.mark.parametrize("name", BAD_WRITES)
def test_a_bad_write_fails_alone_with_what_follows_on_it(database: Database, name: str) -> None:
    began = [
        write("bad", execution=execution_row("bad")),
        write("good", execution=execution_row("good")),
    ]
    batch = [write("good", 2), BAD_WRITES[name](), write("new"), write("bad", 4), write("good", 3)]

    first, errors, alone, later = written(
        database, began, batch, [BAD_WRITES[name]()], [write("bad", 2)]
    )

    assert first == [None] * 2
    assert [error is None for error in errors] == [True, False, True, False, True]
    assert alone[0]
    assert later == [None]
    assert len(recovery.load_events(database, "bad")) == 2


def test_a_client_id_serves_one_execution(database: Database) -> None:
    one, other = (write(it, execution=execution_row(it, client_id="mine")) for it in ("x1", "x2"))

    (errors,) = written(database, [one, other])

    assert errors[0] is None
    assert errors[1]
    assert [it.execution_id for it in queries.executions(database)] == ["x1"]


def test_nothing_follows_on_a_write_that_failed_in_an_earlier_batch(database: Database) -> None:
    bad = write("x1", 1, execution=execution_row("x1", state="DREAMING"))
    refused = written(database, [bad], [write("x1", 2)], [write("x1", 2, [])])

    assert all(errors[0] for errors in refused)
    assert events(database) == []


def test_an_execution_that_is_over_may_still_hear_of_a_fill(database: Database) -> None:
    over = write("x1", 1, execution=execution_row("x1", state="COMPLETED"))
    late = write("x1", 2, [filled("x1", "t9")], fills=[fill_row("x1", "t9")])

    assert written(database, [over], [late], [write("x1", 2)]) == [
        [None],
        [None],
        [Failure("version conflict: 2 cannot follow 2")],
    ]


def test_versions_may_begin_at_zero(database: Database) -> None:
    assert written(database, [write("x1", 0), write("x1", 1)]) == [[None, None]]


def test_a_write_without_events_changes_rows_only(database: Database) -> None:
    began = write("x1", execution=execution_row("x1"))
    rows_only = write("x1", 2, [], execution=execution_row("x1", state="PAUSED"), snapshot="{}")

    assert written(database, [began, rows_only, write("x1", 2)]) == [[None] * 3]
    assert queries.execution(database, "x1").state == "PAUSED"


def test_a_report_replaces_an_earlier_one_and_needs_its_execution(database: Database) -> None:
    def report(execution_id: str, text: str) -> StoreReport:
        return StoreReport(ExecutionId(execution_id), NOON, text)

    batch = [write("x1", execution=execution_row("x1")), report("x1", "{}"), report("nobody", "{}")]
    errors, _ = written(database, batch, [report("x1", '{"schema":1}')])

    assert errors[:2] == [None, None]
    assert errors[2]
    assert queries.report(database, "x1") == '{"schema":1}'


def test_a_reader_sees_whole_transactions_while_they_are_written(database: Database) -> None:
    totals: list[tuple[int, int]] = []
    stop = threading.Event()

    def look() -> None:
        counts = "SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM fills)"
        while not stop.is_set():
            totals.append(
                database.read(lambda connection: tuple(connection.exec_driver_sql(counts).one()))
            )

    reader = threading.Thread(target=look)
    reader.start()
    written(
        database, *[[whole_write(f"x{n}", version) for n in range(10)] for version in range(1, 31)]
    )
    stop.set()
    reader.join()

    assert len(totals) > 3
    assert all(events == fills for events, fills in totals)
    assert all(events % 10 == 0 for events, _ in totals)
    assert all(one <= other for one, other in pairwise(totals))


def test_it_does_not_write_to_a_schema_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()

    with pytest.raises(SchemaTooOld):
        written(Database.of(tmp_path / "empty.db"))


def test_it_creates_no_database(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnusable, match="no database"):
        written(Database.of(tmp_path / "x.db"))
    assert list(tmp_path.iterdir()) == []


def test_an_empty_batch_is_nothing(database: Database) -> None:
    assert written(database, []) == [[]]


def test_the_writer_for_other_databases_does_the_same(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Writer, "open", Writer.through_sqlalchemy)
    bad = write("x1", 2, execution=execution_row("x1", state="DREAMING"))

    assert written(database, [whole_write("x1", 1), whole_write("x2", 1)])[0] == [None, None]
    errors, _ = written(database, [bad, whole_write("x2", 2)], [whole_write("x1", 2)])
    assert errors[0]
    assert errors[1] is None
    assert [number for number, *_ in events(database)] == [1, 2, 3, 4]


# --- A database that fails. Errors are injected at the driver, everything else is real. ---


class Faulty:
    """Fails the writer's method as often as asked; `late` lets it do its work first."""

    def __init__(
        self, method: str, error: Exception, *, times: int = 1, late: bool = False
    ) -> None:
        self._times = times
        original = getattr(SqliteWriter, method)

        def faulty(this: SqliteWriter, *arguments: object) -> object:
            if self._times <= 0:
                return original(this, *arguments)
            self._times -= 1
            if not late:
                raise error
            return self._afterwards(original(this, *arguments), error)

        self.patch = (SqliteWriter, method, faulty)

    @staticmethod
    def _afterwards(done: object, error: Exception) -> object:
        if not isawaitable(done):
            raise error

        async def failing() -> None:
            await done
            raise error

        return failing()


DISK = sqlite3.OperationalError("disk I/O error")


@pytest.mark.parametrize("late", [True, False])
def test_what_a_failed_commit_did_is_read_back(
    database: Database, monkeypatch: pytest.MonkeyPatch, late: bool
) -> None:
    monkeypatch.setattr(*Faulty("_commit", DISK, late=late).patch)

    errors, after = written(
        database, [write("x1"), write("x2")], [write("x1", 2 if late else 1), write("x3")]
    )

    assert [error is None for error in errors] == [late, late]
    assert after == [None, None]
    assert [number for number, *_ in events(database)] == list(range(1, 5 if late else 3))


def test_a_failed_commit_of_rows_alone_counts_as_failed(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(database, [write("x1", execution=execution_row("x1"))])
    monkeypatch.setattr(*Faulty("_commit", DISK, late=True).patch)

    assert written(database, [StoreReport(ExecutionId("x1"), NOON, "{}")])[0][0]


def test_an_outcome_that_cannot_be_learnt_is_raised(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(*Faulty("_commit", DISK).patch)
    monkeypatch.setattr(journal_module, "_ATTEMPTS_TO_LEARN", 2)

    async def main() -> None:
        async with opened(database) as journal:
            monkeypatch.setattr(*Faulty("read", DISK, times=2).patch)
            journal._versions["x1"] = None
            await journal.write([write("x1")])

    with pytest.raises(OutcomeUncertain):
        asyncio.run(main())


@pytest.mark.parametrize("late", [True, False])
def test_a_full_disk_fails_the_batch_and_not_the_journal(
    database: Database, monkeypatch: pytest.MonkeyPatch, late: bool
) -> None:
    full = sqlite3.OperationalError("database or disk is full")
    full.sqlite_errorcode = sqlite3.SQLITE_FULL
    monkeypatch.setattr(*Faulty("_execute", full, late=late).patch)

    errors, after = written(database, [write("x1"), write("x2")], [write("x1"), write("x2")])

    assert all(it and it.is_outage and "no space" in it.error for it in errors)
    assert after == [None, None]


def test_a_connection_that_cannot_roll_back_is_replaced(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(*Faulty("_execute", DISK).patch)
    monkeypatch.setattr(*Faulty("roll_back", DISK).patch)
    monkeypatch.setattr(*Faulty("close", DISK, late=True).patch)

    errors, after = written(database, [write("x1")], [write("x1")])

    assert errors[0]
    assert after == [None]


def test_a_connection_that_cannot_be_opened_is_let_go(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: sqlite3.Connection, **__: object) -> None:
        raise DISK

    monkeypatch.setattr(sqlite, "_secure", refuse)
    threads = threading.active_count()

    with pytest.raises(DatabaseUnusable, match="disk I/O error"):
        written(database)
    assert threading.active_count() == threads


def test_a_journal_that_has_begun_cannot_begin_again(database: Database) -> None:
    written(database, [write("x1"), write("x1", 2)])

    errors, after = written(database, [write("x1"), write("x2")], [write("x1", 3)])

    assert errors[0]
    assert errors[1] is None
    assert after == [None]
    assert len(recovery.load_events(database, "x1")) == 3


# --- The account's own journal ---


def tier(version: int, before: TradingTier | None, after: TradingTier) -> WriteAccount:
    change = TierChanged(
        at=NOON,
        before=before,
        after=after,
        equity=Decimal("10000.10"),
        currency="USDT",
        threshold=Decimal(10_000),
    )
    return WriteAccount(version, (change,), Probe())


def test_the_accounts_events_have_a_journal_of_their_own_among_the_others(
    database: Database,
) -> None:
    first = tier(1, None, TradingTier.STRATEGIST)
    second = tier(2, TradingTier.STRATEGIST, TradingTier.HUNTER)

    assert written(database, [first, whole_write("x1", 1)], [second]) == [[None, None], [None]]
    assert events(database) == [(1, "account", 1, 1), (2, "x1", 1, 1), (3, "account", 2, 1)]
    assert recovery.load_account_events(database) == (*first.events, *second.events)
    assert recovery.load_events(database, "x1") == whole_write("x1", 1).events


def test_no_two_engines_write_the_same_change(database: Database) -> None:
    first = tier(1, None, TradingTier.STRATEGIST)
    written(database, [first])

    ((failure,),) = written(database, [tier(1, None, TradingTier.HUNTER)])

    assert failure is not None
    assert not failure.is_outage
    assert recovery.load_account_events(database) == first.events
