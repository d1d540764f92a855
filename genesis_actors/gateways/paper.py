"""The paper venue: a seeded, synthetic market in many symbols that our orders meet.

How orders fill is the matching engine's affair, and what the market does the synthetic market's; here both are
brought together in time. Only symbols that are open cost anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from hashlib import blake2b
from heapq import heappop, heappush
from itertools import takewhile

from genesis_actors.domain.proof import ProofRules
from genesis_actors.gateways.account import Account, opening_balances
from genesis_actors.gateways.book import Level, OrderBook
from genesis_actors.gateways.listings import LISTINGS, Listing, numbered_listing
from genesis_actors.gateways.matching import Market, MatchingEngine, restore_all
from genesis_actors.gateways.synthetic import SyntheticMarket
from genesis_actors.gateways.venue import Feed, PastFill
from genesis_actors.messages.market_data import MarketRows
from genesis_actors.messages.venue import (
    CancelOrder,
    HourlyVolume,
    LookUpOrder,
    OrderFilled,
    OrderOutcome,
    PlaceOrder,
)
from genesis_actors.values import ClientOrderId, MarketRules, MarketSource, Side, Symbol

NOTHING = Feed((), ())

LONGEST_HISTORY = timedelta(hours=3)
"""How far a feed reaches back at most: nobody waits for what a market did while we were away for days."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR = timedelta(hours=1)
_PROFILE_HOURS = 7 * 24


class _OpenSymbol:
    """The feed of one symbol: it reads the synthetic market row by row."""

    def __init__(self, source: SyntheticMarket, since: datetime) -> None:
        self.market = Market(source.listing.rules, OrderBook(has_depth=True))
        self._source = source
        self._rows = _rows_from(source, source.step_of(since))
        self._next = next(self._rows)

    @property
    def next_at(self) -> datetime:
        return self._next.at

    def step_forward(self, engine: MatchingEngine) -> tuple[MarketRows, list[OrderOutcome]]:
        """Let the next instant happen: book, depth, trades."""
        row = self._next
        book = self.market.book
        if row.quote is not None:
            step = self._source.step_of(row.at)
            book.lay_touch(row.quote)
            for side in (Side.BUY, Side.SELL):
                book.side(side).lay_depth(partial(self._source.levels, side, step))
        outcomes = engine.trades_reached(self.market, row.trades) if row.trades else []
        self._next = next(self._rows)
        return row, outcomes


def _rows_from(source: SyntheticMarket, step: int) -> Iterator[MarketRows]:
    symbol = source.listing.symbol
    while True:
        quote = source.quote(step)
        at, slots = quote.at, source.trades(step, quote)
        if slots and slots[0][0] == 0:
            yield MarketRows(symbol, at, quote, tuple(slots.pop(0)[1]))
        else:
            yield MarketRows(symbol, at, quote, ())
        for _, trades in slots:
            yield MarketRows(symbol, trades[0].at, None, tuple(trades))
        step += 1


