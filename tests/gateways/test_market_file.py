"""The rules of a replayed symbol: from a market file, or from the finest steps of its recording."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest

from genesis_actors.gateways.market_file import read_rules, recorded_symbol, rules_of_recording
from genesis_actors.gateways.recording import Recording
from genesis_actors.gateways.venue import SourceError
from genesis_actors.values import MarketRules, Symbol
from tests.gateways.making import BTC, MARKET, Files

RULES = MarketRules(
    symbol=BTC,
    base="BTC",
    quote="USDT",
    lot=Decimal("0.01"),
    tick=Decimal("0.01"),
    min_notional=Decimal(5),
    taker_fee=Decimal("0.001"),
    maker_fee=Decimal("0.0005"),
)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def test_a_market_file_gives_the_rules(files: Files) -> None:
    assert read_rules(BTC, files.market()) == RULES


def test_numbers_may_be_bare_and_stay_exact(files: Files) -> None:
    path = files.folder / "market.json"
    path.write_text(
        '{"base": "BTC", "quote": "USDT", "lot": 0.01, "tick": 0.01, "min_notional": 5,'
        ' "taker_fee": 0.001, "maker_fee": 0.0005, "min_quantity": null, "max_quantity": 9000}'
    )

    rules = read_rules(BTC, path)

    assert (rules.lot, rules.max_quantity) == (Decimal("0.01"), Decimal(9000))
    assert rules.min_quantity is None


def test_a_market_file_may_begin_with_a_byte_order_mark(files: Files) -> None:
    path = files.market()
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())

    assert read_rules(BTC, path) == RULES


def test_a_venues_own_symbol_takes_its_currencies_from_the_file(files: Files) -> None:
    assert read_rules(Symbol("XBTUSDT"), files.market()).base == "BTC"


def test_a_file_for_another_pair_gives_that_pairs_rules(files: Files) -> None:
    rules = read_rules(BTC, files.market(quote="EUR"))

    assert (rules.symbol, rules.quote) == (Symbol("BTC/EUR"), "EUR")


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("trades_binance_spot_ETHUSDT_20240808.csv.gz", "ETH/USDT"),
        ("trades-SOLFDUSD.csv", "SOL/FDUSD"),
        ("ETHBTC.csv", "ETH/BTC"),
        ("BTCUSDT_and_ETHUSDT.csv", "BTC/USDT"),
        ("trades_ethusdt.csv", "BTC/USDT"),
        ("trades.csv.gz", "BTC/USDT"),
    ],
)
def test_the_name_of_a_recording_tells_its_pair(name: str, symbol: str) -> None:
    assert recorded_symbol(BTC, Path("ETHUSDT") / name) == symbol


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"lot": "0"}, "lot must be above zero"),
        ({"tick": "-1"}, "tick must be above zero"),
        ({"min_notional": "-1"}, "min_notional must not be negative"),
        ({"taker_fee": "-0.1"}, "taker_fee must be a share from 0 to 1"),
        ({"maker_fee": "1"}, "maker_fee must be a share from -1 to 1"),
        ({"min_quantity": "-1"}, "min_quantity must not be negative"),
        ({"min_quantity": "5", "max_quantity": "4"}, "max_quantity must be above zero"),
        ({"lot": "NaN"}, "lot NaN is no number"),
        ({"lot": "much"}, "lot much is no number"),
        ({"lot": "1_0"}, "lot 1_0 is no number"),
        ({"lot": "1e999999"}, "lot 1e999999 is no number"),
        ({"lot": "1" + "0" * 35}, "has too many digits"),
        ({"lot": True}, "lot True is no number"),
        ({"base": 7}, "base is no currency"),
        ({"fee": "1"}, "nothing is known by the name of fee"),
    ],
)
def test_what_cannot_be_a_rule_is_refused(
    files: Files, changes: dict[str, object], why: str
) -> None:
    with pytest.raises(SourceError, match=re.escape(why)) as caught:
        read_rules(BTC, files.market(**changes))

    assert "market.json" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "line 1: Expecting property name"),
        ("[1]", "it holds no JSON object"),
        ('{"base": "BTC", "lot": "1"}', "it lacks quote, tick, min_notional, taker_fee"),
        (b"\xff", "this is not text"),
        ("[" * 100_000, "it is nested too deeply"),
    ],
)
def test_a_file_that_is_no_market_is_refused(files: Files, text: str | bytes, why: str) -> None:
    path = files.folder / "market.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())

    with pytest.raises(SourceError, match=re.escape(why)):
        read_rules(BTC, path)


def test_a_missing_market_file_is_refused(files: Files) -> None:
    with pytest.raises(SourceError, match="cannot be read"):
        read_rules(BTC, files.folder / "market.json")


def test_without_a_file_lot_and_tick_are_the_finest_steps_seen(files: Files) -> None:
    recording = Recording.read(
        files.trades("1,100.50,2.000,buy 2,101,0.0250,sell"), files.book("1,99.25,1,99.75,0.000001")
    )

    rules = rules_of_recording(BTC, recording)

    assert (rules.base, rules.quote) == ("BTC", "USDT")
    assert (rules.lot, rules.tick) == (Decimal("0.001"), Decimal("0.01"))
    assert (rules.min_notional, rules.taker_fee, rules.maker_fee) == (
        Decimal(5),
        Decimal("0.001"),
        Decimal("0.001"),
    )


def test_whole_numbers_have_a_step_of_one(files: Files) -> None:
    recording = Recording.read(files.trades("1,100,20,buy"), files.book("1,99,1,100,1"))

    assert rules_of_recording(BTC, recording).lot == 1


@pytest.mark.parametrize("symbol", ["BTCUSDT", "BTC/", "/USDT", "BTC/USDT/X"])
def test_a_symbol_that_does_not_name_both_currencies_is_refused(files: Files, symbol: str) -> None:
    recording = Recording.read(files.trades("1,100,20,buy"), files.book("1,99,1,100,1"))

    with pytest.raises(SourceError, match="does not say what is traded for what"):
        rules_of_recording(Symbol(symbol), recording)


def test_every_key_of_the_contract_is_required(files: Files) -> None:
    for key in MARKET:
        path = files.market()
        path.write_text(path.read_text().replace(f'"{key}"', '"other"'))

        with pytest.raises(SourceError, match=f"it lacks {key}"):
            read_rules(BTC, path)
