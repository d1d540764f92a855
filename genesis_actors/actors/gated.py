"""What every actor in front of a venue has in common: no order passes it but through the gate."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import TypeVar

from genesis_actors.domain.gate import Gate
from genesis_actors.logs import get_logger
from genesis_actors.messages.venue import (
    AmendParent,
    EndParent,
    OrderOutcome,
    OrderRefused,
    OrderStory,
    PlaceOrder,
    RestoreOrders,
    SettleOrder,
    VenueOutcome,
)
from genesis_actors.runtime.actor import ActorFailed, Address, MessageActor
from genesis_actors.runtime.system import Runtime
from genesis_actors.values import ClientOrderId, ExecutionId, Reason

M = TypeVar("M")

log = get_logger()


class GatedActor(MessageActor[M]):
    """Asks the gate about each order, and lets it hear of everything that comes back.

    In a thread of its own, a simulated venue too: among the workers its feed would wait while they are busy, quotes
    would be too old, and what is tried again for that keeps them busy.
    """

    dispatcher_kind = "pinned"

    def __init__(
        self,
        runtime: Runtime,
        *,
        gate: Gate,
        outcomes: Address[VenueOutcome],
        failures: Address[ActorFailed],
    ) -> None:
        super().__init__(runtime, name="venue", supervisor=failures)
        self._gate = gate
        self._outcomes = outcomes

    @property
    def backlog(self) -> int:
        return len(self.actor_inbox)

    def _may_pass(self, order: PlaceOrder) -> bool:
        """Ask the gate. Where it says no, whoever sent the order is told."""
        now = self.clock.now()
        stop = self._gate.judge(order, now)
        if stop is None:
            return True
        log.warning("stopped_at_gate", client_order_id=order.client_order_id, reason=stop.reason)
        if stop.reason is not Reason.DUPLICATE_ORDER:
            # An answer to a second one would be taken for the first one's, which may be at the venue.
            self.send(
                self._outcomes,
                OrderRefused(
                    at=now,
                    execution_id=order.execution_id,
                    client_order_id=order.client_order_id,
                    reason=stop.reason,
                    limit=stop.limit,
                    actual=stop.actual,
                ),
            )
        return False

    def _tell_gate(self, message: SettleOrder | AmendParent | RestoreOrders | EndParent) -> None:
        """Let the gate know what goes no further than to it."""
        match message:
            case SettleOrder():
                self._gate.hear(message)
            case AmendParent():
                self._gate.amend(message)
            case RestoreOrders():
                self._gate.restore(message)
            case EndParent():
                self._gate.end(message.execution_id)

    def _report(self, outcomes: Iterable[OrderOutcome]) -> None:
        for (execution_id, _), of_order in groupby(outcomes, key=_order_of):
            story = tuple(of_order)
            for outcome in story:
                self._gate.hear(outcome)
            told = story[0] if len(story) == 1 else OrderStory(execution_id, story)
            self.send(self._outcomes, told)


def _order_of(outcome: OrderOutcome) -> tuple[ExecutionId, ClientOrderId]:
    return outcome.execution_id, outcome.client_order_id
