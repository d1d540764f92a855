"""How the threads of this process share the interpreter. A daemon decides that for its process, a host for its own."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

SWITCH_SECONDS: Final = 0.0005
"""How soon a thread that waits for the interpreter is given it. The journal's asks for it at each step of a commit: at
Python's own 5 ms a commit takes 300 ms while two other threads have much to do. Shorter still costs a quarter more CPU
where there is more to do than can be done."""
HURRIED_SWITCH_SECONDS: Final = 0.0001
"""The same while something small is in hand that all wait for."""
GARBAGE_THRESHOLDS: Final = (5_000, 1, 1_000)
"""How often Python looks for cycles. A look holds up every thread: 10 ms for 5,000 new objects, 600 ms for all that
10,000 executions have. Little is ever found, so what outlives two looks is not looked at again for a thousand."""


_short_pauses = threading.Event()


def have_short_pauses() -> None:
    """Let this process's threads take turns soon, and look for garbage in small portions: a host decides for itself."""
    _short_pauses.set()
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.set_threshold(*GARBAGE_THRESHOLDS)


@contextmanager
def hurried() -> Generator[None]:
    """Let threads take turns sooner still meanwhile, where this process has short pauses."""
    if not _short_pauses.is_set():
        yield
        return
    sys.setswitchinterval(HURRIED_SWITCH_SECONDS)
    try:
        yield
    finally:
        # What it was may have been another engine's hurry.
        sys.setswitchinterval(SWITCH_SECONDS)
