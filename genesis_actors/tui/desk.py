"""The screen: the list, the chosen execution with its panels, and the keys."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import Screen
from textual.widgets import Footer, Input, Static

from genesis_actors.tui.banner import Banner
from genesis_actors.tui.charts import Chart
from genesis_actors.tui.executions import ExecutionList
from genesis_actors.tui.fill_chart import FillChart, ShareChart
from genesis_actors.tui.happened import EventLog
from genesis_actors.tui.inquiry import Inquiry
from genesis_actors.tui.model import Detail, Order, Shown, counted, listed
from genesis_actors.tui.price_chart import PriceChart
from genesis_actors.tui.slices import SliceList
from genesis_actors.tui.steering import Steering
from genesis_actors.tui.summary import Summary
from genesis_actors.tui.svg import svg_of
from genesis_actors.tui.theme import CYAN, DIM, PAPER, style

if TYPE_CHECKING:
    from genesis_actors.tui.app import LiveView

PANELS: Final = ("price", "fill", "share", "slices", "events")
_TITLES: Final = ("Price", "Fill", "Share", "Slices", "Events")
_MEDIUM: Final = (108, 34)
_WIDE: Final = (184, 44)
_LIST_ROWS: Final = {"compact": 6, "medium": 10}


class DeskScreen(Steering, Screen[None]):
    """Draws what the app knows."""

    CSS_PATH = "desk.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "pause", "Pause"),
        Binding("r", "resume", "Resume"),
        Binding("a", "amend", "Amend"),
        Binding("c", "cancel", "Cancel"),
        Binding("n", "new", "New"),
        Binding("h", "halt", "Halt"),
        Binding("slash", "search", "Find", key_display="/"),
        Binding("question_mark", "help", "Help", key_display="?"),
        Binding("q", "app.quit", "Quit"),
        Binding("o", "order", "Order", show=False),
        Binding("e", "ended", "Ended", show=False),
        Binding("x", "times", "Times", show=False),
        Binding("s", "save", "Save as SVG", show=False),
        Binding("escape", "back", "Back", show=False),
        *(Binding(str(n), f"panel('{name}')", show=False) for n, name in enumerate(PANELS, 1)),
    ]

    def __init__(self, view: LiveView) -> None:
        super().__init__()
        self._view = view
        self.order = Order.NEWEST
        self.shows_ended = True
        self.panel: str | None = None
        """The one that is shown alone; None: all of them."""
        self.format = "compact"
        self._inquiry = Inquiry(view)
        self._second = -1

    @property
    def view(self) -> LiveView:
        return self._view

    def compose(self) -> ComposeResult:
        yield Banner(id="banner")
        with Horizontal(id="body"):
            with Vertical(id="top"):
                yield ExecutionList(id="list")
                yield Input(placeholder="symbol, side, state or id", id="search", compact=True)
                yield EventLog(id="log")
            with Vertical(id="chosen"):
                yield Summary(id="summary")
                yield Static(id="tabs")
                with Horizontal(id="panels"):
                    with Vertical(id="left"):
                        yield PriceChart(id="price")
                        yield SliceList(id="slices")
                    with Vertical(id="right"):
                        yield FillChart(id="fill")
                        yield ShareChart(id="share")
                        yield EventLog(id="events")
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        for name, title in zip(PANELS, _TITLES, strict=True):
            self.query_one(f"#{name}").border_title = f"{PANELS.index(name) + 1} {title}"
        self.query_one("#list").border_title = "Executions"
        self.query_one("#log").border_title = "5 Events"
        self.query_one("#list").focus()
        self._lay_out()

    # --- News ------------------------------------------------------------------------------------

    def reload(self) -> None:
        """Ask for the chosen execution anew: the daemon is there again."""
        self._inquiry.renew()

    def lost(self) -> None:
        self._inquiry.lost()

    def changed(self, key: str) -> None:
        detail = self.view.detail
        if detail is not None and detail.execution.id == key:
            detail.execution = self.view.executions[key]
            self._inquiry.changed()

    def draw(self, *, has_news: bool) -> None:
        """Draw what has changed; what only time changes, once a second."""
        if not self.is_mounted:
            return
        now = self.view.now()
        second = int(now.timestamp())
        is_next = second != self._second
        if not has_news and not is_next:
            return
        self._second = second
        view, rows = self.view, self.query_one(ExecutionList)
        rows.now = now
        search = self.query_one("#search", Input).value
        rows.nothing_text = _why_nothing(search, has_any=bool(view.executions))
        rows.show(
            listed(
                view.executions.values(),
                self.order,
                search,
                now,
                shows_ended=self.shows_ended,
                chosen=rows.key,
            )
        )
        self.query_one("#banner", Banner).show(
            view.house,
            counted(view.executions.values()) if view.house is not None else "",
            view.trouble,
            now,
            is_read_only=view.is_read_only,
        )
        self._fit_list(len(rows.rows))
        self._choose(rows.chosen)
        self._inquiry.go_on()
        has_answer = self._inquiry.take_answer()
        self._draw_detail(with_charts=is_next or has_answer)

    def _draw_detail(self, *, with_charts: bool = True) -> None:
        """Draw the chosen execution; its charts, which cost most, no more often than they can be read."""
        detail, now = self.view.detail, self.view.now()
        self.query_one(Summary).show(detail, now)
        for chart in self.query(Chart):
            if chart.display and (with_charts or not chart.shows(detail)):
                chart.show(detail, now)
        self.query_one(SliceList).show([] if detail is None else detail.slices)
        for log in self.query(EventLog):
            if log.display:
                log.show([] if detail is None else list(detail.events))

    # --- The chosen execution --------------------------------------------------------------------

    @on(ExecutionList.Chosen)
    def _on_chosen(self) -> None:
        self._choose(self.query_one(ExecutionList).chosen)
        self._inquiry.go_on()
        self._draw_detail()

    def _choose(self, chosen: Shown | None) -> None:
        view = self.view
        if chosen is None:
            view.detail = None
        elif view.detail is None or view.detail.execution.id != chosen.id:
            view.detail = Detail(chosen)
            rows = self.query_one(ExecutionList)
            rows.key = chosen.id
            self.query_one(SliceList).key = None
            self._inquiry.renew()

    def look_at(self, data: Mapping[str, Any]) -> None:
        x = self.view.executions[data["id"]] = Shown.of(data)
        rows = self.query_one(ExecutionList)
        rows.key = x.id
        self._end_search(keeps=False)

    # --- Layout ----------------------------------------------------------------------------------

    def on_resize(self, event: events.Resize) -> None:
        del event
        self._lay_out()

    def _lay_out(self) -> None:
        width, height = self.size
        before = self.format
        if width >= _WIDE[0] and height >= _WIDE[1]:
            self.format = "wide"
        elif width >= _MEDIUM[0] and height >= _MEDIUM[1]:
            self.format = "medium"
        else:
            self.format = "compact"
        for name in ("compact", "medium", "wide"):
            self.set_class(name == self.format, f"-{name}")
        if self.format == "compact" and self.panel is None:
            self.panel = PANELS[0]
        elif self.format != "compact" and before == "compact":
            self.panel = None
        self._show_panels()
        self._fit_list(len(self.query_one(ExecutionList).rows))

    def _fit_list(self, rows: int) -> None:
        """Give the list what it needs, up to what its place has."""
        most = _LIST_ROWS.get(self.format)
        top = self.query_one("#top")
        searches = 1 if self.query_one("#search").display else 0
        top.styles.height = "1fr" if most is None else min(max(rows, 1), most) + 1 + searches
        # Where the list has a column of its own, the events stand below it.
        room = max(self.size.height * 3 // 5, 1)
        self.query_one("#list").styles.height = "1fr" if most else min(max(rows, 1), room) + 3

    def _show_panels(self) -> None:
        for name in PANELS:
            is_beside = name == "events" and self.format == "wide"
            self.query_one(f"#{name}").display = self.panel == name or (
                self.panel is None and not is_beside
            )
        self.query_one("#log").display = self.format == "wide"
        for side in ("left", "right"):
            box = self.query_one(f"#{side}")
            box.display = any(child.display for child in box.children)
        tabs = Text(no_wrap=True)
        for number, (name, title) in enumerate(zip(PANELS, _TITLES, strict=True), 1):
            is_on = name == self.panel
            tabs.append(
                f" {number} {title} ",
                style(PAPER if is_on else DIM, bold=is_on, on=CYAN if is_on else None),
            )
        if self.format != "compact":
            tabs.append("  esc: all", style(DIM))
        strip = self.query_one("#tabs", Static)
        strip.display = self.panel is not None
        strip.update(tabs)
        if self.view.detail is not None:
            self._draw_detail()

    def action_panel(self, name: str) -> None:
        is_same = self.panel == name
        self.panel = None if is_same and self.format != "compact" else name
        self._show_panels()
        is_list = self.panel in {"slices", "events"}
        self.query_one(f"#{self.panel}" if is_list else "#list").focus()

    def action_back(self) -> None:
        search = self.query_one("#search", Input)
        if search.display:
            self._end_search(keeps=False)
        elif self.panel is not None and self.format != "compact":
            self.panel = None
            self._show_panels()
        self.query_one("#list").focus()

    # --- The list --------------------------------------------------------------------------------

    def action_search(self) -> None:
        search = self.query_one("#search", Input)
        search.display = True
        search.focus()

    @on(Input.Submitted, "#search")
    def _searched(self) -> None:
        self._end_search(keeps=True)

    @on(Input.Changed, "#search")
    def _searching(self) -> None:
        self.draw(has_news=True)

    def _end_search(self, *, keeps: bool) -> None:
        search = self.query_one("#search", Input)
        if not keeps:
            search.value = ""
        search.display = bool(search.value)
        self.query_one("#list").focus()
        self.draw(has_news=True)

    def action_order(self) -> None:
        orders = list(Order)
        self.order = orders[(orders.index(self.order) + 1) % len(orders)]
        self.notify(f"order of the list: {self.order}", timeout=2)
        self.draw(has_news=True)

    def action_ended(self) -> None:
        self.shows_ended = not self.shows_ended
        rows = self.query_one(ExecutionList)
        if not self.shows_ended and rows.chosen is not None and rows.chosen.is_over:
            rows.key = None
        said = "shown" if self.shows_ended else "not shown"
        self.notify(f"executions that have ended are {said}", timeout=2)
        self.draw(has_news=True)

    def action_times(self) -> None:
        chart = self.query_one(PriceChart)
        chart.is_zoomed = not chart.is_zoomed
        self._draw_detail()

    def action_save(self) -> None:
        if self.view.in_browser:
            self.notify("from a browser nothing is written to this machine", severity="error")
            return
        path = Path(f"genesis-{self.view.now():%Y%m%d-%H%M%S}.svg")
        try:
            path.write_text(svg_of(self.view), encoding="utf-8")
        except OSError as error:
            self.notify(f"{path} cannot be written: {error.strerror}", severity="error")
        else:
            self.notify(f"saved as {path}", timeout=4)


def _why_nothing(search: str, *, has_any: bool) -> str:
    if search:
        return f"no execution fits {search!r}; Esc ends the search"
    return "all have ended: e shows them" if has_any else "no executions yet: n is a new order"
