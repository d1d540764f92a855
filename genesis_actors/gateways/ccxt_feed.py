"""Market data of one symbol by asking again and again: trades without gaps, then the touch; and past volumes."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from genesis_actors.gateways.ccxt_parsing import (
    MarketTrade,
    market_trade,
    milliseconds_of,
    quote_of,
    time_of,
)
from genesis_actors.gateways.ccxt_rules import exact_number
from genesis_actors.gateways.ccxt_volume import OthersVolume
from genesis_actors.logs import get_logger
from genesis_actors.messages.market_data import MarketRows
from genesis_actors.messages.venue import HourlyVolume
from genesis_actors.values import ZERO, Symbol, Trade

log = get_logger()

Json = Mapping[str, Any]

HISTORY = timedelta(minutes=2)
"""How far back a feed begins: for the volume window of the first slice."""

_PAGE: Final = 1_000
_MOST_PAGES: Final = 20
_REMEMBERED: Final = 5_000
_LEVELS: Final = 5

_HOUR, _MINUTE = 3_600, 60
_HOURS: Final = 7 * 24
_MINUTES: Final = 24 * 60
_CANDLES_AT_ONCE: Final = 1_000


class SymbolFeed:
    """Reads one symbol's market. Times are the venue's, moved onto our clock, and never go back."""

    def __init__(self, reads: Any, symbol: Symbol, *, by_id: bool) -> None:  # noqa: ANN401 - ccxt has no types
        """Begin in the recent past. `by_id` says that trades can be asked for from an id on."""
        self.symbol = symbol
        self.others = OthersVolume()
        self._reads = reads
        self._by_id = by_id
        self._last_id: int | None = None
        self._since: datetime | None = None
        self._seen: set[str] = set()
        self._in_order: deque[str] = deque()
        self._untold: list[MarketTrade] = []  # Read, while the book could not be.
        self._newest = datetime.min.replace(tzinfo=UTC)

    async def read(self, skew: timedelta) -> list[MarketRows]:
        """Return what is new. `skew` is how far our clock is ahead of the venue's."""
        self._untold += await self._new_trades(skew)
        book = await self._reads.fetch_order_book(self.symbol, _LEVELS)
        now = datetime.now(UTC)
        rows: list[MarketRows] = []
        counted = [self._in_time(trade, skew, now) for trade in self.others.take(self._untold, now)]
        self._untold = []
        if counted:
            rows.append(
                MarketRows(self.symbol, counted[-1].at, None, tuple(counted), confirms_quote=False)
            )
        self._newest = at = max(now, self._newest)
        quote = quote_of(book, at)
        if quote is not None:
            rows.append(MarketRows(self.symbol, at, quote, ()))
        return rows

    def _in_time(self, trade: Trade, skew: timedelta, now: datetime) -> Trade:
        """Put a trade into our time: not before what has been told already, and not after now."""
        self._newest = at = max(min(trade.at + skew, now), self._newest)
        return Trade(at, trade.price, trade.quantity, trade.side)

    async def _new_trades(self, skew: timedelta) -> list[MarketTrade]:
        found: list[MarketTrade] = []
        for _ in range(_MOST_PAGES):
            rows = await self._page(skew)
            new = self._remember(rows)
            found += new
            if len(rows) < _PAGE or not new:
                return found
        log.warning("trades_fall_behind", symbol=self.symbol, read=len(found))
        return found

    async def _page(self, skew: timedelta) -> list[Json]:
        if self._by_id and self._last_id is not None:
            params = {"fromId": self._last_id + 1}
            return await self._reads.fetch_trades(self.symbol, None, _PAGE, params)
        since = self._since or datetime.now(UTC) - skew - HISTORY
        return await self._reads.fetch_trades(self.symbol, milliseconds_of(since), _PAGE)

    def _remember(self, rows: list[Json]) -> list[MarketTrade]:
        new: list[MarketTrade] = []
        for row in rows:
            trade = market_trade(row)
            if trade is None or trade.identity in self._seen:
                continue
            self._seen.add(trade.identity)
            self._in_order.append(trade.identity)
            if len(self._in_order) > _REMEMBERED:
                self._seen.discard(self._in_order.popleft())
            new.append(trade)
            self._since = max(self._since or trade.trade.at, trade.trade.at)
            if self._by_id and trade.identity.isdigit():
                self._last_id = max(self._last_id or 0, int(trade.identity))
        return sorted(new, key=lambda each: each.trade.at)


async def read_volumes(reads: Any, symbol: Symbol, now: datetime) -> tuple[HourlyVolume, ...]:  # noqa: ANN401 - ccxt has no types
    """Return the hours of the last week and the minutes of the last day, those that are over; empty where unknown."""
    if reads.has.get("fetchOHLCV") is not True:
        return ()
    hours = await _candles(reads, symbol, "1h", _HOUR, _HOURS, now)
    minutes = await _candles(reads, symbol, "1m", _MINUTE, _MINUTES, now)
    return (*hours, *minutes)


async def _candles(
    reads: Any,  # noqa: ANN401 - ccxt has no types
    symbol: Symbol,
    timeframe: str,
    seconds: int,
    count: int,
    now: datetime,
) -> list[HourlyVolume]:
    if timeframe not in (reads.timeframes or {}):
        return []
    found: dict[datetime, Decimal] = {}
    start = now - timedelta(seconds=seconds * count)
    while start < now:
        rows = await reads.fetch_ohlcv(
            symbol, timeframe, milliseconds_of(start), min(count, _CANDLES_AT_ONCE)
        )
        before = len(found)
        for row in rows:
            at, volume = time_of(row[0]), exact_number(row[5])
            if at is not None and volume is not None and volume >= ZERO:
                found[at] = volume
                start = max(start, at)
        if len(found) == before:
            break
    whole = timedelta(seconds=seconds)
    return [
        HourlyVolume(start=at, seconds=seconds, volume=volume)
        for at, volume in sorted(found.items())
        if at + whole <= now
    ]
