"""Recomputes a run from its database and its recording, by the definitions alone and with none of our code.

What differs from what the engine says is returned as sentences; an empty list is agreement to the last digit.
"""

from __future__ import annotations

import csv
import gzip
import sqlite3
from bisect import bisect_right
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from itertools import pairwise
from pathlib import Path
from typing import Any

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FEE = Decimal("0.001")


def micros(text: str) -> int:
    return (datetime.fromisoformat(text) - EPOCH) // timedelta(microseconds=1)


def rounded(value: Decimal) -> Decimal:
    return value.quantize(Decimal("1e-10"), ROUND_HALF_EVEN)


def csv_rows(path: Path) -> list[dict[str, str]]:
    content = path.read_bytes()
    text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode()
    rows = list(csv.DictReader(text.splitlines()))
    return sorted(rows, key=lambda row: int(row["ts_ms"]))


class Market:
    """The recording, read anew."""

    def __init__(self, trades: Path, book: Path, depth: Path | None) -> None:
        self.trades = [
            (int(row["ts_ms"]) * 1000, Decimal(row["price"]), Decimal(row["amount"]))
            for row in csv_rows(trades)
        ]
        self.trade_times = [trade[0] for trade in self.trades]
        self.book = csv_rows(book)
        self.book_times = [int(row["ts_ms"]) * 1000 for row in self.book]
        self.depth: dict[str, list[tuple[int, str]]] = {"a": [], "b": []}
        self.has_depth = depth is not None
        if depth is not None:
            for row in csv_rows(depth):
                self.depth[row["side"]].append((int(row["ts_ms"]) * 1000, row["levels"]))

    def traded(self, after: int, until: int) -> list[tuple[int, Decimal, Decimal]]:
        first = bisect_right(self.trade_times, after)
        return self.trades[first : bisect_right(self.trade_times, until)]

    def volume(self, after: int, until: int) -> Decimal:
        return sum((quantity for _, _, quantity in self.traded(after, until)), Decimal(0))

    def mid(self, at: int) -> Decimal:
        row = self.book[bisect_right(self.book_times, at) - 1]
        return (Decimal(row["bid_px"]) + Decimal(row["ask_px"])) / 2

    def twap(self, start: int, end: int) -> Decimal:
        if start == end:
            return self.mid(end)
        changes = [start, *(at for at in self.book_times if start < at <= end), end]
        integral = sum(
            (self.mid(at) * (following - at) for at, following in pairwise(changes)),
            Decimal(0),
        )
        return integral / (end - start)

    def levels(self, side: str, at: int) -> tuple[list[tuple[Decimal, Decimal]], object]:
        """Return the levels an order meets, best first, and what they lose their memory with."""
        number = bisect_right(self.book_times, at) - 1
        row = self.book[number]
        price, size = (
            (row["ask_px"], row["ask_sz"]) if side == "buy" else (row["bid_px"], row["bid_sz"])
        )
        last = self.trades[bisect_right(self.trade_times, at) - 1][2]
        touch = (Decimal(price), Decimal(size) if size else last)
        if not self.has_depth:
            return [touch], number
        snapshots = self.depth["a" if side == "buy" else "b"]
        newest = bisect_right([each[0] for each in snapshots], at) - 1
        if newest < 0:
            return [touch], None
        deeper = [tuple(map(Decimal, level.split(":"))) for level in snapshots[newest][1].split()]
        behind = [
            (level[0], level[1])
            for level in deeper
            if (level[0] > touch[0] if side == "buy" else level[0] < touch[0])
        ]
        return [touch, *behind], newest


@dataclass
class Run:
    """One execution, as its database has it."""

    execution: dict[str, Any]
    slices: list[dict[str, Any]]
    orders: list[dict[str, Any]]
    fills: list[dict[str, Any]]

    @classmethod
    def read(cls, database: Path, execution_id: str) -> Run:
        with closing(sqlite3.connect(database)) as connection:
            connection.row_factory = sqlite3.Row

            def rows(table: str, order: str) -> list[dict[str, Any]]:
                query = f"select * from {table} where execution_id = ? order by {order}"  # noqa: S608
                return [dict(row) for row in connection.execute(query, (execution_id,))]

            return cls(
                rows("twap_executions", "1")[0],
                rows("twap_slice_history", "slice_number"),
                rows("orders", "created_at, client_order_id"),
                rows("fills", "rowid"),
            )


def differences(run: Run, market: Market, max_participation: Decimal) -> list[str]:
    """Return every figure, slice and fill that the recording does not bear out."""
    with localcontext() as context:
        context.prec = 80
        return [
            *_figures(run, market),
            *_slices(run, market, max_participation),
            *_fills(run, market),
        ]


