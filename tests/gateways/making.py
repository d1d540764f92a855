"""Little recordings and orders for the tests of the venues. Times are milliseconds after the epoch."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from genesis_actors.gateways.replay import ReplayVenue
from genesis_actors.messages.venue import (
    CancelOrder,
    LookUpOrder,
    OrderClosed,
    OrderFilled,
    OrderOutcome,
    PlaceOrder,
)
from genesis_actors.values import ClientOrderId, ExecutionId, Side, Symbol

BTC = Symbol("BTC/USDT")
MARKET = {
    "base": "BTC",
    "quote": "USDT",
    "lot": "0.01",
    "tick": "0.01",
    "min_notional": "5",
    "taker_fee": "0.001",
    "maker_fee": "0.0005",
}


def at(ms: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)


def an_order(
    name: str,
    side: str,
    quantity: str,
    price: str,
    *,
    resting: bool = False,
    symbol: Symbol = BTC,
) -> PlaceOrder:
    return PlaceOrder(
        execution_id=ExecutionId("x"),
        client_order_id=ClientOrderId(name),
        slice_number=1,
        symbol=symbol,
        side=Side(side),
        quantity=Decimal(quantity),
        price=Decimal(price),
        mid=Decimal(price),
        rate=Decimal("0.1"),
        market_volume=Decimal(1),
        window_start=at(0),
        parent_quantity=Decimal(1_000_000),
        remaining_quantity=Decimal(1_000_000),
        resting=resting,
    )


def a_cancel(name: str, symbol: Symbol = BTC) -> CancelOrder:
    return CancelOrder(
        execution_id=ExecutionId("x"), client_order_id=ClientOrderId(name), symbol=symbol
    )


def a_question(name: str, symbol: Symbol = BTC) -> LookUpOrder:
    return LookUpOrder(
        execution_id=ExecutionId("x"), client_order_id=ClientOrderId(name), symbol=symbol
    )


def fills(outcomes: Iterable[OrderOutcome]) -> list[tuple[str, str]]:
    """Return quantity and price of each fill."""
    return [(str(each.quantity), str(each.price)) for each in _filled(outcomes)]


def fees(outcomes: Iterable[OrderOutcome]) -> list[tuple[Decimal, str]]:
    return [(each.fee, each.fee_currency) for each in _filled(outcomes)]


def _filled(outcomes: Iterable[OrderOutcome]) -> list[OrderFilled]:
    return [each for each in outcomes if isinstance(each, OrderFilled)]


def ending(outcomes: Iterable[OrderOutcome]) -> str:
    *_, last = outcomes
    assert isinstance(last, OrderClosed)
    return str(last.status)


def detail(outcomes: Iterable[OrderOutcome]) -> str:
    *_, last = outcomes
    assert isinstance(last, OrderClosed)
    return last.detail or ""


@dataclass(frozen=True)
class Files:
    """The files of a little recording."""

    folder: Path

    def write(self, name: str, header: str, rows: str) -> Path:
        path = self.folder / name
        text = "\n".join([header, *rows.split(), ""])
        if name == "depth.csv":  # Its levels are separated by spaces.
            text = "\n".join([header, *(row.strip() for row in rows.strip().split("\n")), ""])
        path.write_text(text)
        return path

    def trades(self, rows: str) -> Path:
        return self.write("trades.csv", "ts_ms,price,amount,side", rows)

    def book(self, rows: str) -> Path:
        return self.write("book.csv", "ts_ms,bid_px,bid_sz,ask_px,ask_sz", rows)

    def depth(self, rows: str) -> Path:
        return self.write("depth.csv", "ts_ms,side,levels", rows)

    def candles(self, rows: str) -> Path:
        return self.write("candles.csv", "ts_ms,open,high,low,close,volume", rows)

    def market(self, **changes: object) -> Path:
        path = self.folder / "market.json"
        path.write_text(json.dumps(MARKET | changes))
        return path

    def packed(self, path: Path) -> Path:
        packed = path.with_name(path.name + ".gz")
        packed.write_bytes(gzip.compress(path.read_bytes()))
        return packed

    def replay(
        self,
        book: str,
        trades: str = "0,100,1,sell",
        depth: str | None = None,
        start_ms: int | None = None,
        **rules: object,
    ) -> ReplayVenue:
        return ReplayVenue.load(
            BTC,
            trades=self.trades(trades),
            book=self.book(book),
            depth=None if depth is None else self.depth(depth),
            market=self.market(**rules),
            start_at=None if start_ms is None else at(start_ms),
        )

    def opened(
        self,
        book: str,
        trades: str = "0,100,1,sell",
        depth: str | None = None,
        **rules: object,
    ) -> ReplayVenue:
        """Return a replay whose feed is open and stands at its first instant."""
        venue = self.replay(book, trades, depth, None, **rules)
        venue.open(BTC, at(0))
        return venue
