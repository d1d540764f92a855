"""The actor in front of a simulated venue: it feeds market data and carries orders there and outcomes back.

Every order passes the gate first, which keeps books of its own and trusts nobody.

A request takes the venue's latency to arrive. The feed runs in a phase of its own, so that at one instant the market
has moved before any order is met.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TypeAlias, assert_never

from genesis_actors.actors.gated import GatedActor
from genesis_actors.domain.gate import Gate
from genesis_actors.gateways.venue import Feed, SimulatedVenue
from genesis_actors.messages.market_data import MarketFeed, MarketPast
from genesis_actors.messages.venue import (
    AmendParent,
    Balance,
    BookLevel,
    CancelOrder,
    DepthSeen,
    DescribeSymbol,
    EndParent,
    LookAtDepth,
    LookUpOrder,
    LookUpTrades,
    PlaceOrder,
    RestoreOrders,
    SettleOrder,
    SymbolDescribed,
    TradesTold,
    VenueMessage,
    VenueOutcome,
)
from genesis_actors.runtime.actor import ActorFailed, Address
from genesis_actors.runtime.clock import TimerHandle
from genesis_actors.runtime.system import Runtime
from genesis_actors.values import ZERO, Side, Symbol

FEED_PHASE = -1


@dataclass(frozen=True, slots=True)
class FeedDue:
    """The venue's own timer: rows are due."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """The venue's own timer: this request has reached the matching engine."""

    request: _Request


_Request: TypeAlias = PlaceOrder | CancelOrder | LookUpOrder
_Message: TypeAlias = VenueMessage | FeedDue | Arrived


class VenueActor(GatedActor[_Message]):
    """Owns one simulated venue."""

    def __init__(
        self,
        runtime: Runtime,
        *,
        venue: SimulatedVenue,
        gate: Gate,
        market_data: Address[MarketFeed],
        outcomes: Address[VenueOutcome],
        failures: Address[ActorFailed],
    ) -> None:
        super().__init__(runtime, gate=gate, outcomes=outcomes, failures=failures)
        self._venue = venue
        self._market_data = market_data
        self._open_symbols: set[Symbol] = set()
        self._told: tuple[Mapping[str, Decimal], Mapping[str, Decimal]] = {}, {}
        self._balances: dict[str, Balance] = {}
        self._feed_at: datetime | None = None
        self._feed_timer: TimerHandle | None = None

    def handle(self, message: _Message) -> None:
        match message:
            case FeedDue():
                self._feed_at = None
                self._on_feed(self._venue.advance(self.clock.now()))
                self._schedule_feed()
            case DescribeSymbol():
                self._describe(message)
            case Arrived():
                self._carry_out(message.request)
            case PlaceOrder():
                if self._may_pass(message):
                    self._send_to_venue(message)
            case CancelOrder() | LookUpOrder():
                self._send_to_venue(message)
            case SettleOrder() | AmendParent() | RestoreOrders() | EndParent():
                self._tell_gate(message)
            case LookUpTrades():
                self._tell_trades(message)
            case LookAtDepth():
                levels = self._venue.levels(message.symbol, message.side)
                seen = DepthSeen(message.execution_id, self.clock.now(), tuple(levels))
                self.send(message.reply_to, seen)
            case _:
                assert_never(message)

    def _send_to_venue(self, request: _Request) -> None:
        latency = self._venue.latency(request.client_order_id)
        if latency:
            self.wake_at(self.clock.now() + latency, Arrived(request))
        else:
            self._carry_out(request)

    def _tell_trades(self, question: LookUpTrades) -> None:
        now = self.clock.now()
        trades = self._venue.trades_since(question.symbol, question.since, now)
        self._report(trades or ())
        self.send(
            self._outcomes,
            TradesTold(at=now, symbol=question.symbol, is_complete=trades is not None),
        )

    def _carry_out(self, request: _Request) -> None:
        now = self.clock.now()
        match request:
            case PlaceOrder():
                self._report(self._venue.place(request, now))
            case CancelOrder():
                self._report(self._venue.cancel(request, now))
            case LookUpOrder():
                self._report(self._venue.look_up(request, now))
            case _:
                assert_never(request)
        self._schedule_feed()  # A venue may answer later.

    def _describe(self, question: DescribeSymbol) -> None:
        rules, now = self._venue.describe(question.symbol), self.clock.now()
        if rules is not None and question.symbol not in self._open_symbols:
            self._open_symbols.add(question.symbol)
            past = self._venue.open(question.symbol, now)
            self.send(self._market_data, MarketPast(question.symbol, past.rows))
            self._report(past.outcomes)
            self._schedule_feed()
        self.send(
            question.reply_to,
            SymbolDescribed(
                at=now,
                symbol=question.symbol,
                rules=rules,
                balances=self._balances_now(),
                volumes=() if rules is None else self._venue.volumes(question.symbol, now),
                known_symbols=self._venue.symbols(),
                book=()
                if rules is None or not question.shows_book
                else tuple(
                    BookLevel(side=side, price=price, quantity=quantity)
                    for side in Side
                    for price, quantity in self._venue.levels(question.symbol, side)
                ),
            ),
        )

    def _balances_now(self) -> tuple[Balance, ...]:
        """Return all balances, as the same objects where they have not changed: each order asks for all of them."""
        now = self._venue.balances(), self._venue.held()
        if now != self._told:
            before, (balances, held) = self._balances, now
            self._told, self._balances = now, {}
            for currency, free in balances.items():
                known, holds = before.get(currency), held.get(currency, ZERO)
                if known is None or known.free != free or known.held != holds:
                    known = Balance(currency=currency, free=free, held=holds)
                self._balances[currency] = known
        return tuple(self._balances.values())

    def _on_feed(self, feed: Feed) -> None:
        for rows in feed.rows:
            # What only an earlier core had opened is told as the past, once it is opened here.
            if rows.symbol in self._open_symbols:
                self.send(self._market_data, rows)
        self._report(feed.outcomes)

    def _schedule_feed(self) -> None:
        """Keep one timer, however many symbols are open: set to when the venue has something to tell."""
        due = self._venue.next_at()
        if due is None or (self._feed_at is not None and self._feed_at <= due):
            return
        if self._feed_timer is not None:
            self._feed_timer.cancel()
        self._feed_at = due
        self._feed_timer = self.wake_at(due, FeedDue(), phase=FEED_PHASE)
