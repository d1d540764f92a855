"""The base class of every actor of this system, and the ways to address one."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from pykka import ActorDeadError

from genesis_actors.logs import get_logger
from genesis_actors.messages.base import Address
from genesis_actors.runtime.dispatcher import Dispatcher, DispatcherKind
from genesis_actors.runtime.internals import PYKKA_MESSAGES, Envelope, unregister
from genesis_actors.runtime.mailbox import Begin
from genesis_actors.runtime.pykka_actor import PooledActor

if TYPE_CHECKING:
    from genesis_actors.runtime.clock import Clock, TimerHandle
    from genesis_actors.runtime.system import Runtime

M = TypeVar("M")
T = TypeVar("T")

log = get_logger()

_NOT_FOR_HANDLE = PYKKA_MESSAGES | {Begin}


class Fanout(Generic[M]):
    """One address for several. While the `runtime` stops its actors, that some of them are dead is no news."""

    def __init__(self, *addresses: Address[M], runtime: Runtime | None = None) -> None:
        self._addresses: Sequence[Address[M]] = addresses
        self._runtime = runtime

    def tell(self, message: M) -> None:
        """Send to each; the dead among them keep nobody else from hearing it."""
        is_expected = self._runtime is not None and self._runtime.is_stopping
        for address in self._addresses:
            tell_or_log(address, message, sender="fanout", is_expected=is_expected)


@dataclass(frozen=True, slots=True)
class ActorFailed:
    """An actor raised and is gone.

    What was still in its inbox is lost; it has to be rebuilt from stored state.
    """

    actor_name: str
    actor_urn: str
    error: str


def tell_or_log(address: Address[T], message: T, *, sender: str, is_expected: bool = False) -> None:
    """Tell; that the receiver is dead is news for the log, not an error of the sender."""
    try:
        address.tell(message)
    except ActorDeadError:
        (log.debug if is_expected else log.warning)(
            "message_to_dead_actor",
            sender=sender,
            receiver=str(address),
            message_type=type(message).__name__,
        )


class MessageActor(PooledActor, Generic[M]):
    """Handles messages of one union type, one at a time, wherever its runtime lets it run.

    A subclass calls `super().__init__(runtime, ...)` first thing and is started with `start(...)`,
    which takes the arguments of its constructor. Time and randomness come from `clock` and
    `runtime.random` only.
    """

    dispatcher_kind: ClassVar[DispatcherKind] = "pooled"
    stop_stage: ClassVar[int] = 0
    """When the runtime ends, actors of a higher stage stop only after all of the lower ones: those they still hear."""

    def __init__(
        self, runtime: Runtime, *, name: str = "", supervisor: Address[ActorFailed] | None = None
    ) -> None:
        super().__init__()
        self.runtime = runtime
        self.name = name or type(self).__name__
        self._supervisor = supervisor

    def __init_subclass__(cls, **kwargs: Any) -> None:  # noqa: ANN401 - as in object
        super().__init_subclass__(**kwargs)
        cls.has_idle_hook = cls.on_idle is not MessageActor[Any].on_idle

    @property
    def clock(self) -> Clock:
        return self.runtime.clock

    def begin(self) -> None:
        """Run in the actor before its first message.

        An exception here is a failure like any other.
        """

    @abstractmethod
    def handle(self, message: M) -> object:
        """Handle one message.

        What it returns is the answer to Pykka's `ask`; an exception is the actor's end.
        """

    def on_idle(self) -> None:
        """Run whenever everything sent so far has been handled: the place to flush a batch.

        In a simulation it waits until no actor at all has messages left, so that a batch takes in a
        whole instant.
        """

    def end(self) -> None:
        """Run in the actor after its last message, unless it failed: then it is `on_failure`."""

    def send(self, address: Address[T], message: T) -> None:
        """Tell without ever raising: that the receiver has died is logged, and life goes on."""
        tell_or_log(address, message, sender=self.name, is_expected=self.runtime.is_stopping)

    def wake_at(
        self, when: datetime, message: M, *, phase: int = 0, begins_work: bool = False
    ) -> TimerHandle:
        """Have the clock tell us `message` at that time; at once, if it has passed. See `Clock.call_at`."""
        return self.clock.call_at(
            when, self.actor_ref, message, phase=phase, begins_work=begins_work
        )

    def on_start(self) -> None:
        self.begin()

    def on_receive(self, message: M) -> object:
        return self.handle(message)

    def on_stop(self) -> None:
        try:
            self.end()
        except Exception:
            # Nobody should rebuild an actor that was to stop anyway, so its supervisor hears
            # nothing.
            log.exception("actor_end_failed", actor=self.name)

    def receive(self, envelope: Envelope[Any]) -> None:
        message, reply_to = envelope.message, envelope.reply_to
        if type(message) in _NOT_FOR_HANDLE:
            super().receive(envelope)
            return
        try:
            response = self.handle(message)
            if reply_to is not None:
                reply_to.set(response)
        except BaseException as error:
            try:
                self._fail()
            finally:
                if reply_to is not None:  # last, so that whoever asked finds the actor dead
                    reply_to.set_exception((type(error), error, error.__traceback__))
            if not isinstance(error, Exception):
                raise

    def rest(self) -> None:
        try:
            self.on_idle()
        except BaseException as error:
            self._fail()
            if not isinstance(error, Exception):
                raise

    def _choose_dispatcher(self) -> Dispatcher:
        return self.runtime.dispatcher_for(self.dispatcher_kind, name=self.name)

    def _exit(self, error: BaseException) -> None:
        # Pykka would stop every actor of the process here. Ctrl-C belongs to the runtime's caller
        # instead.
        self._fail()
        raise error

    def _handle_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        kind = "" if exception_type is None else exception_type.__name__
        error = f"{kind}: {exception_value}"
        failed = (
            None if exception_value is None else (type(exception_value), exception_value, traceback)
        )
        log.error(
            "actor_failed", actor=self.name, actor_urn=self.actor_urn, error=error, exc_info=failed
        )
        self.runtime.failures[type(self).__name__] += 1
        unregister(self.actor_ref)
        self.actor_stopped.set()
        if self._supervisor is not None:
            self.send(self._supervisor, ActorFailed(self.name, self.actor_urn, error))
