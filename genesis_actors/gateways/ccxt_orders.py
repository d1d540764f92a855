"""Carries orders to an exchange, and tells what became of them. Each request is a task; nothing here decides twice.

An order leaves at most once. Whatever happens after it may have left is UNKNOWN, unless the venue is known to have
refused it; whatever happens before is a refusal of ours.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from genesis_actors.gateways.ccxt_client_ids import VenueHabits, execution_of, is_ours
from genesis_actors.gateways.ccxt_funds import Funds
from genesis_actors.gateways.ccxt_lookup import Lookup, Names
from genesis_actors.gateways.ccxt_outcomes import Failure, Judgement, Verdict, judge
from genesis_actors.gateways.ccxt_parsing import (
    OrderName,
    OrderSeen,
    filled_of,
    order_seen,
    outcomes_of,
)
from genesis_actors.gateways.ccxt_throttle import PASSAGE, Blocks, NotSentError, Passage
from genesis_actors.gateways.live import OutcomesHeard, TradesHeard, VenueReport
from genesis_actors.gateways.order_rules import broken_rule
from genesis_actors.gateways.redaction import Redactor
from genesis_actors.logs import get_logger
from genesis_actors.messages.venue import (
    CancelOrder,
    LookUpOrder,
    OrderClosed,
    OrderFilled,
    OrderNotFound,
    OrderOutcome,
    OrderOutcomeUnknown,
    OrderRefused,
    PlaceOrder,
)
from genesis_actors.values import (
    ZERO,
    ClientOrderId,
    MarketRules,
    OrderStatus,
    Reason,
    Symbol,
    decimal_text,
)

log = get_logger()

_FIRST_LOOK, _LONGEST_PAUSE = 0.25, 2.0
_FUNDS_SECONDS: Final = 1.0
_MOST_MISSES: Final = 30


@dataclass(frozen=True, slots=True)
class DeskPorts:
    """Whom the desk asks and tells. All of them are called on its loop, and return at once."""

    rules_of: Callable[[Symbol], MarketRules | str]
    """The symbol's rules, or why no order of it can be sent."""
    tell: Callable[[VenueReport], None]
    on_judged: Callable[[Judgement], None]
    on_order: Callable[[PlaceOrder], None]
    on_outcomes: Callable[[Symbol, tuple[OrderOutcome, ...]], None]


