"""What the analytics actor accepts."""

from __future__ import annotations

from typing import TypeAlias

from genesis_actors.messages.control import News

AnalyticsMessage: TypeAlias = News
"""Everything the analytics actor accepts."""
