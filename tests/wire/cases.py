"""Everything that may come of a request: how to bring it about, and what real ccxt makes of it.

Run as a program it prints the table, for whoever writes what is to be done about each row.
"""

from __future__ import annotations

import asyncio
import inspect
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.wire.exchange.asking import Exchange
from tests.wire.exchange.faults import Fault, Kind
from tests.wire.exchange.market import Temper
from tests.wire.exchange.running import LocalExchange, make_exchange
from tests.wire.exchange.signing import Key

TIMEOUT_MS = 250
ORDER = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "IOC",
    "quantity": "0.01",
    "price": "61000",
}

Act = Callable[[Any], Any]


def order(**changes: str) -> Act:
    sent = {name: value for name, value in (ORDER | changes).items() if value}
    return lambda client: client.private_post_order(sent)


def place(name: str, price: str = "61000", in_force: str = "IOC") -> Act:
    """As one would write it with ccxt; `order` is for what ccxt would not send."""
    return lambda client: client.create_order(
        "BTC/USDT",
        "limit",
        "buy",
        "0.01",
        price,
        {"clientOrderId": name, "timeInForce": in_force},
    )


def get(name: str = "nobody") -> Act:
    return lambda client: client.fetch_order(None, "BTC/USDT", {"clientOrderId": name})


def cancel(name: str = "nobody") -> Act:
    return lambda client: client.cancel_order(None, "BTC/USDT", {"clientOrderId": name})


def open_orders(client: Any) -> Any:
    return client.fetch_open_orders("BTC/USDT")


READS: dict[str, Act] = {
    "openOrders": open_orders,
    "allOrders": lambda client: client.fetch_orders("BTC/USDT"),
    "myTrades": lambda client: client.fetch_my_trades("BTC/USDT"),
    "account": lambda client: client.fetch_balance(),
    "depth": lambda client: client.fetch_order_book("BTC/USDT"),
    "aggTrades": lambda client: client.fetch_trades("BTC/USDT"),
    "klines": lambda client: client.fetch_ohlcv("BTC/USDT", "1h", None, 9),
    "bookTicker": lambda client: client.fetch_bids_asks(["BTC/USDT"]),
    "time": lambda client: client.fetch_time(),
    "exchangeInfo": lambda client: client.fetch_markets(),
}
PLAIN = place("plain")
RESTING = place("resting", "50000", "GTC")


@dataclass(frozen=True)
class Case:
    name: str
    act: Act = PLAIN
    faults: tuple[Fault, ...] = ()
    first: Act | None = None  # Must go well, before the faults.
    options: dict[str, Any] = field(default_factory=dict[str, Any])  # Of ccxt, for this case.
    clock_ms: int = 0
    engine_delay_ms: int = 0
    refused: bool = False


@dataclass(frozen=True)
class Outcome:
    """What came of it: ccxt's exception, its message, and what the exchange has done and seen."""

    raised: str  # "" when nothing was.
    message: str
    accepted: int  # Orders beyond those of `first`.
    requests: int  # How often the request reached the exchange.


def struck(name: str, act: Act | None = None, **fault: Any) -> Case:
    kind = fault.pop("kind")
    return Case(name, act or PLAIN, (Fault(kind, **fault),))


def _lost(kind: Kind) -> Iterator[Case]:
    yield struck(f"POST {kind} before acceptance", kind=kind, accepted=False)
    yield struck(f"POST {kind} after acceptance", kind=kind)
    yield struck(f"GET {kind}, again and again", get(), kind=kind, times=9)
    yield struck(f"GET {kind} once", open_orders, kind=kind)
    before, after = Fault(kind, accepted=False), Fault(kind)
    yield Case(f"DELETE {kind} before acceptance", cancel("resting"), (before,), RESTING)
    yield Case(f"DELETE {kind} after acceptance", cancel("resting"), (after,), RESTING)


WAYS = {"async": False, "sync": True, "async, ccxt's own addresses by a proxy": False}
CODES = (-1000, -1001, -1003, -1004, -1006, -1007, -1008, -1015, -1016)
BAD_SECRET, BAD_KEY = {"secret": "wrong"}, {"apiKey": "unknownKey00000000"}

