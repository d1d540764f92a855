"""Recorded segments of markets, read once for the many executions whose reports they are in."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import Final, TypeAlias

from genesis_actors.domain.market_record import MarketSegment
from genesis_actors.domain.market_recorder import read_segment
from genesis_actors.values import parse_time

_ROWS_KEPT: Final = 200_000
"""Touches and trades in all: as numbers and text some 40 MB."""

_Row: TypeAlias = tuple[int, str, str, str]


class SegmentCache:
    """What was read last, up to so many rows: a segment of one second and one of 20,000 rows are not alike.

    The key is all that is read, so that nothing outdated is found, whichever database it comes from.
    """

    def __init__(self, rows_kept: int = _ROWS_KEPT) -> None:
        self._rows_kept = rows_kept
        self._rows = 0
        self._kept: OrderedDict[_Row, MarketSegment] = OrderedDict()
        self._lock = Lock()

    def read(self, epoch: int, began_at: str, ended_at: str, text: str) -> MarketSegment:
        """Return what `MarketRecorder` wrote."""
        key = epoch, began_at, ended_at, text
        with self._lock:
            known = self._kept.get(key)
            if known is not None:
                self._kept.move_to_end(key)
                return known
        segment = read_segment(epoch, parse_time(began_at), parse_time(ended_at), text)
        with self._lock:
            if key not in self._kept:
                self._kept[key] = segment
                self._rows += _size(segment)
            while self._rows > self._rows_kept:
                self._rows -= _size(self._kept.popitem(last=False)[1])
        return segment

    def __len__(self) -> int:
        return len(self._kept)


def _size(segment: MarketSegment) -> int:
    return 1 + len(segment.quote_times) + len(segment.trade_times)


segment_of: Final = SegmentCache().read