def _figures(run: Run, market: Market) -> list[str]:
    x = run.execution
    sign = 1 if x["side"] == "buy" else -1
    quantity = Decimal(x["quantity"])
    filled = sum((Decimal(f["quantity"]) for f in run.fills), Decimal(0))
    notional = sum((Decimal(f["quantity"]) * Decimal(f["price"]) for f in run.fills), Decimal(0))
    fees = notional * FEE
    start, end = micros(x["started_at"]), micros(x["finished_at"] or x["paused_at"])
    arrival, last = market.mid(micros(x["created_at"])), market.mid(end)
    volume = market.volume(start, end)
    turnover = sum((price * amount for _, price, amount in market.traded(start, end)), Decimal(0))
    twap = market.twap(start, end)
    cost = sign * (notional - filled * arrival) + sign * (quantity - filled) * (last - arrival)
    expected: dict[str, Decimal | None] = {
        "filled_quantity": filled,
        "fees_quote": fees,
        "arrival_price": arrival,
        "twap_benchmark": rounded(twap),
        "vwap_benchmark": rounded(turnover / volume) if volume else None,
        "participation_rate": rounded(filled / volume) if volume else None,
        "implementation_shortfall_bps": rounded(10_000 * (cost + fees) / (quantity * arrival)),
        "average_price": rounded(notional / filled) if filled else None,
    }
    if filled:
        against_arrival = sign * (notional - filled * arrival) / (filled * arrival)
        against_twap = sign * (notional / filled - twap) / twap
        expected["slippage_vs_arrival_bps"] = rounded(10_000 * against_arrival)
        expected["slippage_vs_twap_bps"] = rounded(10_000 * against_twap)
    return [
        f"{name} is {x[name]}, not {value}"
        for name, value in expected.items()
        if (None if x[name] is None else Decimal(x[name])) != value
    ]


def _slices(run: Run, market: Market, max_participation: Decimal) -> list[str]:
    wrong: list[str] = []
    x = run.execution
    sign = 1 if x["side"] == "buy" else -1
    start, end = micros(x["started_at"]), micros(x["ends_at"])
    window = max(int(Decimal(x["duration_seconds"]) * 1_000_000) // x["slices_total"], 60_000_000)
    slice_of = {order["client_order_id"]: order["slice_number"] for order in run.orders}
    for part in run.slices:
        number = part["slice_number"]
        mine = [f for f in run.fills if slice_of[f["client_order_id"]] == number]
        filled = sum((Decimal(f["quantity"]) for f in mine), Decimal(0))
        notional = sum((Decimal(f["quantity"]) * Decimal(f["price"]) for f in mine), Decimal(0))
        if Decimal(part["filled_quantity"]) != filled:
            wrong.append(f"slice {number} has {part['filled_quantity']} filled, not {filled}")
        if not start <= micros(part["due_at"]) <= end:
            wrong.append(f"slice {number} is due at {part['due_at']}, outside of the window")
        if part["sent_at"] is None:
            continue
        sent = micros(part["sent_at"])
        volume, mid = market.volume(sent - window, sent), market.mid(sent)
        if Decimal(part["market_volume"]) != volume:
            wrong.append(f"slice {number} saw {part['market_volume']}, not {volume}")
        if filled > volume * max_participation:
            wrong.append(f"slice {number} took {filled} of {volume}")
        if Decimal(part["market_price"]) != mid:
            wrong.append(f"slice {number} stood at {part['market_price']}, not {mid}")
        if filled:
            slippage = rounded(10_000 * sign * (notional / filled - mid) / mid)
            if Decimal(part["slippage_bps"]) != slippage:
                wrong.append(f"slice {number} slipped {part['slippage_bps']}, not {slippage}")
    planned = [Decimal(part["planned_quantity"]) for part in run.slices]
    if sum(planned, Decimal(0)) != Decimal(x["quantity"]):
        wrong.append(f"the slices add up to {sum(planned, Decimal(0))}, not to {x['quantity']}")
    return wrong


def _fills(run: Run, market: Market) -> list[str]:
    """Match every order again. Resting orders depend on what follows and are left out, with all after them."""
    wrong: list[str] = []
    side = run.execution["side"]
    taken: dict[Decimal, Decimal] = {}
    memory: object = None
    for order in run.orders:
        if order["sent_at"] is None:
            continue
        if order["order_type"] != "limit_ioc":
            return wrong
        levels, since = market.levels(side, micros(order["sent_at"]))
        if since != memory:
            taken, memory = {}, since
        left, limit = Decimal(order["quantity"]), Decimal(order["price"])
        expected: list[tuple[Decimal, Decimal]] = []
        for price, size in levels:
            if not left or (price > limit if side == "buy" else price < limit):
                break
            quantity = min(max(size - taken.get(price, Decimal(0)), Decimal(0)), left)
            if quantity:
                expected.append((price, quantity))
                taken[price] = taken.get(price, Decimal(0)) + quantity
                left -= quantity
        name = order["client_order_id"]
        got = [
            (Decimal(f["price"]), Decimal(f["quantity"]))
            for f in run.fills
            if f["client_order_id"] == name
        ]
        if got != expected:
            wrong.append(f"order {name} filled {got}, not {expected}")
    return wrong
