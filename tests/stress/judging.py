"""What was seen of an engine on real threads, and what it left on disk, held to the simulator's own invariants."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import Connection, select

from genesis_actors.gateways.paper import PaperVenue
from genesis_actors.messages.control import ExecutionNews
from genesis_actors.messages.persistence import FillRow, OrderRow, SliceRow
from genesis_actors.messages.supervisor import (
    AmendExecution,
    CancelExecution,
    CommandDone,
    ExecutionStarted,
    HaltDone,
    PauseExecution,
    ResumeExecution,
    UserCommand,
)
from genesis_actors.messages.venue import (
    OrderClosed,
    OrderFilled,
    OrderNotFound,
    OrderOutcome,
    PlaceOrder,
)
from genesis_actors.simulation.audit import Audit
from genesis_actors.simulation.exchange import LedgerOrder, LedgerTrade
from genesis_actors.simulation.invariants import Invariants
from genesis_actors.storage.batch import JournalWrite, Write
from genesis_actors.storage.checks import check_database
from genesis_actors.storage.database import Database
from genesis_actors.storage.tables import fills, orders, twap_slice_history
from genesis_actors.values import (
    ZERO,
    ClientOrderId,
    ExecutionId,
    MarketRules,
    OrderStatus,
    Symbol,
    TradeId,
    VenueOrderId,
)
from tests.stress.witness import (
    Answered,
    Arrived,
    Asked,
    Durable,
    HaltDurable,
    HaltInForce,
    Passed,
    Told,
    Trace,
    Unhalting,
)

LONGEST_REST: Final = timedelta(minutes=1)
"""So long an order of ours may rest at the venue, where slices follow each other within seconds."""


class _Market:
    """What others traded in one symbol, as sums."""

    def __init__(self, rules: MarketRules, trades: list[tuple[datetime, Decimal]]) -> None:
        self.rules = rules
        self._times = [at for at, _ in trades]
        self._sums = [ZERO]
        for _, quantity in trades:
            self._sums.append(self._sums[-1] + quantity)

    def volume(self, after: datetime, until: datetime) -> Decimal:
        first, last = bisect_right(self._times, after), bisect_right(self._times, until)
        return self._sums[last] - self._sums[first]


class _Ledger:
    """Orders and trades by the venue's own words; looks like a simulated exchange and the network before it."""

    def __init__(self, venue: PaperVenue, trace: Trace) -> None:
        self.markets = {
            symbol: _Market(rules, trades)
            for symbol, trades in trace.trades.items()
            if (rules := venue.describe(symbol)) is not None
        }
        self.orders: list[LedgerOrder] = []
        self._by_id: dict[ClientOrderId, LedgerOrder] = {}
        self._by_execution: defaultdict[ExecutionId, list[LedgerOrder]] = defaultdict(list)
        self.by_symbol: defaultdict[Symbol, list[LedgerOrder]] = defaultdict(list)
        self._travelling: dict[ClientOrderId, PlaceOrder] = {}
        self._trades = set[tuple[Symbol, TradeId]]()

    def orders_by(self, execution_id: ExecutionId) -> list[LedgerOrder]:
        return self._by_execution[execution_id]

    def acceptable(self, _at: datetime) -> Iterator[PlaceOrder]:
        return iter(self._travelling.values())

    def travels(self, order: PlaceOrder) -> None:
        self._travelling[order.client_order_id] = order

    def arrives(self, order: PlaceOrder, outcomes: Iterable[OrderOutcome], at: datetime) -> None:
        del self._travelling[order.client_order_id]
        if any(isinstance(o, OrderClosed) and o.status is OrderStatus.REJECTED for o in outcomes):
            return
        kept = LedgerOrder(
            client_order_id=order.client_order_id,
            venue_order_id=VenueOrderId(""),
            execution_id=order.execution_id,
            symbol=order.symbol,
            side=order.side,
            quantity=order.quantity,
            price=order.price,
            resting=order.resting,
            accepted_at=at,
        )
        self.orders.append(kept)
        self._by_id[order.client_order_id] = kept
        self._by_execution[order.execution_id].append(kept)
        self.by_symbol[order.symbol].append(kept)
        self.hears(outcomes)

    def hears(self, outcomes: Iterable[OrderOutcome]) -> None:
        for outcome in outcomes:
            order = self._by_id.get(outcome.client_order_id)
            match outcome:
                case OrderFilled() if order is not None:
                    self._trade(order, outcome)
                case OrderClosed() if order is not None:
                    order.status, order.closed_at = outcome.status, order.closed_at or outcome.at
                case OrderNotFound():
                    self._travelling.pop(outcome.client_order_id, None)
                case _:
                    pass

    def _trade(self, order: LedgerOrder, fill: OrderFilled) -> None:
        if (order.symbol, fill.trade_id) in self._trades:
            return
        self._trades.add((order.symbol, fill.trade_id))
        order.filled_quantity += fill.quantity
        order.trades.append(
            LedgerTrade(
                fill.trade_id,
                fill.quantity,
                fill.price,
                fill.fee,
                fill.fee_currency,
                fill.liquidity,
                fill.traded_at,
            )
        )


