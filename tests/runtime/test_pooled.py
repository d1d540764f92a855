import threading
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest
from pykka import ActorDeadError, Timeout

from genesis_actors.runtime import PooledActor, Runtime, SystemRuntime, pooled
from genesis_actors.runtime.clock import MOST_BEGUN
from genesis_actors.runtime.internals import Envelope
from genesis_actors.runtime.mailbox import Mailbox
from genesis_actors.runtime.pooled import SHARED_STREAK, Lane, WorkerPool
from tests.helpers import PATIENCE_SECONDS, Probe, eventually, settle
from tests.runtime.actors import Doer, Recorder


class Plain(PooledActor):
    def on_receive(self, message: object) -> object:
        return threading.current_thread().name, message


class Shared(Doer):
    dispatcher_kind = "shared"


class PinnedDoer(Doer):
    dispatcher_kind = "pinned"


def test_workers_that_wait_for_each_others_actors_are_replaced(system: SystemRuntime) -> None:
    chain = [Doer.start(system) for _ in range(12)]

    def ask_next(depth: int) -> Callable[[Doer], int]:
        def act(_: Doer) -> int:
            if depth == len(chain) - 1:
                return 0
            answer: Any = chain[depth + 1].ask(ask_next(depth + 1), timeout=PATIENCE_SECONDS)
            return 1 + answer

        return act

    assert chain[0].ask(ask_next(0), timeout=PATIENCE_SECONDS) == len(chain) - 1


def test_the_pool_shrinks_again_after_waits(system: SystemRuntime) -> None:
    def workers() -> int:
        return sum(thread.name.startswith("actors-") for thread in threading.enumerate())

    test_workers_that_wait_for_each_others_actors_are_replaced(system)
    most = workers()
    # A surplus worker leaves when it would take its next turn.
    refs = [Doer.start(system) for _ in range(50)]
    for ref in refs * 20:
        ref.tell(lambda _: None)
    for ref in refs:
        settle(ref)
    deadline = threading.Event()
    while workers() > 2 and not deadline.wait(0.01):
        for ref in refs:
            settle(ref)

    assert most >= 2
    assert workers() == 2


def test_a_wait_that_times_out_gives_the_worker_back(system: SystemRuntime) -> None:
    gate = threading.Event()
    slow = Doer.start(system)
    waiter = Doer.start(system)

    def wait(_: Doer) -> object:
        try:
            return slow.ask(lambda _: gate.wait(PATIENCE_SECONDS), timeout=0.01)
        except Timeout:
            return "timed out"

    answer = waiter.ask(wait, timeout=PATIENCE_SECONDS)
    gate.set()

    assert answer == "timed out"
    settle(slow)


def test_shared_actors_are_served_first_but_starve_nobody() -> None:
    with Runtime.system(workers=1) as system:
        order: list[str] = []
        gate = threading.Event()
        blocker = Doer.start(system)
        settle(blocker)
        shared = [Shared.start(system) for _ in range(SHARED_STREAK + 3)]
        pooled = [Doer.start(system) for _ in range(2)]
        for ref in [*shared, *pooled]:
            settle(ref)
        is_blocked: Probe[None] = Probe()
        blocker.tell(lambda _: (is_blocked.tell(None), gate.wait(PATIENCE_SECONDS)))
        is_blocked.next()
        for ref in pooled:
            ref.tell(lambda _: order.append("pooled"))
        for ref in shared:
            ref.tell(lambda _: order.append("shared"))
        gate.set()
        for ref in [*shared, *pooled]:
            settle(ref)

    assert order[: SHARED_STREAK + 1] == ["shared"] * SHARED_STREAK + ["pooled"]
    assert len(order) == len(shared) + len(pooled)


def test_messages_before_the_start_are_handled_after_it() -> None:
    runtime = Runtime.system()
    notes: list[Any] = []
    ref = Recorder.start(runtime, notes, name="r")
    ref.tell("early")
    with runtime:
        settle(ref)

    assert notes == [("r", "early"), ("r", "end")]


def test_actors_of_a_runtime_that_never_started_are_dead_after_its_stop() -> None:
    runtime = Runtime.system()
    ref = Recorder.start(runtime, [])
    future = ref.ask("anybody?", block=False)
    runtime.stop()

    with pytest.raises(ActorDeadError):
        future.get(timeout=PATIENCE_SECONDS)
    assert not ref.is_alive()


def test_an_actor_started_on_a_stopped_pool_is_dead() -> None:
    runtime = Runtime.system()
    runtime.start()
    runtime.stop()
    ref = Recorder.start(runtime, [])

    with pytest.raises(ActorDeadError):
        ref.ask("anybody?", timeout=PATIENCE_SECONDS)


def test_a_stuck_actor_does_not_hold_up_the_end_for_ever() -> None:
    gate = threading.Event()
    with Runtime.system() as runtime:
        stuck = Doer.start(runtime)
        stuck.tell(lambda _: gate.wait(PATIENCE_SECONDS))
        runtime.stop_actors(timeout=0.01)
        alive_after_time_out = stuck.is_alive()
        gate.set()

    assert alive_after_time_out
    assert not stuck.is_alive()


def test_a_late_message_to_a_closed_mailbox_is_refused() -> None:
    mailbox = Mailbox()
    mailbox.close()

    with pytest.raises(ActorDeadError):
        mailbox.put(Envelope("tell"))
    future = PooledActor._create_future()
    mailbox.put(Envelope("ask", reply_to=future))
    with pytest.raises(ActorDeadError):
        future.get(timeout=0)
    assert mailbox.empty()


