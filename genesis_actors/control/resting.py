"""How executions come to rest before the daemon ends: what each is asked for, and when that is enough.

Judged by what has become durable of each of them, not by what was asked or answered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from time import monotonic
from typing import Final, TypeAlias

from genesis_actors.control.protocol import StopMode
from genesis_actors.messages.base import Address
from genesis_actors.messages.persistence import ExecutionRow
from genesis_actors.messages.supervisor import (
    CancelExecution,
    CommandDone,
    CommandRefused,
    PauseExecution,
)
from genesis_actors.values import ExecutionId, ExecutionState, Reason

ASK_AGAIN_SECONDS: Final = 2.0
"""A command may be lost with the actors that had it, or be refused for something that passes."""

RestAnswer: TypeAlias = CommandDone | CommandRefused
RestCommand: TypeAlias = PauseExecution | CancelExecution

_LIFT_THEMSELVES: Final = frozenset({Reason.UNSETTLED_CHILD, Reason.VENUE_UNAVAILABLE})
"""Pauses that end without anybody's word: what is paused for these could trade on."""

_STRENGTH: Final = (StopMode.DRAIN, StopMode.CANCEL, StopMode.ABANDON)


def stronger(one: StopMode, other: StopMode) -> StopMode:
    """Return the mode that wins where both were asked for: what one of them ends, the other does not keep."""
    return max(one, other, key=_STRENGTH.index)


def is_quiet(row: ExecutionRow) -> bool:
    """Tell whether nothing of it is at the venue, as far as anybody knows."""
    return not row.working_quantity and not row.unknown_quantity


def is_at_rest(row: ExecutionRow, mode: StopMode) -> bool:
    """Tell whether the daemon may end as far as this execution is concerned."""
    state = ExecutionState(row.state)
    match mode:
        case StopMode.ABANDON:
            return True
        case StopMode.CANCEL:
            return state.is_final
        case StopMode.DRAIN:
            is_kept = state in {ExecutionState.PAUSED, ExecutionState.QUEUED}
            return state.is_final or (is_kept and is_quiet(row) and not _lifts_itself(row))


def command_for(
    row: ExecutionRow, mode: StopMode, reply_to: Address[RestAnswer]
) -> RestCommand | None:
    """Return what the execution is to be asked for; None where it is on its way already."""
    execution_id, state = ExecutionId(row.execution_id), ExecutionState(row.state)
    if mode is StopMode.CANCEL:
        if state is ExecutionState.FINISHING:
            return None
        return CancelExecution(execution_id=execution_id, reply_to=reply_to)
    if state is ExecutionState.RUNNING or _lifts_itself(row):
        return PauseExecution(execution_id=execution_id, reason=Reason.DRAINED, reply_to=reply_to)
    return None


def _lifts_itself(row: ExecutionRow) -> bool:
    return row.state == ExecutionState.PAUSED and row.reason in _LIFT_THEMSELVES


@dataclass(slots=True)
class Rest:
    """Asks what is not at rest for it, again and again, until everything is."""

    mode: StopMode
    send: Callable[[RestCommand], None]
    reply_to: Address[RestAnswer]
    now: Callable[[], float] = monotonic
    _asked: dict[ExecutionId, float] = field(default_factory=dict[ExecutionId, float])

    def ask(self, mode: StopMode) -> None:
        """Take another word for how it is to end; a weaker one changes nothing."""
        wins = stronger(self.mode, mode)
        if wins is not self.mode:
            self.mode = wins
            self._asked.clear()

    def look(self, rows: Iterable[ExecutionRow]) -> list[ExecutionId]:
        """Ask what `rows` show to go on still, and return the executions that are not at rest."""
        restless = [row for row in rows if not is_at_rest(row, self.mode)]
        for row in restless:
            key = ExecutionId(row.execution_id)
            command = command_for(row, self.mode, self.reply_to)
            if command is None or self.now() < self._asked.get(key, 0) + ASK_AGAIN_SECONDS:
                continue
            self._asked[key] = self.now()
            self.send(command)
        return [ExecutionId(row.execution_id) for row in restless]
