"""What the persistence actor accepts, and what it answers.

The rows are what people query; they are written in the same transaction as the events they follow from. Field names
are the column names. Money is exact, a figure that is not known is None.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple, TypeAlias

from genesis_actors.messages.account import ACCOUNT_AGGREGATE, AccountEvent
from genesis_actors.messages.base import Address
from genesis_actors.messages.events import ExecutionEvent, JournalEvent
from genesis_actors.values import ExecutionId, Symbol


@dataclass(frozen=True, slots=True)
class ExecutionRow:
    execution_id: str
    client_id: str | None
    algo: str
    symbol: str
    side: str
    quantity: Decimal
    duration_seconds: Decimal
    state: str
    reason: str | None
    filled_quantity: Decimal
    working_quantity: Decimal
    unknown_quantity: Decimal
    remaining_quantity: Decimal
    average_price: Decimal | None
    arrival_price: Decimal | None
    arrival_at: datetime | None
    twap_benchmark: Decimal | None
    vwap_benchmark: Decimal | None
    implementation_shortfall_bps: Decimal | None
    slippage_vs_arrival_bps: Decimal | None
    slippage_vs_twap_bps: Decimal | None
    participation_rate: Decimal | None
    max_slice_participation: Decimal | None
    fees_quote: Decimal | None
    early_completion: bool
    early_completion_reason: str | None
    slices_total: int
    slices_done: int
    seed: int
    created_at: datetime
    started_at: datetime | None
    ends_at: datetime | None
    paused_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class PlannedPart:
    """What of a slice says how far the schedule is."""

    due_at: datetime
    planned_quantity: Decimal


class SliceRow(NamedTuple):
    """One slice; `status` says whether it is planned, working or done.

    A tuple, which is made in less than half the time: a start or a resumption makes one for each slice that is left.
    """

    execution_id: str
    slice_number: int
    due_at: datetime
    planned_quantity: Decimal
    filled_quantity: Decimal
    average_price: Decimal | None
    market_price: Decimal | None
    slippage_bps: Decimal | None
    market_volume: Decimal | None
    participation_rate: Decimal | None
    status: str
    reason: str | None
    sent_at: datetime | None
    done_at: datetime | None
    market_price_after: Decimal | None = None  # an iceberg's clips alone are measured
    impact_bps: Decimal | None = None


@dataclass(frozen=True, slots=True)
class OrderRow:
    client_order_id: str
    venue_order_id: str | None
    execution_id: str
    slice_number: int
    total_slices: int
    symbol: str
    side: str
    order_type: str
    quantity: Decimal
    price: Decimal
    filled_quantity: Decimal
    average_price: Decimal | None
    status: str
    reason: str | None
    mid_price: Decimal
    touch_price: Decimal
    slippage_percent: Decimal | None
    created_at: datetime
    sent_at: datetime | None
    executed_at: datetime | None


@dataclass(frozen=True, slots=True)
class FillRow:
    venue: str
    symbol: str
    trade_id: str
    client_order_id: str
    execution_id: str
    quantity: Decimal
    price: Decimal
    fee: Decimal
    fee_currency: str
    liquidity: str
    traded_at: datetime


@dataclass(frozen=True, slots=True)
class WriteJournal:
    """Make these events and rows durable in one transaction, then answer `Journaled` or `JournalFailed`.

    `first_version` is the aggregate version of the first event; the others follow it. Rows replace those with the
    same key. `snapshot`, where given, is the state after the last event, as JSON. What is not urgent may wait a little
    for a transaction that is made for something else.
    """

    execution_id: ExecutionId
    first_version: int
    events: tuple[ExecutionEvent, ...]
    execution: ExecutionRow | None
    slices: tuple[SliceRow, ...]
    orders: tuple[OrderRow, ...]
    fills: tuple[FillRow, ...]
    snapshot: str | None
    reply_to: Address[Journaled | JournalFailed]
    is_urgent: bool = True


@dataclass(frozen=True, slots=True)
class WriteAccount:
    """Make these events of the account durable, then answer `AccountWritten` or `AccountNotWritten`.

    `first_version` is the aggregate version of the first; the others follow it.
    """

    first_version: int
    events: tuple[AccountEvent, ...]
    reply_to: Address[AccountWritten | AccountNotWritten]

    @property
    def execution_id(self) -> str:
        """Whose journal they are of, as for an execution's."""
        return ACCOUNT_AGGREGATE


