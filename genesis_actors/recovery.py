"""What an engine takes over from its database before anything runs: lock, identity, open executions, past fills.

The order is fixed: lock, migrate, check whose database it is, fold the journal - and only then may actors start.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from genesis_actors.actors.supervisor import Past
from genesis_actors.domain.client_ids import id_text
from genesis_actors.domain.evolve import fold
from genesis_actors.domain.execution import Execution, restore
from genesis_actors.domain.projection import all_rows
from genesis_actors.gateways.venue import PastFill
from genesis_actors.messages.control import ExecutionStatus
from genesis_actors.messages.events import JournalEvent
from genesis_actors.messages.risk import RestoreFills
from genesis_actors.storage.database import Database
from genesis_actors.storage.lock import EngineLock
from genesis_actors.storage.migrations import migrate
from genesis_actors.storage.recovery import (
    Identity,
    OpenExecution,
    claim,
    count_executions,
    last_event_at,
    load_client_orders,
    load_events,
    load_fills,
    load_identity,
    load_open_executions,
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
        self._journals: dict[ExecutionId, tuple[JournalEvent, ...]] = {}

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

    def past(self, chosen: Callable[[ParentOrder], bool], *, now: datetime) -> Past:
        """Return what trading actors that start now have to know of what was before them."""
        executions = self.recover(chosen)
        newest = last_event_at(self.database)
        if newest is None:
            return Past(is_halted=self.is_halted)
        since = min(newest, now) - TRADES_MARGIN
        recorded = [
            fill for fill in load_fills(self.database) if fill.traded_at >= now - BUDGET_TIME
        ]
        return Past(
            executions=executions,
            fills=tuple(
                RestoreFills(
                    symbol,
                    tuple(
                        (fill.client_order_id, fill.trade_id, fill.traded_at, fill.quantity)
                        for fill in recorded
                        if fill.symbol == symbol
                    ),
                )
                for symbol in dict.fromkeys(fill.symbol for fill in recorded)
            ),
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
        self._journals.clear()
        folded = [_folded(found) for found in load_open_executions(self.database)]
        return tuple(x for x in folded if x is not None and chosen(x.order))

    def last_instant(self, executions: tuple[Execution, ...]) -> datetime | None:
        """Return the time of the newest event of `executions`: where virtual time goes on."""
        times = [self._journal(x.execution_id)[-1].at for x in executions]
        return max(times, default=None)

    def statuses(self, executions: tuple[Execution, ...]) -> dict[ExecutionId, ExecutionStatus]:
        """Return what is known of `executions`, as the tables have it."""
        found: dict[ExecutionId, ExecutionStatus] = {}
        for x in executions:
            rows = all_rows(x, self._journal(x.execution_id), self.identity.venue)
            found[x.execution_id] = ExecutionStatus(
                rows.execution, rows.slices, rows.orders, rows.fills
            )
        return found

    def client_orders(self) -> dict[ClientId, tuple[ExecutionId, ParentOrder]]:
        """Return what each client id was used for."""
        return load_client_orders(self.database)

    def past_fills(self) -> tuple[PastFill, ...]:
        return tuple(
            PastFill(
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
            for fill in load_fills(self.database)
        )

    def close(self) -> None:
        self._lock.release()

    def _journal(self, execution_id: ExecutionId) -> tuple[JournalEvent, ...]:
        if execution_id not in self._journals:
            self._journals[execution_id] = load_events(self.database, execution_id)
        return self._journals[execution_id]


def _folded(found: OpenExecution) -> Execution | None:
    start = None if found.snapshot is None else restore(found.snapshot)
    return fold(start, found.tail)
