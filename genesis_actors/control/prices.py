"""The markets that the daemon works in, as a chart needs them: fed by the venue's rows, asked by the door."""

from __future__ import annotations

import threading
from datetime import datetime

from genesis_actors.domain.price_history import PriceHistory, PricePoint
from genesis_actors.messages.market_data import MarketRows
from genesis_actors.values import Quote, Symbol


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

    def of(self, symbol: Symbol, since: datetime) -> tuple[Quote | None, list[PricePoint]]:
        """Return the touch in force and the steps since then; none of a symbol whose market nobody watches."""
        with self._lock:
            history = self._histories.get(symbol)
            return (None, []) if history is None else (history.quote, history.since(since))
