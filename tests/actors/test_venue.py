from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from genesis_actors.actors.venue import VenueActor
from genesis_actors.domain.gate import Gate, GateLimits
from genesis_actors.gateways.paper import PaperVenue
from genesis_actors.messages.market_data import MarketFeed, MarketPast, MarketRows
from genesis_actors.messages.venue import (
    CancelOrder,
    DescribeSymbol,
    LookUpOrder,
    OrderAccepted,
    OrderNotFound,
    OrderStory,
    PlaceOrder,
    SymbolDescribed,
    VenueOutcome,
)
from genesis_actors.runtime.simulation import DeterministicRuntime
from genesis_actors.values import ClientOrderId, ExecutionId, Side, Symbol
from tests.helpers import Probe
from tests.making import BTC, NOON


class Exchange:
    def __init__(
        self,
        simulation: DeterministicRuntime,
        latency: timedelta,
        *,
        venue: PaperVenue | None = None,
        opened: Symbol = BTC,
    ) -> None:
        self.simulation = simulation
        self.feed = Probe[MarketFeed]()
        self._outcomes = Probe[VenueOutcome]()
        self.described = Probe[SymbolDescribed]()
        self.ref = VenueActor.start(
            simulation,
            venue=venue or PaperVenue(seed=3, latency=latency),
            gate=Gate(GateLimits(max_orders_per_second=1)),
            market_data=self.feed,
            outcomes=self._outcomes,
            failures=Probe(),
        )
        self.describe(opened)

    @property
    def outcomes(self) -> list[VenueOutcome]:
        return [
            each
            for told in self._outcomes.messages
            for each in (told.outcomes if isinstance(told, OrderStory) else (told,))
        ]

    def describe(self, symbol: Symbol) -> SymbolDescribed:
        self.tell(DescribeSymbol(symbol=symbol, reply_to=self.described))
        return self.described.messages[-1]

    @property
    def rows(self) -> list[MarketRows]:
        return [
            rows
            for told in self.feed.messages
            for rows in (told.rows if isinstance(told, MarketPast) else (told,))
        ]

    def tell(self, message: object) -> None:
        self.ref.tell(message)
        self.simulation.run_until_quiet()

    def an_order(self) -> PlaceOrder:
        ask = next(r.quote.ask for r in reversed(self.rows) if r.quote is not None)
        return PlaceOrder(
            execution_id=ExecutionId("x1"),
            client_order_id=ClientOrderId("c1"),
            slice_number=1,
            symbol=BTC,
            side=Side.BUY,
            quantity=Decimal("0.01"),
            price=ask + 10,
            mid=ask,
            rate=Decimal("0.1"),
            market_volume=Decimal(1),
            window_start=NOON,
            parent_quantity=Decimal(10),
            remaining_quantity=Decimal(10),
        )


def test_a_described_symbol_is_fed_from_then_on(simulation: DeterministicRuntime) -> None:
    exchange = Exchange(simulation, timedelta(0))
    fed = len(exchange.rows)

    simulation.advance_to(NOON + timedelta(seconds=10))

    assert exchange.described.messages[0].rules is not None
    assert exchange.described.messages[0].volumes
    assert len(exchange.rows) > fed
    times = [rows.at for rows in exchange.rows]
    assert times == sorted(times)


def test_a_symbol_described_again_is_not_fed_twice(simulation: DeterministicRuntime) -> None:
    exchange = Exchange(simulation, timedelta(0))
    exchange.describe(BTC)

    simulation.advance_to(NOON + timedelta(seconds=10))

    times = [rows.at for rows in exchange.rows if rows.quote is not None]
    assert len(times) == len(set(times))


def test_an_unknown_symbol_has_no_rules_and_no_feed(simulation: DeterministicRuntime) -> None:
    exchange = Exchange(simulation, timedelta(0))

    answer = exchange.describe(Symbol("NO/SUCH"))

    assert answer.rules is None
    assert BTC in answer.known_symbols


def test_a_request_takes_the_venues_latency_to_arrive(simulation: DeterministicRuntime) -> None:
    exchange = Exchange(simulation, timedelta(milliseconds=50))

    exchange.tell(exchange.an_order())
    assert exchange.outcomes == []

    simulation.advance_to(NOON + timedelta(milliseconds=100))
    assert isinstance(exchange.outcomes[0], OrderAccepted)


def test_requests_without_latency_are_answered_at_once(simulation: DeterministicRuntime) -> None:
    exchange = Exchange(simulation, timedelta(0))
    name = {"execution_id": ExecutionId("x1"), "symbol": BTC}

    exchange.tell(exchange.an_order())
    filled = list(exchange.outcomes)
    exchange.tell(LookUpOrder(client_order_id=ClientOrderId("c1"), **name))
    exchange.tell(CancelOrder(client_order_id=ClientOrderId("c2"), **name))

    assert isinstance(filled[0], OrderAccepted)
    assert len(exchange.outcomes) > len(filled)
    assert isinstance(exchange.outcomes[-1], OrderNotFound)


def test_a_market_that_an_earlier_core_had_opened_is_told_from_its_past_on(
    simulation: DeterministicRuntime,
) -> None:
    """Newer rows first would make those of the past come too late: they are told in their order or not at all."""
    venue = PaperVenue(seed=3)
    venue.open(BTC, simulation.clock.now())
    ether = Symbol("ETH/USDT")
    exchange = Exchange(simulation, timedelta(0), venue=venue, opened=ether)
    simulation.advance_to(simulation.clock.now() + timedelta(seconds=5))
    assert {rows.symbol for rows in exchange.rows} == {ether}

    exchange.describe(BTC)
    simulation.advance_to(simulation.clock.now() + timedelta(seconds=5))
    times = [rows.at for rows in exchange.rows if rows.symbol == BTC]
    assert times
    assert times == sorted(times)
