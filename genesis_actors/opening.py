"""What the settings mean, opened: the venue, and the runtime with the time that it starts at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from genesis_actors.gateways.venue import SimulatedVenue, SourceError
from genesis_actors.recovery import Stock
from genesis_actors.runtime.system import Runtime
from genesis_actors.settings import ReplaySettings, Settings
from genesis_actors.values import (
    Symbol,
)

DEFAULT_SEED = 1
"""What simulated venues are seeded with where nobody says otherwise, so that a run can be repeated."""

PAPER_EPOCH = datetime(2025, 1, 6, 14, 0, tzinfo=UTC)
"""When a paper run in virtual time begins unless told otherwise: prices are a function of seed and time."""


@dataclass(frozen=True, slots=True)
class VirtualTime:
    """Run on a virtual clock, in the thread that waits. `speed` None never sleeps; 1 is real time."""

    speed: Decimal | None = None
    start_at: datetime | None = None


def open_venue(settings: Settings) -> SimulatedVenue:
    """Return the venue that the settings mean. Raises SourceError where it cannot be used."""
    # Imported here: each venue is needed only by those who chose it.
    match settings.venue.kind:
        case "paper":
            from genesis_actors.gateways.paper import PaperVenue

            chosen = settings.venue.paper
            seed = seed_of(settings) if chosen.seed is None else chosen.seed
            return PaperVenue(seed=seed, latency=chosen.latency)
        case "replay":
            return _open_replay(settings.venue.replay)
        case "ccxt":
            raise SourceError(
                "real venues are not built yet", "use --venue paper or --venue replay"
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


def check_clock(venue: SimulatedVenue, virtual: VirtualTime | None) -> None:
    """Raise SourceError for a venue whose market has a time of its own, on the system's clock."""
    if virtual is None and venue.start_at() is not None:
        raise SourceError(
            "a recording does not run on today's clock",
            "start the engine with virtual=VirtualTime(), or VirtualTime(speed=1) for its own pace",
        )


def starts_at(venue: SimulatedVenue, virtual: VirtualTime) -> datetime:
    """Return when a run in virtual time begins, where no earlier one is carried on."""
    start = virtual.start_at or venue.start_at()
    if start is not None:
        return start
    # At the pace of the wall clock a paper run shows today's date.
    return datetime.now(UTC) if virtual.speed == 1 else PAPER_EPOCH


def runtime_for(
    settings: Settings,
    venue: SimulatedVenue,
    virtual: VirtualTime | None,
    stock: Stock,
    make: Callable[[int, datetime], Runtime] | None = None,
) -> Runtime:
    if virtual is None:
        return Runtime.system()
    start = stock.last_instant or starts_at(venue, virtual)
    # A later run of the same database draws other ids than an earlier one.
    seed = seed_of(settings) * 1_000_003 + stock.executions_count
    if make is not None:
        return make(seed, start)
    return Runtime.deterministic(seed=seed, start=start, speed=virtual.speed)


def seed_of(settings: Settings) -> int:
    return DEFAULT_SEED if settings.engine.seed is None else settings.engine.seed
