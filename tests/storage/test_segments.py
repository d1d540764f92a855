"""Segments that are read once for many reports."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from genesis_actors.domain.market_recorder import MarketRecorder
from genesis_actors.messages.market_data import MarketRows
from genesis_actors.storage.segments import SegmentCache
from genesis_actors.values import Quote, Symbol, time_text
from tests.storage.samples import NOON


def written(bid: int, touches: int) -> tuple[int, str, str, str]:
    recorder = MarketRecorder(NOON, None)
    for number in range(touches):
        at = NOON + timedelta(seconds=number)
        price = Decimal(bid + number)
        recorder.record(MarketRows(Symbol("BTC/USDT"), at, Quote(at, price, price + 1), ()))
    cut = recorder.cut(NOON + timedelta(seconds=50))
    assert cut is not None
    began_at, ended_at, text = cut
    return 1, time_text(began_at), time_text(ended_at), text


def test_what_was_read_before_is_not_read_again_and_what_is_other_is() -> None:
    cache = SegmentCache()

    assert cache.read(*written(100, 3)) is cache.read(*written(100, 3))
    assert list(cache.read(*written(200, 3)).bids) == [200, 201, 202]


def test_what_is_kept_is_bounded_by_its_rows_and_the_oldest_goes_first() -> None:
    cache = SegmentCache(rows_kept=10)
    first, second = cache.read(*written(100, 4)), cache.read(*written(200, 4))
    assert cache.read(*written(100, 4)) is first  # So the other one was used longest ago.
    cache.read(*written(300, 4))

    assert len(cache) == 2
    assert cache.read(*written(100, 4)) is first
    assert cache.read(*written(200, 4)) is not second


def test_what_is_larger_than_all_that_is_kept_is_read_all_the_same() -> None:
    cache = SegmentCache(rows_kept=10)

    assert len(cache.read(*written(100, 30)).bids) == 30
    assert len(cache) == 0
