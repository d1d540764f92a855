"""The limits that each child order must pass, and the budget that all executions of a symbol share."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from genesis_actors.domain.participation import symbol_budget
from genesis_actors.messages.venue import PlaceOrder
from genesis_actors.values import (
    BPS,
    ZERO,
    ClientOrderId,
    Reason,
    TradeId,
    exact,
    floor_to_step,
)


@dataclass(frozen=True, slots=True)
class RiskLimits:
    """The operator's limits. Notional in quote, deviation of a child's price from the mid in bps; None: no limit."""

    max_order_notional: Decimal | None = None
    max_deviation_bps: Decimal | None = Decimal(200)


@dataclass(frozen=True, slots=True)
class RiskDecision:
    """`reason` is None where the order may pass.

    `limit` and `actual` are the numbers that were compared; `available_quantity` (base) is what would pass.
    """

    reason: Reason | None = None
    limit: Decimal | None = None
    actual: Decimal | None = None
    available_quantity: Decimal | None = None

    @property
    def is_approved(self) -> bool:
        return self.reason is None


APPROVED = RiskDecision()


@exact
def check_risk_limits(
    order: PlaceOrder, limits: RiskLimits, *, budget: Decimal | None = None, lot: Decimal
) -> RiskDecision:
    """Judge one child order. `budget` (base) is what the symbol's executions may still take together.

    The numbers of a refusal are what was compared: notional in quote, quantities in base, deviation in bps.

    >>> from datetime import UTC
    >>> from genesis_actors.values import ExecutionId, Side, Symbol
    >>> order = PlaceOrder(
    ...     execution_id=ExecutionId("x1"),
    ...     client_order_id=ClientOrderId("x1-1"),
    ...     slice_number=1,
    ...     symbol=Symbol("BTC/USDT"),
    ...     side=Side.BUY,
    ...     quantity=Decimal("0.02"),
    ...     price=Decimal(60_000),
    ...     mid=Decimal(59_990),
    ...     rate=Decimal("0.10"),
    ...     market_volume=Decimal(5),
    ...     window_start=datetime(2024, 8, 8, tzinfo=UTC),
    ...     parent_quantity=Decimal(10),
    ... )
    >>> check_risk_limits(order, RiskLimits(), lot=Decimal("0.001")).is_approved
    True
    >>> limits = RiskLimits(max_order_notional=Decimal(1_000))
    >>> decision = check_risk_limits(order, limits, lot=Decimal("0.001"))
    >>> decision.reason, decision.available_quantity
    (<Reason.MAX_ORDER_NOTIONAL: 'max_order_notional'>, Decimal('0.016'))
    """
    notional = order.quantity * order.price
    most = limits.max_order_notional
    if most is not None and notional > most:
        return RiskDecision(
            Reason.MAX_ORDER_NOTIONAL, most, notional, floor_to_step(most / order.price, lot)
        )
    deviation = order.side.sign * (order.price - order.mid) * BPS / order.mid
    if limits.max_deviation_bps is not None and deviation > limits.max_deviation_bps:
        return RiskDecision(Reason.PRICE_COLLAR, limits.max_deviation_bps, round(deviation, 4))
    if budget is not None and order.quantity > budget:
        return RiskDecision(
            Reason.SYMBOL_PARTICIPATION_CAP, budget, order.quantity, floor_to_step(budget, lot)
        )
    return APPROVED


LONGEST_WINDOW = timedelta(days=1)
"""How long own fills are kept: no order's participation window is longer."""


@dataclass(slots=True)
class _OrderUse:
    reserved: Decimal = ZERO
    filled: Decimal = ZERO
    trades: set[TradeId] = field(default_factory=set[TradeId])


class SymbolUse:
    """What our own executions have taken of one symbol lately, and have reserved, both sides together."""

    def __init__(self) -> None:
        # Of each fill, by time: when, and what had been filled before it.
        self._times: list[datetime] = []
        self._before: list[Decimal] = []
        self._filled = ZERO
        self._orders: dict[ClientOrderId, _OrderUse] = {}
        self.reserved = ZERO

    @exact
    def reserve(self, client_order_id: ClientOrderId, quantity: Decimal) -> None:
        order = self._orders.get(client_order_id)
        if order is None:
            order = self._orders[client_order_id] = _OrderUse()
        self.reserved += quantity - order.reserved
        order.reserved = quantity

    @exact
    def fill(
        self, client_order_id: ClientOrderId, trade_id: TradeId, at: datetime, quantity: Decimal
    ) -> None:
        """Turn reserved quantity into filled, each trade once, also of an order that is no longer reserved."""
        order = self._orders.setdefault(client_order_id, _OrderUse())
        if trade_id in order.trades:
            return
        order.trades.add(trade_id)
        order.filled += quantity
        index = bisect_right(self._times, at)
        before = self._before[index] if index < len(self._before) else self._filled
        self._times.insert(index, at)
        self._before[index:] = [before, *(later + quantity for later in self._before[index:])]
        self._filled += quantity
        self.reserve(client_order_id, max(order.reserved - quantity, ZERO))

    @exact
    def release(self, client_order_id: ClientOrderId, filled_quantity: Decimal = ZERO) -> None:
        """Reserve nothing more for an order, but what is known to be filled beyond the trades heard so far."""
        order = self._orders.get(client_order_id)
        if order is not None:
            self.reserve(client_order_id, max(filled_quantity - order.filled, ZERO))

    @exact
    def settle(
        self, client_order_id: ClientOrderId, at: datetime, filled_quantity: Decimal
    ) -> None:
        """Count what the operator says was filled, beyond the trades heard so far, as filled now."""
        self.release(client_order_id)
        order = self._orders.get(client_order_id)
        if order is not None and filled_quantity > order.filled:
            quantity = filled_quantity - order.filled
            self.fill(client_order_id, TradeId(f"settled-{client_order_id}"), at, quantity)

    def forget(self, client_order_id: ClientOrderId) -> None:
        """Forget an order for good. What it has filled stays counted."""
        self.release(client_order_id)
        self._orders.pop(client_order_id, None)

    @exact
    def filled_since(self, start: datetime) -> Decimal:
        """Return what was filled after `start`."""
        index = bisect_right(self._times, start)
        return self._filled - self._before[index] if index < len(self._before) else ZERO

    def forget_before(self, start: datetime) -> None:
        """Forget what no order can need any more, as one whose window begins at `start` comes in.

        Windows differ, so fills before `start` may count for another order.
        """
        index = bisect_right(self._times, start - LONGEST_WINDOW)
        del self._times[:index], self._before[:index]

    def budget(self, order: PlaceOrder) -> Decimal:
        """Return what `order` may take so that all executions together stay within the rate."""
        return symbol_budget(
            rate=order.rate,
            window_volume=order.market_volume,
            filled_in_window=self.filled_since(order.window_start),
            reserved=self.reserved,
        )
