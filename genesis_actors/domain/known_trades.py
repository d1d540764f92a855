"""Until when all trades of ours in a symbol are recorded, whatever was lost on the way.

A venue's list of trades is asked for again and again, each time from where it is sure that nothing is missing. An
answer is not sure when it has come, only when the next one has: what it told is written by then, or somebody has
failed, and it is as if it had not come.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

MARGIN = timedelta(seconds=60)
"""So far back a venue may still list a trade that it did not list when it was asked: its reads lag, clocks differ."""


@dataclass(frozen=True, slots=True)
class KnownTrades:
    """Every trade until `recorded_until` is recorded; those until `told_until` have been told at least.

    >>> from datetime import UTC
    >>> noon = datetime(2024, 8, 8, 12, tzinfo=UTC)
    >>> once = KnownTrades(noon).told(asked_at=noon + timedelta(seconds=45))
    >>> twice = once.told(asked_at=noon + timedelta(seconds=90))
    >>> (once.recorded_until - noon).seconds, (twice.recorded_until - noon).seconds
    (0, 45)
    >>> (twice.lost().told(asked_at=noon + timedelta(seconds=135)).recorded_until - noon).seconds
    45
    """

    recorded_until: datetime
    told_until: datetime | None = None

    @property
    def since(self) -> datetime:
        """Return from when on trades are to be asked for."""
        return self.recorded_until - MARGIN

    def told(self, asked_at: datetime) -> KnownTrades:
        """Return what is known after a complete answer to a question of `asked_at`."""
        return KnownTrades(self.told_until or self.recorded_until, asked_at)

    def lost(self) -> KnownTrades:
        """Return what is known after somebody has failed who may have been told a trade, and not yet recorded it."""
        return replace(self, told_until=None)
