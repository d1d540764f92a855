"""Runs the migrations on the connection that `genesis_actors.storage.migrations` hands over."""

from __future__ import annotations

from alembic import context

from genesis_actors.storage.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    # Each migration is whole or not there at all; Alembic does not expect that of SQLite by itself.
    transactional_ddl=True,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
