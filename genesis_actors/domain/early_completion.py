"""When the price is so good that the rest of the schedule is brought forward."""

from __future__ import annotations

from decimal import Decimal

from genesis_actors.domain.numbers import Number, finite, positive
from genesis_actors.values import ONE, Side, exact


@exact
def check_early_completion(
    current_price: Number,
    target_price: Number,
    side: Side | str,
    threshold: Number = Decimal("0.002"),
) -> bool:
    """Tell whether `current_price` beats the target by at least `threshold`, a share of the target.

    Better is lower for a buy and higher for a sell. All prices in quote units per base unit.

    >>> check_early_completion(Decimal("99.8"), Decimal(100), "buy")
    True
    >>> check_early_completion(Decimal("100.1"), Decimal(100), "sell")
    False

    Raises:
        TypeError: for a number that is neither a Decimal nor an int.
        ValueError: for a price that is not positive, a threshold outside [0, 1), or a side that is
            none.
    """
    price = positive("current_price", current_price)
    worst = early_completion_price(target_price, side, threshold)
    return not Side(side).is_worse(price, worst)


@exact
def early_completion_price(
    target_price: Number, side: Side | str, threshold: Number = Decimal("0.002")
) -> Decimal:
    """Return the worst price that counts: the target less (buy) or plus (sell) the threshold.

    Not rounded to any tick.

    >>> early_completion_price(Decimal(100), "buy"), early_completion_price(Decimal(100), "sell")
    (Decimal('99.800'), Decimal('100.200'))

    Raises:
        TypeError: for a number that is neither a Decimal nor an int.
        ValueError: for a price that is not positive, a threshold outside [0, 1), or a side that is
            none.
    """
    target = positive("target_price", target_price)
    share = finite("threshold", threshold)
    if not 0 <= share < 1:
        raise ValueError(f"threshold is a share of the target from 0 to below 1, not {threshold}")
    return target * (ONE - Side(side).sign * share)
