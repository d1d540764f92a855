"""What people ask a database, with or without a running engine. Read-only; the rows are those of the journal.

Money is text to the database: it is neither summed nor sorted here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Final, TypeVar

from sqlalchemy import ColumnElement, Connection, Table, func, select

from genesis_actors.domain.queueing import Waiting, in_order
from genesis_actors.messages.control import ExecutionStatus
from genesis_actors.messages.events import TwapQueued
from genesis_actors.messages.persistence import (
    ExecutionRow,
    FillRow,
    OrderRow,
    PlannedPart,
    SliceRow,
)
from genesis_actors.storage.batch import EventRow
from genesis_actors.storage.database import Database, Target, check_schema
from genesis_actors.storage.errors import AmbiguousExecution, ExecutionNotFound
from genesis_actors.storage.serialization import from_json
from genesis_actors.storage.tables import (
    engine_identity,
    events,
    execution_reports,
    fills,
    orders,
    twap_executions,
    twap_slice_history,
)
from genesis_actors.values import ExecutionState, OrderStatus

T = TypeVar("T")

LAST: Final = "@last"

_SHOWN: Final = 5
_QUEUED_BY: Final = 2
"""The version of an execution by which it is known to wait."""


def executions(
    target: Target, *, states: Iterable[ExecutionState] | None = None, limit: int | None = None
) -> list[ExecutionRow]:
    """Return executions, the newest first."""
    query = select(twap_executions).order_by(*_newest_first())
    if states is not None:
        query = query.where(twap_executions.c.state.in_(list(states)))

    def read(connection: Connection) -> list[ExecutionRow]:
        return [ExecutionRow(**row) for row in connection.execute(query.limit(limit)).mappings()]

    return _read(target, read)


def executions_with_plans(
    target: Target, *, states: Iterable[ExecutionState] | None = None, limit: int | None = None
) -> list[tuple[ExecutionRow, list[PlannedPart]]]:
    """Return executions, the newest first, each with its plan: two questions, however many there are."""
    ids = select(twap_executions.c.execution_id).order_by(*_newest_first())
    if states is not None:
        ids = ids.where(twap_executions.c.state.in_(list(states)))
    wanted = ids.limit(limit).subquery()
    of_wanted = twap_executions.c.execution_id.in_(select(wanted.c.execution_id))
    part = twap_slice_history.c
    plan = select(part.execution_id, part.due_at, part.planned_quantity).where(
        part.execution_id.in_(select(wanted.c.execution_id))
    )

    def read(connection: Connection) -> list[tuple[ExecutionRow, list[PlannedPart]]]:
        rows = select(twap_executions).where(of_wanted).order_by(*_newest_first())
        found = [ExecutionRow(**row) for row in connection.execute(rows).mappings()]
        plans: dict[str, list[PlannedPart]] = {row.execution_id: [] for row in found}
        for execution_id, due_at, quantity in connection.execute(plan):
            plans[execution_id].append(PlannedPart(due_at, quantity))
        return [(row, plans[row.execution_id]) for row in found]

    return _read(target, read)


def queue_places(target: Target, now: datetime | None = None) -> dict[str, int]:
    """Return the place of each execution that waits for its turn: 1 is the next one. Without `now`: as last written."""
    queued = (
        select(events.c.event_type, events.c.event_data)
        .join(twap_executions, events.c.aggregate_id == twap_executions.c.execution_id)
        .where(
            twap_executions.c.state == ExecutionState.QUEUED,
            events.c.aggregate_version <= _QUEUED_BY,
            events.c.event_type == TwapQueued.__name__,
        )
    )
    newest = select(func.max(events.c.created_at))

    def read(connection: Connection) -> dict[str, int]:
        found = [from_json(kind, data) for kind, data in connection.execute(queued)]
        waiting = [
            Waiting(
                event.execution_id,
                event.priority,
                event.at,
                timedelta(microseconds=event.ageing_microseconds),
            )
            for event in found
            if isinstance(event, TwapQueued)
        ]
        at = now or connection.scalar(newest)
        ordered = [] if at is None else in_order(waiting, at)
        return {each.execution_id: place for place, each in enumerate(ordered, start=1)}

    return _read(target, read)


def execution(target: Target, name: str) -> ExecutionRow:
    """Return the execution that `name` means: an id, the beginning of one, or `@last`."""

    def read(connection: Connection) -> ExecutionRow:
        query = select(twap_executions).where(
            twap_executions.c.execution_id == _resolved(connection, name)
        )
        return ExecutionRow(**connection.execute(query).mappings().one())

    return _read(target, read)


def execution_named(target: Target, client_id: str) -> str | None:
    """Return the id of the execution that a client has given this name."""
    named = twap_executions.c.client_id == client_id
    query = select(twap_executions.c.execution_id).where(named)
    return _read(target, lambda connection: connection.scalar(query))


def slices(target: Target, name: str) -> list[SliceRow]:
    return _of_execution(target, name, SliceRow, twap_slice_history, "slice_number")


def child_orders(target: Target, name: str) -> list[OrderRow]:
    return _of_execution(target, name, OrderRow, orders, "created_at", "client_order_id")


def trades(target: Target, name: str) -> list[FillRow]:
    return _of_execution(target, name, FillRow, fills, "traded_at", "trade_id")


def journal(target: Target, name: str) -> list[EventRow]:
    return _of_execution(target, name, EventRow, events, "aggregate_version", key="aggregate_id")


def newest_events(target: Target, name: str, limit: int) -> list[EventRow]:
    """Return the last events of one execution, in order."""

    def read(connection: Connection) -> list[EventRow]:
        mine = events.c.aggregate_id == _resolved(connection, name)
        newest_first = select(events).where(mine).order_by(events.c.aggregate_version.desc())
        rows = connection.execute(newest_first.limit(limit)).mappings().all()
        return [EventRow(**row) for row in reversed(rows)]

    return _read(target, read)


def events_of_type(target: Target, name: str, types: Iterable[str]) -> list[EventRow]:
    """Return one execution's events of these types, in order."""

    def read(connection: Connection) -> list[EventRow]:
        mine = events.c.aggregate_id == _resolved(connection, name)
        query = select(events).where(mine, events.c.event_type.in_(list(types)))
        in_order = query.order_by(events.c.aggregate_version)
        return [EventRow(**row) for row in connection.execute(in_order).mappings()]

    return _read(target, read)


