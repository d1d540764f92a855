from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from pykka import ActorRef

from genesis_actors.actors.control import ControlActor
from genesis_actors.domain.execution import Execution
from genesis_actors.domain.projection import rows
from genesis_actors.messages.control import (
    CoreLost,
    CoreRebuilt,
    ExecutionNews,
    ExecutionStatus,
    GetJournalState,
    GetStatus,
    JournalState,
    PendingHalt,
    StatusRestored,
    Subscribe,
    Unsubscribe,
)
from genesis_actors.messages.events import JournalEvent
from genesis_actors.messages.supervisor import (
    CancelExecution,
    CommandDone,
    CommandRefused,
    ExecutionCommand,
    ExecutionStarted,
    Halt,
    HaltDone,
    OrderRejected,
    PauseExecution,
    SettleChild,
    StartExecution,
    UserCommand,
)
from genesis_actors.runtime.simulation import DeterministicRuntime
from genesis_actors.values import ClientOrderId, ExecutionId, ExecutionState, Reason
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

    def cancel(self) -> Answers:
        answers = Answers()
        self.tell(CancelExecution(execution_id=ExecutionId("x1"), reply_to=answers))
        return answers

    def settle(self) -> Answers:
        answers = Answers()
        self.tell(
            SettleChild(
                execution_id=ExecutionId("x1"),
                client_order_id=ClientOrderId("c1"),
                filled_quantity=Decimal(0),
                reply_to=answers,
            )
        )
        return answers

    def answer_newest(self) -> None:
        command = self.supervisor.messages[-1]
        assert isinstance(command, ExecutionCommand)
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


def test_while_nobody_can_carry_a_command_out_it_is_refused(door: Door) -> None:
    door.tell(CoreLost("disk I/O error"))
    lost = door.pause()
    door.tell(CoreRebuilt(()))
    found = door.pause()

    (refused,) = lost.messages
    assert isinstance(refused, CommandRefused)
    assert refused.reason is Reason.JOURNAL_DOWN
    assert "disk I/O error" in refused.message
    assert len(door.supervisor.messages) == 1
    door.answer_newest()
    assert len(found.messages) == 1


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


def test_the_operators_word_is_never_kept_waiting(door: Door) -> None:
    paused, settled = door.pause(), door.settle()
    door.answer_newest()

    assert [type(a) for a in settled.messages] == [CommandDone]
    (refused,) = door.pause().messages
    assert isinstance(refused, CommandRefused), "the first pause is still not answered"
    assert paused.messages == []


def test_a_cancel_overtakes_what_waits_and_is_overtaken_by_nothing(door: Door) -> None:
    paused, cancelled = door.pause(), door.cancel()
    assert [type(command) for command in door.supervisor.messages] == [
        PauseExecution,
        CancelExecution,
    ]
    for late in (door.pause(), door.cancel()):
        (refused,) = late.messages
        assert isinstance(refused, CommandRefused)
        assert refused.reason is Reason.BUSY
    door.supervisor.messages.reverse()
    door.answer_newest()
    assert [type(a) for a in paused.messages] == [CommandDone]
    assert door.pause().messages, "the cancel is still not answered"

    door.supervisor.messages.reverse()
    door.answer_newest()
    assert [type(a) for a in cancelled.messages] == [CommandDone]
    door.pause()
    assert len(door.supervisor.messages) == 3


def test_what_was_in_hand_whenever_the_trading_actors_failed_is_given_up(door: Door) -> None:
    answers = Probe[ExecutionStarted | OrderRejected]()
    door.tell(StartExecution(order=a_parent_order(), reply_to=answers))
    paused = door.pause()

    door.tell(CoreRebuilt(()), CoreRebuilt(()))

    assert len(door.supervisor.messages) == 4, "asked again once"
    (rejected,) = answers.messages
    assert isinstance(rejected, OrderRejected)
    assert rejected.reason is Reason.REPEATED_FAILURE
    (refused,) = paused.messages
    assert isinstance(refused, CommandRefused)
    assert refused.reason is Reason.REPEATED_FAILURE
    door.pause()
    assert len(door.supervisor.messages) == 5, "it is not busy any more"


def test_a_start_that_has_taken_place_is_never_given_up(door: Door) -> None:
    answers = Probe[ExecutionStarted | OrderRejected]()
    door.tell(StartExecution(order=a_parent_order(), reply_to=answers))
    named = door.supervisor.messages[0]
    assert isinstance(named, StartExecution)
    execution, events = an_execution()
    news = news_of(execution, events)
    row = replace(news.execution, execution_id=named.execution_id)
    begun = CoreRebuilt((StatusRestored(NOON, ExecutionStatus(row, news.slices, (), ())),))

    door.tell(begun, begun, begun)

    assert answers.messages == []
    assert len(door.supervisor.messages) == 4


def test_what_nobody_had_heard_of_is_told_when_it_is_restored(door: Door) -> None:
    execution, events = an_execution()
    news = news_of(execution, events)
    heard = Probe[ExecutionNews]()
    status = ExecutionStatus(news.execution, news.slices, (), ())
    door.tell(Subscribe(heard), StatusRestored(NOON, status))

    assert [each.execution for each in heard.messages] == [news.execution]


def test_subscribers_hear_all_news_until_they_leave(door: Door) -> None:
    execution, events = an_execution()
    news = news_of(execution, events)
    stays, leaves = Probe[ExecutionNews](), Probe[ExecutionNews]()
    door.tell(Subscribe(stays), Subscribe(leaves), news)

    door.tell(Unsubscribe(leaves), news)

    assert (len(stays.messages), len(leaves.messages)) == (2, 1)


def test_who_waits_for_one_execution_hears_of_no_other(door: Door) -> None:
    execution, events = an_execution()
    news = news_of(execution, events)
    mine, others, leaves = Probe[ExecutionNews](), Probe[ExecutionNews](), Probe[ExecutionNews]()
    door.tell(
        Subscribe(mine, execution.execution_id),
        Subscribe(leaves, execution.execution_id),
        Subscribe(others, ExecutionId("another")),
        news,
    )

    door.tell(Unsubscribe(leaves, execution.execution_id), news)
    door.tell(Unsubscribe(mine, execution.execution_id), news)
    door.tell(Unsubscribe(mine, execution.execution_id))

    assert [len(each.messages) for each in (mine, leaves, others)] == [2, 1, 0]


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


def test_a_halt_that_is_not_answered_yet_is_one_that_holds(door: Door) -> None:
    states = Probe[JournalState]()
    door.tell(Halt(reason="a\ndrill", reply_to=Probe[HaltDone]()), GetJournalState(states))
    (halt,) = door.supervisor.messages
    assert isinstance(halt, Halt)
    halt.reply_to.tell(HaltDone(is_halted=True))
    door.simulation.run_until_quiet()
    door.tell(GetJournalState(states))

    assert [state.halt for state in states.messages] == [PendingHalt(NOON, "a drill"), None]
