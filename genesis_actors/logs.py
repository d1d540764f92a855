"""Where the log goes: to the host's structlog where that is configured, else to the standard library's logging.

Nothing is configured here: whoever embeds the engine decides what of its log is shown, and where.
"""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from typing import Any, cast

import structlog
from structlog.typing import FilteringBoundLogger

NAME = "genesis_actors"
"""The standard library's logger that hears of everything."""


def get_logger() -> FilteringBoundLogger:
    """Return a logger that looks for its place anew at each line: hosts may configure theirs after they import ours."""
    return cast("FilteringBoundLogger", _Chosen())


class _Chosen:
    """The host's logger, or the standard library's."""

    def __getattr__(self, name: str) -> object:
        return getattr(_STRUCTLOG if structlog.is_configured() else _STANDARD, name)


def _line(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> tuple[tuple[str], dict[str, Any]]:
    """Return `actor_did_not_stop actor=venue` and what the standard library makes a traceback of."""
    error = event.pop("exc_info", None)
    name = event.pop("event", "")
    details = "".join(f" {key}={value}" for key, value in event.items())
    return (f"{name}{details}",), {"exc_info": error}


_STRUCTLOG: Any = structlog.get_logger()
_STANDARD: Any = structlog.wrap_logger(
    logging.getLogger(NAME),
    processors=[structlog.stdlib.filter_by_level, _line],
    wrapper_class=structlog.stdlib.BoundLogger,
    cache_logger_on_first_use=True,
)
