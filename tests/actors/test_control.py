from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from pykka import ActorRef

from genesis_actors.actors.control import ControlActor
from genesis_actors.domain.execution import Execution
from genesis_actors.domain.projection import rows
from genesis_actors.messages.control import (
    CoreRebuilt,
    ExecutionNews,
    ExecutionStatus,
    GetStatus,
    StatusRestored,
    Subscribe,
    Unsubscribe,
)
from genesis_actors.messages.events import JournalEvent
from genesis_actors.messages.supervisor import (
    CommandDone,
    CommandRefused,
    ExecutionStarted,
    OrderRejected,
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
    changed = rows(None, execution, events, "test")
    return ExecutionNews(
        NOON,
        execution.execution_id,
        events,
        changed.execution,
        changed.slices,
        changed.orders,
        changed.fills,
    )


def test_a_start_is_named_and_handed_on(door: Door) -> None:
    answers = Probe[ExecutionStarted | OrderRejected]()
    start = StartExecution(order=a_parent_order(), reply_to=answers)

    door.tell(start)

    (handed_on,) = door.supervisor.messages
    assert isinstance(handed_on, StartExecution)
    assert handed_on.order == start.order
    assert handed_on.execution_id is not None
    started = ExecutionStarted(execution_id=handed_on.execution_id)
    handed_on.reply_to.tell(started)
    door.simulation.run_until_quiet()
    assert answers.messages == [started]


def test_what_is_unanswered_is_asked_again_after_a_rebuild_and_answered_once(door: Door) -> None:
    answers = Probe[ExecutionStarted | OrderRejected]()
    door.tell(StartExecution(order=a_parent_order(), reply_to=answers))
    paused, answered = door.pause(), door.pause("x2")
    door.answer_newest()

    door.tell(CoreRebuilt(()))

    first, second, _, *again = door.supervisor.messages
    assert again == [first, second], "the same start, under the same name, and the open pause"
    door.answer_newest()
    door.answer_newest()
    assert len(paused.messages) == len(answered.messages) == 1


def test_what_was_never_told_is_told_after_a_rebuild(door: Door) -> None:
    execution, events = an_execution()
    news = news_of(execution, events)
    heard = Probe[ExecutionNews]()
    door.tell(Subscribe(heard), news)
    status = ExecutionStatus(news.execution, news.slices, (), ())
    paused = replace(status, execution=replace(news.execution, state=ExecutionState.PAUSED))

    door.tell(CoreRebuilt((StatusRestored(NOON, status),)))
    assert heard.messages == [news], "nothing is new"
    door.tell(CoreRebuilt((StatusRestored(NOON, paused),)))

    assert [each.execution.state for each in heard.messages[1:]] == [ExecutionState.PAUSED]


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
