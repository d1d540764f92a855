"""Tables for people: aligned, never wider than they need to be; and how figures are written in them."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap

from genesis_actors.wording import (
    UNKNOWN,
    bps,
    clock,
    length,
    moment,
    money,
    parts,
    percent,
    price,
    quantity,
    until,
    words,
)

__all__ = (
    "UNKNOWN",
    "bps",
    "clock",
    "length",
    "moment",
    "money",
    "pairs",
    "parts",
    "percent",
    "price",
    "quantity",
    "table",
    "until",
    "words",
)

_COLUMNS = 80


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


def wrapped(sentence: str) -> str:
    """Return a sentence on as many lines as a terminal needs."""
    return "\n".join(wrap(sentence, _COLUMNS, subsequent_indent="  "))


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
