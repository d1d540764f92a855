"""The halt of everything: at once at the gate, acknowledged when it is durable, lifted only once that is durable."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from genesis_actors.logs import get_logger
from genesis_actors.messages.base import Address
from genesis_actors.messages.persistence import HaltWritten, WriteHalt
from genesis_actors.messages.supervisor import Halt, HaltDone, Unhalt
from genesis_actors.messages.venue import HaltChanged
from genesis_actors.runtime.actor import MessageActor

log = get_logger()

WRITE_AGAIN: Final = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class WriteHaltAgain:
    """The supervisor's own timer: the first halt in line is not durable yet."""


class Halting:
    """Carries out halts and their ends for an actor, one after the other. `tell` reaches everybody who may send."""

    def __init__(
        self,
        actor: MessageActor[Any],
        *,
        journal: Address[WriteHalt],
        tell: Callable[[HaltChanged], None],
        is_halted: bool,
    ) -> None:
        self.is_halted = is_halted
        self._actor = actor
        self._journal = journal
        self._tell = tell
        self._waiting: deque[Halt | Unhalt] = deque()

    @property
    def holds(self) -> bool:
        """Whether nothing new may begin: a halt that is not durable yet holds too."""
        return self.is_halted or any(isinstance(message, Halt) for message in self._waiting)

    def ask(self, message: Halt | Unhalt) -> None:
        self._waiting.append(message)
        if len(self._waiting) == 1:
            self.write_next()

    def written(self, written: HaltWritten) -> None:
        if written.error is not None:
            # A halt holds while it cannot be written, and is acknowledged only when it can.
            log.error("halt_not_durable", error=written.error)
            self._actor.wake_at(self._actor.clock.now() + WRITE_AGAIN, WriteHaltAgain())
            return
        self.is_halted = written.is_halted
        self._tell(HaltChanged(written.is_halted))
        self._answer(was_already=False)

    def write_next(self) -> None:
        """Begin with the first in line, if there is one."""
        if not self._waiting:
            return
        message = self._waiting[0]
        is_halt = isinstance(message, Halt)
        if is_halt is self.is_halted:
            self._tell(
                HaltChanged(is_halt)
            )  # The gate may still hold a halt from before a rebuild.
            self._answer(was_already=True)
            return
        if is_halt:
            self._tell(HaltChanged(is_halted=True))
        reason = message.reason if isinstance(message, Halt) else None
        actor = self._actor
        write = WriteHalt(is_halt, reason, actor.clock.now(), actor.actor_ref)
        actor.send(self._journal, write)

    def _answer(self, *, was_already: bool) -> None:
        message = self._waiting.popleft()
        done = HaltDone(is_halted=self.is_halted, was_already=was_already)
        self._actor.send(message.reply_to, done)
        self.write_next()
