"""A halt outlives the engine: since when nothing is sent any more, and why."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("engine_identity", sa.Column("halted_at", sa.Text(), nullable=True))
    op.add_column("engine_identity", sa.Column("halt_reason", sa.Text(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("engine_identity") as table:
        table.drop_column("halt_reason")
        table.drop_column("halted_at")
