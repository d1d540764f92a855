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
PARENTS = (100, 1_000, 5_000)
PARENTS_WHEN_QUICK = (10, 100)
REPORTED = 100
"""So many parents are worked once more with a report for each."""
DEPTH = 100
"""How much more is traded and stands in the book than in the paper market: no cap binds, and no level is used up."""


def run(*, quick: bool = False) -> list[dict[str, object]]:
    """Work so many parent orders of 20 slices at once on one recording of 12 minutes, without reports and with."""
    with tempfile.TemporaryDirectory(prefix="genesis-bench-") as folder:
        trades, book = _record(Path(folder))
        counts = PARENTS_WHEN_QUICK if quick else PARENTS
        return [
            *(_measure(Path(folder), trades, book, parents) for parents in counts),
            _measure(Path(folder), trades, book, REPORTED, makes_reports=True),
        ]


def _measure(
    folder: Path, trades: Path, book: Path, parents: int, *, makes_reports: bool = False
) -> dict[str, object]:
    database = folder / f"{parents}-{makes_reports}.db"
    replay = {"symbol": SYMBOL, "trades": trades, "book": book}
    settings = Settings.load(
        None,
        storage={"url": str(database)},
        venue={"kind": "replay", "replay": replay},
    )
    wall, cpu = time.perf_counter(), time.process_time()
    with Engine.start(settings, virtual=VirtualTime(), makes_reports=makes_reports) as engine:
        started = time.perf_counter()
        twaps = [engine.submit(_order(number)) for number in range(parents)]
        submitted = time.process_time()
        children = sum(len(twap.wait().orders) for twap in twaps)
        worked = time.process_time()
        virtual = engine.runtime.clock.now() - START
    stopped = time.perf_counter()
    return {
        "parents": parents,
        "reports": makes_reports,
        "children": children,
        "cpu_ms_per_child": round(1000 * (worked - submitted) / children, 3),
        "cpu_ms_per_parent_submitted": round(1000 * (submitted - cpu) / parents, 3),
        "cpu_seconds": round(time.process_time() - cpu, 3),
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
        f"{_milliseconds(trade.at)},{trade.price},{_text(trade.quantity * DEPTH)},{trade.side or ''}"
        for rows in feed
        for trade in rows.trades
    ]


def _book(feed: list[MarketRows]) -> list[str]:
    return [
        f"{_milliseconds(rows.at)},{rows.quote.bid},{_size(rows.quote.bid_size)},"
        f"{rows.quote.ask},{_size(rows.quote.ask_size)}"
        for rows in feed
        if rows.quote is not None
    ]


def _milliseconds(at: datetime) -> int:
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def _text(quantity: Decimal) -> str:
    return format(quantity, "f")


def _size(quantity: Decimal | None) -> str:
    return "" if quantity is None else _text(quantity * DEPTH)
