"""Whether an order can be worked at all, and the schedule it begins with. What cannot be traded is refused up front."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from difflib import get_close_matches
from typing import TypeAlias

from genesis_actors.domain.cutting import ScheduleError, TimeSlice
from genesis_actors.domain.evolve import evolve
from genesis_actors.domain.execution import Execution
from genesis_actors.domain.iceberg import with_further_clips
from genesis_actors.domain.policy import TwapDefaults, resolve
from genesis_actors.domain.queueing import QueueRules
from genesis_actors.domain.starting import (
    likely_price,
    participation_window,
    plan_schedule,
    started,
    window_of,
)
from genesis_actors.domain.tiers import requires_tier
from genesis_actors.domain.volume_profile import VolumeProfile
from genesis_actors.messages.events import TwapAccepted, TwapQueued, TwapStarted
from genesis_actors.messages.risk import ParentJudged
from genesis_actors.values import (
    ZERO,
    Algo,
    ExecutionId,
    MarketRules,
    MarketSource,
    ParentOrder,
    Policy,
    Quote,
    Reason,
    Side,
    Symbol,
    TradingTier,
    decimal_text,
    exact,
    floor_to_step,
)

FirstEvents: TypeAlias = tuple[TwapAccepted, TwapStarted | TwapQueued]
"""What an execution's journal begins with."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why an order is refused, and what to do next."""

    reason: Reason
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class Admission:
    """An order that can be worked: everything its execution starts from."""

    order: ParentOrder
    rules: MarketRules
    policy: Policy
    quantity: Decimal
    slices: tuple[TimeSlice, ...]
    quote: Quote | None
    now: datetime

    @property
    def participation_window(self) -> timedelta:
        return participation_window(self.order, self.policy, self.slices)

    @property
    def ends_at(self) -> datetime:
        return self.now + window_of(self.order, self.policy)


@dataclass(frozen=True, slots=True)
class Market:
    """What is known of the market and the account when an order comes in."""

    rules: MarketRules | None
    known_symbols: Sequence[Symbol]
    balances: Mapping[str, Decimal] | None  # None: nobody may know them
    quote: Quote | None
    profile: VolumeProfile | None


@exact
def admit(
    order: ParentOrder,
    market: Market,
    defaults: TwapDefaults,
    *,
    now: datetime,
    seed: int,
    most: Decimal | None = None,
) -> Admission | Rejection:
    """Check `order` and plan its schedule from `now` on. The first thing that stands in its way is what is told.

    `most`, in base, is what of its quantity may be worked, where that is not all.
    """
    rules = market.rules
    if rules is None:
        return _unknown_symbol(order, market)
    policy = resolve(order, defaults, seed)
    rejection = outside_bounds(order, policy, defaults)
    if rejection is not None:
        return rejection
    price = likely_price(order, market.quote)
    quantity = _base_quantity(order, rules, market.quote)
    if quantity is None or (price is None and rules.min_notional):
        what = f"a quantity in {rules.quote}" if quantity is None else "the least order value"
        return Rejection(
            Reason.NO_QUOTE,
            f"{what} needs a price, and {order.symbol} has no quote yet",
            "try again when there is a quote"
            if quantity is not None
            else f"give the quantity in {rules.base}, or try again when there is a quote",
        )
    if most is not None:
        quantity = min(quantity, floor_to_step(most, rules.lot))
        if not quantity:
            return _nothing_left(order)
    if not quantity:
        return Rejection(
            Reason.QUANTITY_BELOW_MINIMUM,
            f"{decimal_text(order.quantity)} {rules.quote} buy less than one lot "
            f"of {decimal_text(rules.lot)} {rules.base}",
            _HINTS[Reason.QUANTITY_BELOW_MINIMUM],
        )
    try:
        slices = plan_schedule(
            order,
            rules,
            policy,
            quantity,
            price=price,
            profile=market.profile,
            bounds=defaults,
            now=now,
        )
    except ScheduleError as error:
        return Rejection(error.reason, str(error), _hint_of(order.algo, error.reason))
    rejection = _too_large(order, slices, price, defaults) or _unaffordable(
        order, rules, market, quantity, price
    )
    policy = with_further_clips(policy, quantity, len(slices), rules.lot)
    return rejection or Admission(order, rules, policy, quantity, slices, market.quote, now)


def _hint_of(algo: Algo, reason: Reason) -> str:
    return _HINTS_OF_OTHERS.get((algo, reason)) or _HINTS[reason]


_HINTS_OF_OTHERS = {
    (
        Algo.ICEBERG,
        Reason.WINDOW_OUT_OF_BOUNDS,
    ): "show fewer and larger clips, or give it more time with --over",
    (
        Algo.MARKET,
        Reason.QUANTITY_ABOVE_MAXIMUM,
    ): "lower the quantity, or have it worked in parts: --algo twap or iceberg",
}


