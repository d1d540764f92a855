"""The limits that each child order must pass."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from genesis_actors.domain.exposure import NOTHING_HELD, Standing
from genesis_actors.messages.venue import PlaceOrder
from genesis_actors.values import BPS, ZERO, Reason, Symbol, exact, floor_to_step


@dataclass(frozen=True, slots=True)
class RiskLimits:
    """The operator's limits; None: no limit. Amounts in quote, deviation of a child's price from the mid in bps.

    Exposure is the worst that positions may become with what is reserved (see `exposure`); a loss is that of one UTC
    day's trades, at the newest mids.
    """

    max_order_notional: Decimal | None = None
    max_deviation_bps: Decimal | None = Decimal(200)
    max_symbol_exposure: Decimal | None = None
    max_portfolio_exposure: Decimal | None = None
    max_daily_loss: Decimal | None = None
    max_orders_per_second: int | None = None
    restricted_symbols: frozenset[Symbol] = frozenset()
    allows_self_trades: bool = False


@dataclass(frozen=True, slots=True)
class RiskDecision:
    """`reason` is None where the order may pass.

    `limit` and `actual` are the numbers that were compared; `available_quantity` (base) is what would pass.
    `is_permanent` says that no order's end, and no later try, would let even the least of it pass.
    """

    reason: Reason | None = None
    limit: Decimal | None = None
    actual: Decimal | None = None
    available_quantity: Decimal | None = None
    is_permanent: bool = False

    @property
    def is_approved(self) -> bool:
        return self.reason is None


APPROVED = RiskDecision()


@exact
def check_risk_limits(
    order: PlaceOrder,
    limits: RiskLimits,
    *,
    budget: Decimal | None = None,
    lot: Decimal,
    least: Decimal | None = None,
    standing: Standing = NOTHING_HELD,
) -> RiskDecision:
    """Judge one child order: the first limit that it would break is what is told.

    The numbers of a refusal are what was compared: notional, exposure and loss in quote, quantities in base, deviation
    in bps.

    Args:
        order: what is to be sent.
        limits: the operator's.
        budget: what the symbol's executions may still take together, base.
        lot: the step of quantities, base.
        least: the smallest order that the venue takes, base; a lot where it is not known.
        standing: the account's positions and reservations, as `order` meets them.

    >>> from datetime import UTC, datetime
    >>> from genesis_actors.values import ClientOrderId, ExecutionId, Side, Symbol
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
    ...     remaining_quantity=Decimal(10),
    ... )
    >>> check_risk_limits(order, RiskLimits(), lot=Decimal("0.001")).is_approved
    True
    >>> limits = RiskLimits(max_order_notional=Decimal(1_000))
    >>> decision = check_risk_limits(order, limits, lot=Decimal("0.001"))
    >>> decision.reason, decision.available_quantity
    (<Reason.MAX_ORDER_NOTIONAL: 'max_order_notional'>, Decimal('0.016'))
    """
    least = lot if least is None else least
    return (
        _check_account(order.symbol, limits, standing)
        or _check_order(order, limits, lot, least, standing)
        or _check_exposure(order, limits, lot, least, standing)
        or _check_budget(order, budget, lot)
        or APPROVED
    )


def _check_account(symbol: Symbol, limits: RiskLimits, standing: Standing) -> RiskDecision | None:
    if symbol in limits.restricted_symbols:
        return RiskDecision(Reason.RESTRICTED_SYMBOL, is_permanent=True)
    most = limits.max_daily_loss
    if most is not None and standing.loss_today >= most:
        return RiskDecision(Reason.MAX_DAILY_LOSS, most, standing.loss_today)
    return None


def _check_order(
    order: PlaceOrder, limits: RiskLimits, lot: Decimal, least: Decimal, standing: Standing
) -> RiskDecision | None:
    rate, passed = limits.max_orders_per_second, standing.orders_in_last_second
    if rate is not None and passed >= rate:
        return RiskDecision(Reason.ORDER_RATE, Decimal(rate), Decimal(passed + 1))
    notional = order.quantity * order.price
    most = limits.max_order_notional
    if most is not None and notional > most:
        available = floor_to_step(most / order.price, lot)
        is_permanent = available < least
        return RiskDecision(Reason.MAX_ORDER_NOTIONAL, most, notional, available, is_permanent)
    deviation = order.side.sign * (order.price - order.mid) * BPS / order.mid
    if limits.max_deviation_bps is not None and deviation > limits.max_deviation_bps:
        return RiskDecision(Reason.PRICE_COLLAR, limits.max_deviation_bps, round(deviation, 4))
    if standing.crosses_at is not None and not limits.allows_self_trades:
        return RiskDecision(Reason.SELF_TRADE, standing.crosses_at, order.price)
    return None


def _check_exposure(
    order: PlaceOrder, limits: RiskLimits, lot: Decimal, least: Decimal, standing: Standing
) -> RiskDecision | None:
    """Let pass what makes no exposure larger than its limit, and always what makes a position smaller."""
    for reason, most, others, others_at_rest in (
        (Reason.MAX_SYMBOL_EXPOSURE, limits.max_symbol_exposure, ZERO, ZERO),
        (
            Reason.MAX_PORTFOLIO_EXPOSURE,
            limits.max_portfolio_exposure,
            standing.other_exposure,
            standing.other_positions,
        ),
    ):
        if most is None:
            continue
        room = max(most - others, ZERO) / order.mid - standing.committed
        if order.quantity <= room:
            continue
        at_rest = max(most - others_at_rest, ZERO) / order.mid - standing.position
        return RiskDecision(
            reason,
            most,
            others + (standing.committed + order.quantity) * order.mid,
            floor_to_step(max(room, ZERO), lot),
            is_permanent=floor_to_step(max(at_rest, ZERO), lot) < least,
        )
    return None


def _check_budget(order: PlaceOrder, budget: Decimal | None, lot: Decimal) -> RiskDecision | None:
    if budget is None or order.quantity <= budget:
        return None
    return RiskDecision(
        Reason.SYMBOL_PARTICIPATION_CAP, budget, order.quantity, floor_to_step(budget, lot)
    )


@exact
def check_parent_order(
    symbol: Symbol,
    quantity: Decimal,
    limits: RiskLimits,
    *,
    mid: Decimal | None,
    standing: Standing = NOTHING_HELD,
) -> RiskDecision:
    """Judge a parent order (`quantity` in base) as it comes in: what could never be filled is not begun.

    Only positions count, not what other executions have reserved: that may pass while this one is worked, and each of
    its children is judged again. Without a `mid` its exposure cannot be known yet.

    >>> from genesis_actors.values import Symbol
    >>> limits = RiskLimits(max_symbol_exposure=Decimal(50_000))
    >>> check_parent_order(Symbol("BTC/USDT"), Decimal(1), limits, mid=Decimal(60_000)).reason
    <Reason.MAX_SYMBOL_EXPOSURE: 'max_symbol_exposure'>
    """
    refused = _check_account(symbol, limits, standing)
    if refused is not None or mid is None:
        return refused or APPROVED
    for reason, most, others in (
        (Reason.MAX_SYMBOL_EXPOSURE, limits.max_symbol_exposure, ZERO),
        (Reason.MAX_PORTFOLIO_EXPOSURE, limits.max_portfolio_exposure, standing.other_positions),
    ):
        room = None if most is None else max(most - others, ZERO) / mid - standing.position
        if room is not None and quantity > room:
            actual = others + (standing.position + quantity) * mid
            return RiskDecision(reason, most, actual, max(room, ZERO), is_permanent=True)
    return APPROVED
