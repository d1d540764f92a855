"""Carries orders to an exchange, and tells what became of them. Each request is a task; nothing here decides twice.

An order leaves at most once. Whatever happens after it may have left is UNKNOWN, unless the venue is known to have
refused it; whatever happens before is a refusal of ours.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from genesis_actors.gateways.ccxt_answers import Answers, DeskPorts
from genesis_actors.gateways.ccxt_client_ids import VenueHabits, deadline_text, is_ours
from genesis_actors.gateways.ccxt_countdown import Countdown
from genesis_actors.gateways.ccxt_funds import Funds
from genesis_actors.gateways.ccxt_lookup import Lookup, Names
from genesis_actors.gateways.ccxt_outcomes import Failure, Judgement, Verdict, judge
from genesis_actors.gateways.ccxt_parsing import (
    OrderName,
    OrderSeen,
    order_seen,
    outcomes_of,
)
from genesis_actors.gateways.ccxt_throttle import PASSAGE, Blocks, NotSentError, Passage
from genesis_actors.gateways.order_rules import broken_rule
from genesis_actors.gateways.redaction import Redactor
from genesis_actors.logs import get_logger
from genesis_actors.messages.venue import (
    CancelOrder,
    LookUpOrder,
    OrderClosed,
    OrderOutcome,
    OrderOutcomeUnknown,
    OrderRefused,
    PlaceOrder,
)
from genesis_actors.settings import CcxtSettings
from genesis_actors.steady import utc_now
from genesis_actors.values import (
    ZERO,
    OrderStatus,
    Reason,
    decimal_text,
)

log = get_logger()

_FUNDS_SECONDS: Final = 1.0


class OrderDesk:
    """One account's orders at one exchange. Used on the event loop of its exchange objects only."""

    def __init__(
        self,
        orders: Any,  # noqa: ANN401 - ccxt has no types
        *,
        settings: CcxtSettings,
        habits: VenueHabits,
        lookup: Lookup,
        names: Names,
        funds: Funds,
        blocks: Blocks,
        redactor: Redactor,
        window: timedelta,
        ports: DeskPorts,
        answers: Answers,
        countdown: Countdown | None,
    ) -> None:
        self._orders = orders
        self._exchange = settings.exchange
        self._habits = habits
        self._lookup = lookup
        self._names = names
        self._funds = funds
        self._blocks = blocks
        self._redactor = redactor
        self._freshness = settings.order_freshness.total_seconds()
        self._window = window
        self._ports = ports
        self._answers = answers
        self._countdown = countdown
        self._prefix = ""

    def begin_anew(self, prefix: str) -> None:
        """Another listener has come, whose orders begin with `prefix`."""
        self._prefix = prefix
        self._lookup.prefix = prefix

    # --- Placing -------------------------------------------------------------------------------------

    async def place(self, order: PlaceOrder, is_wanted: Callable[[], bool]) -> None:
        """Send an order, if it is still fresh and wanted when its turn comes, and tell what came of it."""
        name, began = order.client_order_id, time.monotonic()
        passage = Passage(
            may_leave=lambda: (
                time.monotonic() - began <= self._freshness
                and is_wanted()
                and name not in self._answers.taken_back
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
        self._ports.on_order(order)
        if order.resting and self._countdown is not None:
            self._countdown.stands(name)
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
            at=utc_now(),
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
        if self._habits.deadline_key is not None:
            ends_at = deadline_text(self._ports.venue_now(), self._window)
            params[self._habits.deadline_key] = ends_at
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
            self._answers.tell_seen(_name_of(order), order.symbol, seen, story)
            return
        # That it was accepted is certain; the rest comes with the first look at it.
        accepted = OrderSeen(seen.venue_order_id, seen.name, seen.quantity, None, None, ())
        self._tell(order, *outcomes_of(accepted, _name_of(order), (), _now()))
        self._answers.follow(order.client_order_id, order.symbol)

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
        self._answers.taken_back.add(name)
        key = self._habits.cancel_key
        passage = Passage()
        token = PASSAGE.set(passage)
        try:
            venue_order_id = self._names.venue_id_of(name)
            if key is None and venue_order_id is None:
                found = await self._lookup.find(name, request.symbol)
                venue_order_id = None if found is None else found.venue_order_id
            if key is not None or venue_order_id is not None:
                params = {key: self._habits.told(name)} if key else {}
                identity = None if key else self._habits.told(name)
                if key is None:
                    identity = venue_order_id
                await self._orders.cancel_order(identity, request.symbol, params)
        except Exception as error:
            # It may have worked all the same, also where the venue says that there is no such order.
            self._answers.on_unanswered("cancel", error, passage, request.symbol)
        finally:
            PASSAGE.reset(token)
        await self._answers.look_up(
            LookUpOrder(
                execution_id=request.execution_id, client_order_id=name, symbol=request.symbol
            ),
            asked_at,
        )

    # --- Telling -------------------------------------------------------------------------------------

    def _tell(self, order: PlaceOrder, *outcomes: OrderOutcome) -> None:
        if any(isinstance(each, (OrderRefused, OrderClosed)) for each in outcomes):
            self._answers.forget(order.client_order_id)
        self._answers.tell_all(order.symbol, outcomes)


def _now() -> datetime:
    return utc_now()


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
