"""The actor that makes each execution's report when it ends, and again when a late fill changes it."""

from __future__ import annotations

from collections.abc import MutableMapping

from genesis_actors.domain.report import generate_execution_report
from genesis_actors.domain.status import updated
from genesis_actors.messages.analytics import AnalyticsMessage
from genesis_actors.messages.control import ExecutionNews, ExecutionStatus
from genesis_actors.messages.persistence import StoreReport
from genesis_actors.runtime.actor import ActorFailed, Address, MessageActor
from genesis_actors.runtime.system import Runtime
from genesis_actors.values import ExecutionId, ExecutionState


class AnalyticsActor(MessageActor[AnalyticsMessage]):
    """Follows the news; its work never stands in the way of an execution."""

    dispatcher_kind = "shared"

    def __init__(
        self,
        runtime: Runtime,
        *,
        journal: Address[StoreReport],
        failures: Address[ActorFailed],
        known: MutableMapping[ExecutionId, ExecutionStatus],
    ) -> None:
        super().__init__(runtime, name="analytics", supervisor=failures)
        self._journal = journal
        self._known = known

    def handle(self, message: AnalyticsMessage) -> None:
        if isinstance(message, ExecutionNews):
            status = updated(self._known.get(message.execution_id), message)
            self._known[message.execution_id] = status
            self._report(status)
        else:
            row = message.status.execution
            self._known[ExecutionId(row.execution_id)] = message.status

    def _report(self, status: ExecutionStatus) -> None:
        row = status.execution
        if ExecutionState(row.state).is_final:
            report = generate_execution_report(status)
            self.send(
                self._journal,
                StoreReport(
                    ExecutionId(row.execution_id), self.clock.now(), report.model_dump_json()
                ),
            )