def events_after(target: Target, sequence: int, limit: int) -> list[EventRow]:
    """Return the next events of all executions behind that sequence number, in order."""
    numbers = events.c.sequence_number
    query = select(events).where(numbers > sequence).order_by(numbers).limit(limit)

    def read(connection: Connection) -> list[EventRow]:
        return [EventRow(**row) for row in connection.execute(query).mappings()]

    return _read(target, read)


def last_sequence(target: Target, before: datetime | None = None) -> int:
    """Return the newest event's sequence number, of those before `before`; 0 where there is none."""
    query = select(func.max(events.c.sequence_number))
    if before is not None:
        query = query.where(events.c.created_at < before)
    return _read(target, lambda connection: connection.scalar(query)) or 0


def status_of(target: Target, name: str) -> ExecutionStatus:
    """Return all that is known of one execution."""
    row = execution(target, name)
    key = row.execution_id
    return ExecutionStatus(
        row,
        tuple(slices(target, key)),
        tuple(child_orders(target, key)),
        tuple(trades(target, key)),
    )


def executions_by_state(target: Target) -> dict[str, int]:
    """Return how many executions are in each state that one is in."""
    states = twap_executions.c.state
    query = select(states, func.count()).group_by(states)

    def read(connection: Connection) -> dict[str, int]:
        return {row[0]: row[1] for row in connection.execute(query)}

    return _read(target, read)


def unknown_orders(target: Target) -> set[str]:
    """Return the client ids of all orders that nobody has answered for."""
    query = select(orders.c.client_order_id).where(orders.c.status == OrderStatus.UNKNOWN)
    return _read(target, lambda connection: set(connection.scalars(query)))


def mode(target: Target) -> str:
    """Return whether its money is real: paper or live. A database that nobody has used yet is paper."""
    return (
        _read(target, lambda connection: connection.scalar(select(engine_identity.c.mode)))
        or "paper"
    )


def report(target: Target, name: str) -> str | None:
    """Return the execution's report as JSON, None where none has been stored."""

    def read(connection: Connection) -> str | None:
        mine = execution_reports.c.execution_id == _resolved(connection, name)
        return connection.scalar(select(execution_reports.c.report).where(mine))

    return _read(target, read)


def _read(target: Target, query: Callable[[Connection], T]) -> T:
    def checked(connection: Connection) -> T:
        check_schema(connection)
        return query(connection)

    return Database.of(target).read(checked)


def _of_execution(
    target: Target,
    name: str,
    row_type: Callable[..., T],
    table: Table,
    *order: str,
    key: str = "execution_id",
) -> list[T]:
    def read(connection: Connection) -> list[T]:
        query = select(table).where(table.c[key] == _resolved(connection, name))
        in_order = query.order_by(*(table.c[column] for column in order))
        return [row_type(**row) for row in connection.execute(in_order).mappings()]

    return _read(target, read)


def _newest_first() -> tuple[ColumnElement[object], ...]:
    """Return the journal's own order: virtual time begins anew with each run, so times do not tell."""
    first_event = select(events.c.sequence_number).where(
        events.c.aggregate_id == twap_executions.c.execution_id, events.c.aggregate_version == 1
    )
    started = first_event.scalar_subquery()
    return started.desc().nulls_last(), twap_executions.c.execution_id.desc()


def _resolved(connection: Connection, name: str) -> str:
    ids = twap_executions.c.execution_id
    newest_first = select(ids).order_by(*_newest_first())
    if name == LAST:
        last = connection.scalar(newest_first.limit(1))
        if last is None:
            raise ExecutionNotFound(
                "there is no execution yet", "start one: genesis run SYMBOL buy QTY --over 10m"
            )
        return last
    found = connection.scalars(
        newest_first.where(ids.startswith(name, autoescape=True)).limit(_SHOWN)
    ).all()
    if name in found or (name and connection.scalar(select(ids).where(ids == name))):
        return name
    if not found:
        raise ExecutionNotFound(
            f"no execution has an id that begins with {name!r}", "list them: genesis ps -a"
        )
    if len(found) > 1:
        raise AmbiguousExecution(
            f"{name!r} is the beginning of several ids: {', '.join(found)}", "write more of the id"
        )
    return found[0]
