"""What the market has made of each clip of an iceberg: the mid after its pause, and how far that is from before."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("twap_slice_history", sa.Column("market_price_after", sa.Text(), nullable=True))
    op.add_column("twap_slice_history", sa.Column("impact_bps", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("twap_slice_history", "impact_bps")
    op.drop_column("twap_slice_history", "market_price_after")
