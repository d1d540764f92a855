"""What reports are made of, written and read."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import func, select

from genesis_actors.domain.market_recorder import MarketRecorder
from genesis_actors.messages.persistence import StoreDepth, StoreMarket
from genesis_actors.storage.analysis import load_evidence
from genesis_actors.storage.database import Database
from genesis_actors.storage.errors import ExecutionNotFound
from genesis_actors.storage.tables import market_segments
from genesis_actors.values import ExecutionId, Quote, Symbol
from tests.storage.samples import NOON, execution_row, write
from tests.storage.test_journal import written

BTC = Symbol("BTC/USDT")


def segment(began_at: datetime, *, forget_before: datetime | None = None) -> StoreMarket:
    quote = Quote(began_at, Decimal(99), Decimal(101))
    recorded = MarketRecorder(began_at, quote).cut(began_at + timedelta(seconds=9))
    assert recorded is not None
    return StoreMarket(BTC, *recorded, forget_before)


def count(database: Database) -> int:
    return database.read(
        lambda connection: connection.scalar(select(func.count()).select_from(market_segments)) or 0
    )


def test_old_segments_are_forgotten(database: Database) -> None:
    later = NOON + timedelta(days=40)
    errors = written(
        database,
        [segment(NOON), segment(NOON + timedelta(seconds=9))],
        [segment(later, forget_before=NOON + timedelta(seconds=10))],
    )

    assert errors == [[None, None], [None]]
    assert count(database) == 2


def test_the_depth_of_an_execution_is_what_was_seen(database: Database) -> None:
    depth = StoreDepth(ExecutionId("x1"), NOON, "100.01:2.5 100.02:7")
    begun = write("x1", execution=execution_row("x1"))
    written(database, [begun], [depth], [StoreDepth(ExecutionId("nobody"), NOON, "1:1")])
    evidence = load_evidence(database, "x1")

    assert evidence.depth is not None
    assert evidence.depth.levels == (
        (Decimal("100.01"), Decimal("2.5")),
        (Decimal("100.02"), Decimal(7)),
    )


def test_an_unknown_execution_has_no_evidence(database: Database) -> None:
    with pytest.raises(ExecutionNotFound):
        load_evidence(database, "nosuch")
