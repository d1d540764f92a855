from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from pykka import ActorRef

from genesis_actors.actors import risk
from genesis_actors.actors.risk import RiskActor
from genesis_actors.domain.limits import RiskLimits
from genesis_actors.messages.risk import RestoreFills
from genesis_actors.messages.venue import (
    CancelOrder,
    LookUpOrder,
    OrderAccepted,
    OrderMessage,
    OrderNotFound,
    OrderRefused,
    PastOrder,
    RestoreOrders,
    SettleOrder,
    TradesTold,
    VenueOutcome,
)
from genesis_actors.runtime.simulation import DeterministicRuntime
from genesis_actors.values import (
    ZERO,
    ClientOrderId,
    ExecutionId,
    OrderStatus,
    Reason,
    TradeId,
    VenueOrderId,
)
from tests.helpers import Probe
from tests.making import BTC, NOON, a_child, a_close, a_description, a_fill


class Desk:
    """A risk actor between two probes."""

    def __init__(self, simulation: DeterministicRuntime, limits: RiskLimits | None = None) -> None:
        self.simulation = simulation
        self.venue = Probe[OrderMessage]()
        self.outcomes = Probe[VenueOutcome]()
        self.risk: ActorRef[RiskActor] = RiskActor.start(
            simulation,
            limits=limits or RiskLimits(),
            venue=self.venue,
            outcomes=self.outcomes,
            failures=Probe(),
        )
        self.tell(a_description())

    def tell(self, *messages: object) -> None:
        for message in messages:
            self.risk.tell(message)
        self.simulation.run_until_quiet()


@pytest.fixture
def desk(simulation: DeterministicRuntime) -> Desk:
    return Desk(simulation)


def refusal(desk: Desk) -> OrderRefused:
    refused = desk.outcomes.messages[-1]
    assert isinstance(refused, OrderRefused)
    return refused


def test_an_order_within_all_limits_goes_on_to_the_venue(desk: Desk) -> None:
    order = a_child(quantity="10", volume="100")

    desk.tell(order)

    assert desk.venue.messages == [order]
    assert desk.outcomes.messages == []


def test_two_executions_together_never_take_more_than_the_rate_of_the_symbols_volume(
    desk: Desk,
) -> None:
    first = a_child("c1", quantity="7", volume="100")
    second = a_child("c2", quantity="7", volume="100", execution_id="x2")

    desk.tell(first, second)

    assert desk.venue.messages == [first]
    assert refusal(desk).reason is Reason.SYMBOL_PARTICIPATION_CAP
    assert refusal(desk).available_quantity == Decimal(3)
    assert (refusal(desk).limit, refusal(desk).actual) == (Decimal("3.0"), Decimal(7))


def test_what_was_filled_counts_as_long_as_it_lies_in_the_window(desk: Desk) -> None:
    first = a_child("c1", quantity="7")
    desk.tell(first, a_fill(first, quantity="7"), a_close(first, OrderStatus.FILLED))
    inside = a_child("c2", quantity="7", window_start=NOON - timedelta(seconds=1))
    outside = a_child("c3", quantity="7", window_start=NOON)

    desk.tell(inside, outside)

    assert desk.venue.messages == [first, outside]


@pytest.mark.parametrize("ending", ["closed", "never accepted"])
def test_a_reservation_is_released_once_when_the_order_ends(desk: Desk, ending: str) -> None:
    first, second = a_child("c1", quantity="10"), a_child("c2", quantity="10")
    end = (
        a_close(first)
        if ending == "closed"
        else OrderNotFound(
            at=NOON,
            execution_id=first.execution_id,
            client_order_id=first.client_order_id,
            asked_at=NOON,
            is_proof=True,
        )
    )

    desk.tell(first, end, end, second)

    assert desk.venue.messages == [first, second]
    assert desk.outcomes.messages == [end, end]


def test_not_found_without_proof_releases_nothing(desk: Desk) -> None:
    first = a_child("c1", quantity="10")
    doubt = OrderNotFound(
        at=NOON,
        execution_id=first.execution_id,
        client_order_id=first.client_order_id,
        asked_at=NOON,
        is_proof=False,
    )

    desk.tell(first, doubt, a_child("c2", quantity="1"))

    assert desk.venue.messages == [first]


def test_a_partial_fill_keeps_the_rest_reserved(desk: Desk) -> None:
    first = a_child("c1", quantity="10")
    late = NOON - timedelta(seconds=120)

    desk.tell(first, a_fill(first, quantity="4", at=late), a_child("c2", quantity="5"))

    assert refusal(desk).available_quantity == Decimal(4)


def test_an_order_above_the_operators_notional_is_refused_with_what_would_pass(
    simulation: DeterministicRuntime,
) -> None:
    desk = Desk(simulation, RiskLimits(max_order_notional=Decimal(250)))

    desk.tell(a_child(quantity="3"))

    assert refusal(desk).reason is Reason.MAX_ORDER_NOTIONAL
    assert refusal(desk).available_quantity == Decimal("2.5")
    assert desk.venue.messages == []


def test_a_price_far_from_the_mid_is_refused(desk: Desk) -> None:
    desk.tell(a_child(price="103"))

    assert refusal(desk).reason is Reason.PRICE_COLLAR
    assert (refusal(desk).limit, refusal(desk).actual) == (Decimal(200), Decimal("300.0000"))