class PaperVenue:
    """A venue that makes its market up. The same seed makes the same market, whenever it is asked.

    With an `activity` of 20 each symbol trades 20 times as much, and as often, as it usually does: up to some 15 trades
    a second, from where on they become larger.
    """

    name = "paper"
    proof = ProofRules()
    trades_every: timedelta | None = None

    def __init__(
        self,
        seed: int,
        *,
        step: timedelta = timedelta(seconds=1),
        latency: timedelta = timedelta(milliseconds=50),
        history: timedelta = timedelta(minutes=5),
        numbered_symbols: int = 0,
        activity: int = 1,
    ) -> None:
        source: MarketSource = (("seed", str(seed)), ("step", str(step)))
        self.source: MarketSource | None = (
            source if activity == 1 else (*source, ("activity", str(activity)))
        )
        self._seed = seed
        self._step = step
        self._latency = latency
        self._history = history
        self._back_to: datetime | None = None
        listings = (*LISTINGS, *map(numbered_listing, range(numbered_symbols)))
        self._listings: dict[Symbol, Listing] = {
            each.symbol: each.at_activity(activity) for each in listings
        }
        self._sources: dict[Symbol, SyntheticMarket] = {}
        self._volumes: dict[Symbol, tuple[int, tuple[HourlyVolume, ...]]] = {}
        self._open: dict[Symbol, _OpenSymbol] = {}
        self._due: list[tuple[datetime, int, _OpenSymbol]] = []
        self._account = Account(opening_balances((each.rules, each.price) for each in listings))
        self._engine = MatchingEngine(self._account)

    def start_at(self) -> None:
        """Return None: there is a market at any time."""

    def describe(self, symbol: Symbol) -> MarketRules | None:
        listing = self._listings.get(symbol)
        return None if listing is None else listing.rules

    def symbols(self) -> tuple[Symbol, ...]:
        return tuple(self._listings)

    def balances(self) -> Mapping[str, Decimal]:
        return self._account.balances()

    def held(self) -> Mapping[str, Decimal]:
        return self._account.held()

    def volumes(self, symbol: Symbol, before: datetime) -> tuple[HourlyVolume, ...]:
        """Return the last week's hours, each with the volume that its trade flow brings on average."""
        if symbol not in self._listings:
            return ()
        last = (before - _EPOCH) // _HOUR
        known = self._volumes.get(symbol)
        if known is None or known[0] != last:
            known = self._volumes[symbol] = last, self._week_before(self._source(symbol), last)
        return known[1]

    @staticmethod
    def _week_before(source: SyntheticMarket, last: int) -> tuple[HourlyVolume, ...]:
        return tuple(
            HourlyVolume(
                start=_EPOCH + hour * _HOUR, seconds=3_600, volume=source.expected_volume(hour)
            )
            for hour in range(last - _PROFILE_HOURS, last)
        )

    def open(self, symbol: Symbol, at: datetime) -> Feed:
        """Begin a symbol's feed with the rows of the last minutes before `at`."""
        if symbol not in self._listings:
            return NOTHING
        source = self._source(symbol)
        since = at - self._history
        if self._back_to is not None:
            since = min(since, max(self._back_to, at - LONGEST_HISTORY))
        if symbol in self._open:
            # Up to where its feed has come, which may be behind `at`: the rest is told in its turn.
            ahead = self._open[symbol].next_at
            past = _rows_from(source, source.step_of(since))
            return Feed(tuple(takewhile(lambda row: row.at < ahead, past)), ())
        opened = self._open[symbol] = _OpenSymbol(source, since)
        self._engine.open_market(opened.market)
        rows: list[MarketRows] = []
        while opened.next_at <= at:
            rows.append(opened.step_forward(self._engine)[0])
        in_force_since = source.time_of(source.step_of(at))
        for side in Side:
            self._engine.take_again(opened.market, side, in_force_since, at)
        heappush(self._due, (opened.next_at, len(self._open), opened))
        return Feed(tuple(rows), ())

    def levels(self, symbol: Symbol, side: Side) -> tuple[Level, ...]:
        return self._engine.levels(symbol, side)

    def next_at(self) -> datetime | None:
        return self._due[0][0] if self._due else None

    def advance(self, to: datetime) -> Feed:
        rows: list[MarketRows] = []
        outcomes: list[OrderOutcome] = []
        while self._due and self._due[0][0] <= to:
            _, number, opened = heappop(self._due)
            row, caused = opened.step_forward(self._engine)
            rows.append(row)
            outcomes.extend(caused)
            heappush(self._due, (opened.next_at, number, opened))
        return Feed(tuple(rows), tuple(outcomes))

    def latency(self, client_order_id: ClientOrderId) -> timedelta:
        """Return the set latency give or take a half, the same for an order each time."""
        drawn = blake2b(f"{self._seed}:{client_order_id}".encode(), digest_size=4).digest()
        share = int.from_bytes(drawn, "big")
        microseconds = self._latency // timedelta(microseconds=1)
        return timedelta(microseconds=microseconds // 2 + (microseconds * share >> 32))

    def place(self, order: PlaceOrder, at: datetime) -> tuple[OrderOutcome, ...]:
        return self._engine.place(order, at)

    def cancel(self, request: CancelOrder, at: datetime) -> tuple[OrderOutcome, ...]:
        return self._engine.cancel(request, at)

    def look_up(self, request: LookUpOrder, at: datetime) -> tuple[OrderOutcome, ...]:
        return self._engine.look_up(request, at)

    def trades_since(
        self, symbol: Symbol, since: datetime, at: datetime
    ) -> tuple[OrderFilled, ...]:
        return self._engine.trades_since(symbol, since, at)

    def restore(self, fills: Iterable[PastFill]) -> None:
        restore_all(self._engine, [each.rules for each in self._listings.values()], fills)

    def reach_back(self, to: datetime) -> None:
        self._back_to = to if self._back_to is None else min(self._back_to, to)

    def _source(self, symbol: Symbol) -> SyntheticMarket:
        source = self._sources.get(symbol)
        if source is None:
            source = SyntheticMarket(self._seed, self._listings[symbol], self._step)
            self._sources[symbol] = source
        return source
