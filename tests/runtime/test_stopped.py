from __future__ import annotations

import threading

from genesis_actors.runtime.stopped import Stopped


def test_it_is_an_event_that_can_be_awaited_before_it_is_set_and_after() -> None:
    stopped = Stopped()
    assert not stopped.is_set()
    assert not stopped.wait(0)
    assert "unset" in repr(stopped)
    seen: list[bool] = []
    waiting = [threading.Thread(target=lambda: seen.append(stopped.wait(10))) for _ in range(3)]
    for thread in waiting:
        thread.start()

    stopped.set()

    for thread in waiting:
        thread.join(10)
    assert seen == [True] * 3
    assert stopped.is_set()
    assert Stopped().wait(0) is False
    assert stopped.wait()
    stopped.clear()
    assert not stopped.is_set()
    assert not stopped.wait(0)


def test_set_or_cleared_before_anybody_waits() -> None:
    stopped = Stopped()
    stopped.set()
    assert stopped.wait()
    other = Stopped()
    other.set()
    other.clear()
    assert not other.wait(0)
