"""What the charts have in common: a legend above, values at the left, times below, and a canvas between them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

from rich.style import Style
from rich.text import Text
from textual.strip import Strip
from textual.widget import Widget

from genesis_actors.tui.canvas import Canvas
from genesis_actors.tui.model import Detail, Shown
from genesis_actors.tui.rows import strip_of
from genesis_actors.tui.scales import Scale, TimeScale
from genesis_actors.tui.theme import DIM, FAINT, style

_LEAST_WIDTH: Final = 24
_LEAST_HEIGHT: Final = 5
_ROWS_A_TICK: Final = 3


@dataclass(frozen=True, slots=True)
class Frame:
    """The parts of a chart that has been drawn."""

    legend: Text
    labels: list[str]
    canvas: Canvas
    times: str


class Chart(Widget):
    """One chart of an execution. Subclasses draw; a chart is drawn anew when what it shows has changed."""

    DEFAULT_CSS = """
    Chart {
        height: 1fr;
        width: 1fr;
    }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.detail: Detail | None = None
        self.now = datetime.now(UTC)
        self.is_zoomed = False
        """Whether times end about now, and not with the window."""
        self._drawn: list[Strip] | None = None
        self._shown: Shown | None = None

    def frame(self, detail: Detail, width: int, height: int) -> Frame | str:
        """Return the chart in so many cells, or why there is none."""
        raise NotImplementedError

    def show(self, detail: Detail | None, now: datetime) -> None:
        self.detail, self.now = detail, now
        self._shown = None if detail is None else detail.execution
        self._drawn = None
        self.refresh()

    def shows(self, detail: Detail | None) -> bool:
        """Tell whether it was drawn of the newest figures: others on the screen would contradict it."""
        return self.detail is detail and (detail is None or self._shown is detail.execution)

    def on_resize(self) -> None:
        self._drawn = None

    def render_line(self, y: int) -> Strip:
        if self._drawn is None:
            self._drawn = self._draw(self.size.width, self.size.height)
        strip = self._drawn[y] if y < len(self._drawn) else Strip.blank(self.size.width)
        return strip.apply_style(self.rich_style)

    def _draw(self, width: int, height: int) -> list[Strip]:
        if self.detail is None:
            return [strip_of(Text(" nothing is chosen", style(DIM)), width)]
        if width < _LEAST_WIDTH or height < _LEAST_HEIGHT:
            return [strip_of(Text(" too small a window", style(DIM)), width)]
        frame = self.frame(self.detail, width, height)
        if isinstance(frame, str):
            return [strip_of(Text(f" {frame}", style(DIM)), width)]
        margin = max(map(len, frame.labels), default=0) + 1
        lines = [strip_of(frame.legend, width)]
        for row, label in enumerate(frame.labels):
            edge = Text(f"{label:>{margin - 1}}", style(DIM))
            edge.append("┤" if label else "│", style(FAINT))
            lines.append(Strip.join([strip_of(edge, margin), frame.canvas.strip(row)]))
        times = Text(" " * margin, style(DIM))
        times.append(frame.times)
        lines.append(strip_of(times, width))
        return lines

    def times(self, detail: Detail, width: int) -> TimeScale:
        """Return the times of the window, or of a quarter of it at least, up to now."""
        x = detail.execution
        start = x.started_at or x.created_at
        until = x.finished_at or max(self.now, start + timedelta(seconds=30))
        end = max(x.ends_at or until, until)
        if self.is_zoomed:
            end = x.finished_at or min(end, max(until, start + (end - start) / 4))
        return TimeScale(start, end, 2 * width)


def value_labels(scale: Scale, height: int) -> list[str]:
    """Return what is written at the left of each row."""
    labels = [""] * height
    for value, text in scale.ticks(max(height // _ROWS_A_TICK, 1)):
        row = scale.dot(value) // 4
        if 0 <= row < height:
            labels[row] = text
    return labels


def widest(scale: Scale, height: int) -> int:
    return max(map(len, value_labels(scale, height)), default=0) + 1


def time_line(times: TimeScale, width: int) -> str:
    """Return the start, the middle and the end as far as there is room."""
    start, end = times.label(times.start), times.label(times.end)
    middle = times.label(times.start + (times.end - times.start) / 2)
    if width < 3 * len(middle) + 4:
        return f"{start}{end:>{max(width - len(start), 0)}}"
    line = list(f"{start}{end:>{width - len(start)}}")
    at = (width - len(middle)) // 2
    line[at : at + len(middle)] = middle
    return "".join(line)


def mark_now(canvas: Canvas, times: TimeScale, now: datetime) -> None:
    """Draw a faint line where time has come to, if there is more to come."""
    if times.start < now < times.end:
        column = times.dot(now) // 2
        for row in range(canvas.height):
            canvas.sign(column, row, "┊", style(FAINT))


def legend(entries: Iterable[tuple[str, str, str, Style]], width: int) -> Text:
    """Return sign, name and value of each entry, as far as there is room: half a number would be another one."""
    text = Text(no_wrap=True)
    for sign, what, value, colour in entries:
        if text.cell_len + len(what) + len(value) + 4 <= width:
            text.append(f" {sign} ", colour)
            text.append(f"{what} ", style(DIM))
            text.append(f"{value} ", colour)
    return text


def share(part: Decimal, whole: Decimal) -> Decimal:
    return part / whole if whole else Decimal(0)
