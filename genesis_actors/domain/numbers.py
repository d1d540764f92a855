"""What the rules accept as a number or a time: each check names the argument it refuses.

Numbers are Decimal, or int, which is as exact. A float is refused, for it is not what was written.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TypeAlias

Number: TypeAlias = Decimal | int
"""What may be given where a Decimal is meant; a bool may not."""


def finite(name: str, value: object) -> Decimal:
    """Return `value` as a Decimal.

    >>> finite("quantity", 3)
    Decimal('3')

    Raises:
        TypeError: for anything but a Decimal or an int.
        ValueError: for NaN or an infinity.
    """
    number = value if type(value) is Decimal else _decimal(name, value)
    if not number.is_finite():
        raise ValueError(f"{name} must be a finite number, not {number}")
    return number


def not_negative(name: str, value: object) -> Decimal:
    """Return `value` as a Decimal; as `finite`, and ValueError below zero."""
    number = value if type(value) is Decimal else _decimal(name, value)
    if not number.is_finite() or number < 0:
        raise ValueError(f"{name} must be a number that is not negative, not {number}")
    return number


def positive(name: str, value: object) -> Decimal:
    """Return `value` as a Decimal; as `finite`, and ValueError unless above zero."""
    number = value if type(value) is Decimal else _decimal(name, value)
    if not number.is_finite() or number <= 0:
        raise ValueError(f"{name} must be a positive number, not {number}")
    return number


def whole(name: str, value: object) -> int:
    """Return `value`, a count.

    Raises:
        TypeError: for anything but an int.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise TypeError(f"{name} must be an int, not {type(value).__name__}: {value!r}")


def utc(name: str, at: object) -> datetime:
    """Return the same time in UTC, where adding a duration knows no summer time.

    Raises:
        TypeError: for anything but a datetime.
        ValueError: without a time zone, or where UTC has no such time.
    """
    if not isinstance(at, datetime):
        raise TypeError(f"{name} must be a datetime, not {type(at).__name__}: {at!r}")
    if at.tzinfo is UTC:
        return at
    if at.utcoffset() is None:
        raise ValueError(f"{name} has no time zone: {at}")
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{name} is not within the years 1 to 9999 of UTC: {at}") from None


def _decimal(name: str, value: object) -> Decimal:
    if isinstance(value, Decimal):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    raise TypeError(f"{name} must be a Decimal or an int, not {type(value).__name__}: {value!r}")
