"""What is kept up to date of an exchange as a whole: its markets, and how far its clock is from ours."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from genesis_actors.gateways.ccxt_rules import UnusableMarketError, market_rules, why_not_tradable
from genesis_actors.logs import get_logger
from genesis_actors.steady import utc_now
from genesis_actors.values import MarketRules, Symbol

log = get_logger()

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_SYNC_EVERY: Final = 300.0
_MARKETS_EVERY: Final = 3_600.0
_MARKETS_DOUBTED: Final = 30.0


class Upkeep:
    """Reads with `reads`; `orders` knows and signs by the same."""

    def __init__(self, reads: Any, orders: Any, redact: Callable[[object], str]) -> None:  # noqa: ANN401 - ccxt has no types
        self.clock_skew = timedelta(0)
        """How far our clock is ahead of the exchange's."""
        self.known_symbols: tuple[Symbol, ...] = ()
        self._reads = reads
        self._orders = orders
        self._redact = redact
        self._clock_doubted = asyncio.Event()
        self._markets_doubted = asyncio.Event()

    # --- Markets -------------------------------------------------------------------------------------

    async def read_markets(self) -> None:
        await self._reads.load_markets(self._reads.markets is not None)
        self._orders.set_markets_from_exchange(self._reads)
        self.known_symbols = tuple(
            Symbol(name) for name, market in self._reads.markets.items() if market.get("spot")
        )

    def doubt_markets(self) -> None:
        """Have them read again soon: what is known of one is not true any more."""
        self._markets_doubted.set()

    async def keep_markets(self) -> None:
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._markets_doubted.wait(), _MARKETS_EVERY)
                await asyncio.sleep(_MARKETS_DOUBTED)
            self._markets_doubted.clear()
            try:
                await self.read_markets()
            except Exception as error:
                log.warning("markets_unread", error=self._redact(error))

    def rules(self, symbol: Symbol) -> MarketRules | str:
        """Return the symbol's rules, or why it cannot be worked."""
        market = self._reads.markets.get(symbol)
        if market is None or not market.get("spot"):
            return f"{self._reads.id} has no spot market {symbol}"
        try:
            return market_rules(market, self._reads.precisionMode)
        except UnusableMarketError as error:
            return str(error)

    def rules_for_order(self, symbol: Symbol) -> MarketRules | str:
        """Return the symbol's rules, or why no order of it can be sent now."""
        market = self._reads.markets.get(symbol)
        closed = None if market is None else why_not_tradable(market)
        if closed is not None:
            self.doubt_markets()  # It may have been opened again.
        return closed or self.rules(symbol)

    # --- Clock ---------------------------------------------------------------------------------------

    async def sync_clock(self) -> None:
        """Measure how far the clocks are apart, the half of the way there taken off; both objects sign by it."""
        if self._reads.has.get("fetchTime") is not True:
            return
        began = utc_now()
        theirs = int(await self._reads.fetch_time())
        ended = utc_now()
        middle = began + (ended - began) / 2
        self.clock_skew = middle - _EPOCH - timedelta(milliseconds=theirs)
        # ccxt signs by the wall clock, whatever that has become.
        wall_is_ahead = timedelta(seconds=time.time()) - (ended - _EPOCH)
        for exchange in (self._reads, self._orders):
            exchange.options["timeDifference"] = (self.clock_skew + wall_is_ahead) // _MILLISECOND

    def venue_now(self) -> datetime:
        """Return the time by the exchange's clock."""
        return utc_now() - self.clock_skew

    def doubt_clock(self) -> None:
        """Have it measured at once."""
        self._clock_doubted.set()

    async def keep_in_time(self) -> None:
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._clock_doubted.wait(), _SYNC_EVERY)
            self._clock_doubted.clear()
            try:
                await self.sync_clock()
            except Exception as error:
                log.warning("clock_not_measured", error=self._redact(error))
                await asyncio.sleep(1)
