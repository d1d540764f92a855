"""What a report is made of, as the database has it: the journal, the market, and the depth at arrival."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Final

from sqlalchemy import Connection, select

from genesis_actors.domain.market_record import Depth, MarketRecord, MarketSegment
from genesis_actors.domain.market_recorder import AFTERMATH, read_segment
from genesis_actors.domain.report import ExecutionReport, generate_execution_report
from genesis_actors.messages.events import JournalEvent, TwapAccepted, TwapCompleted, TwapEnded
from genesis_actors.storage.database import Database, Target, check_schema
from genesis_actors.storage.errors import ExecutionNotFound
from genesis_actors.storage.serialization import from_json
from genesis_actors.storage.tables import arrival_depths, engine_identity, events, market_segments
from genesis_actors.values import decimal_text

_LEVELS_KEPT: Final = 50
_MARGIN: Final = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that `generate_execution_report` needs."""

    journal: tuple[JournalEvent, ...]
    record: MarketRecord
    depth: Depth | None
    venue: str

    def report(self, now: datetime | None = None) -> ExecutionReport:
        """Return the report; `now` is when an execution that is still open is looked at."""
        return generate_execution_report(
            self.journal, self.record, self.depth, now=now, venue=self.venue
        )


def load_evidence(target: Target, execution_id: str) -> Evidence:
    """Read it in one transaction. Raises ExecutionNotFound, StorageError."""

    def query(connection: Connection) -> Evidence:
        check_schema(connection)
        mine = (
            select(events.c.event_type, events.c.event_data, events.c.engine_epoch)
            .where(events.c.aggregate_id == execution_id)
            .order_by(events.c.aggregate_version)
        )
        found = connection.execute(mine).all()
        journal = tuple(from_json(kind, text) for kind, text, _ in found)
        if not journal:
            raise ExecutionNotFound(
                f"no execution has the id {execution_id!r}", "list them: genesis ps -a"
            )
        first = journal[0]
        symbol = first.order.symbol if isinstance(first, TwapAccepted) else ""
        is_over = any(isinstance(event, TwapCompleted | TwapEnded) for event in journal)
        segments = _segments(
            connection,
            symbol,
            {epoch for _, _, epoch in found},
            first.at,
            journal[-1].at if is_over else None,
        )
        return Evidence(
            journal,
            MarketRecord.of(segments),
            _depth(connection, execution_id),
            connection.scalar(select(engine_identity.c.venue)) or "",
        )

    return Database.of(target).read(query)


def _segments(
    connection: Connection, symbol: str, epochs: set[int], start: datetime, end: datetime | None
) -> list[MarketSegment]:
    """Return what the runs that worked it have recorded; of what is still open (no `end`) also what later ones have."""
    columns = market_segments.c
    runs = columns.engine_epoch
    query = select(runs, columns.began_at, columns.ended_at, columns.recorded).where(
        columns.symbol == symbol,
        runs.in_(sorted(epochs)) if end is not None else runs >= min(epochs),
        columns.ended_at >= start - _MARGIN,
    )
    if end is not None:
        query = query.where(columns.began_at <= end + AFTERMATH + _MARGIN)
    return [_read(*row) for row in connection.execute(query)]


@lru_cache(maxsize=64)
def _read(epoch: int, began_at: datetime, ended_at: datetime, text: str) -> MarketSegment:
    # Executions of one symbol share their segments.
    return read_segment(epoch, began_at, ended_at, text)


def _depth(connection: Connection, execution_id: str) -> Depth | None:
    query = select(arrival_depths.c.observed_at, arrival_depths.c.levels).where(
        arrival_depths.c.execution_id == execution_id
    )
    found = connection.execute(query).first()
    return None if found is None else Depth(found.observed_at, depth_levels(found.levels))


def depth_text(levels: Sequence[tuple[Decimal, Decimal]]) -> str:
    """Return levels, best first, as `price:quantity price:quantity`.

    >>> depth_text([(Decimal("100.01"), Decimal("2.50")), (Decimal("100.02"), Decimal(7))])
    '100.01:2.5 100.02:7'
    """
    return " ".join(
        f"{decimal_text(price)}:{decimal_text(quantity)}"
        for price, quantity in levels[:_LEVELS_KEPT]
    )


def depth_levels(text: str) -> tuple[tuple[Decimal, Decimal], ...]:
    """Return what `depth_text` wrote."""
    pairs = (level.split(":") for level in text.split())
    return tuple((Decimal(price), Decimal(quantity)) for price, quantity in pairs)
