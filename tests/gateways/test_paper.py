"""The made-up market: repeatable, reachable from anywhere, and shaped like a real one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis_actors.gateways.listings import LISTINGS, numbered_listing
from genesis_actors.gateways.paper import PaperVenue
from genesis_actors.gateways.synthetic import SyntheticMarket
from genesis_actors.gateways.venue import Feed, PastFill, SimulatedVenue
from genesis_actors.messages.market_data import MarketRows
from genesis_actors.messages.venue import OrderFilled
from genesis_actors.values import (
    ClientOrderId,
    MarketRules,
    Quote,
    Side,
    Symbol,
    Trade,
    TradeId,
    is_multiple,
)
from tests.gateways.making import BTC, a_cancel, a_question, an_order, detail, ending, fills

NOON = datetime(2024, 8, 7, 12, tzinfo=UTC)
ETH = Symbol("ETH/USDT")
SECOND = timedelta(seconds=1)

PRINT_ROWS = """
from datetime import UTC, datetime, timedelta
from genesis_actors.gateways.paper import PaperVenue
venue, noon = PaperVenue(7, numbered_symbols=3), datetime(2024, 8, 7, 12, tzinfo=UTC)
for symbol in venue.symbols():
    print(venue.open(symbol, noon - timedelta(seconds=3)), venue.volumes(symbol, noon)[-3:])
