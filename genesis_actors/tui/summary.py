"""The chosen execution in four lines: what it is, its bar, what is filled at which price, and what bounds it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from rich.text import Text
from textual.widget import Widget

from genesis_actors.tui.executions import bps_colour
from genesis_actors.tui.model import Detail
from genesis_actors.tui.progress import bar, is_late
from genesis_actors.tui.theme import (
    AMBER,
    DIM,
    INK,
    RED,
    VIOLET,
    side_colour,
    side_sign,
    state_colour,
    state_sign,
    style,
)
from genesis_actors.wording import (
    bps,
    clock,
    filled_percent,
    length,
    money,
    parts,
    percent,
    price,
    quantity,
    words,
)

_NARROW = 110


class Summary(Widget):
    DEFAULT_CSS = """
    Summary {
        height: 4;
        width: 1fr;
    }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.detail: Detail | None = None
        self.now = datetime.now(UTC)

    def show(self, detail: Detail | None, now: datetime) -> None:
        self.detail, self.now = detail, now
        self.refresh()

    def render(self) -> Text:
        if self.detail is None:
            return Text("\n Choose an execution above, or press n for a new order.", style(DIM))
        width = self.size.width
        lines = [
            _what(self.detail, width),
            _pace(self.detail, self.now, width),
            _prices(self.detail, width),
            _bounds(self.detail, self.now, width),
        ]
        for line in lines:
            line.truncate(width, overflow="ellipsis")
        return Text("\n").join(lines)


def _what(detail: Detail, width: int) -> Text:
    x, terms = detail.execution, detail.terms
    text = Text(no_wrap=True)
    text.append(f" {side_sign(x.side)} {x.side.upper()} ", style(side_colour(x.side), bold=True))
    text.append(f"{quantity(x.quantity)} {x.symbol}", style(INK, bold=True))
    how = f"{x.algo} {terms.style or ''}".strip()
    text.append(f"  {how}", style(DIM))
    if terms.amended:
        text.append(f", amended {terms.amended}x", style(VIOLET))
    text.append("   ")
    text.append(f"{state_sign(x.state)} {x.state}", style(state_colour(x.state), bold=True))
    if x.state == "COMPLETED" and x.is_early:
        text.append(" EARLY", style(state_colour(x.state), bold=True))
    if x.reason is not None and x.state != "RUNNING":
        text.append(f" {words(x.reason)}", style(state_colour(x.state)))
    if x.unknown:
        text.append(f"  ! {quantity(x.unknown)} UNKNOWN", style(RED, bold=True))
    names = x.id if x.client_id is None else f"{x.id} ({x.client_id})"
    room = width - text.cell_len - 1
    if room > len(x.id):
        text.append(f"{names[: room - 1]:>{room}}", style(DIM))
    return text


def _pace(detail: Detail, now: datetime, width: int) -> Text:
    x, planned = detail.execution, detail.planned(now)
    late = is_late(x.progress, planned, x.state, x.slices_total)
    left = x.time_left(now)
    if x.finished_at is not None:
        ends = f"ended {clock(x.finished_at)}"
    elif left is None:
        ends = ""
    elif x.state == "PAUSED":
        ends = f"{length(left)} left when it goes on"
    else:
        ends = f"{length(left)} left, to {clock(x.ends_at)}"
    figures = Text(no_wrap=True)
    figures.append(f" {filled_percent(x.progress):>6}", style(AMBER if late else INK, bold=True))
    figures.append(f" of {percent(planned, 1)} due", style(AMBER if late else DIM))
    figures.append(f"  {ends} ", style(INK))
    text = Text(" ", no_wrap=True)
    room = max(width - figures.cell_len - 2, 8)
    text.append_text(bar(x.progress, planned, room, x.state, slices=x.slices_total))
    return text.append_text(figures)


def _prices(detail: Detail, width: int) -> Text:
    x = detail.execution
    shortfall = "shortfall" if width >= _NARROW else "IS"
    entries = [
        ("filled", f"{quantity(x.filled)} {x.base}", INK),
        ("working", quantity(x.working) if x.working else "", INK),
        ("left", quantity(x.remaining) if width >= _NARROW else "", INK),
        ("avg", price(x.average_price), INK),
        ("arrival", bps(x.arrival_bps), bps_colour(x.arrival_bps)),
        ("TWAP", bps(x.twap_bps), bps_colour(x.twap_bps)),
        (shortfall, f"{bps(x.shortfall_bps)} bps", bps_colour(x.shortfall_bps)),
        ("fees", f"{money(x.fees)} {x.quote}", INK),
    ]
    return _line(entries, width)


def _bounds(detail: Detail, now: datetime, width: int) -> Text:
    x, terms, coming = detail.execution, detail.terms, detail.next_slice
    when = ""
    if coming is not None and x.state == "RUNNING":
        wait = coming.due_at - now
        when = "is due" if wait <= timedelta(0) else f"in {length(wait)}"
    largest = "" if x.largest_share is None else f", at most {percent(x.largest_share)}"
    guard = terms.max_slippage_bps
    quote = "" if detail.bid is None else f"{price(detail.bid)}/{price(detail.ask)}"
    entries = [
        ("share", f"{percent(x.share)}{largest} of {percent(terms.max_participation, 1)}", INK),
        (parts(x.algo), f"{x.slices_done}/{x.slices_total}", INK),
        ("next", when, INK),
        ("limit", "" if terms.limit_price is None else price(terms.limit_price), RED),
        ("guard", "" if guard is None else f"{guard:f} bps", INK),
        ("bid/ask", "" if x.is_over else quote, INK),
        ("then", "" if x.is_over else terms.on_deadline or "", INK),
    ]
    return _line(entries, width)


def _line(entries: Sequence[tuple[str, str, str]], width: int) -> Text:
    """Return names and values in a line; what is not known is left out, and so is what does not fit."""
    text = Text(no_wrap=True)
    for name, value, colour in entries:
        if value and text.cell_len + len(name) + len(value) + 3 <= width:
            text.append(f"  {name} " if text else f" {name} ", style(DIM))
            text.append(value, style(colour))
    return text
