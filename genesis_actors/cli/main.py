"""The command `genesis`: which commands there are, loaded when they are used, and how every error ends."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, NoReturn

import click

from genesis_actors import __version__
from genesis_actors.cli.errors import ExitCode, Invocation, report
from genesis_actors.cli.options import FORMATS
from genesis_actors.cli.output import ReaderGoneError
from genesis_actors.cli.streams import fill_gaps

COMMANDS = {
    "run": ("run:run", "Work one order in the foreground."),
    "plan": ("plan:plan", "Show what an order would do. Sends nothing."),
    "demo": ("demo:demo", "Watch several orders on the paper venue."),
    "daemon": ("daemon:daemon", "Work orders in the background, for as long as it runs."),
    "start": ("steer:start", "Have the daemon work an order."),
    "ps": ("show:ps", "List executions."),
    "show": ("show:show", "Show one execution."),
    "slices": ("show:slices", "Show an execution's slices."),
    "fills": ("show:fills", "Show an execution's fills."),
    "report": ("report:report", "Report on an execution."),
    "tca": ("tca:tca", "Analyse what executions cost together."),
    "watch": ("observe:watch", "Watch executions while they are worked."),
    "events": ("observe:events", "Show what has happened, event by event."),
    "tui": ("tui:tui", "Watch and steer executions on the full screen."),
    "wait": ("steer:wait", "Wait until an execution is done."),
    "pause": ("steer:pause", "Stop an execution's orders."),
    "resume": ("steer:resume", "Let a paused execution go on."),
    "amend": ("steer:amend", "Change an order while it is worked."),
    "cancel": ("steer:cancel", "End an execution with what is filled."),
    "settle": ("operator:settle", "Say what became of an order that no one can look up."),
    "halt": ("operator:halt", "Stop new orders of all executions."),
    "unhalt": ("operator:unhalt", "End a halt."),
    "doctor": ("doctor:doctor", "See whether everything is ready. Sends no order."),
    "config": ("doctor:config", "Show the settings, secrets masked."),
    "db": ("db:db", "Look after the database."),
    "simulate": ("simulate:simulate", "Let everything go wrong, and check what is promised."),
    "bench": ("bench:bench", "Measure this machine."),
    "shell": ("shell:shell", "Type one command after the other."),
    "completion": ("completion:completion", "Complete commands in bash, zsh or fish."),
    "version": ("version:version", "Show versions."),
}
"""Each command: where its implementation is, and what it is for."""


class Genesis(click.Group):
    """The group of all commands. Every error ends here, as a message and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name in COMMANDS:
            module, _, name = COMMANDS[cmd_name][0].partition(":")
            return getattr(import_module(f"genesis_actors.cli.{module}"), name)
        return None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands without loading them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: object,
    ) -> NoReturn:
        """Run a command and exit with its code."""
        del standalone_mode
        arguments = list(sys.argv[1:] if args is None else args)
        run: Callable[..., Any] = super().main
        try:
            code = run(
                arguments,
                prog_name or "genesis",
                complete_var,
                standalone_mode=False,
                windows_expand_args=windows_expand_args,
                **extra,
            )
        except BaseException as error:
            if isinstance(error, SystemExit):
                raise
            if isinstance(error, ReaderGoneError):
                sys.exit(ExitCode.OK)
            sys.exit(report(error, Invocation.of(arguments)))
        sys.exit(code or 0)


@click.group(
    cls=Genesis,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, message="genesis-actors %(version)s")
@click.option("-o", "--output", type=click.Choice(FORMATS), help="As with each command.")
@click.pass_context
def genesis(context: click.Context, output: str | None) -> None:
    """Work large crypto orders by TWAP: slice by slice, crash-safe, each decision on record."""
    if output is not None:
        defaults = {"output": output}
        subcommands = ("upgrade", "current", "check", "show", "start", "status", "stop")
        nested = dict.fromkeys(subcommands, defaults)
        context.default_map = {name: {**defaults, **nested} for name in COMMANDS}
    if context.invoked_subcommand is not None:
        return
    if sys.stdin.isatty() and sys.stdout.isatty():
        shell = genesis.get_command(context, "shell")
        if shell is not None:
            context.exit(context.invoke(shell, output=output))
    click.echo(context.get_help())


def main() -> NoReturn:
    # Much is made and little of it is garbage: looking for cycles less often saves an eighth of a short run.
    gc.set_threshold(50_000, 20, 20)
    fill_gaps()
    genesis.main()
