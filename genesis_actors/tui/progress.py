"""`TwapProgress`: a bar of what is filled with a mark where the schedule is, for any Textual program."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Final

from rich.text import Text
from textual.reactive import reactive
from textual.widget import Widget

from genesis_actors.tui.theme import AMBER, INK, TRACK, state_colour, style
from genesis_actors.wording import filled_percent, percent

_EIGHTHS: Final = " ▏▎▍▌▋▊▉█"
_MARK: Final = "┃"
_LATE: Final = Decimal("0.03")
_LATE_SLICES: Final = Decimal("1.6")
_ROOM_FOR_FIGURES: Final = 24
_LEAST_WITH_FIGURES: Final = 40


def is_late(filled: Decimal, planned: Decimal, state: str, slices: int = 0) -> bool:
    """Tell whether an execution that runs is further behind its schedule than the slice that is being worked."""
    allowed = max(_LATE, _LATE_SLICES / slices) if slices else _LATE
    return state == "RUNNING" and planned - filled > allowed


def bar(
    filled: Decimal, planned: Decimal, width: int, state: str = "RUNNING", *, slices: int = 0
) -> Text:
    """Return `width` cells: filled to an eighth of a cell, the schedule's mark over it.

    Shares of the quantity, 0 to 1. The bar is amber where an execution that runs is late.
    """
    eighths = int(max(min(filled, Decimal(1)), Decimal(0)) * width * 8)
    mark = min(int(max(planned, Decimal(0)) * width), width - 1)
    colour = AMBER if is_late(filled, planned, state, slices) else state_colour(state)
    text = Text(no_wrap=True, end="")
    for cell in range(width):
        part = min(max(eighths - cell * 8, 0), 8)
        if cell == mark:
            text.append(_MARK, style(INK, bold=True, on=colour if part > 4 else TRACK))  # noqa: PLR2004 - half
        else:
            text.append(_EIGHTHS[part], style(colour, on=TRACK))
    return text


class TwapProgress(Widget):
    """One execution's progress in one line: the bar, and next to it the shares in figures where there is room.

    `filled` and `planned` are shares of the quantity (0 to 1), `state` is one of the execution's states; set them, and
    the bar follows. What is unknown (None, NaN) is shown as nothing, what is out of bounds as the bound; ValueError for
    what is no number at all. With the count of `slices`, being one behind is not yet late. `show_figures` is False for
    the bar alone.
    """

    DEFAULT_CSS = """
    TwapProgress {
        width: 1fr;
        height: 1;
    }
    """

    filled: reactive[Decimal] = reactive(Decimal(0))
    planned: reactive[Decimal] = reactive(Decimal(0))
    state: reactive[str] = reactive("RUNNING")
    slices: reactive[int] = reactive(0)
    show_figures: reactive[bool] = reactive(True)  # noqa: FBT003 - Textual's way

    def __init__(
        self,
        filled: Decimal | str | float | None = "0",
        planned: Decimal | str | float | None = "0",
        state: str = "RUNNING",
        *,
        slices: int = 0,
        show_figures: bool = True,
        name: str | None = None,
        id: str | None = None,  # noqa: A002 - Textual's name
        classes: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self.set_reactive(TwapProgress.filled, _share(filled))
        self.set_reactive(TwapProgress.planned, _share(planned))
        self.set_reactive(TwapProgress.state, state)
        self.set_reactive(TwapProgress.slices, max(slices, 0))
        self.set_reactive(TwapProgress.show_figures, show_figures)

    def validate_filled(self, value: object) -> Decimal:
        return _share(value)

    def validate_planned(self, value: object) -> Decimal:
        return _share(value)

    def validate_slices(self, value: int | None) -> int:
        return max(value or 0, 0)

    def render(self) -> Text:
        width = max(self.size.width, 1)
        if not self.show_figures or width < _LEAST_WITH_FIGURES:
            return self._bar(width)
        line = self._bar(width - _ROOM_FOR_FIGURES)
        line.append(f" {filled_percent(self.filled):>6}", style(INK, bold=True))
        line.append(f" of {percent(self.planned, 1):>6} due")
        return line

    def _bar(self, width: int) -> Text:
        return bar(self.filled, self.planned, width, self.state, slices=self.slices)


def _share(value: object) -> Decimal:
    """Return what a program has at hand as a share from 0 to 1; for the eye alone, so that a float will do."""
    try:
        share = Decimal(0) if value is None else Decimal(str(value))
    except InvalidOperation:
        raise ValueError(f"{value!r} is no share of a quantity") from None
    return Decimal(0) if share.is_nan() else min(max(share, Decimal(0)), Decimal(1))
