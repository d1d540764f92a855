"""`genesis db`: the schema of a database, looked at and brought to this version."""

from __future__ import annotations

from pathlib import Path

import click

from genesis_actors.cli import options
from genesis_actors.cli.errors import CliError


@click.group()
def db() -> None:
    """Look after the database: without --db that of the settings, genesis.db here."""


@db.command()
@options.database_option
@options.config_option
@options.output_option
def upgrade(db: str | None, config: Path | None, output: str) -> None:
    """Bring the schema to this version. It happens by itself whenever an engine starts."""
    url = _url(db, config)
    from genesis_actors.cli.output import Output
    from genesis_actors.cli.signals import interrupt_from_here
    from genesis_actors.storage.database import Database
    from genesis_actors.storage.high_water import check_presence
    from genesis_actors.storage.lock import EngineLock
    from genesis_actors.storage.migrations import migrate

    database = Database.of(url)
    check_presence(database)
    interrupt_from_here()
    with EngineLock(database):
        migration = migrate(database)
    view = {
        "database": str(database),
        "before": migration.before,
        "after": migration.after,
        "changed": migration.has_changed,
    }
    done = (
        f"upgraded from {migration.before or 'nothing'} to {migration.after}"
        if migration.has_changed
        else f"at {migration.after} already: nothing to do"
    )
    Output(output).write_item(view, lambda: f"{database}: {done}")


@db.command()
@options.database_option
@options.config_option
@options.output_option
def current(db: str | None, config: Path | None, output: str) -> None:
    """Show which schema the database has."""
    url = _url(db, config)
    from genesis_actors.cli.output import Output
    from genesis_actors.storage.database import Database, found_revision
    from genesis_actors.storage.tables import SCHEMA

    database = Database.of(url)
    revision = database.read(found_revision)
    Output(output).write_item(
        {
            "database": str(database),
            "revision": revision,
            "wanted": SCHEMA,
            "is_current": revision == SCHEMA,
        },
        lambda: f"{database}: {revision or 'no schema yet'} (this version works with {SCHEMA})",
    )


@db.command()
@options.database_option
@options.config_option
@options.output_option
def check(db: str | None, config: Path | None, output: str) -> None:
    """Check that the database is ours, has this version's schema, and is not damaged."""
    url = _url(db, config)
    from genesis_actors.cli.output import Output
    from genesis_actors.storage.checks import check_database
    from genesis_actors.storage.database import Database

    database = Database.of(url)
    found = check_database(database)
    if found.problems:
        raise CliError(
            "database_damaged",
            f"{database} is damaged: {'; '.join(found.problems)}",
            "keep a copy of it, and go back to a backup: what it holds cannot be trusted",
        )
    view: dict[str, object] = {
        "database": str(database),
        "revision": found.revision,
        "executions": found.executions,
        "events": found.events,
        "problems": [],
    }
    Output(output).write_item(
        view,
        lambda: (
            f"{database}: sound, schema {found.revision}, {found.executions} executions, "
            f"{found.events} events"
        ),
    )


def _url(db: str | None, config: Path | None) -> str:
    from genesis_actors.settings import Settings

    return Settings.load(config).storage.url if db is None else db