class OrderDesk:
    """One account's orders at one exchange. Used on the event loop of its exchange objects only."""

    def __init__(
        self,
        orders: Any,  # noqa: ANN401 - ccxt has no types
        *,
        exchange: str,
        habits: VenueHabits,
        lookup: Lookup,
        names: Names,
        funds: Funds,
        blocks: Blocks,
        redactor: Redactor,
        freshness: timedelta,
        ports: DeskPorts,
    ) -> None:
        self._orders = orders
        self._exchange = exchange
        self._habits = habits
        self._lookup = lookup
        self._names = names
        self._funds = funds
        self._blocks = blocks
        self._redactor = redactor
        self._freshness = freshness.total_seconds()
        self._ports = ports
        self._placed: dict[ClientOrderId, PlaceOrder] = {}
        self._taken_back: set[ClientOrderId] = set()
        self._asking: set[ClientOrderId] = set()
        self._following: dict[ClientOrderId, asyncio.Event] = {}
        self._told: dict[ClientOrderId, OrderSeen] = {}
        self._prefix = ""
        self._tasks: set[asyncio.Task[None]] = set()

    def begin_anew(self, prefix: str) -> None:
        """Another listener has come, whose orders begin with `prefix`."""
        self._prefix = prefix
        self._lookup.prefix = prefix

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` on the loop. It handles its own failures: one that comes out here is a bug, and is logged."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._on_done)

    def _on_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("venue_task_failed", error=self._redactor.text(repr(task.exception())))

    # --- Placing -------------------------------------------------------------------------------------

    async def place(self, order: PlaceOrder, is_wanted: Callable[[], bool]) -> None:
        """Send an order, if it is still fresh and wanted when its turn comes, and tell what came of it."""
        name, began = order.client_order_id, time.monotonic()
        passage = Passage(
            may_leave=lambda: (
                time.monotonic() - began <= self._freshness
                and is_wanted()
                and name not in self._taken_back
            )
        )
        try:
            refusal = await self._why_not(order)
        except Exception as error:
            # No traceback: it might cite what is secret.
            log.error("order_not_judged", error=self._redactor.text(repr(error)))  # noqa: TRY400
            refusal = _refused(order, Reason.NEVER_SENT)
        if refusal is not None:
            self._tell(order, refusal)
            return
        self._placed[name] = order
        self._ports.on_order(order)
        try:
            seen = await self._send(order, passage)
        except Exception as error:
            self._on_failed(order, passage, error)
            return
        await self._on_reply(order, seen)

    async def _why_not(self, order: PlaceOrder) -> OrderRefused | None:
        """Return why an order cannot be sent. It has not been, so this is the end of it."""
        rules = self._ports.rules_of(order.symbol)
        if isinstance(rules, str):
            return _refused(order, Reason.MARKET_CLOSED)
        broken = broken_rule(rules, order)
        if broken is not None:
            log.warning("order_breaks_a_rule", client_order_id=order.client_order_id, rule=broken)
            return _refused(order, Reason.VENUE_RULE)
        blocked = self._blocks.on_order(order.symbol)
        if blocked is not None:
            return _refused(order, blocked)
        if not self._funds.are_fresh:
            await self._read_funds()
        shortage = self._funds.shortage(order, rules)
        if shortage is not None:
            # What others have paid back meanwhile may be enough.
            await self._read_funds()
            shortage = self._funds.shortage(order, rules)
        if shortage is None or not self._funds.are_fresh:  # Where nobody knows, the venue will say.
            self._funds.spend(order, rules)
            return None
        return OrderRefused(
            at=datetime.now(UTC),
            execution_id=order.execution_id,
            client_order_id=order.client_order_id,
            reason=Reason.INSUFFICIENT_BALANCE,
            limit=shortage.free,
            actual=shortage.needed,
        )

    async def _read_funds(self) -> None:
        try:
            await self._funds.refresh(min(_FUNDS_SECONDS, self._freshness / 2))
        except Exception as error:
            # The venue checks them as well, and says so in a way that is understood.
            log.debug("balances_unread", error=self._redactor.text(error))

    async def _send(self, order: PlaceOrder, passage: Passage) -> OrderSeen:
        params: dict[str, object] = {
            self._habits.create_key: self._habits.told(order.client_order_id)
        }
        if order.resting:
            params["postOnly"] = True
        else:
            params["timeInForce"] = "IOC"
        token = PASSAGE.set(passage)
        try:
            reply = await self._orders.create_order(
                order.symbol,
                "limit",
                order.side.value,
                decimal_text(order.quantity),
                decimal_text(order.price),
                params,
            )
        finally:
            PASSAGE.reset(token)
        quote = self._lookup.quote_of(order.symbol)
        seen = order_seen(reply, quote=quote, ordered=order.quantity)
        if seen is None:
            raise LookupError("the venue's reply has no order id")
        if seen.name is not None and self._habits.heard(seen.name) != order.client_order_id:
            raise LookupError(f"the venue's reply is about another order, {seen.name}")
        return seen

    async def _on_reply(self, order: PlaceOrder, seen: OrderSeen) -> None:
        self._names.learn(seen.venue_order_id, order.client_order_id)
        if seen.quantity is not None and seen.quantity != order.quantity:
            log.error(
                "quantity_changed_on_the_way",
                client_order_id=order.client_order_id,
                ordered=decimal_text(order.quantity),
                accepted=decimal_text(seen.quantity),
            )
        trades = seen.trades if self._habits.reply_has_trades else ()
        is_whole = seen.is_closed and (seen.filled == ZERO or seen.has_all_trades)
        if is_whole and (self._habits.reply_has_trades or seen.filled == ZERO):
            story = outcomes_of(seen, _name_of(order), trades, _now())
            self._tell_seen(_name_of(order), order.symbol, seen, story)
            return
        # That it was accepted is certain; the rest comes with the first look at it.
        accepted = OrderSeen(seen.venue_order_id, seen.name, seen.quantity, None, None, ())
        self._tell(order, *outcomes_of(accepted, _name_of(order), (), _now()))
        self._follow(order.client_order_id, order.symbol)

    def _on_failed(self, order: PlaceOrder, passage: Passage, error: Exception) -> None:
        failure = Failure.of(error, passage.status)
        cause = error.__cause__
        never_left = not passage.was_sent or (
            cause is not None and "ClientConnectorError" in Failure.of(cause).names
        )
        detail = self._redactor.text(f"{failure.name}: {error}")[:500]
        judgement = judge(self._exchange, failure)
        self._ports.on_judged(judgement)
        if never_left:
            self._funds.keep(order.client_order_id)
            why = Reason.NEVER_SENT
            if cause is not None and passage.was_sent:
                why = Reason.VENUE_UNAVAILABLE
            log.info("order_never_sent", client_order_id=order.client_order_id, error=detail)
            stale = isinstance(error, NotSentError)
            self._tell(order, _refused(order, Reason.STALE_AT_RELEASE if stale else why))
            return
        match judgement.verdict:
            case Verdict.REJECTED:
                self._funds.keep(order.client_order_id)
                self._blocks.add(judgement, order.symbol, passage.retry_after)
                self._tell(order, _rejected(order, judgement, detail))
            case Verdict.RETRY_LATER:
                self._funds.keep(order.client_order_id)
                self._blocks.add(judgement, order.symbol, passage.retry_after)
                log.warning("order_not_taken", client_order_id=order.client_order_id, error=detail)
                self._tell(order, _refused(order, judgement.reason))
            case Verdict.EXISTS | Verdict.UNKNOWN:
                unknown = OrderOutcomeUnknown(
                    at=_now(),
                    execution_id=order.execution_id,
                    client_order_id=order.client_order_id,
                    detail=detail,
                )
                self._tell(order, unknown)

    # --- Taking back and looking up ------------------------------------------------------------------

    async def cancel(self, request: CancelOrder, asked_at: datetime) -> None:
        """Take an order back. Whatever the venue says to that, the order itself is looked at afterwards."""
        name = request.client_order_id
        if not is_ours(name, self._prefix):
            return
        self._taken_back.add(name)
        key = self._habits.cancel_key
        passage = Passage()
        token = PASSAGE.set(passage)
        try:
            venue_order_id = self._names.venue_id_of(name)
            if key is None and venue_order_id is None:
                found = await self._lookup.find(name, request.symbol)
                venue_order_id = None if found is None else found.venue_order_id
            if key is not None or venue_order_id is not None:
                params = {} if key is None else {key: self._habits.told(name)}
                identity = venue_order_id if key is None else None
                await self._orders.cancel_order(identity, request.symbol, params)
        except Exception as error:
            # It may have worked all the same, also where the venue says that there is no such order.
            self._on_unanswered("cancel", error, passage, request.symbol)
        finally:
            PASSAGE.reset(token)
        await self.look_up(
            LookUpOrder(
                execution_id=request.execution_id, client_order_id=name, symbol=request.symbol
            ),
            asked_at,
        )

    async def look_up(self, request: LookUpOrder, asked_at: datetime) -> None:
        """Tell what became of an order. Where nobody answers, nothing is told: it will be asked for again."""
        name = request.client_order_id
        if name in self._asking:
            return
        self._asking.add(name)
        passage = Passage()
        token = PASSAGE.set(passage)
        try:
            await self._look(OrderName(request.execution_id, name), request.symbol, asked_at)
        except Exception as error:
            self._on_unanswered("look_up", error, passage, request.symbol)
        finally:
            PASSAGE.reset(token)
            self._asking.discard(name)

    async def _look(self, name: OrderName, symbol: Symbol, asked_at: datetime | None) -> bool:
        """Look at an order and tell its story: all of it if it was asked for at a time, else only what is new.

        Return whether the venue knows it.
        """
        await self._wait_for_reads()
        seen = await self._lookup.find(name.client_order_id, symbol)
        if seen is None:
            if asked_at is not None:
                missing = OrderNotFound(
                    at=_now(),
                    execution_id=name.execution_id,
                    client_order_id=name.client_order_id,
                    asked_at=asked_at,
                    is_proof=False,
                )
                self._tell_all(symbol, (missing,))
            return False
        known = self._told.get(name.client_order_id)
        if asked_at is None and known is not None and _is_same(known, seen):
            return True
        trades = () if seen.filled == ZERO else await self._lookup.trades_of(seen, symbol)
        self._tell_seen(name, symbol, seen, outcomes_of(seen, name, trades, _now()))
        if not seen.is_closed:
            self._follow(name.client_order_id, symbol)
        return True

    def _tell_seen(
        self,
        name: OrderName,
        symbol: Symbol,
        seen: OrderSeen,
        outcomes: tuple[OrderOutcome, ...],
    ) -> None:
        self._told[name.client_order_id] = seen
        self._tell_all(symbol, outcomes)
        if seen.is_closed:
            self._forget(name.client_order_id)

    def _follow(self, name: ClientOrderId, symbol: Symbol) -> None:
        """Look at an order that may still trade, again and again: a venue tells nothing by itself."""
        if name not in self._following:
            self._following[name] = asyncio.Event()
            self.spawn(self._follow_on(OrderName(execution_of(name), name), symbol))

    async def _follow_on(self, name: OrderName, symbol: Symbol) -> None:
        pause, misses = _FIRST_LOOK, 0
        passage = Passage()
        PASSAGE.set(passage)  # Of this task, which is its own.
        ended = self._following[name.client_order_id]
        while not ended.is_set() and misses < _MOST_MISSES:
            try:
                misses = 0 if await self._look(name, symbol, None) else misses + 1
            except Exception as error:
                self._on_unanswered("follow", error, passage, symbol)
            try:
                await asyncio.wait_for(ended.wait(), pause)
            except TimeoutError:
                pause = min(pause * 2, _LONGEST_PAUSE)
        if not ended.is_set():  # Whoever waits for it will ask.
            self._following.pop(name.client_order_id, None)

    def _forget(self, name: ClientOrderId) -> None:
        """It has closed: only its late trades can still come."""
        ended = self._following.pop(name, None)
        if ended is not None:
            ended.set()
        self._placed.pop(name, None)
        self._taken_back.discard(name)
        self._told.pop(name, None)

    # --- Trades --------------------------------------------------------------------------------------

    async def trades_since(self, symbol: Symbol, since: datetime) -> TradesHeard:
        """Return every trade of our orders since then; those of others are left out."""
        passage = Passage()
        token = PASSAGE.set(passage)
        try:
            await self._wait_for_reads()
            outcomes: list[OrderFilled] = []
            for trade in await self._lookup.trades_since(symbol, since):
                name = await self._lookup.name_of(trade.venue_order_id, symbol)
                if name is not None:
                    outcomes.append(filled_of(trade, OrderName(execution_of(name), name), _now()))
        except Exception as error:
            self._on_unanswered("trades", error, passage, symbol)
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

    def _on_unanswered(self, what: str, error: Exception, passage: Passage, symbol: Symbol) -> None:
        """Take note of a question, or a cancel, that has failed: only that limits are kept to follows from it."""
        judgement = judge(self._exchange, Failure.of(error, passage.status))
        self._ports.on_judged(judgement)
        self._blocks.add(judgement, symbol, passage.retry_after)
        detail = self._redactor.text(f"{type(error).__name__}: {error}")[:500]
        log.info("venue_unanswered", what=what, error=detail)

    def _tell(self, order: PlaceOrder, *outcomes: OrderOutcome) -> None:
        if any(isinstance(each, (OrderRefused, OrderClosed)) for each in outcomes):
            self._forget(order.client_order_id)
        self._tell_all(order.symbol, outcomes)

    def _tell_all(self, symbol: Symbol, outcomes: tuple[OrderOutcome, ...]) -> None:
        self._ports.on_outcomes(symbol, outcomes)
        self._ports.tell(OutcomesHeard(outcomes))


def _is_same(one: OrderSeen, other: OrderSeen) -> bool:
    return (one.status, one.filled) == (other.status, other.filled)


def _now() -> datetime:
    return datetime.now(UTC)


def _name_of(order: PlaceOrder) -> OrderName:
    return OrderName(order.execution_id, order.client_order_id)


def _refused(order: PlaceOrder, reason: Reason) -> OrderRefused:
    return OrderRefused(
        at=_now(),
        execution_id=order.execution_id,
        client_order_id=order.client_order_id,
        reason=reason,
    )


def _rejected(order: PlaceOrder, judgement: Judgement, detail: str) -> OrderClosed:
    return OrderClosed(
        at=_now(),
        execution_id=order.execution_id,
        client_order_id=order.client_order_id,
        status=OrderStatus.REJECTED,
        reason=judgement.reason,
        detail=detail,
        filled_quantity=ZERO,
    )
