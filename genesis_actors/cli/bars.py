"""A bar of what is filled with a mark where the schedule is, and what a stream can show of it."""

from __future__ import annotations

import os
from decimal import Decimal
from typing import Final, TextIO

BLOCKS: Final = "█░│"

_DEFAULT_WIDTH: Final = 80
_WIDEST: Final = 110


def bar(filled: Decimal, planned: Decimal, room: int, *, is_plain: bool) -> str:
    """Return a bar of what is filled, with a mark where the schedule is."""
    full, empty, mark = ("#", "-", "|") if is_plain else BLOCKS
    done = min(int(filled * room), room)
    cells = [full] * done + [empty] * (room - done)
    cells[min(int(planned * room), room - 1)] = mark
    return "".join(cells)


def can_show(stream: TextIO, sample: str) -> bool:
    try:
        sample.encode(stream.encoding or "ascii")
    except (LookupError, UnicodeEncodeError):
        return False
    return True


def width_of(stream: TextIO) -> int:
    """Return how many characters a line may have: one less than the terminal, where a full line would wrap."""
    try:
        columns = os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):
        columns = _DEFAULT_WIDTH
    return min((columns or _DEFAULT_WIDTH) - 1, _WIDEST)
