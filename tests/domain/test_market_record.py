"""What is recorded of a market, written down and read again."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from genesis_actors.domain import market_recorder
from genesis_actors.domain.benchmarks import interval_twap
from genesis_actors.domain.market_record import MarketRecord, MarketSegment, micros
from genesis_actors.domain.market_recorder import MarketRecorder, Recorded, read_segment
from genesis_actors.messages.market_data import MarketRows
from genesis_actors.values import Quote, Side, Trade, quotient
from tests.domain.executions import NOON, SYMBOL, seconds


def rows(
    second: float, bid: str | None = None, traded: str | None = None, *, confirms: bool = True
) -> MarketRows:
    at = NOON + seconds(second)
    quote = None if bid is None else Quote(at, Decimal(bid), Decimal(bid) + Decimal("0.02"))
    trades = () if traded is None else (Trade(at, Decimal(100), Decimal(traded)),)
    return MarketRows(SYMBOL, at, quote, trades, confirms)


def read(*segments: Recorded | None, epoch: int = 1) -> MarketRecord:
    return MarketRecord.of(read_segment(epoch, *each) for each in segments if each is not None)


def recorded(*told: MarketRows, until: float = 60, quote: Quote | None = None) -> MarketRecord:
    recorder = MarketRecorder(NOON, quote)
    done = [segment for each in told for segment in recorder.record(each)]
    return read(*done, recorder.cut(NOON + seconds(until)))


prices = st.integers(1, 10**9).map(lambda units: Decimal(units).scaleb(-4))
events = st.lists(
    st.tuples(st.integers(0, 150_000), prices, prices | st.none(), prices | st.none()), max_size=40
)


@given(events, st.lists(st.integers(0, 160_000), min_size=1, max_size=5))
def test_what_is_read_is_what_was_told(
    told: list[tuple[int, Decimal, Decimal | None, Decimal | None]], asked: list[int]
) -> None:
    told = sorted(told, key=lambda event: event[0])
    recorder, done = MarketRecorder(NOON, None), list[Recorded]()
    quotes, trades = list[tuple[datetime, Decimal]](), list[tuple[datetime, Decimal]]()
    for milliseconds, price, bid, traded in told:
        at = NOON + timedelta(milliseconds=milliseconds)
        quote = None if bid is None else Quote(at, bid, bid + 1)
        sold = () if traded is None else (Trade(at, price, traded),)
        done += recorder.record(MarketRows(SYMBOL, at, quote, sold))
        quotes += [] if quote is None else [(at, quote.mid)]
        trades += [(trade.at, trade.quantity) for trade in sold]
    last = recorder.cut(NOON + seconds(161))
    assert last is not None
    record = read(*done, last)

    for milliseconds in asked:
        at = NOON + timedelta(milliseconds=milliseconds)
        before = [mid for when, mid in quotes if when <= at]
        assert record.volume(NOON - seconds(1), at) == sum(q for when, q in trades if when <= at)
        if record.knows(at):
            assert record.mid(at) == (before[-1] if before else None)


def test_a_time_that_is_not_recorded_is_not_known() -> None:
    record = recorded(rows(1, "99.99"), rows(5, "100.99"), until=8)

    assert record.mid(NOON) is None  # Covered, but there was no touch yet.
    assert record.mid(NOON + seconds(8)) == 101
    assert record.mid(NOON + seconds(9)) is None
    assert record.touch(Side.BUY, NOON + seconds(9)) is None
    assert record.gaps(NOON - seconds(2), NOON + seconds(9)) == (
        (NOON - seconds(2), NOON),
        (NOON + seconds(8), NOON + seconds(9)),
    )
    assert record.ends_at == NOON + seconds(8)
    assert record.gaps(NOON - seconds(9), NOON - seconds(5)) == (
        (NOON - seconds(9), NOON - seconds(5)),
    )


def test_nothing_recorded_is_one_gap() -> None:
    record = MarketRecord()

    assert record.ends_at is None
    assert record.gaps(NOON, NOON + seconds(1)) == ((NOON, NOON + seconds(1)),)
    assert record.best_touch(Side.BUY, NOON, NOON + seconds(1)) is None
    assert record.path(NOON, NOON + seconds(1), 10) == []


def test_a_touch_is_that_of_its_side() -> None:
    record = recorded(rows(0, "99"), rows(10, "98"), rows(20, "101"))

    assert record.touch(Side.BUY, NOON + seconds(10)) == Decimal("98.02")
    assert record.touch(Side.SELL, NOON + seconds(10)) == 98
    assert record.best_touch(Side.BUY, NOON, NOON + seconds(30)) == Decimal("98.02")
    assert record.best_touch(Side.SELL, NOON + seconds(11), NOON + seconds(19)) == 98


def test_silence_of_the_source_is_a_gap() -> None:
    record = recorded(
        rows(0, "99"), rows(5, "99"), rows(7, None, "1", confirms=False), rows(17, "98"), until=40
    )

    assert record.gaps(NOON, NOON + seconds(40)) == (
        (NOON + seconds(5), NOON + seconds(17)),
        (NOON + seconds(17), NOON + seconds(40)),
    )


def test_a_silence_over_several_segments_is_one_gap() -> None:
    record = recorded(rows(0, "99"), rows(185, "98"), until=190)

    assert record.gaps(NOON, NOON + seconds(190)) == ((NOON, NOON + seconds(185)),)


def test_a_market_that_is_too_busy_is_cut_and_the_rest_is_a_gap() -> None:
    most, market_recorder.ROWS_AT_MOST = market_recorder.ROWS_AT_MOST, 3
    try:
        record = recorded(*(rows(at, str(100 + at), "1") for at in range(10)), until=12)
    finally:
        market_recorder.ROWS_AT_MOST = most

    assert record.volume(NOON - seconds(1), NOON + seconds(12)) == 2
    assert record.gaps(NOON, NOON + seconds(12)) == ((NOON + seconds(2), NOON + seconds(12)),)


def test_a_segment_begins_with_the_touch_in_force() -> None:
    record = recorded(quote=Quote(NOON - seconds(5), Decimal(99), Decimal(101)), until=8)

    assert record.mid(NOON) == 100


def test_a_late_row_counts_within_the_segment_that_is_open() -> None:
    recorder = MarketRecorder(NOON, None)
    first = recorder.cut(NOON + seconds(10))
    assert recorder.record(rows(9, "99", "1")) == []
    record = read(first, recorder.cut(NOON + seconds(20)))

    assert record.mid(NOON + seconds(10)) == Decimal("99.01")
    assert record.volume(NOON, NOON + seconds(10)) == 1


def test_nothing_is_cut_twice_at_one_time() -> None:
    assert MarketRecorder(NOON, None).cut(NOON) is None


def test_a_symbol_is_recorded_on_for_five_minutes_after_its_last_execution() -> None:
    recorder = MarketRecorder(NOON, None)
    recorder.watch("x1")
    recorder.watch("x2")
    recorder.unwatch("x1", NOON)
    recorder.unwatch("x1", NOON + seconds(900))  # Told twice.
    assert not recorder.is_over(NOON + seconds(800))
    recorder.unwatch("x2", NOON + seconds(800))

    assert not recorder.is_over(NOON + seconds(1100))
    assert recorder.is_over(NOON + seconds(1101))
    last = recorder.last()
    assert last is not None
    assert last[1] == NOON + seconds(1100)
    assert MarketRecorder(NOON, None).last() is None


def a_segment(epoch: int, began: float, ended: float, *quotes: tuple[float, int]) -> MarketSegment:
    return MarketSegment(
        epoch=epoch,
        began=micros(NOON + seconds(began)),
        ended=micros(NOON + seconds(ended)),
        price_places=0,
        quantity_places=0,
        quote_times=[micros(NOON + seconds(at)) for at, _ in quotes],
        bids=[bid for _, bid in quotes],
        asks=[bid for _, bid in quotes],
        trade_times=[micros(NOON + seconds(at)) for at, _ in quotes],
        prices=[1 for _ in quotes],
        quantities=[1 for _ in quotes],
    )


def test_what_a_later_run_has_recorded_again_counts_once_and_as_it_saw_it() -> None:
    record = MarketRecord.of(
        [
            a_segment(2, 30, 90, (30, 7), (70, 8)),
            a_segment(1, 0, 60, (0, 1), (30, 2), (50, 3)),
            a_segment(1, 60, 80, (60, 4)),
        ]
    )

    assert [record.mid(NOON + seconds(at)) for at in (0, 29, 30, 60, 70)] == [1, 1, 7, 7, 8]
    assert record.volume(NOON - seconds(1), NOON + seconds(90)) == 3
    assert record.gaps(NOON, NOON + seconds(90)) == ()


def test_gaps_of_what_is_recorded_again_are_cut_with_it() -> None:
    early = replace(
        a_segment(1, 0, 60, (0, 1)),
        gaps=[(micros(NOON + seconds(10)), micros(NOON + seconds(40)))],
    )
    record = MarketRecord.of([early, a_segment(2, 30, 60, (30, 2))])

    assert record.gaps(NOON, NOON + seconds(60)) == ((NOON + seconds(10), NOON + seconds(30)),)
    assert record.gaps(NOON, NOON + seconds(25)) == ((NOON + seconds(10), NOON + seconds(25)),)
    assert record.gaps(NOON + seconds(40), NOON + seconds(50)) == ()


def test_a_path_keeps_each_stretch_s_extremes() -> None:
    record = recorded(*(rows(at, str(100 + at % 5)) for at in range(50)))
    path = record.path(NOON + seconds(5), NOON + seconds(30), 5)

    assert len(path) <= 9
    assert (path[0][0], path[-1][0]) == (NOON + seconds(5), NOON + seconds(30))
    assert {bid for _, bid, _ in path} >= {Decimal("100.00"), Decimal("104.00")}
    assert all(a[0] <= b[0] for a, b in pairwise(path))
    # Each point is a touch that was: 0.02 apart.
    assert {ask - bid for _, bid, ask in path if bid and ask} == {Decimal("0.02")}


def test_a_path_breaks_off_where_nothing_is_recorded() -> None:
    record = recorded(rows(0, "99"), rows(5, "98"), rows(30, "97"), rows(35, "96"), until=40)
    path = record.path(NOON, NOON + seconds(40), 100)

    bids = [(round((at - NOON).total_seconds()), bid) for at, bid, _ in path]
    assert bids == [(0, 99), (5, 98), (5, 98), (5, None), (30, 97), (35, 96), (40, 96)]


def test_a_summary_counts_a_touch_until_the_next_one_and_the_rest_is_known_apart() -> None:
    record = recorded(
        rows(0, "99.99"), rows(10, None, "2"), rows(30, "103.99"), rows(39, None, "3"), until=40
    )
    summary = record.summary(NOON, NOON + seconds(40))

    assert (summary.volume, summary.notional) == (5, 500)
    assert (summary.start_mid, summary.last_mid) == (100, 104)
    assert interval_twap(summary) == 101  # 100 for 30 of 40 seconds, through the gap from 10 to 30.
    assert record.gaps(NOON, NOON + seconds(40)) == ((NOON + seconds(10), NOON + seconds(30)),)
    assert record.known_mean_mid(NOON, NOON + seconds(40)) == 102  # 100 for 10 s, 104 for 10 s.


def test_numbers_of_different_fineness_are_brought_together() -> None:
    fine = replace(
        a_segment(1, 60, 120, (60, 10015)),
        price_places=2,
        quantity_places=3,
        quantities=[2500],
    )
    record = MarketRecord.of([a_segment(1, 0, 60, (0, 100)), fine])

    assert [record.mid(NOON + seconds(at)) for at in (0, 60)] == [100, Decimal("100.15")]
    assert record.volume(NOON - seconds(1), NOON + seconds(60)) == Decimal("3.5")


def test_where_nothing_was_ever_quoted_there_is_no_last_mid() -> None:
    assert MarketRecord().summary(NOON, NOON + seconds(60)).last_mid is None


@given(
    st.lists(st.tuples(st.integers(0, 90_000), prices, st.booleans()), max_size=20),
    st.integers(-3_000, 70_000),
    st.integers(-1_000, 40_000),
)
@example([(4_000, Decimal(1), True), (6_000, Decimal(2), True)], 0, 10_000)
def test_a_mean_move_is_that_of_the_whole_seconds_at_which_both_mids_are_recorded(
    told: list[tuple[int, Decimal, bool]], since: int, length: int
) -> None:
    events = [
        MarketRows(SYMBOL, at, Quote(at, bid, bid + 1), (), confirms)
        for at, bid, confirms in (
            (NOON + timedelta(milliseconds=when), bid, confirms)
            for when, bid, confirms in sorted(told)
        )
    ]
    record = recorded(*events, until=91)
    start = NOON + timedelta(milliseconds=since)
    end = start + timedelta(milliseconds=length)
    horizons = (seconds(1), seconds(5), seconds(30))

    expected = list[Decimal | None]()
    for horizon in horizons:
        times = [start + seconds(n) for n in range(length // 1000 + 1)]
        pairs = [(record.mid(at), record.mid(at + horizon)) for at in times]
        known = [(a, b) for a, b in pairs if a is not None and b is not None]
        moved, worth = sum(b - a for a, b in known), sum(a for a, _ in known)
        expected.append(quotient(10_000 * Decimal(moved), Decimal(worth)))
    assert record.mean_moves(start, end, horizons) == tuple(expected)


YEAR = 31_536_000


def test_what_is_not_recorded_for_a_year_is_not_kept_second_by_second() -> None:
    record = MarketRecord.of(
        [a_segment(1, 0, 60, (0, 100)), a_segment(2, YEAR, YEAR + 60, (YEAR, 110))]
    )
    end = NOON + seconds(YEAR + 60)

    mids, _ = record._doubled_mids(micros(NOON), YEAR + 61, longest=300)

    assert len(mids) < 1_000
    assert record.mean_moves(NOON, end, (seconds(1), seconds(300))) == (0, None)
