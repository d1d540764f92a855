import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pykka import ActorDeadError, Timeout

from genesis_actors.runtime import DeterministicRuntime, Runtime
from tests.helpers import PATIENCE_SECONDS, Probe
from tests.runtime.actors import START, Doer, Flusher, Recorder, after
from tests.runtime.trace_program import run

ROOT = Path(__file__).parents[2]


def never() -> bool:
    return False


def test_one_seed_gives_one_trace_in_two_processes() -> None:
    traces = [
        subprocess.run(
            [sys.executable, "-m", "tests.runtime.trace_program", "5"],
            cwd=ROOT,
            env=os.environ | {"PYTHONHASHSEED": hash_seed},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for hash_seed in ("1", "2")
    ]

    assert traces[0] == traces[1]
    assert int(traces[0].split()[1]) > 500


def test_another_seed_gives_another_trace() -> None:
    assert len({run(seed) for seed in range(5)}) == 5


def test_another_seed_lets_actors_take_turns_in_another_order() -> None:
    def order(seed: int) -> str:
        runtime = Runtime.deterministic(seed=seed, start=START)
        notes: list[Any] = []
        refs = [Recorder.start(runtime, notes, name=name) for name in "abcd"]
        for ref in refs:
            ref.tell("m")
        runtime.run_until_quiet()
        return "".join(name for name, _ in notes)

    orders = {order(seed) for seed in range(30)}

    assert len(orders) > 5
    assert all(sorted(each) == list("abcd") for each in orders)


def test_every_order_of_three_simultaneous_actors_happens() -> None:
    counts: dict[str, int] = {}
    runtime = Runtime.deterministic(seed=3, start=START)
    notes: list[Any] = []
    refs = [Recorder.start(runtime, notes, name=name) for name in "abc"]
    runtime.run_until_quiet()
    for _ in range(600):
        notes.clear()
        for ref in refs:
            ref.tell("m")
        runtime.run_until_quiet()
        order = "".join(name for name, _ in notes)
        counts[order] = counts.get(order, 0) + 1

    assert len(counts) == 6
    assert min(counts.values()) > 50  # 100 each is expected


def test_messages_of_one_sender_keep_their_order(simulation: DeterministicRuntime) -> None:
    notes: list[Any] = []
    refs = [Recorder.start(simulation, notes, name=name) for name in "abc"]
    for number in range(50):
        for ref in refs:
            ref.tell(number)
    simulation.run_until_quiet()

    for name in "abc":
        assert [message for who, message in notes if who == name] == list(range(50))


def test_the_trace_is_kept_only_when_asked_for() -> None:
    with pytest.raises(RuntimeError, match="trace=True"):
        _ = Runtime.deterministic(seed=1, start=START).trace_hash


def test_the_clock_jumps_from_timer_to_timer(simulation: DeterministicRuntime) -> None:
    seen: list[datetime] = []
    ref = Doer.start(simulation)
    for seconds in (5, 1, 3600):
        simulation.clock.call_at(after(seconds), ref, lambda doer: seen.append(doer.clock.now()))

    assert simulation.run_until(never) is False
    assert seen == [after(1), after(5), after(3600)]
    assert simulation.clock.now() == after(3600)


def test_the_clock_waits_until_every_message_has_been_handled(
    simulation: DeterministicRuntime,
) -> None:
    seen: list[datetime] = []

    def again(count: int) -> Callable[[Doer], None]:
        def act(doer: Doer) -> None:
            seen.append(doer.clock.now())
            if count:
                doer.send(doer.actor_ref, again(count - 1))

        return act

    ref = Doer.start(simulation)
    simulation.clock.call_at(after(1), ref, again(20))
    simulation.clock.call_at(after(2), ref, again(0))
    simulation.run_until(never)

    assert seen == [after(1)] * 21 + [after(2)]


def test_phases_of_an_instant_follow_one_another_complete(
    simulation: DeterministicRuntime,
) -> None:
    notes: list[Any] = []
    sink = Recorder.start(simulation, notes, name="sink")
    relay = Doer.start(simulation)

    def feed(doer: Doer) -> None:
        doer.send(sink, "fed")

    simulation.clock.call_at(after(1), sink, "late", phase=3)
    simulation.clock.call_at(after(1), sink, "ordinary")
    simulation.clock.call_at(after(1), relay, feed, phase=-1)
    simulation.clock.call_at(after(2), sink, "next instant", phase=-1)
    simulation.run_until(never)

    assert [message for _, message in notes] == ["fed", "ordinary", "late", "next instant"]


def test_idle_hooks_run_between_the_phases_of_an_instant(
    simulation: DeterministicRuntime,
) -> None:
    notes: list[Any] = []
    ref = Flusher.start(simulation, notes, name="f")
    simulation.run_until_quiet()
    notes.clear()
    for phase in (-1, 0):
        for _ in range(3):
            simulation.clock.call_at(after(1), ref, phase, phase=phase)
    simulation.run_until(never)

    one = [("f", -1)] * 3 + [("f", "idle")]
    assert notes == [*one, *[("f", 0)] * 3, ("f", "idle")]


def test_timers_of_one_instant_race(simulation: DeterministicRuntime) -> None:
    notes: list[Any] = []
    refs = [Recorder.start(simulation, notes, name=name) for name in "ab"]
    for seconds in range(40):
        for ref in refs:
            simulation.clock.call_at(after(seconds), ref, seconds)
    simulation.run_until(never)

    first = [notes[2 * seconds][0] for seconds in range(40)]
    assert {"a", "b"} == set(first)


def test_a_timer_for_the_past_fires_now(simulation: DeterministicRuntime) -> None:
    seen: list[datetime] = []
    ref = Doer.start(simulation)
    simulation.advance_to(after(10))
    simulation.clock.call_at(after(3), ref, lambda doer: seen.append(doer.clock.now()))
    simulation.run_until(never)

    assert seen == [after(10)]


def test_a_lower_phase_registered_late_still_belongs_to_its_instant(
    simulation: DeterministicRuntime,
) -> None:
    notes: list[Any] = []
    sink = Recorder.start(simulation, notes, name="s")

    def register(doer: Doer) -> None:
        doer.clock.call_at(doer.clock.now(), sink, "late feed", phase=-1)
        doer.clock.call_at(doer.clock.now(), sink, "ordinary")

    simulation.clock.call_at(after(1), Doer.start(simulation), register)
    simulation.run_until(never)

    assert notes == [("s", "late feed"), ("s", "ordinary")]
    assert simulation.clock.now() == after(1)


def test_on_idle_groups_the_work_of_a_whole_instant(simulation: DeterministicRuntime) -> None:
    notes: list[Any] = []
    flusher = Flusher.start(simulation, notes)
    senders = [Doer.start(simulation) for _ in range(10)]
    simulation.run_until_quiet()
    notes.clear()
    for number, sender in enumerate(senders):
        simulation.clock.call_at(
            after(1), sender, lambda doer, number=number: doer.send(flusher, number)
        )
    simulation.run_until(never)

    assert sorted(message for _, message in notes[:-1]) == list(range(10))
    assert notes[-1] == ("flusher", "idle")


def test_the_clock_stands_still_while_idle_hooks_send_messages(
    simulation: DeterministicRuntime,
) -> None:
    committed: list[Any] = []
    sink = Doer.start(simulation)

    def commit(flusher: Flusher) -> None:
        if len(committed) < 5:
            flusher.send(sink, lambda doer: committed.append(doer.clock.now()))
            flusher.send(flusher.actor_ref, "again")

    flusher = Flusher.start(simulation, [], when_idle=commit)
    simulation.clock.call_at(after(1), flusher, "later")
    simulation.run_until_quiet()

    assert committed == [START] * 5
    assert simulation.clock.now() == START


def test_run_until_stops_at_the_message_that_was_waited_for(
    simulation: DeterministicRuntime,
) -> None:
    notes: list[Any] = []
    ref = Recorder.start(simulation, notes)
    for number in range(10):
        ref.tell(number)

    assert simulation.run_until(lambda: len(notes) == 4) is True
    assert len(notes) == 4
    assert simulation.run_until(lambda: len(notes) == 10) is True
    assert simulation.run_until(never) is False


def test_run_until_asks_after_idle_hooks_too(simulation: DeterministicRuntime) -> None:
    notes: list[Any] = []
    Flusher.start(simulation, notes)

    assert simulation.run_until(lambda: bool(notes)) is True
    assert notes == [("flusher", "idle")]


def test_run_until_gives_up_at_the_deadline_with_all_due_by_then_done(
    simulation: DeterministicRuntime,
) -> None:
    notes: list[Any] = []
    ref = Recorder.start(simulation, notes, name="r")
    for seconds in (1, 5, 6):
        simulation.clock.call_at(after(seconds), ref, seconds)

    assert simulation.run_until(never, deadline=after(5)) is False
    assert notes == [("r", 1), ("r", 5)]
    assert simulation.run_until(never, deadline=after(5.5)) is False
    assert simulation.clock.now() == after(5.5)


def test_advance_to_ends_at_the_time_given(simulation: DeterministicRuntime) -> None:
    notes: list[Any] = []
    ref = Recorder.start(simulation, notes, name="r")
    simulation.clock.call_at(after(2), ref, "timer")
    simulation.advance_to(after(1))

    assert (simulation.clock.now(), notes) == (after(1), [])

    simulation.advance_to(after(3))

    assert (simulation.clock.now(), notes) == (after(3), [("r", "timer")])


def test_a_cancelled_timer_does_not_fire(simulation: DeterministicRuntime) -> None:
    notes: list[Any] = []
    ref = Recorder.start(simulation, notes, name="r")
    timer = simulation.clock.call_at(after(1), ref, "cancelled")
    simulation.clock.call_at(after(2), ref, "kept")
    timer.cancel()
    timer.cancel()
    simulation.run_until(never)

    assert notes == [("r", "kept")]


def test_wake_at_tells_the_actor_itself(simulation: DeterministicRuntime) -> None:
    notes: list[Any] = []
    ref = Recorder.start(simulation, notes, name="r")
    ref.tell("start")
    mailbox: Any = ref.actor_inbox
    mailbox.actor.wake_at(after(4), "woken")
    simulation.run_until(never)

    assert notes == [("r", "start"), ("r", "woken")]
    assert simulation.clock.now() == after(4)


def test_instants_are_announced_once_they_are_over(simulation: DeterministicRuntime) -> None:
    notes: list[Any] = []
    ref = Recorder.start(simulation, notes, name="r")
    simulation.on_instant = notes.append
    for seconds in (1, 1, 2):
        simulation.clock.call_at(after(seconds), ref, seconds)
    simulation.run_until(never)

    assert notes == [START, ("r", 1), ("r", 1), after(1), ("r", 2), after(2)]


def test_an_ask_runs_the_simulation_until_it_is_answered(
    simulation: DeterministicRuntime,
) -> None:
    notes: list[Any] = []
    ref = Recorder.start(simulation, notes, name="r")
    future = ref.ask("question", block=False)

    assert notes == []
    assert future.get() == "question"
    assert future.get(timeout=0) == "question"


def test_an_ask_that_nobody_will_answer_times_out_at_once(
    simulation: DeterministicRuntime,
) -> None:
    ref = Doer.start(simulation)
    unanswered: Any = ref.ask(lambda _: None, block=False)
    unanswered.get()
    unanswered._result = None
    simulation.clock.call_at(after(9), ref, lambda _: None)

    with pytest.raises(Timeout, match="5 virtual seconds"):
        unanswered.get(timeout=5)
    assert simulation.clock.now() == after(5)
    with pytest.raises(Timeout, match="nothing is left"):
        unanswered.get()
    assert simulation.clock.now() == after(9)


def test_an_actor_may_ask_another_within_its_message(simulation: DeterministicRuntime) -> None:
    other = Recorder.start(simulation, [])
    asker = Doer.start(simulation)

    assert asker.ask(lambda _: other.ask("nested")) == "nested"


def test_no_time_passes_while_an_actor_waits_within_its_message(
    simulation: DeterministicRuntime,
) -> None:
    asker = Doer.start(simulation)
    simulation.clock.call_at(after(1), asker, lambda _: None)

    with pytest.raises(Timeout):
        asker.ask(lambda doer: doer.actor_ref.ask("to itself"))
    assert simulation.clock.now() == START


def test_stopping_the_runtime_stops_its_actors_youngest_first() -> None:
    notes: list[Any] = []
    with Runtime.deterministic(seed=1, start=START) as runtime:
        refs = [Recorder.start(runtime, notes, name=name) for name in "abc"]
        elsewhere = Runtime.deterministic(seed=1, start=START)
        other = Recorder.start(elsewhere, notes)

    assert not any(ref.is_alive() for ref in refs)
    assert sorted(notes) == [("a", "end"), ("b", "end"), ("c", "end")]
    assert other.is_alive()
    elsewhere.stop()


def test_an_actor_started_after_the_end_is_dead() -> None:
    runtime = Runtime.deterministic(seed=1, start=START)
    runtime.stop()
    ref = Recorder.start(runtime, [])

    assert not ref.is_alive()
    with pytest.raises(ActorDeadError):
        ref.ask("anybody?")


def test_a_message_from_another_thread_is_handled(simulation: DeterministicRuntime) -> None:
    notes: list[Any] = []
    ref = Recorder.start(simulation, notes, name="r")
    thread = threading.Thread(target=ref.tell, args=("from outside",))
    thread.start()
    thread.join()
    simulation.run_until_quiet()

    assert notes == [("r", "from outside")]


def test_an_ask_from_another_thread_is_answered_while_the_simulation_runs(
    simulation: DeterministicRuntime,
) -> None:
    ref = Recorder.start(simulation, [])
    answers: Probe[object] = Probe()

    def forever(doer: Doer) -> None:
        doer.wake_at(doer.clock.now() + (after(1) - START), forever)

    Doer.start(simulation).tell(forever)
    asking = threading.Thread(target=lambda: answers.tell(ref.ask("q", timeout=1e6)))
    asking.start()
    simulation.run_until(lambda: bool(answers.messages))
    asking.join()

    assert answers.messages == ["q"]


@pytest.mark.parametrize("speed", ["0", "-1", "NaN"])
def test_a_speed_must_be_positive(speed: str) -> None:
    with pytest.raises((ValueError, ArithmeticError)):
        Runtime.deterministic(seed=1, start=START, speed=Decimal(speed))


def test_speed_makes_virtual_time_take_real_time() -> None:
    runtime = Runtime.deterministic(seed=1, start=START, speed=Decimal(100))
    notes: list[Any] = []
    ref = Recorder.start(runtime, notes, name="r")
    for seconds in (5, 10):
        runtime.clock.call_at(after(seconds), ref, seconds)
    began = time.monotonic()
    runtime.run_until(never)
    took = time.monotonic() - began
    runtime.stop()

    assert notes[:2] == [("r", 5), ("r", 10)]
    assert 0.1 <= took < PATIENCE_SECONDS


def test_a_message_from_another_thread_ends_the_sleep_and_finds_the_time_passed() -> None:
    runtime = Runtime.deterministic(seed=1, start=START, speed=Decimal(1000))
    seen: list[datetime] = []
    ref = Doer.start(runtime)
    runtime.clock.call_at(after(1_000_000), ref, lambda _: None)
    runtime.run_until_quiet()
    thread = threading.Timer(0.05, ref.tell, args=(lambda doer: seen.append(doer.clock.now()),))
    thread.start()
    runtime.run_until(lambda: bool(seen))
    thread.join()
    runtime.stop()

    assert after(10) <= seen[0] < after(1000 * PATIENCE_SECONDS)


def test_interrupt_ends_the_sleep_and_the_caller_may_run_on() -> None:
    runtime = Runtime.deterministic(seed=1, start=START, speed=Decimal(1))
    notes: list[Any] = []
    ref = Recorder.start(runtime, notes, name="r")
    runtime.clock.call_at(after(3600), ref, "in an hour")
    thread = threading.Timer(0.05, runtime.interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        runtime.run_until(never)
    thread.join()
    ref.tell("pause")
    paused = runtime.run_until(lambda: bool(notes))
    runtime.stop()

    assert paused
    assert notes[0] == ("r", "pause")


def test_interrupt_lets_the_message_in_hand_finish(simulation: DeterministicRuntime) -> None:
    notes: list[Any] = []
    ref = Doer.start(simulation)

    def interrupt(_: Doer) -> None:
        simulation.interrupt()
        notes.append("finished")

    ref.tell(interrupt)
    ref.tell(lambda _: notes.append("next"))
    with pytest.raises(KeyboardInterrupt):
        simulation.run_until(never)

    assert notes == ["finished"]

    simulation.run_until_quiet()

    assert notes == ["finished", "next"]


def test_ctrl_c_is_taken_between_two_messages(simulation: DeterministicRuntime) -> None:
    notes: list[Any] = []
    ref = Doer.start(simulation)

    def ctrl_c(_: Doer) -> None:
        signal.raise_signal(signal.SIGINT)
        notes.append("finished")

    ref.tell(ctrl_c)
    ref.tell(lambda _: notes.append("next"))
    with pytest.raises(KeyboardInterrupt):
        simulation.run_until(never)

    assert notes == ["finished"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler

    simulation.run_until_quiet()

    assert notes == ["finished", "next"]


def test_a_second_ctrl_c_breaks_off_the_message_in_hand(
    simulation: DeterministicRuntime,
) -> None:
    notes: list[Any] = []
    ref = Doer.start(simulation)
    bystander = Recorder.start(simulation, notes, name="b")

    def hangs(_: Doer) -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        notes.append("finished")

    ref.tell(hangs)
    with pytest.raises(KeyboardInterrupt):
        simulation.run_until(never)

    assert notes == []
    assert not ref.is_alive()
    assert bystander.is_alive()


def test_ctrl_c_of_a_caller_with_a_handler_of_its_own_is_left_alone(
    simulation: DeterministicRuntime,
) -> None:
    caught: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: caught.append(number))
    try:
        Doer.start(simulation).tell(lambda _: signal.raise_signal(signal.SIGINT))
        simulation.run_until_quiet()
    finally:
        signal.signal(signal.SIGINT, before)

    assert caught == [signal.SIGINT]


def test_an_interrupted_idle_hook_is_a_failure(simulation: DeterministicRuntime) -> None:
    def break_off(_: Flusher) -> None:
        raise KeyboardInterrupt

    ref = Flusher.start(simulation, [], when_idle=break_off)
    with pytest.raises(KeyboardInterrupt):
        simulation.run_until_quiet()

    assert not ref.is_alive()
