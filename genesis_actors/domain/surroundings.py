"""What an execution's decisions depend on besides its own state and the message in hand."""

from __future__ import annotations

from dataclasses import dataclass

from genesis_actors.domain.proof import NO_DELAYS, ProofRules
from genesis_actors.domain.volume_profile import VolumeProfile


@dataclass(frozen=True, slots=True)
class Surroundings:
    """`profile` is what volumes are expected, None where nothing is known; `is_halted` forbids all new children."""

    profile: VolumeProfile | None = None
    is_halted: bool = False
    proof: ProofRules = NO_DELAYS
