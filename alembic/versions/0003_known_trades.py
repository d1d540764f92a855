"""Until when every trade of a symbol is recorded: what an engine that starts asks for begins there."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "known_trades",
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("recorded_until", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("symbol", name="pk_known_trades"),
    )


def downgrade() -> None:
    op.drop_table("known_trades")
