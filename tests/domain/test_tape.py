"""A symbol's running sums: by hand, against a naive recomputation, and when rows are forgotten."""

from __future__ import annotations

import decimal
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis_actors.domain.tape import MarketTape
from genesis_actors.values import ZERO, MarketSummary, Quote, Trade

NOON = datetime(2024, 8, 8, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def trade(seconds: float, price: int | str, quantity: int | str) -> Trade:
    return Trade(after(seconds), Decimal(price), Decimal(quantity))


def put_quote(tape: MarketTape, seconds: float, bid: int | str, ask: int | str) -> Quote:
    quote = Quote(after(seconds), Decimal(bid), Decimal(ask))
    tape.record_quote(quote.at, quote)
    return quote


def test_an_empty_tape_has_nothing_to_tell() -> None:
    tape = MarketTape()

    assert tape.quote is None
    assert tape.quote_age(NOON) is None
    assert tape.window_volume(NOON, MINUTE) == 0
    assert tape.summary(NOON, after(60)) == MarketSummary(
        NOON, after(60), ZERO, ZERO, ZERO, 0, last_mid=None, start_mid=None
    )


def test_sums_are_those_of_the_rows_after_since() -> None:
    tape = MarketTape()
    put_quote(tape, -5, 99, 101)
    tape.record_trade(trade(-1, 100, 7))
    tape.record_trade(trade(0, 100, 8))
    tape.watch("x1", NOON, MINUTE)
    tape.record_trade(trade(1, 101, 2))
    newest = put_quote(tape, 2, 102, 104)
    tape.record_trade(trade(3, 104, "0.5"))

    # 100 for two seconds, then 103 for one.
    assert tape.summary("x1", after(3)) == MarketSummary(
        start=NOON,
        end=after(3),
        volume=Decimal("2.5"),
        notional=Decimal(254),
        mid_integral=Decimal(303) * 10**6,
        mid_microseconds=3 * 10**6,
        last_mid=Decimal(103),
        start_mid=Decimal(100),
    )
    assert tape.summary(NOON, after(3)) == tape.summary("x1", after(3))
    assert tape.quote == newest


def test_rows_at_exactly_since_belong_to_before_even_if_they_come_after_the_watch() -> None:
    tape = MarketTape()
    put_quote(tape, -1, 99, 101)
    tape.watch("x1", NOON, MINUTE)
    tape.record_trade(trade(0, 100, 9))
    put_quote(tape, 0, 104, 106)
    tape.record_trade(trade(1, 105, 1))

    summary = tape.summary("x1", after(1))
    assert summary.volume == 1
    assert summary.start_mid == 105
    assert summary.mid_integral == 105 * 10**6


def test_of_several_quotes_at_one_time_the_last_counts() -> None:
    tape = MarketTape()
    put_quote(tape, 0, 99, 101)
    put_quote(tape, 0, 109, 111)

    assert tape.summary(NOON, after(1)).mid_integral == 110 * 10**6


def test_only_time_in_which_there_was_a_mid_counts() -> None:
    tape = MarketTape()
    tape.watch("x1", NOON, MINUTE)
    put_quote(tape, 4, 99, 101)

    summary = tape.summary("x1", after(10))
    assert (summary.mid_integral, summary.mid_microseconds) == (600 * 10**6, 6 * 10**6)
    assert (summary.start_mid, summary.last_mid) == (None, 100)
    assert tape.summary("x1", after(3)).last_mid is None


def test_a_window_without_length_has_the_mid_in_force() -> None:
    tape = MarketTape()
    put_quote(tape, -3, 99, 101)
    tape.record_trade(trade(0, 100, 1))

    assert tape.summary(NOON, NOON) == MarketSummary(
        NOON, NOON, ZERO, ZERO, ZERO, 0, last_mid=Decimal(100), start_mid=Decimal(100)
    )


def test_a_window_s_volume_excludes_its_start_and_includes_its_end() -> None:
    tape = MarketTape()
    for seconds in (0, 30, 60, 90):
        tape.record_trade(trade(seconds, 100, seconds + 1))

    assert tape.window_volume(after(60), MINUTE) == 31 + 61
    assert tape.window_volume(after(90), MINUTE) == 61 + 91
    assert tape.window_volume(after(1000), MINUTE) == 0
    assert tape.window_volume(after(59), MINUTE) == 1 + 31


def test_the_quote_s_age_is_the_time_since_its_source_vouched_for_it() -> None:
    tape = MarketTape()
    tape.confirm(NOON)
    assert tape.quote_age(after(1)) is None

    put_quote(tape, 0, 99, 101)
    assert tape.quote_age(after(5)) == timedelta(seconds=5)
    tape.confirm(after(4))
    tape.confirm(after(3))
    assert tape.quote_age(after(5)) == timedelta(seconds=1)
    put_quote(tape, 5, 99, 101)
    assert tape.quote_age(after(5)) == timedelta(0)


def test_a_quote_with_the_same_mid_is_the_newest_quote_all_the_same() -> None:
    tape = MarketTape()
    put_quote(tape, 0, 99, 101)
    narrower = put_quote(tape, 1, 100, 100)

    assert tape.quote == narrower
    assert tape.summary(NOON, after(2)).mid_integral == 200 * 10**6


def test_rows_must_come_in_time_order() -> None:
    tape = MarketTape()
    tape.record_trade(trade(1, 100, 1))
    put_quote(tape, 1, 99, 101)

    with pytest.raises(ValueError, match="before the newest one"):
        tape.record_trade(trade(0, 100, 1))
    with pytest.raises(ValueError, match="before the newest one"):
        put_quote(tape, 0, 99, 101)


def test_a_window_that_begins_later_is_empty() -> None:
    """An execution of an earlier run may have begun in the future, where the clock was set back between the two."""
    tape = MarketTape()
    tape.watch("x1", after(60), MINUTE)
    tape.record_trade(trade(1, 100, 1))
    put_quote(tape, 1, 99, 101)
    found = tape.summary("x1", after(2))

    assert (found.start, found.end, found.volume) == (after(2), after(2), 0)
    tape.record_trade(trade(61, 100, 5))
    assert tape.summary("x1", after(62)).volume == 5


def test_who_does_not_watch_has_no_summary() -> None:
    tape = MarketTape()
    tape.watch("x1", NOON, MINUTE)
    tape.unwatch("x1")
    tape.unwatch("x1")

    with pytest.raises(KeyError, match="x1"):
        tape.summary("x1", NOON)


def fill(tape: MarketTape, first: int, last: int) -> None:
    """Record a trade of 1 and a changed mid each 100 ms, from `first` to `last` seconds."""
    for tenth in range(first * 10, last * 10):
        seconds = tenth / 10
        tape.record_trade(trade(seconds, 100, 1))
        put_quote(tape, seconds, 99, 101 + tenth % 2)


def test_rows_older_than_the_history_are_forgotten() -> None:
    tape = MarketTape()
    fill(tape, 0, 600)

    assert len(tape._trade_times) < 2 * 600 + 1100
    assert len(tape._mid_times) < 2 * 600 + 1100
    assert tape.covers(after(540))
    assert not tape.covers(after(0))
    assert tape.summary(after(540), after(600)).volume == 599
    with pytest.raises(ValueError, match="no longer reaches back"):
        tape.summary(NOON, after(600))


def test_a_watcher_s_sums_outlive_the_history() -> None:
    tape = MarketTape()
    tape.watch("early", after(1), MINUTE)
    fill(tape, 0, 600)
    summary = tape.summary("early", after(600))

    assert summary.volume == 6000 - 11
    assert summary.notional == 100 * summary.volume
    assert summary.start_mid == 100
    assert summary.mid_microseconds == 599 * 10**6
    assert summary.mid_integral == Decimal("100.25") * 599 * 10**6


def test_watching_again_from_the_same_time_keeps_what_there_is() -> None:
    tape = MarketTape()
    tape.watch("x1", after(1), MINUTE)
    fill(tape, 0, 600)
    before = tape.summary("x1", after(600))
    tape.watch("x1", after(1), 2 * MINUTE)

    assert tape.summary("x1", after(600)) == before


def test_a_watcher_that_comes_too_late_gets_what_is_left() -> None:
    tape = MarketTape()
    fill(tape, 0, 600)
    oldest = tape._trade_times[0]
    tape.watch("late", NOON, MINUTE)
    summary = tape.summary("late", after(600))

    assert oldest > after(300)
    assert summary.volume == len(tape._trade_times) - 1
    assert summary.mid_microseconds == (after(600) - tape._mid_times[0]) // timedelta(
        microseconds=1
    )
    assert summary.start_mid == tape._mids[0]
    assert tape.window_volume(after(600), 30 * MINUTE) == summary.volume


