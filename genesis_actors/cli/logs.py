"""What the engine logs, as the command line shows it: warnings and worse, on stderr, one readable line each."""

from __future__ import annotations

import logging
from collections.abc import Callable, MutableMapping
from typing import Any

import structlog

from genesis_actors.domain.client_ids import meaning_of

_SLICER = "slicer-"


def configure(say: Callable[[str], None], *, is_verbose: bool) -> None:
    """Send the log to `say`: warnings and above, or everything."""

    class Said:
        """A logger that hands each line on."""

        def msg(self, message: str) -> None:
            say(message)

        debug = info = warning = error = critical = exception = msg

    structlog.configure(
        processors=[structlog.processors.add_log_level, _line],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.DEBUG if is_verbose else logging.WARNING
        ),
        logger_factory=lambda *_: Said(),
        cache_logger_on_first_use=False,
    )


def bind_ids(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Add the execution and the slice of a line that names a child order, and the execution of one by its actor.

    A structlog processor: the ids are in our names for things, so that no caller has to hand them on.
    """
    child, actor = event.get("client_order_id"), event.get("actor")
    meant = meaning_of(child) if isinstance(child, str) else None
    if meant is not None:
        event.setdefault("execution_id", meant[0])
        event.setdefault("slice_number", meant[1])
    elif isinstance(actor, str) and actor.startswith(_SLICER):
        event.setdefault("execution_id", actor.removeprefix(_SLICER))
    return event


def _line(_logger: object, _method: str, event: MutableMapping[str, Any]) -> str:
    """Return `warning: actor did not stop (actor=venue)`."""
    level = event.pop("level", "info")
    name = str(event.pop("event", "")).replace("_", " ")
    # A traceback is for those who ask for it.
    event.pop("exc_info", None)
    details = ", ".join(f"{key}={value}" for key, value in event.items())
    return f"{level}: {name}" + (f" ({details})" if details else "")
