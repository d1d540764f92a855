"""The exchange's own cancel-all countdown: if nobody says for a while that he is there, it takes every order back.

It is the account's, not ours: orders of others go with it. So it runs only where the settings ask for it, and only
while an order of ours may stand there.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from genesis_actors.gateways.ccxt_client_ids import VenueHabits
from genesis_actors.gateways.ccxt_tasks import Backoff
from genesis_actors.gateways.venue import SourceError
from genesis_actors.logs import get_logger
from genesis_actors.settings import CcxtSettings
from genesis_actors.values import ClientOrderId

log = get_logger()

_REFRESHES: Final = 3
_LINGER_SECONDS: Final = 1.0
_FORGOTTEN_SECONDS: Final = 60.0
_CLOSE_SECONDS: Final = 2.0


def check_countdown(settings: CcxtSettings, habits: VenueHabits) -> None:
    """Refuse a countdown that the exchange does not have, or not of that length. Raises SourceError."""
    asked = settings.cancel_all_after
    if asked is None:
        return
    if habits.countdown is None:
        raise SourceError(
            f"{settings.exchange} has no countdown for spot orders that could be refreshed by asking, "
            "and [venue.ccxt] cancel_all_after wants one",
            "leave cancel_all_after out; see docs/live.md for the exchanges that have one",
        )
    least, most = habits.countdown
    if not timedelta(seconds=least) <= asked <= timedelta(seconds=most):
        raise SourceError(
            f"the countdown of {settings.exchange} runs for {least} s to {most} s, "
            f"and [venue.ccxt] cancel_all_after is {asked.total_seconds():g} s",
            f"set it between {least}s and {most}s",
        )


class Countdown:
    """Keeps one account's countdown running while orders of ours stand. Used on one loop only."""

    def __init__(self, reads: Any, length: timedelta, redact: Callable[[object], str]) -> None:  # noqa: ANN401 - ccxt has no types
        self._reads = reads
        self._seconds = length.total_seconds()
        self._redact = redact
        self._standing: dict[ClientOrderId, float] = {}
        self._changed = asyncio.Event()
        self.is_armed = False

    def stands(self, name: ClientOrderId) -> None:
        """An order may stand at the exchange: it was sent, was seen there, or is asked about."""
        is_first = not self._standing
        self._standing[name] = time.monotonic()
        if is_first:
            self._changed.set()

    def is_asked_about(self, name: ClientOrderId) -> None:
        if name in self._standing:
            self.stands(name)

    def is_gone(self, name: ClientOrderId) -> None:
        if self._standing.pop(name, None) is not None and not self._standing:
            self._changed.set()

    async def run(self) -> None:
        backoff = Backoff(longest=self._seconds / _REFRESHES)
        while True:
            self._changed.clear()
            wanted = self._is_wanted()
            try:
                if wanted or self.is_armed:
                    await self._set(self._seconds if wanted else 0)
            except Exception as error:
                log.warning("countdown_not_set", error=self._redact(error)[:300])
                await asyncio.sleep(backoff.pause())
                continue
            backoff.reset()
            await self._wait(self._seconds / _REFRESHES if wanted else None)
            if wanted and not self._standing:
                await asyncio.sleep(_LINGER_SECONDS)  # The next child may be on its way.

    async def disarm(self) -> None:
        """Stop it: whoever ends in good order has taken his orders back himself."""
        if not self.is_armed:
            return
        try:
            await asyncio.wait_for(self._set(0), _CLOSE_SECONDS)
        except Exception as error:
            log.warning("countdown_not_stopped", error=self._redact(repr(error))[:300])

    def _is_wanted(self) -> bool:
        oldest = time.monotonic() - _FORGOTTEN_SECONDS
        self._standing = {name: at for name, at in self._standing.items() if at > oldest}
        return bool(self._standing)

    async def _set(self, seconds: float) -> None:
        # It may have worked where the answer is lost: then it runs.
        self.is_armed = True
        await self._reads.cancel_all_orders_after(int(seconds * 1_000))
        self.is_armed = seconds > 0

    async def _wait(self, seconds: float | None) -> None:
        try:
            await asyncio.wait_for(self._changed.wait(), seconds)
        except TimeoutError:
            return
