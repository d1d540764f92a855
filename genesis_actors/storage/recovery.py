"""What an engine reads and claims before it runs: whose database this is, open executions, and past fills."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final, TypeAlias, TypeVar, cast

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Text,
    bindparam,
    func,
    insert,
    select,
    type_coerce,
    update,
)

from genesis_actors.messages.account import ACCOUNT_AGGREGATE, AccountEvent
from genesis_actors.messages.events import JournalEvent
from genesis_actors.storage.database import Database, Target, check_schema
from genesis_actors.storage.errors import ForeignDatabase
from genesis_actors.storage.serialization import account_event_from_json, from_json
from genesis_actors.storage.tables import (
    engine_identity,
    events,
    fills,
    known_trades,
    orders,
    snapshots,
    twap_executions,
)
from genesis_actors.values import (
    ClientId,
    ClientOrderId,
    ExecutionId,
    ExecutionState,
    Liquidity,
    Side,
    Symbol,
    TradeId,
    VenueOrderId,
    parse_time,
)

T = TypeVar("T")

_NOT_YET: Final = "9999"
"""Later than any time, as text."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What a database is for, fixed when it is first used. Its orders' client ids begin with the prefix."""

    client_order_id_prefix: str
    mode: str
    venue: str
    created_at: datetime
    account: str | None = None
    engine_epoch: int = 0
    halted_at: datetime | None = None
    halt_reason: str | None = None


@dataclass(frozen=True, slots=True)
class OpenExecution:
    """One execution that is not over: fold `tail` onto `snapshot` (state as JSON; None: onto nothing)."""

    execution_id: ExecutionId
    created_at: datetime
    snapshot: str | None
    snapshot_version: int | None
    tail: tuple[JournalEvent, ...]
    version: int | None
    last_at: datetime | None
    """When its newest event happened."""


@dataclass(frozen=True, slots=True)
class RecordedFill:
    """One trade of ours, with what its order knows about it."""

    venue: str
    execution_id: ExecutionId
    client_order_id: ClientOrderId
    venue_order_id: VenueOrderId | None
    trade_id: TradeId
    symbol: Symbol
    side: Side
    quantity: Decimal
    price: Decimal
    fee: Decimal
    fee_currency: str
    liquidity: Liquidity
    traded_at: datetime


def load_identity(target: Target | Connection) -> Identity | None:
    return _read(target, _identity)


def claim(target: Target, wanted: Identity) -> Identity:
    """Return the database's identity, which becomes `wanted` if it has none yet.

    One that belongs to another venue, mode or account is refused. An account that was unknown is filled in.
    """
    database = Database.of(target)
    found = load_identity(database)
    if found is None:
        row = insert(engine_identity).values(identity=1, **asdict(wanted))
        database.transact(lambda connection: connection.execute(row))
        return wanted
    for what in ("mode", "venue", "account"):
        ours, theirs = getattr(wanted, what), getattr(found, what)
        if None not in {ours, theirs} and ours != theirs:
            raise ForeignDatabase(
                f"{database} belongs to the {what} {theirs!r}, not to {ours!r}",
                "use one database for each account: name another one with --db",
            )
    if found.account is None and wanted.account is not None:
        filled_in = update(engine_identity).values(account=wanted.account)
        database.transact(lambda connection: connection.execute(filled_in))
        return replace(found, account=wanted.account)
    return found


def load_open_executions(target: Target) -> tuple[OpenExecution, ...]:
    """Return every execution that is not over, the oldest first."""
    found = _read(target, lambda connection: tuple(open_executions(connection)))
    return tuple(sorted(found, key=lambda each: (each.created_at, each.execution_id)))


def open_executions(connection: Connection) -> Iterator[OpenExecution]:
    """Yield every execution that is not over, in no order, and one by one: all of them together are large."""
    return _with_tails(connection, *_ALL_OPEN)


def load_events(target: Target, execution_id: str, *, after: int = -1) -> tuple[JournalEvent, ...]:
    """Return an execution's events in order, those after the version `after` only."""

    def query(connection: Connection) -> tuple[JournalEvent, ...]:
        mine = events.c.aggregate_id == execution_id, events.c.aggregate_version > after
        found = connection.execute(select(events).where(*mine).order_by(events.c.aggregate_version))
        return tuple(from_json(row.event_type, row.event_data) for row in found)

    return _read(target, query)