print(venue.advance(noon), venue.latency("a"), venue.balances())
"""


def a_market(number: int = 0, seed: int = 1) -> SyntheticMarket:
    return SyntheticMarket(seed, LISTINGS[number], SECOND)


def rows_until(venue: PaperVenue, end: datetime) -> list[MarketRows]:
    rows: list[MarketRows] = []
    while (due := venue.next_at()) is not None and due <= end:
        rows.extend(venue.advance(due).rows)
    return rows


def test_the_same_seed_makes_the_same_rows_in_every_process() -> None:
    printed = {
        subprocess.run(
            [sys.executable, "-c", PRINT_ROWS],
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(_ROOT)},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for hash_seed in ("1", "2")
    }

    assert len(printed) == 1
    assert len(printed.pop()) > 10_000


_ROOT = Path(__file__).parents[2]


def test_the_market_of_a_seed_is_the_same_on_every_machine_and_version() -> None:
    market = a_market()
    step = market.step_of(NOON + SECOND)
    quote = market.quote(step)
    trades = [trade for _, each in market.trades(step, quote) for trade in each]

    assert quote == Quote(
        NOON + SECOND,
        Decimal("57783.29"),
        Decimal("57783.30"),
        Decimal("0.83544"),
        Decimal("0.30460"),
    )
    assert [(str(trade.price), str(trade.quantity)) for trade in trades] == [
        ("57783.30", "0.04219"),
        ("57783.29", "0.03935"),
        ("57783.30", "0.05367"),
        ("57783.29", "0.05880"),
    ]
    assert market.levels(Side.SELL, step)[0] == (Decimal("57786.01"), Decimal("1.98702"))
    assert market.expected_volume(step // 3_600) == Decimal("1224.72972")


def test_another_seed_makes_another_market() -> None:
    step = a_market().step_of(NOON)

    assert a_market(seed=1).quote(step) != a_market(seed=2).quote(step)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1_600_000_000, 1_800_000_000), max_size=8), st.booleans())
def test_any_moment_looks_the_same_in_any_order_of_asking(steps: list[int], near: bool) -> None:
    market = a_market(1)
    asked = [1_700_000_000 + step % 5_000 if near else step for step in steps]

    for step in asked:
        alone = a_market(1)

        assert market.quote(step) == alone.quote(step)
        assert market.trades(step, market.quote(step)) == alone.trades(step, alone.quote(step))
        assert market.levels(Side.BUY, step) == alone.levels(Side.BUY, step)


def test_a_feed_opened_later_shows_the_same_rows() -> None:
    early, late = PaperVenue(1), PaperVenue(1, history=timedelta(minutes=1))
    early.open(BTC, NOON - timedelta(minutes=2))

    sequential = rows_until(early, NOON)
    opened = late.open(BTC, NOON).rows

    assert sequential[-len(opened) :] == list(opened)
    assert opened[0].at == NOON - timedelta(minutes=1)
    assert opened[-1].at == NOON


def test_a_venue_with_open_symbols_brings_their_rows_in_order_of_time() -> None:
    venue = PaperVenue(1)
    for symbol in (BTC, ETH):
        venue.open(symbol, NOON)

    feed = venue.advance(NOON + timedelta(seconds=10))

    assert all(before.at <= after.at for before, after in pairwise(feed.rows))
    assert {row.symbol for row in feed.rows} == {BTC, ETH}
    assert all(row.confirms_quote for row in feed.rows)
    assert venue.next_at() == NOON + timedelta(seconds=10.25)


def test_opening_twice_tells_the_past_again_and_opening_nothing_brings_nothing() -> None:
    venue = PaperVenue(1)
    first = venue.open(BTC, NOON)
    due = venue.next_at()

    assert venue.open(BTC, NOON) == first
    assert venue.next_at() == due
    assert venue.open(Symbol("NO/USDT"), NOON) == Feed((), ())
    assert PaperVenue(1).next_at() is None


@pytest.mark.parametrize("listing", [*LISTINGS, numbered_listing(42)], ids=lambda each: each.symbol)
def test_prices_are_on_ticks_quantities_on_lots_and_books_in_order(listing: object) -> None:
    venue = PaperVenue(3, numbered_symbols=43)
    symbol = Symbol(getattr(listing, "symbol", ""))
    rules = venue.describe(symbol)
    assert rules is not None
    market = SyntheticMarket(3, venue._listings[symbol], SECOND)

    for row in venue.open(symbol, NOON).rows:
        for trade in row.trades:
            assert_on_grid(rules, trade.price, trade.quantity)
        if row.quote is None:
            continue
        quote, step = row.quote, market.step_of(row.at)
        spread = (quote.ask - quote.bid) / rules.tick
        bids, asks = (market.levels(side, step) for side in (Side.BUY, Side.SELL))

        assert 1 <= spread <= 5
        assert quote.bid_size is not None
        assert_on_grid(rules, quote.bid, quote.bid_size)
        for levels, touch, sign in ((bids, quote.bid, -1), (asks, quote.ask, 1)):
            prices = [touch, *(price for price, _ in levels)]

            assert len(levels) == 19
            assert all((after - before) * sign > 0 for before, after in pairwise(prices))
            for price, quantity in levels:
                assert_on_grid(rules, price, quantity)


def assert_on_grid(rules: MarketRules, price: Decimal, quantity: Decimal) -> None:
    assert price > 0
    assert quantity > 0
    assert is_multiple(price, rules.tick)
    assert is_multiple(quantity, rules.lot)


def test_levels_grow_away_from_the_touch() -> None:
    market = a_market()
    step = market.step_of(NOON)
    near, far = Decimal(0), Decimal(0)
    for each in range(step, step + 50):
        levels = market.levels(Side.SELL, each)
        near += sum(quantity for _, quantity in levels[:5])
        far += sum(quantity for _, quantity in levels[-5:])

    assert far > 2 * near


def test_a_book_near_zero_ends_where_prices_do() -> None:
    market = a_market()
    market._mid_step, market._mid = 5, 1

    assert market.quote(5).bid == market.listing.tick
    assert market.levels(Side.BUY, 5) == []


def test_the_price_moves_fifty_to_eighty_percent_a_year() -> None:
    for listing in LISTINGS[:10:3]:
        market = SyntheticMarket(11, listing, SECOND)
        start = market.step_of(NOON)
        mids = [float(market.quote(start + 60 * minute).mid) for minute in range(1_000)]
        variance = sum((after / before - 1) ** 2 for before, after in pairwise(mids)) / 1_000
        yearly = (variance * 525_600) ** 0.5

        assert 0.4 < yearly < 0.95, listing.symbol


def test_the_price_stays_near_its_listing() -> None:
    market = a_market()
    start = market.step_of(NOON)

    mids = [market.quote(start + 86_400 * day).mid for day in range(-400, 400, 2)]

    assert 40_000 < min(mids) < 60_000 < max(mids) < 85_000


def test_hours_and_weekends_have_their_volume() -> None:
    venue = PaperVenue(1)
    monday = datetime(2024, 8, 12, tzinfo=UTC)
    by_hour: defaultdict[int, Decimal] = defaultdict(Decimal)
    by_day: defaultdict[int, Decimal] = defaultdict(Decimal)

    bars = venue.volumes(BTC, monday)
    for bar in bars:
        by_hour[bar.start.hour] += bar.volume
        by_day[bar.start.weekday()] += bar.volume

    assert len(bars) == 168
    assert bars[-1].start == monday - timedelta(hours=1)
    assert all(bar.seconds == 3_600 for bar in bars)
    assert by_hour[15] > by_hour[8] > by_hour[11] > by_hour[5]
    assert max(by_day[5], by_day[6]) < min(by_day[day] for day in range(5))
    assert abs(sum(by_day.values()) / 7 / 25_000 - 1) < Decimal("0.1")


def test_bars_are_the_same_objects_until_the_hour_is_over() -> None:
    venue, at = PaperVenue(1), datetime(2024, 8, 12, 7, 1, tzinfo=UTC)
    bars = venue.volumes(BTC, at)

    assert venue.volumes(BTC, at + timedelta(minutes=58)) is bars
    assert venue.volumes(BTC, at + timedelta(hours=1)) == PaperVenue(1).volumes(
        BTC, at + timedelta(hours=1)
    )
    assert venue.volumes(BTC, at + timedelta(hours=1))[:-1] == bars[1:]
    assert venue.volumes(LISTINGS[1].symbol, at) != bars


def test_the_flow_of_an_hour_trades_what_the_bars_say() -> None:
    for hour in (5, 15):
        market = a_market()
        start = market.step_of(datetime(2024, 8, 7, hour, tzinfo=UTC))
        quote = market.quote(start)
        traded = sum(
            trade.quantity
            for step in range(start, start + 3_600)
            for _, trades in market.trades(step, quote)
            for trade in trades
        )

        assert abs(traded / market.expected_volume(start // 3_600) - 1) < Decimal("0.08")


def test_trade_sizes_have_a_heavy_tail_and_both_sides() -> None:
    market = a_market()
    start = market.step_of(NOON)
    quote = market.quote(start)
    trades = [
        trade
        for step in range(start, start + 600)
        for _, each in market.trades(step, quote)
        for trade in each
    ]
    sizes = sorted(trade.quantity for trade in trades)

    assert sizes[-1] > 8 * sizes[len(sizes) // 2]
    assert 0.4 < sum(trade.side is Side.BUY for trade in trades) / len(trades) < 0.6


def test_orders_meet_the_book_of_the_moment() -> None:
    venue: SimulatedVenue = PaperVenue(1)
    rows = venue.open(BTC, NOON).rows
    quote = next(row.quote for row in reversed(rows) if row.quote is not None)
    market = a_market()
    levels = market.levels(Side.SELL, market.step_of(NOON))
    assert quote.ask_size is not None

    outcomes = venue.place(
        an_order("a", "buy", str(quote.ask_size + levels[0][1]), str(levels[0][0])), NOON
    )
    shown = venue.levels(BTC, Side.BUY)
    gone = venue.place(an_order("b", "buy", "1", str(quote.ask)), NOON)
    venue.advance(NOON + SECOND)

    assert fills(outcomes) == [
        (str(quote.ask_size), str(quote.ask)),
        (str(levels[0][1]), str(levels[0][0])),
    ]
    assert ending(outcomes) == "FILLED"
    assert shown == tuple(levels[1:])
    assert fills(gone) == []
    assert fills(venue.place(an_order("c", "buy", "1", "99999"), NOON + SECOND))


def test_resting_orders_fill_as_trades_reach_them() -> None:
    venue = PaperVenue(1)
    rows = venue.open(BTC, NOON).rows
    quote = next(row.quote for row in reversed(rows) if row.quote is not None)
    placed = venue.place(an_order("a", "buy", "0.05", str(quote.bid), resting=True), NOON)

    filled = [
        outcome
        for outcome in venue.advance(NOON + timedelta(minutes=10)).outcomes
        if isinstance(outcome, OrderFilled)
    ]

    assert len(placed) == 1
    assert sum(fill.quantity for fill in filled) == Decimal("0.05")
    assert {fill.price for fill in filled} == {quote.bid}
    assert ending(venue.cancel(a_cancel("a"), NOON)) == "FILLED"


def test_an_order_for_an_unknown_symbol_is_rejected() -> None:
    venue = PaperVenue(1)

    outcomes = venue.place(an_order("a", "buy", "1", "1", symbol=Symbol("NO/USDT")), NOON)

    assert detail(outcomes) == "no market is open for NO/USDT"


def test_a_restored_fill_is_known_paid_and_still_missing_from_the_book() -> None:
    first, second = PaperVenue(1), PaperVenue(1)
    later = NOON + timedelta(milliseconds=300)
    rows = first.open(BTC, NOON).rows
    quote = next(row.quote for row in reversed(rows) if row.quote is not None)
    order = an_order("a", "buy", str(quote.ask_size), str(quote.ask))
    past = [
        PastFill(
            execution_id=fill.execution_id,
            client_order_id=fill.client_order_id,
            venue_order_id=None,
            trade_id=TradeId(fill.trade_id),
            symbol=BTC,
            side=Side.BUY,
            quantity=fill.quantity,
            price=fill.price,
            fee=fill.fee,
            fee_currency=fill.fee_currency,
            traded_at=fill.traded_at,
        )
        for fill in first.place(order, NOON)
        if isinstance(fill, OrderFilled)
    ]

    second.restore(past)
    second.open(BTC, later)

    assert second.balances() == first.balances()
    assert fills(second.place(an_order("b", "buy", "1", str(quote.ask)), later)) == []
    assert fills(second.look_up(a_question("a"), later)) == [
        (str(quote.ask_size), str(quote.ask)),
    ]


def test_latency_is_half_to_one_and_a_half_of_what_is_set_and_stays_so() -> None:
    venue = PaperVenue(1, latency=timedelta(milliseconds=40))
    latencies = [venue.latency(ClientOrderId(f"x-{number}")) for number in range(300)]

    assert latencies == [venue.latency(ClientOrderId(f"x-{number}")) for number in range(300)]
    assert timedelta(milliseconds=20) <= min(latencies) < timedelta(milliseconds=22)
    assert timedelta(milliseconds=58) < max(latencies) <= timedelta(milliseconds=60)


def test_as_many_numbered_symbols_as_wanted_can_be_made() -> None:
    venue = PaperVenue(1, numbered_symbols=1_001)

    assert len(venue.symbols()) == len(LISTINGS) + 1_001
    assert venue.describe(Symbol("SYM042/USDT")) is not None
    assert venue.describe(Symbol("SYM1000/USDT")) is not None
    assert PaperVenue(1).describe(Symbol("SYM042/USDT")) is None
    assert venue.volumes(Symbol("SYM1001/USDT"), NOON) == ()
    assert venue.start_at() is None
    assert venue.balances()["USDT"] == 100_000_000
    assert venue.balances()["BTC"] == Decimal("1666.66666")


def test_a_busier_market_trades_so_many_times_as_much() -> None:
    litecoin = Symbol("LTC/USDT")
    usual, busy = PaperVenue(1), PaperVenue(1, activity=10)

    def trades(venue: PaperVenue) -> list[Trade]:
        rows = list(venue.open(litecoin, NOON).rows)
        return [trade for each in rows for trade in each.trades]

    few, many = trades(usual), trades(busy)
    assert 5 * len(few) < len(many) < 20 * len(few)
    volumes = [each.volumes(litecoin, NOON)[0].volume for each in (usual, busy)]
    assert abs(volumes[1] - 10 * volumes[0]) < volumes[0] / 1000
    assert busy.source != usual.source
