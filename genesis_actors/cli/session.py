"""From what was asked for to what an engine is started with: settings, order, venue, time, and what to warn about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import click

from genesis_actors.cli import text
from genesis_actors.cli.errors import CliError, ExitCode
from genesis_actors.cli.options import Asked
from genesis_actors.domain.volume_profile import VolumeProfile
from genesis_actors.gateways.live import LiveVenue, MarketLook
from genesis_actors.gateways.replay import ReplayVenue
from genesis_actors.gateways.venue import SimulatedVenue, SourceError
from genesis_actors.opening import VirtualTime, check_mode, open_venue, starts_at
from genesis_actors.orders import TwapOrder
from genesis_actors.settings import Settings
from genesis_actors.values import Side, Symbol


@dataclass(frozen=True, slots=True)
class Session:
    """Everything that a run or a plan starts from. Nothing has been written yet."""

    settings: Settings
    order: TwapOrder
    venue: SimulatedVenue | LiveVenue
    virtual: VirtualTime | None
    """None: the venue's time is everybody's."""

    @classmethod
    def of(cls, asked: Asked, *, is_plan: bool = False) -> Session:
        """Read the settings and open the venue. Raises SettingsError, SourceError, OrderError, CliError.

        A plan sends nothing, and so needs no leave.
        """
        order = order_of(asked)
        settings = settings_of(asked)
        if not is_plan:
            _check_leave(asked, settings)
            check_mode(settings)
        if settings.venue.kind == "ccxt":
            return cls(settings, order, open_venue(settings), None)
        virtual = VirtualTime(speed=asked.speed, start_at=_paper_start(asked, settings))
        return cls(settings, order, open_venue(settings), virtual)

    @property
    def symbol(self) -> Symbol:
        return Symbol(self.order.symbol)

    @property
    def start(self) -> datetime:
        if self.virtual is None or isinstance(self.venue, LiveVenue):
            return datetime.now(UTC)
        return starts_at(self.venue, self.virtual)

    def look(self) -> MarketLook:
        """Return the symbol as the venue shows it at the start."""
        venue, symbol, start = self.venue, self.symbol, self.start
        if isinstance(venue, LiveVenue):
            return venue.look(symbol)
        quotes = [row.quote for row in venue.open(symbol, start).rows if row.quote is not None]
        rules = venue.describe(symbol)
        return MarketLook(
            rules=rules,
            known_symbols=venue.symbols(),
            balances=venue.balances(),
            quote=quotes[-1] if quotes else None,
            volumes=venue.volumes(symbol, start),
            levels={} if rules is None else {each: venue.levels(symbol, each) for each in Side},
        )

    def close(self) -> None:
        """Let go of a real venue that no engine has taken over."""
        if isinstance(self.venue, LiveVenue):
            self.venue.close()

    @property
    def market_ends_at(self) -> datetime | None:
        """When a recording is over; None where the market goes on."""
        return self.venue.end_at() if isinstance(self.venue, ReplayVenue) else None

    @property
    def venue_warnings(self) -> tuple[str, ...]:
        """What had to be overlooked in a recording."""
        return self.venue.warnings if isinstance(self.venue, ReplayVenue) else ()

    def profile(self, at: datetime) -> VolumeProfile | None:
        if isinstance(self.venue, LiveVenue):
            try:
                bars = self.venue.look(self.symbol).volumes
            except SourceError:
                return None  # Only warnings are made of it.
        else:
            bars = self.venue.volumes(self.symbol, at)
        return VolumeProfile.from_bars(bars) if bars else None

    def pace_warnings(self, slices_total: int) -> tuple[str, ...]:
        """Return a warning where the order has not got the pace that it asked for; of fewer `slices` the plan tells."""
        order, bounds = self.order, self.settings.twap
        if order.clips is not None and order.clips != slices_total:
            return (_counted(order.clips, slices_total, "clip", _TRADABLE),)
        if order.duration is None or (order.slices is None and order.every is None):
            return ()
        asked = order.slices or max(1, order.duration // (order.every or order.duration))
        if asked == slices_total or (order.slices is not None and slices_total < asked):
            return ()
        interval = order.every or order.duration / asked
        if interval < bounds.min_slice_interval:
            why = f"[twap] min_slice_interval is {text.length(bounds.min_slice_interval)}"
        elif order.every is not None and interval > bounds.max_slice_interval:
            why = f"[twap] max_slice_interval is {text.length(bounds.max_slice_interval)}"
        else:
            why = _TRADABLE
        return (_counted(asked, slices_total, "slice", why),)


_TRADABLE = "each must be worth at least the venue's minimum and no more than its maximum"


def _counted(asked: int, fitting: int, part: str, why: str) -> str:
    return f"asked for {asked} {part}{'' if asked == 1 else 's'}, {fitting} fit: {why}"


def order_of(asked: Asked) -> TwapOrder:
    return TwapOrder.parse(
        symbol=asked.symbol,
        side=asked.side,
        quantity=asked.quantity,
        duration=asked.over,
        algo=asked.algo,
        client_id=asked.client_id,
        every=asked.every,
        slices=asked.slices,
        limit_price=asked.limit,
        target_price=asked.target_price,
        max_participation=asked.max_participation,
        max_slippage_bps=asked.max_slippage,
        early_completion=asked.early_completion,
        volume_adaptivity=asked.volume_adaptivity,
        jitter=asked.jitter,
        on_deadline=asked.on_deadline,
        style=asked.style,
        seed=asked.seed,
        priority=asked.priority,
        clip_quantity=asked.clip,
        clips=asked.clips,
        on_slippage=asked.on_slippage,
    )


def settings_of(asked: Asked) -> Settings:
    """Return the settings with what the command line says over them."""
    replay = {**asked.replay_files, "start_at": asked.start_at, "latency": asked.latency}
    paper = {"seed": asked.seed, "latency": asked.latency}
    settings = Settings.load(
        asked.config,
        engine=_given(seed=asked.seed),
        storage=_given(url=asked.db),
        venue=_given(kind=asked.venue, paper=_given(**paper), replay=_given(**replay)),
    )
    _check(asked, settings)
    if settings.venue.kind == "replay" and settings.venue.replay.symbol is None:
        return Settings.load(
            asked.config,
            engine=_given(seed=asked.seed),
            storage=_given(url=asked.db),
            venue=_given(kind=asked.venue, replay={**_given(**replay), "symbol": asked.symbol}),
        )
    return settings


def _check(asked: Asked, settings: Settings) -> None:
    kind = settings.venue.kind
    if kind == "ccxt" and asked.speed != 1:
        raise click.UsageError("--speed is for --venue paper and replay: a real market has its own")
    known = settings.venue.replay
    asked.check_files(
        kind, [name for name in ("trades", "book") if getattr(known, name) is not None]
    )


def _check_leave(asked: Asked, settings: Settings) -> None:
    """Refuse live mode without --live, which a sandbox does not need, and --live without live mode."""
    is_live = settings.engine.mode == "live"
    is_sandbox = settings.venue.kind == "ccxt" and settings.venue.ccxt.sandbox
    if is_live and not asked.live and not is_sandbox:
        raise CliError(
            "live_not_allowed",
            'the settings say [engine] mode = "live", and live trading needs --live',
            'add --live to trade with real money, or set mode = "paper"',
            ExitCode.REJECTED,
        )
    if asked.live and not is_live and not is_sandbox:
        raise CliError(
            "live_not_allowed",
            f'--live needs [engine] mode = "live" in the settings, and they say "{settings.engine.mode}"',
            "set the mode (GENESIS_ENGINE__MODE=live) and the venue (--venue ccxt), or leave --live out",
            ExitCode.REJECTED,
        )


def _given(**fields: object) -> Mapping[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _paper_start(asked: Asked, settings: Settings) -> datetime | None:
    """Return the start of a paper run; a replay's is checked by the venue, against the recording."""
    return asked.start_at if settings.venue.kind == "paper" else None
