"""What an execution's decisions depend on besides its own state and the message in hand."""

from __future__ import annotations

from dataclasses import dataclass

from genesis_actors.domain.policy import TwapDefaults
from genesis_actors.domain.proof import NO_DELAYS, ProofRules
from genesis_actors.domain.volume_profile import VolumeProfile
from genesis_actors.values import Quote

_AS_SHIPPED = TwapDefaults()


@dataclass(frozen=True, slots=True)
class Surroundings:
    """`profile` is what volumes are expected, None where nothing is known; `is_halted` forbids all new children.

    What is amended is held against the operator's `bounds`, and priced by the newest `quote` that was seen.
    """

    profile: VolumeProfile | None = None
    is_halted: bool = False
    proof: ProofRules = NO_DELAYS
    bounds: TwapDefaults = _AS_SHIPPED
    quote: Quote | None = None
