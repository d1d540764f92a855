"""What became of an account's orders, told as it is learnt: asked for once, followed while open, and by trades."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from genesis_actors.gateways.ccxt_client_ids import execution_of
from genesis_actors.gateways.ccxt_countdown import Countdown
from genesis_actors.gateways.ccxt_lookup import Lookup
from genesis_actors.gateways.ccxt_outcomes import Failure, Judgement, judge
from genesis_actors.gateways.ccxt_parsing import OrderName, OrderSeen, filled_of, outcomes_of
from genesis_actors.gateways.ccxt_tasks import Tasks
from genesis_actors.gateways.ccxt_throttle import PASSAGE, Blocks, Passage
from genesis_actors.gateways.live import OutcomesHeard, TradesHeard, VenueReport
from genesis_actors.gateways.redaction import Redactor
from genesis_actors.logs import get_logger
from genesis_actors.messages.venue import (
    LookUpOrder,
    OrderAccepted,
    OrderNotFound,
    OrderOutcome,
    PlaceOrder,
)
from genesis_actors.steady import utc_now
from genesis_actors.values import ZERO, ClientOrderId, MarketRules, Symbol

log = get_logger()

_FIRST_LOOK, _LONGEST_PAUSE = 0.25, 2.0
_MOST_MISSES: Final = 30
_AT_ONCE: Final = 2
"""So many questions about one order at a time: one that hangs must not keep the one that counts from being asked."""


@dataclass(frozen=True, slots=True)
class DeskPorts:
    """Whom the desk asks and tells. All of them are called on its loop, and return at once."""

    rules_of: Callable[[Symbol], MarketRules | str]
    """The symbol's rules, or why no order of it can be sent."""
    venue_now: Callable[[], datetime]
    """The time by the exchange's clock."""
    tell: Callable[[VenueReport], None]
    on_judged: Callable[[Judgement], None]
    on_order: Callable[[PlaceOrder], None]
    on_outcomes: Callable[[Symbol, tuple[OrderOutcome, ...]], None]


