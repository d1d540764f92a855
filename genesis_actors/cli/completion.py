"""`genesis completion`, and what the shell is offered where an execution is to be named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem, get_completion_class

if TYPE_CHECKING:
    from collections.abc import Sequence

SHELLS = ("bash", "zsh", "fish")

ENDED_OFFERED = 50
"""So many executions that are over are offered."""

_VARIABLE = "_GENESIS_COMPLETE"


def complete_execution(
    ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer the executions that the daemon knows; none where there is no daemon."""
    known: Sequence[dict[str, str]] = _asked(ctx, "executions", ended=ENDED_OFFERED)
    offered = [("@last", "the newest"), *((x["id"], _words(x)) for x in known)]
    return [
        CompletionItem(name, help=what) for name, what in offered if name.startswith(incomplete)
    ]


def complete_symbol(
    ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer the symbols that the daemon's venue knows."""
    known: Sequence[str] = _asked(ctx, "symbols")
    return [CompletionItem(name) for name in known if name.startswith(incomplete.upper())]


def _asked(ctx: click.Context, *where: str, **query: int) -> Sequence[Any]:
    """Return what the daemon answers; nothing where there is none: whoever completes a line wants no errors."""
    from genesis_actors.cli.door import Asking
    from genesis_actors.cli.errors import CliError

    try:
        with ctx.scope(cleanup=False):
            return Asking(ctx.params.get("socket")).get(*where, **query).data
    except CliError:
        return ()


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
