"""`genesis demo`: several orders at once on the paper venue, with a pause, an early end and a report."""

from __future__ import annotations

import sys

import click

from genesis_actors.cli import options, parameters

SPEED_ON_A_TERMINAL = "20"


@click.command()
@click.option(
    "--speed",
    type=parameters.SPEED,
    default=lambda: SPEED_ON_A_TERMINAL if sys.stderr.isatty() else "max",
    show_default="20 on a terminal, max elsewhere",
    metavar="N|max",
    help="How much faster than real time.",
)
@options.quiet_option
def demo(**given: object) -> int:
    """Work four orders at once on a simulated market, in a temporary database. It ends by itself."""
    from genesis_actors.cli.demonstration import run_demonstration

    return run_demonstration(**given)  # pyright: ignore[reportArgumentType]
