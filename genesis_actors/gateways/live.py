"""The port that a real venue stands behind: it is asked at once and answers later, by telling an address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol, TypeAlias, runtime_checkable

from genesis_actors.domain.proof import ProofRules
from genesis_actors.messages.base import Address
from genesis_actors.messages.market_data import MarketRows
from genesis_actors.messages.venue import (
    CancelOrder,
    HourlyVolume,
    LookUpOrder,
    OrderOutcome,
    PlaceOrder,
)
from genesis_actors.values import MarketRules, Quote, Side, Symbol


@dataclass(frozen=True, slots=True)
class OutcomesHeard:
    """What the venue says of orders of ours, in the order in which it is to be told."""

    outcomes: tuple[OrderOutcome, ...]


@dataclass(frozen=True, slots=True)
class TradesHeard:
    """Answers `ask_trades`. `is_complete` is False where the venue did not say all."""

    symbol: Symbol
    outcomes: tuple[OrderOutcome, ...]
    is_complete: bool


@dataclass(frozen=True, slots=True)
class SymbolSeen:
    """Answers `describe`. `rules` is None where the symbol cannot be worked, balances where nobody may know them."""

    symbol: Symbol
    rules: MarketRules | None
    balances: Mapping[str, Decimal]
    volumes: tuple[HourlyVolume, ...]
    known_symbols: tuple[Symbol, ...]
    held: Mapping[str, Decimal] = field(default_factory=dict[str, Decimal])
    """What open orders hold, anybody's of the account."""


@dataclass(frozen=True, slots=True)
class AvailabilityChanged:
    """The venue takes no orders, or takes them again; `detail` says how that was noticed."""

    is_available: bool
    detail: str


VenueReport: TypeAlias = OutcomesHeard | TradesHeard | SymbolSeen | MarketRows | AvailabilityChanged


@dataclass(frozen=True, slots=True)
class MarketLook:
    """One symbol as it is now, for a plan. `balances` is None where there are no keys to ask with."""

    rules: MarketRules | None
    known_symbols: tuple[Symbol, ...]
    balances: Mapping[str, Decimal] | None
    quote: Quote | None
    volumes: tuple[HourlyVolume, ...]
    levels: Mapping[Side, tuple[tuple[Decimal, Decimal], ...]]


@runtime_checkable
class LiveVenue(Protocol):
    """A venue elsewhere. Nothing here waits; each question is answered by a report to whoever is connected."""

    name: str
    account: str | None
    """The account's fingerprint; None where there are no keys."""

    @property
    def proof(self) -> ProofRules: ...

    @property
    def trades_every(self) -> timedelta | None: ...

    def symbols(self) -> tuple[Symbol, ...]:
        """Return the symbols that it knows by now."""
        ...

    def connect(self, listener: Address[VenueReport], prefix: str) -> None:
        """From now on tell `listener`. Orders that have not left yet are dropped, and it is told so.

        `prefix` begins the client ids of our orders: all others are left alone.
        """
        ...

    def describe(self, symbol: Symbol) -> None:
        """Ask for `SymbolSeen`, until it comes. Starts the symbol's market data."""
        ...

    def place(self, order: PlaceOrder) -> None: ...

    def cancel(self, request: CancelOrder, asked_at: datetime) -> None: ...

    def look_up(self, request: LookUpOrder, asked_at: datetime) -> None: ...

    def ask_trades(self, symbol: Symbol, since: datetime) -> None: ...

    def look(self, symbol: Symbol) -> MarketLook:
        """Wait for a look at one symbol: before any actor runs. Raises SourceError."""
        ...

    def close(self) -> None:
        """Let go of everything. What is on its way is asked about at the next start."""
        ...
