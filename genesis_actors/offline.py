"""What an operator may change in a database that no engine works on: settle a child, halt, and end a halt.

Each takes the engine's lock, decides as the engine would, and writes as it does.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from genesis_actors.domain.decide import decide
from genesis_actors.domain.evolve import refold
from genesis_actors.domain.execution import Execution
from genesis_actors.domain.projection import rows
from genesis_actors.domain.surroundings import Surroundings
from genesis_actors.messages.base import NOBODY
from genesis_actors.messages.persistence import WriteJournal
from genesis_actors.messages.supervisor import SettleChild
from genesis_actors.steady import utc_now
from genesis_actors.storage.database import Database, Target, run_blocking
from genesis_actors.storage.errors import DatabaseUnusable, ExecutionNotFound, SchemaTooOld
from genesis_actors.storage.journal import Failure, Journal, check, write_halt
from genesis_actors.storage.lock import EngineLock
from genesis_actors.storage.recovery import (
    Identity,
    last_event_at,
    load_identity,
    load_open_execution,
)
from genesis_actors.values import ClientOrderId, ExecutionId, Reason, as_line

_SIMULATED = {"paper", "replay"}


class SettlementRefusedError(Exception):
    """The child's state, or its quantity, forbids the settlement. `reason` is a stable code."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class HaltState:
    """Whether executions are halted now, since when and why, and whether that was so before."""

    halted_at: datetime | None
    reason: str | None
    was_already: bool = False


def halt_state(target: Target) -> HaltState:
    """Return whether the database's executions are halted; an empty database is not."""
    database = Database.of(target)
    if database.path is not None and not database.path.exists():
        return HaltState(None, None)
    try:
        identity = load_identity(database)
    except SchemaTooOld:
        return HaltState(None, None)  # The start that migrates it finds what it has to say.
    return HaltState(identity and identity.halted_at, identity and identity.halt_reason)


def set_halt(target: Target, *, is_halted: bool, reason: str | None = None) -> HaltState:
    """Make a halt durable, or its end. Raises StorageError: also where an engine works on the database."""
    with _locked(target) as (database, identity):
        if (identity.halted_at is not None) is is_halted:
            return HaltState(identity.halted_at, identity.halt_reason, was_already=True)
        at = _now(database, identity) if is_halted else None
        reason = as_line(reason) if is_halted and reason is not None else None
        write_halt(database, at, reason)
        return HaltState(at, reason)


def settle(
    target: Target,
    execution_id: ExecutionId,
    client_order_id: ClientOrderId,
    filled_quantity: Decimal,
) -> Execution:
    """Record what was filled (base) of an UNKNOWN child that nobody can look up; return the state that follows.

    Raises SettlementRefusedError, StorageError: also where an engine works on the database.
    """
    with _locked(target) as (database, identity):
        found = load_open_execution(database, execution_id)
        execution = None if found is None else refold(found.snapshot, found.tail)
        if execution is None:
            raise ExecutionNotFound(
                f"there is no execution {execution_id}", "list them: genesis ps -a"
            )
        command = SettleChild(
            execution_id=execution_id,
            client_order_id=client_order_id,
            filled_quantity=filled_quantity,
            reply_to=NOBODY,
        )
        decision = decide(execution, command, _now(database, identity), Surroundings())
        if decision.refusal is not None:
            raise SettlementRefusedError(decision.refusal.reason, decision.refusal.message)
        if decision.events:
            changed = rows(execution, decision.execution, decision.events, identity.venue)
            write = WriteJournal(
                execution_id=execution_id,
                first_version=execution.version + 1,
                events=decision.events,
                execution=changed.execution,
                slices=changed.slices,
                orders=changed.orders,
                fills=changed.fills,
                snapshot=None,
                reply_to=NOBODY,
            )
            check(run_blocking(_write(database, write)))
        return decision.execution


@contextmanager
def _locked(target: Target) -> Generator[tuple[Database, Identity]]:
    database = Database.of(target)
    with EngineLock(database):
        identity = load_identity(database)
        if identity is None:
            raise DatabaseUnusable(
                f"no engine has worked on {database} yet",
                "check the path; a run with --db creates it",
            )
        yield database, identity


def _now(database: Database, identity: Identity) -> datetime:
    """Return the time that the database's own clock shows: a simulation's has stopped at its last event."""
    last = last_event_at(database) if identity.venue in _SIMULATED else None
    return utc_now() if last is None else last


async def _write(database: Database, write: WriteJournal) -> Failure | None:
    journal = await Journal.open(database)
    try:
        return (await journal.write([write]))[0]
    finally:
        await journal.close()
