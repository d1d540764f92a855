"""Whether sockets and answers tell the same trades under the same ids: if not, adding both up counts some twice.

Some exchanges put several trades into one message, or number them otherwise. That is seen, and not believed: sockets'
trades are counted only after many of them in a row were, one by one, those of the answers.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Final

from genesis_actors.gateways.ccxt_parsing import MarketTrade

ENOUGH: Final = 20
FEW: Final = 3
"""Enough where trades have running numbers: those are not the same by chance."""

_TRIES: Final = 3

_Figures = tuple[Decimal, Decimal]


class Agreement:
    """What both have told of one symbol, until it is enough to decide."""

    def __init__(self, enough: int = ENOUGH) -> None:
        """`enough` is how many trades have to agree."""
        self.is_proven = False
        self._enough = enough
        self._tries = _TRIES
        self._agreed = 0
        self._begins_at: datetime | None = None
        self._told: dict[str, MarketTrade] = {}
        self._read: dict[str, MarketTrade] = {}

    @property
    def is_open(self) -> bool:
        """Tell whether it can still be proven, and has to be."""
        return not self.is_proven and self._tries > 0

    def begin_anew(self) -> None:
        """The socket has been connected again: what it said before has a gap behind it."""
        self._begins_at = None
        self._told.clear()
        self._read.clear()

    def lose(self) -> None:
        """They have been found to differ after all."""
        self.is_proven, self._tries = False, 0

    def told(self, trades: Iterable[MarketTrade]) -> None:
        """Take note of what the socket has said."""
        for each in trades:
            if self._begins_at is None:
                self._begins_at = each.trade.at  # Of this very instant it may have left out some.
            self._told[each.identity] = each

    def read(self, trades: Iterable[MarketTrade]) -> None:
        """Take note of what was answered."""
        for each in trades:
            self._read[each.identity] = each

    def judge(self, settled_until: datetime) -> None:
        """Hold both against each other until a time (the exchange's) of which nothing new will be told."""
        if self._begins_at is None:
            self._read = {
                n: each for n, each in self._read.items() if each.trade.at > settled_until
            }
            return
        told, read = (self._settled(each, settled_until) for each in (self._told, self._read))
        if told != read:
            self._tries -= 1
            self._agreed = 0
            self.begin_anew()
            return
        self._agreed += len(told)
        self.is_proven = self._agreed >= self._enough
        self._begins_at = max(self._begins_at, settled_until)

    def _settled(self, trades: dict[str, MarketTrade], until: datetime) -> dict[str, _Figures]:
        """Take out what is settled; what is before the beginning says nothing."""
        done = {name: each.trade for name, each in trades.items() if each.trade.at <= until}
        for name in done:
            del trades[name]
        begins_at = self._begins_at
        # Without their times: those are told with more or fewer digits.
        return {
            name: (trade.price, trade.quantity)
            for name, trade in done.items()
            if begins_at is None or trade.at > begins_at
        }
