import asyncio
import threading

import pytest

from genesis_actors.runtime import DeterministicRuntime, ReplyBox, Runtime, SystemRuntime
from tests.helpers import PATIENCE_SECONDS
from tests.runtime.actors import Doer, Recorder, after


def test_a_reply_is_waited_for(runtime: Runtime) -> None:
    box: ReplyBox[str] = ReplyBox(runtime)
    Doer.start(runtime).tell(lambda doer: doer.send(box, "reply"))

    assert box.get(PATIENCE_SECONDS) == "reply"
    assert box.is_filled
    assert box.get(0) == "reply"


def test_only_the_first_reply_counts(runtime: Runtime) -> None:
    box: ReplyBox[str] = ReplyBox(runtime)
    box.tell("first")
    box.tell("second")

    assert box.get(0) == "first"


def test_no_reply_is_a_time_out(runtime: Runtime) -> None:
    box: ReplyBox[str] = ReplyBox(runtime)
    with pytest.raises(TimeoutError):
        box.get(0.01)
    with pytest.raises(TimeoutError):
        asyncio.run(box.get_async(0.01))

    assert not box.is_filled


def test_the_time_out_of_a_simulation_is_virtual(simulation: DeterministicRuntime) -> None:
    ref = Doer.start(simulation)
    box: ReplyBox[str] = ReplyBox(simulation)
    simulation.clock.call_at(after(3600), ref, lambda doer: doer.send(box, "late"))

    with pytest.raises(TimeoutError, match="within 3599 s"):
        box.get(3599)
    assert box.get(1) == "late"


def test_waiting_without_a_limit_ends_when_nothing_is_left(
    simulation: DeterministicRuntime,
) -> None:
    with pytest.raises(TimeoutError, match="nothing left to do"):
        ReplyBox[str](simulation).get()


def test_an_event_loop_is_free_while_a_reply_is_awaited(runtime: Runtime) -> None:
    async def main() -> tuple[str, str, str]:
        early: ReplyBox[str] = ReplyBox(runtime)
        early.tell("early")
        box: ReplyBox[str] = ReplyBox(runtime)
        other: ReplyBox[str] = ReplyBox(runtime)
        ref = Recorder.start(runtime, [])

        async def answer() -> None:
            assert ref.is_alive()
            other.tell("other")
            box.tell("reply")

        answering = asyncio.create_task(answer())
        replies = await asyncio.gather(
            early.get_async(PATIENCE_SECONDS),
            box.get_async(PATIENCE_SECONDS) if not runtime.is_deterministic else answer_of(box),
            other.get_async(PATIENCE_SECONDS) if not runtime.is_deterministic else answer_of(other),
        )
        await answering
        return replies[0], replies[1], replies[2]

    async def answer_of(box: ReplyBox[str]) -> str:
        # Nothing is scheduled in the simulation, so it would give up at once: let the answer come.
        while not box.is_filled:  # noqa: ASYNC110 - an Event would need another thread
            await asyncio.sleep(0)
        return await box.get_async(PATIENCE_SECONDS)

    assert asyncio.run(main()) == ("early", "reply", "other")


def test_a_reply_after_the_event_loop_has_gone_hurts_nobody(system: SystemRuntime) -> None:
    box: ReplyBox[str] = ReplyBox(system)
    with pytest.raises(TimeoutError):
        asyncio.run(box.get_async(0.01))
    box.tell("late")

    assert box.get(0) == "late"


def test_another_thread_gets_its_reply_while_the_simulation_is_being_run(
    simulation: DeterministicRuntime,
) -> None:
    box: ReplyBox[str] = ReplyBox(simulation)
    never: ReplyBox[str] = ReplyBox(simulation)
    replies: list[str] = []

    def forever(doer: Doer) -> None:
        doer.wake_at(doer.clock.now() + (after(1) - after(0)), forever)

    def wait() -> None:
        try:
            never.get(100)
        except TimeoutError:
            replies.append("timed out")
        replies.append(box.get())

    ref = Doer.start(simulation)
    ref.tell(forever)
    simulation.clock.call_at(after(500), ref, lambda doer: doer.send(box, "reply"))
    waiting = threading.Thread(target=wait)
    waiting.start()
    simulation.run_until(lambda: len(replies) == 2)
    waiting.join()

    assert replies == ["timed out", "reply"]
