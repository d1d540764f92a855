"""Where a daemon keeps its files and its door.

Nothing but the standard library: every shell command comes through here.
"""

from __future__ import annotations

import os
from pathlib import Path

SOCKET_NAME = "control.sock"
SOCKET_VARIABLES = ("GENESIS_SOCKET", "GENESIS_CONTROL__SOCKET")
STATE_VARIABLE = "GENESIS_ENGINE__STATE_DIR"


def default_state_dir() -> Path:
    """Return where a user's daemon keeps its files unless the settings say otherwise."""
    base = os.environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local" / "state") / "genesis"


def find_socket(named: str | None = None) -> Path:
    """Return the door that a client means: as named, as the environment says, or the usual one."""
    for path in (named, *map(os.environ.get, SOCKET_VARIABLES)):
        if path:
            return Path(path).expanduser()
    state_dir = os.environ.get(STATE_VARIABLE)
    return (Path(state_dir).expanduser() if state_dir else default_state_dir()) / SOCKET_NAME
