"""The market's price with what the order means in it: arrival, interval TWAP, limit, and each of our fills."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal

from rich.text import Text

from genesis_actors.tui.canvas import Canvas
from genesis_actors.tui.charts import (
    Chart,
    Frame,
    legend,
    mark_now,
    time_line,
    value_labels,
    widest,
)
from genesis_actors.tui.model import Detail, Point
from genesis_actors.tui.scales import Scale, TimeScale
from genesis_actors.tui.theme import (
    AMBER,
    CYAN,
    RED,
    VIOLET,
    side_colour,
    side_sign,
    style,
)
from genesis_actors.wording import price


class PriceChart(Chart):
    """Mid as a line, levels dashed, fills as triangles; a limit out of sight is told in words."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.is_zoomed = True

    def frame(self, detail: Detail, width: int, height: int) -> Frame | str:
        x, rows = detail.execution, height - 2
        begins = x.started_at or x.created_at
        points = [p for p in detail.points if x.finished_at is None or p.at <= x.finished_at]
        shown = [p.mid for p in points if p.at >= begins] or [p.mid for p in points[-1:]]
        values = shown + [fill.price for fill in detail.fills]
        values += [level for level in (x.arrival_price, x.twap) if level is not None]
        scale = Scale.around(values, 4 * rows)
        if scale is None:
            return "no prices yet: they are kept from when the daemon first looked at this market"
        scale = _with_limit(scale, detail.terms.limit_price)
        canvas = Canvas(width - widest(scale, rows), rows)
        times = self.times(detail, canvas.width)
        mark_now(canvas, times, self.now)
        _draw_mid(canvas, points, scale, times)
        _draw_fills(canvas, detail, scale, times)
        for level, sign, colour in (
            (detail.terms.limit_price, "═", RED),
            (x.twap, "┄", VIOLET),
            (x.arrival_price, "─", AMBER),
        ):
            if level is not None and scale.holds(level):
                canvas.level(scale.dot(level) // 4, sign, style(colour))
        return Frame(
            _legend(detail, scale, width),
            value_labels(scale, rows),
            canvas,
            time_line(times, canvas.width),
        )


def _with_limit(scale: Scale, limit: Decimal | None) -> Scale:
    """Make room for a limit that is near; a far one would leave nothing to be seen of the rest."""
    span = scale.high - scale.low
    if limit is None or scale.holds(limit):
        return scale
    if scale.high < limit <= scale.high + span / 2:
        return Scale(scale.low, limit + span / 20, scale.dots)
    if scale.low - span / 2 <= limit < scale.low:
        return Scale(limit - span / 20, scale.high, scale.dots)
    return scale


def _draw_mid(canvas: Canvas, points: list[Point], scale: Scale, times: TimeScale) -> None:
    colour = style(CYAN)
    before: tuple[int, int] | None = None
    for point in points:
        at = (times.dot(point.at), scale.dot(point.mid))
        if before is not None and (at[0] >= 0 or before[0] >= 0):
            canvas.line(*before, *at, colour)
        before = at


def _draw_fills(canvas: Canvas, detail: Detail, scale: Scale, times: TimeScale) -> None:
    """Draw one sign for all fills of a cell; bright where a lot was filled."""
    cells: defaultdict[tuple[int, int], Decimal] = defaultdict(Decimal)
    for fill in detail.fills:
        if times.holds(fill.at):
            cells[times.dot(fill.at) // 2, scale.dot(fill.price) // 4] += fill.quantity
    side = detail.execution.side
    for column, row in cells:
        canvas.sign(column, row, side_sign(side), style(side_colour(side), bold=True))


def _legend(detail: Detail, scale: Scale, width: int) -> Text:
    x, limit = detail.execution, detail.terms.limit_price
    mid = detail.mid or (detail.points[-1].mid if detail.points else None)
    entries = [] if x.is_over else [("━", "mid", price(mid), style(CYAN, bold=True))]
    entries.append(("─", "arrival", price(x.arrival_price), style(AMBER)))
    entries.append(("┄", "TWAP", price(x.twap), style(VIOLET)))
    if limit is not None and not scale.holds(limit):
        # What cannot be seen is told first.
        where = "↑" if limit > scale.high else "↓"
        entries.append(("═", "limit", f"{price(limit)}{where}", style(RED)))
    entries.append((side_sign(x.side), "avg", price(x.average_price), style(side_colour(x.side))))
    return legend(entries, width)
