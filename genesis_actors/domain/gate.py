"""The last check before the venue. It trusts nobody: all it knows it has seen pass, or was restored from the journal.

Whatever goes wrong above - a rule, a race, a message twice - no more than the parent order can be sent from here.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from genesis_actors.messages.venue import (
    AmendParent,
    HaltChanged,
    OrderClosed,
    OrderFilled,
    OrderNotFound,
    OrderOutcome,
    OrderRefused,
    PlaceOrder,
    RestoreOrders,
    SettleOrder,
)
from genesis_actors.values import ZERO, ClientOrderId, ExecutionId, Reason, TradeId, exact, plus

_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class GateLimits:
    """Notional in quote, quantity in base; None: no limit."""

    max_orders_per_second: int | None = 1_000
    max_order_quantity: Decimal | None = None
    max_order_notional: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Stop:
    """Why an order may not pass. `limit` and `actual` are the numbers that were compared."""

    reason: Reason
    limit: Decimal | None = None
    actual: Decimal | None = None


@dataclass(slots=True)
class _Order:
    """What one order has taken, or may yet take, of its parent."""

    quantity: Decimal
    is_open: bool = True
    filled: Decimal = ZERO
    claimed: Decimal = ZERO  # What the venue, at its close, or the operator says was filled.
    trades: tuple[TradeId, ...] = ()  # Few, and there are many orders.

    @property
    def taken(self) -> Decimal:
        least = max(self.filled, self.claimed)
        return max(self.quantity, least) if self.is_open else least


@dataclass(slots=True)
class _Parent:
    quantity: Decimal
    orders: dict[ClientOrderId, _Order] = field(default_factory=dict[ClientOrderId, _Order])
    taken: Decimal = ZERO


class Gate:
    """Judges each order by orders per second, quantity, notional, its id, and what its parent has left."""

    def __init__(self, limits: GateLimits, *, is_halted: bool = False) -> None:
        self.is_halted = is_halted
        self.is_shut = False
        """Whether it lets nothing pass any more, for good: another one takes its place."""
        self._limits = limits
        self._parents: dict[ExecutionId, _Parent] = {}
        self._ended: set[ExecutionId] = set()
        self._passed_at: deque[datetime] = deque()

    def tell(self, message: HaltChanged) -> None:
        """Take a halt as an address would, but at once: not behind the orders that wait in its actor's inbox."""
        self.is_halted = message.is_halted

    @exact
    def judge(self, order: PlaceOrder, now: datetime) -> Stop | None:
        """Return why `order` must not pass, None where it may; then it counts as sent."""
        stop = self._stop(order, now)
        if stop is None:
            parent = self._parents.setdefault(order.execution_id, _Parent(order.parent_quantity))
            parent.orders[order.client_order_id] = _Order(order.quantity)
            parent.taken += order.quantity
            self._passed_at.append(now)
        return stop

    @exact
    def hear(self, outcome: OrderOutcome | SettleOrder) -> None:
        """Take note of what became of an order."""
        parent = self._parents.get(outcome.execution_id)
        if parent is None:
            return
        order = parent.orders.get(outcome.client_order_id)
        if order is None:
            if not isinstance(outcome, OrderFilled):
                return
            # The journal is behind the venue: what has traded is taken in any case.
            order = parent.orders[outcome.client_order_id] = _Order(ZERO, is_open=False)
        before = order.taken
        match outcome:
            case OrderFilled() if outcome.trade_id not in order.trades:
                order.trades = (*order.trades, outcome.trade_id)
                order.filled = plus(order.filled, outcome.quantity)
            case OrderClosed() | SettleOrder():
                order.is_open = False
                claimed = max(order.claimed, outcome.filled_quantity or ZERO)
                order.claimed = order.filled if claimed == order.filled else claimed
            case OrderNotFound(is_proof=True) | OrderRefused():
                order.is_open = False
            case _:
                pass
        parent.taken += order.taken - before

    def amend(self, change: AmendParent) -> None:
        """Hold orders against another quantity of their parent from now on."""
        parent = self._parents.setdefault(change.execution_id, _Parent(change.quantity))
        parent.quantity = change.quantity

    def end(self, execution_id: ExecutionId) -> None:
        """Let no order of an execution pass any more, and forget those that have."""
        self._parents.pop(execution_id, None)
        self._ended.add(execution_id)

    @exact
    def restore(self, past: RestoreOrders) -> None:
        """Take over what an execution has sent in earlier runs."""
        parent = _Parent(past.parent_quantity)
        for order in past.orders:
            filled = sum((quantity for _, _, quantity in order.fills), ZERO)
            known = _Order(
                filled + order.reserved_quantity,
                is_open=bool(order.reserved_quantity),
                filled=filled,
                claimed=filled + order.settled_quantity if order.settled_quantity else ZERO,
                trades=tuple(trade_id for trade_id, _, _ in order.fills),
            )
            parent.orders[order.client_order_id] = known
            parent.taken += known.taken
        self._parents[past.execution_id] = parent

    def _stop(self, order: PlaceOrder, now: datetime) -> Stop | None:
        limits = self._limits
        if self.is_halted or self.is_shut:
            return Stop(Reason.HALTED)
        if limits.max_order_quantity is not None and order.quantity > limits.max_order_quantity:
            return Stop(Reason.MAX_ORDER_QUANTITY, limits.max_order_quantity, order.quantity)
        notional = order.quantity * order.price
        if limits.max_order_notional is not None and notional > limits.max_order_notional:
            return Stop(Reason.MAX_ORDER_NOTIONAL, limits.max_order_notional, notional)
        if order.execution_id in self._ended:
            return Stop(Reason.PARENT_QUANTITY, ZERO, order.quantity)
        parent = self._parents.get(order.execution_id) or _Parent(order.parent_quantity)
        if order.client_order_id in parent.orders:
            return Stop(Reason.DUPLICATE_ORDER)
        left = min(parent.quantity, order.parent_quantity) - parent.taken
        if order.quantity > left:
            return Stop(Reason.PARENT_QUANTITY, left, order.quantity)
        while self._passed_at and self._passed_at[0] <= now - _SECOND:
            self._passed_at.popleft()
        most = limits.max_orders_per_second
        if most is not None and len(self._passed_at) >= most:
            return Stop(Reason.ORDER_RATE, Decimal(most), Decimal(len(self._passed_at) + 1))
        return None
