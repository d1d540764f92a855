"""What an execution's order says, as amended: its limit, cap and rules, read from its journal."""

from __future__ import annotations

import json
from typing import Any

from genesis_actors.messages.events import TwapAccepted, TwapAmended
from genesis_actors.storage import queries
from genesis_actors.storage.database import Database
from genesis_actors.values import ExecutionId
from genesis_actors.views import View

_SHOWN = (
    "limit_price",
    "target_price",
    "max_participation",
    "max_slippage_bps",
    "early_completion_threshold",
    "on_deadline",
    "style",
)


def terms_in_force(database: Database, execution_id: ExecutionId) -> View:
    """Return the policy that the order was accepted with, and what has been amended since."""
    names = (TwapAccepted.__name__, TwapAmended.__name__)
    terms: dict[str, Any] = dict.fromkeys(_SHOWN)
    terms["amended"] = 0
    for row in queries.events_of_type(database, execution_id, names):
        event: dict[str, Any] = json.loads(row.event_data)
        if row.event_type == TwapAccepted.__name__:
            terms.update({name: event["policy"][name] for name in _SHOWN})
        else:
            after = event["after"]
            terms["limit_price"] = after["limit_price"]
            terms["max_participation"] = after["max_participation"]
            terms["amended"] += 1
    return terms
