"""A venue that is asked by hand, and what it tells."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Generic, TypeVar

from genesis_actors.gateways.ccxt_venue import CcxtVenue
from genesis_actors.gateways.live import OutcomesHeard, VenueReport
from genesis_actors.messages.venue import CancelOrder, LookUpOrder, OrderOutcome, PlaceOrder
from genesis_actors.settings import CcxtSettings
from genesis_actors.values import ClientOrderId, ExecutionId, Side, Symbol
from tests.helpers import Probe
from tests.wire.exchange.running import LocalExchange
from tests.wire.trading import QUICK

E = TypeVar("E")

BTC = Symbol("BTC/USDT")
PREFIX, EXECUTION = "g7k2pd", ExecutionId("3vq0mzt41r8ab")


class Desk(Generic[E]):
    """Asks a venue about one symbol, and hears what it tells."""

    def __init__(self, exchange: E, venue: CcxtVenue, symbol: Symbol = BTC) -> None:
        self.exchange = exchange
        self.venue = venue
        self.heard = Probe[VenueReport]()
        self._symbol = symbol
        self._number = 0
        venue.connect(self.heard, PREFIX)

    def order(self, quantity: str = "0.01", price: str = "60100", **more: Any) -> PlaceOrder:
        self._number += 1
        return PlaceOrder(
            execution_id=EXECUTION,
            client_order_id=ClientOrderId(f"{PREFIX}{EXECUTION}001{self._number:03}"),
            slice_number=1,
            symbol=self._symbol,
            side=more.pop("side", Side.BUY),
            quantity=Decimal(quantity),
            price=Decimal(price),
            mid=Decimal(60_000),
            rate=Decimal("0.1"),
            market_volume=Decimal(100),
            window_start=datetime.now(UTC),
            parent_quantity=Decimal(1_000),
            remaining_quantity=Decimal(1_000),
            **more,
        )

    def place(self, order: PlaceOrder | None = None) -> list[OrderOutcome]:
        """Return the first thing that is told of an order."""
        self.venue.place(order or self.order())
        return self.next()

    def look_up(self, order: PlaceOrder) -> list[OrderOutcome]:
        self.venue.look_up(question(LookUpOrder, order), datetime.now(UTC))
        return self.next()

    def cancel(self, order: PlaceOrder) -> list[OrderOutcome]:
        self.venue.cancel(question(CancelOrder, order), datetime.now(UTC))
        return self.next()

    def next(self) -> list[OrderOutcome]:
        while True:
            report = self.heard.next()
            if isinstance(report, OutcomesHeard):
                return list(report.outcomes)

    def next_with(self, kind: type) -> list[OrderOutcome]:
        """Return the next story in which there is such an outcome."""
        while kind not in kinds(told := self.next()):
            pass
        return told


def question(kind: Any, order: PlaceOrder) -> Any:
    return kind(
        execution_id=order.execution_id,
        client_order_id=order.client_order_id,
        symbol=order.symbol,
    )


def kinds(outcomes: list[OrderOutcome]) -> list[type]:
    return [type(outcome) for outcome in outcomes]


@contextmanager
def opened(exchange: LocalExchange, **changes: Any) -> Iterator[Desk[LocalExchange]]:
    config = {**exchange.config, "rateLimit": 5}
    settings = CcxtSettings.model_validate({**QUICK, "config": config, **changes})
    venue = CcxtVenue.open(settings, name="binance", is_live=True)
    try:
        yield Desk(exchange, venue)
    finally:
        venue.close()
