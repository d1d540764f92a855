"""Finds out what became of orders: by our name for them, in the venue's lists, and from the account's trades.

An exception here means that nobody has answered. It never means "not found".
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from genesis_actors.gateways.ccxt_client_ids import Find, Trades, VenueHabits, is_ours
from genesis_actors.gateways.ccxt_outcomes import Failure, is_not_found
from genesis_actors.gateways.ccxt_paging import Paging, WrongAnswerError
from genesis_actors.gateways.ccxt_parsing import (
    OrderSeen,
    TradeSeen,
    milliseconds_of,
    order_seen,
    trades_seen,
)
from genesis_actors.gateways.ccxt_throttle import PASSAGE, Passage
from genesis_actors.logs import get_logger
from genesis_actors.steady import utc_now
from genesis_actors.values import ClientOrderId, Symbol, VenueOrderId

log = get_logger()

Json = Mapping[str, Any]

REMEMBERED: Final = 100_000
_MOST_PAGES: Final = 300
_OPEN: Final = "fetch_open_orders"
_LISTS: Final[tuple[dict[str, str], ...]] = (
    {"fetchOrders": "fetch_orders"},
    {"fetchCanceledAndClosedOrders": "fetch_canceled_and_closed_orders"},
    {"fetchClosedOrders": "fetch_closed_orders", "fetchCanceledOrders": "fetch_canceled_orders"},
    {"fetchClosedOrders": "fetch_closed_orders"},
)
"""Where orders that are not open are listed: the first of these that ccxt can. Each alone may leave some out."""

_BEFORE = timedelta(minutes=2)
_LONGEST_AGO = timedelta(hours=1)


class Names:
    """Which order of the venue is which of ours. Others' orders have the name None."""

    def __init__(self) -> None:
        self._of_venue: OrderedDict[str, ClientOrderId | None] = OrderedDict()
        self._of_ours: OrderedDict[ClientOrderId, VenueOrderId] = OrderedDict()

    def learn(self, venue_order_id: str, name: ClientOrderId | None) -> None:
        self._of_venue[venue_order_id] = name
        if name is not None:
            self._of_ours[name] = VenueOrderId(venue_order_id)
        for known in (self._of_venue, self._of_ours):
            while len(known) > REMEMBERED:
                known.popitem(last=False)

    def knows(self, venue_order_id: str) -> bool:
        return venue_order_id in self._of_venue

    def name_of(self, venue_order_id: str) -> ClientOrderId | None:
        return self._of_venue.get(venue_order_id)

    def venue_id_of(self, name: ClientOrderId) -> VenueOrderId | None:
        return self._of_ours.get(name)


