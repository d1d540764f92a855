from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from genesis_actors.domain.admission import Admission, Market, Rejection, admit
from genesis_actors.domain.child_price import collar_price
from genesis_actors.domain.participation import child_quantity
from genesis_actors.domain.policy import TwapDefaults
from genesis_actors.gateways.ccxt_rules import (
    DECIMAL_PLACES,
    SIGNIFICANT_DIGITS,
    TICK_SIZE,
    UnusableMarketError,
    exact_number,
    market_rules,
    why_not_tradable,
)
from genesis_actors.values import (
    MarketRules,
    ParentOrder,
    Quote,
    Side,
    Symbol,
    floor_to_step,
)

NOON = datetime(2024, 8, 8, 12, tzinfo=UTC)
DATA = Path(__file__).parents[3] / "shared" / "data"
FILES = ("markets_binance_20211012.json.gz", "markets_kraken_20210417.json.gz")


def a_market(**changes: object) -> dict[str, Any]:
    return {
        "symbol": "BTC/USDT",
        "base": "BTC",
        "quote": "USDT",
        "spot": True,
        "active": True,
        "taker": "0.001",
        "maker": "0.0008",
        "precision": {"amount": "0.00001", "price": "0.01"},
        "limits": {
            "amount": {"min": "0.00001", "max": "9000"},
            "price": {"min": "0.01", "max": "1000000"},
            "cost": {"min": "5", "max": "9000000"},
        },
        **changes,
    }


def test_rules_are_exactly_what_the_market_says() -> None:
    assert market_rules(a_market(), TICK_SIZE) == MarketRules(
        symbol=Symbol("BTC/USDT"),
        base="BTC",
        quote="USDT",
        lot=Decimal("0.00001"),
        tick=Decimal("0.01"),
        min_notional=Decimal(5),
        taker_fee=Decimal("0.001"),
        maker_fee=Decimal("0.0008"),
        min_quantity=Decimal("0.00001"),
        max_quantity=Decimal(9000),
        min_price=Decimal("0.01"),
        max_price=Decimal(1_000_000),
        max_notional=Decimal(9_000_000),
    )


def test_decimal_places_are_steps_too_and_floats_are_taken_by_their_shortest_text() -> None:
    market = a_market(precision={"amount": 5, "price": 1})
    floats = a_market(precision={"amount": 1e-05, "price": 0.1}, limits={})

    assert market_rules(market, DECIMAL_PLACES).lot == Decimal("0.00001")
    assert market_rules(floats, TICK_SIZE).lot == Decimal("0.00001")
    assert str(market_rules(floats, TICK_SIZE).lot) == "0.00001"
    assert market_rules(floats, TICK_SIZE).max_quantity is None


@pytest.mark.parametrize(
    ("changes", "mode"),
    [
        ({"precision": {"amount": None, "price": "0.01"}}, TICK_SIZE),
        ({"precision": {"amount": "0.1"}}, TICK_SIZE),
        ({"precision": {"amount": 5, "price": 5}}, SIGNIFICANT_DIGITS),
        ({"precision": {"amount": "0", "price": "0.01"}}, TICK_SIZE),
        ({"limits": {"amount": {"min": "10", "max": "1"}}}, TICK_SIZE),
    ],
)
def test_a_market_whose_rules_are_not_known_is_refused(
    changes: dict[str, object], mode: int
) -> None:
    with pytest.raises(UnusableMarketError):
        market_rules(a_market(**changes), mode)


def test_only_open_spot_markets_are_traded() -> None:
    assert why_not_tradable(a_market()) is None
    assert "not open" in str(why_not_tradable(a_market(active=False)))
    assert "spot" in str(why_not_tradable(a_market(spot=False)))


@pytest.mark.parametrize("value", ["NaN", "Infinity", "x", True, ""])
def test_what_is_no_number_is_none(value: object) -> None:
    assert exact_number(value) is None