CASES: tuple[Case, ...] = (
    Case("order goes well"),
    *_lost(Kind.RESET),
    *_lost(Kind.CLOSE),
    struck("POST answer later than the time-out", kind=Kind.DELAY, seconds=0.4),
    struck("POST carried out after the time-out", kind=Kind.DELAY, seconds=0.4, accepted=False),
    struck("GET answer later than the time-out", get(), kind=Kind.DELAY, seconds=0.4),
    struck("POST truncated", kind=Kind.TRUNCATED),
    *(
        struck(f"GET {what} {kind}", act, kind=kind)
        for what, act in READS.items()
        for kind in (Kind.HALF_JSON, Kind.EMPTY)
    ),
    struck("POST HTML 200", kind=Kind.HTML, status=200),
    struck("GET openOrders HTML 200", open_orders, kind=Kind.HTML, status=200),
    struck("POST half JSON", kind=Kind.HALF_JSON),
    struck("POST empty body", kind=Kind.EMPTY),
    struck("GET truncated", get(), kind=Kind.TRUNCATED, times=3),
    struck("GET half JSON", get(), kind=Kind.HALF_JSON),
    struck("GET empty body", get(), kind=Kind.EMPTY),
    *(struck(f"POST HTML {n}", kind=Kind.HTML, status=n) for n in (403, 500, 502, 503, 504)),
    struck("POST 429", kind=Kind.BAN, status=429, retry_after=3),
    struck("POST 418", kind=Kind.BAN, status=418, retry_after=60),
    *(struck(f"POST {code}", kind=Kind.CODE, code=code, accepted=False) for code in CODES),
    *(struck(f"POST {code} but accepted", kind=Kind.CODE, code=code) for code in (-1006, -1007)),
    struck("GET -1007", get(), kind=Kind.CODE, code=-1007),
    Case("connections refused", refused=True),
    Case("GET connections refused", get(), refused=True),
    Case("insufficient balance", order(side="SELL", price="59000", quantity="140")),
    Case("would take", order(type="LIMIT_MAKER", timeInForce="")),
    Case("duplicate of an open order", RESTING, first=RESTING),
    Case("market closed", order(symbol="LUNAUSDT", price="1.5", quantity="10")),
    Case("filter PRICE_FILTER", order(price="61000.001")),
    Case("filter PERCENT_PRICE_BY_SIDE", order(price="400000")),
    Case("filter LOT_SIZE", order(quantity="0.000015")),
    Case("filter MARKET_LOT_SIZE", order(type="MARKET", quantity="121", price="", timeInForce="")),
    Case("filter NOTIONAL", order(quantity="0.00001", price="59000")),
    Case("zero quantity", order(quantity="0")),
    Case("too precise", order(quantity="0.0100000001")),
    Case("mandatory parameter missing", order(price="")),
    Case("parameter not required", order(type="MARKET", timeInForce="")),
    Case("unknown parameter", order(whatever="1")),
    Case("illegal characters", order(newClientOrderId="no spaces")),
    Case("invalid symbol", order(symbol="NOSUCH")),
    Case("invalid side", order(side="HOLD")),
    Case("invalid type", order(type="STOP")),
    Case("invalid time in force", order(timeInForce="GTX")),
    Case("signature wrong", options=BAD_SECRET),
    Case("key unknown", options=BAD_KEY),
    Case("key unknown, but it has worked before", first=place("plain"), options=BAD_KEY),
    Case("key malformed", options={"apiKey": "no"}),
    Case("key may not trade", options={"apiKey": "readOnlyKey00000000", "secret": "readOnly"}),
    Case("clock of the exchange behind", clock_ms=-5000),
    Case("clock of the exchange ahead", clock_ms=20_000),
    Case("window over before the engine", order(recvWindow="40"), engine_delay_ms=80),
    Case("window too wide", order(recvWindow="60001")),
    Case("order not found", get()),
    Case("cancel not found", cancel()),
    Case("cancel of a closed order", cancel("c"), first=place("c")),
    Case("cancel all, none open", lambda c: c.cancel_all_orders("BTC/USDT")),
)  # fmt: skip


# --- Bringing it about --------------------------------------------------------------------------