def test_a_fault_in_an_actor_type_costs_the_pool_no_worker() -> None:
    class Faulty(PooledActor):
        def receive(self, envelope: Envelope[Any]) -> None:
            raise RuntimeError(envelope)

    pool = WorkerPool(1)
    pool.start()
    actors = [Faulty() for _ in range(3)]
    for actor in actors:
        actor.actor_inbox.attach(actor, pool.pooled)
    futures = [actor.actor_ref.ask("m", block=False) for actor in actors]
    for future in futures:
        with pytest.raises(ActorDeadError):
            future.get(timeout=PATIENCE_SECONDS)
    pool.stop()

    assert not any(actor.actor_ref.is_alive() for actor in actors)


def test_a_plain_pooled_actor_needs_no_runtime() -> None:
    ref = Plain.start()
    answer: Any = ref.ask("m", timeout=PATIENCE_SECONDS)
    name, message = answer
    ref.stop()

    assert name.startswith("pooled-actors-")
    assert message == "m"


def test_a_pinned_actor_may_wait_while_others_work(system: SystemRuntime) -> None:
    gate = threading.Event()
    probe: Probe[str] = Probe()
    pinned = [PinnedDoer.start(system) for _ in range(5)]
    for ref in pinned:
        ref.tell(lambda _: gate.wait(PATIENCE_SECONDS))
    Doer.start(system).tell(lambda _: probe.tell("worked"))

    assert probe.next() == "worked"
    gate.set()


def test_what_lies_behind_a_turn_that_does_not_end_is_taken_by_another_worker(
    system: SystemRuntime,
) -> None:
    other = Doer.start(system)
    settle(other)
    was_handled = threading.Event()

    def wait_for_other(_: Doer) -> bool:
        other.tell(lambda _: was_handled.set())  # from a worker, which means to look at it next
        return was_handled.wait(PATIENCE_SECONDS)

    assert Doer.start(system).ask(wait_for_other, timeout=PATIENCE_SECONDS) is True


def test_beside_one_that_hangs_each_message_wakes_the_other_worker(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gate = threading.Event()
    is_stuck: Probe[None] = Probe()
    with Runtime.system() as system:
        stuck, other = Doer.start(system), Doer.start(system)
        settle(other)
        stuck.tell(lambda _: (is_stuck.tell(None), gate.wait(10 * PATIENCE_SECONDS)))
        is_stuck.next()
        settle(other)  # That its turn is a long one shows after a while.
        monkeypatch.setattr(pooled, "LONGEST_SLEEP_SECONDS", 10 * PATIENCE_SECONDS)
        for _ in range(100):  # Each comes just as the other worker lies down.
            settle(other)
        gate.set()
        settle(stuck)


class Interposed:
    """A lock that lets another thread act at the worst moment: just before it is released."""

    def __init__(self, lock: threading.Lock, act: Callable[[], None]) -> None:
        self._lock = lock
        self._act = act

    def acquire(self, blocking: bool = True) -> bool:
        return self._lock.acquire(blocking=blocking)

    def release(self) -> None:
        act, self._act = self._act, lambda: None
        in_another_thread(act)
        self._lock.release()


def in_another_thread(act: Callable[[], None]) -> None:
    thread = threading.Thread(target=act)
    thread.start()
    thread.join()


def test_a_message_that_comes_just_as_a_turn_ends_is_not_left_lying() -> None:
    pool = WorkerPool(1)  # never started: we are the worker
    actor = Plain()
    mailbox = actor.actor_inbox
    mailbox.attach(actor, pool.pooled)
    assert not mailbox.turn(1)
    mailbox._scheduled = Interposed(  # pyright: ignore[reportAttributeAccessIssue]
        mailbox._scheduled, lambda: actor.actor_ref.tell("just now")
    )

    assert mailbox.unschedule() is True
    pool.stop()


def test_a_message_that_comes_just_as_a_worker_falls_asleep_wakes_it() -> None:
    class Sleepers(deque[Any]):
        """Before a worker has lain down, work arrives, so that nobody is seen asleep yet."""

        def append(self, sleeper: Any) -> None:
            if late:
                late.pop()()
            super().append(sleeper)

    pool = WorkerPool(1)
    actor = Plain()
    late = [lambda: actor.actor_inbox.attach(actor, pool.pooled)]
    answer = actor.actor_ref.ask("m", block=False)
    pool._sleepers = Sleepers()
    pool.start()

    assert answer.get(timeout=PATIENCE_SECONDS)[1] == "m"
    pool.stop()


def test_while_many_wait_for_a_turn_few_more_are_woken_and_nobody_for_ever_kept_out(
    system: SystemRuntime,
) -> None:
    free, held = threading.Event(), threading.Barrier(3)

    def hold(_: Doer) -> None:
        held.wait(PATIENCE_SECONDS)
        free.wait(PATIENCE_SECONDS)

    notes: list[Any] = []
    sleepers = [Recorder.start(system, notes) for _ in range(2 * MOST_BEGUN)]
    for sleeper in sleepers:
        settle(sleeper)
    for _ in range(2):  # Each worker has one.
        Doer.start(system).tell(hold)
    held.wait(PATIENCE_SECONDS)
    pooled, probe = system.dispatcher_for("pooled"), Probe[str]()
    assert isinstance(pooled, Lane)
    ready = pooled.ready
    now = system.clock.now()
    for sleeper in sleepers:
        system.clock.call_at(now, sleeper, "due", begins_work=True)
    system.clock.call_at(now, probe, "of what has begun")

    assert probe.next() == "of what has begun"
    eventually(lambda: len(ready) > MOST_BEGUN)
    assert len(ready) < len(sleepers)
    free.set()
    eventually(lambda: sum(message == "due" for _, message in notes) == len(sleepers))
