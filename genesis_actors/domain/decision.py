"""What a decision is made of: events that have happened, and effects to perform once they are durable."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple, TypeAlias

from genesis_actors.domain.evolve import evolve
from genesis_actors.domain.execution import Execution
from genesis_actors.messages.events import JournalEvent
from genesis_actors.messages.venue import (
    AmendParent,
    CancelOrder,
    LookUpOrder,
    PlaceOrder,
    SettleOrder,
)
from genesis_actors.values import Reason


@dataclass(frozen=True, slots=True)
class AskMarket:
    """Ask for a `MarketView` as of now."""


@dataclass(frozen=True, slots=True)
class SetTrigger:
    """Hear when the far touch is at `level` or better; with `worse`, when it is worse than `level`."""

    level: Decimal
    worse: bool


@dataclass(frozen=True, slots=True)
class WakeAt:
    at: datetime


@dataclass(frozen=True, slots=True)
class TryAgain:
    """Try again at `at`: what was tried changed nothing but the time, which is no event."""

    at: datetime


Effect: TypeAlias = (
    PlaceOrder
    | CancelOrder
    | LookUpOrder
    | SettleOrder
    | AmendParent
    | AskMarket
    | SetTrigger
    | WakeAt
    | TryAgain
)
"""Something for the shell to do. Deciding is ours; doing is not."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A command that the state or a bound forbids. `limit` and `actual` are what was compared, if it was numbers."""

    reason: Reason
    message: str
    limit: Decimal | None = None
    actual: Decimal | None = None


class Decision(NamedTuple):
    """`execution` is the state after `events`. `was_already` says that a command found its wish fulfilled."""

    execution: Execution
    events: tuple[JournalEvent, ...] = ()
    effects: tuple[Effect, ...] = ()
    refusal: Refusal | None = None
    was_already: bool = False

    @property
    def changes_nothing(self) -> bool:
        return not self.events and not self.effects


class Steps:
    """A decision in the making: each event is applied at once, so that the next step sees its consequences."""

    def __init__(self, execution: Execution, now: datetime) -> None:
        self.execution = execution
        self.now = now
        self._events: list[JournalEvent] = []
        self._effects: list[Effect] = []

    def add(self, event: JournalEvent) -> None:
        self.execution = evolve(self.execution, event)
        self._events.append(event)

    def ask(self, *effects: Effect) -> None:
        self._effects.extend(effects)

    def decision(self) -> Decision:
        return Decision(self.execution, tuple(self._events), tuple(self._effects))
