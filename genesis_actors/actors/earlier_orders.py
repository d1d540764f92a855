"""Orders of executions that are over by their client ids: the order is read when its id comes again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from genesis_actors.actors.past import KnownOrder
from genesis_actors.domain.loaded import read
from genesis_actors.messages.base import Address
from genesis_actors.messages.persistence import ExecutionLoaded, LoadExecution
from genesis_actors.messages.supervisor import StartExecution
from genesis_actors.runtime.actor import MessageActor
from genesis_actors.values import ClientId, ExecutionId


@dataclass(frozen=True, slots=True)
class OrderRecalled:
    """To the supervisor itself: the journal of the execution that a client id was used for."""

    client_id: ClientId
    loaded: ExecutionLoaded


@dataclass(frozen=True, slots=True)
class _Recall:
    """Where the journal answers about a client id."""

    supervisor: Address[OrderRecalled]
    client_id: ClientId

    def tell(self, message: ExecutionLoaded) -> None:
        self.supervisor.tell(OrderRecalled(self.client_id, message))


class EarlierOrders:
    """What executions that are over have used client ids for. Who uses one again waits until that has been read."""

    def __init__(
        self,
        actor: MessageActor[Any],
        client_ids: Mapping[ClientId, ExecutionId],
        journal: Address[LoadExecution],
    ) -> None:
        self._actor = actor
        self._client_ids = dict(client_ids)
        self._journal = journal
        self._waiting: dict[ClientId, list[StartExecution]] = {}

    def learn(self, client_id: ClientId, execution_id: ExecutionId) -> None:
        self._client_ids[client_id] = execution_id

    def recall(self, client_id: ClientId, message: StartExecution) -> bool:
        """Tell whether such an execution has used the id; then `message` is kept until `recalled`."""
        execution_id = self._client_ids.get(client_id)
        if execution_id is None:
            return False
        waiting = self._waiting.setdefault(client_id, [])
        waiting.append(message)
        if len(waiting) == 1:
            reply_to = _Recall(self._actor.actor_ref, client_id)
            self._actor.send(self._journal, LoadExecution(execution_id, reply_to))
        return True

    def recalled(
        self, recalled: OrderRecalled
    ) -> tuple[KnownOrder | None, str | None, list[StartExecution]]:
        """Return the order, None where its journal cannot be read, and why; and what has waited for it."""
        found, error = read(recalled.loaded)
        known = found and KnownOrder(found.execution_id, found.order, found.market_source)
        return known, error, self._waiting.pop(recalled.client_id)
