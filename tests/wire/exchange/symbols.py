"""The symbols that are traded here, their filters, and how exchangeInfo shows them."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

EIGHT = Decimal("0.00000001")


def text(number: Decimal) -> str:
    """Eight places, as the exchange writes every amount; nothing may be lost by it."""
    shown = number.quantize(EIGHT)
    assert shown == number, number
    return f"{shown:f}"


@dataclass(frozen=True, slots=True)
class Symbol:
    base: str
    quote: str
    price: Decimal
    tick: Decimal
    step: Decimal
    min_quantity: Decimal
    max_quantity: Decimal = Decimal(9_000_000)
    market_max_quantity: Decimal = Decimal(9_000_000)
    min_notional: Decimal = Decimal(5)
    max_notional: Decimal = Decimal(9_000_000)
    max_orders: int = 200
    percent_up: Decimal = Decimal(5)
    percent_down: Decimal = Decimal("0.2")
    status: str = field(default="TRADING", compare=False)  # The only thing that changes.
    step_volume: int = 2_000  # Market volume of a usual minute, in steps.

    @property
    def id(self) -> str:
        return self.base + self.quote


def _symbol(base: str, quote: str, *numbers: str, **more: Any) -> Symbol:
    price, tick, step = (Decimal(number) for number in numbers)
    return Symbol(base, quote, price, tick, step, min_quantity=step, **more)


SYMBOLS: tuple[Symbol, ...] = (
    _symbol(
        "BTC",
        "USDT",
        "60000",
        "0.01",
        "0.00001",
        max_quantity=Decimal(9000),
        market_max_quantity=Decimal(120),
        step_volume=3_000_000,
    ),
    _symbol("ETH", "USDT", "3000", "0.01", "0.0001", step_volume=4_000_000),
    _symbol("BNB", "USDT", "600", "0.1", "0.001", step_volume=100_000),
    _symbol("ETH", "BTC", "0.05", "0.00001", "0.0001", min_notional=Decimal("0.0001")),
    _symbol("DOGE", "USDT", "0.12345", "0.00001", "1", step_volume=5_000_000),
    _symbol(
        "PEPE",
        "USDT",
        "0.00001234",
        "0.00000001",
        "1",
        max_quantity=Decimal(92_141_578_376),
        market_max_quantity=Decimal(92_141_578_376),
        min_notional=Decimal(1),
        step_volume=9_000_000_000,
    ),
    _symbol("LUNA", "USDT", "1.5", "0.0001", "0.01", status="BREAK"),
)

ORDER_TYPES = ["LIMIT", "LIMIT_MAKER", "MARKET"]

RATE_LIMITS = [
    {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000},
    {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 100},
    {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": 200000},
    {"rateLimitType": "RAW_REQUESTS", "interval": "MINUTE", "intervalNum": 5, "limit": 61000},
]


def filters_of(symbol: Symbol) -> list[dict[str, Any]]:
    lot = {"minQty": text(symbol.min_quantity), "maxQty": text(symbol.max_quantity)}
    return [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": text(symbol.tick),
            "maxPrice": text(Decimal(1_000_000)),
            "tickSize": text(symbol.tick),
        },
        {"filterType": "LOT_SIZE", **lot, "stepSize": text(symbol.step)},
        {"filterType": "ICEBERG_PARTS", "limit": 10},
        {
            "filterType": "MARKET_LOT_SIZE",
            "minQty": text(Decimal(0)),
            "maxQty": text(symbol.market_max_quantity),
            "stepSize": text(Decimal(0)),
        },
        {
            "filterType": "PERCENT_PRICE_BY_SIDE",
            "bidMultiplierUp": f"{symbol.percent_up:f}",
            "bidMultiplierDown": f"{symbol.percent_down:f}",
            "askMultiplierUp": f"{symbol.percent_up:f}",
            "askMultiplierDown": f"{symbol.percent_down:f}",
            "avgPriceMins": 5,
        },
        {
            "filterType": "NOTIONAL",
            "minNotional": text(symbol.min_notional),
            "applyMinToMarket": True,
            "maxNotional": text(symbol.max_notional),
            "applyMaxToMarket": False,
            "avgPriceMins": 5,
        },
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": symbol.max_orders},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 5},
    ]


def shown(symbol: Symbol) -> dict[str, Any]:
    """One entry of exchangeInfo."""
    return {
        "symbol": symbol.id,
        "status": symbol.status,
        "baseAsset": symbol.base,
        "baseAssetPrecision": 8,
        "quoteAsset": symbol.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": ORDER_TYPES,
        "icebergAllowed": False,
        "ocoAllowed": False,
        "otoAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": False,
        "cancelReplaceAllowed": False,
        "amendAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": filters_of(symbol),
        "permissions": [],
        "permissionSets": [["SPOT", "TRD_GRP_004"]],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": ["NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"],
    }
