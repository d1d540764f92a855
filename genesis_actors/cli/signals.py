"""Ctrl-C and SIGTERM while nothing is at stake yet: leave at once, with one line. Later they are interruptions."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from types import FrameType
from typing import NoReturn

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_INTERRUPTED = 130
_JSON = (
    b'{"api": 1, "error": {"code": "interrupted", "message": "interrupted before there was a result",'
    b' "hint": "the same command starts again"}}\n'
)


def leave_at_once(*, wants_json: bool) -> None:
    """From now on leave without a look back: an exception could come up in the middle of an import."""

    def leave(_number: int, _frame: FrameType | None) -> NoReturn:
        # No buffered stream: the signal may have come while one of them was being written.
        if wants_json:
            _write(1, _JSON)
        _write(2, b"interrupted before there was a result\n")
        os._exit(_INTERRUPTED)

    for number in _SIGNALS:
        if (
            signal.getsignal(number) is not signal.SIG_IGN
        ):  # As in a shell's background, or under nohup.
            signal.signal(number, leave)


def _write(descriptor: int, text: bytes) -> None:
    with suppress(OSError):
        os.write(descriptor, text)


def interrupt_from_here() -> None:
    """From now on raise KeyboardInterrupt, so that what has been opened is closed. Undoes `leave_at_once` only."""
    for number in _SIGNALS:
        if getattr(signal.getsignal(number), "__module__", None) == __name__:
            signal.signal(number, signal.default_int_handler)