class Lookup:
    """Reads one account's orders and trades."""

    def __init__(
        self,
        reads: Any,  # noqa: ANN401 - ccxt has no types
        exchange: str,
        habits: VenueHabits,
        names: Names,
        venue_now: Callable[[], datetime],
    ) -> None:
        """`venue_now` is the time by the exchange's clock."""
        self._reads = reads
        self._venue_now = venue_now
        self._exchange = exchange
        self._habits = habits
        self._names = names
        self.prefix = ""

    async def find(self, name: ClientOrderId, symbol: Symbol) -> OrderSeen | None:
        """Return the order, None where the venue says in every way there is that it knows none."""
        if self._habits.find is Find.FETCH:
            found = await self._fetch(None, symbol, self._habits.find_key, name)
            if found is not None:
                return self._checked(found, name)
        venue_order_id = self._names.venue_id_of(name)
        if venue_order_id is not None:
            found = await self._fetch(venue_order_id, symbol)
            if found is not None:
                return self._checked(found, name)
        return await self._in_lists(name, symbol) or await self._by_trades(name, symbol)

    async def trades_of(self, order: OrderSeen, symbol: Symbol) -> tuple[TradeSeen, ...]:
        """Return the trades of one order, as many as the venue shows."""
        identity, habits = order.venue_order_id, self._habits
        match habits.trades:
            case Trades.BY_ORDER:
                rows = await self._reads.fetch_order_trades(identity, symbol)
            case Trades.MINE:
                params = {habits.trades_key: identity}
                rows = await self._reads.fetch_my_trades(symbol, None, habits.own_page, params)
            case Trades.ALL:
                since = utc_now() - _LONGEST_AGO
                return tuple(
                    trade
                    for trade in await self.trades_since(symbol, since)
                    if trade.venue_order_id == identity
                )
        return tuple(
            trade for trade in self._trades(rows, symbol) if trade.venue_order_id in {identity, ""}
        )

    async def trades_since(self, symbol: Symbol, since: datetime) -> list[TradeSeen]:
        """Return every trade of the account in `symbol` from `since` on, others' orders' too."""
        found: dict[tuple[str, str], TradeSeen] = {}
        # Trades have the exchange's times, by whose clock ours may be behind.
        now = max(utc_now(), self._venue_now())
        by_offset = self._habits.offset_key is not None
        paging = Paging(since, now + _BEFORE, by_offset=by_offset)
        for _ in range(_MOST_PAGES):
            span = paging.next()
            if span is None:
                return sorted(found.values(), key=lambda trade: (trade.at, trade.trade_id))
            params: dict[str, object] = {}
            if span.end < now:
                params["until"] = milliseconds_of(span.end)
            if span.offset and self._habits.offset_key is not None:
                params[self._habits.offset_key] = span.offset
            rows = await self._reads.fetch_my_trades(
                symbol, milliseconds_of(span.start), self._habits.own_page, params
            )
            page = {(t.trade_id, t.venue_order_id): t for t in self._trades(rows, symbol)}
            new = [trade.at for key, trade in page.items() if key not in found]
            paging.heard(span, [trade.at for trade in page.values()], new)
            found.update({(name, order): trade for (name, order), trade in page.items()})
        raise WrongAnswerError(f"more trades of {symbol} since {since} than can be read")

    async def open_orders(self, symbol: Symbol) -> list[tuple[ClientOrderId, OrderSeen]]:
        """Return the orders of ours that the venue lists as open, by our names for them."""
        found: list[tuple[ClientOrderId, OrderSeen]] = []
        for row in await self._reads.fetch_open_orders(symbol):
            seen = order_seen(row, quote=self.quote_of(symbol))
            name = "" if seen is None else self._habits.heard(seen.name or "")
            if seen is not None and is_ours(name, self.prefix):
                self._names.learn(seen.venue_order_id, ClientOrderId(name))
                found.append((ClientOrderId(name), seen))
        return found

    async def name_of(self, venue_order_id: str, symbol: Symbol) -> ClientOrderId | None:
        """Return our name for an order of the venue, None where it is not ours."""
        if not self._names.knows(venue_order_id):
            found = await self._fetch(VenueOrderId(venue_order_id), symbol)
            if found is None:
                return None  # It has traded, so that is a read that lags: it is asked for anew the next time.
            name = self._habits.heard(found.name or "")
            is_mine = is_ours(name, self.prefix)
            self._names.learn(venue_order_id, ClientOrderId(name) if is_mine else None)
        return self._names.name_of(venue_order_id)

    def quote_of(self, symbol: Symbol) -> str:
        return str(self._reads.markets[symbol]["quote"])

    async def _fetch(
        self, venue_order_id: VenueOrderId | None, symbol: Symbol, key: str = "", name: str = ""
    ) -> OrderSeen | None:
        params: dict[str, object] = dict(self._habits.find_extra)
        if key:
            params[key] = self._habits.told(name)
        passage = PASSAGE.get() or Passage()
        token = PASSAGE.set(passage)
        try:
            order: Json = await self._reads.fetch_order(venue_order_id, symbol, params)
        except Exception as error:
            if is_not_found(self._exchange, Failure.of(error, passage.status)):
                return None
            raise
        finally:
            PASSAGE.reset(token)
        seen = order_seen(order, quote=self.quote_of(symbol))
        if seen is None:
            raise WrongAnswerError("an order without an id")
        return seen

    def _checked(self, found: OrderSeen, name: ClientOrderId) -> OrderSeen:
        if found.name is not None and self._habits.heard(found.name) != name:
            raise WrongAnswerError(f"asked for the order {name}, got {found.name}")
        self._names.learn(found.venue_order_id, name)
        return found

    async def _in_lists(self, name: ClientOrderId, symbol: Symbol) -> OrderSeen | None:
        able = self._reads.has
        wanted: list[str] = []
        for each in _LISTS:
            if not wanted and all(able.get(ability) is True for ability in each):
                wanted = list(each.values())
        params: dict[str, object] = {}
        if self._habits.find is Find.LISTS and self._habits.find_key:
            params[self._habits.find_key] = self._habits.told(name)
        for method in (_OPEN, *wanted):
            rows = await getattr(self._reads, method)(symbol, None, None, params)
            for row in rows:
                seen = order_seen(row, quote=self.quote_of(symbol))
                if seen is not None and self._habits.heard(seen.name or "") == name:
                    return self._checked(seen, name)
        return None

    async def _by_trades(self, name: ClientOrderId, symbol: Symbol) -> OrderSeen | None:
        """Look whether a trade is one of an order that nobody has a name for yet."""
        for trade in await self.trades_since(symbol, utc_now() - _LONGEST_AGO):
            if await self.name_of(trade.venue_order_id, symbol) == name:
                return await self._fetch(VenueOrderId(trade.venue_order_id), symbol)
        return None

    def _trades(self, rows: list[Json], symbol: Symbol) -> list[TradeSeen]:
        quote = self.quote_of(symbol)
        seen = [trades_seen(row, quote=quote) for row in rows]
        if () in seen:
            log.warning("trade_without_its_figures", symbol=symbol)
        return [trade for parts in seen for trade in parts]
