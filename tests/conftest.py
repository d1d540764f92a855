"""What all tests share: plain logs, Hypothesis without a clock, and no actor left behind."""

from __future__ import annotations

import logging
import signal
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import settings
from pykka import ActorRegistry

settings.register_profile("default", deadline=None)
settings.load_profile("default")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts what runs in the background like that, and every child of it would stay deaf to Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def configure_logs() -> None:
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.dev.ConsoleRenderer(
                colors=False, exception_formatter=structlog.dev.plain_traceback
            ),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=False,
    )


@pytest.fixture(autouse=True)
def plain_logs() -> Iterator[None]:
    """The default prints every local variable of a traceback, which takes longer than the test."""
    configure_logs()
    yield
    configure_logs()


@pytest.fixture(autouse=True)
def no_actor_is_left() -> Iterator[None]:
    yield
    for ref in ActorRegistry.get_all():
        ref.stop(block=False)
