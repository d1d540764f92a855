"""A Pykka actor that shares threads with others.

It behaves as `pykka.ThreadingActor` in all that Pykka documents.
"""

import sys
from types import TracebackType
from typing import Any, ClassVar

import pykka
from pykka import ActorRegistry

from genesis_actors.runtime.dispatcher import Dispatcher
from genesis_actors.runtime.futures import ActorFuture
from genesis_actors.runtime.internals import Envelope, pykka_log, unregister
from genesis_actors.runtime.mailbox import Begin, Mailbox
from genesis_actors.runtime.pooled import default_pool
from genesis_actors.runtime.stopped import Stopped


class PooledActor(pykka.Actor):
    """A drop-in for `pykka.ThreadingActor`.

    Give it `on_receive`, or methods to call through a proxy.
    """

    actor_inbox: Mailbox  # pyright: ignore[reportIncompatibleVariableOverride]
    pykka_traversable: ClassVar[bool] = False
    has_idle_hook: ClassVar[bool] = False

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.actor_stopped = self.actor_ref.actor_stopped = Stopped()

    @property
    def backlog(self) -> int:
        """How much others have begun waits here; new work is paced by it. Called from any thread."""
        return 0

    @staticmethod
    def _create_actor_inbox() -> Mailbox:
        return Mailbox()

    @staticmethod
    def _create_future() -> pykka.Future[Any]:
        return ActorFuture()

    def _start_actor_loop(self) -> None:
        self.actor_inbox.attach(self, self._choose_dispatcher())

    def _choose_dispatcher(self) -> Dispatcher:
        return default_pool().pooled

    def receive(self, envelope: Envelope[Any]) -> None:
        """Handle one message, as Pykka's own receive loop does. Only the mailbox calls it."""
        reply_to = envelope.reply_to
        try:
            response = self._handle_receive(envelope.message)
            if reply_to is not None:
                reply_to.set(response)
        except Exception:  # whatever an actor raises ends here
            if reply_to is not None:
                pykka_log.info("Exception returned from %s to caller:", self, exc_info=True)
                reply_to.set_exception()
            else:
                self._fail()
        except BaseException as error:
            if reply_to is not None:
                reply_to.set_exception()
            self._exit(error)

    def rest(self) -> None:
        """Run the idle hook, for actor types that have one. Only the mailbox calls it."""

    def _fail(self) -> None:
        self._handle_failure(*sys.exc_info())
        try:
            self.on_failure(*sys.exc_info())
        except Exception:
            self._handle_failure(*sys.exc_info())

    def _exit(self, error: BaseException) -> None:
        pykka_log.debug("%r in %s. Stopping all actors.", error, self)
        self._stop()
        ActorRegistry.stop_all()

    def _handle_receive(self, message: Any) -> Any:  # noqa: ANN401 - as in Pykka
        if isinstance(message, Begin):
            return self._actor_loop_setup()
        return super()._handle_receive(message)

    def _stop(self) -> None:
        unregister(self.actor_ref)
        self.actor_stopped.set()
        pykka_log.debug("Stopped %s", self)
        try:
            self.on_stop()
        except Exception:
            self._handle_failure(*sys.exc_info())

    def _handle_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        pykka_log.error(
            "Unhandled exception in %s:",
            self,
            exc_info=_exc_info(exception_type, exception_value, traceback),
        )
        unregister(self.actor_ref)
        self.actor_stopped.set()


def _exc_info(
    kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
) -> tuple[type[BaseException], BaseException, TracebackType | None] | None:
    return None if kind is None or value is None else (kind, value, traceback)
