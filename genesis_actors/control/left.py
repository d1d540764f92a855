"""What a daemon has left behind, read from its database when it has ended: never what it was asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from sqlalchemy import Connection, select

from genesis_actors.control.protocol import StopMode
from genesis_actors.storage.database import Database, Target
from genesis_actors.storage.tables import twap_executions
from genesis_actors.values import ExecutionId, ExecutionState, Reason

_AT_ONCE: Final = 500
_OPEN: Final = [state.value for state in ExecutionState if not state.is_final]

_WORDS: Final[Mapping[str, str]] = {
    "drained": "paused, and carried on by the next start",
    "PAUSED": "paused until resumed",
    "QUEUED": "queued",
    "RUNNING": "left running, and taken up by the next start",
    "FINISHING": "not ended yet, and ended by the next start",
    "CANCELLED": "cancelled",
    "COMPLETED": "completed",
    "INCOMPLETE": "ended incomplete",
    "FAILED": "failed",
    "REJECTED": "rejected",
}
"""In the order in which they are told."""


@dataclass(frozen=True, slots=True)
class Left:
    """So many executions in each state, of those that were open when the end was asked for."""

    counts: Mapping[str, int]
    """By state; what was paused by a drain is `drained`."""
    unsettled: int
    """So many have an order at the venue, or one whose outcome is not known."""

    def keeps(self, mode: StopMode) -> bool:
        """Tell whether the promise of `mode` has been kept."""
        going_on = {
            StopMode.ABANDON: set[str](),
            StopMode.DRAIN: {"RUNNING", "FINISHING"},
            StopMode.CANCEL: {*_OPEN, "drained"},
        }[mode]
        is_settled = mode is StopMode.ABANDON or not self.unsettled
        return is_settled and not going_on & self.counts.keys()

    @property
    def states(self) -> dict[str, int]:
        """So many of each state, as JSON has it."""
        found = Counter[str]()
        for name, count in self.counts.items():
            found["PAUSED" if name == Reason.DRAINED else name] += count
        return dict(found)

    def __str__(self) -> str:
        if not self.counts:
            return "no execution was open"
        told = [
            f"{_many(self.counts[name])} {_WORDS[name]}" for name in _WORDS if name in self.counts
        ]
        if self.unsettled:
            told.append(f"{self.unsettled} with an order at the venue, or without a known outcome")
        return "; ".join(told)


def left_behind(target: Target, were_open: Iterable[ExecutionId]) -> Left:
    """Return what has become of `were_open`, and of whatever else is open. Raises StorageError."""
    table = twap_executions.c
    columns = (
        table.execution_id,
        table.state,
        table.reason,
        table.working_quantity,
        table.unknown_quantity,
    )

    def read(connection: Connection) -> Left:
        found = {
            row[0]: row[1:]
            for row in connection.execute(select(*columns).where(table.state.in_(_OPEN)))
        }
        for ids in _portions(key for key in were_open if key not in found):
            rows = connection.execute(select(*columns).where(table.execution_id.in_(ids)))
            found.update({row[0]: row[1:] for row in rows})
        counts, unsettled = Counter[str](), 0
        for state, reason, working, unknown in found.values():
            is_drained = state == ExecutionState.PAUSED and reason == Reason.DRAINED
            counts[Reason.DRAINED.value if is_drained else str(state)] += 1
            unsettled += bool(working) or bool(unknown)
        return Left(counts, unsettled)

    return Database.of(target).read(read)


def _portions(ids: Iterable[ExecutionId]) -> Iterator[Sequence[ExecutionId]]:
    source = iter(ids)
    while portion := list(islice(source, _AT_ONCE)):
        yield portion


def _many(count: int) -> str:
    return f"{count} {'execution' if count == 1 else 'executions'}"
