"""The exchange as a process: prints its address, and serves until it is ended.

python -m tests.wire.exchange --port 0 --seed 7 --faults hostile
"""

from __future__ import annotations

import argparse
import asyncio
import signal
from decimal import Decimal
from pathlib import Path

from tests.wire.exchange.faults import PROFILES
from tests.wire.exchange.ledger import Fees
from tests.wire.exchange.market import Temper
from tests.wire.exchange.running import KEY, RICH, make_exchange
from tests.wire.exchange.serving import Server
from tests.wire.exchange.signing import Key


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.wire.exchange", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--api-key", default=KEY.api_key)
    parser.add_argument("--secret", default=KEY.secret)
    parser.add_argument("--still", action="store_true", help="nobody else trades, nothing moves")
    parser.add_argument("--faults", choices=PROFILES, default="none")
    parser.add_argument("--fee", type=Decimal, default=Decimal("0.001"))
    parser.add_argument("--fee-from", choices=("received", "quote", "third"), default="received")
    parser.add_argument("--clock-offset-ms", type=int, default=0)
    parser.add_argument("--engine-delay-ms", type=int, default=0)
    parser.add_argument(
        "--tls-directory",
        type=Path,
        help="where ca.pem goes; then there is a proxy for ccxt's own addresses, on the second line",
    )
    parser.add_argument(
        "--deposit", action="append", metavar="ASSET=AMOUNT", help="instead of the usual ones"
    )
    return parser.parse_args()


async def serve(options: argparse.Namespace) -> None:
    pairs = [deposit.split("=") for deposit in options.deposit or []]
    exchange = make_exchange(
        seed=options.seed,
        temper=Temper.still() if options.still else Temper(),
        keys=(Key(options.api_key, options.secret),),
        deposits={asset: Decimal(amount) for asset, amount in pairs} or RICH,
        fees=Fees(options.fee, options.fee, options.fee_from),
    )
    exchange.clock_offset_ms = options.clock_offset_ms
    exchange.engine_delay_ms = options.engine_delay_ms
    exchange.faults.add(PROFILES[options.faults], exchange.now())
    server = Server(exchange, options.port, options.tls_directory)
    await server.start()
    print(f"http://127.0.0.1:{server.port}", flush=True)  # noqa: T201
    if server.proxy:
        print(f"http://127.0.0.1:{server.proxy_port} {server.ca_file}", flush=True)  # noqa: T201
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await ended.wait()
    await server.stop()


if __name__ == "__main__":
    asyncio.run(serve(read_options()))
