"""One thread for one actor, for the few that wait for a disk or a network."""

from __future__ import annotations

import decimal
import threading
from typing import TYPE_CHECKING, Final

from genesis_actors.logs import get_logger
from genesis_actors.runtime.dispatcher import ACTOR_DECIMAL_CONTEXT

if TYPE_CHECKING:
    from genesis_actors.runtime.mailbox import Mailbox

log = get_logger()

TURN: Final = 256


class PinnedDispatcher:
    """Starts its thread with the actor's first turn; the thread ends with the actor."""

    pump = None

    def __init__(self, name: str) -> None:
        self._name = name
        self._thread: threading.Thread | None = None
        self._mailbox: Mailbox | None = None
        self._wake = threading.Lock()
        self._wake.acquire()

    def schedule(self, mailbox: Mailbox) -> None:
        if self._thread is None:
            self._mailbox = mailbox
            self._thread = threading.Thread(
                target=self._work, args=(mailbox,), name=self._name, daemon=True
            )
            self._thread.start()
        self._wake.release()

    @property
    def backlog(self) -> int:
        actor = None if self._mailbox is None else self._mailbox.actor
        return 0 if actor is None else actor.backlog

    @property
    def is_over(self) -> bool:
        return self._thread is not None and not self._thread.is_alive()

    def join(self, timeout: float) -> None:
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout)

    def _work(self, mailbox: Mailbox) -> None:
        decimal.setcontext(ACTOR_DECIMAL_CONTEXT.copy())
        try:
            while not mailbox.closed:
                self._wake.acquire()
                self._run_dry(mailbox)
        except BaseException:  # whoever asks this actor must not wait for ever
            log.exception("turn_failed", actor=str(mailbox.actor))
            mailbox.abandon()

    def _run_dry(self, mailbox: Mailbox) -> None:
        while True:
            while mailbox.turn(TURN):
                pass
            mailbox.idle()
            if not mailbox.unschedule():
                return
