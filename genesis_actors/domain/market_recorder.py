"""Records one symbol's market while somebody works it, in segments of a minute, as compact text.

A row costs two appends; the text is made when a segment is over. A symbol is recorded once for all its executions.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import accumulate, pairwise
from math import gcd
from typing import Any, Final

from genesis_actors.domain.market_record import GAP, MICROSECOND, MarketSegment, micros
from genesis_actors.messages.market_data import MarketRows
from genesis_actors.values import EXACT, Quote, Trade

SEGMENT: Final = timedelta(seconds=60)
AFTERMATH: Final = timedelta(minutes=5)
"""So long a symbol is recorded after its last execution has ended: for the longest mark-out."""
OBSERVED_AFTER: Final = AFTERMATH + timedelta(seconds=1)
"""When that is over: the row that shows the last mark-out may come a little later."""
ROWS_AT_MOST: Final = 20_000
"""Touches and trades of one segment; what is beyond them is a gap."""

Recorded = tuple[datetime, datetime, str]
"""When a segment began and ended, and its text."""


class MarketRecorder:
    """What one symbol's market does from `since` on.

    >>> from datetime import UTC
    >>> noon = datetime(2024, 8, 8, 12, tzinfo=UTC)
    >>> recorder = MarketRecorder(noon, Quote(noon, bid=Decimal("99.99"), ask=Decimal("100.01")))
    >>> began, ended, text = recorder.cut(noon + timedelta(seconds=2))
    >>> text
    '{"unit":2000000,"price_places":2,"quantity_places":0,"quotes":[[0],[9999],[2]],"trades":[[],[],[]],"gaps":[],"cut":0}'
    """

    def __init__(self, since: datetime, quote: Quote | None) -> None:
        self._since = since
        self._quote = quote
        self._heard_at = since
        self._watchers: set[str] = set()
        self._keeps_until: datetime | None = None
        self._begin(since)

    def _begin(self, at: datetime) -> None:
        self._began_at = at
        self._ends_at = at + SEGMENT
        self._quotes: list[tuple[datetime, Quote]] = []
        self._trades: list[Trade] = []
        self._gaps: list[tuple[datetime, datetime]] = []
        self._full_at: datetime | None = None
        if self._quote is not None:
            self._quotes.append((at, self._quote))

    def watch(self, key: str) -> None:
        self._watchers.add(key)
        self._keeps_until = None

    def unwatch(self, key: str, now: datetime) -> None:
        """Record on for the mark-outs of the last one that ended."""
        if key in self._watchers:
            self._watchers.remove(key)
            self._keeps_until = now + AFTERMATH

    def is_over(self, now: datetime) -> bool:
        """Tell whether nobody needs any more of it."""
        return not self._watchers and self._keeps_until is not None and now > self._keeps_until

    def last(self) -> Recorded | None:
        """Return what there is up to the end of it all, which came before the next row did."""
        return None if self._keeps_until is None else self.cut(self._keeps_until)

    def record(self, rows: MarketRows) -> list[Recorded]:
        """Take one instant in; return the segments that are over by it."""
        if rows.at < self._since:
            # From before all that is recorded: of that only the touch is of use, where it is still in force.
            if rows.quote is not None:
                self._quote = rows.quote
                self._quotes = [(self._since, rows.quote)]
            return []
        done: list[Recorded] = []
        at = max(self._began_at, rows.at)
        while at >= self._ends_at:
            done.append(self._cut(self._ends_at))
        if self._full_at is None and len(self._quotes) + len(self._trades) >= ROWS_AT_MOST:
            self._full_at = at
        if rows.confirms_quote:
            if at - self._heard_at > GAP and self._full_at is None:
                self._gaps.append((max(self._heard_at, self._began_at), at))
            self._heard_at = at
        quote, before = rows.quote, self._quote
        if quote is not None:
            self._quote = quote
        if self._full_at is not None:
            return done
        if quote is not None and (
            before is None or quote.bid != before.bid or quote.ask != before.ask
        ):
            self._quotes.append((at, quote))
        if rows.trades:
            self._trades += rows.trades
        return done

    def cut(self, now: datetime) -> Recorded | None:
        """End the segment at `now` and begin the next one; None where there is nothing of it yet."""
        return self._cut(now) if now > self._began_at else None

    def _cut(self, at: datetime) -> Recorded:
        if at - self._heard_at > GAP and self._full_at is None:
            self._gaps.append((max(self._heard_at, self._began_at), at))
        if self._full_at is not None:
            self._gaps.append((self._full_at, at))
        recorded = self._began_at, at, self._text(at)
        self._begin(at)
        return recorded

    def _text(self, ended_at: datetime) -> str:
        origin = self._began_at
        length = (ended_at - origin) // MICROSECOND
        # A venue may tell of a trade a little later than it happened: within a segment time does not run back.
        quote_times = [(at - origin) // MICROSECOND for at, _ in self._quotes]
        trade_times = list(
            accumulate((max((t.at - origin) // MICROSECOND, 0) for t in self._trades), max)
        )
        bids, asks = [q.bid for _, q in self._quotes], [q.ask for _, q in self._quotes]
        prices, quantities = [t.price for t in self._trades], [t.quantity for t in self._trades]
        price_units, price_places = _units({*bids, *asks, *prices})
        quantity_units, quantity_places = _units(set(quantities))
        gaps = [(_since(origin, a), _since(origin, b)) for a, b in self._gaps]
        unit = gcd(length, *quote_times, *trade_times, *(at for gap in gaps for at in gap)) or 1
        spreads = [price_units[ask] - price_units[bid] for ask, bid in zip(asks, bids, strict=True)]
        return json.dumps(
            {
                "unit": unit,
                "price_places": price_places,
                "quantity_places": quantity_places,
                "quotes": [
                    _steps([at // unit for at in quote_times]),
                    _steps([price_units[bid] for bid in bids]),
                    spreads,
                ],
                "trades": [
                    _steps([at // unit for at in trade_times]),
                    _steps([price_units[price] for price in prices]),
                    [quantity_units[quantity] for quantity in quantities],
                ],
                "gaps": [[a // unit, b // unit] for a, b in gaps],
                "cut": int(self._full_at is not None),
            },
            separators=(",", ":"),
        )


def read_segment(epoch: int, began_at: datetime, ended_at: datetime, text: str) -> MarketSegment:
    """Return what `MarketRecorder` wrote."""
    written: dict[str, Any] = json.loads(text)
    unit, origin = written["unit"], micros(began_at)
    quotes, trades = written["quotes"], written["trades"]
    bids: list[int] = list(accumulate(quotes[1]))
    return MarketSegment(
        epoch=epoch,
        began=origin,
        ended=micros(ended_at),
        price_places=written["price_places"],
        quantity_places=written["quantity_places"],
        quote_times=[origin + at * unit for at in accumulate(quotes[0])],
        bids=bids,
        asks=[bid + spread for bid, spread in zip(bids, quotes[2], strict=True)],
        trade_times=[origin + at * unit for at in accumulate(trades[0])],
        prices=list(accumulate(trades[1])),
        quantities=trades[2],
        gaps=[(origin + a * unit, origin + b * unit) for a, b in written["gaps"]],
        is_cut=bool(written["cut"]),
    )


def _since(origin: datetime, at: datetime) -> int:
    return (at - origin) // MICROSECOND


def _units(values: Iterable[Decimal]) -> tuple[dict[Decimal, int], int]:
    """Return each value as an integer of 10^-places, and the places."""
    distinct = list(values)
    places = max((_places(value) for value in distinct), default=0)
    return {value: int(EXACT.scaleb(value, places)) for value in distinct}, places


def _places(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return max(-exponent, 0) if isinstance(exponent, int) else 0


def _steps(values: Sequence[int]) -> list[int]:
    """Return the first value, and how much each further one is above the one before it."""
    return [*values[:1], *(later - earlier for earlier, later in pairwise(values))]
