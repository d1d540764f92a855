"""The markets that the daemon works in, as a chart needs them: fed by the venue's rows, asked by the door."""

from __future__ import annotations

import threading
from datetime import datetime

from genesis_actors.domain.price_history import STEP, PriceHistory
from genesis_actors.messages.market_data import MarketRows
from genesis_actors.values import Quote, Symbol, decimal_text, time_text
from genesis_actors.views import View


class Prices:
    """An address for market rows. They come in from the venue's thread, questions from the door's."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._histories: dict[Symbol, PriceHistory] = {}

    def tell(self, message: MarketRows) -> None:
        with self._lock:
            history = self._histories.get(message.symbol)
            if history is None:
                history = self._histories[message.symbol] = PriceHistory()
            history.record(message.at, message.quote, message.trades)

    def quote(self, symbol: Symbol) -> Quote | None:
        """Return the touch in force; None where nobody watches the market."""
        with self._lock:
            history = self._histories.get(symbol)
            return None if history is None else history.quote

    def view(self, symbol: Symbol, since: datetime) -> View:
        """Return the touch, and each step that was not over by `since` as its time, mid and volume."""
        with self._lock:
            history = self._histories.get(symbol)
            quote, points = (None, []) if history is None else (history.quote, history.since(since))
        return {
            "bid": None if quote is None else decimal_text(quote.bid),
            "ask": None if quote is None else decimal_text(quote.ask),
            "step_seconds": int(STEP.total_seconds()),
            "points": [
                (
                    time_text(point.at),
                    None if point.mid is None else decimal_text(point.mid),
                    decimal_text(point.volume),
                )
                for point in points
            ],
        }