def test_the_history_is_as_long_as_the_longest_window_that_is_watched() -> None:
    tape = MarketTape()
    tape.watch("short", NOON, MINUTE)
    tape.watch("long", NOON, 4 * MINUTE)
    tape.watch("as long", NOON, 4 * MINUTE)
    tape.unwatch("as long")
    fill(tape, 0, 300)
    assert tape.window_volume(after(300), 4 * MINUTE) == 2400 - 1

    tape.unwatch("long")
    fill(tape, 300, 900)
    assert len(tape._trade_times) < 2 * 600 + 1100
    assert not tape.covers(after(300))
    assert tape.window_volume(after(900), MINUTE) == 599


def test_trades_alone_are_forgotten_too() -> None:
    tape = MarketTape()
    put_quote(tape, 0, 99, 101)
    for second in range(5000):
        tape.record_trade(trade(second, 100, 1))

    assert len(tape._trade_times) < 2 * 60 + 1100
    assert not tape.covers(NOON)
    assert tape.covers(after(4990))


def test_a_history_that_is_longer_than_all_there_was_forgets_nothing() -> None:
    tape = MarketTape()
    tape.watch("x1", NOON, 30 * MINUTE)
    fill(tape, 0, 30)

    assert tape.covers(NOON)
    assert tape.summary(NOON, after(30)).volume == 299


