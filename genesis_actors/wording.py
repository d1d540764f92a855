"""How figures are written for people: rounded for the eye, with an unknown one told from zero."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal

from genesis_actors.values import decimal_text

UNKNOWN = "-"

_PRICE_DIGITS = 8
_PERCENT = Decimal(100)


def price(value: Decimal | None) -> str:
    """Return a price with as many digits as the eye can use: 61702.761, 0.60012346."""
    if value is None:
        return UNKNOWN
    return decimal_text(Context(prec=_PRICE_DIGITS, rounding=ROUND_HALF_EVEN).plus(value))


def quantity(value: Decimal | None) -> str:
    return UNKNOWN if value is None else decimal_text(value)


def money(value: Decimal | None) -> str:
    return UNKNOWN if value is None else f"{value:,.2f}"


def bps(value: Decimal | None) -> str:
    return UNKNOWN if value is None else f"{value:+.2f}"


def percent(value: Decimal | None, places: int = 2) -> str:
    return UNKNOWN if value is None else f"{value * _PERCENT:.{places}f}%"


def clock(at: datetime | None) -> str:
    return UNKNOWN if at is None else at.astimezone(UTC).strftime("%H:%M:%S")


def moment(at: datetime | None) -> str:
    return UNKNOWN if at is None else at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def length(duration: timedelta) -> str:
    """Return a duration as 5m12s."""
    seconds = max(duration // timedelta(seconds=1), 0)
    hours, seconds = divmod(seconds, 3600)
    minutes, seconds = divmod(seconds, 60)
    if hours:
        return f"{hours}h{minutes:02d}m"
    return f"{minutes}m{seconds:02d}s" if minutes else f"{seconds}s"


def words(code: str | None) -> str:
    """Return a reason code in words."""
    return UNKNOWN if code is None else str(code).replace("_", " ")
