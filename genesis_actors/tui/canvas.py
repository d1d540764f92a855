"""A canvas of braille dots: two across and four down in each cell, with signs over them. Only for charts."""

from __future__ import annotations

from math import floor
from typing import Final

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

_BLANK: Final = 0x2800
_BITS: Final = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
"""Of the dots of a cell, by column and row."""


class Canvas:
    """`width` x `height` cells. What is drawn later stands over what was drawn before."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._dots = [[0] * width for _ in range(height)]
        self._signs: list[list[str | None]] = [[None] * width for _ in range(height)]
        self._styles: list[list[Style | None]] = [[None] * width for _ in range(height)]

    def dot(self, x: int, y: int, style: Style) -> None:
        """Set a dot, counted from the top left: x below 2 x width, y below 4 x height. Others are left out."""
        if 0 <= x < 2 * self.width and 0 <= y < 4 * self.height:
            row, column = y // 4, x // 2
            self._dots[row][column] |= _BITS[x % 2][y % 4]
            self._styles[row][column] = style

    def line(self, x0: int, y0: int, x1: int, y1: int, style: Style) -> None:
        """Draw from dot to dot."""
        steps = max(abs(x1 - x0), abs(y1 - y0), 1)
        for step in range(steps + 1):
            self.dot(
                floor(x0 + (x1 - x0) * step / steps + 0.5),
                floor(y0 + (y1 - y0) * step / steps + 0.5),
                style,
            )

    def sign(self, column: int, row: int, sign: str, style: Style) -> None:
        """Put one character into a cell, over its dots."""
        if 0 <= column < self.width and 0 <= row < self.height:
            self._signs[row][column] = sign
            self._styles[row][column] = style

    def level(self, row: int, sign: str, style: Style) -> None:
        """Draw a level through the cells of a row that are still empty."""
        if 0 <= row < self.height:
            for column in range(self.width):
                if not self._dots[row][column] and self._signs[row][column] is None:
                    self.sign(column, row, sign, style)

    def strip(self, row: int) -> Strip:
        segments = [
            Segment(sign or (chr(_BLANK + dots) if dots else " "), style)
            for sign, dots, style in zip(
                self._signs[row], self._dots[row], self._styles[row], strict=True
            )
        ]
        return Strip(segments, self.width).simplify()

    def text(self) -> str:
        """Return what is drawn, without colours."""
        return "\n".join(self.strip(row).text.rstrip() for row in range(self.height))
