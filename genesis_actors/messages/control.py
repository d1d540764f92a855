"""What the control actor accepts: commands from outside, and the news that it answers questions from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from genesis_actors.messages.base import Address
from genesis_actors.messages.events import ExecutionEvent
from genesis_actors.messages.persistence import (
    ExecutionRow,
    FillRow,
    JournalDown,
    OrderRow,
    SliceRow,
)
from genesis_actors.messages.supervisor import UserCommand
from genesis_actors.values import ExecutionId


@dataclass(frozen=True, slots=True)
class ExecutionNews:
    """What became durable for one execution, in order: HIGH, never dropped. The rows are those that changed."""

    at: datetime
    execution_id: ExecutionId
    events: tuple[ExecutionEvent, ...]
    execution: ExecutionRow
    slices: tuple[SliceRow, ...]
    orders: tuple[OrderRow, ...]
    fills: tuple[FillRow, ...]


@dataclass(frozen=True, slots=True)
class ExecutionStatus:
    """All that is known of one execution."""

    execution: ExecutionRow
    slices: tuple[SliceRow, ...]
    orders: tuple[OrderRow, ...]
    fills: tuple[FillRow, ...]


@dataclass(frozen=True, slots=True)
class StatusRestored:
    """What the journal has of one execution after a rebuild: it replaces what was known of it.

    News that became durable shortly before may never have been told; here is what came of it.
    """

    at: datetime
    status: ExecutionStatus


News: TypeAlias = ExecutionNews | StatusRestored


@dataclass(frozen=True, slots=True)
class CoreRebuilt:
    """The trading actors were lost and have been rebuilt; what they had not answered is to be sent again."""

    statuses: tuple[StatusRestored, ...]


@dataclass(frozen=True, slots=True)
class CoreLost:
    """The trading actors were lost, and cannot be rebuilt as long as the database cannot be read."""

    error: str


@dataclass(frozen=True, slots=True)
class GetStatus:
    """Answered by the execution's status, or None where there is no such execution."""

    execution_id: ExecutionId
    reply_to: Address[ExecutionStatus | None]


@dataclass(frozen=True, slots=True)
class JournalState:
    """Whether the journal takes writes: `outage` is why not, None where it does.

    `halt` is one that holds and is not durable yet, None where there is no such halt.
    """

    outage: str | None
    halt: PendingHalt | None = None


@dataclass(frozen=True, slots=True)
class PendingHalt:
    """A restart would forget it. `asked_at` is when it was asked for."""

    asked_at: datetime
    reason: str | None


@dataclass(frozen=True, slots=True)
class GetJournalState:
    reply_to: Address[JournalState]


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Tell `subscriber` all news from now on, or those of one execution; `Unsubscribe` with the same two ends that."""

    subscriber: Address[ExecutionNews]
    execution_id: ExecutionId | None = None


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    subscriber: Address[ExecutionNews]
    execution_id: ExecutionId | None = None


ControlMessage: TypeAlias = (
    UserCommand
    | News
    | CoreLost
    | CoreRebuilt
    | JournalDown
    | GetStatus
    | GetJournalState
    | Subscribe
    | Unsubscribe
)
"""Everything the control actor accepts."""
