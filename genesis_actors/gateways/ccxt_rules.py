"""A symbol's rules from what ccxt says of its market: exact, and never looser than the exchange's own."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final, cast

from genesis_actors.values import ONE, ZERO, MarketRules, Symbol

DECIMAL_PLACES: Final = 2
SIGNIFICANT_DIGITS: Final = 3
TICK_SIZE: Final = 4
"""ccxt's three ways of saying how fine a number may be."""

_DEFAULT_FEE = Decimal("0.002")

Json = Mapping[str, Any]


class UnusableMarketError(ValueError):
    """The market's rules are not known well enough to trade by them. The message says what is missing."""


def exact_number(value: object) -> Decimal | None:
    """Return a number of ccxt's exactly, None where there is none.

    >>> exact_number("0.00001000"), exact_number(1e-06), exact_number(None)
    (Decimal('0.00001000'), Decimal('0.000001'), None)
    """
    if value is None or isinstance(value, bool):
        return None
    text = repr(value) if isinstance(value, float) else str(value)
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    if not number.is_finite():
        return None
    # Without an exponent: 1e-06 and 0.000001 shall be the same in every text.
    return Decimal(format(number, "f"))


def market_rules(market: Json, precision_mode: int) -> MarketRules:
    """Return the rules of a spot market. Raises UnusableMarketError."""
    symbol, limits = Symbol(str(market["symbol"])), _part(market, "limits")
    quantities, prices, costs = (_part(limits, name) for name in ("amount", "price", "cost"))
    least_quantity = _bound(quantities, "min")
    rules = MarketRules(
        symbol=symbol,
        base=str(market["base"]),
        quote=str(market["quote"]),
        lot=_step(market, "amount", precision_mode),
        tick=_step(market, "price", precision_mode),
        min_notional=_bound(costs, "min") or ZERO,
        taker_fee=_fee(market, "taker"),
        maker_fee=_fee(market, "maker"),
        min_quantity=least_quantity,
        max_quantity=_bound(quantities, "max"),
        min_price=_bound(prices, "min"),
        max_price=_bound(prices, "max"),
        max_notional=_bound(costs, "max"),
    )
    if rules.max_quantity is not None and rules.max_quantity < (rules.min_quantity or rules.lot):
        raise UnusableMarketError(f"{symbol} has a largest quantity below its least one")
    return rules


def why_not_tradable(market: Json) -> str | None:
    """Return why a market cannot be worked now, None where it can."""
    if not market.get("spot"):
        return f"{market.get('symbol')} is no spot market"
    if market.get("active") is False:
        return f"{market.get('symbol')} is not open for trading"
    return None


def _part(fields: Json, name: str) -> Json:
    found = fields.get(name)
    return cast("Json", found) if isinstance(found, Mapping) else {}


def _bound(limits: Json, name: str) -> Decimal | None:
    """Return a bound; zero and what is not there bind nothing."""
    number = exact_number(limits.get(name))
    return number if number is not None and number > ZERO else None


def _step(market: Json, name: str, precision_mode: int) -> Decimal:
    precision = exact_number(_part(market, "precision").get(name))
    if precision is None:
        raise UnusableMarketError(
            f"the exchange does not say how fine {'a quantity' if name == 'amount' else 'a price'} "
            f"of {market['symbol']} may be"
        )
    match precision_mode:
        case 4 if precision > ZERO:
            return precision
        case 2 if precision == precision.to_integral_value():
            return ONE.scaleb(-int(precision))
        case _:
            raise UnusableMarketError(
                f"the exchange gives the precision of {market['symbol']} in significant digits, "
                "which makes no step"
            )


def _fee(market: Json, name: str) -> Decimal:
    fee = exact_number(market.get(name))
    return _DEFAULT_FEE if fee is None else fee
