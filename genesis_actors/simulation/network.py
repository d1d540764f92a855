"""What stands between the engine and the exchange: requests, replies and pushes that get lost, late, twice or mixed up.

It outlives the engine's process. A crash takes what was on its way to us; what was on its way to the exchange may
still arrive.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

from genesis_actors.domain.proof import ProofRules
from genesis_actors.gateways.venue import Feed, PastFill
from genesis_actors.messages.market_data import MarketRows
from genesis_actors.messages.venue import (
    CancelOrder,
    HourlyVolume,
    LookUpOrder,
    OrderAccepted,
    OrderClosed,
    OrderFilled,
    OrderNotFound,
    OrderOutcome,
    OrderOutcomeUnknown,
    PlaceOrder,
)
from genesis_actors.simulation.exchange import (
    PROOF,
    REQUEST_EXPIRY,
    Exchange,
    LedgerOrder,
    LedgerTrade,
    Rejection,
    Request,
    Traded,
)
from genesis_actors.simulation.faults import Dice, Faults
from genesis_actors.simulation.market import HISTORY, LISTINGS, STEP
from genesis_actors.simulation.wealth import Wealth
from genesis_actors.values import (
    ZERO,
    ClientOrderId,
    MarketRules,
    MarketSource,
    OrderStatus,
    Reason,
    Side,
    Symbol,
)

_HOURS = 24
_TIME_OUT = (1.0, 8.0)  # After so many seconds a client gives an answer up.
_LONGEST_REQUEST = 12.0


class Watcher(Protocol):
    """Hears of every order the engine sends, before anything can happen to it, and of those that will not arrive."""

    def on_sent(self, order: PlaceOrder, at: datetime) -> None: ...


@dataclass(frozen=True, slots=True)
class _Arrival:
    """Something reaches the exchange."""

    act: Callable[[datetime], None]


@dataclass(frozen=True, slots=True)
class _Delivery:
    """Something reaches us, unless the process has died meanwhile."""

    outcome: OrderOutcome


class Network:
    """The venue as the engine sees it: the port `SimulatedVenue`."""

    name = "simulated"
    proof: ProofRules = PROOF
    trades_every: timedelta | None = timedelta(seconds=45)
    source: MarketSource | None = None

    def __init__(
        self, seed: int, exchange: Exchange, faults: Faults, counts: Counter[str], start: datetime
    ) -> None:
        self.exchange = exchange
        self.faults = faults
        self.watcher: Watcher | None = None
        self.in_flight: list[Request] = []
        """Orders on their way to the exchange."""
        self._dice = Dice(f"network:{seed}", counts)
        self._wealth = Wealth(seed)
        self._queue: list[tuple[datetime, int, _Arrival | _Delivery]] = []
        self._number = 0
        self._opened: set[Symbol] = set()
        self._outage_until = start
        self._next_outage_at: datetime | None = None
        self._blind_until: dict[ClientOrderId, datetime] = {}
        self._volumes = {
            listing.rules.symbol: _flat(listing.rules, listing.lots_per_step, start)
            for listing in LISTINGS
        }

    # --- The port ---

    def start_at(self) -> None:
        """Return None: there is a market at any time."""

    def describe(self, symbol: Symbol) -> MarketRules | None:
        market = self.exchange.markets.get(symbol)
        return None if market is None else market.rules

    def symbols(self) -> tuple[Symbol, ...]:
        return self.exchange.symbols

    def balances(self) -> Mapping[str, Decimal]:
        return self._wealth.balances(self.exchange.next_at)

    def held(self) -> Mapping[str, Decimal]:
        return {}

    def volumes(self, symbol: Symbol, before: datetime) -> tuple[HourlyVolume, ...]:
        del before
        return self._volumes.get(symbol, ())

    def open(self, symbol: Symbol, at: datetime) -> Feed:
        if symbol not in self.exchange.markets:
            return Feed((), ())
        self._opened.add(symbol)
        return Feed(self.exchange.markets[symbol].rows_since(at - HISTORY), ())

    def levels(self, symbol: Symbol, side: Side) -> tuple[tuple[Decimal, Decimal], ...]:
        market = self.exchange.markets[symbol]
        return tuple(
            (market.price(ticks), market.rules.lot * lots) for ticks, lots in market.levels(side)
        )

    def next_at(self) -> datetime:
        due = self.exchange.next_at
        return min(due, self._queue[0][0]) if self._queue else due

    def advance(self, to: datetime) -> Feed:
        rows, outcomes = self._advance(to)
        is_cut_off = self._is_out(to)
        return Feed(
            () if is_cut_off else tuple(row for row in rows if row.symbol in self._opened),
            tuple(outcomes),
        )

    def latency(self, client_order_id: ClientOrderId) -> timedelta:
        """Return zero: how long a request travels is decided here, and the engine is not told."""
        del client_order_id
        return timedelta(0)

    def place(self, order: PlaceOrder, at: datetime) -> tuple[OrderOutcome, ...]:
        if self.watcher is not None:
            self.watcher.on_sent(order, at)
        request = Request(
            client_order_id=order.client_order_id,
            execution_id=order.execution_id,
            symbol=order.symbol,
            side=order.side,
            quantity=order.quantity,
            price=order.price,
            resting=order.resting,
            sent_at=at,
        )
        faults = self.faults
        if self._dice.goes_wrong("rate_limit", faults.rate_limited):
            self._tell(_rejected(request, at, "Too many requests."), self._travel(at))
        elif self._is_out(at) or self._dice.goes_wrong("request_lost", faults.request_lost):
            self._tell_unknown(request, at)
        else:
            arrives = self._travel(at)
            if self._dice.goes_wrong("request_late", faults.request_late):
                arrives = at + self._dice.seconds(1, _LONGEST_REQUEST)
                if self._dice.goes_wrong("reset_before_arrival", 1 / 2):
                    self._tell_unknown(request, at)
            self.in_flight.append(request)
            self._push(arrives, _Arrival(lambda now: self._order_arrives(request, now)))
        return ()

    def cancel(self, request: CancelOrder, at: datetime) -> tuple[OrderOutcome, ...]:
        if not self._is_blind(request.client_order_id, at):
            self._ask(at, lambda now: self._cancel_arrives(request, at, now))
        return ()

    def look_up(self, request: LookUpOrder, at: datetime) -> tuple[OrderOutcome, ...]:
        if not self._is_blind(request.client_order_id, at):
            self._ask(at, lambda now: self._question_arrives(request, at, now))
        return ()

    def trades_since(
        self, symbol: Symbol, since: datetime, at: datetime
    ) -> tuple[OrderFilled, ...] | None:
        """Return every trade of the account in `symbol` from `since` on, also those of others' orders."""
        if self._is_answer_lost(at):
            return None
        return tuple(
            _filled(order, trade, at)
            for order in self.exchange.orders
            if order.symbol == symbol
            for trade in order.trades
            if trade.at >= since
        )

    def restore(self, fills: Iterable[PastFill]) -> None:
        """The exchange has its own ledger."""

    def reach_back(self, to: datetime) -> None:
        """What happened while nobody listened is not told again beyond the usual history."""

    # --- The world ---

    def crash(self) -> None:
        """Lose what was on its way to the process that has died."""
        self._queue = [item for item in self._queue if isinstance(item[2], _Arrival)]
        heapq.heapify(self._queue)
        self._opened.clear()

    def pass_time(self, to: datetime) -> None:
        """Let the exchange go on while nobody listens."""
        self._advance(to)
        self.crash()

    def is_travelling(self, client_order_id: ClientOrderId) -> bool:
        return any(request.client_order_id == client_order_id for request in self.in_flight)

    def acceptable(self, at: datetime) -> Iterator[Request]:
        """Yield the orders on their way that may yet be accepted: not those that have expired by now."""
        oldest = at - REQUEST_EXPIRY - PROOF.clock_error - PROOF.engine_timeout
        return (request for request in self.in_flight if request.sent_at >= oldest)

    def _advance(self, to: datetime) -> tuple[list[MarketRows], list[OrderOutcome]]:
        rows: list[MarketRows] = []
        outcomes: list[OrderOutcome] = []
        self.exchange.faults = self.faults
        while True:
            due = self.exchange.next_at
            if self._queue and self._queue[0][0] < due:
                if self._queue[0][0] > to:
                    break
                at, _, item = heapq.heappop(self._queue)
                if isinstance(item, _Delivery):
                    outcomes.append(item.outcome.model_copy(update={"at": at}))
                else:
                    item.act(at)
                continue
            if due > to:
                break
            heard, traded = self.exchange.advance(due)
            rows.extend(heard)
            for done in traded:
                self._report_trade(done)
        return rows, outcomes

    def _order_arrives(self, request: Request, at: datetime) -> None:
        self.in_flight.remove(request)
        age, error = at - request.sent_at, self._dice.seconds(0, 2) - PROOF.clock_error
        if age > REQUEST_EXPIRY + error:
            self._dice.counts["request_expired"] += 1
            detail = "Timestamp is outside of the recvWindow."
            self._answer_order(request, [_rejected(request, at, detail)], at)
        elif self._dice.goes_wrong("engine_slow", self.faults.request_late):
            matched = at + self._dice.seconds(0, PROOF.engine_timeout.total_seconds())
            self.in_flight.append(request)
            self._push(matched, _Arrival(lambda now: self._order_is_matched(request, now)))
        else:
            self._match(request, at)

    def _order_is_matched(self, request: Request, at: datetime) -> None:
        self.in_flight.remove(request)
        self._match(request, at)

    def _match(self, request: Request, at: datetime) -> None:
        if self._dice.goes_wrong("rejected", self.faults.rejected):
            self._answer_order(request, [self._rejection(request, at)], at)
            return
        done = self.exchange.accept(request, at)
        if isinstance(done, Rejection):
            self._answer_order(request, [_rejected(request, at, done.detail)], at)
        else:
            self._answer_order(request, _story(done, at), at)

    def _rejection(self, request: Request, at: datetime) -> OrderClosed:
        detail = self._dice.random.choice(
            (
                "Account has insufficient balance for requested action.",
                "Filter failure: NOTIONAL",
                "Order would immediately match and take.",
                "Market is closed.",
            )
        )
        return _rejected(request, at, detail)

    def _answer_order(self, request: Request, story: list[OrderOutcome], at: datetime) -> None:
        if self._is_out(at) or self._dice.goes_wrong("reply_lost", self.faults.reply_lost):
            self._tell_unknown(request, at)
            return
        self._tell_all(story, at)

    def _cancel_arrives(self, request: CancelOrder, asked_at: datetime, now: datetime) -> None:
        orders = self.exchange.orders_of(request.client_order_id)
        for order in orders:
            self.exchange.cancel(order, now)
        if self._is_answer_lost(now):
            return
        if orders:
            self._tell_all(_story(orders[-1], now), now)
        else:
            self._tell_all([_not_found(request, asked_at)], now)

    def _question_arrives(self, request: LookUpOrder, asked_at: datetime, now: datetime) -> None:
        orders = self.exchange.orders_of(request.client_order_id)
        if self._is_answer_lost(now):
            return
        as_of = now
        if orders and self._dice.goes_wrong("stale_read", self.faults.read_stale):
            as_of = now - PROOF.read_lag
        seen = [order for order in orders if order.accepted_at <= as_of]
        if seen:
            self._tell_all(_story(seen[-1], now, as_of), now)
        else:
            self._tell_all([_not_found(request, asked_at)], now)

    def _report_trade(self, done: Traded) -> None:
        order, at = done.order, done.trade.at
        if not order.execution_id or self._is_out(at):
            return
        if not self._dice.goes_wrong("fill_lost", self.faults.fill_lost):
            self._tell_all([_filled(order, done.trade, at)], at)
        if not order.is_open and not self._dice.goes_wrong("push_lost", self.faults.fill_lost):
            self._tell_all([_closed(order, at)], at)

    # --- Travelling ---

    def _ask(self, at: datetime, act: Callable[[datetime], None]) -> None:
        if self._is_out(at) or self._dice.goes_wrong("question_lost", self.faults.read_lost):
            return
        arrives = self._travel(at)
        if self._dice.goes_wrong("question_late", self.faults.request_late):
            arrives = at + self._dice.seconds(1, _LONGEST_REQUEST)
        self._push(arrives, _Arrival(act))

    def _is_blind(self, client_order_id: ClientOrderId, at: datetime) -> bool:
        """Tell whether nothing can be learned of this order now."""
        until = self._blind_until.get(client_order_id)
        return until is not None and at < until and self.faults.blind > 0

    def _is_answer_lost(self, at: datetime) -> bool:
        return self._is_out(at) or self._dice.goes_wrong("answer_lost", self.faults.read_lost)

    def _tell_unknown(self, request: Request, at: datetime) -> None:
        """Let the client hear, sooner or later, that it will hear no more; sometimes it does not even hear that."""
        if self._dice.goes_wrong("blind", self.faults.blind):
            self._blind_until[request.client_order_id] = at + self._dice.seconds(30, 240)
        if self._dice.goes_wrong("silence", self.faults.silence):
            return
        outcome = OrderOutcomeUnknown(
            at=at,
            execution_id=request.execution_id,
            client_order_id=request.client_order_id,
            detail="the connection was reset",
        )
        self._tell(outcome, at + self._dice.seconds(*_TIME_OUT))

    def _tell_all(self, story: list[OrderOutcome], at: datetime) -> None:
        """Tell what happened in order; or not quite."""
        faults, due = self.faults, self._travel(at)
        if self._dice.goes_wrong("reply_late", faults.reply_late):
            due = at + self._dice.seconds(0.5, _LONGEST_REQUEST)
        has_close = isinstance(story[-1], OrderClosed)
        if len(story) > 1 and self._dice.goes_wrong("out_of_order", faults.told_out_of_order):
            self._dice.random.shuffle(story)
        for outcome in story:
            # A fill may be lost only where something else says that there is more to be known.
            if (
                has_close
                and isinstance(outcome, OrderFilled)
                and self._dice.goes_wrong("fill_lost", faults.fill_lost)
            ):
                continue
            self._tell(outcome, due)
            if self._dice.goes_wrong("told_twice", faults.told_twice):
                self._tell(outcome, due + self._dice.seconds(0, _LONGEST_REQUEST))

    def _tell(self, outcome: OrderOutcome, at: datetime) -> None:
        self._push(at, _Delivery(outcome))

    def _travel(self, at: datetime) -> datetime:
        return at + self._dice.seconds(0.01, 0.2)

    def _push(self, at: datetime, item: _Arrival | _Delivery) -> None:
        self._number += 1
        heapq.heappush(self._queue, (at, self._number, item))

    def _is_out(self, at: datetime) -> bool:
        """Tell whether nothing gets through, in either direction."""
        every = self.faults.outage_every
        if not every:
            self._next_outage_at, self._outage_until = None, min(self._outage_until, at)
            return False
        if self._next_outage_at is None:
            self._next_outage_at = at + self._dice.pause(every)
        if at >= self._next_outage_at:
            self._dice.counts["outage"] += 1
            self._outage_until = at + self._dice.seconds(2, self._dice.random.choice((15, 150)))
            self._next_outage_at = self._outage_until + self._dice.pause(every)
        return at < self._outage_until


