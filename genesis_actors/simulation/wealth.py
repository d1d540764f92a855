"""What the simulated account holds: more than anybody can spend, or in one seed of four sums that come and go."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from genesis_actors.simulation.market import LISTINGS

_POOR: Final = 0.25  # of the seeds
_PLENTY: Final = Decimal(10) ** 12
_BASE_WORTH: Final = Decimal(300_000)
_CASH: Final = tuple(map(Decimal, (100_000, 1_200_000, 1_900_000, 2_100_000, 9_000_000)))
_MOVED_EVERY: Final = timedelta(seconds=20)
_START: Final = datetime(2025, 1, 1, tzinfo=UTC)


class Wealth:
    """The balances of one seed. Where they come and go, its owner puts money in and takes it out, behind our back."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self.comes_and_goes = random.Random(f"wealth:{seed}").random() < _POOR

    def balances(self, at: datetime) -> Mapping[str, Decimal]:
        rules = [listing.rules for listing in LISTINGS]
        if not self.comes_and_goes:
            return {name: _PLENTY for each in rules for name in (each.base, each.quote)}
        period = (at - _START) // _MOVED_EVERY
        cash = random.Random(f"wealth:{self._seed}:{period}").choice(_CASH)
        bases = {
            each.rules.base: _BASE_WORTH // (each.price_ticks * each.rules.tick)
            for each in LISTINGS
        }
        return {**bases, rules[0].quote: cash}

    @property
    def settings(self) -> dict[str, Any]:
        """Return thresholds that such an account crosses now and then."""
        if not self.comes_and_goes:
            return {}
        return {"hunter_equity": "1000000", "strategist_equity": "2300000", "tier_band": "0.1"}
