"""`genesis daemon run`, `start`, `stop` and `status`."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from genesis_actors.cli import options, text
from genesis_actors.cli import parameters as kinds
from genesis_actors.cli.door import Asking, find_door, own_socket_option, socket_option
from genesis_actors.cli.errors import CliError, ExitCode
from genesis_actors.cli.output import Output
from genesis_actors.notation import parse_duration
from genesis_actors.values import parse_time

if TYPE_CHECKING:
    from genesis_actors.settings import Settings

_LOOK_SECONDS = 0.02

_LIVE = click.option(
    "--paper/--live",
    "paper",
    default=None,
    help="Paper: never real money, whatever the settings say. Live: real money, if they say so.",
)


@click.group()
def daemon() -> None:
    """Work orders in the background. Its door is a Unix socket, for your user alone."""


@daemon.command()
@options.config_option
@_LIVE
@options.database_option
@own_socket_option
def run(config: Path | None, paper: bool | None, db: str | None, socket: str | None) -> ExitCode:
    """Run in the foreground, as under systemd: says when it is ready, and SIGTERM drains it.

    To drain is to pause every execution, durably, until nothing is working at the venue; the next start goes on with
    them, and the end of each window stays. A second signal ends it at once.
    """
    settings = _settings(config, paper, db, socket)
    from genesis_actors.cli.daemon_process import run_in_foreground

    return run_in_foreground(settings)


@daemon.command()
@options.config_option
@_LIVE
@options.database_option
@own_socket_option
@options.output_option
def start(
    config: Path | None, paper: bool | None, db: str | None, socket: str | None, output: str
) -> None:
    """Start it in the background. Returns when it is ready; its log and pid are in [engine] state_dir."""
    settings = _settings(config, paper, db, socket)
    from genesis_actors.cli.daemon_process import start_in_background

    was_there = start_in_background(settings, _again(config, paper, db))
    answer = Asking(str(settings.socket)).get("daemon")
    view = {**answer.data, "was_already": was_there}
    said = "is running already" if was_there else "is running"
    Output(output, answer.mode).write_item(
        view,
        lambda: (
            f"the daemon {said}: process {view['pid']}, {answer.mode}, {view['venue']}\n"
            f"socket {view['socket']}\nlog {settings.engine.state_dir / 'daemon.log'}"
        ),
    )


@daemon.command()
@click.option(
    "--mode",
    type=click.Choice(["drain", "cancel", "abandon"]),
    default="drain",
    show_default=True,
    help="Executions are paused until the next start, cancelled, or left as they are.",
)
@click.option(
    "--timeout", type=kinds.DURATION, default="60s", show_default=True, help="Wait so long for it."
)
@socket_option
@options.output_option
def stop(mode: str, timeout: str, socket: str | None, output: str) -> ExitCode:
    """End the daemon. Returns when it has ended, and says what its database has then.

    Exit code 7 if executions have not come to rest as they should have, 1 if that cannot be read.
    """
    from genesis_actors.cli.signals import interrupt_from_here

    interrupt_from_here()
    asking = Asking(socket, "nothing to do: it does not run")
    answer = asking.post("daemon", "stop", body={"mode": mode})
    path = asking.path if isinstance(asking.path, Path) else Path(answer.data["socket"])
    if not _has_ended(path, answer.data["pid"], parse_duration(timeout)):
        raise CliError(
            "timeout",
            f"the daemon (process {answer.data['pid']}) still runs after {timeout}",
            "look at its log; to end it at once: genesis daemon stop --mode abandon",
            ExitCode.TIMEOUT,
        )
    from genesis_actors.cli.daemon_process import ended

    view, told, code = ended(path, answer.data, mode)
    Output(output, answer.mode).write_item(
        view, lambda: f"{view['state']} (process {view['pid']}, {mode}): {told}"
    )
    return code


@daemon.command()
@socket_option
@options.output_option
def status(socket: str | None, output: str) -> None:
    """Say whether it runs, and how it is."""
    answer = Asking(socket).get("daemon")
    view = answer.data
    Output(output, answer.mode).write_item(view, lambda: _status_text(view))


def _has_ended(socket_path: Path, process: int, within: timedelta) -> bool:
    """Wait until the process lets go of its lock, which it does last."""
    from genesis_actors.control.sockets import holder_of, lock_beside

    deadline = time.monotonic() + within.total_seconds()
    while holder_of(lock_beside(socket_path)) == process:
        if time.monotonic() >= deadline:
            return False
        time.sleep(_LOOK_SECONDS)
    return True


def _settings(
    config: Path | None, paper: bool | None, db: str | None, socket: str | None
) -> Settings:
    """Return the settings with what the command line says over them; refuse real money without --live."""
    from genesis_actors.settings import Settings

    engine: dict[str, Any] = {"mode": "paper"} if paper else {}
    storage: dict[str, Any] = {} if db is None else {"url": db}
    settings = Settings.load(config, engine=engine, storage=storage)
    named = socket or os.environ.get("GENESIS_SOCKET")
    if named:
        if not isinstance(find_door(named), Path):
            raise click.UsageError(
                f"{named} is a port, and the daemon's own door is a socket: name a path; "
                "a port is opened by [control] port"
            )
        control = settings.control.model_copy(update={"socket": Path(named).expanduser()})
        settings = settings.model_copy(update={"control": control})
    is_live = settings.engine.mode == "live"
    if is_live and paper is None:
        raise CliError(
            "live_not_allowed",
            'the settings say [engine] mode = "live", and live trading needs --live',
            "add --live to trade with real money, or --paper not to",
            ExitCode.REJECTED,
        )
    if is_live and settings.venue.kind != "ccxt":
        raise CliError(
            "live_not_allowed",
            f'[engine] mode = "live" needs a real venue, and [venue] kind is "{settings.venue.kind}"',
            'set mode = "paper", or add --paper',
            ExitCode.REJECTED,
        )
    if paper is False and not is_live:
        raise CliError(
            "live_not_allowed",
            f'--live needs [engine] mode = "live" in the settings, and they say "{settings.engine.mode}"',
            "set the mode (GENESIS_ENGINE__MODE=live), or leave --live out",
            ExitCode.REJECTED,
        )
    return settings


def _again(config: Path | None, paper: bool | None, db: str | None) -> list[str]:
    """Return the options for the process in the background."""
    words: list[str] = [] if config is None else ["--config", str(config.absolute())]
    words += [] if paper is None else ["--paper" if paper else "--live"]
    return words if db is None else [*words, "--db", db]


def _portfolio_pairs(view: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what is known of the account as a whole; an older daemon says nothing of it."""
    if view.get("tier") is None:
        return []
    equity, currency = view["equity"], view["account_currency"]
    worth = ""
    if equity:
        at = text.moment(parse_time(view["equity_at"]))
        worth = f", worth {text.money(Decimal(equity))} {currency} at {at}"
    found = [("account", f"{view['tier']}{worth}")]
    if Decimal(view["exposure"]):
        exposure = (
            f"{text.money(Decimal(view['exposure']))} {currency}, "
            f"{text.money(Decimal(view['correlated_exposure']))} as far as it moves together"
        )
        found.append(("exposure", exposure))
    known = [pair for pair in view["correlations"] if pair["correlation"] is not None]
    known.sort(key=lambda pair: abs(Decimal(pair["correlation"])), reverse=True)
    if known:
        told = (f"{' and '.join(p['symbols'])} {Decimal(p['correlation']):.2f}" for p in known[:3])
        found.append(("correlation", ", ".join(told)))
    return found


def _status_text(view: Mapping[str, Any]) -> str:
    halted = "unknown" if view["halted"] is None else "no"
    if view["halted"]:
        why = f" ({view['halt_reason']})" if view["halt_reason"] else ""
        durable = "" if view["halt_is_durable"] else ", not durable yet: a restart would forget it"
        halted = f"since {view['halted_at']}{why}{durable}"
    outage = view["journal_outage"]
    uptime = text.length(timedelta(seconds=view["uptime_seconds"]))
    return text.pairs(
        [
            ("daemon", f"{view['state']}, process {view['pid']}, for {uptime}"),
            ("venue", f"{view['venue']}, {view['mode']}"),
            ("executions", f"{view['open_executions']} open"),
            ("halted", halted),
            *_portfolio_pairs(view),
            *((("journal", f"takes no writes: {outage}"),) if outage else ()),
            ("database", view["database"]),
            ("socket", view["socket"]),
            ("version", view["version"]),
        ]
    )
