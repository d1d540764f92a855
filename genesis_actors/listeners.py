"""What listens on behalf of somebody outside of the actors: plain addresses that pass on, call or wake."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from genesis_actors.messages.base import Address
from genesis_actors.messages.control import (
    ExecutionNews,
)
from genesis_actors.runtime.actor import ActorFailed

M = TypeVar("M")


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
        self._waiting: list[Address[ActorFailed]] = []

    def tell(self, message: ActorFailed) -> None:
        with self._lock:
            self._first = self._first or message
            waiting, self._waiting = self._waiting, []
        for address in waiting:
            address.tell(message)

    def wake(self, address: Address[ActorFailed]) -> None:
        """Tell `address` of the first failure, now or when it happens."""
        with self._lock:
            if self._first is None:
                self._waiting.append(address)
                return
        address.tell(self._first)

    def forget(self, address: Address[ActorFailed]) -> None:
        with self._lock:
            self._waiting = [other for other in self._waiting if other is not address]


class Callback:
    """A subscriber that calls a function."""

    def __init__(self, callback: Callable[[ExecutionNews], None]) -> None:
        self._callback = callback

    def tell(self, message: ExecutionNews) -> None:
        self._callback(message)


class Relay(Generic[M]):
    """An address that is made before the actor it stands for; the first thing it hears is after it is connected."""

    def __init__(self) -> None:
        self._address: Address[M] | None = None

    def connect(self, address: Address[M]) -> None:
        self._address = address

    def tell(self, message: M) -> None:
        if self._address is None:
            raise RuntimeError(f"{type(message).__name__} sent before the actors were connected")
        self._address.tell(message)
