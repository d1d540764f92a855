"""How figures are written for people: rounded for the eye, with an unknown one told from zero."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal

from genesis_actors.values import Algo, decimal_text

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


def filled_percent(share: Decimal) -> str:
    """Return a filled share with one decimal; only all of it is 100 %.

    >>> filled_percent(Decimal("0.9999")), filled_percent(Decimal(1))
    ('99.9%', '100.0%')
    """
    is_near = Decimal("0.999") < share < 1
    return "99.9%" if is_near else percent(share, 1)


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


def parts(algo: str, count: int | None = None) -> str:
    """Return what the parts of an order are called, with their count where it is given.

    >>> parts("iceberg"), parts("twap", 1), parts("market", 1)
    ('clips', '1 slice', '1 sweep')
    """
    one = {Algo.ICEBERG: "clip", Algo.MARKET: "sweep"}.get(Algo(algo), "slice")
    if count is None:
        return f"{one}s"
    return f"{count} {one}{'' if count == 1 else 's'}"


def until(algo: str, at: datetime | None, zone: str = "") -> str:
    """Return until when an order is worked: a TWAP's window is over then, others may end long before.

    >>> until("twap", None), until("iceberg", datetime(2024, 8, 8, 12, tzinfo=UTC), " UTC")
    ('until -', 'until 12:00:00 UTC at the latest')
    """
    return f"until {clock(at)}{zone}{'' if algo == Algo.TWAP else ' at the latest'}"


def words(code: str | None) -> str:
    """Return a reason code in words."""
    return UNKNOWN if code is None else str(code).replace("_", " ")


def printable(said: str) -> str:
    """Return a text that others have written in one line, without what would steer a terminal.

    >>> printable(chr(27) + "[2J")
    '?[2J'
    """
    return said if said.isprintable() else "".join(c if c.isprintable() else "?" for c in said)
