"""The list of executions: one line each, with its bar, its state in words, and its distance from arrival."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from rich.text import Text

from genesis_actors.tui.model import Shown
from genesis_actors.tui.progress import bar, is_late
from genesis_actors.tui.rows import Rows
from genesis_actors.tui.theme import (
    AMBER,
    DIM,
    GREEN,
    INK,
    RED,
    side_colour,
    state_colour,
    state_sign,
    style,
)
from genesis_actors.wording import filled_percent, length, percent

_LEAST_BAR: Final = 8
_QUANTITY: Final = 9
_WIDE_QUANTITY: Final = 15
_UNSEEN: Final = Decimal("0.0001")
_MILLION: Final = Decimal(1_000_000)
_WIDE: Final = 100
"""From here on there is room for what is due, and for the id."""
_WIDER: Final = 124


class ExecutionList(Rows[Shown]):
    """`now` is the time that is left counted from."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.now = datetime.now(UTC)
        self.nothing_text = "no executions: press n for a new order"

    def key_of(self, row: Shown) -> str:
        return row.id

    def nothing(self) -> str:
        return self.nothing_text

    def heading(self, width: int) -> Text:
        text = Text(no_wrap=True, style=style(DIM))
        text.append(f"   {'symbol':<10} {'side':<4} {'quantity':>{_quantity_room(width)}} ")
        room = _bar_room(width)
        text.append(f"{'filled  ┃ due':<{room}} {'filled':>6} ")
        if width >= _WIDE:
            text.append(f"{'due':>6} ")
        text.append(f"{'state':<10} {'left':>6} {'bps':>6}")
        if width >= _WIDE:
            text.append(f" {'share':>6}")
        if width >= _WIDER:
            text.append(f"  {'id':<13}")
        return text

    def line(self, row: Shown, width: int) -> Text:
        colour = state_colour(row.state)
        late = is_late(row.progress, row.planned, row.state, row.slices_total)
        text = Text(no_wrap=True)
        text.append(f" {state_sign(row.state)} ", style(colour, bold=True))
        text.append(f"{row.symbol[:10]:<10} ", style(DIM if row.is_over else INK, bold=True))
        text.append(f"{row.side:<4} ", style(side_colour(row.side)))
        quantity = _quantity_room(width)
        text.append(f"{_short(row.quantity, quantity):>{quantity}} ", style(INK))
        room, slices = _bar_room(width), row.slices_total
        text.append_text(bar(row.progress, row.planned, room, row.state, slices=slices))
        text.append(
            f" {filled_percent(row.progress):>6} ", style(AMBER if late else INK, bold=True)
        )
        if width >= _WIDE:
            text.append(f"{percent(row.planned, 1):>6} ", style(AMBER if late else DIM))
        text.append(f"{_state(row):<10} ", style(colour))
        left = row.time_left(self.now)
        text.append(f"{'' if left is None else length(left):>6} ", style(INK))
        text.append(f"{_bps(row.arrival_bps):>6}", style(bps_colour(row.arrival_bps)))
        if width >= _WIDE:
            text.append(f" {percent(row.share, 1):>6}", style(DIM))
        if width >= _WIDER:
            text.append(f"  {row.id:<13}", style(DIM))
        return text


def bps_colour(value: Decimal | None) -> str:
    """Return the colour of a cost: red for one, green for a gain."""
    if value is None or not value:
        return DIM
    return RED if value > 0 else GREEN


def _quantity_room(width: int) -> int:
    return _WIDE_QUANTITY if width >= _WIDER else _QUANTITY


def _bar_room(width: int) -> int:
    taken = 3 + 11 + 5 + _quantity_room(width) + 1 + 8 + 11 + 7 + 6
    if width >= _WIDE:
        taken += 7 + 7
    if width >= _WIDER:
        taken += 15
    return max(width - taken - 1, _LEAST_BAR)


def _state(row: Shown) -> str:
    if row.unknown:
        return "UNKNOWN"
    if row.state == "COMPLETED" and row.is_early:
        return "EARLY"
    return row.state[:10]


def _bps(value: Decimal | None) -> str:
    return "" if value is None else f"{value:+.1f}"


def _short(quantity: Decimal, room: int = _QUANTITY) -> str:
    """Return a quantity in so many characters: exact where it fits, else rounded where that is its smallest part.

    >>> (
    ...     _short(Decimal("1500.00000001")),
    ...     _short(Decimal("12345678.9")),
    ...     _short(Decimal("0.00000123")),
    ... )
    ('1500', '12345679', '1.23e-6')
    >>> _short(Decimal("12345678901"))
    '12345.68M'
    """
    text = _plain(quantity)
    if len(text) <= room:
        return text
    whole = len(f"{quantity:.0f}")
    rounded = _plain(round(quantity, max(room - whole - 1, 0)))
    if len(rounded) <= room and abs(Decimal(rounded) - quantity) <= quantity * _UNSEEN:
        return rounded
    if quantity >= _MILLION:
        millions = quantity / _MILLION
        places = min(max(room - len(f"{millions:.0f}") - 2, 0), 2)
        return f"{millions:.{places}f}M"
    return f"{quantity:.2e}".replace("e-0", "e-")


def _plain(quantity: Decimal) -> str:
    text = f"{quantity:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
