"""The options that commands share, and what was asked for with them, as one typed value."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import click

from genesis_actors.cli import parameters as kinds
from genesis_actors.cli.completion import complete_symbol
from genesis_actors.places import find_settings
from genesis_actors.values import Algo, OnDeadline, OnSlippage, Side, Style

F = TypeVar("F", bound=Callable[..., Any])
Decorator: TypeAlias = Callable[[F], F]

FORMATS = ("table", "json", "ndjson", "csv")
REPLAY_FILES = ("trades", "book", "depth", "candles", "market")

_FILE = click.Path(path_type=Path)


_PACES = ("every", "slices", "clip", "clips")


def check_order(given: Mapping[str, object]) -> None:
    """Refuse order options that contradict each other; `given` are all of them, None where one was left out."""
    for one, other in (("every", "slices"), ("clip", "clips")):
        if given[one] is not None and given[other] is not None:
            raise click.UsageError(f"--{one} and --{other} contradict each other: give one of them")
    if given["algo"] == Algo.TWAP and given["over"] is None:
        raise click.UsageError("a TWAP needs its window: --over 10m, say")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was asked for. Amounts are as they were written; None is "as the settings have it"."""

    symbol: str
    side: str
    quantity: str
    over: str | None
    every: str | None
    slices: int | None
    limit: str | None
    max_participation: str | None
    max_slippage: str | None
    early_completion: str | None
    target_price: str | None
    volume_adaptivity: str | None
    jitter: str | None
    on_deadline: str | None
    style: str | None
    algo: str
    client_id: str | None
    seed: int | None
    priority: int
    clip: str | None
    clips: int | None
    on_slippage: str | None
    venue: str | None
    speed: Decimal | None
    config: Path | None
    trades: Path | None
    book: Path | None
    depth: Path | None
    candles: Path | None
    market: Path | None
    start_at: datetime | None
    latency: str | None
    live: bool
    output: str
    db: str | None = None
    quiet: bool = False
    verbose: bool = False

    @property
    def replay_files(self) -> dict[str, Path]:
        return {name: path for name in REPLAY_FILES if (path := getattr(self, name)) is not None}

    def check(self) -> None:
        """Refuse what contradicts itself. It needs no settings, so it is quick."""
        check_order({name: getattr(self, name) for name in ("algo", "over", *_PACES)})
        if self.live and self.venue in {"paper", "replay"}:
            raise click.UsageError(
                f"--live trades with real money, and --venue {self.venue} has none"
            )
        if self.venue is not None or not self._may_have_settings:
            self.check_files(self.venue or "paper")

    @property
    def _may_have_settings(self) -> bool:
        """Tell whether a file or the environment may say more about the venue."""
        return self.config is not None or any(
            name.upper().startswith("GENESIS_VENUE") for name in os.environ
        )

    def check_files(self, venue: str, known: Sequence[str] | None = None) -> None:
        """Refuse missing and superfluous files. `known` are those that the settings name; None before they are read."""
        given = self.replay_files
        if venue != "replay" and given:
            first = next(iter(given))
            raise click.UsageError(
                f"--{first} is for a replay, but the venue is {venue}: add --venue replay"
            )
        if venue == "replay" and (known is not None or not self._may_have_settings):
            has = {*given, *(known or ())}
            missing = [f"--{name} FILE" for name in ("trades", "book") if name not in has]
            if missing:
                raise click.UsageError(f"--venue replay needs {' and '.join(missing)}")


def _all(*decorators: Callable[[F], F]) -> Callable[[F], F]:
    def decorate(command: F) -> F:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate


def page_options(command: F) -> F:
    """Add --format and --out, of what can be a page as well."""
    out = click.option(
        "--out", type=click.Path(path_type=Path, dir_okay=False), help="Write it to a file."
    )
    form = click.option(
        "--format",
        "form",
        type=click.Choice(["text", "json", "html", "csv"]),
        help="Default: text, or what -o says.",
    )
    return form(out(command))


def output_option(command: F) -> F:
    return click.option(
        "-o",
        "--output",
        type=click.Choice(FORMATS),
        default="table",
        show_default=True,
        help="How results are written to stdout.",
    )(command)


def database_option(command: F) -> F:
    return click.option(
        "--db", metavar="PATH-or-URL", help="The database: a SQLite file or a URL."
    )(command)


def _settings_file(
    _context: click.Context, _parameter: click.Parameter, named: Path | None
) -> Path | None:
    return find_settings(named)


