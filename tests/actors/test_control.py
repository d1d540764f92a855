from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from pykka import ActorRef

from genesis_actors.actors.analytics import AnalyticsActor
from genesis_actors.actors.control import ControlActor
from genesis_actors.domain.execution import Execution
from genesis_actors.domain.projection import rows
from genesis_actors.domain.report import ExecutionReport
from genesis_actors.messages.control import (
    ExecutionNews,
    ExecutionStatus,
    GetStatus,
    Subscribe,
    Unsubscribe,
)
from genesis_actors.messages.events import JournalEvent
from genesis_actors.messages.persistence import StoreReport
from genesis_actors.messages.supervisor import (
    CommandDone,
    CommandRefused,
    PauseExecution,
    StartExecution,
    UserCommand,
)
from genesis_actors.runtime.simulation import DeterministicRuntime
from genesis_actors.values import ExecutionId, ExecutionState, Reason
from tests.helpers import Probe
from tests.making import NOON, a_parent_order, an_execution

Answers = Probe[CommandDone | CommandRefused]


class Door:
    """A control actor in front of a supervisor that is played by the test."""

    def __init__(self, simulation: DeterministicRuntime) -> None:
        self.simulation = simulation
        self.supervisor = Probe[UserCommand]()
        self.ref: ActorRef[ControlActor] = ControlActor.start(
            simulation, supervisor=self.supervisor, failures=Probe(), known={}
        )

    def tell(self, *messages: object) -> None:
        for message in messages:
            self.ref.tell(message)
        self.simulation.run_until_quiet()

    def pause(self, execution_id: str = "x1") -> Answers:
        answers = Answers()
        self.tell(PauseExecution(execution_id=ExecutionId(execution_id), reply_to=answers))
        return answers

    def answer_newest(self) -> None:
        command = self.supervisor.messages[-1]
        assert isinstance(command, PauseExecution)
        command.reply_to.tell(
            CommandDone(execution_id=command.execution_id, state=ExecutionState.PAUSED)
        )
        self.simulation.run_until_quiet()


@pytest.fixture
def door(simulation: DeterministicRuntime) -> Door:
    return Door(simulation)


def news_of(execution: Execution, events: tuple[JournalEvent, ...]) -> ExecutionNews:
    changed = rows(execution, events, "test")
    return ExecutionNews(
        NOON,
        execution.execution_id,
        events,
        changed.execution,
        changed.slices,
        changed.orders,
        changed.fills,
    )


def test_a_start_is_handed_on_as_it_is(door: Door) -> None:
    start = StartExecution(order=a_parent_order(), reply_to=Probe())

    door.tell(start)

    assert door.supervisor.messages == [start]


def test_a_second_command_hears_busy_until_the_first_is_answered(door: Door) -> None:
    first, second, other = door.pause(), door.pause(), door.pause("x2")

    (refused,) = second.messages
    assert isinstance(refused, CommandRefused)
    assert refused.reason is Reason.BUSY
    assert other.messages == [], "another execution is not busy"
    assert len(door.supervisor.messages) == 2

    door.supervisor.messages.pop()
    door.answer_newest()
    assert [type(a) for a in first.messages] == [CommandDone]
    door.pause()
    assert len(door.supervisor.messages) == 2


def test_subscribers_hear_all_news_until_they_leave(door: Door) -> None:
    execution, events = an_execution()
    news = news_of(execution, events)
    stays, leaves = Probe[ExecutionNews](), Probe[ExecutionNews]()
    door.tell(Subscribe(stays), Subscribe(leaves), news)

    door.tell(Unsubscribe(leaves), news)

    assert (len(stays.messages), len(leaves.messages)) == (2, 1)


def test_a_status_is_answered_from_the_news(door: Door) -> None:
    execution, events = an_execution()
    known, unknown = Probe[ExecutionStatus | None](), Probe[ExecutionStatus | None]()

    door.tell(
        news_of(execution, events),
        GetStatus(execution.execution_id, known),
        GetStatus(ExecutionId("nobody"), unknown),
    )

    (status,) = known.messages
    assert status is not None
    assert status.execution.quantity == Decimal(10)
    assert len(status.slices) == 5
    assert unknown.messages == [None]


def test_analytics_stores_a_report_when_an_execution_has_ended(
    simulation: DeterministicRuntime,
) -> None:
    stored = Probe[StoreReport]()
    analytics = AnalyticsActor.start(simulation, journal=stored, failures=Probe())
    execution, events = an_execution()
    begun = news_of(execution, events)
    analytics.tell(begun)
    simulation.run_until_quiet()
    assert stored.messages == []

    ended = news_of(execution, ())
    row = replace(ended.execution, state=ExecutionState.CANCELLED)
    analytics.tell(ExecutionNews(NOON, execution.execution_id, (), row, (), (), ()))
    simulation.run_until_quiet()

    (report,) = stored.messages
    assert ExecutionReport.model_validate_json(report.report).slices == begun.slices
