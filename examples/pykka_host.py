"""A trading program with Pykka actors of its own: the engine's are started and stopped beside them, and no other.

python examples/pykka_host.py [DURATION]        settings come from the environment: GENESIS_STORAGE__URL and so on
"""

import sys
from decimal import Decimal

import pykka

from genesis_actors import Engine, Settings, TwapOrder
from genesis_actors.messages.control import ExecutionNews, ExecutionStatus


class PositionKeeper(pykka.ThreadingActor):
    """The host's own actor: it adds up what was bought, each trade once, however often it is told of it."""

    def __init__(self) -> None:
        super().__init__()
        self._bought = dict[str, Decimal]()

    def on_receive(self, message: ExecutionNews | ExecutionStatus) -> None:
        for fill in message.fills:
            self._bought[fill.trade_id] = fill.quantity

    def position(self) -> Decimal:
        return sum(self._bought.values(), Decimal(0))


def main(duration: str) -> int:
    keeper = PositionKeeper.start()
    try:
        with Engine.start(Settings.load()) as engine:
            engine.subscribe(keeper.tell)
            order = TwapOrder(
                symbol="BTC/USDT",
                side="buy",
                quantity="0.02",
                duration=duration,
                client_id="pykka-host",  # Run once more, also after a kill, it goes on with this one.
            )
            twap = engine.submit(order)
            keeper.tell(twap.status())  # What was bought by an earlier run is no news to this one.
            filled = twap.wait(timeout=1800).execution.filled_quantity

        # The engine is stopped; our actor lives, and has been told everything.
        position = keeper.proxy().position().get(timeout=5)
        print(f"bought {filled}, and the keeper knows of {position}; it is {_alive(keeper)}")
        return 0 if position == filled else 1
    finally:
        keeper.stop()


def _alive(actor: pykka.ActorRef[PositionKeeper]) -> str:
    return "alive" if actor.is_alive() else "dead"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "5m"))
