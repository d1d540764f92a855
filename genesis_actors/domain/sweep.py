"""What a market order is: one IOC order for all of it, within a collar, and charged to its symbol's volume budget.

It alone is exempt from the participation cap. What the book within the collar does not hold is not asked for again;
what a limit has kept from being sent is.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from genesis_actors.domain.cutting import (
    ScheduleError,
    TimeSlice,
    largest_tradable,
    least_tradable,
    lots_of,
)
from genesis_actors.domain.execution import Child, Execution
from genesis_actors.domain.participation import Budget
from genesis_actors.values import (
    ZERO,
    MarketRules,
    Reason,
    decimal_text,
    exact,
    quotient,
)


@exact
def plan_sweep(
    rules: MarketRules, quantity: Decimal, *, price: Decimal | None, now: datetime
) -> tuple[TimeSlice, ...]:
    """Return the one part that a market order has, due at once. Raises ScheduleError where it cannot be one order."""
    least = least_tradable(rules.lot, rules.min_quantity, rules.min_notional, price)
    lots_of(quantity, rules.lot, least)
    most = largest_tradable(rules, price)
    if most is not None and quantity > most:
        raise ScheduleError(
            Reason.QUANTITY_ABOVE_MAXIMUM,
            f"a market order is one order, and {decimal_text(quantity)} is above the venue's largest, "
            f"{decimal_text(most)}",
        )
    return (TimeSlice(1, now, quantity),)


def unbound(x: Execution) -> Budget:
    """Return the budget of an order that the cap does not bind: all that is left of it."""
    return Budget(
        quantity=max(x.remaining_quantity, ZERO),
        rate=x.policy.max_participation,
        bound_by=None,
        condition=None,
    )


def is_swept(x: Execution) -> bool:
    """Tell whether the book has been asked for all that there is in it.

    What never got to the venue does not count, nor what was cut and then filled in full: the book may hold more.
    """
    return bool(_sweeping(x))


def why_unfilled(x: Execution) -> Reason:
    """Return why the sweep has left something: what its order ended with, or what has kept the rest from being sent."""
    sweeping = _sweeping(x)
    if sweeping:
        return sweeping[-1].reason or Reason.THIN_BOOK
    return x.slices[-1].reason or Reason.DEADLINE


def _sweeping(x: Execution) -> list[Child]:
    return [
        child
        for child in x.children.values()
        if not child.status.is_unsent
        and (child.cut_by is None or child.filled_quantity < child.quantity)
    ]


@exact
def exemption_warning(
    quantity: Decimal, base: str, rate: Decimal, usual_volume: Decimal | None
) -> str:
    """Return what is told of every market order; `usual_volume` (base) is what trades in the window it is charged to.

    >>> exemption_warning(Decimal(5), "BTC", Decimal("0.10"), None)[:48]
    'a market order is exempt from the 10% cap: other'
    """
    share = None if usual_volume is None else quotient(100 * quantity, usual_volume)
    size = (
        ""
        if share is None or usual_volume is None
        else f"{decimal_text(quantity)} {base} is {share:.1f}% of the {decimal_text(round(usual_volume, 2))} {base} "
        "that usually trade in a minute, and "
    )
    return (
        f"a market order is exempt from the {decimal_text(rate * 100)}% cap: {size}"
        "other executions of the symbol wait until it is out of their volume window"
    )
