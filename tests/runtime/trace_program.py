"""A busy system of actors. Prints the hash of everything that happened, for the seed given."""

import sys
from datetime import timedelta

from pykka import ActorRef

from genesis_actors.runtime import MessageActor, Runtime
from tests.runtime.actors import START, after


class Gossip(MessageActor[int | str]):
    """Passes messages on to random others, at once or later, with a flush per instant."""

    def __init__(self, runtime: Runtime, name: str, others: list[ActorRef["Gossip"]]) -> None:
        super().__init__(runtime, name=name)
        self._others = others
        self._unflushed = 0

    def handle(self, message: int | str) -> None:
        self._unflushed += 1
        if isinstance(message, str) or message == 0:
            return
        other = self.runtime.random.choice(self._others)
        if self.runtime.random.random() < 0.3:
            delay = timedelta(milliseconds=self.runtime.random.randrange(0, 3000, 500))
            self.clock.call_at(self.clock.now() + delay, other, message - 1, phase=message % 2)
        else:
            self.send(other, message - 1)

    def on_idle(self) -> None:
        if self._unflushed > 20:
            self._unflushed = 0
            self.send(self._others[0], "flushed")


def run(seed: int) -> str:
    runtime = Runtime.deterministic(seed=seed, start=START, trace=True)
    actors: list[ActorRef[Gossip]] = []
    for number in range(20):
        actors.append(Gossip.start(runtime, f"gossip-{number}", actors))
    for actor in actors:
        actor.tell(60)
    runtime.run_until(lambda: False, deadline=after(3600))
    runtime.stop()
    return f"{runtime.trace_hash} {runtime.messages_handled} {runtime.clock.now().isoformat()}"


if __name__ == "__main__":
    sys.stdout.write(run(int(sys.argv[1])))
