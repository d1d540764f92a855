from types import SimpleNamespace
from typing import Any

from pykka import ActorRegistry, ThreadingActor

from genesis_actors.runtime import PooledActor
from genesis_actors.runtime.internals import _position, unregister


class CountingList(list[Any]):
    looks = 0

    def __getitem__(self, index: Any) -> Any:
        self.looks += 1
        return super().__getitem__(index)


def a_ref(serial: int | None) -> Any:
    inbox = SimpleNamespace() if serial is None else SimpleNamespace(serial=serial)
    return SimpleNamespace(actor_inbox=inbox)


def test_one_actor_among_many_is_found_with_few_looks() -> None:
    refs = CountingList(a_ref(None if serial % 7 == 0 else serial) for serial in range(10_000))
    wanted = [refs[place] for place in (1, 4_999, 9_999)]
    refs.looks = 0

    assert [_position(refs, ref) for ref in wanted] == [1, 4_999, 9_999]
    assert refs.looks < 3 * 60


def test_an_actor_that_is_not_there_is_not_found() -> None:
    refs = [a_ref(serial) for serial in (1, 2, 5)] + [a_ref(None)] * 3

    assert [_position(refs, a_ref(serial)) for serial in (0, 2, 3, 9)] == [None] * 4
    assert _position([], a_ref(1)) is None


def test_an_actor_registered_out_of_order_is_unregistered_all_the_same() -> None:
    older, younger = PooledActor(), PooledActor()
    stranger = ThreadingActor.start()
    for actor in (younger, older):
        ActorRegistry.register(actor.actor_ref)
    unregister(older.actor_ref)
    unregister(younger.actor_ref)
    unregister(younger.actor_ref)
    left = ActorRegistry.get_all()
    stranger.stop()

    assert older.actor_ref not in left
    assert younger.actor_ref not in left
    assert stranger in left
