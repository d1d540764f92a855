"""Who waits for its turn, and how it begins or ends then."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from genesis_actors.domain.admission import accept
from genesis_actors.domain.decide import decide
from genesis_actors.domain.execution import Execution
from genesis_actors.domain.policy import TwapDefaults
from genesis_actors.domain.queueing import Queue, QueueRules
from genesis_actors.domain.surroundings import Surroundings
from genesis_actors.domain.waking import next_wake
from genesis_actors.messages.slicer import Wake
from genesis_actors.messages.supervisor import LeaveQueue
from genesis_actors.values import ExecutionId, ExecutionState, Reason
from tests.domain.executions import EXECUTION_ID, NOON
from tests.domain.test_admission import admission

RULES = QueueRules(max_open=1, expiry=timedelta(minutes=2))
HERE = Surroundings()


def waiting(name: str = EXECUTION_ID) -> Execution:
    execution, _ = accept(admission(), ExecutionId(name), "g", queue=RULES)
    return execution


def running(name: str) -> Execution:
    return accept(admission(), ExecutionId(name), "g")[0]


def test_a_place_is_given_to_whoever_is_ready_for_it() -> None:
    queue = Queue(RULES)
    for execution in (running("a"), waiting("b"), waiting("c")):
        queue.learn(execution)
    everyone = queue.waiting

    assert queue.is_full
    assert queue.take_next(everyone, NOON) is None, "there is no room"
    queue.forget(ExecutionId("a"))
    assert queue.is_full, "a new order must not pass those by who wait"
    assert queue.take_next((), NOON) is None
    assert queue.take_next((ExecutionId("c"),), NOON) == "c"
    assert queue.take_next(everyone, NOON) is None
    queue.learn(waiting("c"))
    assert queue.take_next(everyone, NOON) == "b", "what began was not durable: it waits again"


def test_without_a_limit_nobody_waits() -> None:
    queue = Queue(QueueRules())
    queue.learn(running("a"))

    assert not queue.is_full


def test_an_execution_leaves_the_queue_once() -> None:
    began = decide(waiting(), LeaveQueue(execution_id=EXECUTION_ID), NOON, HERE).execution
    again = decide(began, LeaveQueue(execution_id=EXECUTION_ID), NOON, HERE)

    assert began.state is ExecutionState.RUNNING
    assert again.changes_nothing


def test_what_can_no_longer_be_cut_into_slices_ends_with_the_reason() -> None:
    narrow = replace(TwapDefaults(), max_duration=timedelta(minutes=1))
    here = Surroundings(bounds=replace(narrow, min_duration=timedelta(seconds=1)))

    ended = decide(waiting(), LeaveQueue(execution_id=EXECUTION_ID), NOON, here).execution

    assert ended.state is ExecutionState.FINISHING
    assert ended.reason is Reason.WINDOW_OUT_OF_BOUNDS


def test_who_waits_is_looked_at_when_its_time_is_over_and_not_ended_before() -> None:
    execution, ends = waiting(), NOON + timedelta(minutes=2)

    assert next_wake(execution, NOON, HERE) == ends
    assert decide(execution, Wake(), ends - timedelta(seconds=1), HERE).changes_nothing
    over = decide(execution, Wake(), ends, HERE).execution
    assert (over.state, over.reason) == (ExecutionState.FINISHING, Reason.QUEUE_EXPIRED)
