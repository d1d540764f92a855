"""The limits that each child order must pass."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from genesis_actors.domain.company import ALONE, Company
from genesis_actors.domain.exposure import NOTHING_HELD, Standing
from genesis_actors.domain.portfolio import Pull
from genesis_actors.domain.tiers import Equity, TierRules, requires_tier
from genesis_actors.messages.venue import PlaceOrder
from genesis_actors.values import (
    BPS,
    ONE,
    ZERO,
    Algo,
    Reason,
    Symbol,
    TradingTier,
    exact,
    floor_to_step,
)


@dataclass(frozen=True, slots=True)
class RiskLimits:
    """The operator's limits; None: no limit. Amounts in quote, quantity in base, deviation of a price from mid in bps.

    Exposure is the worst that positions may become with what is reserved (see `exposure`); a loss is that of one UTC
    day's trades, at the newest mids. An order that goes the way of another holding, worth `correlation_least_value` or
    more, is told of from a correlation of `correlation_warning` on, and from `correlation_critical` on refused, or with
    `scales_correlated` made smaller.
    """

    max_order_quantity: Decimal | None = None
    max_order_notional: Decimal | None = None
    max_deviation_bps: Decimal | None = Decimal(200)
    max_symbol_exposure: Decimal | None = None
    max_portfolio_exposure: Decimal | None = None
    max_correlated_exposure: Decimal | None = None
    correlation_warning: Decimal = Decimal("0.60")
    correlation_critical: Decimal = Decimal("0.80")
    correlation_least_value: Decimal = Decimal(100)
    scales_correlated: bool = False
    max_daily_loss: Decimal | None = None
    max_orders_per_second: int | None = None
    restricted_symbols: frozenset[Symbol] = frozenset()
    allows_self_trades: bool = False


@dataclass(frozen=True, slots=True)
class RiskDecision:
    """`reason` is None where the order may pass.

    `limit` and `actual` are the numbers that were compared; `available_quantity` (base) is what would pass.
    `is_permanent` says that no order's end, and no later try, would let even the least of it pass. `cut_by` is why a
    parent order may be worked for no more than `available_quantity`, None where it may be as it is.
    """

    reason: Reason | None = None
    limit: Decimal | None = None
    actual: Decimal | None = None
    available_quantity: Decimal | None = None
    is_permanent: bool = False
    cut_by: Reason | None = None

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
    company: Company = ALONE,
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
        company: the other holdings, as far as they move together with its symbol.

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
        or _check_correlated(order, limits, lot, standing, company)
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
    most = limits.max_order_quantity
    if most is not None and order.quantity > most:
        available = floor_to_step(most, lot)
        is_permanent = available < least
        return RiskDecision(
            Reason.MAX_ORDER_QUANTITY, most, order.quantity, available, is_permanent
        )
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


def _check_correlated(
    order: PlaceOrder, limits: RiskLimits, lot: Decimal, standing: Standing, company: Company
) -> RiskDecision | None:
    """Let pass what keeps the correlation-weighted exposure within its limit, and always what makes it no larger."""
    most = limits.max_correlated_exposure
    if most is None:
        return None
    before = standing.committed * order.mid

    def passes(quantity: Decimal) -> bool:
        more = quantity * order.mid
        return company.exposure(before + more) <= most or company.only_eases(before, more)

    if passes(order.quantity):
        return None
    # In lots: what is known to pass, and what is known not to.
    fits, fails = 0, int(order.quantity / lot) + 1
    while fails - fits > 1:
        middle = (fits + fails) // 2
        fits, fails = (middle, fails) if passes(middle * lot) else (fits, middle)
    actual = company.exposure(before + order.quantity * order.mid)
    return RiskDecision(Reason.MAX_CORRELATED_EXPOSURE, most, actual, fits * lot)


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
    pull: Pull | None = None,
) -> RiskDecision:
    """Judge a parent order (`quantity` in base) as it comes in: what could never be filled is not begun.

    Only positions count, not what other executions have reserved: that may pass while this one is worked, and each of
    its children is judged again. Without a `mid` its exposure cannot be known yet. `pull` is what of the other holdings
    and intentions it would add to most; one that is critical refuses it, or leaves of its quantity the share
    (1 - strength) / (1 - critical).

    >>> from genesis_actors.values import Symbol
    >>> limits = RiskLimits(max_symbol_exposure=Decimal(50_000))
    >>> check_parent_order(Symbol("BTC/USDT"), Decimal(1), limits, mid=Decimal(60_000)).reason
    <Reason.MAX_SYMBOL_EXPOSURE: 'max_symbol_exposure'>
    """
    refused = _check_account(symbol, limits, standing)
    approved = APPROVED
    if refused is None and pull is not None and pull.strength >= limits.correlation_critical:
        approved = _check_pull(quantity, pull, limits)
        refused = None if approved.is_approved else approved
        quantity = quantity if approved.available_quantity is None else approved.available_quantity
    if refused is not None or mid is None:
        return refused or approved
    for reason, most, others in (
        (Reason.MAX_SYMBOL_EXPOSURE, limits.max_symbol_exposure, ZERO),
        (Reason.MAX_PORTFOLIO_EXPOSURE, limits.max_portfolio_exposure, standing.other_positions),
    ):
        room = None if most is None else max(most - others, ZERO) / mid - standing.position
        if room is not None and quantity > room:
            actual = others + (standing.position + quantity) * mid
            return RiskDecision(reason, most, actual, max(room, ZERO), is_permanent=True)
    return approved


def _check_pull(quantity: Decimal, pull: Pull, limits: RiskLimits) -> RiskDecision:
    critical = limits.correlation_critical
    share = ZERO
    if limits.scales_correlated and critical < ONE:
        share = (ONE - pull.strength) / (ONE - critical)
    if not share:
        return RiskDecision(
            Reason.CORRELATION_CRITICAL, critical, pull.strength, ZERO, is_permanent=True
        )
    return RiskDecision(
        None, critical, pull.strength, quantity * share, cut_by=Reason.CORRELATION_CRITICAL
    )


def check_tier(
    algo: Algo, tier: TradingTier | None, equity: Equity, rules: TierRules
) -> RiskDecision:
    """Judge whether an account of that tier may begin an execution of that kind; the numbers are equities.

    >>> decision = check_tier(Algo.TWAP, TradingTier.HUNTER, Equity(Decimal(3_000)), TierRules())
    >>> decision.reason, decision.limit, decision.actual
    (<Reason.TIER_TOO_LOW: 'tier_too_low'>, Decimal('10000'), Decimal('3000'))
    """
    needed = requires_tier(algo)
    if needed.is_met_by(tier):
        return APPROVED
    reason = Reason.TIER_TOO_LOW if equity.is_whole else Reason.EQUITY_UNKNOWN
    return RiskDecision(reason, rules.threshold(needed.tier), equity.amount)
