"""The replay venue: one recorded market, fed instant by instant, that our orders meet.

How orders fill is the matching engine's affair; here the recording becomes instants in time.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from genesis_actors.domain.proof import ProofRules
from genesis_actors.gateways.account import Account, opening_balances
from genesis_actors.gateways.book import Level, OrderBook
from genesis_actors.gateways.csv_files import digest
from genesis_actors.gateways.market_file import (
    read_rules,
    recorded_symbol,
    rules_of_recording,
)
from genesis_actors.gateways.matching import Market, MatchingEngine, restore_all
from genesis_actors.gateways.recording import Recording
from genesis_actors.gateways.venue import Feed, PastFill, SourceError
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
    MarketRules,
    MarketSource,
    Quote,
    Side,
    Symbol,
    Trade,
    decimal_text,
    exact,
    time_text,
)

NOTHING = Feed((), ())


class ReplayVenue:
    """A venue whose market is a recording. Orders trade against it and leave it as it was."""

    name = "replay"
    proof = ProofRules()
    trades_every: timedelta | None = None

    def __init__(
        self,
        rules: MarketRules,
        recording: Recording,
        start_at: datetime | None = None,
        latency: timedelta = timedelta(0),
    ) -> None:
        self.warnings = recording.warnings
        self._rules = rules
        self._latency = latency
        self._start_at = _start_of(recording, start_at)
        self._recording = recording
        self.source: MarketSource | None = (
            *recording.digests.items(),
            ("rules", _digest_of_rules(rules)),
            ("start", time_text(self._start_at)),
        )
        self._next_trade = self._next_touch = self._next_depth = 0
        self._next_at = self._find_next()
        self._is_open = False
        self._market = Market(rules, OrderBook(has_depth=recording.depth is not None))
        self._account = Account(opening_balances([(rules, _first_mid(recording))]))
        self._engine = MatchingEngine(self._account)

    @classmethod
    def load(
        cls,
        symbol: Symbol,
        *,
        trades: Path,
        book: Path,
        depth: Path | None = None,
        candles: Path | None = None,
        market: Path | None = None,
        start_at: datetime | None = None,
        latency: timedelta = timedelta(0),
    ) -> ReplayVenue:
        """Read a recording; SourceError, with file and line, where it cannot be used.

        Where the market file, or else the name of the trades file, tells another symbol, the venue has that one.
        """
        rules = None if market is None else read_rules(symbol, market)
        recording = Recording.read(trades, book, depth, candles)
        if rules is None:
            rules = rules_of_recording(recorded_symbol(symbol, trades), recording)
        return cls(rules, recording, start_at, latency)

    def start_at(self) -> datetime:
        return self._start_at

    def end_at(self) -> datetime:
        """Return the time of the last trade or touch."""
        return self._recording.last_at

    def describe(self, symbol: Symbol) -> MarketRules | None:
        return self._rules if symbol == self._rules.symbol else None

    def symbols(self) -> tuple[Symbol, ...]:
        return (self._rules.symbol,)

    def balances(self) -> Mapping[str, Decimal]:
        return self._account.balances()

    def held(self) -> Mapping[str, Decimal]:
        return self._account.held()

    def volumes(self, symbol: Symbol, before: datetime) -> tuple[HourlyVolume, ...]:
        if symbol != self._rules.symbol:
            return ()
        candles, bar = self._recording.candles, self._recording.bar
        count = bisect_right(candles, before - bar, key=lambda candle: candle.at)
        seconds = bar // timedelta(seconds=1)
        return tuple(
            HourlyVolume(start=at, seconds=seconds, volume=volume) for at, volume in candles[:count]
        )

    def open(self, symbol: Symbol, at: datetime) -> Feed:
        """Begin the feed with every row up to and including `at`."""
        if symbol != self._rules.symbol:
            return NOTHING
        if self._is_open:
            return Feed(tuple(self._rows_so_far()), ())
        self._is_open = True
        self._engine.open_market(self._market)
        feed = self.advance(at)
        self._take_again(at)
        return feed

    def levels(self, symbol: Symbol, side: Side) -> tuple[Level, ...]:
        return self._engine.levels(symbol, side)

    def next_at(self) -> datetime | None:
        return self._next_at if self._is_open else None

    def advance(self, to: datetime) -> Feed:
        if not self._is_open:
            return NOTHING
        rows: list[MarketRows] = []
        outcomes: list[OrderOutcome] = []
        while (at := self._next_at) is not None and at <= to:
            row = MarketRows(self._rules.symbol, at, self._touch_at(at), self._trades_at(at))
            if row.quote is not None:
                self._market.book.lay_touch(row.quote)
            self._lay_depth_at(at)
            if row.trades:
                outcomes.extend(self._engine.trades_reached(self._market, row.trades))
            rows.append(row)
            self._next_at = self._find_next()
        return Feed(tuple(rows), tuple(outcomes))

    def latency(self, client_order_id: ClientOrderId) -> timedelta:  # noqa: ARG002 - Here all wait equally long.
        return self._latency

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
        restore_all(self._engine, [self._rules], fills)

    def reach_back(self, to: datetime) -> None:
        """Do nothing: the feed begins with the recording's first row anyway."""

    def _rows_so_far(self) -> Iterator[MarketRows]:
        touches = {quote.at: quote for quote in self._recording.book[: self._next_touch]}
        trades: defaultdict[datetime, list[Trade]] = defaultdict(list)
        for trade in self._recording.trades[: self._next_trade]:
            trades[trade.at].append(trade)
        for at in sorted(touches.keys() | trades.keys()):
            yield MarketRows(self._rules.symbol, at, touches.get(at), tuple(trades[at]))

    def _touch_at(self, at: datetime) -> Quote | None:
        """Return the newest touch of this instant, None where there is none."""
        book, index = self._recording.book, self._next_touch
        while index < len(book) and book[index].at == at:
            index += 1
        if index == self._next_touch:
            return None
        self._next_touch = index
        return book[index - 1]

    def _trades_at(self, at: datetime) -> tuple[Trade, ...]:
        trades, first = self._recording.trades, self._next_trade
        while self._next_trade < len(trades) and trades[self._next_trade].at == at:
            self._next_trade += 1
        return tuple(trades[first : self._next_trade])

    def _lay_depth_at(self, at: datetime) -> None:
        depth = self._recording.depth or ()
        while self._next_depth < len(depth) and depth[self._next_depth].at == at:
            row = depth[self._next_depth]
            self._market.book.side(row.side).lay_depth(row.levels)
            self._next_depth += 1

    def _find_next(self) -> datetime | None:
        recording = self._recording
        heads = [
            rows[index].at
            for rows, index in (
                (recording.trades, self._next_trade),
                (recording.book, self._next_touch),
                (recording.depth or (), self._next_depth),
            )
            if index < len(rows)
        ]
        return min(heads, default=None)

    def _take_again(self, now: datetime) -> None:
        """Take what earlier runs took since the snapshot in force: it is not there again yet."""
        depth = self._recording.depth
        for side in Side:
            if depth is None:
                since = [quote.at for quote in self._recording.book[: self._next_touch]]
            else:
                since = [row.at for row in depth[: self._next_depth] if row.side is side]
            in_force_since = since[-1] if since else self._recording.first_at
            self._engine.take_again(self._market, side, in_force_since, now)


def _start_of(recording: Recording, wanted: datetime | None) -> datetime:
    if wanted is None:
        return max(recording.trades[0].at, recording.book[0].at)
    first, last = recording.first_at, recording.last_at
    if not first <= wanted <= last:
        raise SourceError(
            f"The replay cannot start at {time_text(wanted)}: the recording goes from "
            f"{time_text(first)} to {time_text(last)}.",
            "Choose a time within it, or leave the start time out.",
        )
    return wanted


def _digest_of_rules(rules: MarketRules) -> str:
    values = (getattr(rules, each.name) for each in fields(rules))
    texts = (decimal_text(value) if isinstance(value, Decimal) else str(value) for value in values)
    return digest("\n".join(texts))


@exact
def _first_mid(recording: Recording) -> Decimal:
    return recording.book[0].mid
