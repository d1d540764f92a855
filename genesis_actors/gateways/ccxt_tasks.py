"""What runs on an exchange's event loop: tasks whose failures are seen, and patience that does not hurry anybody."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, TypeVar

from genesis_actors.gateways.ccxt_outcomes import Failure, venue_code
from genesis_actors.gateways.redaction import Redactor
from genesis_actors.logs import get_logger

T = TypeVar("T")

log = get_logger()

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 15.0
_TRIES: Final = 4
_CLOSE_SECONDS: Final = 3.0
_CANCEL_SECONDS: Final = 0.5


class Tasks:
    """Everything that is under way on one loop. Used on that loop only."""

    def __init__(self, redactor: Redactor) -> None:
        self._redact = redactor.text
        self._tasks: set[asyncio.Task[None]] = set()

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run `work`. It handles its own failures: one that comes out here is a bug, and is logged."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._on_done)
        return task

    async def cancel(self) -> None:
        """End everything, and wait until it has let go of what it held."""
        until = time.monotonic() + _CLOSE_SECONDS
        while self._tasks and time.monotonic() < until:
            running = set(self._tasks)
            for task in running:
                task.cancel()
            # `wait_for` of Python 3.11 loses a cancellation that comes together with what it waits for.
            await asyncio.wait(running, timeout=_CANCEL_SECONDS)

    def on_loop_failure(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Log what fails in nobody's task, without what is secret: the loop's own handler would print it as it is."""
        error = context.get("exception")
        log.warning(
            "exchange_loop_failure",
            what=self._redact(context.get("message", "")),
            error=self._redact(repr(error))[:500],
        )

    def _on_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("venue_task_failed", error=self._redact(repr(task.exception())))


class Backoff:
    """Growing pauses, each at random around its length, so that many who wait do not come back at once."""

    def __init__(self, first: float = FIRST_PAUSE, longest: float = LONGEST_PAUSE) -> None:
        self._first = first
        self._longest = longest
        self._next = first

    def pause(self) -> float:
        """Return how long to wait now, in seconds."""
        now, self._next = self._next, min(2 * self._next, self._longest)
        return now * random.uniform(0.5, 1.5)

    def reset(self) -> None:
        self._next = self._first


async def patiently(ask: Callable[[], Awaitable[T]]) -> T:
    """Ask a few times where the network or the exchange is to blame: one lost answer is no reason not to start."""
    backoff = Backoff()
    for _ in range(_TRIES - 1):
        try:
            return await ask()
        except Exception as error:
            if not _passes(Failure.of(error)):
                raise
            await asyncio.sleep(backoff.pause())
    return await ask()


def _passes(failure: Failure) -> bool:
    """Tell whether the same question may be answered later: also where an answer broke off in its middle.

    ccxt has no class of its own for that: it is its most general one, without a code of the venue.
    """
    names = failure.names
    if "InvalidNonce" in names:
        return False
    if "OperationFailed" in names or "BrokenAnswerError" in names:
        return True
    is_broken = names[0] in {"ExchangeError", "BadResponse", "NullResponse"}
    return is_broken and venue_code(failure.message) is None
