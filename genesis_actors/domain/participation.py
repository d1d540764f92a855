"""How much of the market's volume we may be: a child order's budget, and the child that fits it.

Volumes are market volume without our own fills. No rule elsewhere may add to a budget; anything may
take less.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from genesis_actors.domain.numbers import Number, finite, not_negative, positive
from genesis_actors.values import (
    EXACT,
    ZERO,
    MarketRules,
    Reason,
    ceil_to_step,
    exact,
    floor_to_step,
    quotient,
)


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that one child order may be.

    Attributes:
        quantity: base units; never negative.
        rate: the share of market volume it was reckoned with.
        bound_by: the reason to give where this budget cuts a child.
        condition: why the rate is halved, None where it is not.
    """

    quantity: Decimal
    rate: Decimal
    bound_by: Reason | None
    condition: Reason | None


@exact
def calculate_participation_rate(volume_24h: Number, target_quantity: Number) -> Decimal:
    """Return `target_quantity` as a share of a day's volume, both in base units.

    >>> calculate_participation_rate(Decimal(20_000), Decimal(25))
    Decimal('0.0012500000')

    Raises:
        TypeError: for a number that is neither a Decimal nor an int.
        ValueError: for a volume that is not positive, or a negative quantity.
    """
    quantity = not_negative("target_quantity", target_quantity)
    rate = quotient(quantity, not_negative("volume_24h", volume_24h))
    if rate is None:
        raise ValueError("volume_24h is 0: a share of no volume means nothing")
    return rate


@exact
def enforce_participation_limit(
    slice_size: Number, current_volume: Number, max_rate: Number = Decimal("0.10")
) -> Decimal:
    """Return `slice_size` cut to `max_rate` (a share) of `current_volume`; base units.

    >>> enforce_participation_limit(Decimal(3), Decimal(20))
    Decimal('2.00')
    >>> enforce_participation_limit(Decimal(1), Decimal(20))
    Decimal('1')

    Raises:
        TypeError: for a number that is neither a Decimal nor an int.
        ValueError: for a negative number or NaN.
    """
    most = not_negative("current_volume", current_volume) * not_negative("max_rate", max_rate)
    return min(not_negative("slice_size", slice_size), most)


def is_volume_anomaly(
    observed: Number,
    expected: Number | None,
    *,
    quiet_share: Number = Decimal("0.5"),
    anomaly_multiple: Number = Decimal(4),
) -> bool:
    """Tell whether `observed` volume is out of line with what the profile expects, in base units.

    That is below `quiet_share` times or above `anomaly_multiple` times the `expected`; the bounds
    themselves are in line. With nothing expected (None) nothing is out of line.

    >>> is_volume_anomaly(Decimal(41), Decimal(10)), is_volume_anomaly(Decimal(40), Decimal(10))
    (True, False)

    Raises:
        TypeError: for a number that is neither a Decimal nor an int.
        ValueError: for a negative number or NaN.
    """
    condition = volume_condition(
        observed, expected, quiet_share=quiet_share, anomaly_multiple=anomaly_multiple
    )
    return condition is not None


@exact
def volume_condition(
    observed: Number,
    expected: Number | None,
    *,
    quiet_share: Number = Decimal("0.5"),
    anomaly_multiple: Number = Decimal(4),
) -> Reason | None:
    """Return QUIET_MARKET or VOLUME_ANOMALY where `is_volume_anomaly` holds, else None.

    >>> volume_condition(Decimal("4.9"), Decimal(10))
    <Reason.QUIET_MARKET: 'quiet_market'>
    """
    volume = not_negative("observed", observed)
    quiet = not_negative("quiet_share", quiet_share)
    anomaly = not_negative("anomaly_multiple", anomaly_multiple)
    if expected is None:
        return None
    usual = not_negative("expected", expected)
    if volume < quiet * usual:
        return Reason.QUIET_MARKET
    if volume > anomaly * usual:
        return Reason.VOLUME_ANOMALY
    return None


@exact
def effective_rate(rate: Number, condition: Reason | None) -> Decimal:
    """Return the participation rate (a share), halved while the market's volume is out of line.

    >>> effective_rate(Decimal("0.10"), Reason.QUIET_MARKET)
    Decimal('0.05')
    """
    rate = finite("rate", rate)
    return rate if condition is None else rate / 2


@exact
def participation_budget(
    *,
    rate: Number,
    condition: Reason | None,
    volume_since_start: Number,
    filled: Number,
    window_volume: Number,
    filled_in_window: Number,
    reserved: Number,
    slice_market_volume: Number | None,
    slice_filled: Number,
) -> Budget:
    """Return what one execution's next child may be: the least of its three caps, never below zero.

    With r the `rate` in force, it keeps the execution within r of the volume since its start,
    within r of the volume of the window now, and the children of one slice together within r of
    that slice's window.

    Args:
        rate: the most we may be of the market's volume, a share; see `effective_rate`.
        condition: why that rate is halved, if it is.
        volume_since_start: V(start, now], base units.
        filled: our fills since the start.
        window_volume: V(now - w, now].
        filled_in_window: our fills in that window.
        reserved: full quantity of the execution's open and unknown children.
        slice_market_volume: the window volume when the slice's first child was sent; None before
            there is one.
        slice_filled: our fills for this slice.

    >>> participation_budget(
    ...     rate=Decimal("0.10"),
    ...     condition=None,
    ...     volume_since_start=Decimal(500),
    ...     filled=Decimal(30),
    ...     window_volume=Decimal(60),
    ...     filled_in_window=Decimal(2),
    ...     reserved=Decimal(1),
    ...     slice_market_volume=Decimal(55),
    ...     slice_filled=Decimal(2),
    ... ).quantity
    Decimal('2.50')
    """
    rate, window = finite("rate", rate), finite("window_volume", window_volume)
    slice_volume = (
        window
        if slice_market_volume is None
        else finite("slice_market_volume", slice_market_volume)
    )
    quantity = min(
        rate * finite("volume_since_start", volume_since_start) - finite("filled", filled),
        rate * window - finite("filled_in_window", filled_in_window),
        rate * slice_volume - finite("slice_filled", slice_filled),
    )
    return Budget(
        quantity=max(ZERO, quantity - finite("reserved", reserved)),
        rate=rate,
        bound_by=condition or Reason.PARTICIPATION_CAP,
        condition=condition,
    )


