"""What a report is made of, as the database has it: the journal, the market, and the depth at arrival."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

from sqlalchemy import Connection, Text, bindparam, select, type_coerce

from genesis_actors.domain.market_record import Depth, MarketRecord, MarketSegment
from genesis_actors.domain.market_recorder import AFTERMATH
from genesis_actors.domain.report import ExecutionReport, generate_execution_report
from genesis_actors.messages.events import JournalEvent, TwapAccepted, TwapCompleted, TwapEnded
from genesis_actors.storage.database import Database, Target
from genesis_actors.storage.errors import ExecutionNotFound
from genesis_actors.storage.recovery import in_one_look
from genesis_actors.storage.segments import segment_of
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
    return in_one_look(Database.of(target), lambda connection: _evidence(connection, execution_id))


# Made once: to make them takes longer than to run them.
_EVENTS: Final = (
    select(events.c.event_type, events.c.event_data, events.c.engine_epoch)
    .where(events.c.aggregate_id == bindparam("execution_id"))
    .order_by(events.c.aggregate_version)
)
_SEGMENTS: Final = select(
    market_segments.c.engine_epoch,
    type_coerce(market_segments.c.began_at, Text),
    type_coerce(market_segments.c.ended_at, Text),
    market_segments.c.recorded,
).where(
    market_segments.c.symbol == bindparam("symbol"),
    market_segments.c.ended_at >= bindparam("start"),
    market_segments.c.began_at <= bindparam("end"),
)
_OF_ITS_RUNS: Final = _SEGMENTS.where(
    market_segments.c.engine_epoch.in_(bindparam("epochs", expanding=True))
)
_SINCE_ITS_FIRST_RUN: Final = _SEGMENTS.where(
    market_segments.c.engine_epoch >= bindparam("first_epoch")
)
_DEPTH: Final = select(arrival_depths.c.observed_at, arrival_depths.c.levels).where(
    arrival_depths.c.execution_id == bindparam("execution_id")
)
_VENUE: Final = select(engine_identity.c.venue)
_NO_END: Final = datetime.max.replace(tzinfo=UTC)


def _evidence(connection: Connection, execution_id: str) -> Evidence:
    found = connection.execute(_EVENTS, {"execution_id": execution_id}).all()
    journal = tuple(from_json(kind, text) for kind, text, _ in found)
    if not journal:
        raise ExecutionNotFound(
            f"no execution has the id {execution_id!r}", "list them: genesis ps -a"
        )
    first, last = journal[0], journal[-1]
    segments = _segments(
        connection,
        first.order.symbol if isinstance(first, TwapAccepted) else "",
        {epoch for _, _, epoch in found},
        first.at,
        last.at if any(isinstance(event, TwapCompleted | TwapEnded) for event in journal) else None,
    )
    return Evidence(
        journal,
        MarketRecord.of(segments),
        _depth(connection, execution_id),
        connection.scalar(_VENUE) or "",
    )


def _segments(
    connection: Connection, symbol: str, epochs: set[int], start: datetime, end: datetime | None
) -> list[MarketSegment]:
    """Return what the runs that worked it have recorded; of what is still open (no `end`) also what later ones have."""
    wanted: dict[str, object] = {
        "symbol": symbol,
        "start": start - _MARGIN,
        "end": _NO_END if end is None else end + AFTERMATH + _MARGIN,
    }
    rows = (
        connection.execute(_SINCE_ITS_FIRST_RUN, wanted | {"first_epoch": min(epochs)})
        if end is None
        else connection.execute(_OF_ITS_RUNS, wanted | {"epochs": sorted(epochs)})
    )
    return [segment_of(*row) for row in rows.all()]


def _depth(connection: Connection, execution_id: str) -> Depth | None:
    found = connection.execute(_DEPTH, {"execution_id": execution_id}).first()
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