def _nothing_left(order: ParentOrder) -> Rejection:
    return Rejection(
        Reason.CORRELATION_CRITICAL,
        f"what may be added of {order.symbol} to what moves alike is less than one lot",
        _CORRELATION_HINT,
    )


_CORRELATION_HINT = (
    "trade the other way, wait until the others are done, or let the operator change "
    "[risk] correlation_critical"
)
_HINTS = {
    Reason.QUANTITY_BELOW_MINIMUM: "raise the quantity",
    Reason.QUANTITY_ABOVE_MAXIMUM: "lower the quantity or give it a longer window",
    Reason.QUANTITY_NOT_A_LOT: "round the quantity to the lot",
    Reason.WINDOW_OUT_OF_BOUNDS: "choose another --over, "
    "or let the operator change [twap] min_duration and max_duration",
}


def _unknown_symbol(order: ParentOrder, market: Market) -> Rejection:
    near = get_close_matches(order.symbol, market.known_symbols, n=3, cutoff=0.5)
    known = ", ".join(near or list(market.known_symbols)[:8])
    return Rejection(
        Reason.UNKNOWN_SYMBOL,
        f"the venue does not know the symbol {order.symbol}",
        f"symbols are written BASE/QUOTE; it knows for example {known}"
        if known
        else "check --venue",
    )


def outside_bounds(order: ParentOrder, policy: Policy, defaults: TwapDefaults) -> Rejection | None:
    """Refuse what the operator allows in no market: a window or a rate out of bounds."""
    window = window_of(order, policy)
    # How long an iceberg takes is the market's affair; only how long it may take is the user's.
    shortest = defaults.min_duration if order.algo is Algo.TWAP else timedelta(0)
    if order.algo is not Algo.MARKET and not shortest <= window <= defaults.max_duration:
        return Rejection(
            Reason.WINDOW_OUT_OF_BOUNDS,
            f"a window of {_minutes(window)} is not between {_minutes(shortest)} "
            f"and {_minutes(defaults.max_duration)}",
            _HINTS[Reason.WINDOW_OUT_OF_BOUNDS],
        )
    if policy.max_participation > defaults.max_participation:
        most = decimal_text(defaults.max_participation * 100)
        return Rejection(
            Reason.PARTICIPATION_ABOVE_LIMIT,
            f"a participation of {decimal_text(policy.max_participation * 100)}% is above the operator's {most}%",
            f"ask for at most {most}%, or let the operator raise [twap] max_participation",
        )
    return None


