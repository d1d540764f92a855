"""What a slicer accepts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from genesis_actors.messages.market_data import MarketView, PriceCrossed
from genesis_actors.messages.persistence import Journaled, JournalFailed
from genesis_actors.messages.supervisor import (
    CancelExecution,
    PauseExecution,
    ResumeExecution,
    SettleChild,
)
from genesis_actors.messages.venue import OrderOutcome


@dataclass(frozen=True, slots=True)
class Wake:
    """A slicer's own timer: look what is due. One that comes for no reason changes nothing."""


@dataclass(frozen=True, slots=True)
class HaltChanged:
    """No execution may send new children from now on, or all may again."""

    is_halted: bool


SlicerMessage: TypeAlias = (
    Wake
    | MarketView
    | PriceCrossed
    | OrderOutcome
    | PauseExecution
    | ResumeExecution
    | CancelExecution
    | SettleChild
    | HaltChanged
    | Journaled
    | JournalFailed
)
"""Everything a slicer accepts."""
