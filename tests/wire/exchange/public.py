"""What everybody may ask: time, symbols, book, trades, candles."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from tests.wire.exchange.aggregates import Aggregate
from tests.wire.exchange.asking import Asked
from tests.wire.exchange.market import MINUTE, Candle, Market, Print
from tests.wire.exchange.refusals import Refusal, invalid
from tests.wire.exchange.symbols import RATE_LIMITS, shown, text

WIDTHS = {
    "1m": MINUTE,
    "3m": 3 * MINUTE,
    "5m": 5 * MINUTE,
    "15m": 15 * MINUTE,
    "30m": 30 * MINUTE,
    "1h": 60 * MINUTE,
    "4h": 240 * MINUTE,
    "1d": 1440 * MINUTE,
}


def ping(_: Asked) -> Any:
    return {}


def time(asked: Asked) -> Any:
    return {"serverTime": asked.now}


def system_status(asked: Asked) -> Any:
    down = asked.exchange.faults.is_maintenance(asked.now)
    return {"status": int(down), "msg": "system_maintenance" if down else "normal"}


def exchange_info(asked: Asked) -> Any:
    wanted = asked.params.optional("symbols")
    single = asked.params.optional("symbol")
    names = json.loads(wanted) if wanted else [single] if single else None
    markets = asked.exchange.engine.markets
    if names is not None and any(name not in markets for name in names):
        raise invalid("symbol")
    return {
        "timezone": "UTC",
        "serverTime": asked.now,
        "rateLimits": RATE_LIMITS,
        "exchangeFilters": [],
        "symbols": [shown(m.symbol) for m in markets.values() if not names or m.symbol.id in names],
    }


def depth(asked: Asked) -> Any:
    market = asked.market()
    limit = asked.params.limit(100, 5000)
    return depth_of(asked, market, limit)


def depth_of(asked: Asked, market: Market, limit: int) -> dict[str, Any]:
    feed = asked.exchange.feeds[market.symbol.id]
    feed.look(asked.exchange.engine, asked.now)
    bids, asks = ([[text(p), text(q)] for p, q in side.items()] for side in (feed.bids, feed.asks))
    return {"lastUpdateId": feed.update_id, "bids": bids[:limit], "asks": asks[:limit]}


def trades(asked: Asked) -> Any:
    market = asked.market()
    found = market.newest(asked.now, asked.params.limit(500, 1000))
    return [_trade(trade) for trade in found]


def _trade(trade: Print) -> dict[str, Any]:
    return {
        "id": trade.trade_id,
        "price": text(trade.price),
        "qty": text(trade.quantity),
        "quoteQty": quote_text(trade.price * trade.quantity),
        "time": trade.at,
        "isBuyerMaker": trade.taker == "SELL",
        "isBestMatch": True,
    }


def quote_text(amount: Decimal) -> str:
    return text(amount.quantize(Decimal("0.00000001")))


def aggregate_trades(asked: Asked) -> Any:
    """Each trade is an aggregate of its own, with a number of its own."""
    market, params = asked.market(), asked.params
    limit = params.limit(500, 1000)
    first, after = params.whole("fromId"), params.whole("startTime")
    until = params.whole("endTime")
    until = asked.now if until is None else min(until, asked.now)
    aggregates = asked.exchange.aggregates[market.symbol.id]
    aggregates.look(asked.now)
    if first is not None:
        found = aggregates.since(first)[:limit]
    elif after is not None:
        found = aggregates.between(after, until)[:limit]
    else:
        found = aggregates.between(0, until)[-limit:]
    return [aggregate(each) for each in found]


def aggregate(each: Aggregate) -> dict[str, Any]:
    trade = each.trade
    return {
        "a": each.number,
        "p": text(trade.price),
        "q": text(trade.quantity),
        "f": trade.trade_id,
        "l": trade.trade_id,
        "T": trade.at,
        "m": trade.taker == "SELL",
        "M": True,
    }


def klines(asked: Asked) -> Any:
    market, params = asked.market(), asked.params
    interval = params.text("interval")
    if interval not in WIDTHS:
        raise Refusal(-1120, "Invalid interval.")
    width, limit = WIDTHS[interval], params.limit(500, 1000)
    after, until = params.whole("startTime"), params.whole("endTime")
    until = asked.now if until is None else min(until, asked.now)
    if after is None:
        after = (until // width - limit + 1) * width
    until = min(until, after + width * limit - 1)
    return [_kline(candle, width) for candle in market.candles(after, until, width)[:limit]]


def _kline(candle: Candle, width: int) -> list[Any]:
    quote = quote_text(candle.volume * (candle.high + candle.low) / 2)
    return [
        candle.at,
        text(candle.open),
        text(candle.high),
        text(candle.low),
        text(candle.close),
        text(candle.volume),
        candle.at + width - 1,
        quote,
        candle.trades,
        quote_text(candle.volume / 2),
        quote_text(Decimal(quote) / 2),
        "0",
    ]


def book_ticker(asked: Asked) -> Any:
    return _one_or_all(asked, lambda market: ticker_of(asked, market))


def ticker_of(asked: Asked, market: Market) -> dict[str, Any]:
    book, nothing = depth_of(asked, market, 1), [text(Decimal(0))] * 2
    bid, ask = next(iter(book["bids"]), nothing), next(iter(book["asks"]), nothing)
    return {
        "symbol": market.symbol.id,
        "bidPrice": bid[0],
        "bidQty": bid[1],
        "askPrice": ask[0],
        "askQty": ask[1],
    }


def ticker_day(asked: Asked) -> Any:
    return _one_or_all(asked, lambda market: _day(asked, market))


def ticker_price(asked: Asked) -> Any:
    return _one_or_all(
        asked,
        lambda market: {
            "symbol": market.symbol.id,
            "price": text(market.symbol.tick * market.mid_ticks(asked.now)),
        },
    )


def average_price(asked: Asked) -> Any:
    market = asked.market()
    price = text(market.symbol.tick * market.mid_ticks(asked.now))
    return {"mins": 5, "price": price, "closeTime": asked.now}


def _day(asked: Asked, market: Market) -> dict[str, Any]:
    day = market.candles(asked.now - 86_400_000, asked.now, 60 * MINUTE)
    opened, last = day[0].open, day[-1].close
    volume = sum((candle.volume for candle in day), Decimal(0))
    return ticker_of(asked, market) | {
        "priceChange": text(last - opened),
        "priceChangePercent": f"{(last - opened) / opened * 100:.3f}",
        "weightedAvgPrice": quote_text((opened + last) / 2),
        "prevClosePrice": text(opened),
        "lastPrice": text(last),
        "lastQty": text(market.symbol.step),
        "openPrice": text(opened),
        "highPrice": text(max(candle.high for candle in day)),
        "lowPrice": text(min(candle.low for candle in day)),
        "volume": text(volume),
        "quoteVolume": quote_text(volume * (opened + last) / 2),
        "openTime": asked.now - 86_400_000,
        "closeTime": asked.now,
        "firstId": 0,
        "lastId": 0,
        "count": sum(candle.trades for candle in day),
    }


def _one_or_all(asked: Asked, shape: Any) -> Any:
    """One object for `symbol`, a list for `symbols` or for neither."""
    if asked.params.optional("symbol"):
        return shape(asked.market())
    engine = asked.exchange.engine
    names = asked.params.optional("symbols")
    chosen = json.loads(names) if names else list(engine.markets)
    return [shape(engine.market(name)) for name in chosen]
