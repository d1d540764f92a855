"""The slices of an execution: what was planned, what came of it, and why."""

from __future__ import annotations

from rich.text import Text

from genesis_actors.tui.executions import bps_colour
from genesis_actors.tui.model import Slice
from genesis_actors.tui.rows import Rows
from genesis_actors.tui.theme import AMBER, BLUE, CYAN, DIM, FAINT, GREEN, INK, RED, style
from genesis_actors.wording import bps, clock, percent, price, quantity, words

_STATUSES = {
    "PLANNED": (FAINT, "·"),
    "WORKING": (CYAN, "●"),
    "FILLED": (GREEN, "✓"),
    "PARTIAL": (AMBER, "◒"),
    "SKIPPED": (DIM, "-"),
}
_WITH_PRICE = 74
_WITH_VOLUME = 92


class SliceList(Rows[Slice]):
    def key_of(self, row: Slice) -> str:
        return str(row.number)

    def nothing(self) -> str:
        return "no slices yet"

    def first(self) -> int:
        """Return the slice that is being worked, or comes next."""
        coming = (n for n, row in enumerate(self.rows) if not row.is_done)
        return next(coming, len(self.rows) - 1)

    def heading(self, width: int) -> Text:
        text = f"   {'#':>3} {'due':>8} {'planned':>8} {'filled':>8}"
        if width >= _WITH_PRICE:
            text += f" {'price':>10}"
        text += f" {'bps':>6}"
        if width >= _WITH_VOLUME:
            text += f" {'of volume':>11}"
        return Text(f"{text} {'share':>6}  outcome", style(DIM))

    def line(self, row: Slice, width: int) -> Text:
        colour, sign = _STATUSES.get(row.status, (RED, "!"))
        ink = style(DIM if row.status == "PLANNED" else INK)
        text = Text(no_wrap=True)
        text.append(f" {sign} ", style(colour, bold=True))
        text.append(f"{row.number:>3} {clock(row.due_at):>8} {quantity(row.planned):>8} ", ink)
        text.append(f"{quantity(row.filled) if row.filled else '':>8}", style(INK, bold=True))
        if width >= _WITH_PRICE:
            text.append(f" {_known(price(row.average_price)):>10}", ink)
        text.append(f" {_known(bps(row.slippage_bps)):>6}", style(bps_colour(row.slippage_bps)))
        if width >= _WITH_VOLUME:
            text.append(f" {_known(price(row.volume)):>11}", style(DIM))
        text.append(f" {_known(percent(row.share)):>6}", style(BLUE))
        outcome = row.status.lower() if row.reason is None else words(row.reason)
        if not row.is_done:
            colour = DIM if row.reason is None else AMBER
        text.append(f"  {outcome}", style(colour))
        orders = f" ({row.children} orders)"
        if row.children > 1 and text.cell_len + len(orders) <= width:
            text.append(orders, style(DIM))
        return text


def _known(text: str) -> str:
    return "" if text == "-" else text
