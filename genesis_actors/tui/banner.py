"""The line at the top: whether money is real, whether everything is halted, and whether the daemon answers."""

from __future__ import annotations

from datetime import datetime

from rich.text import Text
from textual.widget import Widget

from genesis_actors.tui.model import House
from genesis_actors.tui.theme import AMBER, CYAN, DIM, GREEN, INK, PAPER, RED, style
from genesis_actors.wording import clock


class Banner(Widget):
    """One line; a second one where everything is halted, or nobody answers."""

    DEFAULT_CSS = """
    Banner {
        height: auto;
        width: 1fr;
        background: $panel;
        &.-live { background: #5c1420; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._house: House | None = None
        self._counts = ""
        self._trouble: str | None = None
        self._is_read_only = False
        self._now: datetime | None = None

    def show(
        self,
        house: House | None,
        counts: str,
        trouble: str | None,
        now: datetime,
        *,
        is_read_only: bool,
    ) -> None:
        """`trouble` says since when, and why, nobody answers."""
        had_two = self._has_two_lines
        self._house, self._counts, self._trouble = house, counts, trouble
        self._now, self._is_read_only = now, is_read_only
        self.set_class(house is not None and house.is_live, "-live")
        self.refresh(layout=had_two is not self._has_two_lines)

    @property
    def _has_two_lines(self) -> bool:
        return self._trouble is not None or (
            self._house is not None and self._house.halted_at is not None
        )

    def render(self) -> Text:
        width = self.size.width
        text = Text(no_wrap=True)
        text.append_text(self._mode())
        text.append(f"  {self._counts}", style(INK))
        right = Text(no_wrap=True)
        if self._is_read_only:
            right.append("READ ONLY  ", style(AMBER, bold=True))
        if self._house is not None and width >= 90:  # noqa: PLR2004 - room for it
            tier = "" if self._house.tier is None else f"{self._house.tier}  "
            right.append(f"{tier}{self._house.venue}  ", style(DIM))
        right.append(f"{clock(self._now)} UTC ", style(INK))
        alive = self._trouble is None and self._house is not None
        right.append("● " if alive else "○ ", style(GREEN if alive else RED, bold=True))
        text.truncate(max(width - right.cell_len, 0), overflow="ellipsis")
        text.append(" " * max(width - text.cell_len - right.cell_len, 0))
        text.append_text(right)
        if self._has_two_lines:
            second = self._second()
            second.truncate(width, overflow="ellipsis")
            text.append("\n")
            text.append_text(second)
        return text

    def _mode(self) -> Text:
        if self._house is None:
            return Text(" ? ", style(PAPER, bold=True, on=DIM))
        if self._house.is_live:
            return Text(" LIVE ", style("#ffffff", bold=True, on="#e0283c"))
        return Text(" PAPER ", style(PAPER, bold=True, on=CYAN))

    def _second(self) -> Text:
        if self._trouble is not None:
            return Text(f" {self._trouble}", style(PAPER, bold=True, on=AMBER))
        house = self._house
        why = "" if house is None or house.halt_reason is None else f" ({house.halt_reason})"
        if house is not None and not house.halt_is_durable:
            why += ", not durable yet: a restart would forget it"
        since = clock(None if house is None else house.halted_at)
        said = f" HALTED since {since}: no execution sends new orders; h lifts it{why}"
        return Text(said, style("#ffffff", bold=True, on="#b3202f"))
