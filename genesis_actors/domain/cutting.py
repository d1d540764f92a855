"""How a quantity is cut into tradable parts, whatever the schedule: lots, minimum, how many there can be.

Pure integers inside, and draws that follow from a seed: the same on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import blake2b

from genesis_actors.domain.numbers import Number, not_negative, positive
from genesis_actors.domain.participation import maximum_quantity
from genesis_actors.values import (
    MarketRules,
    Reason,
    ceil_to_step,
    decimal_text,
    floor_to_step,
    is_multiple,
)

MICROSECOND = timedelta(microseconds=1)
LARGEST_EXPONENT = 30
"""A quantity beyond 10^31 is a slip of the keyboard, and would leave exact arithmetic."""

_MINUTE_MICROSECONDS = 60_000_000
_DEARER = Decimal("1.05")
_PRICE_DROP = Decimal("0.95")
"""Parts stay tradable down to 5 % below the price they were planned at."""


@dataclass(frozen=True, slots=True)
class TimeSlice:
    """One planned part of a parent order. `number` counts from 1; `quantity` is in base units."""

    number: int
    due_at: datetime
    quantity: Decimal


class ScheduleError(ValueError):
    """The order cannot be cut into slices: `reason` is the stable code, the text says what to do."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def least_tradable(
    lot: Decimal, min_quantity: Number | None, min_notional: Number, price: Number | None
) -> Decimal:
    """Return the least multiple of the lot that stays tradable at a price 5 % lower. Raises TypeError, ValueError."""
    least = max(lot, not_negative("min_quantity", 0 if min_quantity is None else min_quantity))
    notional = not_negative("min_notional", min_notional)
    price = None if price is None else positive("price", price)
    if notional > 0:
        if price is None:
            raise ValueError("min_notional needs the price, to say what quantity it is")
        least = max(least, notional / (price * _PRICE_DROP))
    return ceil_to_step(least, lot)


def largest_tradable(rules: MarketRules, price: Decimal | None) -> Decimal | None:
    """Return the largest part: a price may rise by a twentieth before a venue's largest value binds it."""
    if rules.max_notional is None or price is None:
        return rules.max_quantity
    return maximum_quantity(rules, price * _DEARER)


def lots_of(quantity: Decimal, lot: Decimal, minimum: Decimal) -> int:
    """Return how many lots a quantity is. Raises ScheduleError where it cannot be traded as it is."""
    if quantity <= 0:
        raise ValueError(f"quantity must be a positive number of base units, not {quantity}")
    if quantity.adjusted() > LARGEST_EXPONENT:
        raise ScheduleError(
            Reason.QUANTITY_ABOVE_MAXIMUM,
            f"a quantity of {quantity} is beyond any market: order less",
        )
    if quantity < minimum:
        raise ScheduleError(
            Reason.QUANTITY_BELOW_MINIMUM,
            f"a quantity of {decimal_text(quantity)} is below the least that stays tradable "
            f"if the price falls by 5 %: order at least {decimal_text(minimum)}",
        )
    if not is_multiple(quantity, lot):
        below = max(minimum, floor_to_step(quantity, lot))
        raise ScheduleError(
            Reason.QUANTITY_NOT_A_LOT,
            f"a quantity of {decimal_text(quantity)} is not a multiple of the lot "
            f"{decimal_text(lot)}: order {decimal_text(below)} or {decimal_text(ceil_to_step(quantity, lot))}",
        )
    return int(quantity / lot)


def part_count(
    lots: int,
    *,
    wanted: int,
    most: int,
    least_lots: int,
    most_lots: int | None,
    jitter: Decimal,
    lot: Decimal,
) -> int:
    """Return the nearest number to `wanted` at which each slice is tradable, whatever the seed."""
    up, whole = jitter.as_integer_ratio()
    # The least b with b - floor(jitter b) >= least_lots: a slice of b lots survives its jitter.
    sturdy = (least_lots - 1) * whole // (whole - up) + 1
    most = max(1, min(most, lots // sturdy))
    count = min(wanted, most)
    if most_lots is None:
        return count
    while _largest_slice(lots, count, jitter) > most_lots:
        count += 1
        if count > most:
            # The largest b with b + floor(jitter b) <= most_lots.
            fitting = ((most_lots + 1) * whole - 1) // (whole + up) if most > 1 else most_lots
            raise ScheduleError(
                Reason.QUANTITY_ABOVE_MAXIMUM,
                f"a quantity of {decimal_text(lots * lot)} needs slices above the largest order, "
                f"{decimal_text(most_lots * lot)}, for no more than {most} fit into the window: "
                f"order at most {decimal_text(fitting * most * lot)}, or choose a longer window",
            )
    return count


def _largest_slice(lots: int, count: int, jitter: Decimal) -> int:
    size = -(-lots // count)
    return size + int(jitter * size) if count > 1 else size


def draw(amplitude: int, salt: str) -> int:
    """Return a whole number from -amplitude to amplitude, the same for the same salt everywhere."""
    return draw_between(-amplitude, amplitude, salt)


def draw_between(least: int, most: int, salt: str) -> int:
    """Return a whole number from `least` to `most`, the same for the same salt everywhere."""
    digest = int.from_bytes(blake2b(salt.encode(), digest_size=16).digest(), "big")
    return (digest * (most - least + 1) >> 128) + least


def lot_of(value: Number) -> Decimal:
    lot = positive("lot", value)
    if lot.adjusted() < -LARGEST_EXPONENT:
        raise ValueError(f"lot is finer than any venue's: {lot}")
    return lot


def minutes_text(duration: timedelta) -> str:
    return decimal_text(Decimal(duration // MICROSECOND) / _MINUTE_MICROSECONDS)
