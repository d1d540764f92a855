"""What markets did while executions worked them, and the depth each met at first: reports are made of these."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "market_segments",
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("engine_epoch", sa.Integer(), nullable=False),
        sa.Column("began_at", sa.Text(), nullable=False),
        sa.Column("ended_at", sa.Text(), nullable=False),
        sa.Column("recorded", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("symbol", "engine_epoch", "began_at", name="pk_market_segments"),
    )
    op.create_table(
        "arrival_depths",
        sa.Column("execution_id", sa.Text(), nullable=False),
        sa.Column("observed_at", sa.Text(), nullable=False),
        sa.Column("levels", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["execution_id"],
            ["twap_executions.execution_id"],
            name="fk_arrival_depths_execution_id",
        ),
        sa.PrimaryKeyConstraint("execution_id", name="pk_arrival_depths"),
    )


def downgrade() -> None:
    op.drop_table("arrival_depths")
    op.drop_table("market_segments")
