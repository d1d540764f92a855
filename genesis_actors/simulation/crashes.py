"""When the process dies, and for how long; and when a single actor does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import NoReturn

from genesis_actors.actors.slicer import SlicerActor
from genesis_actors.messages.persistence import Journaled
from genesis_actors.runtime.actor import MessageActor
from genesis_actors.runtime.mailbox import Mailbox
from genesis_actors.runtime.system import Runtime
from genesis_actors.simulation.faults import Dice, Faults

_NEVER = 1 << 62
_DURING_RECOVERY = 0.3


class Crashes:
    """Sets a trap at a random time; the process runs into it some messages, orders or commits later."""

    def __init__(
        self,
        seed: int,
        faults: Faults,
        counts: Counter[str],
        start: datetime,
        *,
        sent: Callable[[], int],
        committed: Callable[[], int],
    ) -> None:
        self._dice = Dice(f"crashes:{seed}", counts)
        self._every = faults.crash_every
        self._sent = sent
        self._committed = committed
        self._at_message = self._at_order = self._at_commit = _NEVER
        self.next_at: datetime | None = None
        self._plan(start)

    def set_trap(self, handled: int) -> None:
        """Choose where the process dies, from here on."""
        self.next_at = None
        match self._dice.random.randrange(3):
            case 0:
                self._at_message = handled + self._dice.random.randint(1, 300)
            case 1:
                self._at_order = self._sent() + self._dice.random.randint(1, 3)
            case _:
                self._at_commit = self._committed() + self._dice.random.randint(1, 5)

    def is_sprung(self, handled: int) -> bool:
        return (
            handled >= self._at_message
            or self._sent() >= self._at_order
            or self._committed() >= self._at_commit
        )

    def downtime(self) -> timedelta:
        draw = self._dice.random.random()
        if draw < 0.3:  # noqa: PLR2004 - shares of crashes
            return timedelta(0)
        return self._dice.seconds(0.1, 10) if draw < 0.8 else self._dice.seconds(10, 150)  # noqa: PLR2004

    def restarted(self, now: datetime) -> None:
        """Plan the next crash: now and then it comes before the restart is through."""
        self._at_message = self._at_order = self._at_commit = _NEVER
        self._plan(now)
        if self._every and self._dice.goes_wrong("crash_during_recovery", _DURING_RECOVERY):
            self.next_at = None
            self._at_message = self._dice.random.randint(1, 150)

    def stop(self) -> None:
        self._every, self.next_at = 0.0, None
        self._at_message = self._at_order = self._at_commit = _NEVER

    def _plan(self, now: datetime) -> None:
        self.next_at = now + self._dice.pause(self._every) if self._every else None


class SabotageError(RuntimeError):
    """What an actor that is made to fail fails with."""


_TRADING = ("persistence", "market-data", "venue", "risk", "supervisor", "analytics")


def sabotage(runtime: Runtime, dice: Dice) -> None:
    """Let one actor fail at its next message: a slicer, or one that all of them need.

    Half of the slicers fail when they hear that something is durable, so that what was to follow from it is lost.
    """
    slicers: list[MessageActor[object]] = []
    shared: list[MessageActor[object]] = []
    for ref in runtime.living():
        actor = ref.actor_inbox.actor if isinstance(ref.actor_inbox, Mailbox) else None
        if isinstance(actor, SlicerActor):
            slicers.append(actor)  # pyright: ignore[reportArgumentType]
        elif isinstance(actor, MessageActor) and actor.name in _TRADING:
            shared.append(actor)  # pyright: ignore[reportUnknownArgumentType]
    chosen = slicers if slicers and dice.random.random() < 0.7 else shared  # noqa: PLR2004 - shares
    if chosen:
        victim = dice.random.choice(chosen)
        dice.counts["slicer_failed" if chosen is slicers else "shared_actor_failed"] += 1
        is_before_effects = chosen is slicers and dice.random.random() < 0.5  # noqa: PLR2004
        victim.handle = partial(_fail_once_durable, victim.handle) if is_before_effects else _fail


def _fail(message: object) -> NoReturn:
    raise SabotageError(type(message).__name__)


def _fail_once_durable(handle: Callable[[object], object], message: object) -> None:
    if isinstance(message, Journaled):
        _fail(message)
    handle(message)
