"""One request as the endpoints see it, and the exchange as a whole."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from tests.wire.exchange.aggregates import Aggregates
from tests.wire.exchange.engine import Engine
from tests.wire.exchange.faults import Faults
from tests.wire.exchange.feeds import Feed
from tests.wire.exchange.ledger import Account
from tests.wire.exchange.limits import Limits
from tests.wire.exchange.market import Market
from tests.wire.exchange.params import Params
from tests.wire.exchange.signing import Key
from tests.wire.exchange.sockets import Sockets
from tests.wire.exchange.symbols import Symbol


@dataclass
class Attempt:
    """A request that reached us, whether or not anything came of it."""

    at: int
    request: str
    sent: dict[str, str]  # Without the signature.
    fault: str | None = None
    # "ok", "code -2010", "dropped": never carried out, "pending": not yet.
    outcome: str = "pending"
    order_id: int | None = None
    api_key: str = ""

    @property
    def client_order_id(self) -> str | None:
        return self.sent.get("newClientOrderId") or self.sent.get("origClientOrderId")


@dataclass
class Exchange:
    engine: Engine
    keys: tuple[Key, ...]
    faults: Faults
    limits: Limits = field(default_factory=Limits)
    clock_offset_ms: int = 0
    engine_delay_ms: int = 0
    muted_until: int = 0  # Until then websockets stay open and say nothing; what is new is lost.
    sockets: Sockets = field(default_factory=Sockets)
    followers: int = 0  # Subscriptions to user data, ever.
    refuse_for: Callable[[float], None] | None = None  # Seconds without a listening socket.
    attempts: list[Attempt] = field(default_factory=list[Attempt])

    def __post_init__(self) -> None:
        markets = self.engine.markets.items()
        self.feeds = {name: Feed(market) for name, market in markets}
        self.aggregates = {name: Aggregates(market) for name, market in markets}

    def now(self) -> int:
        return time.time_ns() // 1_000_000 + self.clock_offset_ms

    def account(self, uid: int) -> Account:
        return next(account for account in self.engine.accounts if account.uid == uid)

    def set_status(self, symbol: str, status: str) -> None:
        market = self.engine.market(symbol)
        market.symbol = replace(market.symbol, status=status)


@dataclass(frozen=True, slots=True)
class Asked:
    exchange: Exchange
    params: Params
    now: int
    key: Key | None = None
    as_of: int | None = None  # A stale read shows what was true then.

    @property
    def account(self) -> Account:
        assert self.key is not None
        return self.exchange.account(self.key.uid)

    def market(self) -> Market:
        return self.exchange.engine.market(self.params.symbol())

    @property
    def symbols(self) -> dict[str, Symbol]:
        return {name: market.symbol for name, market in self.exchange.engine.markets.items()}
