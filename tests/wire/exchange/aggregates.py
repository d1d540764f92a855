"""A symbol's public trades as aggregates: of one trade each, numbered one after the other as they come to be."""

from __future__ import annotations

from dataclasses import dataclass

from tests.wire.exchange.market import MINUTE, Market, Print

_FIRST = 5_000_000
_BEFORE = 10 * MINUTE
_OVERLAP = 5_000  # A trade of ours may be printed after others of its instant were looked at.


@dataclass(frozen=True, slots=True)
class Aggregate:
    number: int
    trade: Print


class Aggregates:
    """Begins some minutes before it is looked at first."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._until: int | None = None
        self._known: set[int] = set()
        self._all: list[Aggregate] = []

    def look(self, now: int) -> None:
        """Number what has been traded since somebody looked last."""
        if self._until is not None and now < self._until:
            return
        since = now - _BEFORE if self._until is None else self._until - _OVERLAP
        for trade in self._market.tape(since, now):
            if trade.trade_id not in self._known:
                self._known.add(trade.trade_id)
                self._all.append(Aggregate(_FIRST + len(self._all), trade))
        self._until = now

    @property
    def last(self) -> int:
        return _FIRST + len(self._all) - 1

    def since(self, number: int) -> list[Aggregate]:
        """Everything from that number on."""
        return self._all[max(number - _FIRST, 0) :]

    def between(self, first: int, until: int) -> list[Aggregate]:
        """Everything that was traded in [first, until]."""
        return [each for each in self._all if first <= each.trade.at <= until]