class Answers:
    """Asks about one account's orders. Used on the event loop of its exchange objects only."""

    def __init__(
        self,
        *,
        exchange: str,
        lookup: Lookup,
        blocks: Blocks,
        redactor: Redactor,
        tasks: Tasks,
        ports: DeskPorts,
        countdown: Countdown | None,
    ) -> None:
        self._exchange = exchange
        self._lookup = lookup
        self._blocks = blocks
        self._redactor = redactor
        self._tasks = tasks
        self._ports = ports
        self._countdown = countdown
        self.taken_back: set[ClientOrderId] = set()
        """Orders that are not wanted any more, until they have closed."""
        self._asking: dict[ClientOrderId, int] = {}
        self._waiting: dict[ClientOrderId, LookUpOrder] = {}
        self._following: dict[ClientOrderId, asyncio.Event] = {}
        self._told: dict[ClientOrderId, OrderSeen] = {}

    # --- One order -----------------------------------------------------------------------------------

    async def look_up(self, request: LookUpOrder, asked_at: datetime) -> None:
        """Tell what became of an order. Where nobody answers, nothing is told: it will be asked for again."""
        name = request.client_order_id
        if self._countdown is not None:
            self._countdown.is_asked_about(name)
        if self._asking.get(name, 0) >= _AT_ONCE:
            self._waiting[name] = request
            return
        self._asking[name] = self._asking.get(name, 0) + 1
        passage = Passage()
        token = PASSAGE.set(passage)
        try:
            await self._look(OrderName(request.execution_id, name), request.symbol, asked_at)
        except Exception as error:
            self.on_unanswered("look_up", error, passage, request.symbol)
        finally:
            PASSAGE.reset(token)
            self._asking[name] -= 1
            if not self._asking[name]:
                del self._asking[name]
        again = self._waiting.pop(name, None)
        if again is not None:
            await self.look_up(again, utc_now())

    async def _look(self, name: OrderName, symbol: Symbol, asked_at: datetime | None) -> bool:
        """Look at an order and tell its story: all of it if it was asked for at a time, else only what is new.

        Return whether the venue knows it.
        """
        await self._wait_for_reads()
        began = utc_now()
        seen = await self._lookup.find(name.client_order_id, symbol)
        if seen is None:
            if asked_at is not None:
                missing = OrderNotFound(
                    at=utc_now(),
                    execution_id=name.execution_id,
                    client_order_id=name.client_order_id,
                    # It may have waited for its turn: it counts from when it was really asked.
                    asked_at=max(asked_at, began),
                    is_proof=False,
                )
                self.tell_all(symbol, (missing,))
            return False
        known = self._told.get(name.client_order_id)
        if asked_at is None and known is not None and _is_same(known, seen):
            return True
        trades = () if seen.filled == ZERO else await self._lookup.trades_of(seen, symbol)
        self.tell_seen(name, symbol, seen, outcomes_of(seen, name, trades, utc_now()))
        if not seen.is_closed:
            self.follow(name.client_order_id, symbol)
        return True

    def tell_seen(
        self,
        name: OrderName,
        symbol: Symbol,
        seen: OrderSeen,
        outcomes: tuple[OrderOutcome, ...],
    ) -> None:
        self._told[name.client_order_id] = seen
        self.tell_all(symbol, outcomes)
        if seen.is_closed:
            self.forget(name.client_order_id)

    def follow(self, name: ClientOrderId, symbol: Symbol) -> None:
        """Look at an order that may still trade, again and again: a venue tells nothing by itself."""
        if self._countdown is not None:
            self._countdown.stands(name)
        if name not in self._following:
            self._following[name] = asyncio.Event()
            self._tasks.spawn(self._follow_on(OrderName(execution_of(name), name), symbol))

    async def _follow_on(self, name: OrderName, symbol: Symbol) -> None:
        pause, misses = _FIRST_LOOK, 0
        passage = Passage()
        PASSAGE.set(passage)  # Of this task, which is its own.
        ended = self._following[name.client_order_id]
        while not ended.is_set() and misses < _MOST_MISSES:
            if self._countdown is not None:
                self._countdown.is_asked_about(name.client_order_id)
            try:
                misses = 0 if await self._look(name, symbol, None) else misses + 1
            except Exception as error:
                self.on_unanswered("follow", error, passage, symbol)
            try:
                await asyncio.wait_for(ended.wait(), pause)
            except TimeoutError:
                pause = min(pause * 2, _LONGEST_PAUSE)
        if not ended.is_set():  # Whoever waits for it will ask.
            self._following.pop(name.client_order_id, None)

    def forget(self, name: ClientOrderId) -> None:
        """It has closed: only its late trades can still come."""
        ended = self._following.pop(name, None)
        if ended is not None:
            ended.set()
        self._told.pop(name, None)
        self.taken_back.discard(name)
        if self._countdown is not None:
            self._countdown.is_gone(name)

    # --- Trades --------------------------------------------------------------------------------------

    async def trades_since(
        self, symbol: Symbol, since: datetime, *, lists_open: bool = False
    ) -> TradesHeard:
        """Return every trade of our orders since then; those of others are left out.

        With `lists_open` the orders that are open come first: whoever asks may not know them all.
        """
        passage = Passage()
        token = PASSAGE.set(passage)
        try:
            await self._wait_for_reads()
            outcomes: list[OrderOutcome] = []
            for name, seen in await self._lookup.open_orders(symbol) if lists_open else ():
                outcomes.append(
                    OrderAccepted(
                        at=utc_now(),
                        execution_id=execution_of(name),
                        client_order_id=name,
                        venue_order_id=seen.venue_order_id,
                        quantity=seen.quantity,
                        price=seen.price,
                    )
                )
            for trade in await self._lookup.trades_since(symbol, since):
                name = await self._lookup.name_of(trade.venue_order_id, symbol)
                if name is not None:
                    order = OrderName(execution_of(name), name)
                    outcomes.append(filled_of(trade, order, utc_now()))
        except Exception as error:
            self.on_unanswered("trades", error, passage, symbol)
            return TradesHeard(symbol, (), is_complete=False)
        finally:
            PASSAGE.reset(token)
        self._ports.on_outcomes(symbol, tuple(outcomes))
        return TradesHeard(symbol, tuple(outcomes), is_complete=True)

    # --- Telling -------------------------------------------------------------------------------------

    async def _wait_for_reads(self) -> None:
        seconds = self._blocks.seconds_for_reads()
        if seconds:
            await asyncio.sleep(seconds)

    def on_unanswered(self, what: str, error: Exception, passage: Passage, symbol: Symbol) -> None:
        """Take note of a question, or a cancel, that has failed: only that limits are kept to follows from it."""
        judgement = judge(self._exchange, Failure.of(error, passage.status))
        self._ports.on_judged(judgement)
        self._blocks.add(judgement, symbol, passage.retry_after)
        detail = self._redactor.text(f"{type(error).__name__}: {error}")[:500]
        log.info("venue_unanswered", what=what, error=detail)

    def tell_all(self, symbol: Symbol, outcomes: tuple[OrderOutcome, ...]) -> None:
        self._ports.on_outcomes(symbol, outcomes)
        self._ports.tell(OutcomesHeard(outcomes))


def _is_same(one: OrderSeen, other: OrderSeen) -> bool:
    return (one.status, one.filled) == (other.status, other.filled)