def test_cancels_and_questions_are_never_refused(desk: Desk) -> None:
    cancel = CancelOrder(
        execution_id=ExecutionId("x1"), client_order_id=ClientOrderId("c9"), symbol=BTC
    )
    question = LookUpOrder(
        execution_id=ExecutionId("x1"), client_order_id=ClientOrderId("c9"), symbol=BTC
    )

    desk.tell(cancel, question)

    assert desk.venue.messages == [cancel, question]


def test_outcomes_of_orders_that_were_never_reserved_pass_through(desk: Desk) -> None:
    order = a_child("c9")
    accepted = OrderAccepted(
        at=NOON,
        execution_id=order.execution_id,
        client_order_id=order.client_order_id,
        venue_order_id=VenueOrderId("v1"),
    )
    outcomes = [accepted, a_fill(order, quantity="1"), a_close(order)]

    desk.tell(*outcomes)

    assert desk.outcomes.messages == outcomes


def test_a_symbol_described_again_keeps_its_reservations(desk: Desk) -> None:
    desk.tell(a_child("c1", quantity="10"), a_description(), a_description(rules=None))

    desk.tell(a_child("c2", quantity="1"))

    assert refusal(desk).reason is Reason.SYMBOL_PARTICIPATION_CAP


def test_a_fill_after_the_end_of_its_order_still_counts(desk: Desk) -> None:
    first = a_child("c1", quantity="10")
    desk.tell(first, a_close(first), a_fill(first, quantity="6"))

    desk.tell(a_child("c2", quantity="5"))

    assert refusal(desk).available_quantity == Decimal(4)


def test_what_a_recovered_execution_uses_is_taken_over_before_anything_is_sent(desk: Desk) -> None:
    open_order = PastOrder(
        client_order_id=ClientOrderId("c1"),
        fills=((TradeId("t1"), NOON, Decimal(3)),),
        settled_quantity=ZERO,
        reserved_quantity=Decimal(4),
    )
    ended = (ClientOrderId("c0"), TradeId("t0"), NOON, Decimal(1))
    heard = (ClientOrderId("c1"), TradeId("t1"), NOON, Decimal(3))
    desk.tell(
        RestoreFills(BTC, NOON, (ended, heard)),
        RestoreOrders(ExecutionId("x1"), BTC, Decimal(100), (open_order,)),
    )

    desk.tell(a_child("c2", quantity="3"))

    assert refusal(desk).available_quantity == Decimal(2)


def test_what_was_settled_of_an_earlier_run_counts_beyond_its_trades(desk: Desk) -> None:
    """Also where its execution has ended, and nothing else tells of it."""
    traded = (ClientOrderId("c1"), TradeId("t1"), NOON, Decimal(3))
    desk.tell(RestoreFills(BTC, NOON, (traded,), ((ClientOrderId("c1"), Decimal(5)),)))

    desk.tell(a_child("c2", quantity="6"))

    assert refusal(desk).available_quantity == Decimal(5)


def test_a_trade_counts_that_is_told_of_an_order_of_an_execution_that_has_ended(desk: Desk) -> None:
    ended = a_child("c1", quantity="4")
    desk.tell(RestoreFills(BTC, NOON, (), ((ended.client_order_id, ZERO),)))
    desk.tell(a_fill(ended, quantity="4"))

    desk.tell(a_child("c2", quantity="7"))

    assert refusal(desk).available_quantity == Decimal(6)


def test_only_so_many_orders_are_remembered(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(risk, "REMEMBERED_ORDERS", 1)
    first, second = a_child("c1", quantity="1"), a_child("c2", quantity="1")
    desk.tell(first, a_close(first), second)

    desk.tell(a_fill(first, quantity="1"), a_child("c3", quantity="9"))

    assert len(desk.venue.messages) == 3, "the fill of the forgotten order is not counted"


def test_a_trade_that_is_told_twice_counts_once(desk: Desk) -> None:
    first = a_child("c1", quantity="10")
    desk.tell(first, a_fill(first, quantity="4"), a_fill(first, quantity="4"), a_close(first))

    desk.tell(a_child("c2", quantity="7"))

    assert refusal(desk).available_quantity == Decimal(6)


def test_what_a_close_says_was_filled_stays_reserved_until_its_trades_are_told(desk: Desk) -> None:
    first = a_child("c1", quantity="10")
    desk.tell(first, a_close(first).model_copy(update={"filled_quantity": Decimal(4)}))

    desk.tell(a_child("c2", quantity="7"))
    assert refusal(desk).available_quantity == Decimal(6)

    desk.tell(a_fill(first, quantity="4"), a_child("c3", quantity="7"))
    assert refusal(desk).available_quantity == Decimal(6)


def test_a_settled_order_reserves_nothing_more_and_the_gate_hears_of_it(desk: Desk) -> None:
    first = a_child("c1", quantity="10")
    settled = SettleOrder(
        execution_id=first.execution_id,
        client_order_id=first.client_order_id,
        symbol=BTC,
        filled_quantity=Decimal(3),
    )
    desk.tell(settled, first, settled, a_child("c2", quantity="8"))

    assert desk.venue.messages == [settled, first, settled]
    assert refusal(desk).available_quantity == Decimal(7), "what was filled counts as filled"


def test_that_all_trades_are_told_comes_behind_them(desk: Desk) -> None:
    first = a_child("c1", quantity="1")
    told = TradesTold(at=NOON, symbol=BTC, is_complete=True)

    desk.tell(first, a_fill(first, quantity="1"), told)

    assert desk.outcomes.messages == [a_fill(first, quantity="1"), told]
