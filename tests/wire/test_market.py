"""The market of the others is one market, from whichever side it is asked about."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wire.conftest import async_binance
from tests.wire.exchange.engine import Engine, NewOrder
from tests.wire.exchange.ledger import Account, Fees
from tests.wire.exchange.market import MINUTE, Market, Temper
from tests.wire.exchange.refusals import Refusal
from tests.wire.exchange.running import RICH, LocalExchange
from tests.wire.exchange.symbols import SYMBOLS

NOON = 1_790_000_040_000 // MINUTE * MINUTE


def test_candles_hold_the_volume_of_the_trades() -> None:
    market = Market(SYMBOLS[0], 3, Temper())
    candles = market.candles(NOON, NOON + 10 * MINUTE - 1, MINUTE)
    hour = market.candles(NOON // (60 * MINUTE) * 60 * MINUTE, NOON + 60 * MINUTE, 60 * MINUTE)[0]
    trades = market.tape(NOON - 1, NOON + 10 * MINUTE - 1)
    of_hour = market.tape(hour.at - 1, hour.at + 60 * MINUTE - 1)

    assert sum(candle.volume for candle in candles) == sum(trade.quantity for trade in trades)
    assert hour.volume == sum(trade.quantity for trade in of_hour)
    assert sum(candle.trades for candle in candles) == len(trades)


def test_the_same_seed_gives_the_same_market_and_another_one_does_not() -> None:
    one, same, other = (Market(SYMBOLS[1], seed, Temper()) for seed in (7, 7, 8))

    assert one.tape(NOON, NOON + MINUTE) == same.tape(NOON, NOON + MINUTE)
    assert list(one.offered(NOON, "BUY")) == list(same.offered(NOON, "BUY"))
    assert one.tape(NOON, NOON + MINUTE) != other.tape(NOON, NOON + MINUTE)


def test_trade_ids_grow_with_time_and_never_repeat() -> None:
    trades = Market(SYMBOLS[5], 1, Temper()).tape(NOON, NOON + 30 * MINUTE)
    ids = [trade.trade_id for trade in trades]

    assert len(set(ids)) == len(ids)
    assert [trade.at for trade in trades] == sorted(trade.at for trade in trades)


def test_our_own_trades_are_on_the_public_tape(live_exchange: LocalExchange) -> None:
    async def play() -> Any:
        async with async_binance(live_exchange.config) as client:
            order = await client.create_order(
                "ETH/USDT", "limit", "buy", "1.2345", "3100", {"timeInForce": "IOC"}
            )
            trades = await client.fetch_trades("ETH/USDT", order["timestamp"] - 1)
            candles = await client.fetch_ohlcv("ETH/USDT", "1m", None, 2)
            return order, trades, candles

    order, trades, candles = asyncio.run(play())
    ours = {trade["id"] for trade in order["trades"]}

    assert ours <= {str(trade["info"]["f"]) for trade in trades}
    assert sum(Decimal(candle[5]) for candle in candles) >= Decimal("1.2345")


STEPS = st.tuples(
    st.sampled_from(["BUY", "SELL"]),
    st.sampled_from(["LIMIT", "LIMIT_MAKER", "MARKET"]),
    st.sampled_from(["GTC", "IOC", "FOK"]),
    st.integers(-40, 40),  # Ticks from the middle.
    st.integers(1, 40_000),  # Steps of quantity.
    st.integers(0, 3_000),  # Milliseconds that pass.
    st.booleans(),  # Cancel the oldest one after it.
)


@settings(max_examples=60)
@given(
    st.lists(STEPS, max_size=25),
    st.sampled_from(["received", "quote", "third"]),
    st.sampled_from([symbol for symbol in SYMBOLS if symbol.status == "TRADING"]),
)
def test_balances_are_deposits_and_trades_to_the_last_digit(
    steps: list[Any], taken_from: str, symbol: Any
) -> None:
    now = NOON
    engine = Engine(1, Temper(), now=now)
    account = Account(1, Fees(Decimal("0.00075"), taken_from=taken_from))
    engine.accounts.append(account)
    for asset, amount in RICH.items():
        account.deposit(asset, amount)
    for side, kind, in_force, ticks, quantity, passes, cancels in steps:
        now += passes
        engine.advance(now)
        price = symbol.tick * max(1, engine.markets[symbol.id].mid_ticks(now) + ticks)
        price = Decimal(0) if kind == "MARKET" else price
        new = NewOrder(symbol.id, f"c{now}", side, kind, in_force, price, symbol.step * quantity)
        try:
            engine.submit(account, new, now)
        except Refusal:
            continue
        if cancels and account.open_orders():
            engine.cancel(account, account.open_orders()[0], now)

    assert account.discrepancies() == {}
    assert all(balance.free >= 0 <= balance.locked for balance in account.balances.values())
    for order in account.orders():
        fills = [fill for fill in account.fills if fill.order_id == order.order_id]
        assert sum((fill.quantity for fill in fills), Decimal(0)) == order.executed
        assert sum((fill.quote_quantity for fill in fills), Decimal(0)) == order.executed_quote
