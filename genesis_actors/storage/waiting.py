"""What waits to be made durable, and in which order it is."""

from __future__ import annotations

from collections import OrderedDict, deque

from genesis_actors.messages.persistence import WriteAccount, WriteJournal
from genesis_actors.storage.batch import Write, whose


class Waiting:
    """Writes in order, taken in turns: one from each execution, so that a flood of one delays only itself."""

    def __init__(self) -> None:
        self.events = 0
        self.is_urgent = False
        """Whether any of them, or what has been taken since there were none, is."""
        self._by_execution: OrderedDict[str, deque[Write]] = OrderedDict()  # or symbol

    def __bool__(self) -> bool:
        return bool(self._by_execution)

    @property
    def executions(self) -> int:
        return len(self._by_execution)

    def add(self, write: Write) -> None:
        name = whose(write)
        writes = self._by_execution.get(name)
        if writes is None:
            self._by_execution[name] = deque((write,))
        else:
            writes.append(write)
        self.events += _weight(write)
        if not isinstance(write, WriteJournal) or write.is_urgent:
            self.is_urgent = True

    def take(self, events: int) -> list[Write]:
        """Remove and return about so many events' writes, each execution's own in their order."""
        taken: list[Write] = []
        while self._by_execution and events > 0:
            name, writes = self._by_execution.popitem(last=False)
            write = writes.popleft()
            taken.append(write)
            weight = _weight(write)
            events -= weight
            self.events -= weight
            if writes:
                self._by_execution[name] = writes
        if not self._by_execution:
            self.is_urgent = False
        return taken


def _weight(write: Write) -> int:
    return len(write.events) or 1 if isinstance(write, WriteJournal | WriteAccount) else 1
