"""What is filled against what the schedule had planned, over the window; and each slice's share against the cap."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Final

from rich.style import Style

from genesis_actors.tui.canvas import Canvas
from genesis_actors.tui.charts import Chart, Frame, legend, mark_now, share, time_line
from genesis_actors.tui.model import Detail, Slice
from genesis_actors.tui.progress import is_late
from genesis_actors.tui.scales import Scale, TimeScale
from genesis_actors.tui.theme import AMBER, BLUE, CYAN, DIM, GREEN, RED, VIOLET, style
from genesis_actors.values import ZERO
from genesis_actors.wording import filled_percent, percent, quantity

_EIGHTHS: Final = " ▁▂▃▄▅▆▇█"
_FULL: Final = Decimal(1)


class FillChart(Chart):
    """The schedule's steps in violet, what is filled over them: the distance between the two is what is owed."""

    def frame(self, detail: Detail, width: int, height: int) -> Frame | str:
        x, rows = detail.execution, height - 2
        if not detail.slices:
            return "there is no schedule yet"
        labels = ["100%", *[""] * (rows - 1)]
        labels[rows // 2], labels[-1] = "50%", "0%"
        canvas = Canvas(width - 5, rows)
        scale, times = Scale(ZERO, _FULL, 4 * rows), self.times(detail, canvas.width)
        mark_now(canvas, times, self.now)
        due = sorted((part.due_at, part.planned) for part in detail.slices)
        _steps(canvas, due, x.quantity, scale, times, times.end, style(VIOLET))
        fills = sorted((fill.at, fill.quantity) for fill in detail.fills)
        until = min(x.finished_at or self.now, times.end)
        planned = detail.planned(self.now)
        colour = AMBER if is_late(x.progress, planned, x.state, x.slices_total) else GREEN
        _steps(canvas, fills, x.quantity, scale, times, until, style(colour, bold=True))
        entries = [
            ("━", "filled", filled_percent(x.progress), style(colour, bold=True)),
            ("━", "due", percent(planned, 1), style(VIOLET)),
        ]
        owed = (planned - x.progress) * x.quantity
        if not x.is_over and owed:
            word, tone = ("behind", AMBER) if owed > 0 else ("ahead", CYAN)
            entries.append((" ", word, f"{_rounded(abs(owed))} {x.base}", style(tone)))
        return Frame(legend(entries, width), labels, canvas, time_line(times, canvas.width))


def _rounded(value: Decimal) -> str:
    return quantity(Decimal(f"{value:.4g}"))


def _steps(
    canvas: Canvas,
    parts: Iterable[tuple[datetime, Decimal]],
    whole: Decimal,
    scale: Scale,
    times: TimeScale,
    until: datetime,
    colour: Style,
) -> None:
    """Draw a running total as steps."""
    total, x, y = ZERO, 0, scale.dot(ZERO)
    for at, part in parts:
        if at > until:
            break
        total += part
        next_x, next_y = times.dot(at), scale.dot(min(share(total, whole), _FULL))
        canvas.line(x, y, next_x, y, colour)
        canvas.line(next_x, y, next_x, next_y, colour)
        x, y = next_x, next_y
    canvas.line(x, y, times.dot(until), y, colour)


class ShareChart(Chart):
    """A bar for each slice: its share of the market's volume, under the cap."""

    def frame(self, detail: Detail, width: int, height: int) -> Frame | str:
        x, cap, rows = detail.execution, detail.terms.max_participation, height - 2
        shares = [part.share for part in detail.slices if part.share is not None]
        top = max([*shares, cap or ZERO])
        if not top:
            return "nothing has been sent yet"
        scale = Scale(ZERO, top * Decimal("1.12"), 8 * rows)
        labels = [""] * rows
        for value in (top, top / 2):
            labels[min(scale.dot(value) // 8, rows - 1)] = percent(value, 1)
        labels[-1] = "0%"
        margin = max(map(len, labels)) + 1
        canvas = Canvas(width - margin, rows)
        canvas_scale = Scale(ZERO, scale.high, 8 * rows)
        bars = _columns(detail.slices, canvas.width)
        for column, part in enumerate(bars):
            if part is not None:
                _bar(canvas, column, part, canvas_scale, cap)
        if cap is not None:
            canvas.level(scale.dot(cap) // 8, "╌", style(RED))
        entries = [
            ("▇", "share", percent(x.share), style(CYAN, bold=True)),
            ("▇", "largest", percent(x.largest_share), style(BLUE)),
            ("╌", "cap", percent(cap, 1), style(RED)),
        ]
        first, last = "slice 1", f"{len(detail.slices)}"
        return Frame(
            legend(entries, width),
            labels,
            canvas,
            f"{first}{last:>{max(canvas.width - len(first), 0)}}",
        )


def _columns(slices: list[Slice], width: int) -> list[Slice | None]:
    """Return which slice stands in each column: several columns for one, or the largest of those that share one."""
    count = len(slices)
    columns: list[Slice | None] = []
    for column in range(width):
        first = column * count // width
        last = max((column + 1) * count // width, first + 1)
        among = slices[first:last]
        is_gap = width >= 3 * count and (column + 1) * count // width > first
        columns.append(None if is_gap else max(among, key=lambda part: part.share or ZERO))
    return columns


def _bar(canvas: Canvas, column: int, part: Slice, scale: Scale, cap: Decimal | None) -> None:
    if part.share is None:
        if part.status == "SKIPPED":
            canvas.sign(column, canvas.height - 1, "-", style(DIM))
        return
    near = cap is not None and part.share > cap * Decimal("0.9")
    colour = style(AMBER if near else CYAN)
    eighths = max(scale.dots - 1 - scale.dot(part.share), 1)
    for row in range(canvas.height):
        height = min(max(eighths - 8 * (canvas.height - 1 - row), 0), 8)
        if height:
            canvas.sign(column, row, _EIGHTHS[height], colour)
