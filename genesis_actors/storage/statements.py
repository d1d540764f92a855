"""The journal's statements as the driver takes them: compiled once, with the column types' own conversions."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from sqlalchemy import (
    Delete,
    Dialect,
    Select,
    Table,
    Update,
    bindparam,
    delete,
    func,
    select,
    update,
)
from sqlalchemy.dialects import sqlite

from genesis_actors.messages.persistence import (
    ExecutionRow,
    FillRow,
    NoteTrades,
    OrderRow,
    SliceRow,
    StoreDepth,
    StoreReport,
)
from genesis_actors.storage import tables
from genesis_actors.storage.columns import ExactDecimal, Flag, UtcTime, money_text, utc_text

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql

Parameters: TypeAlias = tuple[Any, ...]
_Upsert: TypeAlias = "sqlite.Insert | postgresql.Insert"

_TABLES: Final[dict[type, Table]] = {
    ExecutionRow: tables.twap_executions,
    SliceRow: tables.twap_slice_history,
    OrderRow: tables.orders,
    FillRow: tables.fills,
    StoreReport: tables.execution_reports,
    StoreDepth: tables.arrival_depths,
    NoteTrades: tables.known_trades,
}


_CONVERSIONS: Final[dict[type, Callable[[Any], object]]] = {
    ExactDecimal: money_text,
    UtcTime: utc_text,
    Flag: int,
}
"""What the column types do to a value, without the layers in between: there are many values to an event."""

_CONSTANT: Final = {
    tables.twap_executions: {"client_id", "created_at"},
    tables.orders: {"execution_id", "created_at"},
}
"""Indexed columns that a later row has as the first one had them: to set them again rewrites the index."""


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL for the driver, and what turns one row into its parameters."""

    sql: str
    names: tuple[str, ...]
    encode: Callable[[Any], Parameters]


def statements_for(dialect: Dialect) -> Statements:
    """Return the statements for all drivers of this kind; each database would otherwise compile them again."""
    found = _COMPILED.get(dialect.name)
    if found is None:
        found = _COMPILED[dialect.name] = Statements(dialect)
    return found


class Statements:
    """Every statement that the writer needs, for one dialect."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self.event = self._insert(tables.events)
        self.snapshot = self._upsert(tables.snapshots)
        self.segment = self._upsert(tables.market_segments)
        segments = tables.market_segments
        self.forget_market = self._compiled(
            delete(segments).where(
                segments.c.symbol == bindparam("symbol"),
                segments.c.ended_at < bindparam("ended_at", type_=segments.c.ended_at.type),
            ),
            segments,
        )
        self.rows = {
            row_type: self._insert_or_ignore(table)
            if table is tables.fills
            else self._upsert(table)
            for row_type, table in _TABLES.items()
        }
        identity = tables.engine_identity
        self.epoch = self._compiled(
            update(identity).values(engine_epoch=bindparam("epoch")), identity
        )
        halt = update(identity).values(halted_at=bindparam("at"), halt_reason=bindparam("reason"))
        self.halt = self._compiled(halt, identity)
        version, name = tables.events.c.aggregate_version, tables.events.c.aggregate_id
        self.last_version = self._compiled(
            select(func.max(version)).where(name == bindparam("name")), tables.events
        )
        number = tables.events.c.sequence_number
        self.take_event_back = self._compiled(
            delete(tables.events).where(number == bindparam("number")), tables.events
        )

    def _new(self, table: Table) -> _Upsert:
        values = {
            column.name: bindparam(column.name, type_=column.type) for column in table.columns
        }
        if self._dialect.name == "postgresql":
            from sqlalchemy.dialects import postgresql  # noqa: PLC0415 - slow, and rarely needed

            return postgresql.insert(table).values(values)
        return sqlite.insert(table).values(values)

    def _insert(self, table: Table) -> Statement:
        return self._compiled(self._new(table), table)

    def _insert_or_ignore(self, table: Table) -> Statement:
        insert = self._new(table)
        return self._compiled(
            insert.on_conflict_do_nothing(index_elements=list(table.primary_key)), table
        )

    def _upsert(self, table: Table) -> Statement:
        insert = self._new(table)
        kept = _CONSTANT.get(table, set[str]())
        others = {
            column.name: insert.excluded[column.name]
            for column in table.columns
            if not column.primary_key and column.name not in kept
        }
        upsert = insert.on_conflict_do_update(index_elements=list(table.primary_key), set_=others)
        return self._compiled(upsert, table)

    def _compiled(
        self, statement: _Upsert | Update | Delete | Select[int], table: Table
    ) -> Statement:
        compiled = statement.compile(dialect=self._dialect)
        names = tuple(compiled.positiontup or ())
        return Statement(str(compiled), names, _encoder(table, names))


def _encoder(table: Table, names: tuple[str, ...]) -> Callable[[Any], Parameters]:
    """Return what reads `names` off an object and converts them as the table's columns want it.

    It is compiled for these names: a loop over them takes a third longer, and there are some ten rows to a child order.
    """
    values = ", ".join(_reading(table, name) for name in names)
    scope: dict[str, object] = {it.__name__: it for it in _CONVERSIONS.values()}
    for constraint in table.constraints:
        scope |= {f"allowed_{name}": _allowed(name, it) for name, it in constraint.info.items()}
    return eval(f"lambda row: ({values},)", scope)  # noqa: S307 - of our own column names alone


def _reading(table: Table, name: str) -> str:
    is_checked = any(name in constraint.info for constraint in table.constraints)
    value = f"allowed_{name}(row.{name})" if is_checked else f"row.{name}"
    convert = _CONVERSIONS.get(type(table.c[name].type)) if name in table.c else None
    if convert is None:
        return value
    return f"None if (value := {value}) is None else {convert.__name__}(value)"


def _allowed(name: str, values: Collection[object]) -> Callable[[object], object]:
    """Return what lets nothing pass but `values`, as the table's own constraint does."""

    def allowed(value: object) -> object:
        if value not in values:
            raise ValueError(f"{name} cannot be {value!r}")
        return value

    return allowed


_COMPILED: Final[dict[str, Statements]] = {}
