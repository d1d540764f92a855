"""The first schema: the journal, what people query, and what an engine knows about itself."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Money and times are exact texts; a migration knows nothing of how the program reads them.
EXECUTION_STATES = (
    "state IN ('QUEUED', 'RUNNING', 'PAUSED', 'FINISHING', "
    "'COMPLETED', 'INCOMPLETE', 'CANCELLED', 'FAILED', 'REJECTED')"
)
ORDER_STATUSES = (
    "status IN ('PENDING', 'SENT', 'PARTIAL', 'FILLED', 'CANCELLED', 'EXPIRED', "
    "'REJECTED', 'REFUSED', 'UNKNOWN', 'NEVER_ACCEPTED')"
)
SLICE_STATUSES = "status IN ('PLANNED', 'WORKING', 'FILLED', 'PARTIAL', 'SKIPPED')"


def text(*names: str) -> list[sa.Column]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def maybe_text(*names: str) -> list[sa.Column]:
    return [sa.Column(name, sa.Text(), nullable=True) for name in names]


def integer(*names: str) -> list[sa.Column]:
    return [sa.Column(name, sa.Integer(), autoincrement=False, nullable=False) for name in names]


def check(table: str, name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=op.f(f"ck_{table}_{name}"))


def key(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*columns, name=op.f(f"pk_{table}"))


def unique(table: str, *columns: str) -> sa.UniqueConstraint:
    return sa.UniqueConstraint(*columns, name=op.f(f"uq_{table}_{'_'.join(columns)}"))


def of_execution(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["execution_id"],
        ["twap_executions.execution_id"],
        name=op.f(f"fk_{table}_execution_id"),
    )


def upgrade() -> None:
    create_journal()
    create_executions()
    create_slices()
    create_orders()
    create_fills()
    op.create_table(
        "execution_reports",
        *text("execution_id", "created_at", "report"),
        key("execution_reports", "execution_id"),
        of_execution("execution_reports"),
    )
    op.create_table(
        "engine_identity",
        *integer("identity"),
        *text("client_order_id_prefix", "mode", "venue"),
        *maybe_text("account"),
        *text("created_at"),
        *integer("engine_epoch"),
        key("engine_identity", "identity"),
        check("engine_identity", "one_row", "identity = 1"),
    )


def create_journal() -> None:
    sequence_number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "events",
        sa.Column("sequence_number", sequence_number, autoincrement=False, nullable=False),
        *text("event_id", "event_type", "aggregate_id"),
        *integer("aggregate_version", "engine_epoch"),
        *text("event_data", "created_at"),
        key("events", "sequence_number"),
        unique("events", "event_id"),
        unique("events", "aggregate_id", "aggregate_version"),
    )


def create_executions() -> None:
    table = "twap_executions"
    op.create_table(
        table,
        *text("execution_id"),
        *maybe_text("client_id"),
        *text("algo", "symbol", "side", "quantity", "duration_seconds", "state"),
        *maybe_text("reason"),
        *text("filled_quantity", "working_quantity", "unknown_quantity", "remaining_quantity"),
        *maybe_text("average_price", "arrival_price", "arrival_at"),
        *maybe_text("twap_benchmark", "vwap_benchmark", "implementation_shortfall_bps"),
        *maybe_text("slippage_vs_arrival_bps", "slippage_vs_twap_bps", "participation_rate"),
        *maybe_text("max_slice_participation", "fees_quote"),
        *integer("early_completion"),
        *maybe_text("early_completion_reason"),
        *integer("slices_total", "slices_done"),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        *text("created_at"),
        *maybe_text("started_at", "ends_at", "paused_at", "finished_at"),
        key(table, "execution_id"),
        unique(table, "client_id"),
        check(table, "algo", "algo IN ('twap', 'iceberg', 'market')"),
        check(table, "side", "side IN ('buy', 'sell')"),
        check(table, "state", EXECUTION_STATES),
        check(table, "early_completion", "early_completion IN (0, 1)"),
    )
    op.create_index(op.f("ix_twap_executions_state"), table, ["state"])
    op.create_index(op.f("ix_twap_executions_created_at"), table, ["created_at"])
    op.create_table(
        "snapshots",
        *text("execution_id"),
        *integer("aggregate_version"),
        *text("state", "created_at"),
        key("snapshots", "execution_id"),
        of_execution("snapshots"),
    )


def create_slices() -> None:
    table = "twap_slice_history"
    op.create_table(
        table,
        *text("execution_id"),
        *integer("slice_number"),
        *text("due_at", "planned_quantity", "filled_quantity"),
        *maybe_text("average_price", "market_price", "slippage_bps"),
        *maybe_text("market_volume", "participation_rate"),
        *text("status"),
        *maybe_text("reason", "sent_at", "done_at"),
        key(table, "execution_id", "slice_number"),
        of_execution(table),
        check(table, "status", SLICE_STATUSES),
    )


def create_orders() -> None:
    table = "orders"
    op.create_table(
        table,
        *text("client_order_id"),
        *maybe_text("venue_order_id"),
        *text("execution_id"),
        *integer("slice_number", "total_slices"),
        *text("symbol", "side", "order_type", "quantity", "price", "filled_quantity"),
        *maybe_text("average_price"),
        *text("status"),
        *maybe_text("reason"),
        *text("mid_price", "touch_price"),
        *maybe_text("slippage_percent"),
        *text("created_at"),
        *maybe_text("sent_at", "executed_at"),
        key(table, "client_order_id"),
        of_execution(table),
        check(table, "side", "side IN ('buy', 'sell')"),
        check(table, "status", ORDER_STATUSES),
    )
    op.create_index(op.f("ix_orders_execution_id"), table, ["execution_id"])


def create_fills() -> None:
    table = "fills"
    op.create_table(
        table,
        *text("venue", "symbol", "trade_id", "client_order_id", "execution_id"),
        *text("quantity", "price", "fee", "fee_currency", "liquidity", "traded_at"),
        key(table, "venue", "symbol", "trade_id"),
        of_execution(table),
        check(table, "liquidity", "liquidity IN ('taker', 'maker')"),
    )
    op.create_index(op.f("ix_fills_execution_id"), table, ["execution_id"])


def downgrade() -> None:
    for table in (
        "engine_identity",
        "execution_reports",
        "fills",
        "orders",
        "twap_slice_history",
        "snapshots",
        "twap_executions",
        "events",
    ):
        op.drop_table(table)
