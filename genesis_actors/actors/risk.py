"""The actor that stands between the slicers and the venue, in both directions: there is no way round it.

It may refuse a `PlaceOrder`, never a `CancelOrder`. What it approves stays reserved until its outcome has passed
through, so that many executions never use the same budget twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from genesis_actors.domain.limits import RiskLimits, SymbolUse, check_risk_limits
from genesis_actors.messages.risk import RestoreUse, RiskMessage
from genesis_actors.messages.venue import (
    CancelOrder,
    LookUpOrder,
    OrderAccepted,
    OrderClosed,
    OrderFilled,
    OrderMessage,
    OrderNotFound,
    OrderOutcome,
    OrderOutcomeUnknown,
    OrderRefused,
    PlaceOrder,
    SymbolDescribed,
)
from genesis_actors.runtime.actor import ActorFailed, Address, MessageActor
from genesis_actors.runtime.system import Runtime
from genesis_actors.values import ClientOrderId, MarketRules, Symbol

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
        outcomes: Address[OrderOutcome],
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
            case CancelOrder() | LookUpOrder():
                self.send(self._venue, message)
            case SymbolDescribed():
                self._learn(message)
            case RestoreUse():
                self._restore(message)
            case OrderFilled():
                book = self._book_of(message.client_order_id)
                if book is not None:
                    book.use.fill(message.client_order_id, message.traded_at, message.quantity)
                self.send(self._outcomes, message)
            case OrderClosed() | OrderNotFound():
                self._release(message)
                self.send(self._outcomes, message)
            case OrderAccepted() | OrderRefused() | OrderOutcomeUnknown():
                self.send(self._outcomes, message)
            case _:
                assert_never(message)

    def _learn(self, described: SymbolDescribed) -> None:
        if described.rules is None:
            return
        book = self._symbols.get(described.symbol)
        use = SymbolUse() if book is None else book.use
        self._symbols[described.symbol] = _SymbolBook(described.rules, use)

    def _restore(self, restore: RestoreUse) -> None:
        use = self._symbols[restore.symbol].use
        for child in restore.children:
            self._remember(child.client_order_id, restore.symbol)
            for at, quantity in child.fills:
                use.fill(child.client_order_id, at, quantity)
            if child.reserved_quantity:
                use.reserve(child.client_order_id, child.reserved_quantity)

    def _remember(self, client_order_id: ClientOrderId, symbol: Symbol) -> None:
        """Note an order's symbol also beyond its end, because fills may come late; the oldest are forgotten."""
        self._symbol_of[client_order_id] = symbol
        if len(self._symbol_of) > REMEMBERED_ORDERS:
            del self._symbol_of[next(iter(self._symbol_of))]

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

    def _release(self, outcome: OrderClosed | OrderNotFound) -> None:
        if isinstance(outcome, OrderNotFound) and not outcome.is_proof:
            return
        book = self._book_of(outcome.client_order_id)
        if book is not None:
            book.use.release(outcome.client_order_id)
