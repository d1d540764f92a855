"""What an engine does on real threads, noted in one order.

Whoever sees something notes it in one list, whose `append` is atomic: the journal's writer what has become durable,
before anybody hears of that; the venue what is sent, once the gate has let it pass; who has asked, the answer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import ClassVar, TypeAlias

from genesis_actors.actors.persistence import PersistenceActor
from genesis_actors.gateways.paper import PaperVenue
from genesis_actors.gateways.venue import Feed
from genesis_actors.messages.control import ExecutionNews
from genesis_actors.messages.market_data import MarketRows
from genesis_actors.messages.supervisor import (
    UserCommand,
)
from genesis_actors.messages.venue import (
    CancelOrder,
    LookUpOrder,
    OrderOutcome,
    PlaceOrder,
)
from genesis_actors.steady import utc_now
from genesis_actors.storage.batch import Write
from genesis_actors.storage.journal import Failure
from genesis_actors.values import (
    ClientOrderId,
    Symbol,
)


@dataclass(frozen=True, slots=True)
class Passed:
    """The gate has let it pass: from now on it may be at the venue."""

    client_order_id: ClientOrderId


@dataclass(frozen=True, slots=True)
class Arrived:
    order: PlaceOrder
    outcomes: tuple[OrderOutcome, ...]


@dataclass(frozen=True, slots=True)
class Told:
    outcomes: tuple[OrderOutcome, ...]


@dataclass(frozen=True, slots=True)
class Durable:
    write: Write


@dataclass(frozen=True, slots=True)
class HaltDurable:
    is_halted: bool


@dataclass(frozen=True, slots=True)
class Asked:
    command: UserCommand


@dataclass(frozen=True, slots=True)
class Answered:
    command: UserCommand
    answer: object


@dataclass(frozen=True, slots=True)
class HaltInForce:
    """A halt was acknowledged, and what the venue's actor had in hand then is through."""


@dataclass(frozen=True, slots=True)
class Unhalting:
    pass


Seen: TypeAlias = (
    Passed
    | Arrived
    | Told
    | Durable
    | HaltDurable
    | Asked
    | Answered
    | HaltInForce
    | Unhalting
    | ExecutionNews
)


@dataclass
class Trace:
    seen: list[tuple[datetime, Seen]] = field(default_factory=list[tuple[datetime, Seen]])
    trades: defaultdict[Symbol, list[tuple[datetime, Decimal]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    """What others traded."""

    def note(self, what: Seen) -> None:
        self.seen.append((utc_now(), what))

    def tell(self, message: ExecutionNews) -> None:
        self.note(message)


class WitnessedVenue(PaperVenue):
    """The paper venue as it is. Its own ledger is what it has said."""

    def __init__(self, trace: Trace, seed: int = 1) -> None:
        super().__init__(seed)
        self._trace = trace

    def latency(self, client_order_id: ClientOrderId) -> timedelta:
        self._trace.note(Passed(client_order_id))
        return super().latency(client_order_id)

    def place(self, order: PlaceOrder, at: datetime) -> tuple[OrderOutcome, ...]:
        outcomes = super().place(order, at)
        self._trace.note(Arrived(order, outcomes))
        return outcomes

    def cancel(self, request: CancelOrder, at: datetime) -> tuple[OrderOutcome, ...]:
        return self._told(super().cancel(request, at))

    def look_up(self, request: LookUpOrder, at: datetime) -> tuple[OrderOutcome, ...]:
        return self._told(super().look_up(request, at))

    def open(self, symbol: Symbol, at: datetime) -> Feed:
        feed = super().open(symbol, at)
        if not self._trace.trades[symbol]:
            self._hear(feed.rows)
        return feed

    def advance(self, to: datetime) -> Feed:
        feed = super().advance(to)
        self._hear(feed.rows)
        self._told(feed.outcomes)
        return feed

    def _told(self, outcomes: tuple[OrderOutcome, ...]) -> tuple[OrderOutcome, ...]:
        if outcomes:
            self._trace.note(Told(outcomes))
        return outcomes

    def _hear(self, rows: Iterable[MarketRows]) -> None:
        for row in rows:
            self._trace.trades[row.symbol].extend((t.at, t.quantity) for t in row.trades)


class WitnessedPersistence(PersistenceActor):
    """The journal's writer as it is. Subclassed for each trace."""

    trace: ClassVar[Trace]

    def _write(self, batch: Sequence[Write]) -> Sequence[Failure | None]:
        failures = super()._write(batch)
        for write, failure in zip(batch, failures, strict=True):
            if failure is None:
                self.trace.note(Durable(write))
        return failures

    def _write_halt(self, at: datetime | None, reason: str | None) -> Failure | None:
        failure = super()._write_halt(at, reason)
        if failure is None:
            self.trace.note(HaltDurable(at is not None))
        return failure


def persistence_for(trace: Trace) -> type[PersistenceActor]:
    return type("WitnessedPersistence", (WitnessedPersistence,), {"trace": trace})
