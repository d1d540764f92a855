"""`genesis run`: one order, worked in the foreground to its end."""

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
@options.quiet_option
@options.verbose_option
def run(**given: Any) -> int:  # noqa: ANN401 - click hands over what the options say
    r"""Work one order in the foreground; the result comes on stdout.

    \b
    genesis run BTC/USDT buy 2.5 --over 10m --speed max
    genesis run ETH/USDT sell 25000quote --over 15m --client-id rebalance-0412

    Exit code 0 if it is complete, 7 if not. Ctrl-C pauses it durably; the same command with its --client-id carries on.
    """
    asked = Asked(**given)
    asked.check()
    from genesis_actors.cli.foreground import run_in_foreground

    return run_in_foreground(asked)
