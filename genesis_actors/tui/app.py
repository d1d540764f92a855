"""The live view: what the daemon tells, drawn twice a second, and what the operator says, handed to it.

It decides nothing and keeps nothing: end it in any way, and no execution notices.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from queue import Empty
from typing import Any, ClassVar, Final

from textual.app import App
from textual.binding import Binding, BindingType

from genesis_actors.control.client import LostError, RefusedError
from genesis_actors.tui.desk import DeskScreen
from genesis_actors.tui.dialog import Dialog
from genesis_actors.tui.link import (
    Answered,
    Connected,
    Heard,
    HouseSeen,
    Link,
    Lost,
    Question,
    Told,
)
from genesis_actors.tui.model import Detail, Happened, House, Shown
from genesis_actors.tui.theme import THEME
from genesis_actors.wording import printable

DRAW_SECONDS: Final = 0.5
SILENT_SECONDS: Final = 5.0
"""So long a question may go unanswered before the view says so."""

OnDone = Callable[[Any, Exception | None], None]


def _now() -> datetime:
    return datetime.now(UTC)


class LiveView(App[None]):
    """`in_browser`: somebody sits at a browser, where nothing is done that moves real money."""

    TITLE = "genesis"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c,ctrl+q", "quit", "Quit", show=False, priority=True)
    ]

    def __init__(
        self, link: Link, *, in_browser: bool = False, now: Callable[[], datetime] = _now
    ) -> None:
        super().__init__()
        self.link = link
        self.in_browser = in_browser
        self.now = now
        self.house: House | None = None
        self.executions: dict[str, Shown] = {}
        self.detail: Detail | None = None
        self._callbacks: dict[object, OnDone] = {}
        self._next_key = 0
        self._lost_at: datetime | None = None
        self._lost_why = ""
        self._is_silent = False
        self._running_loop: asyncio.AbstractEventLoop | None = None
        self._desk = DeskScreen(self)

    @property
    def is_read_only(self) -> bool:
        """Tell whether commands are refused here: real money is not moved from a browser."""
        return self.in_browser and (self.house is None or self.house.is_live)

    def on_mount(self) -> None:
        self.register_theme(THEME)
        self.theme = THEME.name
        self.push_screen(self._desk)
        self.link.open()
        self.set_interval(DRAW_SECONDS, self.take_in)
        self._running_loop = asyncio.get_running_loop()

    def leave(self) -> None:
        """End, from any thread; the terminal is then as it was."""
        if self._running_loop is not None:
            self._running_loop.call_soon_threadsafe(self.exit)

    def on_unmount(self) -> None:
        self.link.close()

    @property
    def failure(self) -> Exception | None:
        """What the view has failed of; whoever runs it says so."""
        return self._exception

    def _fatal_error(self) -> None:
        # Textual would print a traceback with every local variable.
        self._close_messages_no_wait()

    # --- What is heard ---------------------------------------------------------------------------

    def take_in(self) -> None:
        """Take in all that was heard since, and draw once."""
        changed = False
        with suppress(Empty):
            while True:
                heard = self.link.heard.get_nowait()
                changed = True
                try:
                    self._hear(heard)
                except (KeyError, TypeError, ValueError, ArithmeticError) as error:
                    said = f"{type(error).__name__}: {error}"
                    self._lose(f"it speaks another version's language: {said}")
        asked_at = self.link.asked_at
        is_silent = asked_at is not None and time.monotonic() - asked_at > SILENT_SECONDS
        if is_silent and self._lost_at is None:
            self._is_silent = changed = True
            self._lose("it does not answer")
        self._desk.draw(has_news=changed)

    def _hear(self, heard: Heard) -> None:
        match heard:
            case Connected():
                self._on_connected(heard)
            case Lost():
                self._lose(heard.why)
            case HouseSeen():
                self._learn(heard.house)
                if self._is_silent:
                    self._find()
            case Told():
                self._on_told(heard.line)
            case Answered():
                on_done = self._callbacks.pop(heard.key, None)
                if on_done is not None:
                    on_done(heard.data, heard.error)

    def _learn(self, house: Mapping[str, Any]) -> None:
        """Take in how the daemon is. A question that was put before it changed its money is not to be answered."""
        before, self.house = self.house, House.of(house)
        self.link.mode = self.house.mode
        if before is None or before.mode == self.house.mode:
            return
        said = f"the daemon is {self.house.mode.upper()} now"
        if isinstance(self.screen, Dialog):
            said += f": what was open was for {before.mode.upper()}, and is closed"
        while isinstance(self.screen, Dialog):
            self.screen.dismiss(None)
        self.notify(said, severity="warning", timeout=15)

    def _on_connected(self, heard: Connected) -> None:
        self._learn(heard.house)
        views = (Shown.of(view) for view in heard.executions)
        known = {key: x for key, x in self.executions.items() if x.is_over}
        self.executions = known | {x.id: x for x in views}
        self._find()

    def _on_told(self, line: Mapping[str, Any]) -> None:
        key: str = line["execution_id"]
        if line["priority"] == "NORMAL":
            self.executions[key] = Shown.of(line["data"])
            self._desk.changed(key)
        elif self.detail is not None and self.detail.execution.id == key:
            self.detail.hear(Happened.of(line))

    def _lose(self, why: str) -> None:
        if self._lost_at is None:
            self._lost_at = self.now()
            self._desk.lost()
        self._lost_why = printable(why)

    def _find(self) -> None:
        if self._lost_at is not None:
            self.notify("the daemon is back", timeout=4)
        self._lost_at, self._is_silent = None, False
        self._desk.reload()

    @property
    def trouble(self) -> str | None:
        """Since when, and why, nobody answers; None while somebody does."""
        if self._lost_at is None:
            return None
        since = f"{self._lost_at:%H:%M:%S}"
        return f"no connection since {since}: what is shown is old ({self._lost_why})"

    # --- What is said ----------------------------------------------------------------------------

    def ask(self, question: Question, on_done: OnDone) -> None:
        """Ask the daemon; `on_done` is called with the answer, or with what stood in the way, between two draws."""
        self.link.ask(self._key(on_done), question)

    def steer(self, command: Question, on_done: OnDone) -> None:
        """Give a command, unless this view may not."""
        if self.is_read_only:
            error = RefusedError(
                403,
                "read_only",
                "a browser moves no real money",
                "use genesis tui on a terminal, or the shell commands",
            )
            on_done(None, error)
            return
        self.link.command(self._key(on_done), command)

    def look_again(self) -> None:
        """Ask how the daemon is, without waiting for the next time."""

        def on_done(data: Any, error: Exception | None) -> None:  # noqa: ANN401 - JSON
            if error is None:
                self._learn(data)

        self.ask(lambda client: client.get("daemon").data, on_done)

    def explain(self, error: Exception) -> tuple[str, str]:
        """Return what went wrong, and the next step."""
        said = printable(str(error))
        match error:
            case RefusedError():
                return said, printable(error.hint)
            case LostError():
                return said, "what was asked may have been done: look before you repeat it"
            case _:
                return said, "start a daemon: genesis daemon start"

    def complain(self, error: Exception) -> None:
        message, hint = self.explain(error)
        self.notify(f"{message}\n{hint}", severity="error", timeout=10, markup=False)

    def _key(self, on_done: OnDone) -> int:
        self._next_key += 1
        self._callbacks[self._next_key] = on_done
        return self._next_key
