"""How long a client of the door may take, how much it may say, and how many may be there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from genesis_actors.control.guard import HEAD_SECONDS, MAX_CONNECTIONS
from genesis_actors.control.streaming import STUCK_SECONDS

MAX_BODY_BYTES: Final = 64 * 1024
BODY_SECONDS: Final = 10.0
MAX_READERS: Final = 64
MAX_WAITING: Final = 128


@dataclass(frozen=True, slots=True)
class Limits:
    """Those of one door."""

    head_seconds: float = HEAD_SECONDS
    body_seconds: float = BODY_SECONDS
    stuck_seconds: float = STUCK_SECONDS
    max_connections: int = MAX_CONNECTIONS
    max_readers: int = MAX_READERS
    max_waiting: int = MAX_WAITING
