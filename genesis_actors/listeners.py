"""What listens on behalf of somebody outside of the actors: plain addresses that pass on, call or wake."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, Literal, Self, TypeAlias, TypeVar

from genesis_actors.logs import get_logger
from genesis_actors.messages.base import Address
from genesis_actors.messages.control import ExecutionNews
from genesis_actors.runtime.actor import ActorFailed

M = TypeVar("M")

Priority: TypeAlias = Literal["HIGH", "NORMAL"]

BUFFERED_NEWS = 10_000
CLOSE_SECONDS = 5.0
REST_SECONDS = 0.01
"""So long a callback's thread rests when it has told everything: to wake it for each piece of news costs a lot."""

log = get_logger()


class When:
    """A subscriber that passes on the first piece of news that fits."""

    def __init__(
        self, fits: Callable[[ExecutionNews], bool], reply_to: Address[ExecutionNews]
    ) -> None:
        self._fits = fits
        self._reply_to = reply_to

    def tell(self, message: ExecutionNews) -> None:
        if self._fits(message):
            self._reply_to.tell(message)


class Failures:
    """Hears of every actor that fails, and wakes all who wait for something that may now never come."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._first: ActorFailed | None = None
        self._waiting: dict[int, Address[ActorFailed]] = {}  # By identity: thousands may wait.

    def tell(self, message: ActorFailed) -> None:
        with self._lock:
            self._first = self._first or message
            waiting, self._waiting = self._waiting, {}
        for address in waiting.values():
            address.tell(message)

    def wake(self, address: Address[ActorFailed]) -> None:
        """Tell `address` of the first failure, now or when it happens."""
        with self._lock:
            if self._first is None:
                self._waiting[id(address)] = address
                return
        address.tell(self._first)

    def forget(self, address: Address[ActorFailed]) -> None:
        with self._lock:
            self._waiting.pop(id(address), None)


class Callback:
    """A subscriber that calls a function in this very thread: for a simulation, which has no other."""

    def __init__(self, callback: Callable[[ExecutionNews], None]) -> None:
        self._callback = callback
        self._is_cut_off = False

    def tell(self, message: ExecutionNews) -> None:
        if self._is_cut_off:
            return
        try:
            self._callback(message)
        except Exception:
            self._is_cut_off = True
            log.exception("subscriber_cut_off", reason="it raised")

    def close(self) -> None:
        self._is_cut_off = True


class CallbackThread:
    """A subscriber that calls a function in a thread of its own, so that a slow one never slows an execution.

    It is told within `REST_SECONDS` of when there is news.

    HIGH keeps everything in order, and is cut off when `BUFFERED_NEWS` wait; NORMAL keeps only the newest of each
    execution.
    """

    def __init__(self, callback: Callable[[ExecutionNews], None], priority: Priority) -> None:
        self._callback = callback
        self._keeps_all = priority == "HIGH"
        self._waiting: OrderedDict[object, ExecutionNews] = OrderedDict()
        self._serial = 0
        self._changed = threading.Condition()
        self._is_over = False
        self._thread = threading.Thread(target=self._run, name="subscriber", daemon=True)
        self._thread.start()

    def tell(self, message: ExecutionNews) -> None:
        with self._changed:
            if self._is_over:
                return
            self._serial += 1
            self._waiting[self._serial if self._keeps_all else message.execution_id] = message
            if len(self._waiting) > BUFFERED_NEWS:
                self._is_over = True
                log.warning("subscriber_cut_off", reason="it is too slow", waiting=BUFFERED_NEWS)
            self._changed.notify()

    def close(self, timeout: float = CLOSE_SECONDS) -> None:
        """Hand over what waits and end. A function that does not return is left behind."""
        with self._changed:
            self._is_over = True
            self._changed.notify()
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._is_over)
                if not self._waiting:
                    return
                _, message = self._waiting.popitem(last=False)
                is_last = not self._waiting
            try:
                self._callback(message)
            except Exception:
                log.exception("subscriber_cut_off", reason="it raised")
                with self._changed:
                    self._is_over = True
                    self._waiting.clear()
                return
            if is_last:
                time.sleep(REST_SECONDS)


class TooSlowError(Exception):
    """A reader of news has let too much wait and was cut off; what it missed is in the journal."""

    def __init__(self) -> None:
        super().__init__(f"cut off: {BUFFERED_NEWS} pieces of news were waiting")


class NewsStream:
    """News for one `async for` of one event loop, which it wakes and never holds up."""

    def __init__(self, loop: asyncio.AbstractEventLoop, priority: Priority) -> None:
        self.when_closed: Callable[[], None] = _nothing
        self._loop = loop
        self._keeps_all = priority == "HIGH"
        self._lock = threading.Lock()
        self._waiting: OrderedDict[object, ExecutionNews] = OrderedDict()
        self._serial = 0
        self._has_news = asyncio.Event()
        self._is_over = False
        self._is_too_slow = False

    def tell(self, message: ExecutionNews) -> None:
        with self._lock:
            if self._is_over:
                return
            self._serial += 1
            self._waiting[self._serial if self._keeps_all else message.execution_id] = message
            self._is_over = self._is_too_slow = len(self._waiting) > BUFFERED_NEWS
            is_awake = len(self._waiting) > 1 and not self._is_over
        if not is_awake:
            self._wake()

    def close(self) -> None:
        """End the stream behind what waits."""
        with self._lock:
            self._is_over = True
        self._wake()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ExecutionNews:
        while True:
            with self._lock:
                if self._waiting and not self._is_too_slow:
                    return self._waiting.popitem(last=False)[1]
                self._has_news.clear()
                is_over = self._is_over
            if self._is_too_slow:
                raise TooSlowError
            if is_over:
                raise StopAsyncIteration
            await self._has_news.wait()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.when_closed()

    def _wake(self) -> None:
        with suppress(RuntimeError):  # The loop is closed: nobody reads there any more.
            self._loop.call_soon_threadsafe(self._has_news.set)


def _nothing() -> None:
    """Where nobody has to be told."""


class Relay(Generic[M]):
    """An address that is made before the actor it stands for; what it hears earlier waits until it is connected."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._address: Address[M] | None = None
        self._early: list[M] = []

    def connect(self, address: Address[M]) -> None:
        with self._lock:
            for message in self._early:
                address.tell(message)
            self._early.clear()
            self._address = address

    def tell(self, message: M) -> None:
        if self._address is None:
            with self._lock:
                if self._address is None:
                    self._early.append(message)
                    return
        self._address.tell(message)
