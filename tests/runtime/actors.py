"""Actors that record what happens to them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from genesis_actors.runtime import ActorFailed, Address, MessageActor, Runtime

START = datetime(2024, 8, 8, 12, 0, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


class Recorder(MessageActor[object]):
    """Notes every message with its time, and answers an ask with the message."""

    def __init__(
        self,
        runtime: Runtime,
        notes: list[Any],
        *,
        name: str = "",
        supervisor: Address[ActorFailed] | None = None,
    ) -> None:
        super().__init__(runtime, name=name, supervisor=supervisor)
        self._notes = notes

    def handle(self, message: object) -> object:
        if isinstance(message, BaseException):
            raise message
        self._notes.append((self.name, message))
        return message

    def end(self) -> None:
        self._notes.append((self.name, "end"))


class Doer(MessageActor[Callable[["Doer"], object]]):
    """Does whatever it is told."""

    def handle(self, message: Callable[["Doer"], object]) -> object:
        return message(self)


class Flusher(Recorder):
    """Notes when it is idle, and then does what `when_idle` says."""

    def __init__(
        self,
        runtime: Runtime,
        notes: list[Any],
        *,
        name: str = "flusher",
        supervisor: Address[ActorFailed] | None = None,
        when_idle: Callable[["Flusher"], None] = lambda _: None,
    ) -> None:
        super().__init__(runtime, notes, name=name, supervisor=supervisor)
        self._when_idle = when_idle

    def on_idle(self) -> None:
        self._notes.append((self.name, "idle"))
        self._when_idle(self)
