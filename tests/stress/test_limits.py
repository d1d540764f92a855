"""Many executions in ten pairs that want more than every limit allows."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from pykka import ActorRegistry

from genesis_actors import Engine, Settings, TwapHandle, TwapOrder
from genesis_actors.actors.risk import RiskActor
from genesis_actors.gateways.listings import LISTINGS
from genesis_actors.messages.events import (
    ChildClosed,
    ChildFilled,
    ChildIntended,
    JournalEvent,
    TwapSliceStarted,
)
from genesis_actors.messages.persistence import ExecutionRow
from genesis_actors.opening import VirtualTime
from genesis_actors.storage import queries
from genesis_actors.storage.checks import check_database
from genesis_actors.storage.recovery import load_events
from genesis_actors.values import (
    ZERO,
    ClientOrderId,
    ExecutionState,
    OrderStatus,
    Reason,
    Side,
    Symbol,
)

pytestmark = pytest.mark.stress

PAIRS = tuple(listing.symbol for listing in LISTINGS if listing.symbol.endswith("/USDT"))
BUSY_AND_QUIET = (Symbol("BTC/USDT"), Symbol("LTC/USDT"))
CAP, WINDOW = Decimal("0.10"), timedelta(seconds=60)
ENDS = {*(state for state in ExecutionState if state.is_final), ExecutionState.PAUSED}


@dataclass(frozen=True)
class Limits:
    """What binds so many executions in these pairs."""

    executions: int
    pairs: tuple[Symbol, ...]

    @property
    def open_executions(self) -> int:
        return self.executions * 2 // 5

    @property
    def orders_per_second(self) -> int:
        return self.executions // 8

    @property
    def order_notional(self) -> Decimal:
        return Decimal(7_900)

    @property
    def symbol_exposure(self) -> Decimal:
        return Decimal(60_000)

    @property
    def portfolio_exposure(self) -> Decimal:
        return Decimal(31_000) * len(self.pairs)

    def settings(self, database: Path) -> Settings:
        risk = {
            "max_open_executions": self.open_executions,
            "max_order_notional": self.order_notional,
            "max_symbol_exposure": self.symbol_exposure,
            "max_portfolio_exposure": self.portfolio_exposure,
            "max_orders_per_second": self.orders_per_second,
        }
        return Settings.model_validate({"storage": {"url": str(database)}, "risk": risk})

    def order(self, number: int, rolls: random.Random) -> TwapOrder:
        return TwapOrder.parse(
            symbol=self.pairs[number % len(self.pairs)],
            side=rolls.choice(["buy", "buy", "sell"]),
            quantity=f"{rolls.choice([5_000, 20_000, 39_000])}quote",
            duration="5m",
            slices=5,
            client_id=f"n{number}",
            early_completion="off",
            jitter="0",
        )


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    "limits",
    [Limits(60, BUSY_AND_QUIET), pytest.param(Limits(500, PAIRS), marks=pytest.mark.soak)],
    ids=lambda limits: f"{limits.executions}",
)
def test_no_limit_is_exceeded_and_all_capacity_is_free_at_the_end(
    limits: Limits, tmp_path: Path
) -> None:
    executions, database, rolls = limits.executions, tmp_path / "genesis.db", random.Random(5)
    with Engine.start(limits.settings(database), virtual=VirtualTime()) as engine:
        twaps = [engine.submit(limits.order(number, rolls)) for number in range(executions)]
        assert len(queries.queue_places(database)) == executions - limits.open_executions
        ended = [_ended(engine, twap) for twap in twaps]
        _check_that_all_is_free()

    assert Reason.MAX_SYMBOL_EXPOSURE in {row.reason for row in ended}, "some could not go on"
    ids = [row.execution_id for row in ended]
    orders = [order for name in ids for order in queries.child_orders(database, name)]
    refusals = {order.reason for order in orders if order.status == OrderStatus.REFUSED}
    assert refusals >= {
        Reason.SYMBOL_PARTICIPATION_CAP,
        Reason.ORDER_RATE,
        Reason.MAX_ORDER_NOTIONAL,
        Reason.MAX_SYMBOL_EXPOSURE,
        Reason.MAX_PORTFOLIO_EXPOSURE,
    }, "every limit binds"
    assert None not in refusals
    sent = [order for order in orders if order.status != OrderStatus.REFUSED]
    assert all(order.quantity * order.price <= limits.order_notional for order in sent)
    _check_rate([order.created_at for order in sent], limits)
    _check_open_executions(database, limits)
    journal = [(event, row) for row in ended for event in load_events(database, row.execution_id)]
    refused = (o.client_order_id for o in orders if o.status == OrderStatus.REFUSED)
    _Ledger(limits, frozenset(map(ClientOrderId, refused))).check(journal)
    assert check_database(database).problems == ()


def _ended(engine: Engine, twap: TwapHandle) -> ExecutionRow:
    """Wait for the end of an execution; one that needs an operator ends by his hand, with the reason of its pause."""
    row = engine.wait_until(twap.execution_id, lambda row: row.state in ENDS).execution
    if row.state is ExecutionState.PAUSED:
        assert row.reason is not None
        twap.cancel()
    return row


def _check_that_all_is_free() -> None:
    (risk,) = ActorRegistry.get_by_class(RiskActor)
    actor: Any = risk._actor_weakref()
    assert actor._account.reserved_orders == frozenset()
    assert {book.use.reserved for book in actor._symbols.values()} == {ZERO}


def _check_rate(sent: list[datetime], limits: Limits) -> None:
    times = sorted(sent)
    for first, last in zip(times, times[limits.orders_per_second :], strict=False):
        assert last - first >= timedelta(seconds=1)


def _check_open_executions(database: Path, limits: Limits) -> None:
    changes = list[tuple[datetime, int]]()
    for row in queries.executions(database):
        assert row.finished_at is not None
        if row.started_at is not None:
            changes += [(row.started_at, 1), (row.finished_at, -1)]
    open_now, most = 0, 0
    for _, change in sorted(changes):
        open_now += change
        most = max(most, open_now)
    assert most == limits.open_executions


@dataclass
class _Ledger:
    """Positions, reservations and volumes, from the journals alone. Orders of one instant have no order among them."""

    limits: Limits
    refused: frozenset[ClientOrderId]
    positions: defaultdict[Symbol, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    open: dict[ClientOrderId, tuple[Symbol, Side, Decimal]] = field(default_factory=dict[Any, Any])
    marks: dict[Symbol, Decimal] = field(default_factory=dict[Symbol, Decimal])
    fills: defaultdict[Symbol, list[tuple[datetime, Decimal]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    passed: int = 0
    measured: int = 0

    def check(self, journal: Iterable[tuple[JournalEvent, ExecutionRow]]) -> None:
        by_time = sorted(journal, key=lambda each: each[0].at)
        for at, some in groupby(by_time, key=lambda each: each[0].at):
            self._instant(at, list(some))
        assert not any(left for _, _, left in self.open.values())
        assert self.passed > 5 * self.limits.executions / 2
        assert self.measured > self.limits.executions

    def _instant(self, at: datetime, some: list[tuple[JournalEvent, ExecutionRow]]) -> None:
        marks_before, volumes = dict(self.marks), dict[str, Decimal]()
        passed = list[tuple[ChildIntended, ExecutionRow]]()
        for event, row in some:
            symbol, side = Symbol(row.symbol), Side(row.side)
            match event:
                case TwapSliceStarted():
                    volumes[row.execution_id] = event.market_volume
                case ChildIntended():
                    self.marks[symbol] = event.mid
                    if event.client_order_id not in self.refused:
                        self.open[event.client_order_id] = (symbol, side, event.quantity)
                        passed.append((event, row))
                case ChildFilled():
                    self.positions[symbol] += side.sign * event.quantity
                    self.fills[symbol].append((event.traded_at, event.quantity))
                    left = self.open[event.client_order_id][2] - event.quantity
                    self.open[event.client_order_id] = (symbol, side, left)
                case ChildClosed():
                    self.open.pop(event.client_order_id, None)
                case _:
                    pass
        lowest = {s: min(mark, marks_before.get(s, mark)) for s, mark in self.marks.items()}
        for event, row in passed:
            self.passed += 1
            symbol, side = Symbol(row.symbol), Side(row.side)
            mine = self._committed(symbol, side) * event.mid
            assert mine <= self.limits.symbol_exposure
            others = (self._exposure(s) * mark for s, mark in lowest.items() if s != symbol)
            if mine > 0:
                assert mine + sum(others, ZERO) <= self.limits.portfolio_exposure
            if row.execution_id in volumes:
                self.measured += 1
                lately = (quantity for when, quantity in self.fills[symbol] if when > at - WINDOW)
                taken = sum(
                    lately, self._reserved(symbol, Side.BUY) + self._reserved(symbol, Side.SELL)
                )
                assert taken <= CAP * volumes[row.execution_id]

    def _reserved(self, symbol: Symbol, side: Side) -> Decimal:
        ours = (left for s, way, left in self.open.values() if (s, way) == (symbol, side))
        return sum(ours, ZERO)

    def _committed(self, symbol: Symbol, side: Side) -> Decimal:
        return side.sign * self.positions[symbol] + self._reserved(symbol, side)

    def _exposure(self, symbol: Symbol) -> Decimal:
        return max(self._committed(symbol, side) for side in Side)
