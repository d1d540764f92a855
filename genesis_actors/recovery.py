"""What an engine takes over from its database before anything runs: lock, identity, open executions, past fills.

The order is fixed: lock, migrate, check whose database it is, fold the journal - and only then may actors start.
"""

from __future__ import annotations

import gc
import random
from collections.abc import Callable, Generator, Iterator, MutableMapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from genesis_actors.actors.supervisor import Past
from genesis_actors.domain.client_ids import id_text
from genesis_actors.domain.evolve import fold
from genesis_actors.domain.execution import Execution, restore
from genesis_actors.domain.projection import current_rows
from genesis_actors.gateways.venue import PastFill
from genesis_actors.messages.control import ExecutionStatus
from genesis_actors.messages.risk import RestoreFills
from genesis_actors.storage.database import Database
from genesis_actors.storage.lock import EngineLock
from genesis_actors.storage.migrations import migrate
from genesis_actors.storage.recovery import (
    Identity,
    OpenExecution,
    RecordedFill,
    claim,
    count_executions,
    last_event_at,
    load_client_orders,
    load_fills,
    load_identity,
    load_open_executions,
    load_quantities,
    symbols_traded_since,
)
from genesis_actors.values import ClientId, ExecutionId, ParentOrder

TRADES_MARGIN = timedelta(minutes=2)
"""The venue is asked for trades from so long before the last event: some may have been heard, but not recorded."""

BUDGET_TIME = timedelta(hours=1)
"""How far back trades may count in a participation budget: no window is longer."""

_PREFIX_BITS, _PREFIX_CHARACTERS = 30, 6


class Continuity:
    """One database, locked for one engine, with what earlier engines have left in it."""

    def __init__(self, database: Database, lock: EngineLock, identity: Identity) -> None:
        self.database = database
        self.identity = identity
        self._lock = lock
        self._last_at: dict[ExecutionId, datetime] = {}

    @classmethod
    def open(cls, url: str, *, mode: str, venue: str, seed: int | None) -> Continuity:
        """Lock, migrate and check the database.

        `seed` makes the prefix of client order ids repeatable; without one it is drawn at random, once per database.
        Raises StorageError.
        """
        database = Database.of(url)
        lock = EngineLock(database)
        lock.acquire()
        try:
            migrate(database)
            source = random.SystemRandom() if seed is None else random.Random(seed)
            prefix = id_text(source.getrandbits(_PREFIX_BITS), _PREFIX_CHARACTERS)
            identity = claim(
                database,
                Identity(
                    client_order_id_prefix=prefix,
                    mode=mode,
                    venue=venue,
                    created_at=datetime.now(UTC),
                ),
            )
            return cls(database, lock, identity)
        except BaseException:
            lock.release()
            raise

    def count_executions(self) -> int:
        return count_executions(self.database)

    def past(self, executions: tuple[Execution, ...], *, now: datetime) -> Past:
        """Return what trading actors that start now have to know of what was before them."""
        with _without_collections():
            return self._past(executions, now)

    def _past(self, executions: tuple[Execution, ...], now: datetime) -> Past:
        newest = last_event_at(self.database)
        if newest is None:
            return Past(is_halted=self.is_halted)
        since = min(newest, now) - TRADES_MARGIN
        recorded = load_quantities(self.database, now - BUDGET_TIME)
        return Past(
            executions=executions,
            fills=tuple(RestoreFills(symbol, tuple(found)) for symbol, found in recorded.items()),
            symbols=symbols_traded_since(self.database, since - BUDGET_TIME),
            trades_since=since,
            is_halted=self.is_halted,
        )

    @property
    def is_halted(self) -> bool:
        found = load_identity(self.database)
        return found is not None and found.halted_at is not None

    def recover(self, chosen: Callable[[ParentOrder], bool]) -> tuple[Execution, ...]:
        """Return the open executions that `chosen` takes, as their journals have them."""
        with _without_collections():
            opened = load_open_executions(self.database)
            folded = [_folded(found) for found in opened]
        self._last_at = {it.execution_id: it.last_at for it in opened if it.last_at is not None}
        return tuple(x for x in folded if x is not None and chosen(x.order))

    def last_instant(self, executions: tuple[Execution, ...]) -> datetime | None:
        """Return the time of the newest event of `executions`: where virtual time goes on."""
        return max((self._last_at[x.execution_id] for x in executions), default=None)

    def statuses(self, executions: tuple[Execution, ...]) -> Statuses:
        """Return what is known of `executions`, as the tables have it."""
        return Statuses(executions, self.identity.venue)

    def client_orders(self) -> dict[ClientId, tuple[ExecutionId, ParentOrder]]:
        """Return what each client id was used for."""
        return load_client_orders(self.database)

    def past_fills(self) -> tuple[PastFill, ...]:
        with _without_collections():
            return tuple(map(_past_fill, load_fills(self.database)))

    def close(self) -> None:
        self._lock.release()


class Statuses(MutableMapping[ExecutionId, ExecutionStatus]):
    """What is known of each execution. The rows of those recovered are made when somebody asks: there are many."""

    def __init__(self, executions: tuple[Execution, ...], venue: str) -> None:
        self._venue = venue
        self._known: dict[ExecutionId, Execution | ExecutionStatus] = {
            x.execution_id: x for x in executions
        }

    def __getitem__(self, execution_id: ExecutionId) -> ExecutionStatus:
        found = self._known[execution_id]
        if isinstance(found, Execution):
            self._known[execution_id] = found = _status(found, self._venue)
        return found

    def __setitem__(self, execution_id: ExecutionId, status: ExecutionStatus) -> None:
        self._known[execution_id] = status

    def __delitem__(self, execution_id: ExecutionId) -> None:
        del self._known[execution_id]

    def __iter__(self) -> Iterator[ExecutionId]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


def _past_fill(fill: RecordedFill) -> PastFill:
    return PastFill(
        execution_id=fill.execution_id,
        client_order_id=fill.client_order_id,
        venue_order_id=fill.venue_order_id,
        trade_id=fill.trade_id,
        symbol=fill.symbol,
        side=fill.side,
        quantity=fill.quantity,
        price=fill.price,
        fee=fill.fee,
        fee_currency=fill.fee_currency,
        traded_at=fill.traded_at,
        liquidity=fill.liquidity,
    )


def _status(execution: Execution, venue: str) -> ExecutionStatus:
    rows = current_rows(execution, venue)
    in_order = tuple(sorted(rows.fills, key=lambda fill: fill.traded_at))
    return ExecutionStatus(rows.execution, rows.slices, rows.orders, in_order)


@contextmanager
def _without_collections() -> Generator[None]:
    """Keep the garbage collector from looking again and again at all that is read, of which nothing is garbage."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _folded(found: OpenExecution) -> Execution | None:
    start = None if found.snapshot is None else restore(found.snapshot)
    return fold(start, found.tail)
