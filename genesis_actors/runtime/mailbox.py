"""An actor's inbox.

A queue that knows whether its actor is waiting for a turn, and never loses an ask.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Any

from pykka import ActorDeadError

from genesis_actors.runtime.futures import ActorFuture
from genesis_actors.runtime.internals import ActorStop, Envelope, next_serial, unregister

if TYPE_CHECKING:
    from genesis_actors.runtime.dispatcher import Dispatcher, Pump
    from genesis_actors.runtime.pykka_actor import PooledActor


class Begin:
    """First in every mailbox: runs the actor's start hook as part of its first turn."""


class Mailbox:
    """The queue of one actor, and the flag that keeps it in at most one turn at a time.

    `_scheduled` is a lock used as an atomic flag: whoever takes it hands the mailbox to the
    dispatcher. A sender appends before it looks at the flag, and a worker frees the flag before it
    looks at the queue again, so one of the two always sees the other and no message is left lying.
    It starts taken (nothing runs before `attach`) and is never freed again after `close`.
    """

    __slots__ = ("_actor", "_closed", "_dispatcher", "_envelopes", "_pump", "_scheduled", "serial")

    def __init__(self) -> None:
        self.serial = next_serial()
        self._actor: PooledActor | None = None
        self._closed = False
        self._dispatcher: Dispatcher | None = None
        self._envelopes: deque[Envelope[Any]] = deque()
        self._pump: Pump | None = None
        self._scheduled = threading.Lock()
        self._scheduled.acquire()

    def __len__(self) -> int:
        return len(self._envelopes)

    @property
    def actor(self) -> PooledActor | None:
        """The actor while it lives. A closed mailbox lets go of it, since refs keep the mailbox."""
        return self._actor

    @property
    def closed(self) -> bool:
        return self._closed

    @property
    def dispatcher(self) -> Dispatcher | None:
        return self._dispatcher

    @property
    def has_idle_hook(self) -> bool:
        return self._actor is not None and self._actor.has_idle_hook

    @property
    def next_message(self) -> object:
        """What the next turn begins with."""
        return self._envelopes[0].message

    def attach(self, actor: PooledActor, dispatcher: Dispatcher) -> None:
        """Bring the actor to life.

        It gets its first turn, with everything that was sent to it so far.
        """
        self._actor = actor
        self._dispatcher = dispatcher
        self._pump = dispatcher.pump
        self._envelopes.appendleft(Envelope(Begin()))
        dispatcher.schedule(self)

    def put(self, envelope: Envelope[Any]) -> None:
        """Queue the envelope; on a dead actor fail the ask, or raise to the one who tells."""
        if envelope.reply_to is not None and isinstance(envelope.reply_to, ActorFuture):
            envelope.reply_to.pump = self._pump
        self._envelopes.append(envelope)
        if self._scheduled.acquire(blocking=False):
            assert self._dispatcher is not None  # noqa: S101 - the flag is free only after `attach`
            self._dispatcher.schedule(self)
        elif self._closed:
            refused = self._refuse_all()
            # What is not among them the actor has taken, or it has vanished at its end like all that was queued.
            if envelope.reply_to is None and any(each is envelope for each in refused):
                msg = "the actor stopped before it could take the message"
                raise ActorDeadError(msg)

    def get(self) -> Envelope[Any]:
        """Take the oldest envelope.

        Part of Pykka's idea of an inbox; raises IndexError when there is none.
        """
        return self._envelopes.popleft()

    def empty(self) -> bool:
        return not self._envelopes

    def turn(self, limit: int) -> bool:
        """Let the actor handle up to `limit` messages.

        True: more are waiting and the turn is to be continued.
        """
        actor, envelopes = self._actor, self._envelopes
        if actor is None:
            return False
        is_stopped = actor.actor_stopped.is_set
        for _ in range(limit):
            if not envelopes:
                return False
            try:
                actor.receive(envelopes.popleft())
            finally:
                if is_stopped():
                    self.close()
            if self._closed:
                return False
        return bool(envelopes)

    def idle(self) -> None:
        """Tell the actor that it has handled everything for now."""
        actor = self._actor
        if actor is not None and actor.has_idle_hook:
            try:
                actor.rest()
            finally:
                if actor.actor_stopped.is_set():
                    self.close()

    def unschedule(self) -> bool:
        """End the turn.

        True: a message came in just now, and the mailbox must be scheduled again.
        """
        if self._closed:
            return False
        self._scheduled.release()
        return bool(self._envelopes) and self._scheduled.acquire(blocking=False)

    def close(self) -> None:
        """Refuse what is still queued and whatever will come."""
        self._closed = True
        self._actor = None
        self._refuse_all()

    def abandon(self) -> None:
        """Declare the actor dead without its leave: its dispatcher can run it no more."""
        actor = self._actor
        if actor is not None and not actor.actor_stopped.is_set():
            unregister(actor.actor_ref)
            actor.actor_stopped.set()
        self.close()

    def _refuse_all(self) -> list[Envelope[Any]]:
        # The closing thread and late senders may both be in here: each envelope is taken by exactly
        # one of them, which returns it.
        refused: list[Envelope[Any]] = []
        while True:
            try:
                envelope = self._envelopes.popleft()
            except IndexError:
                return refused
            refused.append(envelope)
            if envelope.reply_to is None:
                continue
            if isinstance(envelope.message, ActorStop):
                envelope.reply_to.set(None)
            else:
                error = ActorDeadError("the actor stopped before it handled the message")
                envelope.reply_to.set_exception((ActorDeadError, error, None))
