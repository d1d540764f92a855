"""Many actors and senders at once on real threads."""

import sys
import threading
from collections.abc import Callable, Generator
from typing import Any

import pytest
import structlog
from pykka import ActorDeadError, ActorRef, ActorRegistry

from genesis_actors.runtime import ActorFailed, DispatcherKind, MessageActor, Runtime, SystemRuntime
from tests.helpers import PATIENCE_SECONDS, Probe, settle

pytestmark = pytest.mark.stress

KINDS: list[DispatcherKind] = ["pooled", "shared", "pinned"]


@pytest.fixture(autouse=True)
def eager_thread_switches() -> Generator[None]:
    """Let threads take turns within microseconds, so that races have a chance to happen."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


@pytest.fixture
def system() -> Generator[SystemRuntime]:
    with Runtime.system(workers=4) as runtime:
        yield runtime


class Counter(MessageActor[tuple[int, int]]):
    """Keeps (sender, number) pairs, and notices a second thread inside."""

    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime)
        self.received: list[tuple[int, int]] = []
        self.overlaps = 0
        self._inside = False

    def handle(self, message: tuple[int, int]) -> None:
        if self._inside:
            self.overlaps += 1
        self._inside = True
        self.received.append(message)
        self._inside = False


class CountsPinned(Counter):
    dispatcher_kind = "pinned"


class CountsShared(Counter):
    dispatcher_kind = "shared"


def in_threads(count: int, work: Callable[[int], None]) -> None:
    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()


@pytest.mark.parametrize(
    ("actor_class", "count"), [(Counter, 200), (CountsShared, 200), (CountsPinned, 20)]
)
def test_no_message_is_lost_or_overtaken_and_no_two_are_handled_at_once(
    system: SystemRuntime, actor_class: type[Counter], count: int
) -> None:
    refs = [actor_class.start(system) for _ in range(count)]
    mailboxes: list[Any] = [ref.actor_inbox for ref in refs]
    actors: list[Counter] = [mailbox.actor for mailbox in mailboxes]
    rounds = 5_000 // count

    def send(sender: int) -> None:
        for number in range(rounds):
            for ref in refs:
                ref.tell((sender, number))

    in_threads(8, send)
    for ref in refs:
        settle(ref)

    for actor in actors:
        assert actor.overlaps == 0
        assert len(actor.received) == 8 * rounds
        for sender in range(8):
            numbers = [number for who, number in actor.received if who == sender]
            assert numbers == list(range(rounds))


class Echo(MessageActor[int]):
    def handle(self, message: int) -> int:
        return message


class EchoPinned(Echo):
    dispatcher_kind = "pinned"


class EchoShared(Echo):
    dispatcher_kind = "shared"


@pytest.mark.parametrize("actor_class", [Echo, EchoShared, EchoPinned])
def test_an_ask_that_races_a_stop_is_always_answered(
    system: SystemRuntime, actor_class: type[Echo]
) -> None:
    answered, refused = 0, 0
    for _ in range(150):
        ref = actor_class.start(system)
        barrier = threading.Barrier(4)
        futures: list[Any] = []

        def ask(
            _: int,
            ref: ActorRef[Echo] = ref,
            barrier: threading.Barrier = barrier,
            futures: list[Any] = futures,
        ) -> None:
            barrier.wait()
            futures.extend(ref.ask(number, block=False) for number in range(20))

        def stop(ref: ActorRef[Echo] = ref, barrier: threading.Barrier = barrier) -> None:
            barrier.wait()
            ref.stop(block=False)

        stopper = threading.Thread(target=stop)
        stopper.start()
        in_threads(3, ask)
        stopper.join()
        for future in futures:
            try:
                future.get(timeout=PATIENCE_SECONDS)
                answered += 1
            except ActorDeadError:
                refused += 1

    assert answered + refused == 150 * 3 * 20
    assert answered > 0
    assert refused > 0


def test_asks_from_within_actors_do_not_jam_the_pool(system: SystemRuntime) -> None:
    class Asks(MessageActor[int]):
        def handle(self, message: int) -> int:
            answer: Any = echo.ask(message, timeout=PATIENCE_SECONDS)
            return message + answer

    echo = Echo.start(system)
    askers = [Asks.start(system) for _ in range(40)]
    futures = [ref.ask(number, block=False) for number, ref in enumerate(askers)]

    assert [future.get(timeout=PATIENCE_SECONDS) for future in futures] == [
        2 * number for number in range(40)
    ]


class Fragile(MessageActor[int]):
    def handle(self, message: int) -> int:
        if message == 13:
            raise ValueError(message)
        return message


def test_actors_that_raise_do_not_hurt_the_others(system: SystemRuntime) -> None:
    supervisor: Probe[ActorFailed] = Probe()
    refs = [Fragile.start(system, supervisor=supervisor) for _ in range(100)]
    with structlog.testing.capture_logs():
        for number in range(20):
            for index, ref in enumerate(refs):
                if number < 13 or index % 2:
                    ref.tell(number if number != 13 else 0)
                elif number == 13:
                    ref.tell(13)
        failed = {supervisor.next().actor_urn for _ in range(50)}

    assert failed == {ref.actor_urn for ref in refs[::2]}
    assert [ref.ask(7, timeout=PATIENCE_SECONDS) for ref in refs[1::2]] == [7] * 50
    assert not any(ref.is_alive() for ref in refs[::2])


def test_systems_come_and_go_without_leaving_threads_or_actors() -> None:
    threads, actors = threading.active_count(), len(ActorRegistry.get_all())
    for _ in range(20):
        with Runtime.system() as system:
            refs = [kind.start(system) for kind in (Echo, EchoShared, EchoPinned) for _ in range(5)]
            assert [ref.ask(1, timeout=PATIENCE_SECONDS) for ref in refs] == [1] * 15
            box: Probe[str] = Probe()
            system.clock.call_at(system.clock.now(), box, "tick")
            box.next()

    assert threading.active_count() == threads
    assert len(ActorRegistry.get_all()) == actors


def test_ten_thousand_actors_start_and_stop(system: SystemRuntime) -> None:
    before = len(ActorRegistry.get_all())
    refs = [Echo.start(system) for _ in range(10_000)]
    futures = [ref.stop(block=False) for ref in refs[::-2] + refs[::2]]
    for future in futures:
        future.get(timeout=60)

    assert not any(ref.is_alive() for ref in refs)
    assert len(ActorRegistry.get_all()) == before
