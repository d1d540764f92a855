"""What our own executions have taken of a symbol and have reserved, and how they share what is left of its budget."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from genesis_actors.domain.participation import symbol_budget
from genesis_actors.domain.sharing import Claim, fair_quantity
from genesis_actors.messages.venue import PlaceOrder
from genesis_actors.values import ZERO, ClientOrderId, ExecutionId, TradeId, exact, plus

LONGEST_WINDOW = timedelta(days=1)
"""How long own fills are kept: no order's participation window is longer."""

CLAIM_LASTS = timedelta(seconds=12)
"""Somewhat longer than a refused slice waits until it tries again: who has not come by then wants nothing more."""


@dataclass(slots=True)
class _OrderUse:
    execution_id: ExecutionId | None = (
        None  # None for one of an earlier run that is known by its trades alone.
    )
    reserved: Decimal = ZERO
    filled: Decimal = ZERO
    trades: tuple[TradeId, ...] = ()  # Few, and there are many orders.


@dataclass(slots=True)
class _Waiting:
    """An execution that was refused, or cut, because the symbol's budget had no more for it."""

    wanted: Decimal
    weight: Decimal
    least: Decimal
    since: datetime
    asked_at: datetime


class SymbolUse:
    """What our own executions have taken of one symbol lately, and have reserved, both sides together."""

    def __init__(self) -> None:
        # Of each fill, by time: when, how much, and of which order it is.
        self._times: list[datetime] = []
        self._quantities: list[Decimal] = []
        self._names: list[ClientOrderId] = []
        # What had been filled before each of the first ones, as far as somebody has asked: recovery fills in between.
        self._before: list[Decimal] = []
        self._forgotten = ZERO
        self._filled = ZERO
        self._orders: dict[ClientOrderId, _OrderUse] = {}
        self._reserved_by: defaultdict[ExecutionId | None, Decimal] = defaultdict(Decimal)
        self._waiting: dict[ExecutionId, _Waiting] = {}
        self.reserved = ZERO

    def know(self, client_order_id: ClientOrderId, execution_id: ExecutionId | None) -> None:
        """Take note whose order this is, before anything is reserved for it."""
        self._orders.setdefault(client_order_id, _OrderUse()).execution_id = execution_id

    @exact
    def reserve(self, client_order_id: ClientOrderId, quantity: Decimal) -> None:
        order = self._orders.setdefault(client_order_id, _OrderUse())
        more = quantity - order.reserved
        order.reserved = quantity or ZERO
        self.reserved += more
        self._reserved_by[order.execution_id] += more
        if not self._reserved_by[order.execution_id]:
            del self._reserved_by[order.execution_id]

    @exact
    def fill(
        self, client_order_id: ClientOrderId, trade_id: TradeId, at: datetime, quantity: Decimal
    ) -> bool:
        """Turn reserved quantity into filled, also of an order that is no longer reserved.

        Each trade counts once; return whether this one did.
        """
        order = self._orders.setdefault(client_order_id, _OrderUse())
        if trade_id in order.trades:
            return False
        order.trades = (*order.trades, trade_id)
        order.filled = plus(order.filled, quantity)
        index = bisect_right(self._times, at)
        self._times.insert(index, at)
        self._names.insert(index, client_order_id)
        self._quantities.insert(index, quantity)
        del self._before[index:]
        self._filled += quantity
        self.reserve(client_order_id, max(order.reserved - quantity, ZERO))
        return True

    @exact
    def release(self, client_order_id: ClientOrderId, filled_quantity: Decimal = ZERO) -> None:
        """Reserve nothing more for an order, but what is known to be filled beyond the trades heard so far."""
        order = self._orders.get(client_order_id)
        if order is not None:
            self.reserve(client_order_id, max(filled_quantity - order.filled, ZERO))

    @exact
    def settle(
        self, client_order_id: ClientOrderId, at: datetime, filled_quantity: Decimal
    ) -> None:
        """Count what the operator says was filled, beyond the trades heard so far, as filled now."""
        self.release(client_order_id)
        order = self._orders.get(client_order_id)
        if order is not None and filled_quantity > order.filled:
            quantity = filled_quantity - order.filled
            self.fill(client_order_id, TradeId(f"settled-{client_order_id}"), at, quantity)

    def forget(self, client_order_id: ClientOrderId) -> None:
        """Forget an order for good. What it has filled stays counted."""
        self.release(client_order_id)
        self._orders.pop(client_order_id, None)

    @exact
    def filled_since(self, start: datetime) -> Decimal:
        """Return what was filled after `start`."""
        index = bisect_right(self._times, start)
        return self._filled - self._filled_before(index) if index < len(self._times) else ZERO

    def _filled_before(self, index: int) -> Decimal:
        """Return what had been filled in all before a fill, the so-manieth that is remembered."""
        known = len(self._before)
        if index >= known:
            total = self._before[-1] + self._quantities[known - 1] if known else self._forgotten
            for quantity in self._quantities[known : index + 1]:
                self._before.append(total)
                total += quantity
        return self._before[index]

    @exact
    def forget_before(self, start: datetime) -> None:
        """Forget what no order can need any more, as one whose window begins at `start` comes in.

        Windows differ, so fills before `start` may count for another order.
        """
        index = bisect_right(self._times, start - LONGEST_WINDOW)
        if not index:
            return
        is_last = index == len(self._times)
        self._forgotten = self._filled if is_last else self._filled_before(index)
        del self._times[:index], self._quantities[:index], self._before[:index], self._names[:index]

    # --- Sharing ---

    @exact
    def allowance(
        self, order: PlaceOrder, *, lot: Decimal, least: Decimal, now: datetime
    ) -> Decimal:
        """Return what `order` may take: all executions together stay within the rate, and who waits gets its part.

        `least` is the smallest order that the venue takes; all quantities are in base.
        """
        free = symbol_budget(
            rate=order.rate,
            window_volume=order.market_volume,
            filled_in_window=self.filled_since(order.window_start),
            reserved=self.reserved,
        )
        others = [
            (execution_id, waiting)
            for execution_id, waiting in self._waiting.items()
            if execution_id != order.execution_id and now - waiting.asked_at < CLAIM_LASTS
        ]
        if not others:
            return free
        taken = self._taken_since(order.window_start)
        mine = self._waiting.get(order.execution_id)
        asking = Claim(
            wanted=order.quantity,
            weight=order.remaining_quantity,
            taken=taken[order.execution_id],
            least=least,
            since=now if mine is None else mine.since,
        )
        claims = [
            Claim(each.wanted, each.weight, taken[execution_id], each.least, each.since)
            for execution_id, each in others
        ]
        return fair_quantity(free, asking, claims, lot)

    def _taken_since(self, start: datetime) -> defaultdict[ExecutionId | None, Decimal]:
        """Return what each execution has filled after `start`, and has reserved."""
        taken = self._reserved_by.copy()
        first = bisect_right(self._times, start)
        for name, quantity in zip(self._names[first:], self._quantities[first:], strict=True):
            order = self._orders.get(name)
            taken[order and order.execution_id] += quantity
        return taken

    def wait_for(self, order: PlaceOrder, *, least: Decimal, now: datetime) -> None:
        """Keep a part of what comes free for `order`, which was refused because the budget has less."""
        before = self._waiting.pop(order.execution_id, None)
        self._waiting[order.execution_id] = _Waiting(
            wanted=order.quantity,
            weight=order.remaining_quantity,
            least=least,
            since=now if before is None else before.since,
            asked_at=now,
        )
        self._forget_claims(now)

    @exact
    def passed(self, order: PlaceOrder, now: datetime) -> None:
        """Take note that an order goes out: what it was cut by is still waited for, behind all others."""
        waiting = self._waiting.pop(order.execution_id, None)
        if waiting is None or waiting.wanted - order.quantity < waiting.least:
            return
        waiting.wanted -= order.quantity
        waiting.weight = max(order.remaining_quantity - order.quantity, waiting.wanted)
        waiting.since = waiting.asked_at = now
        self._waiting[order.execution_id] = waiting

    def want_nothing(self, execution_id: ExecutionId) -> None:
        """Keep nothing for an execution any more: something else stands in its way."""
        self._waiting.pop(execution_id, None)

    def _forget_claims(self, now: datetime) -> None:
        """Forget who has not come again."""
        late = [each for each, w in self._waiting.items() if now - w.asked_at >= CLAIM_LASTS]
        for execution_id in late:
            del self._waiting[execution_id]
