"""The promises P1 to P10, checked against the exchange's own ledger while the engine runs."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from genesis_actors.domain.participation import minimum_quantity
from genesis_actors.domain.tiers import requires_tier
from genesis_actors.messages.account import TierChanged
from genesis_actors.messages.control import ExecutionNews
from genesis_actors.messages.events import (
    ChildClosed,
    ChildIntended,
    ExecutionEvent,
    TwapAccepted,
    TwapAmended,
    TwapPaused,
    TwapRescheduled,
    TwapResumed,
    TwapSliceDelayed,
    TwapSliceExecuted,
    TwapSliceStarted,
    TwapStarted,
)
from genesis_actors.messages.persistence import (
    ExecutionRow,
    FillRow,
    WriteAccount,
    WriteJournal,
)
from genesis_actors.messages.supervisor import AmendExecution
from genesis_actors.messages.venue import PlaceOrder
from genesis_actors.simulation.clips import Clips
from genesis_actors.simulation.exchange import Exchange, LedgerOrder
from genesis_actors.simulation.network import Network
from genesis_actors.storage.batch import Write
from genesis_actors.values import (
    BPS,
    ZERO,
    Algo,
    ClientOrderId,
    ExecutionId,
    ExecutionState,
    OrderStatus,
    ParentOrder,
    Reason,
    ResumeMode,
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


MOST_PARTICIPATION: Final = Decimal("0.10")
"""The operator's cap: the default."""


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
class _Terms:
    """What of its order has been amended last, or was ordered, as far as it is durable."""

    quantity: Decimal
    most_quantity: Decimal
    limit_price: Decimal | None
    rate: Decimal
    ends_at: datetime | None = None


@dataclass(slots=True)
class _Known:
    """What the engine has made durable about one execution."""

    order: ParentOrder
    terms: _Terms
    row: ExecutionRow | None = None
    unknown: set[ClientOrderId] = field(default_factory=set[ClientOrderId])
    last_sent_at: datetime | None = None
    due_at: dict[int, datetime] = field(default_factory=dict[int, datetime])  # Slices, by number.
    begun: dict[int, tuple[datetime, datetime]] = field(
        default_factory=dict[int, tuple[datetime, datetime]]
    )  # When their first child was decided, and when they were due then.
    is_held: bool = False  # A pause was acknowledged, and nobody has asked to resume since.
    paused_at: datetime | None = None
    amended_end: datetime | None = None  # As amended last; the deadline may have moved it since.
    planned_at: datetime | None = None  # What of a pause was before that, the plan knows of.
    due: dict[int, datetime] = field(default_factory=dict[int, datetime])  # Of unsent slices.
    clips: Clips | None = None  # Of an iceberg.


