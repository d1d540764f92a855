import decimal
import gc
import sys
import threading
import weakref
from decimal import Decimal
from typing import Any

import pytest
import structlog
from pykka import ActorDeadError, ActorRef, ActorRegistry, ThreadingActor

from genesis_actors.runtime import (
    ACTOR_DECIMAL_CONTEXT,
    ActorFailed,
    DispatcherKind,
    Fanout,
    MessageActor,
    Runtime,
    SystemRuntime,
)
from tests.helpers import PATIENCE_SECONDS, Probe, settle
from tests.runtime.actors import Doer, Flusher, Recorder


class FailsToBegin(Recorder):
    def begin(self) -> None:
        raise ValueError("no disk")


class FailsToEnd(Recorder):
    def end(self) -> None:
        raise ValueError("no disk")


def test_begin_runs_before_what_was_told_earlier(runtime: Runtime) -> None:
    class Beginner(Recorder):
        def __init__(self, runtime: Runtime, notes: list[Any]) -> None:
            super().__init__(runtime, notes, name="b")
            self.actor_ref.tell("told in __init__")

        def begin(self) -> None:
            self._notes.append("begin")

    notes: list[Any] = []
    settle(Beginner.start(runtime, notes))

    assert notes == ["begin", ("b", "told in __init__")]


def test_an_actor_is_named_for_its_class_unless_told_otherwise(runtime: Runtime) -> None:
    unnamed, named = Doer(runtime), Doer(runtime, name="x1")

    assert (unnamed.name, named.name) == ("Doer", "x1")
    assert named.clock is runtime.clock


def test_ask_returns_what_handle_returns(runtime: Runtime) -> None:
    ref = Recorder.start(runtime, [])

    assert ref.ask("question", timeout=PATIENCE_SECONDS) == "question"


def test_a_proxy_reaches_attributes_and_methods(runtime: Runtime) -> None:
    proxy: Any = Recorder.start(runtime, [], name="original").proxy()
    setattr(proxy, "name", "changed")  # noqa: B010 - plain, it would change the type of proxy.name

    assert proxy.name.get(timeout=PATIENCE_SECONDS) == "changed"
    assert proxy.on_receive("m").get(timeout=PATIENCE_SECONDS) == "m"


def test_an_exception_from_a_tell_is_reported_and_stops_the_actor(runtime: Runtime) -> None:
    supervisor: Probe[ActorFailed] = Probe()
    notes: list[Any] = []
    ref = Recorder.start(runtime, notes, name="slicer-1", supervisor=supervisor)

    with structlog.testing.capture_logs() as logs:
        ref.tell(ValueError("bad quantity"))
        ref.tell("too late")
        stopped = ref.stop(timeout=PATIENCE_SECONDS)

    assert supervisor.next() == ActorFailed("slicer-1", ref.actor_urn, "ValueError: bad quantity")
    assert [(entry["event"], entry["actor"]) for entry in logs] == [("actor_failed", "slicer-1")]
    assert stopped in {True, False}  # whether stop came before the failure is a race
    assert not ref.is_alive()
    assert notes == []


def test_an_exception_from_an_ask_goes_to_the_asker_and_stops_the_actor(runtime: Runtime) -> None:
    supervisor: Probe[ActorFailed] = Probe()
    ref = Recorder.start(runtime, [], name="a", supervisor=supervisor)

    with structlog.testing.capture_logs(), pytest.raises(ValueError, match="bad quantity"):
        ref.ask(ValueError("bad quantity"), timeout=PATIENCE_SECONDS)

    assert not ref.is_alive()
    assert supervisor.messages == [ActorFailed("a", ref.actor_urn, "ValueError: bad quantity")]
    assert ActorRegistry.get_by_urn(ref.actor_urn) is None


def test_a_failure_calls_on_failure_and_not_end(runtime: Runtime) -> None:
    class Careful(Recorder):
        def on_failure(self, *exc_info: object) -> None:
            self._notes.append(("on_failure", exc_info[0]))
            raise RuntimeError("in on_failure")

    notes: list[Any] = []
    ref = Careful.start(runtime, notes)
    with structlog.testing.capture_logs() as logs, pytest.raises(ValueError, match="bad"):
        ref.ask(ValueError("bad"), timeout=PATIENCE_SECONDS)

    assert notes == [("on_failure", ValueError)]
    assert [entry["error"] for entry in logs] == ["ValueError: bad", "RuntimeError: in on_failure"]


