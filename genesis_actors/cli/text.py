"""Figures and tables for people: rounded for the eye, aligned, never wider than they need to be."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from textwrap import wrap

from genesis_actors.values import decimal_text

UNKNOWN = "-"

_COLUMNS = 80
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


def shown(text: str) -> str:
    r"""Return `text` with what would steer a terminal written out: others have chosen it.

    >>> shown("fat\x1b[31m\nfinger")
    'fat\\x1b[31m\\nfinger'
    """
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text
    )


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], left: Sequence[int] = ()) -> str:
    """Return aligned columns: figures to the right, decimal points below each other; those in `left` to the left."""
    columns = [[shown(cell) for cell in column] for column in zip(headings, *rows, strict=True)]
    aligned = [
        _to_the_left(column) if number in left else _to_the_right(column)
        for number, column in enumerate(columns)
    ]
    return "\n".join("  ".join(cells).rstrip() for cells in zip(*aligned, strict=True))


def pairs(rows: Sequence[tuple[str, str]]) -> str:
    """Return names and values, one a line; a value that is too long goes on below itself."""
    width = max(len(name) for name, _ in rows) + 2
    lines = [
        f"{name if not number else '':<{width}}{part}"
        for name, value in rows
        for number, part in enumerate(wrap(shown(value), _COLUMNS - width) or [""])
    ]
    return "\n".join(lines)


def _to_the_left(column: Sequence[str]) -> list[str]:
    width = max(map(len, column))
    return [cell.ljust(width) for cell in column]


def _to_the_right(column: Sequence[str]) -> list[str]:
    heading, *cells = column
    decimals = max((_decimals(cell) for cell in cells if _is_number(cell)), default=0)
    padded = [
        cell + " " * (decimals - _decimals(cell)) if _is_number(cell) else cell for cell in cells
    ]
    width = max(map(len, [heading, *padded]))
    return [cell.rjust(width) for cell in (heading, *padded)]


def _is_number(cell: str) -> bool:
    return cell[:1].isdigit() or cell[1:2].isdigit()


def _decimals(cell: str) -> int:
    """Return how many characters stand from the decimal point on."""
    _, point, places = cell.partition(".")
    return len(point + places)
