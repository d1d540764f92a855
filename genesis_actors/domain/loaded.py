"""What the journal has answered about one execution."""

from __future__ import annotations

from genesis_actors.domain.evolve import refold
from genesis_actors.domain.execution import Execution
from genesis_actors.messages.persistence import ExecutionLoaded


def read(loaded: ExecutionLoaded) -> tuple[Execution | None, str | None]:
    """Return the execution, None where there is none, and why it cannot be read.

    One whose journal is damaged must not take down who asks for it, on whom all others depend.
    """
    if loaded.error is not None:
        return None, loaded.error
    try:
        return refold(loaded.snapshot, loaded.tail), None
    except Exception as error:  # noqa: BLE001 - whatever is in it
        return None, f"its journal is damaged: {error}"
