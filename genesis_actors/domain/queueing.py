"""Which parent orders may begin when not all may be worked at once: by priority, and the longer they wait the sooner.

An order that waits gains a step of priority in every `ageing`, so that none waits for ever behind more important ones.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from genesis_actors.domain.execution import Execution
from genesis_actors.values import ExecutionId, ExecutionState, Reason


@dataclass(frozen=True, slots=True)
class QueueRules:
    """The operator's: so many executions are open at once (None: any number), and how long the others wait."""

    max_open: int | None = None
    ageing: timedelta = timedelta(minutes=5)
    expiry: timedelta = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Waiting:
    """An order in the queue. A higher `priority` goes first, and it rises by one in every `ageing`."""

    execution_id: ExecutionId
    priority: int
    since: datetime
    ageing: timedelta


def in_order(waiting: Iterable[Waiting], now: datetime) -> list[Waiting]:
    """Return the queue, the next one first: by priority with what waiting has added, then by age, then by id.

    >>> from datetime import UTC
    >>> noon = datetime(2024, 8, 8, 12, tzinfo=UTC)
    >>> minute = timedelta(minutes=1)
    >>> early = Waiting(ExecutionId("early"), 0, noon, 5 * minute)
    >>> urgent = Waiting(ExecutionId("urgent"), 2, noon + 9 * minute, 5 * minute)
    >>> [w.execution_id for w in in_order((early, urgent), noon + 9 * minute)]
    ['urgent', 'early']
    >>> [w.execution_id for w in in_order((early, urgent), noon + 10 * minute)]
    ['early', 'urgent']
    """

    def key(each: Waiting) -> tuple[int, datetime, str]:
        gained = max(now - each.since, timedelta(0)) // each.ageing
        return -(each.priority + gained), each.since, each.execution_id

    return sorted(waiting, key=key)


class Queue:
    """Who has one of the places, and who waits for one."""

    def __init__(self, rules: QueueRules) -> None:
        self.rules = rules
        self._open: set[ExecutionId] = set()
        self._waiting: dict[ExecutionId, Waiting] = {}

    @property
    def is_full(self) -> bool:
        """Tell whether a new order has to wait: also where others do, for it must not pass them by."""
        most = self.rules.max_open
        return most is not None and (bool(self._waiting) or len(self._open) >= most)

    def learn(self, x: Execution) -> None:
        """Take note of what the journal has of an execution."""
        self.forget(x.execution_id)
        if x.state is ExecutionState.QUEUED and x.reason is Reason.MAX_OPEN_EXECUTIONS:
            waiting = Waiting(x.execution_id, x.order.priority, x.created_at, self.rules.ageing)
            self._waiting[x.execution_id] = waiting
        elif not x.state.is_final:
            self._open.add(x.execution_id)

    def forget(self, execution_id: ExecutionId) -> None:
        """Give up its place, or its waiting for one."""
        self._open.discard(execution_id)
        self._waiting.pop(execution_id, None)

    def take_next(self, ready: Iterable[ExecutionId], now: datetime) -> ExecutionId | None:
        """Give a free place, if there is one, to the first of those that are `ready` for it."""
        most = self.rules.max_open
        if not self._waiting or (most is not None and len(self._open) >= most):
            return None
        can = set(ready)
        for each in in_order(self._waiting.values(), now):
            if each.execution_id in can:
                del self._waiting[each.execution_id]
                self._open.add(each.execution_id)
                return each.execution_id
        return None

    @property
    def waiting(self) -> tuple[ExecutionId, ...]:
        return tuple(self._waiting)