def _minutes(duration: timedelta) -> str:
    seconds = Decimal(duration // timedelta(microseconds=1)) / 1_000_000
    minutes = decimal_text(seconds / 60) if not seconds % 60 else None
    return f"{minutes} min" if minutes is not None else f"{decimal_text(seconds)} s"


def _base_quantity(order: ParentOrder, rules: MarketRules, quote: Quote | None) -> Decimal | None:
    if not order.quantity_in_quote:
        return order.quantity
    return None if quote is None else floor_to_step(order.quantity / quote.mid, rules.lot)


def _too_large(
    order: ParentOrder, slices: Sequence[TimeSlice], price: Decimal | None, defaults: TwapDefaults
) -> Rejection | None:
    """Refuse what risk would refuse slice after slice."""
    part = _PARTS[order.algo]
    hint = f"ask for less quantity or {_SMALLER[order.algo]}, or let the operator raise [risk] "
    largest = max(each.quantity for each in slices)
    most = defaults.max_order_quantity
    if most is not None and largest > most:
        return Rejection(
            Reason.MAX_ORDER_QUANTITY,
            f"{part} of {decimal_text(largest)} {order.symbol} is above the operator's {decimal_text(most)}",
            hint + "max_order_quantity",
        )
    most = defaults.max_order_notional
    if most is None or price is None or largest * price <= most:
        return None
    return Rejection(
        Reason.MAX_ORDER_NOTIONAL,
        f"{part} of {order.symbol} worth {decimal_text(round(largest * price, 2))} is above the operator's "
        f"{decimal_text(most)}",
        hint + "max_order_notional",
    )


_PARTS = {Algo.TWAP: "a slice", Algo.ICEBERG: "a clip", Algo.MARKET: "a market order"}
_SMALLER = {
    Algo.TWAP: "more slices",
    Algo.ICEBERG: "smaller clips",
    Algo.MARKET: "have it worked in parts, --algo twap or iceberg",
}


def refused_by_risk(judged: ParentJudged, order: ParentOrder, quantity: Decimal) -> tuple[str, str]:
    """Return what is told of an order of `quantity` (base) that risk refuses as a whole, and the next step."""
    symbol = order.symbol
    base, _, currency = symbol.rpartition("/")
    if judged.limit is None or judged.actual is None:
        return (
            f"the operator does not let {symbol} be traded",
            "let the operator take it from [risk] restricted_symbols",
        )
    limit, actual = decimal_text(judged.limit), decimal_text(round(judged.actual, 2))
    if judged.reason in {Reason.TIER_TOO_LOW, Reason.EQUITY_UNKNOWN}:
        return _told_by_tier(judged, order.algo)
    if judged.reason is Reason.CORRELATION_CRITICAL:
        what = (
            f"{order.side} {symbol} adds to {judged.other}, which is held or being traded: "
            f"their correlation in that direction is {actual}, the operator's limit {limit}"
        )
        return what, _CORRELATION_HINT
    if judged.reason is Reason.MAX_DAILY_LOSS:
        return (
            f"the day's trades have lost {actual} {currency}, of {limit} that they may",
            "wait for the next day (UTC), or let the operator raise [risk] max_daily_loss",
        )
    whose = "the portfolio" if judged.reason is Reason.MAX_PORTFOLIO_EXPOSURE else symbol
    wished = f"{order.side} {decimal_text(quantity)} {base}"
    return (
        f"{wished} would bring the exposure of {whose} to {actual} {currency}, above the operator's {limit}",
        f"lower the quantity, or let the operator raise [risk] {judged.reason}",
    )


def _told_by_tier(judged: ParentJudged, algo: Algo) -> tuple[str, str]:
    limit, actual, currency = judged.limit or ZERO, judged.actual or ZERO, judged.currency or ""
    if judged.reason is not Reason.EQUITY_UNKNOWN:
        return below_tier(algo, judged.tier, currency, limit, actual)
    least, worth = decimal_text(limit), decimal_text(round(actual, 2))
    what = (
        f"{algo} needs the tier {requires_tier(algo).tier} ({least} {currency}), and some of what the account "
        f"holds has no price yet: it is worth {worth} {currency} at least"
    )
    return what, "try again when there is a quote"


def below_tier(
    algo: Algo, tier: TradingTier | None, currency: str, threshold: Decimal, equity: Decimal | None
) -> tuple[str, str]:
    """Return what is told where an account's tier is too low for an algorithm, and the next step."""
    needed = requires_tier(algo).tier
    what = f"{algo} needs the tier {needed} ({decimal_text(threshold)} {currency}): the account is {tier}"
    if equity is not None:
        what += f", worth {decimal_text(round(equity, 2))} {currency}"
    hint = (
        f"fund the account, or let the operator change [account] {needed.lower()}_equity, or its "
        "currency; in paper mode [account] tier_override names a tier"
    )
    return what, hint


def _unaffordable(
    order: ParentOrder,
    rules: MarketRules,
    market: Market,
    quantity: Decimal,
    price: Decimal | None,
) -> Rejection | None:
    if market.balances is None:
        return None
    if order.side is Side.SELL:
        currency, needed = rules.base, quantity
    elif price is None:
        return None
    else:
        currency, needed = rules.quote, quantity * price * (1 + rules.taker_fee)
    free = market.balances.get(currency, ZERO)
    if needed <= free:
        return None
    return Rejection(
        Reason.INSUFFICIENT_BALANCE,
        f"{order.side} {decimal_text(quantity)} {rules.base} needs about "
        f"{decimal_text(round(needed, 8))} {currency}; the account has {decimal_text(free)}",
        "lower the quantity or fund the account",
    )


def accept(
    admission: Admission,
    execution_id: ExecutionId,
    client_order_id_prefix: str,
    market_source: MarketSource | None = None,
    queue: QueueRules | None = None,
    *,
    judged: ParentJudged | None = None,
) -> tuple[Execution, FirstEvents]:
    """Return the execution that an admitted order becomes, and the events that say so.

    With the rules of a `queue` it has to wait there for its turn. `judged` is what risk has said of it.
    """
    order, quote = admission.order, admission.quote
    if order.seed != admission.policy.seed:
        order = replace(order, seed=admission.policy.seed)
    accepted = TwapAccepted(
        execution_id=execution_id,
        at=admission.now,
        order=order,
        rules=admission.rules,
        policy=admission.policy,
        client_order_id_prefix=client_order_id_prefix,
        quantity=admission.quantity,
        arrival_price=None if quote is None else quote.mid,
        arrival_at=None if quote is None else admission.now,
        market_source=market_source,
        tier=None if judged is None else judged.tier,
        cut_by=None if judged is None else judged.cut_by,
    )
    began = (
        started(execution_id, order, admission.policy, admission.slices, admission.now)
        if queue is None
        else TwapQueued(
            execution_id=execution_id,
            at=admission.now,
            reason=Reason.MAX_OPEN_EXECUTIONS,
            priority=order.priority,
            ageing_microseconds=queue.ageing // timedelta(microseconds=1),
            expires_at=admission.now + queue.expiry,
        )
    )
    return evolve(evolve(None, accepted), began), (accepted, began)
