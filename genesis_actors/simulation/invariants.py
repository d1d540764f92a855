"""The promises P1 to P10, checked against the exchange's own ledger while the engine runs, and once more at its end."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from genesis_actors.messages.control import ExecutionNews
from genesis_actors.messages.events import ChildIntended, TwapAccepted
from genesis_actors.messages.persistence import (
    ExecutionRow,
    FillRow,
    WriteJournal,
)
from genesis_actors.messages.venue import PlaceOrder
from genesis_actors.simulation.exchange import Exchange, LedgerOrder, LedgerTrade
from genesis_actors.simulation.network import Network
from genesis_actors.storage.batch import Write
from genesis_actors.values import (
    ZERO,
    ClientOrderId,
    ExecutionId,
    ExecutionState,
    OrderStatus,
    ParentOrder,
    Symbol,
    TradeId,
    decimal_text,
    exact,
    time_text,
)

_SHORTEST_WINDOW = timedelta(seconds=60)
_LONGEST_REST = timedelta(minutes=5)
_BURST = timedelta(seconds=5)
_TRACED = 40
_MOST = 20


_AFTER_THE_END: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Violation:
    """A promise that was broken: which, when, by which execution."""

    promise: str
    at: datetime
    execution_id: ExecutionId | None
    what: str

    def __str__(self) -> str:
        whose = "" if self.execution_id is None else f" execution {self.execution_id}:"
        return f"{self.promise} at {time_text(self.at)}:{whose} {self.what}"


@dataclass(slots=True)
class _Known:
    """What the engine has made durable about one execution."""

    order: ParentOrder
    default_rate: Decimal
    row: ExecutionRow | None = None
    unknown: set[ClientOrderId] = field(default_factory=set[ClientOrderId])
    last_sent_at: datetime | None = None
    due: dict[int, datetime] = field(default_factory=dict[int, datetime])  # Slices, by number.
    begun: dict[int, tuple[datetime, datetime]] = field(
        default_factory=dict[int, tuple[datetime, datetime]]
    )  # When their first child was decided, and when they were due then.
    is_held: bool = False  # A pause was acknowledged, and nobody has asked to resume since.


class Invariants:
    """Hears what is sent, what becomes durable, what is acknowledged - and knows the ledger."""

    def __init__(self, exchange: Exchange) -> None:
        self.violations: list[Violation] = []
        self.now: datetime
        self.children = 0
        self.is_halt_acknowledged = False
        self._exchange = exchange
        self._network: Network | None = None
        self._known: dict[ExecutionId, _Known] = {}
        self._intended: dict[ClientOrderId, ChildIntended] = {}
        self._sent: set[ClientOrderId] = set()
        self._sent_by_symbol: defaultdict[Symbol, list[PlaceOrder]] = defaultdict(list)
        self._is_halted = False
        self._fills: dict[tuple[Symbol, TradeId], ExecutionId] = {}
        self._traces: defaultdict[ExecutionId, deque[tuple[datetime, str, object]]] = defaultdict(
            lambda: deque(maxlen=_TRACED)
        )

    def watch(self, network: Network) -> None:
        self._network = network

    @property
    def rows(self) -> dict[ExecutionId, ExecutionRow]:
        return {x: known.row for x, known in self._known.items() if known.row is not None}

    def unknown_children(self, execution_id: ExecutionId) -> list[ClientOrderId]:
        """Return the children whose fate the engine does not know, as far as its journal says."""
        return sorted(self._known[execution_id].unknown)

    def broken(
        self, promise: str, at: datetime, what: str, execution_id: ExecutionId | None = None
    ) -> None:
        if len(self.violations) < _MOST:
            self.violations.append(Violation(promise, at, execution_id, what))

    def trace(self, execution_id: ExecutionId, at: datetime, what: str, about: object) -> None:
        self._traces[execution_id].append((at, what, about))

    def trace_of(self, execution_id: ExecutionId) -> Iterator[str]:
        for at, what, about in self._traces.get(execution_id, ()):
            yield f"{time_text(at)} {what}: {' '.join(repr(about).split())[:240]}"

    # --- What is sent ---

    @exact
    def on_sent(self, order: PlaceOrder, at: datetime) -> None:
        self.children += 1
        x = order.execution_id
        self.trace(x, at, "sent", order)
        known, intent = self._known.get(x), self._intended.get(order.client_order_id)
        if order.client_order_id in self._sent:
            self.broken("P2", at, f"{order.client_order_id} is sent a second time", x)
        self._sent.add(order.client_order_id)
        if known is None or known.row is None or intent is None:
            self.broken("P2", at, f"{order.client_order_id} is sent before it is durable", x)
            return
        if intent.quantity != order.quantity or intent.price != order.price:
            self.broken("P2", at, f"{order.client_order_id} is sent other than it was intended", x)
        self._check_may_send(known, at, x)
        if known.last_sent_at == at:
            self.broken("P9", at, "two children are sent at one instant", x)
        known.last_sent_at = at
        self._check_pace(known, order, at)
        self._check_quantity(known, order, at)
        self._check_participation(known, order, at)
        self._sent_by_symbol[order.symbol].append(order)

    def _check_may_send(self, known: _Known, at: datetime, x: ExecutionId) -> None:
        assert known.row is not None  # noqa: S101 - looked at by the caller
        if known.row.state != ExecutionState.RUNNING:
            self.broken("P7", at, f"a child is sent while the execution is {known.row.state}", x)
        if known.is_held:
            self.broken("P7", at, "a child is sent after its pause was acknowledged", x)
        if self._is_halted or self.is_halt_acknowledged:
            self.broken("P7", at, "a child is sent while everything is halted", x)

    def _check_pace(self, known: _Known, order: PlaceOrder, at: datetime) -> None:
        """Hold that what a stall has left undone does not come in a burst.

        Of the slices that begin within a few seconds, one at most was due before these: it has taken over the others.
        """
        # When it was decided: a slow disk may let two of them go at once that are seconds apart.
        decided_at = self._intended[order.client_order_id].at
        due = known.due.get(order.slice_number, decided_at)
        known.begun.setdefault(order.slice_number, (decided_at, due))
        since = decided_at - _BURST
        overdue = [begun for begun, due in known.begun.values() if due < since < begun]
        if len(overdue) > 1:
            what = f"{len(overdue)} overdue slices begin within {_BURST.seconds} seconds"
            self.broken("P9", at, what, order.execution_id)

    def _check_quantity(self, known: _Known, order: PlaceOrder, at: datetime) -> None:
        assert known.row is not None  # noqa: S101 - looked at by the caller
        exposure = self._exposure(order.execution_id)
        if exposure + order.quantity > known.row.quantity:
            self.broken(
                "P1",
                at,
                f"{decimal_text(order.quantity)} is sent, with {decimal_text(exposure)} of "
                f"{decimal_text(known.row.quantity)} traded or tradable at the exchange",
                order.execution_id,
            )

    def _check_participation(self, known: _Known, order: PlaceOrder, at: datetime) -> None:
        """Hold the child against the exchange's own volume: its execution's share of it, and its symbol's."""
        row = known.row
        assert row is not None  # noqa: S101 - looked at by the caller
        window = max(_SHORTEST_WINDOW, known.order.duration / max(row.slices_total, 1))
        market = self._exchange.markets[order.symbol]
        volume = market.volume(order.window_start, order.window_start + window)
        most = (known.order.max_participation or known.default_rate) * volume
        own = symbol = order.quantity
        for other in self._recent(order.symbol, order.window_start):
            used = _used(other, order.window_start)
            symbol += used
            if other.execution_id == order.execution_id:
                own += used
        travelling = self._travelling(order.symbol)
        symbol += sum(travelling.values(), ZERO)
        own += travelling.get(order.execution_id, ZERO)
        whose, used = ("its own", own) if own > most else ("its symbol's", symbol)
        if used > most:
            self.broken(
                "cap",
                at,
                f"{order.client_order_id} makes {whose} share {decimal_text(used)}, where "
                f"{decimal_text(most)} of {decimal_text(volume)} is allowed",
                order.execution_id,
            )

    def _recent(self, symbol: Symbol, since: datetime) -> Iterator[LedgerOrder]:
        for order in reversed(self._exchange.orders):
            if order.symbol == symbol and order.execution_id:
                if order.accepted_at < since - _LONGEST_REST:
                    return
                yield order

    def _travelling(self, symbol: Symbol) -> dict[ExecutionId, Decimal]:
        assert self._network is not None  # noqa: S101 - set before anything is sent
        found: dict[ExecutionId, Decimal] = {}
        for request in self._network.in_flight:
            if request.symbol == symbol:
                found[request.execution_id] = (
                    found.get(request.execution_id, ZERO) + request.quantity
                )
        return found

    def _exposure(self, execution_id: ExecutionId) -> Decimal:
        """Return what has traded or may yet trade at the exchange, whatever the engine believes."""
        assert self._network is not None  # noqa: S101 - set before anything is sent
        ledger = sum(
            (
                order.filled_quantity + order.open_quantity
                for order in self._exchange.orders_by(execution_id)
            ),
            ZERO,
        )
        return ledger + self._network.open_exposure(execution_id, self.now)

    # --- What becomes durable ---

    def on_halt_durable(self, *, is_halted: bool) -> None:
        self._is_halted = is_halted

    def on_durable(self, write: Write) -> None:
        if not isinstance(write, WriteJournal):
            return
        for event in write.events:
            if isinstance(event, TwapAccepted):
                self._known[event.execution_id] = _Known(
                    event.order, event.policy.max_participation
                )
            elif isinstance(event, ChildIntended):
                if event.client_order_id in self._intended:
                    self.broken(
                        "P2", event.at, f"{event.client_order_id} is used twice", event.execution_id
                    )
                self._intended[event.client_order_id] = event
        known = self._known.get(write.execution_id)
        if known is None:
            return
        if write.execution is not None:
            self._check_row(known, write)
            known.row = write.execution
        known.due.update((part.slice_number, part.due_at) for part in write.slices)
        for order in write.orders:
            change = (
                known.unknown.add if order.status == OrderStatus.UNKNOWN else known.unknown.discard
            )
            change(ClientOrderId(order.client_order_id))
        for fill in write.fills:
            self._check_fill(fill)

    @exact
    def _check_row(self, known: _Known, write: WriteJournal) -> None:
        row, before = write.execution, known.row
        assert row is not None  # noqa: S101 - looked at by the caller
        x, at = write.execution_id, self.now
        for event in write.events:
            self.trace(x, at, "durable", event)
        parts = (
            row.filled_quantity
            + row.working_quantity
            + row.unknown_quantity
            + row.remaining_quantity
        )
        if parts != row.quantity:
            self.broken("P1", at, f"the parts add up to {parts}, not to {row.quantity}", x)
        if row.filled_quantity > row.quantity:
            self.broken("P1", at, f"{row.filled_quantity} of {row.quantity} is filled", x)
        exposure = self._exposure(x)
        if row.remaining_quantity > row.quantity - exposure:
            self.broken(
                "P3",
                at,
                f"{decimal_text(row.remaining_quantity)} is taken to remain, but "
                f"{decimal_text(exposure)} of {decimal_text(row.quantity)} has traded or may yet",
                x,
            )
        if before is None:
            return
        was = ExecutionState(before.state)
        if was.is_final and row.state != was:
            self.broken("P4", at, f"it was {was}, and has become {row.state}", x)
        if was.is_final and row.finished_at != before.finished_at:
            self.broken("P4", at, "it has finished a second time", x)

    def _check_fill(self, fill: FillRow) -> None:
        x = ExecutionId(fill.execution_id)
        key = Symbol(fill.symbol), TradeId(fill.trade_id)
        if self._fills.setdefault(key, x) != x:
            self.broken("P4", self.now, f"trade {fill.trade_id} is counted twice", x)

    # --- What is told and acknowledged ---

    def on_news(self, news: ExecutionNews) -> None:
        known = self._known.get(news.execution_id)
        if known is None or known.row is None:
            self.broken("P5", news.at, "there is news of what is not durable", news.execution_id)

    @exact
    def on_paused(self, execution_id: ExecutionId, at: datetime) -> None:
        """Check an acknowledged pause: it is durable, and no child is working."""
        known = self._known[execution_id]
        known.is_held = True
        self.trace(execution_id, at, "acknowledged", "pause")
        if known.row is None or known.row.state != ExecutionState.PAUSED:
            state = None if known.row is None else known.row.state
            self.broken("P5", at, f"a pause is acknowledged while {state} is durable", execution_id)
        self._check_nothing_works(execution_id, at, "a pause")

    def on_ended(self, execution_id: ExecutionId, at: datetime) -> None:
        known = self._known[execution_id]
        self.trace(execution_id, at, "acknowledged", "end")
        if known.row is None or not ExecutionState(known.row.state).is_final:
            self.broken("P5", at, "an end is acknowledged before it is durable", execution_id)
        self._check_nothing_works(execution_id, at, "an end")

    def on_started(self, execution_id: ExecutionId, at: datetime) -> None:
        known = self._known.get(execution_id)
        if known is None or known.row is None:
            self.broken("P5", at, "a start is acknowledged before it is durable", execution_id)

    def on_resuming(self, execution_id: ExecutionId) -> None:
        """Note that somebody asks for it to go on: from now on it may."""
        self._known[execution_id].is_held = False

    def on_halted(self, at: datetime) -> None:
        self.is_halt_acknowledged = True
        if not self._is_halted:
            self.broken("P5", at, "a halt is acknowledged before it is durable")

    def on_unhalting(self) -> None:
        self.is_halt_acknowledged = False

    @exact
    def _check_nothing_works(self, x: ExecutionId, at: datetime, what: str) -> None:
        assert self._network is not None  # noqa: S101 - set before anything is sent
        working = self._network.open_exposure(x, self.now) + sum(
            (order.open_quantity for order in self._exchange.orders_by(x)), ZERO
        )
        if working:
            self.broken("P7", at, f"{what} is acknowledged while {decimal_text(working)} works", x)

    # --- At the end ---

    @exact
    def check_ledger(self, fills: dict[tuple[str, str], FillRow], at: datetime) -> None:
        """Hold the ledger against the table `fills` and the executions' own figures, to the last digit."""
        ours: dict[tuple[str, str], tuple[LedgerOrder, LedgerTrade]] = {
            (order.symbol, trade.trade_id): (order, trade)
            for order in self._exchange.orders
            if order.execution_id
            for trade in order.trades
        }
        for key in sorted(ours.keys() | fills.keys()):
            if key not in fills:
                order, trade = ours[key]
                self.broken("P4", at, f"the trade {trade} is not recorded", order.execution_id)
            elif key not in ours:
                x = ExecutionId(fills[key].execution_id)
                self.broken("P4", at, f"the fill {fills[key]} is of no trade of ours", x)
            elif (told := _difference(fills[key], *ours[key])) is not None:
                self.broken("P4", at, told, ours[key][0].execution_id)
        for x, row in self.rows.items():
            traded = sum((o.filled_quantity for o in self._exchange.orders_by(x)), ZERO)
            if row.filled_quantity != traded:
                self.broken(
                    "P4",
                    at,
                    f"{decimal_text(traded)} has traded, {decimal_text(row.filled_quantity)} is shown",
                    x,
                )
            if traded > row.quantity:
                self.broken("P1", at, f"{traded} of {row.quantity} has traded", x)

    def check_deadlines(self, at: datetime) -> None:
        """Check that nothing runs on after its end: when nothing goes wrong any more, nobody has to see to that."""
        for x, row in self.rows.items():
            is_over = row.ends_at is not None and row.ends_at + _AFTER_THE_END < at
            if row.state == ExecutionState.RUNNING and is_over:
                self.broken("end", at, f"it runs on after its end, {row.ends_at}", x)

    def check_settled(self, at: datetime) -> None:
        for x, row in self.rows.items():
            state = ExecutionState(row.state)
            if not state.is_final and state is not ExecutionState.PAUSED:
                self.broken("end", at, f"it is still {state} when all should have settled", x)
            elif row.working_quantity or row.unknown_quantity:
                self.broken(
                    "end",
                    at,
                    f"it is {state} with {decimal_text(row.working_quantity)} working and "
                    f"{decimal_text(row.unknown_quantity)} unknown when all should have settled",
                    x,
                )

    def check_foreign_orders(self, at: datetime) -> None:
        for order in self._exchange.orders:
            if not order.execution_id and order.status is OrderStatus.CANCELLED:
                self.broken("P10", at, f"the foreign order {order.client_order_id} is gone")


def _used(order: LedgerOrder, since: datetime) -> Decimal:
    used = order.open_quantity
    for trade in order.trades:
        if trade.at > since:
            used += trade.quantity
    return used


def _difference(fill: FillRow, order: LedgerOrder, trade: LedgerTrade) -> str | None:
    recorded = (
        fill.execution_id,
        fill.client_order_id,
        fill.quantity,
        fill.price,
        fill.fee,
        fill.fee_currency,
        fill.liquidity,
        fill.traded_at,
    )
    true = (
        order.execution_id,
        order.client_order_id,
        trade.quantity,
        trade.price,
        trade.fee,
        trade.fee_currency,
        trade.liquidity.value,
        trade.at,
    )
    return None if recorded == true else f"the trade {true} is recorded as {recorded}"
