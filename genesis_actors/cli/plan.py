"""`genesis plan`: what an order would do. It sends nothing and writes nothing."""

from __future__ import annotations

from typing import Any

import click

from genesis_actors.cli import options
from genesis_actors.cli.options import Asked


@click.command()
@options.order_options
@options.venue_options
@options.database_option
@options.output_option
def plan(**given: Any) -> None:  # noqa: ANN401 - click hands over what the options say
    r"""Show the slices of an order and what they may cost. Sends nothing.

    \b
    genesis plan BTC/USDT buy 2.5 --over 10m
    genesis plan ETH/USDT sell 25000quote --over 15m --slices 20 -o json
    """
    asked = Asked(**given)
    asked.check()
    from genesis_actors.cli.planning import show_plan

    show_plan(asked)