def config_option(command: F) -> F:
    return click.option(
        "--config",
        type=_FILE,
        metavar="FILE",
        callback=_settings_file,
        help="Settings, as TOML.  [default: GENESIS_CONFIG, or ~/.config/genesis/genesis.toml]",
    )(command)


def quiet_option(command: F) -> F:
    return click.option("-q", "--quiet", is_flag=True, help="No progress on stderr.")(command)


def verbose_option(command: F) -> F:
    return click.option("-v", "--verbose", is_flag=True, help="Log what happens, on stderr.")(
        command
    )


def order_options(command: F) -> F:
    """Add SYMBOL, SIDE, QUANTITY and how the order is to be worked."""
    return _all(
        click.argument("symbol", type=kinds.SYMBOL, shell_complete=complete_symbol),
        click.argument("side", type=click.Choice([side.value for side in Side])),
        click.argument("quantity", type=kinds.QUANTITY, metavar="QTY"),
        click.option(
            "--over",
            type=kinds.DURATION,
            help="The window, like 10m; how long an iceberg may take at most.",
        ),
        click.option("--every", type=kinds.DURATION, help="One slice each 30s, say."),
        click.option("--slices", type=kinds.Whole(1, 1000), help="So many slices."),
        click.option("--limit", type=kinds.PRICE, help="Never trade at a worse price."),
        click.option(
            "--max-participation", type=kinds.RATE, help="Share of the market's volume: 10% or 0.1."
        ),
        click.option(
            "--max-slippage", type=kinds.BPS, help="Against arrival; beyond it the order pauses."
        ),
        click.option(
            "--on-slippage",
            type=click.Choice([rule.value for rule in OnSlippage]),
            help="What happens beyond --max-slippage.  [default: pause]",
        ),
        click.option(
            "--early-completion",
            type=kinds.THRESHOLD,
            help="How much better than the target the price must be to go faster: 0.2%; or off.",
        ),
        click.option("--target-price", type=kinds.PRICE, help="Default: the arrival price."),
        click.option(
            "--volume-adaptivity", type=kinds.SHARE, help="0 is a plain TWAP, 1 follows volume."
        ),
        click.option("--jitter", type=kinds.JITTER, help="Seeded variation of time and size: 20%."),
        click.option(
            "--on-deadline",
            type=click.Choice([rule.value for rule in OnDeadline]),
            help="What to do with what is left at the end.",
        ),
        click.option("--style", type=click.Choice([style.value for style in Style])),
        click.option(
            "--algo",
            type=click.Choice([algo.value for algo in Algo]),
            default=Algo.TWAP.value,
            show_default=True,
            help="Slices over a window; clips with pauses, each shown alone; or one sweep, now.",
        ),
        click.option(
            "--clip", type=kinds.BASE_QUANTITY, metavar="QTY", help="Iceberg: what shows at once."
        ),
        click.option("--clips", type=kinds.Whole(1, 1000), help="Iceberg: so many.  [default: 10]"),
        click.option(
            "--client-id",
            type=kinds.CLIENT_ID,
            metavar="KEY",
            help="Your name for it: repeating the command with it resumes, never starts twice.",
        ),
        click.option("--seed", type=kinds.Whole(0, 2**63 - 1), help="The same seed, the same run."),
        click.option(
            "--priority",
            type=click.IntRange(-100, 100),
            default=0,
            help="Where not all may run at once, a higher one begins first.",
        ),
    )(command)


def venue_options(command: F) -> F:
    """Add where the order is to be worked."""
    return _all(
        click.option(
            "--venue", type=click.Choice(["paper", "replay", "ccxt"]), help="Default: paper."
        ),
        click.option(
            "--speed",
            type=kinds.SPEED,
            default="1",
            show_default=True,
            metavar="N|max",
            help="How much faster than real time (paper and replay).",
        ),
        config_option,
        click.option("--trades", type=_FILE, metavar="FILE", help="Replay: recorded trades."),
        click.option("--book", type=_FILE, metavar="FILE", help="Replay: best bid and ask."),
        click.option("--depth", type=_FILE, metavar="FILE", help="Replay: depth snapshots."),
        click.option("--candles", type=_FILE, metavar="FILE", help="Replay: for the profile."),
        click.option("--market", type=_FILE, metavar="FILE", help="Replay: lot, tick, fees."),
        click.option(
            "--start-at", type=kinds.TIME, metavar="TIME", help="When to begin (paper, replay)."
        ),
        click.option(
            "--latency", type=kinds.LATENCY, help="How long a request to the venue takes: 50ms."
        ),
        click.option("--live", is_flag=True, help="Trade with real money."),
    )(command)
