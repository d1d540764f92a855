"""What accounts start with, and what moves their money."""

from __future__ import annotations

from decimal import Decimal

from genesis_actors.gateways.account import Account, opening_balances
from genesis_actors.values import MarketRules, Side, Symbol


def rules_of(symbol: str) -> MarketRules:
    base, quote = symbol.split("/")
    return MarketRules(
        symbol=Symbol(symbol),
        base=base,
        quote=quote,
        lot=Decimal("0.01"),
        tick=Decimal("0.01"),
        min_notional=Decimal(5),
        taker_fee=Decimal("0.001"),
        maker_fee=Decimal("0.001"),
    )


def test_the_base_is_worth_as_much_as_the_quote_rounded_down_to_a_lot() -> None:
    assert opening_balances([(rules_of("BTC/USDT"), Decimal(61_837))]) == {
        "BTC": Decimal("1617.15"),
        "USDT": Decimal(100_000_000),
    }


def test_a_currency_that_is_base_and_quote_is_given_its_worth() -> None:
    opening = opening_balances(
        [
            (rules_of("BTC/USDT"), Decimal(50_000)),
            (rules_of("ETH/USDT"), Decimal(2_500)),
            (rules_of("ETH/BTC"), Decimal("0.05")),
        ]
    )

    assert opening == {
        "BTC": Decimal(2_000),
        "ETH": Decimal(40_000),
        "USDT": Decimal(100_000_000),
    }


def test_a_fee_in_a_third_currency_is_paid_from_it() -> None:
    account = Account({"USDT": Decimal(1_000)})

    account.settle(rules_of("BTC/USDT"), Side.BUY, Decimal(2), Decimal(100), Decimal("0.3"), "BNB")

    assert account.balances() == {
        "USDT": Decimal(800),
        "BTC": Decimal(2),
        "BNB": Decimal("-0.3"),
    }
