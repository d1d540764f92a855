"""How a recording becomes a feed: instants in order, the start, the end, and the profile's bars."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from genesis_actors.gateways.replay import ReplayVenue
from genesis_actors.gateways.venue import Feed, SimulatedVenue, SourceError
from genesis_actors.messages.market_data import MarketRows
from genesis_actors.messages.venue import HourlyVolume
from genesis_actors.values import ClientOrderId, Quote, Side, Symbol, Trade
from tests.gateways.making import BTC, Files, an_order, at, fills

BOOK = "10,99,1,100,2 20,98,1,100,2 20,97,1,100,2 40,97,1,101,2"
TRADES = "5,100,1,buy 20,100,2,sell 20,99,3,buy 30,100,1,"


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def a_quote(ms: int, bid: int, ask: int) -> Quote:
    return Quote(at(ms), Decimal(bid), Decimal(ask), Decimal(1), Decimal(2))


def a_trade(ms: int, price: int, quantity: int, side: Side | None) -> Trade:
    return Trade(at(ms), Decimal(price), Decimal(quantity), side)


def test_all_rows_of_one_millisecond_make_one_instant(files: Files) -> None:
    venue = files.replay(BOOK, TRADES)

    opening = venue.open(BTC, at(10))
    feed = venue.advance(at(100))

    assert opening.rows == (
        MarketRows(BTC, at(5), None, (a_trade(5, 100, 1, Side.BUY),)),
        MarketRows(BTC, at(10), a_quote(10, 99, 100), ()),
    )
    assert feed == Feed(
        (
            MarketRows(
                BTC,
                at(20),
                a_quote(20, 97, 100),
                (a_trade(20, 100, 2, Side.SELL), a_trade(20, 99, 3, Side.BUY)),
            ),
            MarketRows(BTC, at(30), None, (a_trade(30, 100, 1, None),)),
            MarketRows(BTC, at(40), a_quote(40, 97, 101), ()),
        ),
        (),
    )


def test_time_goes_from_instant_to_instant_until_the_recording_ends(files: Files) -> None:
    venue = files.replay(BOOK, TRADES, depth="15,b,98:1")
    venue.open(BTC, at(10))

    instants = []
    while (due := venue.next_at()) is not None:
        instants.append(due)
        assert [row.at for row in venue.advance(due).rows] == [due]

    assert instants == [at(15), at(20), at(30), at(40)]
    assert venue.advance(at(1000)) == Feed((), ())
    assert venue.end_at() == at(40)


def test_depth_may_begin_before_everything_else(files: Files) -> None:
    venue = files.replay(BOOK, TRADES, depth="1,a,100:1 102:9")
    venue.open(BTC, at(10))

    assert fills(venue.place(an_order("a", "buy", "5", "102"), at(10))) == [
        ("2", "100"),
        ("3", "102"),
    ]


def test_nothing_comes_before_the_feed_is_open(files: Files) -> None:
    venue = files.replay(BOOK, TRADES)

    assert venue.next_at() is None
    assert venue.advance(at(100)) == Feed((), ())
    assert venue.open(Symbol("ETH/USDT"), at(20)) == Feed((), ())
    first = venue.open(BTC, at(20))
    assert len(first.rows) == 3
    assert venue.open(BTC, at(30)) == first, "told again, and no further"
    assert venue.next_at() == at(30)


def test_the_replay_starts_with_the_first_trade_and_quote(files: Files) -> None:
    assert files.replay(BOOK, TRADES).start_at() == at(10)
    assert files.replay("3,99,1,100,2", TRADES).start_at() == at(5)
    assert files.replay(BOOK, TRADES, start_ms=25).start_at() == at(25)


@pytest.mark.parametrize("start_ms", [4, 41])
def test_a_start_outside_the_recording_is_refused(files: Files, start_ms: int) -> None:
    with pytest.raises(
        SourceError, match=r"the recording goes from 1970.*\.005000Z to .*\.040000Z"
    ):
        files.replay(BOOK, TRADES, start_ms=start_ms)


def test_only_the_recorded_symbol_is_known(files: Files) -> None:
    venue: SimulatedVenue = files.replay(BOOK, TRADES)
    rules = venue.describe(BTC)

    assert rules is not None
    assert rules.lot == Decimal("0.01")
    assert venue.describe(Symbol("ETH/USDT")) is None
    assert venue.symbols() == (BTC,)
    assert venue.volumes(Symbol("ETH/USDT"), at(0)) == ()
    assert venue.volumes(BTC, at(0)) == ()


def test_the_account_has_a_hundred_million_and_as_much_worth_of_the_base(files: Files) -> None:
    assert files.replay(BOOK, TRADES).balances() == {
        "USDT": Decimal(100_000_000),
        "BTC": Decimal("1005025.12"),
    }


def test_bars_are_given_once_they_are_over(files: Files) -> None:
    venue = ReplayVenue.load(
        BTC,
        trades=files.trades(TRADES),
        book=files.book(BOOK),
        candles=files.candles("0,1,1,1,1,5 60000,1,1,1,1,6 120000,1,1,1,1,7"),
        latency=timedelta(milliseconds=3),
    )

    assert venue.volumes(BTC, at(119_999)) == (
        HourlyVolume(start=at(0), seconds=60, volume=Decimal(5)),
    )
    assert [bar.volume for bar in venue.volumes(BTC, at(120_000))] == [5, 6]
    assert venue.latency(ClientOrderId("a")) == timedelta(milliseconds=3)


def test_without_a_market_file_the_recording_gives_the_rules(files: Files) -> None:
    venue = ReplayVenue.load(BTC, trades=files.packed(files.trades(TRADES)), book=files.book(BOOK))
    rules = venue.describe(BTC)

    assert rules is not None
    assert (rules.lot, rules.tick) == (1, 1)
    assert venue.warnings == ()


def test_a_recording_is_known_by_what_its_files_hold_its_rules_and_its_start(files: Files) -> None:
    def source(**changes: Any) -> dict[str, str]:
        known: dict[str, Any] = {
            "trades": files.trades(TRADES),
            "book": files.book(BOOK),
            "market": files.market(),
        }
        known |= {name: write() for name, write in changes.items()}
        return dict(ReplayVenue.load(BTC, **known).source or ())

    plain = source()

    assert list(plain) == ["trades", "book", "rules", "start"]
    assert source(trades=lambda: files.packed(files.trades(TRADES))) == plain
    assert source(start_at=lambda: at(10)) == plain
    assert source(market=lambda: files.market(taker_fee="0.0010")) == plain
    for name, change in {
        "trades": {"trades": lambda: files.trades(f"{TRADES} 50,100,1,buy")},
        "book": {"book": lambda: files.book(f"{BOOK} 50,98,1,99,1")},
        "depth": {"depth": lambda: files.depth("10,b,99:1\n10,a,100:1")},
        "candles": {"candles": lambda: files.candles("0,1,1,1,1,5 60000,1,1,1,1,5")},
        "rules": {"market": lambda: files.market(taker_fee="0.002")},
        "start": {"start_at": lambda: at(20)},
    }.items():
        other = source(**change)
        assert {key for key in {**plain, **other} if plain.get(key) != other.get(key)} == {name}