class Invariants:
    """Hears what is sent, what becomes durable, what is acknowledged - and knows the ledger."""

    def __init__(self, exchange: Exchange) -> None:
        self.violations: list[Violation] = []
        self.now: datetime
        self.children = 0
        self.is_halt_acknowledged = False
        self.exchange = exchange
        self._network: Network | None = None
        self._known: dict[ExecutionId, _Known] = {}
        self._intended: dict[ClientOrderId, ChildIntended] = {}
        self._sent: set[ClientOrderId] = set()
        self._sent_by_symbol: defaultdict[Symbol, list[PlaceOrder]] = defaultdict(list)
        self._is_halted = False
        self._unhalted_at: datetime | None = None
        self._tiers: list[TierChanged] = []
        self._fills: dict[tuple[Symbol, TradeId], ExecutionId] = {}
        self._traces: defaultdict[ExecutionId, deque[tuple[datetime, str, object]]] = defaultdict(
            lambda: deque(maxlen=_TRACED)
        )

    def watch(self, network: Network) -> None:
        self._network = network

    def limit_price(self, execution_id: ExecutionId) -> Decimal | None:
        return self._known[execution_id].terms.limit_price

    @property
    def rows(self) -> dict[ExecutionId, ExecutionRow]:
        return {x: known.row for x, known in self._known.items() if known.row is not None}

    def order_of(self, execution_id: ExecutionId) -> ParentOrder:
        return self._known[execution_id].order

    def most_quantities(self, execution_id: ExecutionId) -> tuple[Decimal, ...]:
        """Return what of it may trade in all, as amended last and as ordered."""
        terms = self._known[execution_id].terms
        return terms.quantity, terms.most_quantity

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
        self._check_price(known, intent, at)
        if known.last_sent_at == at:
            self.broken("P9", at, "two children are sent at one instant", x)
        known.last_sent_at = at
        self._check_pace(known, order, at)
        if known.clips is not None:
            for what in known.clips.wrong_with(order, intent, self._least(order)):
                self.broken("clip", at, what, x)
        if known.order.algo is Algo.MARKET and any(
            map(self._has_swept, self.exchange.orders_by(x))
        ):
            self.broken("sweep", at, "a market order is sent a second time", x)
        self._check_quantity(known, order, at)
        self._check_participation(known, order, at)
        self._sent_by_symbol[order.symbol].append(order)

    def _has_swept(self, order: LedgerOrder) -> bool:
        """Tell whether it has asked for all that the book holds: one that a limit had cut, and was filled, has not."""
        intent = self._intended.get(order.client_order_id)
        return intent is None or intent.cut_by is None or order.filled_quantity < order.quantity

    def _check_may_send(self, known: _Known, at: datetime, x: ExecutionId) -> None:
        assert known.row is not None  # noqa: S101 - looked at by the caller
        if known.row.state != ExecutionState.RUNNING:
            self.broken("P7", at, f"a child is sent while the execution is {known.row.state}", x)
        if known.is_held:
            self.broken("P7", at, "a child is sent after its pause was acknowledged", x)
        if self._is_halted or self.is_halt_acknowledged:
            self.broken("P7", at, "a child is sent while everything is halted", x)

    def _check_price(self, known: _Known, intent: ChildIntended, at: datetime) -> None:
        """Hold the child against the limit in force, and against how far the price may have moved."""
        assert known.row is not None  # noqa: S101 - looked at by the caller
        order, limit, x = known.order, known.terms.limit_price, intent.execution_id
        if limit is not None and order.side.is_worse(intent.price, limit):
            self.broken("limit", at, f"a child is sent at {intent.price}, the limit is {limit}", x)
        most, arrival = order.max_slippage_bps, known.row.arrival_price
        if most is None or arrival is None:
            return
        moved = order.side.sign * (intent.touch - arrival) * BPS
        if moved > most * arrival:
            what = (
                f"a child is sent at a touch of {intent.touch}, more than {most} bps from {arrival}"
            )
            self.broken("guard", at, what, x)
        paid = order.side.sign * (intent.price - arrival) * BPS
        if order.algo is not Algo.TWAP and paid > most * arrival:
            what = f"a child is sent at {intent.price}, more than {most} bps from {arrival}"
            self.broken("guard", at, what, x)

    def _check_pace(self, known: _Known, order: PlaceOrder, at: datetime) -> None:
        """Hold that what a stall has left undone does not come in a burst.

        Of the slices that begin within a few seconds, one at most was due before these: it has taken over the others.
        """
        # When it was decided: a slow disk may let two of them go at once that are seconds apart.
        decided_at = self._intended[order.client_order_id].at
        due = known.due_at.get(order.slice_number, decided_at)
        known.begun.setdefault(order.slice_number, (decided_at, due))
        since = decided_at - _BURST
        overdue = [begun for begun, due in known.begun.values() if due < since < begun]
        if len(overdue) > 1:
            what = f"{len(overdue)} overdue slices begin within {_BURST.seconds} seconds"
            self.broken("P9", at, what, order.execution_id)

    def _least(self, order: PlaceOrder) -> Decimal:
        return minimum_quantity(self.exchange.markets[order.symbol].rules, order.price)

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
        if known.order.algo is Algo.MARKET:
            return
        window = _SHORTEST_WINDOW
        if known.order.algo is Algo.TWAP and known.order.duration is not None:
            window = max(window, known.order.duration / max(row.slices_total, 1))
        market = self.exchange.markets[order.symbol]
        volume = market.volume(order.window_start, order.window_start + window)
        most = known.terms.rate * volume
        own = symbol = order.quantity
        for other in self._recent(order.symbol, order.window_start):
            used = _used(other, order.window_start)
            symbol += used
            if other.execution_id == order.execution_id:
                own += used
        travelling = self._travelling(order.symbol, at)
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
        for order in reversed(self.exchange.orders):
            if order.symbol == symbol and order.execution_id:
                if order.accepted_at < since - _LONGEST_REST:
                    return
                yield order

    def _travelling(self, symbol: Symbol, at: datetime) -> dict[ExecutionId, Decimal]:
        assert self._network is not None  # noqa: S101 - set before anything is sent
        found: dict[ExecutionId, Decimal] = {}
        for request in self._network.acceptable(at):
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
                for order in self.exchange.orders_by(execution_id)
            ),
            ZERO,
        )
        return ledger + self._acceptable(execution_id, self.now)

    def _acceptable(self, execution_id: ExecutionId, at: datetime) -> Decimal:
        """Return what is on its way to the exchange and may yet be accepted there."""
        assert self._network is not None  # noqa: S101 - set before anything is sent
        requests = self._network.acceptable(at)
        return sum((r.quantity for r in requests if r.execution_id == execution_id), ZERO)

    # --- What becomes durable ---

    def on_halt_durable(self, *, is_halted: bool) -> None:
        self._is_halted = is_halted

    def on_durable(self, write: Write) -> None:
        if isinstance(write, WriteAccount):
            self._check_account(write)
        if not isinstance(write, WriteJournal):
            return
        for event in write.events:
            if isinstance(event, TwapAccepted):
                rate = event.order.max_participation or event.policy.max_participation
                terms = _Terms(event.quantity, event.quantity, event.order.limit_price, rate)
                clips = Clips() if event.order.algo is Algo.ICEBERG else None
                self._known[event.execution_id] = _Known(event.order, terms, clips=clips)
                self._check_tier(event)
            elif isinstance(event, ChildIntended):
                if event.client_order_id in self._intended:
                    self.broken(
                        "P2", event.at, f"{event.client_order_id} is used twice", event.execution_id
                    )
                self._intended[event.client_order_id] = event
            self._note_plan(event)
            self._check_halt(event)
        known = self._known.get(write.execution_id)
        if known is None:
            return
        if write.execution is not None:
            self._check_row(known, write)
            known.row = write.execution
        known.due_at.update((part.slice_number, part.due_at) for part in write.slices)
        for order in write.orders:
            change = (
                known.unknown.add if order.status == OrderStatus.UNKNOWN else known.unknown.discard
            )
            change(ClientOrderId(order.client_order_id))
        for fill in write.fills:
            self._check_fill(fill)

    def _check_account(self, write: WriteAccount) -> None:
        for event in write.events:
            before = self._tiers[-1].after if self._tiers else None
            if event.before != before or write.first_version != len(self._tiers) + 1:
                self.broken("tier", event.at, f"it changes from {event.before}, and was {before}")
            if event.before == event.after:
                self.broken("tier", event.at, f"it changes from {event.before} to the same")
            self._tiers.append(event)

    def _check_tier(self, event: TwapAccepted) -> None:
        """Hold that it was accepted on a tier that it may be worked on, and that was the account's at that time.

        A change may overtake in the journal what was accepted before it; their times tell.
        """
        x, needed = event.execution_id, requires_tier(event.order.algo)
        in_force = [
            change.after
            for change, later in zip(self._tiers, [*self._tiers[1:], None], strict=True)
            if later is None or later.at >= event.at
        ]
        if event.tier not in in_force:
            self.broken("tier", event.at, f"it is accepted for {event.tier}, not {in_force}", x)
        elif not needed.is_met_by(event.tier):
            self.broken("tier", event.at, f"{event.order.algo} is accepted for {event.tier}", x)

    def _note_plan(self, event: ExecutionEvent) -> None:
        """Take note of what becomes of the window, the slices to come and the terms; hold a resume to it."""
        known = self._known[event.execution_id]
        if known.clips is not None:
            known.due = known.clips.note(event, known.due)
        match event:
            case TwapStarted() | TwapRescheduled():
                known.terms.ends_at = event.ends_at
                known.due = {part.number: part.due_at for part in event.slices}
            case TwapSliceStarted() | TwapSliceExecuted():
                known.due.pop(event.slice_number, None)
            case TwapPaused():
                known.paused_at = known.paused_at or event.at
            case TwapResumed():
                self._check_resumed(known, event)
                known.terms.ends_at, known.paused_at = event.ends_at, None
                known.due = {part.number: part.due_at for part in event.slices}
            case TwapAmended():
                after, before = event.after, known.terms
                most = max(before.most_quantity, after.quantity)
                known.terms = _Terms(
                    after.quantity, most, after.limit_price, after.max_participation, after.ends_at
                )
                known.amended_end = after.ends_at
                if event.slices is not None:
                    known.planned_at = event.at
                    known.due = {part.number: part.due_at for part in event.slices}
            case _:
                pass

    def _check_resumed(self, known: _Known, event: TwapResumed) -> None:
        began, x = known.paused_at, event.execution_id
        if began is None or known.terms.ends_at is None:
            self.broken("window", event.at, "what was not paused is resumed", x)
            return
        if known.planned_at is not None:
            began = max(began, known.planned_at)
        shift = event.at - began if event.mode is ResumeMode.SHIFT else timedelta(0)
        due = {part.number: part.due_at for part in event.slices}
        expected = {number: due_at + shift for number, due_at in known.due.items()}
        if event.ends_at != known.terms.ends_at + shift or due != expected:
            moved = event.ends_at - known.terms.ends_at
            what = f"resumed ({event.mode}) after {event.at - began}, its end moves by {moved}"
            self.broken("window", event.at, what, x)

    def _check_halt(self, event: ExecutionEvent) -> None:
        """Hold that the end of a halt reaches everybody: after it nothing waits for it any more."""
        if self._unhalted_at is None or event.at <= self._unhalted_at:
            return
        if isinstance(event, TwapSliceDelayed | ChildClosed) and event.reason is Reason.HALTED:
            what = "it waits for a halt that is over"
            self.broken("P7", event.at, what, event.execution_id)

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
        if row.quantity != known.terms.quantity:
            what = f"it is for {row.quantity}, though {known.terms.quantity} was ordered last"
            self.broken("P1", at, what, x)
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

    @exact
    def on_amended(self, command: AmendExecution, at: datetime, *, was_already: bool) -> None:
        """Check an acknowledged amendment: it is durable, and within the operator's bounds."""
        x, rate, limit = command.execution_id, command.max_participation, command.limit_price
        terms, amended_end = self._known[x].terms, self._known[x].amended_end
        self.trace(x, at, "acknowledged", command)
        holds = (
            command.quantity in {None, terms.quantity}
            and rate in {None, terms.rate}
            and (limit is None or limit == terms.limit_price)
            and not (command.removes_limit and terms.limit_price is not None)
            and (was_already or command.ends_at in {None, terms.ends_at, amended_end})
        )
        if not holds:
            self.broken("P5", at, f"an amendment is acknowledged while {terms} is durable", x)
        if rate is not None and rate > MOST_PARTICIPATION:
            self.broken("cap", at, f"a rate of {rate} has been taken", x)

    def on_halted(self, at: datetime) -> None:
        self.is_halt_acknowledged = True
        if not self._is_halted:
            self.broken("P5", at, "a halt is acknowledged before it is durable")

    def on_unhalting(self) -> None:
        self.is_halt_acknowledged = False

    def on_unhalted(self, at: datetime) -> None:
        """Note that nothing is halted any more, and everybody should know."""
        self._unhalted_at = at

    def on_halting(self) -> None:
        self._unhalted_at = None

    @exact
    def _check_nothing_works(self, x: ExecutionId, at: datetime, what: str) -> None:
        assert self._network is not None  # noqa: S101 - set before anything is sent
        working = self._acceptable(x, self.now) + sum(
            (order.open_quantity for order in self.exchange.orders_by(x)), ZERO
        )
        if working:
            self.broken("P7", at, f"{what} is acknowledged while {decimal_text(working)} works", x)


def _used(order: LedgerOrder, since: datetime) -> Decimal:
    used = order.open_quantity
    for trade in order.trades:
        if trade.at > since:
            used += trade.quantity
    return used
