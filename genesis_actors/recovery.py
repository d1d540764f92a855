"""What an engine takes over from its database before anything runs: lock, identity, open executions, past fills.

The order is fixed: lock, migrate, check whose database it is, fold the journal - and only then may actors start.
"""

from __future__ import annotations

import gc
import random
from collections.abc import Callable, Generator, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

from sqlalchemy import Connection

from genesis_actors.actors.past import Past
from genesis_actors.domain.client_ids import id_text
from genesis_actors.domain.evolve import refold
from genesis_actors.domain.execution import Execution
from genesis_actors.domain.projection import current_rows
from genesis_actors.gateways.venue import PastFill
from genesis_actors.logs import get_logger
from genesis_actors.messages.account import AccountEvent
from genesis_actors.messages.control import ExecutionStatus
from genesis_actors.messages.risk import PastPosition, RestoreAccount, RestoreFills
from genesis_actors.steady import utc_now
from genesis_actors.storage.database import Database
from genesis_actors.storage.errors import DatabaseUnusable
from genesis_actors.storage.high_water import HighWater, check_owner, check_presence, mark_of
from genesis_actors.storage.journal import write_halt
from genesis_actors.storage.lock import EngineLock
from genesis_actors.storage.migrations import migrate
from genesis_actors.storage.past_trades import (
    OrderedQuantity,
    RecentTrades,
    load_positions,
    load_recent_trades,
    load_unsure_orders,
)
from genesis_actors.storage.queries import last_sequence
from genesis_actors.storage.recovery import (
    Identity,
    OpenExecution,
    RecordedFill,
    claim,
    count_executions,
    in_one_look,
    last_event_at,
    load_account_events,
    load_client_ids,
    load_fills,
    load_identity,
    load_known_trades,
    load_writers,
    open_executions,
)
from genesis_actors.values import ClientId, ExecutionId, ParentOrder, Reason, Symbol

TRADES_MARGIN = timedelta(minutes=2)
"""Where nobody has noted since when, the venue is asked for trades from so long before the last event."""

BUDGET_TIME = timedelta(hours=1)
"""How far back trades may count in a participation budget: no window is longer."""

log = get_logger()

_PREFIX_BITS, _PREFIX_CHARACTERS = 30, 6


class Continuity:
    """One database, locked for one engine, with what earlier engines have left in it."""

    def __init__(
        self, database: Database, lock: EngineLock, identity: Identity, *, copied_at: int = 0
    ) -> None:
        self.database = database
        self.identity = identity
        self.copied_at = copied_at
        """Where it ended when it was found to be an older copy, while executions have written nothing since; or 0."""
        self._lock = lock

    @classmethod
    def open(
        cls,
        url: str,
        *,
        mode: str,
        venue: str,
        seed: int | None,
        account: str | None = None,
        is_real: bool = False,
    ) -> Continuity:
        """Lock, migrate and check the database: it belongs to one mode, venue and account.

        `seed` makes the prefix of client order ids repeatable; without one it is drawn at random, once per database.
        `is_real` says that its orders outlive the process: then an older copy of it is found out, and halted. Raises
        StorageError.
        """
        database = Database.of(url)
        lock = EngineLock(database)
        lock.acquire()
        try:
            if is_real:
                check_presence(database)
            migrate(database)
            if is_real:
                found = load_identity(database)
                check_owner(database, None if found is None else found.client_order_id_prefix)
            source = random.SystemRandom() if seed is None else random.Random(seed)
            prefix = id_text(source.getrandbits(_PREFIX_BITS), _PREFIX_CHARACTERS)
            identity = claim(
                database,
                Identity(
                    client_order_id_prefix=prefix,
                    mode=mode,
                    venue=venue,
                    account=account,
                    created_at=utc_now(),
                ),
            )
            copied_at = _copied_at(database, identity) if is_real else 0
            return cls(database, lock, identity, copied_at=copied_at)
        except BaseException:
            _let_go(database, lock)
            raise

    def look(self, chosen: Callable[[ParentOrder], bool]) -> Stock:
        """Return what the database has now, and of open executions those that `chosen` takes, as their journals say."""
        copied_at = self.copied_at
        with _without_collections():
            stock, is_gone_through = in_one_look(
                self.database, lambda connection: _stock(connection, chosen, copied_at)
            )
        if is_gone_through and self.database.high_water is not None:
            self.copied_at = 0
            self.database.high_water.note_copy(0)
        return stock

    def statuses(self, executions: tuple[Execution, ...]) -> Statuses:
        """Return what is known of `executions`, as the tables have it."""
        return Statuses(executions, self.identity.venue)

    def past_fills(self) -> tuple[PastFill, ...]:
        with _without_collections():
            return tuple(map(_past_fill, load_fills(self.database)))

    def close(self) -> None:
        _let_go(self.database, self._lock)


