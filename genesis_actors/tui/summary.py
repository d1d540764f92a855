"""The chosen execution in four lines: what it is, its bar, what is filled at which price, and what bounds it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

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
from genesis_actors.wording import bps, clock, length, money, percent, price, quantity, words

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
    else:
        ends = f"{length(left)} left, to {clock(x.ends_at)}"
    figures = Text(no_wrap=True)
    figures.append(f" {percent(x.progress, 1):>6}", style(AMBER if late else INK, bold=True))
    figures.append(f" of {percent(planned, 1)} due", style(AMBER if late else DIM))
    figures.append(f"  {ends} ", style(INK))
    text = Text(" ", no_wrap=True)
    room = max(width - figures.cell_len - 2, 8)
    text.append_text(bar(x.progress, planned, room, x.state, slices=x.slices_total))
    return text.append_text(figures)


def _prices(detail: Detail, width: int) -> Text:
    x = detail.execution
    text = Text(no_wrap=True)
    _pair(text, "filled", f"{quantity(x.filled)} {x.base}")
    if x.working:
        _pair(text, "working", quantity(x.working))
    if width >= _NARROW:
        _pair(text, "left", quantity(x.remaining))
    _pair(text, "avg", price(x.average_price))
    _against(text, "arrival", x.arrival_bps)
    _against(text, "TWAP", x.twap_bps)
    _against(text, "shortfall" if width >= _NARROW else "IS", x.shortfall_bps)
    text.append(" bps", style(DIM))
    if width >= _NARROW:
        _pair(text, "fees", f"{money(x.fees)} {x.quote}")
    return text


def _bounds(detail: Detail, now: datetime, width: int) -> Text:
    x, terms = detail.execution, detail.terms
    text = Text(no_wrap=True)
    cap = percent(terms.max_participation, 1)
    _pair(text, "share", f"{percent(x.share)} of {cap}")
    if width >= _NARROW:
        _pair(text, "largest", percent(x.largest_share))
    _pair(text, "slices", f"{x.slices_done}/{x.slices_total}")
    coming = detail.next_slice
    if coming is not None and not x.is_over:
        wait = coming.due_at - now
        when = "is due" if wait <= timedelta(0) else f"in {length(wait)}"
        if x.state == "RUNNING":
            _pair(text, "next", when)
    if terms.limit_price is not None:
        _pair(text, "limit", price(terms.limit_price), RED)
    if terms.max_slippage_bps is not None and width >= _NARROW:
        _pair(text, "guard", f"{terms.max_slippage_bps:f} bps")
    if detail.bid is not None and detail.ask is not None and not x.is_over:
        _pair(text, "bid/ask", f"{price(detail.bid)}/{price(detail.ask)}")
    if terms.on_deadline is not None and width >= _NARROW:
        _pair(text, "then", terms.on_deadline)
    return text


def _pair(text: Text, name: str, value: str, colour: str = INK) -> None:
    text.append(f"  {name} " if text else f" {name} ", style(DIM))
    text.append(value, style(colour))


def _against(text: Text, name: str, value: Decimal | None) -> None:
    text.append(f"  {name} ", style(DIM))
    text.append(bps(value), style(bps_colour(value), bold=True))
