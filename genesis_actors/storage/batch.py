"""What one transaction writes: the events of several executions, and the last version of each row."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, TypeAlias, assert_never

from sqlalchemy import Connection, select

from genesis_actors.messages.persistence import (
    ExecutionRow,
    FillRow,
    NoteTrades,
    OrderRow,
    SliceRow,
    StoreDepth,
    StoreMarket,
    StoreReport,
    WriteAccount,
    WriteJournal,
)
from genesis_actors.storage.serialization import event_id, to_json
from genesis_actors.storage.statements import Parameters, Statement, Statements
from genesis_actors.storage.tables import events
from genesis_actors.values import time_text

JournalWrite: TypeAlias = WriteJournal | WriteAccount
Write: TypeAlias = JournalWrite | StoreReport | StoreMarket | StoreDepth | NoteTrades


class EventRow(NamedTuple):
    """One event as the journal's table has it."""

    sequence_number: int
    event_id: str
    event_type: str
    aggregate_id: str
    aggregate_version: int
    engine_epoch: int
    event_data: str
    created_at: datetime

    def line(self) -> str:
        """Return it as readers of events get it, one line of JSON: HIGH, never dropped."""
        head = {
            "sequence": self.sequence_number,
            "priority": "HIGH",
            "type": self.event_type,
            "execution_id": self.aggregate_id,
            "version": self.aggregate_version,
            "at": time_text(self.created_at),
        }
        # The event is JSON already.
        return f'{json.dumps(head)[:-1]}, "data": {self.event_data}}}\n'


@dataclass(frozen=True, slots=True)
class SnapshotRow:
    """An execution's state after the event of that version."""

    execution_id: str
    aggregate_version: int
    state: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class SegmentRow:
    """What a symbol's market did between two times, as the run of that epoch saw it."""

    symbol: str
    engine_epoch: int
    began_at: datetime
    ended_at: datetime
    recorded: str


@dataclass(frozen=True, slots=True)
class SegmentHorizon:
    """Segments of the symbol that ended before are forgotten."""

    symbol: str
    ended_at: datetime


class Batch:
    """Collects `writes`. A row that several of them replace is written once, as it is after the last one."""

    def __init__(self, writes: Sequence[Write], *, first_sequence: int, epoch: int) -> None:
        self.events: list[EventRow] = []
        self.epoch = epoch
        self.last_sequence = first_sequence - 1
        self._executions: dict[str, ExecutionRow] = {}
        self._slices: dict[tuple[str, int], SliceRow] = {}
        self._orders: dict[str, OrderRow] = {}
        self._fills: list[FillRow] = []
        self._snapshots: dict[str, SnapshotRow] = {}
        self._reports: dict[str, StoreReport] = {}
        self._depths: dict[str, StoreDepth] = {}
        self._segments: dict[tuple[str, datetime], SegmentRow] = {}
        self._horizons: dict[str, SegmentHorizon] = {}
        self._notes: dict[str, NoteTrades] = {}
        for write in writes:
            match write:
                case WriteJournal():
                    self._add(write)
                case WriteAccount():
                    self._add_events(write)
                case StoreReport():
                    self._reports[write.execution_id] = write
                case StoreMarket():
                    self._add_segment(write)
                case StoreDepth():
                    self._depths[write.execution_id] = write
                case NoteTrades():
                    self._notes[write.symbol] = write
                case _:
                    assert_never(write)

    def _add(self, write: WriteJournal) -> None:
        for event in write.events:
            if event.execution_id != write.execution_id:
                raise ValueError(
                    f"an event of {event.execution_id} in the journal of {write.execution_id}"
                )
        self._add_events(write)
        if write.execution is not None:
            self._executions[write.execution_id] = write.execution
        for row in write.slices:
            self._slices[row.execution_id, row.slice_number] = row
        for row in write.orders:
            self._orders[row.client_order_id] = row
        self._fills.extend(write.fills)
        if write.snapshot is not None and write.events:
            self._snapshots[write.execution_id] = SnapshotRow(
                write.execution_id, last_version(write), write.snapshot, write.events[-1].at
            )

    def _add_events(self, write: JournalWrite) -> None:
        name = write.execution_id
        for version, event in enumerate(write.events, write.first_version):
            self.last_sequence += 1
            row = EventRow(
                self.last_sequence,
                event_id(name, version),
                type(event).__name__,
                name,
                version,
                self.epoch,
                to_json(event),
                event.at,
            )
            self.events.append(row)

    def _add_segment(self, write: StoreMarket) -> None:
        self._segments[write.symbol, write.began_at] = SegmentRow(
            write.symbol, self.epoch, write.began_at, write.ended_at, write.recorded
        )
        if write.forget_before is not None:
            self._horizons[write.symbol] = SegmentHorizon(write.symbol, write.forget_before)

    def work(self, statements: Statements) -> list[tuple[str, list[Parameters]]]:
        """Return each table's statement with all its rows, in an order that the references allow."""
        of = statements.rows
        collected: tuple[tuple[Statement, Collection[object]], ...] = (
            (statements.event, self.events),
            (of[ExecutionRow], self._executions.values()),
            (of[SliceRow], self._slices.values()),
            (of[OrderRow], self._orders.values()),
            (of[FillRow], self._fills),
            (statements.snapshot, self._snapshots.values()),
            (of[StoreReport], self._reports.values()),
            (of[StoreDepth], self._depths.values()),
            (statements.segment, self._segments.values()),
            (statements.forget_market, self._horizons.values()),
            (of[NoteTrades], self._notes.values()),
        )
        return [
            (statement.sql, list(map(statement.encode, rows)))
            for statement, rows in collected
            if rows
        ]

    def is_in(self, connection: Connection) -> bool:
        """Tell whether exactly these events are durable. Without any it says no: such writes may be repeated."""
        if not self.events:
            return False
        numbers = events.c.sequence_number
        query = select(events).where(
            numbers.between(self.events[0].sequence_number, self.last_sequence)
        )
        found = connection.execute(query.order_by(numbers)).mappings()
        return [EventRow(**row) for row in found] == self.events


def whose(write: Write) -> str:
    """Return the execution that `write` is of, or the account, or the symbol."""
    return write.symbol if isinstance(write, NoteTrades | StoreMarket) else write.execution_id


def last_version(write: JournalWrite) -> int:
    return write.first_version + len(write.events) - 1
