"""What a slicer accepts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from genesis_actors.messages.market_data import MarketView, PriceCrossed
from genesis_actors.messages.persistence import Journaled, JournalFailed
from genesis_actors.messages.supervisor import (
    AmendExecution,
    CancelExecution,
    LeaveQueue,
    PauseExecution,
    ResumeExecution,
    SettleChild,
)
from genesis_actors.messages.venue import (
    HaltChanged,
    OrderOutcome,
    OrderStory,
    VenueAvailability,
)


@dataclass(frozen=True, slots=True)
class Wake:
    """A slicer's own timer: look what is due. One that comes for no reason changes nothing."""


@dataclass(frozen=True, slots=True)
class Retire:
    """Its execution is over: say whether all of it is durable, and nothing in hand, so that the slicer can go."""


SlicerMessage: TypeAlias = (
    Wake
    | Retire
    | MarketView
    | PriceCrossed
    | OrderOutcome
    | OrderStory
    | PauseExecution
    | ResumeExecution
    | CancelExecution
    | SettleChild
    | AmendExecution
    | LeaveQueue
    | VenueAvailability
    | HaltChanged
    | Journaled
    | JournalFailed
)
"""Everything a slicer accepts."""
