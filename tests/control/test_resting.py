"""When the daemon may end, what it asks of executions until then, and what may be said of them afterwards."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from genesis_actors.control.left import Left
from genesis_actors.control.protocol import StopMode
from genesis_actors.control.resting import Rest, RestCommand, is_at_rest, stronger
from genesis_actors.messages.persistence import ExecutionRow
from genesis_actors.messages.supervisor import CancelExecution, PauseExecution
from genesis_actors.values import ExecutionState, Reason
from tests.storage.samples import execution_row

DRAIN, CANCEL, ABANDON = StopMode.DRAIN, StopMode.CANCEL, StopMode.ABANDON


def a_row(
    state: str, reason: str | None = None, working: int = 0, unknown: int = 0
) -> ExecutionRow:
    return replace(
        execution_row("x1"),
        state=ExecutionState(state),
        reason=reason,
        working_quantity=Decimal(working),
        unknown_quantity=Decimal(unknown),
    )


@pytest.mark.parametrize(
    ("row", "drained", "cancelled"),
    [
        (a_row("RUNNING"), False, False),
        (a_row("PAUSED", "drained"), True, False),
        (a_row("PAUSED", "drained", working=1), False, False),
        (a_row("PAUSED", "user", unknown=1), False, False),
        (a_row("PAUSED", "venue_unavailable"), False, False),
        (a_row("QUEUED"), True, False),
        (a_row("FINISHING"), False, False),
        (a_row("CANCELLED"), True, True),
        (a_row("COMPLETED"), True, True),
    ],
)
def test_an_execution_is_at_rest_when_nothing_of_it_goes_on(
    row: ExecutionRow, drained: bool, cancelled: bool
) -> None:
    assert is_at_rest(row, DRAIN) is drained
    assert is_at_rest(row, CANCEL) is cancelled
    assert is_at_rest(row, ABANDON)


class Asked:
    """Takes what is asked, and answers nothing; it has a clock of its own."""

    def __init__(self, mode: StopMode) -> None:
        self.sent: list[RestCommand] = []
        self.time = 100.0
        self.rest = Rest(mode, self.sent.append, self, now=lambda: self.time)

    def tell(self, message: object) -> None:
        """Nobody waits here."""


def test_what_goes_on_is_asked_once_and_again_when_nothing_comes_of_it() -> None:
    asked = Asked(DRAIN)
    rows = [a_row("RUNNING"), a_row("FINISHING"), a_row("PAUSED", "user")]
    for _ in range(3):
        restless = asked.rest.look(rows)
    asked.time += 3
    asked.rest.look(rows)

    assert len(restless) == 2
    assert [type(command) for command in asked.sent] == [PauseExecution] * 2
    assert {c.reason for c in asked.sent if isinstance(c, PauseExecution)} == {Reason.DRAINED}


def test_a_stronger_word_is_asked_at_once_and_a_weaker_one_is_not_heard() -> None:
    asked = Asked(DRAIN)
    asked.rest.look([a_row("RUNNING")])
    asked.rest.ask(CANCEL)
    asked.rest.ask(DRAIN)
    asked.rest.look([a_row("PAUSED", "drained", working=1)])

    assert [type(command) for command in asked.sent] == [PauseExecution, CancelExecution]
    assert asked.rest.mode is CANCEL
    assert stronger(ABANDON, CANCEL) is stronger(DRAIN, ABANDON) is ABANDON


@pytest.mark.parametrize(
    ("left", "drain", "cancel"),
    [
        (Left({}, 0), True, True),
        (Left({"drained": 2, "PAUSED": 1, "CANCELLED": 1}, 0), True, False),
        (Left({"drained": 2}, 1), False, False),
        (Left({"RUNNING": 1}, 0), False, False),
        (Left({"FINISHING": 1, "CANCELLED": 5}, 0), False, False),
        (Left({"CANCELLED": 5, "COMPLETED": 1}, 0), True, True),
    ],
)
def test_a_promise_is_kept_only_by_what_is_so(left: Left, drain: bool, cancel: bool) -> None:
    assert left.keeps(DRAIN) is drain
    assert left.keeps(CANCEL) is cancel
    assert left.keeps(ABANDON)


def test_what_is_left_is_told_in_words_and_as_states() -> None:
    left = Left({"FINISHING": 1, "drained": 2, "PAUSED": 1}, 1)

    assert str(left) == (
        "2 executions paused, and carried on by the next start; 1 execution paused until resumed; "
        "1 execution not ended yet, and ended by the next start; "
        "1 with an order at the venue, or without a known outcome"
    )
    assert left.states == {"FINISHING": 1, "PAUSED": 3}
    assert str(Left({}, 0)) == "no execution was open"
