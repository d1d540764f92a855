"""The port that simulated venues (paper and replay) stand behind, and their one error.

A simulated venue is a pure machine in time: it is told how far time has come, and reads no clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

from genesis_actors.domain.proof import ProofRules
from genesis_actors.messages.market_data import MarketRows
from genesis_actors.messages.venue import (
    CancelOrder,
    HourlyVolume,
    LookUpOrder,
    OrderFilled,
    OrderOutcome,
    PlaceOrder,
)
from genesis_actors.values import (
    ClientOrderId,
    ExecutionId,
    Liquidity,
    MarketRules,
    MarketSource,
    Side,
    Symbol,
    TradeId,
    VenueOrderId,
)


class SourceError(Exception):
    """A recording or another source cannot be used. `hint` is the next step for the user."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


class ForbiddenSourceError(SourceError):
    """It could be used, and must not be: what is set would do harm."""


@dataclass(frozen=True, slots=True)
class PastFill:
    """A trade of ours that an earlier run of the same database has recorded.

    Only a taker's fill takes liquidity away that the book shows.
    """

    execution_id: ExecutionId
    client_order_id: ClientOrderId
    venue_order_id: VenueOrderId | None
    trade_id: TradeId
    symbol: Symbol
    side: Side
    quantity: Decimal
    price: Decimal
    fee: Decimal
    fee_currency: str
    traded_at: datetime
    liquidity: Liquidity = Liquidity.TAKER


@dataclass(frozen=True, slots=True)
class Feed:
    """What time brought: market rows for the market data actor, and outcomes of resting orders."""

    rows: tuple[MarketRows, ...]
    outcomes: tuple[OrderOutcome, ...]


class SimulatedVenue(Protocol):
    """A venue in this process: its prices are a function of seed or recording and time."""

    name: str
    proof: ProofRules
    """What it enforces and how its reads lag: when "not found" is proof."""
    trades_every: timedelta | None
    """How often to ask for our trades, in case one was never told; None where that cannot be."""
    source: MarketSource | None
    """What its market is made of, so that an execution is never carried on in another; None: nobody need know."""

    def start_at(self) -> datetime | None:
        """Return the first instant at which there is a market, None where any time will do."""
        ...

    def describe(self, symbol: Symbol) -> MarketRules | None: ...

    def symbols(self) -> tuple[Symbol, ...]: ...

    def balances(self) -> Mapping[str, Decimal]:
        """Return the free amount of each currency."""
        ...

    def held(self) -> Mapping[str, Decimal]:
        """Return what resting orders hold of each currency, beside what is free."""
        ...

    def volumes(self, symbol: Symbol, before: datetime) -> tuple[HourlyVolume, ...]:
        """Return the bars (hourly or finer) that were over by `before`; empty where unknown."""
        ...

    def open(self, symbol: Symbol, at: datetime) -> Feed:
        """Begin this symbol's feed at `at`: rows of the past, for the volume windows, come first.

        Opening it again tells the past rows again, and changes nothing. A symbol that the venue does not know has an
        empty feed.
        """
        ...

    def levels(self, symbol: Symbol, side: Side) -> tuple[tuple[Decimal, Decimal], ...]:
        """Return price and quantity of each level that an order of `side` would meet now, best first."""
        ...

    def next_at(self) -> datetime | None:
        """Return when the next rows of an open feed are due, None when there are no more."""
        ...

    def advance(self, to: datetime) -> Feed:
        """Apply all rows up to and including `to`, which is never earlier than it was before."""
        ...

    def latency(self, client_order_id: ClientOrderId) -> timedelta:
        """Return how long a request takes to reach the matching engine; zero where none is set."""
        ...

    def place(self, order: PlaceOrder, at: datetime) -> tuple[OrderOutcome, ...]:
        """Match an order that arrives at `at`, to which the feed has been advanced before.

        An id seen before is answered with what became of it and never matched again.
        """
        ...

    def cancel(self, request: CancelOrder, at: datetime) -> tuple[OrderOutcome, ...]:
        """Take a resting order back; a closed one closes again, an unknown one is not found."""
        ...

    def look_up(self, request: LookUpOrder, at: datetime) -> tuple[OrderOutcome, ...]:
        """Return every fill of the order again, then how it closed, or that it still rests.

        For an unknown one `OrderNotFound` is the answer and a proof: should it arrive later, it is
        rejected.
        """
        ...

    def trades_since(
        self, symbol: Symbol, since: datetime, at: datetime
    ) -> tuple[OrderFilled, ...] | None:
        """Return every trade of ours in `symbol` that happened at `since` or later, None where it cannot say now."""
        ...

    def restore(self, fills: Iterable[PastFill]) -> None:
        """Take over an earlier run's balances, ledger and liquidity taken. Called before `open`.

        Orders that were resting then are over: what they had not filled has expired.
        """
        ...

    def reach_back(self, to: datetime) -> None:
        """Let feeds begin with the rows from `to` on, if not from earlier. Called before `open`."""
        ...
