"""The actor that every order must pass, and every outcome passes on its way back. There is no way round it.

It may refuse a `PlaceOrder`, never a `CancelOrder`. Reservations are keyed by client order id and are never stored:
after a restart they are rebuilt from the open children before anything is sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from genesis_actors.domain.limits import RiskLimits, SymbolUse, check_risk_limits
from genesis_actors.messages.risk import RestoreFills, RiskMessage
from genesis_actors.messages.venue import (
    AmendParent,
    CancelOrder,
    LookUpOrder,
    OrderAccepted,
    OrderClosed,
    OrderFilled,
    OrderMessage,
    OrderNotFound,
    OrderOutcomeUnknown,
    OrderRefused,
    PlaceOrder,
    RestoreOrders,
    SettleOrder,
    SymbolDescribed,
    TradesTold,
    VenueAvailability,
    VenueOutcome,
)
from genesis_actors.runtime.actor import ActorFailed, Address, MessageActor
from genesis_actors.runtime.system import Runtime
from genesis_actors.values import ZERO, ClientOrderId, MarketRules, Symbol

REMEMBERED_ORDERS = 100_000


@dataclass(slots=True)
class _SymbolBook:
    rules: MarketRules
    use: SymbolUse


class RiskActor(MessageActor[RiskMessage]):
    """Judges each child order on the numbers it carries and on what all executions have reserved."""

    dispatcher_kind = "shared"

    def __init__(
        self,
        runtime: Runtime,
        *,
        limits: RiskLimits,
        venue: Address[OrderMessage],
        outcomes: Address[VenueOutcome],
        failures: Address[ActorFailed],
    ) -> None:
        super().__init__(runtime, name="risk", supervisor=failures)
        self._limits = limits
        self._venue = venue
        self._outcomes = outcomes
        self._symbols: dict[Symbol, _SymbolBook] = {}
        self._symbol_of: dict[ClientOrderId, Symbol] = {}

    def handle(self, message: RiskMessage) -> None:
        match message:
            case PlaceOrder():
                self._judge(message)
            case CancelOrder() | LookUpOrder() | AmendParent():
                self.send(self._venue, message)
            case SettleOrder():
                book = self._book_of(message.client_order_id)
                if book is not None:
                    now = self.clock.now()
                    book.use.settle(message.client_order_id, now, message.filled_quantity)
                self.send(self._venue, message)
            case SymbolDescribed():
                self._learn(message)
            case RestoreOrders():
                self._restore(message)
            case RestoreFills():
                self._restore_fills(message)
            case OrderFilled():
                book = self._book_of(message.client_order_id)
                if book is not None:
                    book.use.fill(
                        message.client_order_id,
                        message.trade_id,
                        message.traded_at,
                        message.quantity,
                    )
                self.send(self._outcomes, message)
            case OrderClosed() | OrderNotFound() | OrderRefused():
                self._release(message)
                self.send(self._outcomes, message)
            case OrderAccepted() | OrderOutcomeUnknown() | TradesTold() | VenueAvailability():
                self.send(self._outcomes, message)
            case _:
                assert_never(message)

    def _learn(self, described: SymbolDescribed) -> None:
        if described.rules is None:
            return
        book = self._symbols.get(described.symbol)
        use = SymbolUse() if book is None else book.use
        self._symbols[described.symbol] = _SymbolBook(described.rules, use)

    def _restore(self, past: RestoreOrders) -> None:
        use = self._symbols[past.symbol].use
        for order in past.orders:
            self._remember(order.client_order_id, past.symbol)
            for trade_id, at, quantity in order.fills:
                use.fill(order.client_order_id, trade_id, at, quantity)
            use.reserve(order.client_order_id, order.reserved_quantity)

    def _restore_fills(self, past: RestoreFills) -> None:
        use = self._symbols[past.symbol].use
        for client_order_id, trade_id, at, quantity in past.fills:
            self._remember(client_order_id, past.symbol)
            use.fill(client_order_id, trade_id, at, quantity)
        for client_order_id, filled_quantity in past.orders:
            self._remember(client_order_id, past.symbol)
            use.settle(client_order_id, past.at, filled_quantity)

    def _remember(self, client_order_id: ClientOrderId, symbol: Symbol) -> None:
        """Note an order's symbol also beyond its end, because fills may come late; the oldest are forgotten."""
        self._symbol_of[client_order_id] = symbol
        if len(self._symbol_of) > REMEMBERED_ORDERS:
            oldest = next(iter(self._symbol_of))
            self._symbols[self._symbol_of.pop(oldest)].use.forget(oldest)

    def _judge(self, order: PlaceOrder) -> None:
        book = self._symbols[order.symbol]
        book.use.forget_before(order.window_start)
        decision = check_risk_limits(
            order, self._limits, budget=book.use.budget(order), lot=book.rules.lot
        )
        if decision.reason is None:
            self._remember(order.client_order_id, order.symbol)
            book.use.reserve(order.client_order_id, order.quantity)
            self.send(self._venue, order)
            return
        self.send(
            self._outcomes,
            OrderRefused(
                at=self.clock.now(),
                execution_id=order.execution_id,
                client_order_id=order.client_order_id,
                reason=decision.reason,
                limit=decision.limit,
                actual=decision.actual,
                available_quantity=decision.available_quantity,
            ),
        )

    def _book_of(self, client_order_id: ClientOrderId) -> _SymbolBook | None:
        symbol = self._symbol_of.get(client_order_id)
        return None if symbol is None else self._symbols[symbol]

    def _release(self, outcome: OrderClosed | OrderNotFound | OrderRefused) -> None:
        if isinstance(outcome, OrderNotFound) and not outcome.is_proof:
            return
        book = self._book_of(outcome.client_order_id)
        if book is None:
            return
        filled = outcome.filled_quantity if isinstance(outcome, OrderClosed) else None
        book.use.release(outcome.client_order_id, filled or ZERO)
