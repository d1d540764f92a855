"""Where the outer edge waits for an answer.

An address that takes one message and hands it to whoever waits.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Generic, TypeVar

from pykka import Actor, ActorDeadError

from genesis_actors.runtime.system import Runtime

M = TypeVar("M")


class ReplyBox(Generic[M]):
    """An address for one answer.

    Only the first message counts. For use outside of actors, which never wait.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._lock = threading.Lock()
        self._messages: list[M] = []
        self._on_fill: list[Callable[[], None]] = []

    def tell(self, message: M) -> None:
        with self._lock:
            if self._messages:
                return
            self._messages.append(message)
            on_fill, self._on_fill = self._on_fill, []
        for call in on_fill:
            call()

    @property
    def is_filled(self) -> bool:
        return bool(self._messages)

    def get(self, timeout: float | None = None) -> M:
        """Wait for the message.

        A simulation is run by that, and `timeout` is in virtual seconds then.

        Raises TimeoutError.
        """
        filled = threading.Event()
        if self._is_empty_and_calls(filled.set) and not self._runtime.wait(filled, timeout):
            raise TimeoutError(_late(timeout))
        return self._messages[0]

    async def get_async(self, timeout: float | None = None) -> M:  # noqa: ASYNC109 - the same meaning as in get()
        """Wait without holding up the event loop.

        A simulation is run on another thread meanwhile.
        """
        if self._runtime.is_deterministic:
            return await asyncio.to_thread(self.get, timeout)
        loop = asyncio.get_running_loop()
        is_filled: asyncio.Future[bool] = loop.create_future()
        if self._is_empty_and_calls(partial(self._runtime.wakers.wake, is_filled)):
            expiry = None if timeout is None else loop.call_later(timeout, _expire, is_filled)
            try:
                if not await is_filled:
                    raise TimeoutError(_late(timeout))
            finally:
                if expiry is not None:
                    expiry.cancel()
        return self._messages[0]

    def _is_empty_and_calls(self, on_fill: Callable[[], None]) -> bool:
        """Have `on_fill` called by whoever brings the message; False where that is there already."""
        with self._lock:
            if self._messages:
                return False
            self._on_fill.append(on_fill)
            return True


def _expire(is_filled: asyncio.Future[bool]) -> None:
    if not is_filled.done():
        is_filled.set_result(False)


def _late(timeout: float | None) -> str:
    return (
        "no reply, and nothing left to do" if timeout is None else f"no reply within {timeout:g} s"
    )


def ask_living(
    runtime: Runtime,
    kind: type[Actor],
    question: Callable[[ReplyBox[M]], object],
    timeout: float,
) -> M | None:
    """Ask the living actor of a kind; None where there is none, or it does not answer within `timeout` seconds."""
    box = ReplyBox[M](runtime)
    for ref in runtime.living():
        if issubclass(ref.actor_class, kind):
            with suppress(ActorDeadError, TimeoutError):
                ref.tell(question(box))
                return box.get(timeout)
    return None
