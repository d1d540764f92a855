"""Whole executions on a recording at full speed, durable: how much faster than life, and what a child costs."""

from __future__ import annotations

import tempfile
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from genesis_actors.engine import Engine
from genesis_actors.gateways.paper import PaperVenue
from genesis_actors.messages.market_data import MarketRows
from genesis_actors.opening import VirtualTime
from genesis_actors.orders import TwapOrder
from genesis_actors.settings import Settings
from genesis_actors.values import Symbol

SYMBOL = Symbol("BTC/USDT")
START = datetime(2025, 1, 6, 14, 0, tzinfo=UTC)
LENGTH = timedelta(minutes=12)
WINDOW = timedelta(minutes=10)
SLICES = 20
PARENTS = (1, 10, 100)


def run(*, quick: bool = False) -> list[dict[str, object]]:
    """Work so many parent orders at once on one recording of 12 minutes."""
    with tempfile.TemporaryDirectory() as folder:
        trades, book = _record(Path(folder))
        counts = PARENTS[:2] if quick else PARENTS
        return [_measure(Path(folder), trades, book, parents) for parents in counts]


def _measure(folder: Path, trades: Path, book: Path, parents: int) -> dict[str, object]:
    replay = {"symbol": SYMBOL, "trades": trades, "book": book}
    settings = Settings.load(
        None,
        storage={"url": str(folder / f"{parents}.db")},
        venue={"kind": "replay", "replay": replay},
    )
    wall, cpu = time.perf_counter(), time.process_time()
    with Engine.start(settings, virtual=VirtualTime()) as engine:
        started = time.perf_counter()
        twaps = [engine.submit(_order(number)) for number in range(parents)]
        children = sum(len(twap.wait().orders) for twap in twaps)
        virtual = engine.runtime.clock.now() - START
    stopped = time.perf_counter()
    cpu_seconds = time.process_time() - cpu
    return {
        "parents": parents,
        "children": children,
        "cpu_seconds": round(cpu_seconds, 3),
        "cpu_ms_per_child": round(1000 * cpu_seconds / max(children, 1), 3),
        "wall_seconds": round(stopped - wall, 3),
        "start_seconds": round(started - wall, 3),
        "times_real_time": round(virtual.total_seconds() / (stopped - started)),
    }


def _order(number: int) -> TwapOrder:
    return TwapOrder.parse(
        symbol=SYMBOL,
        side="buy" if number % 2 else "sell",
        quantity="0.02",
        duration=WINDOW,
        slices=SLICES,
        jitter="20%",
        early_completion="off",
        seed=number,
    )


def _record(folder: Path) -> tuple[Path, Path]:
    """Write down what the paper venue's market does."""
    venue = PaperVenue(seed=1)
    feed = list(venue.open(SYMBOL, START).rows)
    while (due := venue.next_at()) is not None and due <= START + LENGTH:
        feed.extend(venue.advance(due).rows)
    trades, book = folder / "trades.csv", folder / "book.csv"
    trades.write_text("\n".join(["ts_ms,price,amount,side", *_trades(feed), ""]))
    book.write_text("\n".join(["ts_ms,bid_px,bid_sz,ask_px,ask_sz", *_book(feed), ""]))
    return trades, book


def _trades(feed: list[MarketRows]) -> list[str]:
    return [
        f"{_milliseconds(trade.at)},{trade.price},{_text(trade.quantity)},{trade.side or ''}"
        for rows in feed
        for trade in rows.trades
    ]


def _book(feed: list[MarketRows]) -> list[str]:
    return [
        f"{_milliseconds(rows.at)},{rows.quote.bid},{_text(rows.quote.bid_size)},"
        f"{rows.quote.ask},{_text(rows.quote.ask_size)}"
        for rows in feed
        if rows.quote is not None
    ]


def _milliseconds(at: datetime) -> int:
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def _text(quantity: Decimal | None) -> str:
    return "" if quantity is None else format(quantity, "f")
