"""The schema. Column names are those of the rows in `messages.persistence`; changes need a migration in alembic/."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

from genesis_actors.storage.columns import ExactDecimal, Flag, UtcTime
from genesis_actors.values import Algo, ExecutionState, Liquidity, OrderStatus, Side, SliceStatus

SCHEMA: Final = "0006"
"""The newest migration. Revisions are numbered, so that a newer one can be told from an older one."""
SCHEMAS: Final = frozenset(f"{number:04}" for number in range(1, int(SCHEMA) + 1))
"""All that there have been."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _one_of(column: str, values: Iterable[str]) -> CheckConstraint:
    """Return the constraint; its `info` tells our own writer what it allows."""
    allowed = tuple(map(str, values))
    listed = ", ".join(f"'{value}'" for value in allowed)
    return CheckConstraint(
        f"{column} IN ({listed})", name=column, info={column: frozenset(allowed)}
    )


def _text(name: str, *, null: bool = False) -> Column[str]:
    return Column(name, Text, nullable=null)


def _decimal(name: str, *, null: bool = False) -> Column[Any]:
    return Column(name, ExactDecimal, nullable=null)


def _time(name: str, *, null: bool = False) -> Column[Any]:
    return Column(name, UtcTime, nullable=null)


def _integer(name: str) -> Column[int]:
    return Column(name, Integer, nullable=False)


def _execution(*, key: bool = False) -> Column[str]:
    owner = ForeignKey("twap_executions.execution_id")
    return Column("execution_id", Text, owner, primary_key=key, nullable=False)


# In SQLite only INTEGER makes the key the row's own number; elsewhere it would be too narrow.
_SEQUENCE = BigInteger().with_variant(Integer, "sqlite")

events = Table(
    "events",
    metadata,
    Column("sequence_number", _SEQUENCE, primary_key=True, autoincrement=False),
    _text("event_id"),
    _text("event_type"),
    _text("aggregate_id"),
    _integer("aggregate_version"),
    _integer("engine_epoch"),
    _text("event_data"),
    _time("created_at"),
    UniqueConstraint("event_id"),
    UniqueConstraint("aggregate_id", "aggregate_version"),
)

twap_executions = Table(
    "twap_executions",
    metadata,
    Column("execution_id", Text, primary_key=True, nullable=False),
    Column("client_id", Text, unique=True),
    _text("algo"),
    _text("symbol"),
    _text("side"),
    _decimal("quantity"),
    _decimal("duration_seconds"),
    _text("state"),
    _text("reason", null=True),
    _decimal("filled_quantity"),
    _decimal("working_quantity"),
    _decimal("unknown_quantity"),
    _decimal("remaining_quantity"),
    _decimal("average_price", null=True),
    _decimal("arrival_price", null=True),
    _time("arrival_at", null=True),
    _decimal("twap_benchmark", null=True),
    _decimal("vwap_benchmark", null=True),
    _decimal("implementation_shortfall_bps", null=True),
    _decimal("slippage_vs_arrival_bps", null=True),
    _decimal("slippage_vs_twap_bps", null=True),
    _decimal("participation_rate", null=True),
    _decimal("max_slice_participation", null=True),
    _decimal("fees_quote", null=True),
    Column("early_completion", Flag, nullable=False),
    _text("early_completion_reason", null=True),
    _integer("slices_total"),
    _integer("slices_done"),
    Column("seed", BigInteger, nullable=False),
    _time("created_at"),
    _time("started_at", null=True),
    _time("ends_at", null=True),
    _time("paused_at", null=True),
    _time("finished_at", null=True),
    _one_of("algo", Algo),
    _one_of("side", Side),
    _one_of("state", ExecutionState),
    CheckConstraint(
        "early_completion IN (0, 1)", name="early_completion", info={"early_completion": {0, 1}}
    ),
    Index(None, "state"),
    Index(None, "created_at"),
)

twap_slice_history = Table(
    "twap_slice_history",
    metadata,
    _execution(key=True),
    Column("slice_number", Integer, primary_key=True, autoincrement=False),
    _time("due_at"),
    _decimal("planned_quantity"),
    _decimal("filled_quantity"),
    _decimal("average_price", null=True),
    _decimal("market_price", null=True),
    _decimal("slippage_bps", null=True),
    _decimal("market_volume", null=True),
    _decimal("participation_rate", null=True),
    _text("status"),
    _text("reason", null=True),
    _time("sent_at", null=True),
    _time("done_at", null=True),
    _decimal("market_price_after", null=True),
    _decimal("impact_bps", null=True),
    _one_of("status", SliceStatus),
)

orders = Table(
    "orders",
    metadata,
    Column("client_order_id", Text, primary_key=True, nullable=False),
    _text("venue_order_id", null=True),
    _execution(),
    _integer("slice_number"),
    _integer("total_slices"),
    _text("symbol"),
    _text("side"),
    _text("order_type"),
    _decimal("quantity"),
    _decimal("price"),
    _decimal("filled_quantity"),
    _decimal("average_price", null=True),
    _text("status"),
    _text("reason", null=True),
    _decimal("mid_price"),
    _decimal("touch_price"),
    _decimal("slippage_percent", null=True),
    _time("created_at"),
    _time("sent_at", null=True),
    _time("executed_at", null=True),
    _one_of("side", Side),
    _one_of("status", OrderStatus),
    Index(None, "execution_id"),
    Index(None, "created_at"),
)

fills = Table(
    "fills",
    metadata,
    Column("venue", Text, primary_key=True, nullable=False),
    Column("symbol", Text, primary_key=True, nullable=False),
    Column("trade_id", Text, primary_key=True, nullable=False),
    _text("client_order_id"),
    _execution(),
    _decimal("quantity"),
    _decimal("price"),
    _decimal("fee"),
    _text("fee_currency"),
    _text("liquidity"),
    _time("traded_at"),
    _one_of("liquidity", Liquidity),
    Index(None, "execution_id"),
    Index(None, "traded_at"),
)

execution_reports = Table(
    "execution_reports",
    metadata,
    _execution(key=True),
    _time("created_at"),
    _text("report"),
)

snapshots = Table(
    "snapshots",
    metadata,
    _execution(key=True),
    _integer("aggregate_version"),
    _text("state"),
    _time("created_at"),
)

market_segments = Table(
    "market_segments",
    metadata,
    Column("symbol", Text, primary_key=True, nullable=False),
    Column("engine_epoch", Integer, primary_key=True, autoincrement=False),
    Column("began_at", UtcTime, primary_key=True, nullable=False),
    _time("ended_at"),
    _text("recorded"),
)

arrival_depths = Table(
    "arrival_depths",
    metadata,
    _execution(key=True),
    _time("observed_at"),
    _text("levels"),
)

known_trades = Table(
    "known_trades",
    metadata,
    Column("symbol", Text, primary_key=True, nullable=False),
    _time("recorded_until"),
)

engine_identity = Table(
    "engine_identity",
    metadata,
    Column("identity", Integer, primary_key=True, autoincrement=False),
    _text("client_order_id_prefix"),
    _text("mode"),
    _text("venue"),
    _text("account", null=True),
    _time("created_at"),
    _integer("engine_epoch"),
    _time("halted_at", null=True),
    _text("halt_reason", null=True),
    CheckConstraint("identity = 1", name="one_row"),
)
