"""An execution as it is known from its news."""

from __future__ import annotations

from genesis_actors.domain.execution import Execution
from genesis_actors.domain.projection import all_rows, rows
from genesis_actors.domain.status import updated
from genesis_actors.messages.control import ExecutionNews, ExecutionStatus
from tests.domain.executions import EXECUTION_ID, Desk, execution


class Listener:
    """Hears of a desk's events, and knows what they add up to."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._heard = 0
        self._before: Execution | None = None
        self.status: ExecutionStatus | None = None

    def listen(self) -> ExecutionStatus:
        desk = self._desk
        events = tuple(desk.events[self._heard :])
        self._heard = len(desk.events)
        new = rows(self._before, desk.execution, events, "paper")
        self._before = desk.execution
        self.status = updated(
            self.status,
            ExecutionNews(
                desk.now, EXECUTION_ID, events, new.execution, new.slices, new.orders, new.fills
            ),
        )
        return self.status


def test_news_upon_news_adds_up_to_all_there_is() -> None:
    desk = Desk(execution(["1", "1"]))
    listener = Listener(desk)
    desk.pause()
    desk.resume()
    assert [part.slice_number for part in listener.listen().slices] == [1, 2]
    desk.at(75).look()
    listener.listen()
    desk.fill("0.4", trade="t1")
    listener.listen()
    desk.close()
    desk.at(225).look()
    desk.fill("1.6", trade="t2")
    listener.listen()
    desk.look()
    status = listener.listen()

    everything = all_rows(desk.execution, desk.events, "paper")
    assert status == ExecutionStatus(
        everything.execution, everything.slices, everything.orders, everything.fills
    )


def test_the_newest_row_counts() -> None:
    desk = Desk(execution(["1", "1"]))
    listener = Listener(desk)
    desk.at(75).look()
    assert [order.status for order in listener.listen().orders] == ["SENT"]
    desk.fill("1")
    status = listener.listen()

    assert [order.status for order in status.orders] == ["FILLED"]
    assert len(status.fills) == 1
