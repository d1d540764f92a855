"""Whether a venue takes orders: it says that it does not, or nothing has answered for a while."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

from genesis_actors.gateways.live import AvailabilityChanged


class Health:
    """Told of each answer and of each failure; tells when something changes."""

    def __init__(
        self,
        tell: Callable[[AvailabilityChanged], None],
        outage_after: timedelta,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tell = tell
        self._outage_after = outage_after.total_seconds()
        self._monotonic = monotonic
        self._failing_since: float | None = None
        self._said: AvailabilityChanged | None = None

    @property
    def current(self) -> AvailabilityChanged | None:
        """What was told last, None while there was nothing to tell."""
        return self._said

    @property
    def is_available(self) -> bool:
        return self._said is None or self._said.is_available

    def answered(self) -> None:
        """A question about the market has been answered."""
        self._failing_since = None
        if not self.is_available:
            self._say(is_available=True, detail="the venue answers again")

    def failed(self, detail: str, *, is_maintenance: bool) -> None:
        now = self._monotonic()
        if self._failing_since is None:
            self._failing_since = now
        if not self.is_available:
            return
        if is_maintenance:
            self._say(is_available=False, detail=f"maintenance: {detail}")
        elif now - self._failing_since >= self._outage_after:
            self._say(is_available=False, detail=f"nothing answers: {detail}")

    def _say(self, *, is_available: bool, detail: str) -> None:
        self._said = AvailabilityChanged(is_available, detail)
        self._tell(self._said)
