"""What is asked about the chosen execution: one question at a time, and no more often than answers can be read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from genesis_actors.control.client import Client
from genesis_actors.tui.model import (
    Detail,
    Fill,
    Happened,
    Shown,
    Terms,
    prices_since,
    slices_of,
)
from genesis_actors.values import time_text

if TYPE_CHECKING:
    from genesis_actors.tui.app import LiveView

_EVENTS_AT_FIRST: Final = 300
_REFRESH: Final = timedelta(seconds=1)
"""It is asked for at most so often, and only when something has happened to it."""
_PRICES: Final = timedelta(seconds=2)


class Inquiry:
    """Fills the detail that the view looks at. Moving through a long list asks for where it comes to rest."""

    def __init__(self, view: LiveView) -> None:
        self._view = view
        self._is_asking = False
        self._is_stale = True
        self._has_answer = False
        self._asked_at: datetime | None = None
        self._prices_at: datetime | None = None

    def renew(self) -> None:
        """Ask for all of it: another one is looked at, or the daemon is there again."""
        self._is_stale = True
        self._asked_at = self._prices_at = None

    def lost(self) -> None:
        """Wait for no answer any more."""
        self._is_asking = False

    def changed(self) -> None:
        self._is_stale = True

    def take_answer(self) -> bool:
        """Tell whether there has been an answer since this was asked before."""
        had, self._has_answer = self._has_answer, False
        return had

    def go_on(self) -> None:
        """Ask for what is not known, unless an answer is waited for."""
        view, detail, now = self._view, self._view.detail, self._view.now()
        if detail is None or self._is_asking or view.trouble is not None or view.house is None:
            return
        key, symbol = detail.execution.id, detail.execution.symbol
        if self._asked_at is None:
            self._asked_at = self._prices_at = now
            self._ask(key, lambda client: _everything(client, key), self._take_everything)
        elif self._is_stale and now - self._asked_at >= _REFRESH:
            self._is_stale, self._asked_at = False, now
            self._ask(key, lambda client: client.get("executions", key).data, self._take)
        elif not detail.execution.is_over and (
            self._prices_at is None or now - self._prices_at >= _PRICES
        ):
            self._prices_at = now
            query = {"symbol": symbol, "since": time_text(prices_since(detail))}
            self._ask(
                key,
                lambda client: client.get("market", query=query).data,
                lambda detail, data: detail.take_prices(data),
            )

    def _ask(
        self, key: str, question: Callable[[Client], Any], take: Callable[[Detail, Any], None]
    ) -> None:
        self._is_asking = True

        def on_done(data: Any, error: Exception | None) -> None:  # noqa: ANN401 - JSON
            self._is_asking = False
            detail = self._view.detail
            if error is None and detail is not None and detail.execution.id == key:
                self._has_answer = True
                take(detail, data)

        self._view.ask(question, on_done)

    def _take_everything(self, detail: Detail, data: Mapping[str, Any]) -> None:
        self._take(detail, data["show"])
        detail.terms, detail.knows_terms = Terms.of(data["journal"]["terms"]), True
        events = [Happened.of(each) for each in data["journal"]["events"]]
        last = events[-1].sequence if events else 0
        detail.events = [*events, *(e for e in detail.events if e.sequence > last)]
        detail.take_prices(data["market"])
        self._is_stale = False

    def _take(self, detail: Detail, data: Mapping[str, Any]) -> None:
        detail.execution = self._view.executions[detail.execution.id] = Shown.of(data)
        detail.slices = slices_of(data["slices"])
        detail.fills = [Fill.of(each) for each in data["fills"]]


def _everything(client: Client, key: str) -> Mapping[str, Any]:
    show = client.get("executions", key).data
    journal = client.get("executions", key, "journal", query={"last": _EVENTS_AT_FIRST}).data
    since = prices_since(Detail(Shown.of(show)))
    query = {"symbol": show["symbol"], "since": time_text(since)}
    return {"show": show, "journal": journal, "market": client.get("market", query=query).data}
