"""The actor that rebuilds the trading actors as a whole when one that all of them need has failed.

What such an actor believed is lost, so nothing may be built on what the others believe of it. They all go, and new
ones start from the journal, as after a restart of the process: that is one way to recover, not two.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, TypeAlias, assert_never

from genesis_actors.logs import get_logger
from genesis_actors.messages.base import Address
from genesis_actors.messages.control import CoreLost, CoreRebuilt
from genesis_actors.messages.persistence import JournalBack, JournalDown
from genesis_actors.runtime.actor import ActorFailed, MessageActor
from genesis_actors.runtime.system import Runtime
from genesis_actors.values import Reason

log = get_logger()

MAX_REBUILDS = 3
MAX_PAUSED_REBUILDS = 2
REBUILD_WINDOW = timedelta(seconds=60)
"""Trading actors that fail more than `MAX_REBUILDS` times within this time are started with every execution paused:
what is at the venue is taken back, and can be looked at. Those that go on failing stay stopped."""

_LOOK_AGAIN = timedelta(milliseconds=10)
_TRY_AGAIN = timedelta(seconds=1)


class Core(Protocol):
    """One generation of the trading actors."""

    def shut(self) -> None:
        """Let no order out any more, from this very moment, whatever is still in an inbox."""

    def stop(self) -> None:
        """Ask every actor of it to stop. Does not wait."""

    @property
    def is_stopped(self) -> bool: ...

    def statuses(self) -> CoreRebuilt:
        """Return what the journal had when it began."""
        ...


@dataclass(frozen=True, slots=True)
class Look:
    """To ourselves: see whether the old actors are gone, or whether new ones can be started now."""


_Message: TypeAlias = ActorFailed | JournalDown | JournalBack | Look


class GuardianActor(MessageActor[_Message]):
    """Shuts the gate, stops what is left, reads the journal and starts anew."""

    dispatcher_kind = "pinned"

    def __init__(
        self,
        runtime: Runtime,
        *,
        core: Core,
        start_core: Callable[[Reason | None], Core],
        control: Address[CoreLost | CoreRebuilt | JournalDown],
        failures: Address[ActorFailed],
        waits_for_journal: bool,
    ) -> None:
        super().__init__(runtime, name="guardian", supervisor=failures)
        self._core = core
        self._start_core = start_core
        self._control = control
        self._failures = failures
        self._waits_for_journal = waits_for_journal
        self._rebuilds: deque[datetime] = deque()
        self._cause: ActorFailed | None = None
        self._is_rebuilding = False

    def handle(self, message: _Message) -> None:
        match message:
            case ActorFailed():
                if message.actor_name == "control":
                    # Nobody could steer any more what goes on trading.
                    self._is_rebuilding = True
                    self._core.shut()
                    self._core.stop()
                elif not self._is_rebuilding:
                    log.error("core_failed", actor=message.actor_name, error=message.error)
                    self._cause = message
                    self._rebuilds.append(self.clock.now())
                    self._begin_rebuild()
            case JournalDown():
                if not self._waits_for_journal:
                    self._core.shut()
                    self.send(self._failures, ActorFailed("the journal", "", message.error))
                self.send(self._control, message)
            case JournalBack():
                if not self._is_rebuilding:
                    self._begin_rebuild()
            case Look():
                self._look()
            case _:
                assert_never(message)

    def _begin_rebuild(self) -> None:
        self._is_rebuilding = True
        self._core.shut()
        self._core.stop()
        self.wake_at(self.clock.now() + _LOOK_AGAIN, Look())

    def _look(self) -> None:
        now = self.clock.now()
        if not self._core.is_stopped:
            self._core.stop()  # Once more: on its way to its end one may have started another.
            self.wake_at(now + _LOOK_AGAIN, Look())
            return
        while self._rebuilds and self._rebuilds[0] <= now - REBUILD_WINDOW:
            self._rebuilds.popleft()
        failures = len(self._rebuilds)
        if failures > MAX_REBUILDS + MAX_PAUSED_REBUILDS and self._cause is not None:
            log.error("core_given_up", failures=failures)
            self.send(self._failures, self._cause)
            return
        try:
            self._core = self._start_core(
                Reason.REPEATED_FAILURE if failures > MAX_REBUILDS else None
            )
        except Exception as error:
            log.exception("core_not_rebuilt")
            # The database cannot be read now; it may be back soon.
            self.send(self._control, CoreLost(str(error)))
            self.wake_at(now + _TRY_AGAIN, Look())
            return
        self._is_rebuilding = False
        log.warning("core_rebuilt")
        self.send(self._control, self._core.statuses())
