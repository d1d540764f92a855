"""The real recordings, where they are at hand: reading them, running through them, and a naive recount."""

from __future__ import annotations

import csv
import gzip
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from genesis_actors.gateways.replay import ReplayVenue
from genesis_actors.messages.market_data import MarketRows
from genesis_actors.values import Quote, Symbol
from tests.gateways.making import an_order, fills

DATA = Path(os.environ.get("GENESIS_DATA", Path(__file__).parents[2] / "../shared/data"))

pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(
        not DATA.is_dir(),
        reason=f"there are no recordings in {DATA}; set GENESIS_DATA to their folder",
    ),
]

RECORDINGS = {
    "BTC/USDT": ("binance_spot_BTCUSDT_20240808", "book", True),
    "ETH/USDT": ("binance_spot_ETHUSDT_20240808", "book", True),
    "ETH/USDT of 2020": ("binance_spot_ETHUSDT_20201101", "bboproxy", False),
}


@pytest.fixture(params=RECORDINGS)
def recording(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def load(recording: str) -> ReplayVenue:
    name, book, has_depth = RECORDINGS[recording]
    return ReplayVenue.load(
        Symbol(recording.partition(" ")[0]),
        trades=DATA / f"trades_{name}.csv.gz",
        book=DATA / f"{book}_{name}.csv.gz",
        depth=DATA / f"depth20_{name}.csv.gz" if has_depth else None,
    )


def records(name: str) -> Iterator[dict[str, str]]:
    with gzip.open(DATA / f"{name}.csv.gz", "rt") as file:
        yield from csv.DictReader(file)


def run_through(venue: ReplayVenue) -> list[MarketRows]:
    rows = list(venue.open(venue.symbols()[0], venue.start_at()).rows)
    while (due := venue.next_at()) is not None:
        rows.extend(venue.advance(due).rows)
    return rows


def test_every_recorded_trade_and_touch_comes_once(recording: str) -> None:
    venue = load(recording)
    name, book, _ = RECORDINGS[recording]

    rows = run_through(venue)
    quotes = [row.quote for row in rows if row.quote is not None]
    touches = {record["ts_ms"]: record for record in records(f"{book}_{name}")}

    assert venue.warnings == ()
    assert sum(trade.quantity for row in rows for trade in row.trades) == sum(
        Decimal(record["amount"]) for record in records(f"trades_{name}")
    )
    assert [(quote.bid, quote.ask) for quote in quotes] == [
        (Decimal(record["bid_px"]), Decimal(record["ask_px"])) for record in touches.values()
    ]
    assert rows == sorted(rows, key=lambda row: row.at)
    assert len({row.at for row in rows}) == len(rows)
    assert rows[-1].at >= venue.end_at()


def test_a_large_order_takes_what_the_files_show() -> None:
    venue = load("BTC/USDT")
    rows = run_through(venue)
    quote = next(row.quote for row in reversed(rows) if row.quote is not None)
    *_, asks = (r for r in records(f"depth20_{RECORDINGS['BTC/USDT'][0]}") if r["side"] == "a")
    levels = [tuple(level.split(":")) for level in asks["levels"].split()]
    expected = [(str(quote.ask_size), str(quote.ask))] + [
        (size, price) for price, size in levels if Decimal(price) > quote.ask
    ]

    outcomes = venue.place(an_order("a", "buy", "1000", "65000"), venue.end_at())

    assert fills(outcomes) == expected


def test_the_first_quote_of_a_replay_may_be_carried_in() -> None:
    venue = load("BTC/USDT")
    midnight = datetime(2024, 8, 9, tzinfo=UTC)

    rows = venue.open(venue.symbols()[0], midnight).rows

    assert venue.start_at() == datetime(2024, 8, 8, 23, 54, 15, 408_000, tzinfo=UTC)
    assert rows[-1].at <= midnight
    assert isinstance(venue._market.book.quote, Quote)


def test_recorded_candles_become_bars() -> None:
    name = RECORDINGS["ETH/USDT of 2020"][0]
    venue = ReplayVenue.load(
        Symbol("ETH/USDT"),
        trades=DATA / f"trades_{name}.csv.gz",
        book=DATA / f"bboproxy_{name}.csv.gz",
        candles=DATA / "ohlcv_binance_spot_XMRBTC_5m_20180110.csv.gz",
    )
    bars = venue.volumes(Symbol("ETH/USDT"), datetime(2018, 1, 11, tzinfo=UTC))

    assert {bar.seconds for bar in bars} == {300}
    assert bars[-1].start < datetime(2018, 1, 11, tzinfo=UTC)
    assert len(venue.warnings) == 1