def test_an_exception_in_begin_is_reported_and_stops_the_actor(runtime: Runtime) -> None:
    supervisor: Probe[ActorFailed] = Probe()
    with structlog.testing.capture_logs() as logs:
        ref = FailsToBegin.start(runtime, [], name="store", supervisor=supervisor)
        with pytest.raises(ActorDeadError):
            ref.ask("anything", timeout=PATIENCE_SECONDS)

    assert supervisor.next() == ActorFailed("store", ref.actor_urn, "ValueError: no disk")
    assert [entry["event"] for entry in logs] == ["actor_failed"]


def test_an_exception_in_end_is_logged_and_nobody_has_to_rebuild_the_actor(
    runtime: Runtime,
) -> None:
    supervisor: Probe[ActorFailed] = Probe()
    ref = FailsToEnd.start(runtime, [], supervisor=supervisor)
    with structlog.testing.capture_logs() as logs:
        stopped = ref.stop(timeout=PATIENCE_SECONDS)

    assert stopped
    assert [entry["event"] for entry in logs] == ["actor_end_failed"]
    assert supervisor.messages == []


def test_an_exception_in_on_idle_is_reported_and_stops_the_actor(runtime: Runtime) -> None:
    def fail(_: Flusher) -> None:
        raise OSError("disk full")

    supervisor: Probe[ActorFailed] = Probe()
    with structlog.testing.capture_logs():
        ref = Flusher.start(runtime, [], supervisor=supervisor, when_idle=fail)
        if not isinstance(runtime, SystemRuntime):
            runtime.run_until_quiet()  # pyright: ignore[reportAttributeAccessIssue]
        failed = supervisor.next()

    assert failed == ActorFailed("flusher", ref.actor_urn, "OSError: disk full")
    assert not ref.is_alive()


def test_stop_lets_earlier_messages_be_handled_and_runs_end(runtime: Runtime) -> None:
    notes: list[Any] = []
    ref = Recorder.start(runtime, notes, name="r")
    ref.tell(1)
    ref.tell(2)

    assert ref.stop(timeout=PATIENCE_SECONDS) is True
    assert notes == [("r", 1), ("r", 2), ("r", "end")]
    assert ref.stop(timeout=PATIENCE_SECONDS) is False


def test_an_actor_can_stop_itself(runtime: Runtime) -> None:
    ref = Doer.start(runtime)
    ref.ask(lambda actor: actor.stop(), timeout=PATIENCE_SECONDS)

    with pytest.raises(ActorDeadError):
        ref.ask(lambda _: None, timeout=PATIENCE_SECONDS)


def test_send_to_a_dead_actor_is_logged_and_life_goes_on(runtime: Runtime) -> None:
    dead = Recorder.start(runtime, [])
    dead.stop(timeout=PATIENCE_SECONDS)
    sender = Doer.start(runtime, name="sender")

    with structlog.testing.capture_logs() as logs:
        sender.ask(lambda actor: actor.send(dead, "news"), timeout=PATIENCE_SECONDS)

    assert sender.is_alive()
    assert logs == [
        {
            "event": "message_to_dead_actor",
            "log_level": "warning",
            "sender": "sender",
            "receiver": str(dead),
            "message_type": "str",
        }
    ]


def test_a_fanout_tells_the_living_although_one_is_dead(runtime: Runtime) -> None:
    dead = Recorder.start(runtime, [])
    dead.stop(timeout=PATIENCE_SECONDS)
    first: Probe[str] = Probe()
    last: Probe[str] = Probe()

    with structlog.testing.capture_logs() as logs:
        Fanout[Any](first, dead, last).tell("news")

    assert (first.messages, last.messages) == (["news"], ["news"])
    assert [entry["event"] for entry in logs] == ["message_to_dead_actor"]


def test_an_actor_is_found_in_the_registry_while_it_lives(runtime: Runtime) -> None:
    class Findable(Recorder):
        pass

    refs = [Findable.start(runtime, []) for _ in range(5)]

    assert ActorRegistry.get_by_urn(refs[3].actor_urn) is refs[3]
    assert ActorRegistry.get_by_class(Findable) == refs

    refs[2].stop(timeout=PATIENCE_SECONDS)

    assert ActorRegistry.get_by_class(Findable) == [refs[0], refs[1], refs[3], refs[4]]


