"""The end of the view by a signal, or because its terminal is gone: nothing holds it up.

Textual writes to the terminal on a thread, behind a short queue. A terminal that takes nothing any more fills the
queue, and the event loop then waits for it for ever: whatever needs the loop does not run. What is here needs neither.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import termios
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import Any, Final

GRACE_SECONDS: Final = 5.0
"""So long the view may take for an orderly end."""

RESTORE_SECONDS: Final = 0.5

_SIGNALS: Final = (signal.SIGTERM, signal.SIGHUP)

_AS_IT_WAS: Final = (
    "\x1b[?2004l\x1b[?7h\x1b[?2048l\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[<u"
    "\x1b[?1049l\x1b[?25h\x1b[?1004l"
)
"""Paste, wrapping, resizes, mouse and keys as shells expect them; the first screen; the cursor."""


@contextmanager
def ended_at_once(leave: Callable[[], None]) -> Generator[None]:
    """Within it SIGTERM, SIGHUP and the end of the terminal call `leave`, on another thread, and end the process.

    Where the grace is over, the terminal is made what it was, and the process ends as it stands: with 128 and the
    signal's number.
    """
    told, tell = os.pipe()

    def on_signal(number: int, _frame: object) -> None:
        os.write(tell, bytes([number]))

    before = {number: signal.signal(number, on_signal) for number in _SIGNALS}
    terminal = sys.__stdin__.fileno() if sys.__stdin__ is not None else -1
    attributes: list[Any] | None = None
    with suppress(termios.error):
        attributes = termios.tcgetattr(terminal)
    watching = threading.Thread(
        target=_watch, args=(told, terminal, attributes, leave), name="tui-ending", daemon=True
    )
    watching.start()
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _watch(
    told: int, terminal: int, attributes: list[Any] | None, leave: Callable[[], None]
) -> None:
    watched = select.poll()
    watched.register(told, select.POLLIN)
    if attributes is not None:
        watched.register(terminal, 0)  # Its end is told in any case.
    number = _what_ends_it(watched, told, terminal)
    with suppress(RuntimeError):  # There is no loop any more, or none yet.
        leave()
    time.sleep(GRACE_SECONDS)
    if attributes is not None:
        restoring = threading.Thread(target=_restore, args=(terminal, attributes), daemon=True)
        restoring.start()
        restoring.join(RESTORE_SECONDS)
    os._exit(128 + number)


def _what_ends_it(watched: select.poll, told: int, terminal: int) -> int:
    while True:
        for found, event in watched.poll():
            if found == told:
                return os.read(told, 1)[0]
            if event & select.POLLNVAL:
                watched.unregister(terminal)  # Not everywhere can a terminal be watched.
            else:
                return signal.SIGHUP


def _restore(terminal: int, attributes: list[Any]) -> None:
    """Make the terminal what it was; where it takes nothing, this waits for ever."""
    # Else one in the background would be stopped by it.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
    with suppress(termios.error, OSError):
        termios.tcsetattr(terminal, termios.TCSANOW, attributes)
        os.write(terminal, _AS_IT_WAS.encode())