def _let_go(database: Database, lock: EngineLock) -> None:
    if database.high_water is not None:
        database.high_water.close()
        database.high_water = None
    lock.release()


def _copied_at(database: Database, identity: Identity) -> int:
    """Halt a database that may have come further before, durably, and note from now on how far it comes."""
    if database.path is None or database.is_temporary:
        return 0
    high_water = HighWater(database.path, identity.client_order_id_prefix)
    database.high_water = high_water
    last, mark = last_sequence(database), high_water.mark()
    copied_at = 0 if mark is None else mark.copied_at
    why = _why_older(database.path, last, None if mark is None else mark.newest)
    if why is not None:
        log.error(
            "journal_behind", events=last, events_before=None if mark is None else mark.newest
        )
        reason = (
            f"{Reason.JOURNAL_BEHIND}: {why}. Look for orders at the venue that it does not have"
        )
        if identity.halted_at is not None:
            reason += f". It was halted already: {identity.halt_reason or 'for no reason given'}"
        write_halt(database, identity.halted_at or utc_now(), reason)
        copied_at = last
        high_water.note_copy(copied_at)
    high_water.note(last)
    return copied_at


def _why_older(path: Path, last: int, newest: int | None) -> str | None:
    if newest is None:
        if not last:
            return None
        return (
            f"{mark_of(path).name}, which tells how far this database has come, is not beside it or cannot be read: "
            f"it may be an older copy, which ends at event {last}"
        )
    if newest <= last:
        return None
    return f"this database ends at event {last} and has been at {newest}: it is an older copy"


@dataclass(frozen=True, slots=True)
class Stock:
    """What a database had when it was looked at."""

    executions: tuple[Execution, ...]
    last_instant: datetime | None
    """When the newest event of these happened: where virtual time goes on."""
    newest_at: datetime | None
    trades: RecentTrades
    unsure_orders: Mapping[Symbol, Sequence[OrderedQuantity]]
    positions: tuple[PastPosition, ...]
    account_events: tuple[AccountEvent, ...]
    known_trades: Mapping[Symbol, datetime | None]
    left_alone: frozenset[Symbol]
    is_halted: bool
    client_ids: Mapping[ClientId, ExecutionId]
    executions_count: int
    older: frozenset[ExecutionId] = frozenset()
    """Open executions of which the journal may lack something: it is a copy, and they have written nothing since."""

    def past(self, now: datetime) -> Past:
        """Return what trading actors that start now have to know of what was before them."""
        with _without_collections():
            return self._past(now)

    def _past(self, now: datetime) -> Past:
        quantities = self.trades.quantities
        return Past(
            executions=self.executions,
            fills=tuple(
                RestoreFills(
                    symbol,
                    self.newest_at or now,
                    tuple(quantities.get(symbol, ())),
                    tuple(self.unsure_orders.get(symbol, ())),
                )
                for symbol in sorted(quantities.keys() | self.unsure_orders.keys())
            ),
            account=RestoreAccount(self.positions, self.trades.days, self.account_events),
            recorded=frozenset(
                (order, trade_id)
                for found in quantities.values()
                for order, trade_id, _, _ in found
            ),
            left_alone=self.left_alone,
            known_trades=self.known_trades,
            trades_since=min(self.newest_at or now, now) - TRADES_MARGIN,
            is_halted=self.is_halted,
            older=self.older,
        )