def _flat(rules: MarketRules, lots_per_step: int, start: datetime) -> tuple[HourlyVolume, ...]:
    hour = start.replace(minute=0, second=0, microsecond=0)
    volume = rules.lot * lots_per_step * (timedelta(hours=1) // STEP)
    return tuple(
        HourlyVolume(start=hour - timedelta(hours=back), seconds=3_600, volume=volume)
        for back in range(_HOURS, 0, -1)
    )


def _story(order: LedgerOrder, at: datetime, as_of: datetime | None = None) -> list[OrderOutcome]:
    """Return what became of an order until `as_of`."""
    seen = at if as_of is None else as_of
    story: list[OrderOutcome] = [
        OrderAccepted(
            at=at,
            execution_id=order.execution_id,
            client_order_id=order.client_order_id,
            venue_order_id=order.venue_order_id,
        )
    ]
    story += [_filled(order, trade, at) for trade in order.trades if trade.at <= seen]
    if order.closed_at is not None and order.closed_at <= seen:
        story.append(_closed(order, at))
    return story


def _filled(order: LedgerOrder, trade: LedgerTrade, at: datetime) -> OrderFilled:
    return OrderFilled(
        at=at,
        execution_id=order.execution_id,
        client_order_id=order.client_order_id,
        trade_id=trade.trade_id,
        quantity=trade.quantity,
        price=trade.price,
        fee=trade.fee,
        fee_currency=trade.fee_currency,
        liquidity=trade.liquidity,
        traded_at=trade.at,
    )


def _closed(order: LedgerOrder, at: datetime) -> OrderClosed:
    return OrderClosed(
        at=at,
        execution_id=order.execution_id,
        client_order_id=order.client_order_id,
        status=order.status,
        filled_quantity=order.filled_quantity,
    )


def _rejected(request: Request, at: datetime, detail: str) -> OrderClosed:
    return OrderClosed(
        at=at,
        execution_id=request.execution_id,
        client_order_id=request.client_order_id,
        status=OrderStatus.REJECTED,
        reason=Reason.VENUE_REJECTED,
        detail=detail,
        filled_quantity=ZERO,
    )


def _not_found(request: CancelOrder | LookUpOrder, asked_at: datetime) -> OrderNotFound:
    return OrderNotFound(
        at=asked_at,
        execution_id=request.execution_id,
        client_order_id=request.client_order_id,
        asked_at=asked_at,
        is_proof=False,
    )
