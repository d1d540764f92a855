from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Iterator

import pytest

from genesis_actors.runtime import interpreter
from genesis_actors.runtime.interpreter import (
    GARBAGE_THRESHOLDS,
    HURRIED_SWITCH_SECONDS,
    SWITCH_SECONDS,
    have_short_pauses,
    hurried,
)


@pytest.fixture(autouse=True)
def as_a_host_has_it(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = sys.getswitchinterval(), gc.get_threshold()
    monkeypatch.setattr(interpreter, "_short_pauses", threading.Event())
    yield
    sys.setswitchinterval(before[0])
    gc.set_threshold(*before[1])


@pytest.mark.parametrize("seconds", [0.005, SWITCH_SECONDS, 0.0002, 0.00001])
def test_a_hosts_interpreter_is_left_alone(seconds: float) -> None:
    sys.setswitchinterval(seconds)
    with hurried():
        assert sys.getswitchinterval() == pytest.approx(seconds)
    assert sys.getswitchinterval() == pytest.approx(seconds)


def test_a_daemons_threads_take_turns_soon_and_sooner_in_a_hurry() -> None:
    def fails() -> None:
        with hurried():
            assert sys.getswitchinterval() == pytest.approx(HURRIED_SWITCH_SECONDS)
            raise LookupError

    have_short_pauses()
    assert sys.getswitchinterval() == SWITCH_SECONDS
    assert gc.get_threshold() == GARBAGE_THRESHOLDS

    with pytest.raises(LookupError):
        fails()
    assert sys.getswitchinterval() == SWITCH_SECONDS


def test_two_in_a_hurry_leave_it_as_it_was() -> None:
    have_short_pauses()
    first, second = hurried(), hurried()

    with first:
        second.__enter__()
    second.__exit__(None, None, None)

    assert sys.getswitchinterval() == SWITCH_SECONDS