def _stock(
    connection: Connection, chosen: Callable[[ParentOrder], bool], copied_at: int
) -> tuple[Stock, bool]:
    """Return also whether all open executions have written something since `copied_at`."""
    identity, newest_at = load_identity(connection), last_event_at(connection)
    since = newest_at or datetime.max.replace(tzinfo=UTC)
    taken: list[Execution] = []
    left_alone: set[Symbol] = set()
    last_instants: list[datetime] = []
    have_written = load_writers(connection, copied_at) if copied_at else frozenset[str]()
    older: set[ExecutionId] = set()
    for found in open_executions(connection):
        execution = _refolded(found)
        if execution is None:
            continue
        if copied_at and execution.execution_id not in have_written:
            older.add(execution.execution_id)
        if not chosen(execution.order):
            left_alone.add(execution.order.symbol)
            continue
        taken.append(execution)
        if found.last_at is not None:
            last_instants.append(found.last_at)
    taken.sort(key=lambda x: (x.created_at, x.execution_id))
    stock = Stock(
        executions=tuple(taken),
        last_instant=max(last_instants, default=None),
        newest_at=newest_at,
        trades=RecentTrades()
        if newest_at is None
        else load_recent_trades(connection, newest_at, since - BUDGET_TIME),
        unsure_orders=load_unsure_orders(connection, since - BUDGET_TIME),
        positions=load_positions(connection),
        account_events=load_account_events(connection),
        known_trades=load_known_trades(connection, since, BUDGET_TIME),
        left_alone=frozenset(left_alone),
        is_halted=identity is not None and identity.halted_at is not None,
        client_ids=load_client_ids(connection),
        executions_count=count_executions(connection),
        older=frozenset(older),
    )
    return stock, not older


def _refolded(found: OpenExecution) -> Execution | None:
    try:
        return refold(found.snapshot, found.tail)
    except (LookupError, ValueError, ArithmeticError) as error:
        raise DatabaseUnusable(
            f"the journal of {found.execution_id} does not hold together: {error!r}",
            "genesis db check shows what is missing; put a backup back in its place",
        ) from error


class _Recovered:
    """An execution as it was recovered. Its rows are made once, when somebody asks: there are many."""

    def __init__(self, execution: Execution, venue: str) -> None:
        self._execution = execution
        self._venue = venue

    @cached_property
    def status(self) -> ExecutionStatus:
        return _status(self._execution, self._venue)


class Statuses(MutableMapping[ExecutionId, ExecutionStatus]):
    """What is known of each execution. Copies change on their own, and share what was recovered."""

    def __init__(self, executions: tuple[Execution, ...], venue: str) -> None:
        self._known: dict[ExecutionId, _Recovered | ExecutionStatus] = {
            x.execution_id: _Recovered(x, venue) for x in executions
        }

    def copy(self) -> Statuses:
        copied = Statuses((), "")
        copied._known = self._known.copy()
        return copied

    def __getitem__(self, execution_id: ExecutionId) -> ExecutionStatus:
        found = self._known[execution_id]
        return found.status if isinstance(found, _Recovered) else found

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
    """Keep the garbage collector from looking again and again at all that is read, of which nothing is garbage.

    A host that collects by itself, or has frozen what it holds, has plans of its own: they are left alone.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        if not gc.get_freeze_count():
            # Where the collector would have put it in the end: among what has lived long.
            gc.freeze()
            gc.unfreeze()
        gc.enable()
