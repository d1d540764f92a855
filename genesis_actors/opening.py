"""What the settings mean, opened: the venue, and the runtime with the time that it starts at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from genesis_actors.domain.execution import Execution
from genesis_actors.domain.market_source import differing_parts
from genesis_actors.gateways.live import LiveVenue
from genesis_actors.gateways.venue import SimulatedVenue, SourceError
from genesis_actors.recovery import Stock
from genesis_actors.runtime.system import Runtime
from genesis_actors.settings import ReplaySettings, Settings
from genesis_actors.steady import STEADY, utc_now
from genesis_actors.values import Symbol

DEFAULT_SEED = 1
"""What simulated venues are seeded with where nobody says otherwise, so that a run can be repeated."""

PAPER_EPOCH = datetime(2025, 1, 6, 14, 0, tzinfo=UTC)
"""When a paper run in virtual time begins unless told otherwise: prices are a function of seed and time."""


@dataclass(frozen=True, slots=True)
class VirtualTime:
    """Run on a virtual clock, in the thread that waits. `speed` None never sleeps; 1 is real time."""

    speed: Decimal | None = None
    start_at: datetime | None = None


class LiveNotAllowedError(Exception):
    """The settings and the venue do not agree on whether money is real. `hint` is the next step."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


class OtherMarketError(Exception):
    """An open execution began in another market: `parts` are what differs. `hint` is the next step."""

    def __init__(self, execution: Execution, parts: Sequence[str]) -> None:
        client_id = execution.order.client_id
        whose = "" if client_id is None else f"client id {client_id} belongs to "
        super().__init__(
            f"{whose}execution {execution.execution_id}, which is open and began in another market "
            f"(other {', '.join(parts)})"
        )
        self.parts = tuple(parts)
        self.hint = (
            "carry it on with the files, start or seed that it began with, "
            "or choose another --client-id"
        )


def check_mode(settings: Settings) -> None:
    """Refuse real money that nobody has asked for, and live mode without a real venue. Raises LiveNotAllowedError."""
    is_real = settings.venue.kind == "ccxt" and not settings.venue.ccxt.sandbox
    is_live = settings.engine.mode == "live"
    if is_real and not is_live:
        raise LiveNotAllowedError(
            f"orders at {settings.venue.name} are real, and the settings say "
            f'[engine] mode = "{settings.engine.mode}"',
            'for real money set [engine] mode = "live", else [venue.ccxt] sandbox = true',
        )
    if is_live and settings.venue.kind != "ccxt":
        raise LiveNotAllowedError(
            f'[engine] mode = "live" needs a real venue, and [venue] kind is "{settings.venue.kind}"',
            'set [venue] kind = "ccxt", or mode = "paper"',
        )


def check_keys(venue: LiveVenue) -> None:
    """Refuse to start without keys: only a plan needs none. Raises LiveNotAllowedError."""
    if venue.account is None:
        raise LiveNotAllowedError(
            f"there are no keys for {venue.name}",
            "give GENESIS_API_KEY and GENESIS_API_SECRET, or [venue.ccxt] secrets_file with mode 0600",
        )


def open_venue(settings: Settings) -> SimulatedVenue | LiveVenue:
    """Return the venue that the settings mean. Raises SourceError where it cannot be used."""
    STEADY.take_wall_clock()
    # Imported here: each venue is needed only by those who chose it.
    match settings.venue.kind:
        case "paper":
            from genesis_actors.gateways.paper import PaperVenue

            chosen = settings.venue.paper
            seed = seed_of(settings) if chosen.seed is None else chosen.seed
            return PaperVenue(seed=seed, latency=chosen.latency, activity=chosen.activity)
        case "replay":
            return _open_replay(settings.venue.replay)
        case "ccxt":
            from genesis_actors.gateways.ccxt_venue import CcxtVenue

            return CcxtVenue.open(
                settings.venue.ccxt,
                name=settings.venue.name,
                is_live=settings.engine.mode == "live",
            )


def _open_replay(chosen: ReplaySettings) -> SimulatedVenue:
    from genesis_actors.gateways.replay import ReplayVenue

    if chosen.symbol is None or chosen.trades is None or chosen.book is None:
        raise SourceError(
            "a replay needs a symbol, recorded trades and a recorded book",
            "give --trades FILE and --book FILE, or set them under [venue.replay]",
        )
    return ReplayVenue.load(
        Symbol(chosen.symbol),
        trades=chosen.trades,
        book=chosen.book,
        depth=chosen.depth,
        candles=chosen.candles,
        market=chosen.market,
        start_at=chosen.start_at,
        latency=chosen.latency,
    )


def check_clock(venue: SimulatedVenue | LiveVenue, virtual: VirtualTime | None) -> None:
    """Raise SourceError for a venue whose market has a time of its own on the system's clock, and the reverse."""
    if isinstance(venue, LiveVenue):
        if virtual is not None:
            raise SourceError("a real venue has no virtual time", "leave --speed out")
        return
    if virtual is None and venue.start_at() is not None:
        raise SourceError(
            "a recording does not run on today's clock",
            "start the engine with virtual=VirtualTime(), or VirtualTime(speed=1) for its own pace",
        )


def check_source(venue: SimulatedVenue | LiveVenue, stock: Stock) -> None:
    """Refuse to carry an execution on in another market than it began in. Raises OtherMarketError."""
    if isinstance(venue, LiveVenue):
        return  # There is but one.
    for execution in stock.executions:
        parts = differing_parts(execution.market_source, venue.source)
        if parts:
            raise OtherMarketError(execution, parts)


def starts_at(venue: SimulatedVenue, virtual: VirtualTime) -> datetime:
    """Return when a run in virtual time begins, where no earlier one is carried on."""
    start = virtual.start_at or venue.start_at()
    if start is not None:
        return start
    # At the pace of the wall clock a paper run shows today's date.
    return utc_now() if virtual.speed == 1 else PAPER_EPOCH


def runtime_for(
    settings: Settings,
    venue: SimulatedVenue | LiveVenue,
    virtual: VirtualTime | None,
    stock: Stock,
    make: Callable[[int, datetime], Runtime] | None = None,
) -> Runtime:
    if virtual is None or isinstance(venue, LiveVenue):
        return Runtime.system()
    start = stock.last_instant or starts_at(venue, virtual)
    # A later run of the same database draws other ids than an earlier one.
    seed = seed_of(settings) * 1_000_003 + stock.executions_count
    if make is not None:
        return make(seed, start)
    return Runtime.deterministic(seed=seed, start=start, speed=virtual.speed)


def seed_of(settings: Settings) -> int:
    return DEFAULT_SEED if settings.engine.seed is None else settings.engine.seed
