"""Market data of one symbol: trades without gaps, each once, and the touch; heard from sockets or asked for.

Answers are the truth. What sockets say comes sooner, and counts while it fits to what is answered: questions fill every
gap, find out whether a socket that says nothing has nothing to say, and take over where there is none.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from genesis_actors.gateways.ccxt_agreement import ENOUGH, FEW, Agreement
from genesis_actors.gateways.ccxt_parsing import (
    MarketTrade,
    milliseconds_of,
    quote_of,
    trades_of,
)
from genesis_actors.gateways.ccxt_streams import Channel, SymbolStream
from genesis_actors.gateways.ccxt_volume import OthersVolume
from genesis_actors.logs import get_logger
from genesis_actors.messages.market_data import MarketRows
from genesis_actors.steady import utc_now
from genesis_actors.values import Quote, Symbol, Trade

log = get_logger()

Json = Mapping[str, Any]

HISTORY = timedelta(minutes=2)
"""How far back a feed begins: for the volume window of the first slice."""

LATE = timedelta(seconds=2)
"""A trade that is older than this has been told by everything that tells of trades, if it works."""

_MOST_PAGES: Final = 20
_REMEMBERED: Final = 20_000
_LEVELS: Final = 5


class SymbolFeed:
    """One symbol's market. Times are the venue's, moved onto our clock, and never go back."""

    def __init__(
        self,
        reads: Any,  # noqa: ANN401 - ccxt has no types
        symbol: Symbol,
        *,
        by_id: bool,
        page: int = 1_000,
        stream: SymbolStream | None = None,
        quiet_seconds: float = 3.0,
        check_seconds: float = 5.0,
    ) -> None:
        """Begin in the recent past.

        `by_id` says that trades have running numbers, and can be asked for from one on, `page` at once. After
        `quiet_seconds` of silence it is asked whether there is nothing to say, and after `check_seconds` in any case.
        """
        self.symbol = symbol
        self.others = OthersVolume()
        self.stream = stream
        self._reads = reads
        self._by_id = by_id
        self._page_size = page
        self._quiet_seconds = quiet_seconds
        self._check_seconds = check_seconds
        self._has_running_numbers = by_id
        self._agreement = Agreement(FEW if by_id else ENOUGH)
        self._last_id: int | None = None
        self._since: datetime | None = None
        self._seen: set[str] = set()
        self._in_order: deque[str] = deque()
        self._untold: list[MarketTrade] = []  # Read, while the book could not be.
        self._newest = datetime.min.replace(tzinfo=UTC)
        self._read_at = float("-inf")
        self._told_epoch = 0
        self._joined = 0  # The epoch of the stream's trades whose gap has been read.
        self._has_gap = False
        self._heard_until: datetime | None = (
            None  # The newest trade of the socket, the venue's time.
        )
        self._trades_doubted_at: float | None = None
        self._touch_doubted_at: float | None = None

    @property
    def is_streamed(self) -> bool:
        """Tell whether trades and touch come from sockets now."""
        stream = self.stream
        return stream is not None and stream.touch.is_live and self._counts_sockets(stream)

    def _counts_sockets(self, stream: SymbolStream) -> bool:
        is_joined = self._joined == stream.trades.epoch
        return self._agreement.is_proven and stream.trades.is_live and is_joined

    @property
    def has_gap(self) -> bool:
        """Tell whether trades are missing that only an answer can tell: a number is, or a socket has just begun."""
        stream = self.stream
        is_new = stream is not None and stream.trades.is_live and not self._counts_sockets(stream)
        return self._has_gap or (is_new and self._agreement.is_proven)

    def wants_reading(self) -> bool:
        """Tell whether it is time to ask."""
        stream = self.stream
        if stream is None or not self.is_streamed or self._has_gap:
            return True
        if self._trades_doubted_at is not None or self._touch_doubted_at is not None:
            return True
        passed = time.monotonic() - self._read_at
        quiet = [
            min(passed, time.monotonic() - (each.heard_at or self._read_at))
            for each in (stream.trades, stream.touch)
        ]
        return passed >= self._check_seconds or max(quiet) >= self._quiet_seconds

    # --- Asked for -----------------------------------------------------------------------------------

    async def read(self, skew: timedelta) -> list[MarketRows]:
        """Ask, and return what is new. `skew` is how far our clock is ahead of the venue's."""
        began, stream = time.monotonic(), self.stream
        # A gap ends where the socket had begun to tell before the question was asked.
        epoch = stream.trades.epoch if stream is not None and stream.trades.is_live else None
        self._untold += await self._new_trades(skew)
        if epoch is not None and self._agreement.is_proven:
            self._joined, self._has_gap = epoch, False
        book = await self._reads.fetch_order_book(self.symbol, _LEVELS)
        self._read_at = time.monotonic()
        rows = self._counted(self._untold, skew)
        self._untold = []
        quote = quote_of(book, utc_now())
        if stream is not None and stream.touch.is_live:
            quote = self._checked(stream, quote, began)
            self._doubt(stream)
        return rows if quote is None else [*rows, self._quoted(quote)]

    async def _new_trades(self, skew: timedelta) -> list[MarketTrade]:
        found: list[MarketTrade] = []
        for _ in range(_MOST_PAGES):
            rows = await self._page(skew)
            if self.stream is not None:
                found += self._heard_trades(self.stream)  # What came meanwhile counts as heard.
            self._look_at_numbers(read := trades_of(rows))
            settled_until = utc_now() - skew - LATE
            new = self._remember(self._fitting(read, settled_until))
            found += new
            if len(rows) < self._page_size or not new:
                if self._agreement.is_open:
                    self._agreement.judge(settled_until)
                return sorted(found, key=lambda each: each.trade.at)
        log.warning("trades_fall_behind", symbol=self.symbol, read=len(found))
        return found

    async def _page(self, skew: timedelta) -> list[Json]:
        is_listening = self.is_streamed and not self._has_running_numbers
        if self._by_id and self._last_id is not None and not is_listening:
            params = {"fromId": self._last_id + 1}
            return await self._reads.fetch_trades(self.symbol, None, self._page_size, params)
        since = self._since or utc_now() - skew - HISTORY
        if self._since is not None and self.is_streamed:
            since -= 2 * LATE  # What the socket has left out is older than what it told last.
        return await self._reads.fetch_trades(self.symbol, milliseconds_of(since), self._page_size)

    def _look_at_numbers(self, read: list[MarketTrade]) -> None:
        """See whether trades are numbered one after the other: only then a missing number is a missing trade."""
        numbers = sorted(int(each.identity) for each in read if each.identity.isdigit())
        has_holes = bool(numbers) and numbers[-1] - numbers[0] >= len(numbers)
        if self._has_running_numbers and (has_holes or len(numbers) < len(read)):
            log.info("trades_are_not_numbered", symbol=self.symbol)
            self._has_running_numbers = False

    def _fitting(self, read: list[MarketTrade], settled_until: datetime) -> list[MarketTrade]:
        """Return what may be counted of what was read, and doubt the socket where it has not told of it."""
        if self._agreement.is_open:
            self._agreement.read(read)
        stream = self.stream
        unheard = [each for each in read if each.identity not in self._seen]
        if stream is None or not unheard or not self._counts_sockets(stream):
            return read
        self._trades_doubted_at = self._trades_doubted_at or time.monotonic()
        until = self._heard_until
        odd = {
            each.identity
            for each in unheard
            if not self._has_running_numbers
            and until is not None
            and each.trade.at < min(until, settled_until)
        }
        if odd:
            # Nobody can say whether they are in what the socket told, put together or named otherwise.
            log.warning("socket_differs", symbol=self.symbol, trades=len(odd))
            self._agreement.lose()
        return [each for each in read if each.identity not in odd]

    def _checked(self, stream: SymbolStream, read: Quote | None, began: float) -> Quote | None:
        """Return the touch that is in force, and doubt the socket where it has not told of the one that was read."""
        heard_at, told = stream.touch.heard_at, stream.touch.newest
        if heard_at is None or heard_at >= began:
            return None if heard_at is not None else read  # It has said something newer.
        if read is None or told is None or (read.bid, read.ask) == (told.bid, told.ask):
            self._touch_doubted_at = None
        else:
            self._touch_doubted_at = self._touch_doubted_at or began
        return read

    # --- Heard ---------------------------------------------------------------------------------------

    def hear(self, skew: timedelta) -> list[MarketRows]:
        """Return what the sockets have said, and what was held back and may be counted now."""
        stream = self.stream
        if stream is None:
            return self._counted([], skew)
        rows = self._counted(self._heard_trades(stream), skew)
        quote = stream.touch.take()
        if quote is not None:
            rows.append(self._quoted(quote))
        self._doubt(stream)
        return rows

    def _heard_trades(self, stream: SymbolStream) -> list[MarketTrade]:
        if not self._agreement.is_proven:
            self._note_told(stream)
            return []
        if not self._counts_sockets(stream):
            return []  # They wait until the gap before them has been read.
        heard = stream.trades.take()
        if self._has_running_numbers:
            heard = self._until_gap(stream, heard)
        if heard:
            newest = max(each.trade.at for each in heard)
            self._heard_until = max(newest, self._heard_until or newest)
        return self._remember(heard)

    def _note_told(self, stream: SymbolStream) -> None:
        if self._told_epoch != stream.trades.epoch:
            self._told_epoch = stream.trades.epoch
            self._agreement.begin_anew()
        told = stream.trades.take()
        if self._agreement.is_open:
            self._agreement.told(told)

    def _until_gap(self, stream: SymbolStream, heard: list[MarketTrade]) -> list[MarketTrade]:
        """Return the trades whose numbers follow each other; the others wait until the gap before them is read."""
        last = self._last_id
        numbered = [each for each in heard if each.identity.isdigit()]
        heard = sorted(numbered, key=lambda each: int(each.identity))
        if last is not None:
            heard = [each for each in heard if int(each.identity) > last]
        for place, each in enumerate(heard):
            number = int(each.identity)
            if last is not None and number > last + 1:
                if not self._has_gap:
                    log.info("trades_missing", symbol=self.symbol, missing=number - last - 1)
                self._has_gap = True
                stream.trades.put_back(heard[place:])
                return heard[:place]
            last = number
        return heard

    def _doubt(self, stream: SymbolStream) -> None:
        """Give up a socket that has not told of what was answered, for longer than it may take."""
        if not _is_quiet_since(stream.trades, self._trades_doubted_at):
            self._trades_doubted_at = None
        if not _is_quiet_since(stream.touch, self._touch_doubted_at):
            self._touch_doubted_at = None
        doubts = [at for at in (self._trades_doubted_at, self._touch_doubted_at) if at is not None]
        if doubts and time.monotonic() - min(doubts) > LATE.total_seconds():
            self._trades_doubted_at = self._touch_doubted_at = None
            stream.reset("it is silent while the market moves")

    # --- Counted -------------------------------------------------------------------------------------

    def _counted(self, trades: list[MarketTrade], skew: timedelta) -> list[MarketRows]:
        now = utc_now()
        counted = [self._in_time(trade, skew, now) for trade in self.others.take(trades, now)]
        if not counted:
            return []
        return [MarketRows(self.symbol, counted[-1].at, None, tuple(counted), confirms_quote=False)]

    def _quoted(self, quote: Quote) -> MarketRows:
        self._newest = at = max(utc_now(), self._newest)
        return MarketRows(self.symbol, at, replace(quote, at=at), ())

    def _in_time(self, trade: Trade, skew: timedelta, now: datetime) -> Trade:
        """Put a trade into our time: not before what has been told already, and not after now."""
        self._newest = at = max(min(trade.at + skew, now), self._newest)
        return Trade(at, trade.price, trade.quantity, trade.side)

    def _remember(self, trades: list[MarketTrade]) -> list[MarketTrade]:
        """Return what has not been counted yet, the oldest first."""
        new: list[MarketTrade] = []
        for each in trades:
            if each.identity in self._seen:
                continue
            self._seen.add(each.identity)
            self._in_order.append(each.identity)
            if len(self._in_order) > _REMEMBERED:
                self._seen.discard(self._in_order.popleft())
            new.append(each)
            self._since = max(self._since or each.trade.at, each.trade.at)
            if self._by_id and each.identity.isdigit():
                self._last_id = max(self._last_id or 0, int(each.identity))
        return sorted(new, key=lambda each: each.trade.at)


def _is_quiet_since(channel: Channel, since: float | None) -> bool:
    """Tell whether a live socket has said nothing since then."""
    return since is not None and channel.heard_at is not None and channel.heard_at <= since
