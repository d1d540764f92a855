"""What was traded and ordered lately is found by its time: a start looks for it, however much is older."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_fills_traded_at", "fills", ["traded_at"])
    op.create_index("ix_orders_created_at", "orders", ["created_at"])


def downgrade() -> None:
    op.drop_index("ix_orders_created_at", "orders")
    op.drop_index("ix_fills_traded_at", "fills")