def test_sums_are_exact_whatever_the_caller_s_decimal_context() -> None:
    tape = MarketTape()
    with decimal.localcontext() as context:
        context.prec = 3
        put_quote(tape, 0, "61234.56789012", "61234.56789013")
        tape.record_trade(trade(1, "61234.56789012", "0.12345678"))
        summary = tape.summary(NOON, after(1))

    assert summary.notional == Decimal("61234.56789012") * Decimal("0.12345678")
    assert summary.last_mid == Decimal("61234.567890125")


def test_ten_minutes_of_a_busy_market_are_recorded_in_a_moment() -> None:
    quotes = [
        Quote(after(n / 9), Decimal(60_000 + n % 7), Decimal(60_001 + n % 5)) for n in range(5700)
    ]
    trades = [trade(640 + n / 40, "60000.01", "0.00123") for n in range(20_000)]
    tape = MarketTape()
    tape.watch("x1", NOON, MINUTE)
    started = time.process_time()
    for quote in quotes:
        tape.record_quote(quote.at, quote)
    for each in trades:
        tape.record_trade(each)

    # Some 0.03 s in fact; coverage and a busy machine take their share.
    assert time.process_time() - started < 1


@dataclass
class NaiveTape:
    """Keeps everything and adds it up anew each time."""

    trades: list[Trade] = field(default_factory=list)
    mids: list[tuple[datetime, Decimal]] = field(default_factory=list)

    def mid_at(self, at: datetime) -> Decimal | None:
        return next((mid for time, mid in reversed(self.mids) if time <= at), None)

    def summary(self, since: datetime, now: datetime) -> MarketSummary:
        inside = [each for each in self.trades if since < each.at <= now]
        edges = sorted({since, now, *(time for time, _ in self.mids if since < time < now)})
        integral, quoted = ZERO, 0
        for start, end in pairwise(edges):
            mid = self.mid_at(start)
            if mid is not None:
                length = (end - start) // timedelta(microseconds=1)
                integral += mid * length
                quoted += length
        return MarketSummary(
            start=since,
            end=now,
            volume=sum((each.quantity for each in inside), ZERO),
            notional=sum((each.quantity * each.price for each in inside), ZERO),
            mid_integral=integral,
            mid_microseconds=quoted,
            last_mid=self.mid_at(now),
            start_mid=self.mid_at(since),
        )


steps = st.lists(
    st.tuples(
        st.sampled_from(["trade", "quote", "watch", "ask"]),
        st.sampled_from([0, 0, 1, 250_000, 1_000_003, 20_000_000, 90_000_000]),
        st.integers(1, 10),
        st.integers(0, 5),
    ),
    max_size=120,
)


@settings(max_examples=80, deadline=None)
@given(rows=steps, spare_rows=st.sampled_from([1, 5, 1024]))
def test_sums_equal_a_naive_recomputation(
    rows: list[tuple[str, int, int, int]], spare_rows: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("genesis_actors.domain.tape._SPARE_ROWS", spare_rows)
        tape, naive = MarketTape(), NaiveTape()
        watched: dict[str, datetime] = {}
        now = NOON
        for kind, microseconds, number, other in rows:
            now += timedelta(microseconds=microseconds)
            price = Decimal(1000 + number) / 8
            if kind == "trade":
                row = Trade(now, price, Decimal(other) / 16)
                tape.record_trade(row)
                naive.trades.append(row)
            elif kind == "quote":
                tape.record_quote(now, Quote(now, price, price + other))
                naive.mids.append((now, price + Decimal(other) / 2))
            elif kind == "watch":
                key, since = f"x{other}", now - timedelta(seconds=6 * number)
                if tape.covers(since):
                    tape.watch(key, since, timedelta(seconds=10 * number))
                    watched[key] = since
            else:
                window = timedelta(seconds=6 * number)
                expected = naive.summary(now - window, now)
                assert tape.window_volume(now, window) == expected.volume
                if tape.covers(now - window):
                    assert tape.summary(now - window, now) == expected
                assert tape.covers(now - MINUTE)
                for key, since in watched.items():
                    assert tape.summary(key, now) == naive.summary(since, now)
