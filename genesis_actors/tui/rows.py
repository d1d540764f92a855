"""A list of lines of which only those in sight are ever made: 500 executions cost what 20 do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Generic, TypeVar

from rich.console import Console
from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from genesis_actors.tui.theme import DIM, INK, style

T = TypeVar("T")

_CONSOLE = Console(width=400, color_system="truecolor", force_terminal=True)
_CURSOR = "#22354a"
_CURSOR_BLURRED = "#1a2632"


def strip_of(text: Text, width: int, background: str | None = None) -> Strip:
    """Return the text as a line of exactly `width` cells."""
    strip = Strip(text.render(_CONSOLE, end="")).adjust_cell_length(width).simplify()
    return strip if background is None else strip.apply_style(style(INK, on=background))


class Rows(ScrollView, Generic[T]):
    """Rows under a heading, with a cursor. Subclasses say how a row is drawn, and what tells rows apart."""

    DEFAULT_CSS = """
    Rows {
        scrollbar-size-vertical: 1;
        scrollbar-size-horizontal: 0;
        overflow-x: hidden;
        overflow-y: auto;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home,g", "move(-1000000)", "First", show=False),
        Binding("end,G", "move(1000000)", "Last", show=False),
    ]
    can_focus = True

    class Chosen(Message):
        """The cursor stands on another row."""

    def __init__(self, *, id: str | None = None, follows: bool = False) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.rows: Sequence[T] = ()
        self.key: str | None = None
        """Of the row with the cursor: it stays on it wherever that goes."""
        self._place: int | None = None
        self._follows = follows

    # --- For subclasses --------------------------------------------------------------------------

    def heading(self, width: int) -> Text:
        raise NotImplementedError

    def line(self, row: T, width: int) -> Text:
        raise NotImplementedError

    def key_of(self, row: T) -> str:
        raise NotImplementedError

    def nothing(self) -> str:
        return "nothing yet"

    def first(self) -> int:
        """Return the place of the row that the cursor stands on until somebody moves it."""
        return 0

    # --- Rows and cursor -------------------------------------------------------------------------

    def show(self, rows: Sequence[T]) -> None:
        """Replace the rows. The cursor stays on its row, and in sight; a list that follows its end goes on to do so."""
        was_at_end = self.scroll_y >= self.max_scroll_y
        before, was_in_sight = self._place, self._is_in_sight()
        self.rows = rows
        self._place = self._find()
        self._measure()
        if self._follows and was_at_end:
            self.call_after_refresh(self.scroll_end, animate=False)
        elif self._place is not None and (
            self.key is None or (was_in_sight and self._place != before)
        ):
            self.call_after_refresh(self._reveal, self._place)
        self.refresh()

    @property
    def cursor(self) -> int | None:
        """The cursor's place: that of its row, else the first."""
        return self._place

    def _find(self) -> int | None:
        if not self.rows or self._follows:
            return None
        if self.key is None:
            return self.first()
        found = (n for n, row in enumerate(self.rows) if self.key_of(row) == self.key)
        return next(found, 0)

    @property
    def chosen(self) -> T | None:
        place = self.cursor
        return None if place is None else self.rows[place]

    def choose(self, place: int) -> None:
        if not self.rows:
            return
        place = min(max(place, 0), len(self.rows) - 1)
        self.key, self._place = self.key_of(self.rows[place]), place
        self._reveal(place)
        self.refresh()
        self.post_message(self.Chosen())

    def action_move(self, by: int) -> None:
        if self._follows:
            self.scroll_relative(y=by, animate=False)
        else:
            self.choose((self.cursor or 0) + by)

    def action_page(self, by: int) -> None:
        self.action_move(by * max(self.size.height - 2, 1))

    def on_click(self, event: events.Click) -> None:
        if event.y > 0 and not self._follows:
            self.choose(event.y - 1 + int(self.scroll_y))

    def on_resize(self) -> None:
        self._measure()
        if not self._follows and self.cursor is not None:
            self._reveal(self.cursor)

    def _measure(self) -> None:
        self.virtual_size = Size(self.scrollable_content_region.width, len(self.rows) + 1)

    def _is_in_sight(self) -> bool:
        room = max(self.size.height - 1, 1)
        return self._place is not None and 0 <= self._place - int(self.scroll_y) < room

    def _reveal(self, place: int) -> None:
        room = max(self.size.height - 1, 1)
        top = int(self.scroll_y)
        if place < top:
            self.scroll_to(y=place, animate=False)
        elif place >= top + room:
            self.scroll_to(y=place - room + 1, animate=False)

    # --- Drawing ---------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        return self._strip(y).apply_style(self.rich_style)

    def _strip(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        if y == 0:
            return strip_of(self.heading(width), width)
        place = y - 1 + int(self.scroll_y)
        if place >= len(self.rows):
            empty = Text(f" {self.nothing()}", style(DIM)) if y == 1 and not self.rows else Text()
            return strip_of(empty, width)
        row = self.rows[place]
        background = None
        if not self._follows and place == self.cursor:
            background = _CURSOR if self.has_focus else _CURSOR_BLURRED
        return strip_of(self.line(row, width), width, background)
