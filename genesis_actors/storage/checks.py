"""Whether a database is sound: schema, pages, references, journal, and what the tables made of it. Read-only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Any, Final

from sqlalchemy import (
    Connection,
    Select,
    Table,
    TypeDecorator,
    bindparam,
    func,
    select,
    type_coerce,
)

from genesis_actors.domain.evolve import fold
from genesis_actors.domain.projection import all_rows
from genesis_actors.messages.account import ACCOUNT_AGGREGATE, AccountEvent
from genesis_actors.messages.persistence import ExecutionRow, FillRow, OrderRow, SliceRow
from genesis_actors.storage.database import Database, Target, check_schema
from genesis_actors.storage.errors import StorageError
from genesis_actors.storage.recovery import load_account_events
from genesis_actors.storage.serialization import from_json
from genesis_actors.storage.statements import statements_for
from genesis_actors.storage.tables import (
    SCHEMA,
    engine_identity,
    events,
    fills,
    metadata,
    orders,
    twap_executions,
    twap_slice_history,
)
from genesis_actors.values import TradingTier

_MOST_PROBLEMS: Final = 5


@dataclass(frozen=True, slots=True)
class Soundness:
    """What was found. A sound database has no problems."""

    revision: str
    executions: int
    events: int
    problems: tuple[str, ...]


def check_database(target: Target) -> Soundness:
    """Look at everything. Raises StorageError for one that is not ours, not of this version, or unreadable."""
    database = Database.of(target)

    def look(connection: Connection) -> Soundness:
        check_schema(connection)
        lost = set(metadata.tables) - set(connection.dialect.get_table_names(connection))
        if lost:
            return Soundness(
                SCHEMA, 0, 0, tuple(f"the table {name} is missing" for name in sorted(lost))
            )
        problems = [*_file_problems(connection)] if database.is_sqlite else []
        problems += islice(_journal_problems(connection), _MOST_PROBLEMS)
        problems += islice(_row_problems(connection), _MOST_PROBLEMS)
        return Soundness(
            SCHEMA, _count(connection, twap_executions), _count(connection, events), tuple(problems)
        )

    return database.read(look)


def _file_problems(connection: Connection) -> Iterator[str]:
    pages = connection.exec_driver_sql(f"PRAGMA integrity_check({_MOST_PROBLEMS})").scalars()
    yield from (" ".join(str(line).split()) for line in pages if line != "ok")
    for table, row, parent, _ in connection.exec_driver_sql("PRAGMA foreign_key_check").fetchmany(
        _MOST_PROBLEMS
    ):
        yield f"row {row} of {table} belongs to nothing in {parent}"


def _journal_problems(connection: Connection) -> Iterator[str]:
    """Yield the gaps: numbers are given without any."""
    versions: dict[str, int] = defaultdict(int)
    last = 0
    columns = select(events.c.sequence_number, events.c.aggregate_id, events.c.aggregate_version)
    for number, name, version in connection.execute(columns.order_by(events.c.sequence_number)):
        if number != last + 1:
            yield f"the journal lacks {_missing('event', last, number)}"
        if version != versions[name] + 1:
            yield f"the journal of {name} lacks {_missing('version', versions[name], version)}"
        last, versions[name] = number, version


def _missing(what: str, before: int, after: int) -> str:
    if after <= before:
        return f"order: {what} {after} comes after {before}"
    first, last = before + 1, after - 1
    return f"{what} {first}" if first == last else f"{what}s {first} to {last}"


def _row_problems(connection: Connection) -> Iterator[str]:
    """Yield where the tables differ from what the journal says, execution by execution."""
    venue = connection.scalar(select(engine_identity.c.venue)) or ""
    known = set(connection.scalars(select(twap_executions.c.execution_id)))
    journaled = set(connection.scalars(select(events.c.aggregate_id).distinct()))
    if ACCOUNT_AGGREGATE in journaled:
        journaled.remove(ACCOUNT_AGGREGATE)
        try:
            yield from _account_problems(load_account_events(connection))
        except StorageError as error:
            yield f"the account's journal cannot be read: {error.message}"
    for name in sorted(known | journaled):
        if name not in journaled:
            yield f"execution {name} has no journal"
        elif name not in known:
            yield f"the journal of {name} has no row in twap_executions"
        else:
            try:
                yield from _differences(connection, name, venue)
            except (StorageError, ValueError, LookupError, ArithmeticError) as error:
                yield f"execution {name} cannot be read: {' '.join(str(error).split())}"


def _account_problems(journal: Iterable[AccountEvent]) -> Iterator[str]:
    """Yield where a change of tier does not begin with what the one before has made."""
    tier: TradingTier | None = None
    for event in journal:
        if event.before != tier:
            yield f"the account's tier changes from {event.before} while it is {tier}"
        tier = event.after


def _differences(connection: Connection, name: str, venue: str) -> Iterator[str]:
    mine = select(events.c.event_type, events.c.event_data).where(events.c.aggregate_id == name)
    journal = [
        from_json(event_type, data)
        for event_type, data in connection.execute(mine.order_by(events.c.aggregate_version))
    ]
    execution = fold(None, journal)
    if execution is None:
        return
    wanted = all_rows(execution, journal, venue)
    statements = statements_for(connection.dialect)
    tables: tuple[tuple[Table, type, str, Iterable[object]], ...] = (
        (twap_executions, ExecutionRow, "execution_id", [wanted.execution]),
        (twap_slice_history, SliceRow, "slice_number", wanted.slices),
        (orders, OrderRow, "client_order_id", wanted.orders),
        (fills, FillRow, "trade_id", wanted.fills),
    )
    for table, row_type, key, rows in tables:
        statement = statements.rows[row_type]
        query = _as_stored(table, statement.names)
        found = connection.execute(query, {"name": name})
        meant = map(statement.encode, rows)
        place = statement.names.index(key)
        yield from (
            f"execution {name}: {problem}"
            for problem in _compared(
                table.name,
                statement.names,
                {row[place]: tuple(row) for row in found},
                {row[place]: row for row in meant},
            )
        )


@cache
def _as_stored(table: Table, names: tuple[str, ...]) -> Select[Any]:
    """Return what finds the rows of an execution as the driver has them: to convert them takes most of the time."""
    columns = (table.c[name] for name in names)
    return select(
        *(
            type_coerce(column, column.type.impl_instance)
            if isinstance(column.type, TypeDecorator)
            else column
            for column in columns
        )
    ).where(table.c.execution_id == bindparam("name"))


def _compared(
    table: str,
    names: tuple[str, ...],
    found: Mapping[object, tuple[object, ...]],
    wanted: Mapping[object, tuple[object, ...]],
) -> Iterator[str]:
    yield from (
        f"{table} lacks {key}, which the journal has" for key in wanted.keys() - found.keys()
    )
    yield from (
        f"{table} has {key}, which the journal lacks" for key in found.keys() - wanted.keys()
    )
    for key in wanted.keys() & found.keys():
        if found[key] != wanted[key]:
            yield from (
                f"{table} has {name} {there} for {key}, the journal says {meant}"
                for name, there, meant in zip(names, found[key], wanted[key], strict=True)
                if there != meant
            )


def _count(connection: Connection, table: Table) -> int:
    return connection.scalar(select(func.count()).select_from(table)) or 0