def test_actors_of_other_types_share_the_registry(runtime: Runtime) -> None:
    strangers = [ThreadingActor.start() for _ in range(3)]
    ours: list[Any] = []
    for _ in range(4):
        ours.append(Recorder.start(runtime, []))
        strangers.append(ThreadingActor.start())
    before = len(ActorRegistry.get_all())
    for ref in (ours[1], ours[0], strangers[4], ours[3], ours[2]):
        ref.stop(timeout=PATIENCE_SECONDS)

    left = ActorRegistry.get_all()
    for stranger in strangers:
        stranger.stop()

    assert before - len(left) == 5
    assert not set(left) & set(ours)


def test_a_dead_actor_is_not_kept_in_memory_by_its_refs(runtime: Runtime) -> None:
    ref = Recorder.start(runtime, [])
    remembered = weakref.ref(runtime_actor(ref))
    ref.stop(timeout=PATIENCE_SECONDS)
    settle(Recorder.start(runtime, []))  # the worker has turned to something else
    gc.collect()

    assert remembered() is None


def runtime_actor(ref: ActorRef[Any]) -> MessageActor[Any]:
    mailbox: Any = ref.actor_inbox
    return mailbox.actor


@pytest.mark.parametrize("kind", ["pooled", "shared", "pinned"])
def test_actors_of_every_kind_compute_money_exactly(runtime: Runtime, kind: DispatcherKind) -> None:
    class Computing(Doer):
        dispatcher_kind = kind

    ref = Computing.start(runtime)

    def compute(_: Doer) -> object:
        return Decimal(10) ** 40 + Decimal("0.1"), decimal.getcontext().rounding

    total, rounding = ref.ask(compute, timeout=PATIENCE_SECONDS)

    assert total == Decimal("1" + "0" * 40 + ".1")
    assert rounding == ACTOR_DECIMAL_CONTEXT.rounding
    assert decimal.getcontext().prec == 28


def test_pinned_actors_have_a_thread_each_and_others_share(system: SystemRuntime) -> None:
    class Pinned(Doer):
        dispatcher_kind = "pinned"

    def thread_name(_: Doer) -> str:
        return threading.current_thread().name

    pinned = [Pinned.start(system, name=f"venue-{n}") for n in range(3)]
    pooled = [Doer.start(system) for _ in range(20)]

    assert [ref.ask(thread_name, timeout=PATIENCE_SECONDS) for ref in pinned] == [
        "venue-0",
        "venue-1",
        "venue-2",
    ]
    assert len({ref.ask(thread_name, timeout=PATIENCE_SECONDS) for ref in pooled}) <= 2


@pytest.mark.parametrize("kind", ["pooled", "shared", "pinned"])
def test_an_actor_that_exits_takes_nobody_along(
    system: SystemRuntime, kind: DispatcherKind
) -> None:
    class Exiting(Doer):
        dispatcher_kind = kind

    supervisor: Probe[ActorFailed] = Probe()
    bystander = Recorder.start(system, [])
    with structlog.testing.capture_logs():
        for _ in range(5):
            ref = Exiting.start(system, supervisor=supervisor)
            with pytest.raises(SystemExit):
                ref.ask(lambda _: sys.exit(3), timeout=PATIENCE_SECONDS)

    assert bystander.ask("still there?", timeout=PATIENCE_SECONDS) == "still there?"
    assert [failed.error for failed in supervisor.messages] == ["SystemExit: 3"] * 5


def test_on_idle_follows_a_burst_of_messages(system: SystemRuntime) -> None:
    idle: Probe[str] = Probe()
    notes: list[Any] = []
    ref = Flusher.start(system, notes, when_idle=lambda _: idle.tell("idle"))
    idle.next()
    notes.clear()
    gate = threading.Event()
    blocker = threading.Thread(target=gate.set)
    for number in range(50):
        ref.tell(number)
    blocker.start()
    blocker.join()
    ref.ask("last", timeout=PATIENCE_SECONDS)
    idle.next()

    handled = [message for _, message in notes if message != "idle"]
    assert handled == [*range(50), "last"]
    assert notes.count(("flusher", "idle")) >= 1


def test_only_actors_that_want_it_have_an_idle_hook() -> None:
    class Plain(Recorder):
        pass

    class Inherits(Flusher):
        pass

    assert not Plain.has_idle_hook
    assert Inherits.has_idle_hook
