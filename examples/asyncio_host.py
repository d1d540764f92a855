"""A trading program on an event loop, which the engine never holds up: a heartbeat says how late it was at most.

python examples/asyncio_host.py [DURATION]        settings come from the environment: GENESIS_STORAGE__URL and so on
"""

import asyncio
import sys

from genesis_actors import Engine, Settings, TwapHandle, TwapOrder
from genesis_actors.messages.events import TwapSliceExecuted

BEAT_SECONDS = 0.01


async def main(duration: str) -> int:
    heart = asyncio.create_task(beat())
    async with await Engine.start_async(Settings.load()) as engine:
        listener = asyncio.create_task(listen(engine))
        orders = [
            TwapOrder(symbol=symbol, side="buy", quantity=quantity, duration=duration)
            for symbol, quantity in (("BTC/USDT", "0.02"), ("ETH/USDT", "0.2"), ("SOL/USDT", "2"))
        ]
        twaps = await asyncio.gather(*(engine.submit_async(order) for order in orders))
        await twaps[0].pause_async()
        await twaps[0].resume_async()

        # A wait may be cancelled, or given up; its execution does not notice.
        try:
            await twaps[0].wait_async(timeout=0.01)
        except TimeoutError:
            print("not yet")
        for line in await asyncio.gather(*(outcome(twap) for twap in twaps)):
            print(line)
    # The stream of news ends with the engine.
    print(f"heard of {await listener} slices")
    heart.cancel()
    await asyncio.wait([heart])
    return 0


async def outcome(twap: TwapHandle) -> str:
    row = (await twap.wait_async(timeout=1800)).execution
    return f"{row.symbol} {row.side} {row.filled_quantity} of {row.quantity}: {row.state}"


async def listen(engine: Engine) -> int:
    slices = 0
    async with engine.news() as news:
        async for each in news:
            slices += sum(isinstance(event, TwapSliceExecuted) for event in each.events)
    return slices


async def beat() -> None:
    loop = asyncio.get_running_loop()
    worst = 0.0
    try:
        while True:
            due = loop.time() + BEAT_SECONDS
            await asyncio.sleep(BEAT_SECONDS)
            worst = max(worst, loop.time() - due)
    finally:
        print(f"the loop was at most {worst * 1000:.0f} ms late")


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "5m")))
