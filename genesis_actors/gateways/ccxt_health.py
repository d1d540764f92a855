"""Whether a venue takes orders: it says that it does not, or nothing has answered for a while."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta

from genesis_actors.gateways.live import AvailabilityChanged

_NO_FAILURE = "questions are not answered"


class Health:
    """Told of each question, each answer and each failure; tells when something changes.

    An outage begins with the first question that nobody has answered, and not with its failure: a venue that hangs
    makes us wait for that.
    """

    def __init__(
        self,
        tell: Callable[[AvailabilityChanged], None],
        outage_after: timedelta,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tell = tell
        self._outage_after = outage_after.total_seconds()
        self._monotonic = monotonic
        self._unanswered_since: float | None = None
        self._detail = _NO_FAILURE
        self._said: AvailabilityChanged | None = None

    @property
    def current(self) -> AvailabilityChanged | None:
        """What was told last, None while there was nothing to tell."""
        return self._said

    @property
    def is_available(self) -> bool:
        return self._said is None or self._said.is_available

    def asked(self) -> None:
        """A question about the market leaves."""
        if self._unanswered_since is None:
            self._unanswered_since = self._monotonic()

    def answered(self) -> None:
        """A question about the market has been answered."""
        self._unanswered_since, self._detail = None, _NO_FAILURE
        if not self.is_available:
            self._say(is_available=True, detail="the venue answers again")

    def failed(self, detail: str, *, is_maintenance: bool) -> None:
        self.asked()
        self._detail = detail
        if self.is_available and is_maintenance:
            self._say(is_available=False, detail=f"maintenance: {detail}")
        self.look()

    def look(self) -> None:
        """See whether nothing has been answered for too long."""
        since = self._unanswered_since
        if not self.is_available or since is None:
            return
        if self._monotonic() - since >= self._outage_after:
            self._say(is_available=False, detail=f"nothing answers: {self._detail}")

    async def keep_looking(self) -> None:
        while True:
            await asyncio.sleep(min(1.0, self._outage_after / 4))
            self.look()

    def _say(self, *, is_available: bool, detail: str) -> None:
        self._said = AvailabilityChanged(is_available, detail)
        self._tell(self._said)
