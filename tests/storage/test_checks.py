from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

import pytest

from genesis_actors.domain.evolve import fold
from genesis_actors.domain.projection import all_rows
from genesis_actors.messages.account import TierChanged
from genesis_actors.messages.events import JournalEvent, TwapAccelerated, TwapSlowed
from genesis_actors.messages.persistence import WriteAccount, WriteJournal
from genesis_actors.storage import queries, recovery
from genesis_actors.storage.checks import check_database
from genesis_actors.storage.database import Database
from genesis_actors.storage.journal import Journal
from genesis_actors.storage.recovery import Identity
from genesis_actors.storage.tables import SCHEMA
from genesis_actors.values import ONE, ExecutionId, TradingTier
from tests.helpers import Probe
from tests.storage.samples import NOON, accepted, whole_write, write


def written(database: Database, *writes: WriteJournal | WriteAccount) -> None:
    async def main() -> None:
        journal = await Journal.open(database)
        assert await journal.write(list(writes)) == [None] * len(writes)
        await journal.close()

    asyncio.run(main())


def consistent(execution_id: str) -> WriteJournal:
    """Return three events with the rows that follow from them."""
    prices = {"touch": Decimal(99), "threshold_price": Decimal(100)}
    known, at = ExecutionId(execution_id), NOON + timedelta(seconds=1)
    events: Sequence[JournalEvent] = (
        accepted(execution_id),
        TwapAccelerated(at=at, execution_id=known, **prices),
        TwapSlowed(at=at, execution_id=known, **prices),
    )
    execution = fold(None, events)
    assert execution is not None
    return write(execution_id, 1, events, execution=all_rows(execution, events, "paper").execution)


def spoiled(database: Database, *statements: str) -> None:
    assert database.path
    with sqlite3.connect(database.path) as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


def test_a_sound_database_has_no_problems(database: Database) -> None:
    written(database, consistent("x1"), consistent("x2"))

    found = check_database(database)

    assert (found.revision, found.executions, found.events, found.problems) == (SCHEMA, 2, 6, ())


def test_a_row_that_belongs_to_nothing_is_a_problem(database: Database) -> None:
    written(database, whole_write("x1", 1))
    spoiled(database, "UPDATE fills SET execution_id = 'nobody'")

    problem, *_ = check_database(database).problems

    assert problem.endswith("of fills belongs to nothing in twap_executions")


@pytest.mark.parametrize(
    ("statement", "problems"),
    [
        ("DROP TABLE snapshots", ["the table snapshots is missing"]),
        (
            "DELETE FROM events WHERE sequence_number = 2",
            ["the journal lacks event 2", "the journal of x1 lacks version 2"],
        ),
        (
            "DELETE FROM events WHERE sequence_number < 3",
            [
                "the journal lacks events 1 to 2",
                "the journal of x1 lacks versions 1 to 2",
                "execution x1 cannot be read: a journal begins with TwapAccepted, not with TwapSlowed",
            ],
        ),
        ("DELETE FROM events", ["execution x1 has no journal"]),
        (
            "UPDATE events SET aggregate_version = 9 - aggregate_version",
            [
                "the journal of x1 lacks versions 1 to 7",
                "the journal of x1 lacks order: version 7 comes after 8",
                "the journal of x1 lacks order: version 6 comes after 7",
                "execution x1 cannot be read: a journal begins with TwapAccepted, not with TwapSlowed",
            ],
        ),
        ("DELETE FROM twap_executions", ["the journal of x1 has no row in twap_executions"]),
        (
            "UPDATE twap_executions SET filled_quantity = '3'",
            [
                "execution x1: twap_executions has filled_quantity 3 for x1, the journal says 0",
            ],
        ),
        (
            "UPDATE twap_executions SET quantity = 'x'",
            ["execution x1: twap_executions has quantity x for x1, the journal says 10"],
        ),
        (
            """INSERT INTO twap_slice_history
            (execution_id, slice_number, due_at, planned_quantity, filled_quantity, status)
            VALUES ('x1', 7, '2024-08-08T12:00:00.000000Z', '1', '0', 'PLANNED')""",
            ["execution x1: twap_slice_history has 7, which the journal lacks"],
        ),
    ],
)
def test_what_the_journal_and_the_tables_do_not_agree_on_is_a_problem(
    statement: str, problems: list[str], database: Database
) -> None:
    written(database, consistent("x1"))
    spoiled(database, "PRAGMA foreign_keys = OFF", statement)

    assert list(check_database(database).problems) == problems


def test_rows_that_are_missing_are_a_problem(database: Database) -> None:
    written(database, consistent("x1"))
    execution = accepted("x2")
    folded = fold(None, [execution])
    assert folded is not None
    rows = all_rows(folded, [execution], "paper")
    written(database, write("x2", 1, [execution], execution=rows.execution))
    spoiled(database, "UPDATE events SET event_data = '{}' WHERE aggregate_id = 'x2'")

    (problem,) = check_database(database).problems

    assert problem.startswith("execution x2 cannot be read: the journal's TwapAccepted")


def test_all_that_is_known_of_an_execution_comes_together(database: Database) -> None:
    wanted = whole_write("x1", 1)
    written(database, wanted)

    found = queries.status_of(database, "@last")

    assert found.execution == wanted.execution
    assert (found.slices, found.orders, found.fills) == (wanted.slices, wanted.orders, wanted.fills)


def test_the_mode_of_a_database_is_its_identitys(database: Database) -> None:
    assert queries.mode(database) == "paper"
    recovery.claim(database, Identity("ab12", "live", "binance", NOON))
    assert queries.mode(database) == "live"


def a_change(version: int, before: TradingTier | None, after: TradingTier) -> WriteAccount:
    change = TierChanged(
        at=NOON,
        before=before,
        after=after,
        equity=ONE,
        currency="USDT",
        threshold=ONE,
    )
    return WriteAccount(version, (change,), Probe())


def test_a_tier_that_does_not_follow_from_the_one_before_is_a_problem(database: Database) -> None:
    written(database, a_change(1, None, TradingTier.HUNTER))
    assert check_database(database).problems == ()

    written(database, a_change(2, TradingTier.SNIPER, TradingTier.STRATEGIST))
    assert check_database(database).problems == (
        "the account's tier changes from SNIPER while it is HUNTER",
    )

    spoiled(database, "UPDATE events SET event_data = '{}' WHERE sequence_number = 2")
    (problem,) = check_database(database).problems
    assert problem.startswith("the account's journal cannot be read: ")