# --- The judgement --------------------------------------------------------------------------------


class _Judge(Invariants):
    """The invariants, as they hold where threads have inboxes between them."""

    def __init__(self, ledger: _Ledger) -> None:
        anything: Any = ledger
        super().__init__(anything)
        self.watch(anything)
        self._ledger = ledger

    def _check_may_send(self, known: Any, at: datetime, x: ExecutionId) -> None:
        # What is in one of our inboxes when the pause becomes durable may still go out, and counts as working: it is
        # the acknowledgement which says that nothing does.
        if known.is_held:
            self.broken("P7", at, "a child is sent after its pause was acknowledged", x)
        if known.row.finished_at is not None:
            self.broken("P7", at, f"a child is sent while the execution is {known.row.state}", x)
        if self.is_halt_acknowledged:
            self.broken("P7", at, "a child is sent while everything is halted", x)

    def _recent(self, symbol: Symbol, since: datetime) -> Iterator[LedgerOrder]:
        for order in reversed(self._ledger.by_symbol[symbol]):
            if order.accepted_at < since - LONGEST_REST:
                return
            yield order


def judged(trace: Trace, venue: PaperVenue, database: Database) -> list[str]:  # noqa: C901 - one line a case
    """Return every promise that was broken, by what was seen and by what is on disk."""
    ledger = _Ledger(venue, trace)
    judge = _Judge(ledger)
    sent = {x.order.client_order_id: x.order for _, x in trace.seen if isinstance(x, Arrived)}
    in_flight = Counter[ExecutionId]()
    durable_events, is_halted = 0, False
    for at, what in trace.seen:
        judge.now = at
        match what:
            case Passed():
                # The venue is asked once more when the order is taken back.
                order = sent.pop(what.client_order_id, None)
                if order is not None:
                    judge.on_sent(order, at)
                    ledger.travels(order)
            case Arrived():
                ledger.arrives(what.order, what.outcomes, at)
            case Told():
                ledger.hears(what.outcomes)
            case Durable():
                durable_events += len(_events(what.write))
                judge.on_durable(what.write)
            case HaltDurable():
                is_halted = what.is_halted
                judge.on_halt_durable(is_halted=is_halted)
            case ExecutionNews():
                judge.on_news(what)
            case Asked(ResumeExecution() | CancelExecution() as command):
                in_flight[command.execution_id] += 1
                judge.on_resuming(command.execution_id)
            case Answered():
                command = what.command
                if isinstance(command, ResumeExecution | CancelExecution):
                    in_flight[command.execution_id] -= 1
                if isinstance(what.answer, HaltDone) and what.answer.is_halted is not is_halted:
                    judge.broken("P5", at, f"{what.answer} is told before it is durable")
                _hear_answer(judge, command, what.answer, at, in_flight)
            case HaltInForce():
                judge.on_halted(at)
            case Unhalting():
                judge.on_unhalting()
            case Asked():
                pass
    audit = Audit(judge)
    audit.check_settled(judge.now)
    _check_tables(audit, judge.now, database)
    stored = check_database(database)
    if stored.events != durable_events:
        judge.broken("P5", judge.now, f"{durable_events} events were written, not {stored.events}")
    return [*map(str, judge.violations), *stored.problems]


def _hear_answer(
    judge: Invariants,
    command: UserCommand,
    answer: object,
    at: datetime,
    in_flight: Counter[ExecutionId],
) -> None:
    match command, answer:
        case _, ExecutionStarted():
            judge.on_started(answer.execution_id, at)
        case PauseExecution() | CancelExecution(), CommandDone() if answer.state.is_final:
            judge.on_ended(answer.execution_id, at)
        case PauseExecution(), CommandDone() if not in_flight[answer.execution_id]:
            judge.on_paused(answer.execution_id, at)  # Else it may go on by now, or have ended.
        case CancelExecution(), CommandDone():
            judge.broken("P5", at, f"a cancel is acknowledged in {answer.state}")
        case AmendExecution(), CommandDone() if not in_flight[answer.execution_id]:
            judge.on_amended(command, at, was_already=answer.was_already)
        case _:
            pass


def _check_tables(audit: Audit, at: datetime, database: Database) -> None:
    stored = {(fill.symbol, fill.trade_id): fill for fill in database.read(_fills)}
    audit.check_ledger(stored, at)
    audit.check_figures(database.read(_slices), database.read(_orders), at)


def _events(write: Write) -> tuple[object, ...]:
    return write.events if isinstance(write, JournalWrite) else ()


def _fills(connection: Connection) -> list[FillRow]:
    return [FillRow(**row) for row in connection.execute(select(fills)).mappings()]


def _slices(connection: Connection) -> list[SliceRow]:
    return [SliceRow(**row) for row in connection.execute(select(twap_slice_history)).mappings()]


def _orders(connection: Connection) -> list[OrderRow]:
    return [OrderRow(**row) for row in connection.execute(select(orders)).mappings()]
