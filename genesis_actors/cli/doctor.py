"""`genesis doctor` and `genesis config show`: what is set, and whether it would work. Neither ever sends an order."""

from __future__ import annotations

from pathlib import Path

import click

from genesis_actors.cli import options
from genesis_actors.cli import parameters as kinds


@click.command()
@click.argument("symbols", nargs=-1, type=kinds.SYMBOL, metavar="[SYMBOL]...")
@click.option("--venue", type=click.Choice(["paper", "replay", "ccxt"]), help="Default: settings'.")
@options.config_option
@options.database_option
@options.output_option
def doctor(
    symbols: tuple[str, ...], venue: str | None, config: Path | None, db: str | None, output: str
) -> int:
    r"""See whether everything is ready: settings, database, and the venue with its clock, keys and limits.

    \b
    genesis doctor --config live.toml --db live.db BTC/USDT ETH/USDT

    No order is ever sent. Exit code 0 if nothing is wrong, 1 if something is.
    """
    from genesis_actors.cli.checkup import run_doctor

    return run_doctor(symbols, venue=venue, config=config, db=db, output=output)


@click.group()
def config() -> None:
    """Look at the settings."""


@config.command()
@options.config_option
@options.output_option
def show(config: Path | None, output: str) -> None:
    """Show all settings as they are in force, secrets masked."""
    from genesis_actors.cli.checkup import show_settings

    show_settings(config, output)
