"""A trading program of plain threads: it starts an engine, gives it two orders, hears what happens, steers, and waits.

python examples/thread_host.py [DURATION]        settings come from the environment: GENESIS_STORAGE__URL and so on
"""

import sys
from queue import SimpleQueue

from genesis_actors import Engine, OrderRejectedError, Settings, TwapOrder
from genesis_actors.messages.control import ExecutionNews
from genesis_actors.messages.events import ChildFilled


def main(duration: str) -> int:
    heard: SimpleQueue[ExecutionNews] = SimpleQueue()
    with Engine.start(Settings.load()) as engine:
        # Called in a thread of its own, in order; what takes long belongs elsewhere.
        engine.subscribe(heard.put)

        # The client id makes it safe to run this program again: it finds the order instead of starting a second one.
        buy = engine.submit(
            TwapOrder(
                symbol="BTC/USDT",
                side="buy",
                quantity="0.02",
                duration=duration,
                client_id="thread-host-buy",
            )
        )
        sell = engine.submit(
            TwapOrder(symbol="ETH/USDT", side="sell", quantity="0.2", duration=duration)
        )
        try:
            engine.submit(TwapOrder(symbol="BTC/USDT", side="buy", quantity="1", duration="9h"))
        except OrderRejectedError as rejected:
            print(f"refused, as it should be: {rejected.reason}")

        # Each returns when it is so, durably.
        sell.pause()
        sell.amend(limit="1", reason="any price will do")
        sell.resume()

        for twap in (buy, sell):
            row = twap.wait(timeout=1800).execution
            print(f"{row.symbol} {row.side} {row.filled_quantity} of {row.quantity}: {row.state}")

    # The engine has told everything before it was stopped.
    fills = 0
    while not heard.empty():
        fills += sum(isinstance(event, ChildFilled) for event in heard.get().events)
    print(f"heard of {fills} fills")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "5m"))
