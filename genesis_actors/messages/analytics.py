"""What the analytics actor accepts."""

from __future__ import annotations

from typing import TypeAlias

from genesis_actors.messages.control import ExecutionNews
from genesis_actors.messages.persistence import AllWritten
from genesis_actors.messages.venue import DepthSeen

AnalyticsMessage: TypeAlias = ExecutionNews | DepthSeen | AllWritten
"""Everything the analytics actor accepts."""