def load_open_execution(target: Target, execution_id: str) -> OpenExecution | None:
    """Return one execution's snapshot and tail, over or not; None for an unknown one."""

    def query(connection: Connection) -> OpenExecution | None:
        return next(_with_tails(connection, *_ONE, chosen_id=execution_id), None)

    return _read(target, query)


def load_fills(target: Target) -> tuple[RecordedFill, ...]:
    """Return all trades of ours in the order in which they happened, then by their ids."""

    def query(connection: Connection) -> tuple[RecordedFill, ...]:
        of_order = fills.c.client_order_id == orders.c.client_order_id
        both = _FILL_COLUMNS.join(orders, of_order)
        found = connection.execute(both.order_by(fills.c.traded_at, fills.c.trade_id))
        return tuple(map(_recorded, found.all()))

    return _read(target, query)


def load_account_events(target: Target | Connection) -> tuple[AccountEvent, ...]:
    """Return the account's own journal, in order."""
    mine = events.c.aggregate_id == ACCOUNT_AGGREGATE
    query = select(events.c.event_type, events.c.event_data).where(mine)

    def read(connection: Connection) -> tuple[AccountEvent, ...]:
        found = connection.execute(query.order_by(events.c.aggregate_version))
        return tuple(account_event_from_json(kind, data) for kind, data in found)

    return _read(target, read)


def count_executions(target: Target | Connection) -> int:
    return _read(target, lambda connection: connection.scalar(_COUNT)) or 0


def last_event_at(target: Target | Connection) -> datetime | None:
    """Return the time of the newest event, None for an empty journal."""
    return _read(target, lambda connection: connection.scalar(_NEWEST_EVENT))


def load_writers(target: Target | Connection, after: int) -> frozenset[str]:
    """Return the executions that have written an event behind that sequence number."""
    query = select(events.c.aggregate_id).where(events.c.sequence_number > after).distinct()
    return _read(target, lambda connection: frozenset(connection.scalars(query)))


def load_known_trades(
    target: Target | Connection, newest_at: datetime, margin: timedelta
) -> dict[Symbol, datetime | None]:
    """Return until when all trades are recorded of each symbol in which some may not be; None where no one noted it.

    Those are the symbols that an execution worked on later than `margin` before that time, or before `newest_at`.
    """

    def query(connection: Connection) -> dict[Symbol, datetime | None]:
        found = connection.execute(_KNOWN_TRADES)
        return {
            Symbol(symbol): until
            for symbol, worked_until, until in found
            if worked_until == _NOT_YET or parse_time(worked_until) >= (until or newest_at) - margin
        }

    return _read(target, query)


def load_client_ids(target: Target | Connection) -> dict[ClientId, ExecutionId]:
    """Return which execution each client id was used for."""
    found = _read(target, lambda connection: connection.execute(_CLIENT_IDS).all())
    return dict(cast("list[tuple[ClientId, ExecutionId]]", found))


def in_one_look(target: Target, look: Callable[[Connection], T]) -> T:
    """Let `look` ask several of the questions above in one transaction: they take its connection for a target."""
    return _read(target, look)


def _read(target: Target | Connection, query: Callable[[Connection], T]) -> T:
    if isinstance(target, Connection):
        return query(target)
    database = Database.of(target)

    def checked(connection: Connection) -> T:
        if not database.is_checked:
            check_schema(connection)
            database.is_checked = True
        return query(connection)

    return database.read(checked)