@dataclass(frozen=True, slots=True)
class AccountWritten:
    """The account's events up to `version` are durable."""

    version: int


@dataclass(frozen=True, slots=True)
class AccountNotWritten:
    """The account's events are not durable, and will not become so. In an outage nothing can be written for now."""

    error: str
    is_outage: bool = False


@dataclass(frozen=True, slots=True)
class StoreReport:
    """Keep an execution's report (JSON), replacing an earlier one."""

    execution_id: ExecutionId
    created_at: datetime
    report: str


@dataclass(frozen=True, slots=True)
class StoreMarket:
    """Keep what a symbol's market did between two times, as `domain.market_recorder` wrote it.

    Segments of the symbol that ended before `forget_before` are forgotten.
    """

    symbol: Symbol
    began_at: datetime
    ended_at: datetime
    recorded: str
    forget_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class StoreDepth:
    """Keep the levels that an execution could meet at first, best first, as `price:quantity price:quantity`."""

    execution_id: ExecutionId
    observed_at: datetime
    levels: str


@dataclass(frozen=True, slots=True)
class AwaitWritten:
    """Answer `AllWritten` when all that was told before is durable, or has failed."""

    symbol: Symbol
    reply_to: Address[AllWritten]


@dataclass(frozen=True, slots=True)
class AllWritten:
    """What was told before `AwaitWritten` can be read now."""

    symbol: Symbol


@dataclass(frozen=True, slots=True)
class NoteTrades:
    """Every trade of ours in `symbol` that happened until then is recorded. Nobody waits for an answer."""

    symbol: Symbol
    recorded_until: datetime


@dataclass(frozen=True, slots=True)
class Journaled:
    """All events of this execution up to `version` are durable."""

    execution_id: ExecutionId
    version: int


@dataclass(frozen=True, slots=True)
class JournalFailed:
    """The events from `first_version` on are not durable, and none of them will become so.

    `is_outage` says that the database is at fault, not this write: nothing at all can be written for now.
    """

    execution_id: ExecutionId
    first_version: int
    error: str
    is_outage: bool = False


@dataclass(frozen=True, slots=True)
class JournalDown:
    """The database takes no writes: disk full, I/O error, locked. All waiting writes have failed."""

    error: str


@dataclass(frozen=True, slots=True)
class JournalBack:
    """The database takes writes again; what actors believe may be ahead of what it has."""


@dataclass(frozen=True, slots=True)
class LoadExecution:
    """Read an execution's journal behind all writes that came before this. Answered by `ExecutionLoaded`."""

    execution_id: ExecutionId
    reply_to: Address[ExecutionLoaded]


@dataclass(frozen=True, slots=True)
class ExecutionLoaded:
    """Fold `tail` onto `snapshot` (state as JSON; None: onto nothing). Without either there is no such execution.

    `error` is why the journal could not be read, None where it could.
    """

    execution_id: ExecutionId
    snapshot: str | None
    tail: tuple[JournalEvent, ...]
    error: str | None = None


@dataclass(frozen=True, slots=True)
class WriteHalt:
    """Make a halt durable, or its end. Answered by `HaltWritten`."""

    is_halted: bool
    reason: str | None
    at: datetime
    reply_to: Address[HaltWritten]


@dataclass(frozen=True, slots=True)
class HaltWritten:
    """`error` is None where the halt, or its end, is durable now."""

    is_halted: bool
    error: str | None = None


PersistenceMessage: TypeAlias = (
    WriteJournal
    | WriteAccount
    | StoreReport
    | StoreMarket
    | StoreDepth
    | NoteTrades
    | AwaitWritten
    | LoadExecution
    | WriteHalt
)
"""Everything the persistence actor accepts."""
