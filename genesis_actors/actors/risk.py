"""The actor that every order must pass, and every outcome passes on its way back. There is no way round it.

It may refuse a `PlaceOrder`, never a `CancelOrder`. Reservations are keyed by client order id and are never stored:
after a restart they are rebuilt from the open children before anything is sent.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, assert_never

from genesis_actors.actors.judging import Judging
from genesis_actors.domain.exposure import Account
from genesis_actors.domain.giving_way import GivingWay
from genesis_actors.domain.limits import (
    RiskDecision,
    RiskLimits,
    check_risk_limits,
)
from genesis_actors.domain.participation import minimum_quantity
from genesis_actors.domain.portfolio import CorrelationRules
from genesis_actors.domain.symbol_use import SymbolUse
from genesis_actors.domain.tiers import TierRules
from genesis_actors.logs import get_logger
from genesis_actors.messages.base import NOBODY
from genesis_actors.messages.persistence import AccountNotWritten, AccountWritten, WriteAccount
from genesis_actors.messages.risk import (
    AskPortfolio,
    JudgeParent,
    MidSampled,
    ParentEnded,
    RestoreAccount,
    RestoreFills,
    RiskMessage,
    Traded,
)
from genesis_actors.messages.supervisor import Halt
from genesis_actors.messages.venue import (
    AmendParent,
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
    OrderStory,
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
from genesis_actors.values import (
    ZERO,
    ClientOrderId,
    ExecutionId,
    MarketRules,
    Reason,
    Side,
    Symbol,
    decimal_text,
    fee_in_quote,
    plus,
)

REMEMBERED_ORDERS = 100_000
_SECOND: Final = timedelta(seconds=1)

log = get_logger()


@dataclass(slots=True)
class _SymbolBook:
    rules: MarketRules
    use: SymbolUse


@dataclass(slots=True)
class _Order:
    """What is remembered of an order, also beyond its end, because fills may come late.

    `side` is None for one of an earlier run that is known by its trades alone, all of which are in the tables. Of
    `filled`, `said` is the operator's word: trades that come later take its place.
    """

    symbol: Symbol
    side: Side | None = None
    execution_id: ExecutionId | None = None
    price: Decimal = ZERO
    filled: Decimal = ZERO
    said: Decimal = ZERO


class RiskActor(MessageActor[RiskMessage]):
    """Judges each child order on the numbers it carries and on what all executions have reserved."""

    dispatcher_kind = "shared"

    def __init__(
        self,
        runtime: Runtime,
        *,
        limits: RiskLimits,
        tiers: TierRules,
        correlation: CorrelationRules,
        journal: Address[WriteAccount],
        venue: Address[OrderMessage],
        outcomes: Address[VenueOutcome],
        halts: Address[Halt],
        failures: Address[ActorFailed],
    ) -> None:
        super().__init__(runtime, name="risk", supervisor=failures)
        self._limits = limits
        self._venue = venue
        self._outcomes = outcomes
        self._halts = halts
        self._symbols: dict[Symbol, _SymbolBook] = {}
        self._orders: dict[ClientOrderId, _Order] = {}
        self._account = Account()
        self._judging = Judging(
            self,
            account=self._account,
            limits=limits,
            tiers=tiers,
            correlation=correlation,
            journal=journal,
        )
        self._giving_way = GivingWay()
        self._passed_at: deque[datetime] = deque()

    def handle(self, message: RiskMessage) -> None:
        match message:
            case PlaceOrder():
                self._judge(message)
            case CancelOrder() | LookUpOrder():
                self.send(self._venue, message)
            case AmendParent():
                self._judging.intentions.amend(message.execution_id, message.quantity)
                self.send(self._venue, message)
            case SettleOrder():
                self._settle(message)
                self.send(self._venue, message)
            case SymbolDescribed():
                self._learn(message)
            case RestoreAccount():
                self._restore_account(message)
            case RestoreOrders():
                self._restore(message)
            case RestoreFills():
                self._restore_fills(message)
            case (
                JudgeParent()
                | ParentEnded()
                | MidSampled()
                | AskPortfolio()
                | AccountWritten()
                | AccountNotWritten()
            ):
                self._judging.handle(message)
            case OrderStory():
                for outcome in message.outcomes:
                    self._hear(outcome)
                self.send(self._outcomes, message)
            case (
                OrderAccepted()
                | OrderFilled()
                | OrderClosed()
                | OrderRefused()
                | OrderOutcomeUnknown()
                | OrderNotFound()
            ):
                self._hear(message)
                self.send(self._outcomes, message)
            case TradesTold() | VenueAvailability():
                self.send(self._outcomes, message)
            case _:
                assert_never(message)

    # --- What is known ---

    def _learn(self, described: SymbolDescribed) -> None:
        self._judging.learn(described)
        if described.rules is None:
            return
        book = self._symbols.get(described.symbol)
        use = SymbolUse() if book is None else book.use
        self._symbols[described.symbol] = _SymbolBook(described.rules, use)

    def _restore_account(self, past: RestoreAccount) -> None:
        for position in past.positions:
            self._account.hold(position.symbol, position.quantity, position.price)
        for day in past.days:
            self._account.traded_before(day)
        self._judging.restore(past.events)

    def _restore(self, past: RestoreOrders) -> None:
        use = self._symbols[past.symbol].use
        traded = ZERO
        for order in past.orders:
            name = order.client_order_id
            filled = sum((quantity for _, _, quantity in order.fills), order.settled_quantity)
            known = _Order(past.symbol, past.side, past.execution_id, order.price, filled)
            known.said = order.settled_quantity
            traded += filled
            self._remember(name, known)
            use.know(name, past.execution_id)
            for trade_id, at, quantity in order.fills:
                use.fill(name, trade_id, at, quantity)
            if order.settled_at is not None:
                use.settle(name, order.settled_at, filled)
            use.reserve(name, order.reserved_quantity)
            self._account.reserve(
                name,
                past.symbol,
                past.side,
                order.reserved_quantity,
                rests_at=order.price if order.resting else None,
            )
        self._judging.intentions.begin(
            past.execution_id, past.symbol, past.side, past.parent_quantity, traded
        )

    def _restore_fills(self, past: RestoreFills) -> None:
        use = self._symbols[past.symbol].use
        for name, trade_id, at, quantity in past.fills:
            known = self._orders.get(name) or self._remember(name, _Order(past.symbol))
            if use.fill(name, trade_id, at, quantity):
                known.filled += quantity
        for name, side, filled_quantity in past.orders:
            known = self._orders.get(name) or self._remember(name, _Order(past.symbol))
            known.side, known.said = side, max(filled_quantity - known.filled, ZERO)
            known.filled = max(filled_quantity, known.filled)
            use.know(name, known.execution_id)  # One without a trade is new to it, and counts, too.
            use.settle(name, past.at, filled_quantity)

    def _remember(self, name: ClientOrderId, order: _Order) -> _Order:
        """Note an order, also beyond its end; of those for which nothing is reserved the oldest are forgotten."""
        self._orders[name] = order
        if len(self._orders) > REMEMBERED_ORDERS:
            over = (n for n in self._orders if n != name and not self._account.has_reserved(n))
            oldest = next(over, None)
            if oldest is not None:
                self._symbols[self._orders.pop(oldest).symbol].use.forget(oldest)
        return order

    # --- Judging ---

    def _judge(self, order: PlaceOrder) -> None:
        book, now = self._symbols[order.symbol], self.clock.now()
        book.use.forget_before(order.window_start)
        least = minimum_quantity(book.rules, order.price)
        decision = self._decide(order, book, least, now)
        if decision.reason is Reason.SYMBOL_PARTICIPATION_CAP:
            book.use.wait_for(order, least=least, now=now)
        elif decision.reason is not None:
            book.use.want_nothing(order.execution_id)
        if decision.reason is not None:
            self._refuse(order, decision, now)
            return
        book.use.passed(order, now)
        name = order.client_order_id
        known = _Order(order.symbol, order.side, order.execution_id, order.price)
        self._remember(name, known)
        book.use.know(name, order.execution_id)
        book.use.reserve(name, order.quantity)
        rests_at = order.price if order.resting else None
        self._account.reserve(name, order.symbol, order.side, order.quantity, rests_at=rests_at)
        self._giving_way.passed(order)
        self._passed_at.append(now)
        self.send(self._venue, order)

    def _decide(
        self, order: PlaceOrder, book: _SymbolBook, least: Decimal, now: datetime
    ) -> RiskDecision:
        decision = check_risk_limits(
            order,
            self._limits,
            budget=book.use.allowance(order, lot=book.rules.lot, least=least, now=now)
            if order.obeys_cap
            else None,
            lot=book.rules.lot,
            least=least,
            standing=self._account.standing(
                order.symbol,
                order.side,
                order.price,
                mark=order.mid,
                now=now,
                orders_in_last_second=self._orders_in_last_second(now),
            ),
            company=self._judging.company(order),
        )
        if decision.is_approved and not self._limits.allows_self_trades:
            return self._giving_way.judge(order, now)
        return decision

    def _orders_in_last_second(self, now: datetime) -> int:
        while self._passed_at and self._passed_at[0] <= now - _SECOND:
            self._passed_at.popleft()
        return len(self._passed_at)

    def _refuse(self, order: PlaceOrder, decision: RiskDecision, now: datetime) -> None:
        match decision.reason:
            case Reason.SELF_TRADE if not order.resting:
                self._clear_the_way(order, now)
            case Reason.MAX_DAILY_LOSS:
                self._halt(decision)
            case _:
                pass
        self.send(
            self._outcomes,
            OrderRefused(
                at=now,
                execution_id=order.execution_id,
                client_order_id=order.client_order_id,
                reason=decision.reason or Reason.HALTED,
                limit=decision.limit,
                actual=decision.actual,
                available_quantity=decision.available_quantity,
                is_permanent=decision.is_permanent,
            ),
        )

    def _clear_the_way(self, order: PlaceOrder, now: datetime) -> None:
        """Take back the resting orders that `order` would meet: it is the one that has to trade now."""
        self._giving_way.wait_for(order, now)
        for name in tuple(self._account.resting_against(order.symbol, order.side, order.price)):
            known = self._orders[name]
            if known.execution_id is not None:
                cancel = CancelOrder(
                    execution_id=known.execution_id, client_order_id=name, symbol=order.symbol
                )
                self.send(self._venue, cancel)

    def _halt(self, decision: RiskDecision) -> None:
        lost, most = decision.actual or ZERO, decision.limit or ZERO
        reason = (
            f"{Reason.MAX_DAILY_LOSS}: the day's trades have lost "
            f"{decimal_text(round(lost, 8))}, of {decimal_text(most)} that they may"
        )
        log.error("halted_by_risk", reason=reason)
        self.send(self._halts, Halt(reason=reason, reply_to=NOBODY))

    # --- What became of orders ---

    def _hear(self, outcome: OrderOutcome) -> None:
        match outcome:
            case OrderFilled():
                self._fill(outcome)
            case OrderClosed() | OrderNotFound() | OrderRefused():
                self._release(outcome)
            case OrderAccepted() | OrderOutcomeUnknown():
                pass
            case _:
                assert_never(outcome)

    def _fill(self, fill: OrderFilled) -> None:
        known = self._orders.get(fill.client_order_id)
        if known is None:
            return
        name, quantity = fill.client_order_id, fill.quantity
        use = self._symbols[known.symbol].use
        if not use.fill(name, fill.trade_id, fill.traded_at, quantity):
            return
        self._account.use(name, quantity)
        said = min(quantity, known.said)
        if said:
            known.said -= said
        known.filled = plus(known.filled, quantity - said if said else quantity)
        if known.side is not None:
            fee = fee_in_quote(known.symbol, fill.price, fill.fee, fill.fee_currency) or ZERO
            self._trade(known, quantity - said, fill.price, fee, fill.traded_at)

    def _settle(self, settled: SettleOrder) -> None:
        known = self._orders.get(settled.client_order_id)
        if known is None:
            return
        now, name = self.clock.now(), settled.client_order_id
        self._symbols[known.symbol].use.settle(name, now, settled.filled_quantity)
        self._account.release(name)
        said = settled.filled_quantity - known.filled
        if said > ZERO:
            known.said += said
            known.filled += said
            self._trade(known, said, known.price, ZERO, now)

    def _trade(
        self, known: _Order, quantity: Decimal, price: Decimal, fee: Decimal, at: datetime
    ) -> None:
        if known.side is not None and quantity:
            self._account.trade(Traded(known.symbol, known.side, quantity, price, fee, at))
            if known.execution_id is not None:
                self._judging.intentions.fill(known.execution_id, quantity)

    def _release(self, outcome: OrderClosed | OrderNotFound | OrderRefused) -> None:
        if isinstance(outcome, OrderNotFound) and not outcome.is_proof:
            return
        name = outcome.client_order_id
        known = self._orders.get(name)
        if known is None:
            return
        filled = outcome.filled_quantity if isinstance(outcome, OrderClosed) else None
        self._symbols[known.symbol].use.release(name, filled or ZERO)
        self._account.release(name, max((filled or ZERO) - known.filled, ZERO))
