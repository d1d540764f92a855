"""The filters of a symbol, in the order and with the words that the exchange refuses an order with."""

from __future__ import annotations

from decimal import Decimal

from tests.wire.exchange.refusals import Refusal, filter_failure
from tests.wire.exchange.symbols import Symbol


def check_price(symbol: Symbol, price: Decimal, mid: Decimal) -> None:
    if price < symbol.tick or price > 1_000_000 or price % symbol.tick:
        raise filter_failure("PRICE_FILTER")
    if not mid * symbol.percent_down <= price <= mid * symbol.percent_up:
        raise filter_failure("PERCENT_PRICE_BY_SIDE")


def check_quantity(symbol: Symbol, quantity: Decimal, *, market: bool) -> None:
    if quantity == 0:
        raise Refusal(-1013, "Invalid quantity.")
    if not symbol.min_quantity <= quantity <= symbol.max_quantity or quantity % symbol.step:
        raise filter_failure("LOT_SIZE")
    if market and quantity > symbol.market_max_quantity:
        raise filter_failure("MARKET_LOT_SIZE")


def check_notional(symbol: Symbol, notional: Decimal, *, market: bool) -> None:
    if notional < symbol.min_notional or (notional > symbol.max_notional and not market):
        raise filter_failure("NOTIONAL")


def check_count(symbol: Symbol, open_orders: int) -> None:
    if open_orders >= symbol.max_orders:
        raise filter_failure("MAX_NUM_ORDERS")