@contextmanager
def exchange_for_cases() -> Iterator[LocalExchange]:
    keys = (
        Key("wireKey0000000000000000000000001", "wireSecret000000000000000000000001"),
        Key("readOnlyKey00000000", "readOnly", may_trade=False),
    )
    exchange = make_exchange(temper=Temper.still(), keys=keys)
    with TemporaryDirectory() as made, LocalExchange(exchange, 0, Path(made)) as local:
        yield local


async def outcome_of(case: Case, local: LocalExchange, client: Any) -> Outcome:
    """With either ccxt: what it returns is awaited if it can be."""
    before = {name: getattr(client, name) for name in case.options}
    client.options["hasAlreadyAuthenticatedSuccessfully"] = False
    local.call(_cancel_everything)
    if case.first:
        await _result(case.first(client))
    local.call(lambda exchange: exchange.attempts.clear())
    orders = len(local.orders())
    local.fault(*case.faults)
    local.set_clock(case.clock_ms)
    local.set_engine_delay(case.engine_delay_ms)
    if case.refused:
        local.refuse()
    for name, value in case.options.items():
        setattr(client, name, value)
    raised, message = "", ""
    try:
        message = returned(await _result(case.act(client)))
    except Exception as error:  # noqa: BLE001 - It is what we want to see.
        raised, message = type(error).__name__, plain(str(error))
    while local.call(lambda e: any(a.outcome == "pending" for a in e.attempts)):  # noqa: ASYNC110
        await asyncio.sleep(0.01)  # One is still on its way, after its client has gone.
    if case.refused:
        local.accept()
    local.heal()
    local.set_clock(0)
    local.set_engine_delay(0)
    for name, value in before.items():
        setattr(client, name, value)
    reached = local.call(lambda exchange: len(exchange.attempts))
    return Outcome(raised, message, len(local.orders()) - orders, reached)


def _cancel_everything(exchange: Exchange) -> None:
    for account in exchange.engine.accounts:
        for resting in account.open_orders():
            exchange.engine.cancel(account, resting, exchange.now())


async def _result(returned: Any) -> Any:
    return await returned if inspect.isawaitable(returned) else returned


def returned(result: Any) -> str:
    if isinstance(result, list):
        without_ids = any(isinstance(one, dict) and not one["id"] for one in result)
        return f"a list of {len(result)}" + ", without ids" * without_ids
    if not isinstance(result, dict) or "filled" not in result:
        return f"{type(result).__name__} {sorted(result) if isinstance(result, dict) else ''}"
    return f"id {result['id'] and 'N'}, status {result['status']}, filled {result['filled']}"


def plain(message: str) -> str:
    """Without what differs from run to run."""
    message = re.sub(r"127\.0\.0\.1:\d+", "HOST", message)
    message = " ".join(message.split())
    message = re.sub(r"timestamp=\d+", "timestamp=T", message)
    message = re.sub(r"signature=\w+", "signature=S", message)
    return re.sub(r"banned until \d+", "banned until U", message)


async def outcomes(
    local: LocalExchange, *, sync: bool, config: dict[str, Any]
) -> dict[str, Outcome]:
    import ccxt
    import ccxt.async_support

    options: Any = config | {"enableRateLimit": False, "timeout": TIMEOUT_MS}
    if sync:
        client: Any = ccxt.binance(options)
        client.number = str
        with closing(client.session):
            client.load_markets()
            return {case.name: await outcome_of(case, local, client) for case in CASES}
    client = ccxt.async_support.binance(options)
    client.number = str
    try:
        await client.load_markets()
        return {case.name: await outcome_of(case, local, client) for case in CASES}
    finally:
        await client.close()


def table(ways: dict[str, bool] | None = None) -> str:
    """One line for each case and way of asking."""
    lines: list[str] = []
    for way, sync in (ways or WAYS).items():
        with exchange_for_cases() as local:
            config = local.proxied_config if "proxy" in way else local.config
            found = asyncio.run(outcomes(local, sync=sync, config=config))
        lines += [f"== {way}", *(line(name, outcome) for name, outcome in found.items())]
    return "\n".join(lines) + "\n"


def line(name: str, outcome: Outcome) -> str:
    figures = f"orders {outcome.accepted} requests {outcome.requests}"
    return f"{name:40} {outcome.raised or '-':25} {figures}  {outcome.message}"


if __name__ == "__main__":
    sys.stdout.write(table())
