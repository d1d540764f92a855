"""The actor that makes each execution's report: at its end, at a late fill, and when its mark-outs can be seen."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from typing import TypeAlias, assert_never

from genesis_actors.domain.market_recorder import OBSERVED_AFTER
from genesis_actors.domain.status import begins, is_over
from genesis_actors.logs import get_logger
from genesis_actors.messages.analytics import AnalyticsMessage
from genesis_actors.messages.control import ExecutionNews, News
from genesis_actors.messages.market_data import CutRecord
from genesis_actors.messages.persistence import AllWritten, StoreDepth, StoreReport
from genesis_actors.messages.venue import DepthSeen, LookAtDepth
from genesis_actors.report_view import report_view
from genesis_actors.runtime.actor import ActorFailed, Address, MessageActor
from genesis_actors.runtime.system import Runtime
from genesis_actors.storage.analysis import depth_text, load_evidence
from genesis_actors.storage.database import Database
from genesis_actors.values import ExecutionId, Side, Symbol

log = get_logger()


@dataclass(frozen=True, slots=True)
class MarkOutsDue:
    """To ourselves: the longest mark-out of this execution can be seen now."""

    execution_id: ExecutionId
    symbol: Symbol


_Accepted: TypeAlias = AnalyticsMessage | MarkOutsDue


class NewsForReports:
    """Passes on of the news what a report begins and ends with: in between, each slice would wake analytics."""

    def __init__(self, analytics: Address[ExecutionNews]) -> None:
        self._analytics = analytics

    def tell(self, message: News) -> None:
        if isinstance(message, ExecutionNews) and (begins(message) or is_over(message.execution)):
            self._analytics.tell(message)


class AnalyticsActor(MessageActor[_Accepted]):
    """Hears of each beginning and end; its work never stands in the way of an execution.

    It reads the database and computes, so it has a thread of its own. A report that cannot be made is left out: it can
    be made later, from the database alone.
    """

    dispatcher_kind = "pinned"

    def __init__(
        self,
        runtime: Runtime,
        *,
        database: Database,
        journal: Address[StoreReport | StoreDepth],
        market_data: Address[CutRecord],
        venue: Address[LookAtDepth],
        failures: Address[ActorFailed],
        makes_reports: bool = True,
    ) -> None:
        super().__init__(runtime, name="analytics", supervisor=failures)
        self._database = database
        self._journal = journal
        self._market_data = market_data
        self._venue = venue
        self._makes_reports = makes_reports
        self._due: defaultdict[Symbol, dict[ExecutionId, None]] = defaultdict(dict)

    def handle(self, message: _Accepted) -> None:
        match message:
            case ExecutionNews():
                if self._makes_reports:
                    self._on_news(message)
            case DepthSeen():
                if message.levels:
                    text = depth_text(message.levels)
                    self.send(self._journal, StoreDepth(message.execution_id, message.at, text))
            case MarkOutsDue():
                self._report_soon(message.execution_id, message.symbol)
            case AllWritten():
                for execution_id in self._due.pop(message.symbol, ()):
                    self._report(execution_id)
            case _:
                assert_never(message)

    def _on_news(self, news: ExecutionNews) -> None:
        row = news.execution
        symbol = Symbol(row.symbol)
        if begins(news):
            self.send(
                self._venue,
                LookAtDepth(news.execution_id, symbol, Side(row.side), self.actor_ref),
            )
        if not is_over(row):
            return
        self._report_soon(news.execution_id, symbol)

    def _report_soon(self, execution_id: ExecutionId, symbol: Symbol) -> None:
        """Report when what is recorded of its market can be read; executions that end together share that."""
        is_asked = bool(self._due[symbol])
        self._due[symbol][execution_id] = None
        if not is_asked:
            self.send(self._market_data, CutRecord(symbol, self.actor_ref))

    def _report(self, execution_id: ExecutionId) -> None:
        try:
            report = load_evidence(self._database, execution_id).report()
            text = json.dumps(report_view(report), ensure_ascii=False, separators=(",", ":"))
        except Exception as error:  # noqa: BLE001 - trading goes on without a report, and not without its actors
            log.warning(
                "report_not_made",
                execution_id=execution_id,
                error=f"{type(error).__name__}: {error}",
            )
            return
        now, finished_at = self.clock.now(), report.execution.finished_at
        self.send(self._journal, StoreReport(execution_id, now, text))
        if not report.is_final and finished_at is not None and now < finished_at + OBSERVED_AFTER:
            due = MarkOutsDue(execution_id, Symbol(report.execution.symbol))
            self.wake_at(finished_at + OBSERVED_AFTER, due)