@exact
def symbol_budget(
    *, rate: Number, window_volume: Number, filled_in_window: Number, reserved: Number
) -> Decimal:
    """Return what all executions of a symbol together may still send, both sides, base units.

    Never below zero; `filled_in_window` and `reserved` are sums over those executions.

    >>> symbol_budget(
    ...     rate=Decimal("0.10"),
    ...     window_volume=Decimal(60),
    ...     filled_in_window=Decimal(2),
    ...     reserved=Decimal(3),
    ... )
    Decimal('1.00')
    """
    most = finite("rate", rate) * finite("window_volume", window_volume)
    used = finite("filled_in_window", filled_in_window) + finite("reserved", reserved)
    return max(ZERO, most - used)


@exact
def minimum_quantity(rules: MarketRules, price: Number) -> Decimal:
    """Return the least quantity that the venue accepts at `price`: base units, whole lots.

    >>> from genesis_actors.values import Symbol
    >>> rules = MarketRules(
    ...     symbol=Symbol("BTC/USDT"),
    ...     base="BTC",
    ...     quote="USDT",
    ...     lot=Decimal("0.00001"),
    ...     tick=Decimal("0.01"),
    ...     min_notional=Decimal(5),
    ...     taker_fee=Decimal("0.001"),
    ...     maker_fee=Decimal("0.001"),
    ... )
    >>> minimum_quantity(rules, Decimal(60_000))
    Decimal('0.00009')

    Raises:
        ValueError: for a price that is not positive.
    """
    price = positive("price", price)
    least = max(rules.lot, rules.min_quantity or ZERO, rules.min_notional / price)
    return ceil_to_step(least, rules.lot)


def maximum_quantity(rules: MarketRules, price: Number) -> Decimal | None:
    """Return the largest quantity that the venue accepts at `price`: base units, whole lots; None: no limit."""
    bounds = [] if rules.max_quantity is None else [rules.max_quantity]
    if rules.max_notional is not None:
        bounds.append(EXACT.divide(rules.max_notional, price))
    return floor_to_step(min(bounds), rules.lot) if bounds else None


@exact
def child_quantity(
    *, wanted: Number, budget: Number, remaining: Number, price: Number, rules: MarketRules
) -> tuple[Decimal, Reason | None]:
    """Return the largest tradable child, and why it is smaller than wanted (None where it is not).

    A child is a multiple of the lot, at least the venue's minimum at `price`, at most its maximum,
    and never above the budget or what remains. A rest of less than the minimum could never be
    traded, so where `wanted` would leave one, the child takes all that remains (more than wanted)
    if it may, else it leaves a tradable rest if it can.

    Args:
        wanted: base units, as are all quantities here.
        budget: the most that participation allows.
        remaining: what the execution has neither filled nor at the venue.
        price: the price the child will carry.
        rules: the venue's.

    >>> from genesis_actors.values import Symbol
    >>> rules = MarketRules(
    ...     symbol=Symbol("BTC/USDT"),
    ...     base="BTC",
    ...     quote="USDT",
    ...     lot=Decimal("0.001"),
    ...     tick=Decimal("0.01"),
    ...     min_notional=Decimal(60),
    ...     taker_fee=Decimal("0.001"),
    ...     maker_fee=Decimal("0.001"),
    ... )
    >>> child_quantity(
    ...     wanted=Decimal("0.0100"),
    ...     budget=Decimal("0.0057"),
    ...     remaining=Decimal("0.5"),
    ...     price=Decimal(60_000),
    ...     rules=rules,
    ... )
    (Decimal('0.005'), <Reason.PARTICIPATION_CAP: 'participation_cap'>)

    Raises:
        ValueError: for a price that is not positive.
    """
    minimum = minimum_quantity(rules, price)
    wanted, budget = finite("wanted", wanted), finite("budget", budget)
    remaining = finite("remaining", remaining)
    goal = floor_to_step(min(wanted, remaining), rules.lot)
    if goal < minimum:
        return ZERO, Reason.BELOW_MINIMUM
    most, binding = floor_to_step(budget, rules.lot), Reason.PARTICIPATION_CAP
    largest = maximum_quantity(rules, price)
    if largest is not None and largest < most:
        most, binding = largest, Reason.MAX_ORDER_QUANTITY
    if most < minimum:
        return ZERO, binding
    child = min(goal, most)
    if 0 < remaining - child < minimum:
        everything = floor_to_step(remaining, rules.lot)
        short = floor_to_step(remaining - minimum, rules.lot)
        if everything <= most:
            child = everything
        elif short >= minimum:
            child = short
    return child, binding if child < goal else None