# Made once: to make them takes longer than to run them on a small database.
_KNOWN_TRADES: Final = (
    select(
        twap_executions.c.symbol,
        func.max(func.coalesce(type_coerce(twap_executions.c.finished_at, Text), _NOT_YET)),
        known_trades.c.recorded_until,
    )
    .outerjoin(known_trades, known_trades.c.symbol == twap_executions.c.symbol)
    .group_by(twap_executions.c.symbol, known_trades.c.recorded_until)
    .order_by(twap_executions.c.symbol)
)
_CLIENT_IDS: Final = select(twap_executions.c.client_id, twap_executions.c.execution_id).where(
    twap_executions.c.client_id.is_not(None)
)
_COUNT: Final = select(func.count()).select_from(twap_executions)
_NEWEST_EVENT: Final = (
    select(events.c.created_at).order_by(events.c.sequence_number.desc()).limit(1)
)
_FILL_COLUMNS: Final = select(
    *(
        # As the texts that they are: to convert them here takes half the time.
        type_coerce(column, Text)
        for column in (
            fills.c.venue,
            fills.c.execution_id,
            fills.c.client_order_id,
            orders.c.venue_order_id,
            fills.c.trade_id,
            fills.c.symbol,
            orders.c.side,
            fills.c.quantity,
            fills.c.price,
            fills.c.fee,
            fills.c.fee_currency,
            fills.c.liquidity,
            fills.c.traded_at,
        )
    )
).select_from(fills)


def _recorded(row: object) -> RecordedFill:
    venue, execution, order, venue_order, trade, symbol, side, *figures = cast("_FillTexts", row)
    quantity, price, fee, fee_currency, liquidity, traded_at = figures
    return RecordedFill(
        venue,
        ExecutionId(execution),
        ClientOrderId(order),
        venue_order,
        TradeId(trade),
        Symbol(symbol),
        _SIDES[side],
        Decimal(quantity),
        Decimal(price),
        Decimal(fee),
        fee_currency,
        _LIQUIDITIES[liquidity],
        parse_time(traded_at),
    )


_FillTexts: TypeAlias = tuple[
    str, str, str, VenueOrderId | None, str, str, str, str, str, str, str, str, str
]
_SIDES: Final = {side.value: side for side in Side}
_LIQUIDITIES: Final = {liquidity.value: liquidity for liquidity in Liquidity}


def _identity(connection: Connection) -> Identity | None:
    row = connection.execute(select(engine_identity)).mappings().first()
    if row is None:
        return None
    return Identity(**{name: value for name, value in row.items() if name != "identity"})


_Later: TypeAlias = Select[str, int, str, str]
_Heads: TypeAlias = Select[str, Any, str, int, Any]


def _tails_and_heads(chosen: ColumnElement[bool]) -> tuple[_Later, _Heads]:
    """Return what finds the events after the snapshots of the executions that are `chosen`, and the snapshots."""
    has_snapshot = snapshots.c.execution_id == twap_executions.c.execution_id
    ours = events.c.aggregate_id == twap_executions.c.execution_id
    is_later = events.c.aggregate_version > func.coalesce(snapshots.c.aggregate_version, -1)
    with_snapshots = twap_executions.outerjoin(snapshots, has_snapshot)
    later = select(
        events.c.aggregate_id, events.c.aggregate_version, events.c.event_type, events.c.event_data
    )
    heads = select(
        twap_executions.c.execution_id,
        twap_executions.c.created_at,
        snapshots.c.state,
        snapshots.c.aggregate_version,
        snapshots.c.created_at,
    )
    # In no order: to sort them, the database would copy every snapshot and event.
    return (
        later.select_from(with_snapshots.join(events, ours)).where(chosen, is_later),
        heads.select_from(with_snapshots).where(chosen),
    )


_ALL_OPEN: Final = _tails_and_heads(
    twap_executions.c.state.in_([state for state in ExecutionState if not state.is_final])
)
_ONE: Final = _tails_and_heads(twap_executions.c.execution_id == bindparam("chosen_id"))


def _with_tails(
    connection: Connection, later: _Later, heads: _Heads, **chosen: str
) -> Iterator[OpenExecution]:
    tails: dict[str, list[tuple[int, str, str]]] = defaultdict(list)
    for execution_id, version, event_type, data in connection.execute(later, chosen):
        tails[execution_id].append((version, event_type, data))
    for execution_id, created_at, state, version, at in connection.execute(heads, chosen):
        found = sorted(tails.pop(execution_id, ()))  # by their versions, which differ
        tail = tuple(from_json(event_type, data) for _, event_type, data in found)
        yield OpenExecution(
            execution_id=ExecutionId(execution_id),
            created_at=created_at,
            snapshot=state,
            snapshot_version=version,
            tail=tail,
            version=found[-1][0] if found else version,
            last_at=tail[-1].at if tail else at,
        )