def markets(file: str) -> Iterator[dict[str, Any]]:
    path = DATA / file
    if not path.exists():
        pytest.skip(f"needs {path}")
    with gzip.open(path, "rt") as text:
        found = json.load(text)
    for market in found.values():
        # The captures of kraken say of none that it is open.
        if market["spot"] and (market["active"] or "kraken" in file):
            yield market


def broken_filter(market: dict[str, Any], quantity: Decimal, price: Decimal) -> str | None:
    """Judge an order by the exchange's own words, not by what ccxt or we made of them."""
    for rule in market["info"].get("filters", ()):
        ends = "Qty", "Price", "Size", "Notional"
        number = {name: Decimal(value) for name, value in rule.items() if name.endswith(ends)}
        match rule["filterType"]:
            case "LOT_SIZE":
                is_in = number["minQty"] <= quantity <= number["maxQty"]
                fits = is_in and not (quantity - number["minQty"]) % number["stepSize"]
            case "PRICE_FILTER":
                is_in = number["minPrice"] <= price <= number["maxPrice"]
                fits = is_in and not (price - number["minPrice"]) % number["tickSize"]
            case "MIN_NOTIONAL":
                fits = quantity * price >= number["minNotional"]
            case _:
                fits = True
        if not fits:
            return f"{rule}: {quantity} at {price}"
    least = market["info"].get("ordermin")
    if least is not None and quantity < Decimal(least):
        return f"ordermin {least}: {quantity}"
    return None


def a_price(rules: MarketRules, source: random.Random) -> Decimal:
    """Return a price that the symbol might have: at least a thousand ticks, and inside of its bounds."""
    lowest = max(rules.min_price or rules.tick, rules.tick * 1_000)
    highest = min(rules.max_price or lowest * 10_000, lowest * 10_000)
    drawn = lowest * Decimal(repr(10 ** source.uniform(0, 4)))
    return floor_to_step(min(drawn, highest * Decimal("0.99")), rules.tick)


@pytest.mark.data
@pytest.mark.parametrize("file", FILES)
def test_plans_on_every_real_symbol_give_only_children_that_its_filters_accept(file: str) -> None:
    source = random.Random(7)
    admitted = refused = 0
    for market in markets(file):
        rules = market_rules(market, TICK_SIZE)
        price = a_price(rules, source)
        least = max(rules.min_notional / price, rules.min_quantity or rules.lot, rules.lot)
        wish = least * Decimal(repr(10 ** source.uniform(-0.5, 4)))
        quantity = floor_to_step(wish, rules.lot) or wish
        side = source.choice(list(Side))
        order = ParentOrder(
            rules.symbol, side, quantity, timedelta(minutes=10), slices=source.choice((3, 10, 20))
        )
        quote = Quote(NOON, price - rules.tick, price)
        admission = admit(
            order,
            Market(rules, (rules.symbol,), None, quote, None),
            TwapDefaults(jitter=Decimal("0.2")),
            now=NOON,
            seed=source.getrandbits(30),
        )
        if isinstance(admission, Rejection):
            refused += 1
            assert admission.message
            assert admission.hint
            continue
        admitted += 1
        check_children(market, admission, quote, source)

    assert admitted > refused > 0


def check_children(
    market: dict[str, Any], admission: Admission, quote: Quote, source: random.Random
) -> None:
    rules, side = admission.rules, admission.order.side
    assert sum(part.quantity for part in admission.slices) == admission.quantity
    # A slice as planned, and the largest and an odd child that catching up could make of it.
    remaining = admission.quantity
    for part in admission.slices:
        price = collar_price(quote, side, Decimal(10), tick=rules.tick)
        wanted = part.quantity * source.choice((1, 3))
        budget = admission.quantity * Decimal(repr(source.uniform(0.01, 1)))
        child, reason = child_quantity(
            wanted=wanted, budget=budget, remaining=remaining, price=price, rules=rules
        )
        assert child or reason is not None
        for quantity in {part.quantity, child} - {Decimal(0)}:
            assert broken_filter(market, quantity, price) is None, rules.symbol
        assert 0 <= child <= remaining
        remaining -= child
