"""What an execution's decisions depend on besides its own state and the message in hand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from genesis_actors.domain.decision import SetTrigger
from genesis_actors.domain.policy import TwapDefaults
from genesis_actors.domain.proof import NO_DELAYS, ProofRules
from genesis_actors.domain.volume_profile import VolumeProfile
from genesis_actors.values import MarketSummary, Quote

_AS_SHIPPED = TwapDefaults()


@dataclass(frozen=True, slots=True)
class TriedInVain:
    """What held the execution of that `version` back holds it still: it is tried again at `retry_at`."""

    version: int
    retry_at: datetime


@dataclass(frozen=True, slots=True)
class Surroundings:
    """`profile` is what volumes are expected, None where nothing is known; `is_halted` forbids all new children.

    What is amended is held against the operator's `bounds`, and priced by the newest `quote` that was seen. `market` is
    the newest summary of the benchmark window that was seen: as of its `end`, not of now. What was `tried_in_vain` puts
    the state's own `retry_at` off; where that is forgotten, as in a crash, the execution tries once more at once.
    `trigger` is the one that is set and has not fired, as far as is known.
    """

    profile: VolumeProfile | None = None
    is_halted: bool = False
    proof: ProofRules = NO_DELAYS
    bounds: TwapDefaults = _AS_SHIPPED
    quote: Quote | None = None
    market: MarketSummary | None = None
    tried_in_vain: TriedInVain | None = None
    trigger: SetTrigger | None = None
