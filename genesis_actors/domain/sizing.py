"""How large a position a balance carries."""

from __future__ import annotations

from decimal import Decimal

from genesis_actors.domain.numbers import Number, finite, not_negative
from genesis_actors.values import exact

_PERCENT = Decimal(100)


@exact
def calculate_position_size(balance: Number, risk_percent: Number) -> Decimal:
    """Return `risk_percent` percent of `balance`, in its unit: balance x risk_percent / 100.

    It is the most to put at stake, a fixed fraction of what there is; divide it by a price (and by
    the share of the price that may be lost, if there is a stop) to make a quantity of it. Exact,
    not rounded to any lot.

    >>> calculate_position_size(Decimal(25_000), Decimal(2))
    Decimal('500')

    Raises:
        TypeError: for a number that is neither a Decimal nor an int.
        ValueError: for a negative balance, or a percentage outside 0 to 100.
    """
    balance = not_negative("balance", balance)
    risk_percent = finite("risk_percent", risk_percent)
    if not 0 <= risk_percent <= _PERCENT:
        raise ValueError(f"risk_percent is a percentage from 0 to 100, not {risk_percent}")
    return balance * risk_percent / _PERCENT
