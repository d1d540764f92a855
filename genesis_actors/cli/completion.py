"""`genesis completion`, and what the shell is offered where an execution is to be named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem, get_completion_class

if TYPE_CHECKING:
    from collections.abc import Sequence

SHELLS = ("bash", "zsh", "fish")

_VARIABLE = "_GENESIS_COMPLETE"


def complete_execution(
    ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer the executions that the daemon knows; none where there is no daemon."""
    from genesis_actors.control.client import Client, LostError, NoDaemonError, RefusedError
    from genesis_actors.places import find_socket

    try:
        known: Sequence[dict[str, str]] = (
            Client(find_socket(ctx.params.get("socket"))).get("executions", query={"all": 1}).data
        )
    except (LostError, NoDaemonError, RefusedError):
        known = ()
    offered = [("@last", "the newest"), *((x["id"], _words(x)) for x in known)]
    return [
        CompletionItem(name, help=what) for name, what in offered if name.startswith(incomplete)
    ]


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    r"""Print the script that completes commands, options and executions in a shell.

    \b
    bash:  eval "$(genesis completion bash)"                     in ~/.bashrc
    zsh:   eval "$(genesis completion zsh)"                      in ~/.zshrc, behind compinit
    fish:  genesis completion fish > ~/.config/fish/completions/genesis.fish
    """
    from genesis_actors.cli.main import genesis

    made = get_completion_class(shell)
    if made is not None:
        click.echo(made(genesis, {}, "genesis", _VARIABLE).source())


def _words(execution: dict[str, str]) -> str:
    return (
        f"{execution['side']} {execution['quantity']} {execution['symbol']}, {execution['state']}"
    )
