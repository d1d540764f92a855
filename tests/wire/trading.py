"""Live trading against the local exchange: settings that make a window take seconds, and the books compared."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from genesis_actors import Settings, TwapOrder
from genesis_actors.storage import queries
from genesis_actors.storage.recovery import load_fills
from genesis_actors.values import TradeId
from tests.wire.exchange.running import LocalExchange

QUICK: dict[str, Any] = {
    "exchange": "binance",
    "poll_interval": "300ms",
    "recv_window": "2s",
    "engine_timeout": "500ms",
    "clock_error": "500ms",
    "read_lag": "2s",
    "request_timeout": "2s",
    "trades_every": "4s",
    "outage_after": "2s",
}
"""What is proven, and when, within seconds: this exchange is as quick as that."""

SHORT = {
    "min_duration": "5s",
    "slice_interval": "2s",
    "min_slice_interval": "500ms",
    "early_completion_threshold": "0",
}


def live_settings(config: Mapping[str, Any], database: Path, **ccxt: Any) -> Settings:
    return Settings.load(
        storage={"url": str(database)},
        engine={"mode": "live"},
        venue={
            "kind": "ccxt",
            "ccxt": {**QUICK, "config": {**config, "rateLimit": 5}, **ccxt},
        },
        twap=SHORT,
    )


def an_order(
    symbol: str = "BTC/USDT", side: str = "buy", quantity: str = "0.3", **more: Any
) -> TwapOrder:
    wishes = {"duration": "12s", "slices": 5, **more}
    return TwapOrder.parse(symbol=symbol, side=side, quantity=quantity, **wishes)


Booked = tuple[str, str, str, Decimal, Decimal, Decimal, str]


def our_books(database: Path) -> list[Booked]:
    """Return every trade that the database has."""
    return sorted(
        (
            str(fill.client_order_id),
            TradeId(fill.trade_id.removesuffix("-maker")),
            fill.side.value,
            fill.quantity,
            fill.price,
            fill.fee,
            fill.fee_currency,
        )
        for fill in load_fills(database)
    )


def their_books(exchange: LocalExchange) -> list[Booked]:
    """Return every trade of the account that the exchange has."""
    return sorted(
        (
            fill.client_order_id,
            str(fill.trade_id),
            fill.side.lower(),
            fill.quantity,
            fill.price,
            fill.fee,
            fill.fee_asset,
        )
        for fill in exchange.fills()
    )


def check_books(exchange: LocalExchange, database: Path) -> None:
    """Hold what we believe against what the exchange knows: the same trades, each order sent once, none too many."""
    assert our_books(database) == their_books(exchange)
    sent = [attempt.sent["newClientOrderId"] for attempt in exchange.attempts()]
    assert len(sent) == len(set(sent))
    assert exchange.discrepancies() == {}
    for row in queries.executions(database):
        traded = sum(
            (
                fill.quantity
                for fill in exchange.fills()
                if row.execution_id in fill.client_order_id
            ),
            Decimal(0),
        )
        assert traded == row.filled_quantity <= row.quantity
