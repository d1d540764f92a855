"""What the market data actor accepts, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TypeAlias

from genesis_actors.messages.base import Address
from genesis_actors.messages.persistence import AllWritten
from genesis_actors.values import ExecutionId, MarketSummary, Quote, Side, Symbol, Trade

# Dataclasses, not models: these are sent for every row and every slice, and are made by us alone.


@dataclass(frozen=True, slots=True)
class MarketRows:
    """What happened in one symbol at one instant, in the order book, depth, trades.

    `quote` is the newest touch if it changed. `confirms_quote` says that the source vouches for the touch in force
    even where it did not change (a recording has a row only when it does).
    """

    symbol: Symbol
    at: datetime
    quote: Quote | None
    trades: tuple[Trade, ...]
    confirms_quote: bool = True


@dataclass(frozen=True, slots=True)
class MarketPast:
    """What happened in one symbol until its feed began, told at once, the oldest first."""

    symbol: Symbol
    rows: tuple[MarketRows, ...]


MarketFeed: TypeAlias = MarketRows | MarketPast
"""What a venue tells of its markets."""


@dataclass(frozen=True, slots=True)
class WatchSymbol:
    """Keep what `MarketQuery` of this execution will need: sums since `since`, and a window of history."""

    execution_id: ExecutionId
    symbol: Symbol
    since: datetime
    window: timedelta


@dataclass(frozen=True, slots=True)
class UnwatchSymbol:
    execution_id: ExecutionId
    symbol: Symbol


@dataclass(frozen=True, slots=True)
class CutRecord:
    """Write down what has been recorded of the symbol so far, then have `AllWritten` answered to `reply_to`."""

    symbol: Symbol
    reply_to: Address[AllWritten]


@dataclass(frozen=True, slots=True)
class MarketQuery:
    """Asks for the newest quote and the volumes of (since, now] and (now - window, now]."""

    execution_id: ExecutionId
    symbol: Symbol
    since: datetime
    window: timedelta
    reply_to: Address[MarketView]


@dataclass(frozen=True, slots=True)
class MarketView:
    """The market as of `at`. Volumes in base, our own trades excluded.

    `quote_age` is the time since the source last vouched for the quote; None without a quote.
    """

    execution_id: ExecutionId
    symbol: Symbol
    at: datetime
    quote: Quote | None
    quote_age: timedelta | None
    summary: MarketSummary  # of (since, at]
    window_volume: Decimal


@dataclass(frozen=True, slots=True)
class SetPriceTrigger:
    """Tell `reply_to` once when the far touch of `side` becomes `level` or better (or worse, with `worse`).

    Replaces this execution's earlier trigger. A trigger that already holds fires at once.
    """

    execution_id: ExecutionId
    symbol: Symbol
    side: Side
    level: Decimal
    worse: bool
    reply_to: Address[PriceCrossed]


@dataclass(frozen=True, slots=True)
class ClearPriceTrigger:
    execution_id: ExecutionId
    symbol: Symbol


@dataclass(frozen=True, slots=True)
class PriceCrossed:
    execution_id: ExecutionId
    at: datetime
    touch: Decimal


@dataclass(frozen=True, slots=True)
class AskQuoteAges:
    """Asks how old the quotes of the symbols are that are worked, or were a moment ago."""

    reply_to: Address[QuoteAges]


@dataclass(frozen=True, slots=True)
class QuoteAges:
    """For each symbol the time since the source last vouched for its quote."""

    ages: tuple[tuple[Symbol, timedelta], ...]


MarketDataMessage: TypeAlias = (
    MarketFeed
    | WatchSymbol
    | UnwatchSymbol
    | CutRecord
    | AskQuoteAges
    | MarketQuery
    | SetPriceTrigger
    | ClearPriceTrigger
)
"""Everything the market data actor accepts."""
