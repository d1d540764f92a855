from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from pykka import ActorRef

from genesis_actors.actors import risk
from genesis_actors.actors.past import past_orders
from genesis_actors.actors.risk import RiskActor
from genesis_actors.domain.limits import RiskLimits
from genesis_actors.domain.portfolio import CorrelationRules
from genesis_actors.domain.tiers import TierRules
from genesis_actors.messages.account import AccountEvent
from genesis_actors.messages.persistence import AccountWritten, WriteAccount
from genesis_actors.messages.risk import (
    DayTraded,
    JudgeParent,
    ParentJudged,
    PastPosition,
    RestoreAccount,
    RestoreFills,
)
from genesis_actors.messages.supervisor import Halt
from genesis_actors.messages.venue import (
    CancelOrder,
    LookUpOrder,
    OrderAccepted,
    OrderMessage,
    OrderNotFound,
    OrderRefused,
    PastOrder,
    PlaceOrder,
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
    Side,
    Symbol,
    TradeId,
    VenueOrderId,
)
from tests.domain import executions
from tests.helpers import Probe
from tests.making import BTC, NOON, a_child, a_close, a_description, a_fill


class AccountJournal:
    """Writes the account's journal as soon as it is asked to, unless it is held up."""

    def __init__(self) -> None:
        self.events: list[AccountEvent] = []
        self.is_held_up = False
        self.held_up: list[WriteAccount] = []

    def tell(self, message: WriteAccount) -> None:
        if self.is_held_up:
            self.held_up.append(message)
            return
        assert message.first_version == len(self.events) + 1
        self.events += message.events
        message.reply_to.tell(AccountWritten(len(self.events)))


class Desk:
    """A risk actor between two probes."""

    def __init__(
        self,
        simulation: DeterministicRuntime,
        limits: RiskLimits | None = None,
        *,
        tiers: TierRules | None = None,
        correlation: CorrelationRules | None = None,
    ) -> None:
        self.simulation = simulation
        self.venue = Probe[OrderMessage]()
        self.outcomes = Probe[VenueOutcome]()
        self.halts = Probe[Halt]()
        self.journal = AccountJournal()
        self.risk: ActorRef[RiskActor] = RiskActor.start(
            simulation,
            limits=limits or RiskLimits(),
            tiers=tiers or TierRules(),
            correlation=correlation or CorrelationRules(),
            journal=self.journal,
            venue=self.venue,
            outcomes=self.outcomes,
            halts=self.halts,
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
        price=Decimal(100),
    )
    ended = (ClientOrderId("c0"), TradeId("t0"), NOON, Decimal(1))
    heard = (ClientOrderId("c1"), TradeId("t1"), NOON, Decimal(3))
    desk.tell(
        RestoreFills(BTC, NOON, (ended, heard)),
        RestoreOrders(ExecutionId("x1"), BTC, Side.BUY, Decimal(100), (open_order,)),
    )

    desk.tell(a_child("c2", quantity="3"))

    assert refusal(desk).available_quantity == Decimal(2)


def test_what_was_settled_of_an_earlier_run_counts_beyond_its_trades(desk: Desk) -> None:
    """Also where its execution has ended, and nothing else tells of it."""
    traded = (ClientOrderId("c1"), TradeId("t1"), NOON, Decimal(3))
    desk.tell(RestoreFills(BTC, NOON, (traded,), ((ClientOrderId("c1"), Side.BUY, Decimal(5)),)))

    desk.tell(a_child("c2", quantity="6"))

    assert refusal(desk).available_quantity == Decimal(5)


def test_what_was_settled_of_an_earlier_run_counts_without_a_trade(desk: Desk) -> None:
    """As most of what is settled is: nothing was heard of it, which is why somebody had to say it."""
    desk.tell(RestoreFills(BTC, NOON, (), ((ClientOrderId("c1"), Side.BUY, Decimal(5)),)))

    desk.tell(a_child("c2", quantity="6"))

    assert refusal(desk).available_quantity == Decimal(5)


@pytest.mark.parametrize("is_found", [False, True])
@pytest.mark.parametrize(("ago", "available"), [(59, 5), (60, 10)])
def test_what_was_settled_counts_from_when_it_was_said_however_old_its_order_is(
    desk: Desk, ago: int, available: int, *, is_found: bool
) -> None:
    """And counts once, where the tables tell of it, too, as of something that was filled then."""
    at, name = NOON - timedelta(seconds=ago), ClientOrderId("c1")
    trade, traded_at = TradeId("t1"), NOON - timedelta(minutes=30)
    settled = PastOrder(
        client_order_id=name,
        fills=((trade, traded_at, Decimal(3)),),
        settled_quantity=Decimal(5),
        reserved_quantity=ZERO,
        price=Decimal(100),
        settled_at=at,
    )
    if is_found:
        traded = (name, trade, traded_at, Decimal(3))
        desk.tell(RestoreFills(BTC, at, (traded,), ((name, Side.BUY, Decimal(8)),)))
    desk.tell(RestoreOrders(ExecutionId("x1"), BTC, Side.BUY, Decimal(100), (settled,)))

    desk.tell(a_child("c2", quantity="11"))

    assert refusal(desk).available_quantity == Decimal(available)


def test_a_recovered_execution_tells_when_what_of_it_was_settled() -> None:
    trader = executions.Desk(executions.execution())
    trader.at(15).look()
    trader.lose_answer()
    trader.at(20).settle("0.7")

    [order] = past_orders(trader.execution).orders

    assert order.settled_quantity == Decimal("0.7")
    assert order.settled_at == NOON + timedelta(seconds=20)


def test_a_trade_counts_that_is_told_of_an_order_of_an_execution_that_has_ended(desk: Desk) -> None:
    ended = a_child("c1", quantity="4")
    desk.tell(RestoreFills(BTC, NOON, (), ((ended.client_order_id, Side.BUY, ZERO),)))
    desk.tell(a_fill(ended, quantity="4"))

    desk.tell(a_child("c2", quantity="7"))

    assert refusal(desk).available_quantity == Decimal(6)


def test_only_so_many_orders_are_remembered(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(risk, "REMEMBERED_ORDERS", 1)
    first, second = a_child("c1", quantity="1"), a_child("c2", quantity="1")
    desk.tell(first, a_close(first), second)

    desk.tell(a_fill(first, quantity="1"), a_child("c3", quantity="9"))

    assert len(desk.venue.messages) == 3, "the fill of the forgotten order is not counted"


def test_an_order_without_an_outcome_is_never_forgotten(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(risk, "REMEMBERED_ORDERS", 2)
    desk.tell(*(a_child(f"c{number}", quantity="1") for number in range(5)))

    desk.tell(a_child("c5", quantity="6"))

    assert refusal(desk).available_quantity == Decimal(5), "of 10, with five reserved"


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


def sold(order: PlaceOrder) -> PlaceOrder:
    return order.model_copy(update={"side": Side.SELL})


def resting(order: PlaceOrder) -> PlaceOrder:
    return order.model_copy(update={"resting": True})


def test_what_is_held_and_reserved_never_exceeds_the_symbols_exposure(
    simulation: DeterministicRuntime,
) -> None:
    desk = Desk(simulation, RiskLimits(max_symbol_exposure=Decimal(1_000)))
    first = a_child("c1", quantity="4")
    desk.tell(
        first,
        a_fill(first, quantity="4"),
        a_close(first),
        a_child("c2", quantity="3", volume="900"),
    )

    desk.tell(a_child("c3", quantity="4", volume="900"))

    refused = refusal(desk)
    assert refused.reason is Reason.MAX_SYMBOL_EXPOSURE
    assert (refused.limit, refused.actual) == (Decimal(1_000), Decimal(1_100))
    assert refused.available_quantity == Decimal(3)
    assert not refused.is_permanent, "what is reserved may come back"


def test_a_position_that_fills_its_limit_refuses_for_good_but_may_be_reduced(
    simulation: DeterministicRuntime,
) -> None:
    desk = Desk(simulation, RiskLimits(max_symbol_exposure=Decimal(1_000)))
    first = a_child("c1", quantity="10")
    desk.tell(first, a_fill(first, quantity="10"), a_close(first))

    desk.tell(a_child("c2", quantity="1", volume="900"))
    assert refusal(desk).reason is Reason.MAX_SYMBOL_EXPOSURE
    assert refusal(desk).is_permanent

    reducing = sold(a_child("c3", quantity="20", volume="900"))
    desk.tell(reducing)
    assert desk.venue.messages[-1] == reducing


def test_the_account_is_taken_over_before_anything_is_sent(
    simulation: DeterministicRuntime,
) -> None:
    desk = Desk(
        simulation,
        RiskLimits(max_portfolio_exposure=Decimal(1_000), max_daily_loss=Decimal(50)),
    )
    ether = PastPosition(Symbol("ETH/USDT"), Decimal(-3), Decimal(200))
    desk.tell(RestoreAccount((ether,)))

    desk.tell(a_child("c1", quantity="5"))
    assert refusal(desk).reason is Reason.MAX_PORTFOLIO_EXPOSURE
    assert refusal(desk).available_quantity == Decimal(4)
    assert refusal(desk).actual == Decimal(1_100)

    today = DayTraded(BTC, simulation.clock.now().date(), Decimal(1), Decimal(-160))
    yesterday = replace(today, day=today.day - timedelta(days=1))
    desk.tell(RestoreAccount((), (yesterday,)), a_child("c2", quantity="1"))
    assert desk.venue.messages[-1] == a_child("c2", quantity="1")

    desk.tell(RestoreAccount((), (today,)), a_child("c3", quantity="1"))
    assert refusal(desk).reason is Reason.MAX_DAILY_LOSS


def test_the_days_loss_halts_everything(simulation: DeterministicRuntime) -> None:
    desk = Desk(simulation, RiskLimits(max_daily_loss=Decimal(50)))
    now = simulation.clock.now()
    first = a_child("c1", quantity="10")
    fill = a_fill(first, quantity="10", at=now).model_copy(update={"price": Decimal(105)})
    desk.tell(first, fill, a_close(first))

    desk.tell(a_child("c2", quantity="1", volume="900"))

    assert refusal(desk).reason is Reason.MAX_DAILY_LOSS
    assert (refusal(desk).limit, refusal(desk).actual) == (Decimal(50), Decimal(50))
    [halt] = desk.halts.messages
    assert halt.reason == "max_daily_loss: the day's trades have lost 50, of 50 that they may"


def test_a_restricted_symbol_is_refused_for_good(simulation: DeterministicRuntime) -> None:
    desk = Desk(simulation, RiskLimits(restricted_symbols=frozenset({BTC})))

    desk.tell(a_child())

    assert refusal(desk).reason is Reason.RESTRICTED_SYMBOL
    assert refusal(desk).is_permanent


def test_more_orders_than_the_second_allows_are_refused_until_it_is_over(
    simulation: DeterministicRuntime,
) -> None:
    desk = Desk(simulation, RiskLimits(max_orders_per_second=2))
    desk.tell(*(a_child(f"c{number}", quantity="1") for number in (1, 2, 3)))

    assert refusal(desk).reason is Reason.ORDER_RATE
    assert (refusal(desk).limit, refusal(desk).actual) == (Decimal(2), Decimal(3))

    simulation.run_until(lambda: False, deadline=simulation.clock.now() + timedelta(seconds=1))
    simulation.clock.move_to(simulation.clock.now() + timedelta(seconds=1))
    desk.tell(a_child("c4", quantity="1"))
    assert len(desk.venue.messages) == 3


def test_an_order_that_would_meet_our_own_waits_until_that_has_given_way(desk: Desk) -> None:
    ours = resting(sold(a_child("c1", quantity="1", price="100", execution_id="x2")))
    desk.tell(ours, a_child("c2", quantity="1", price="100"))

    assert refusal(desk).reason is Reason.SELF_TRADE
    assert (refusal(desk).limit, refusal(desk).actual) == (Decimal(100), Decimal(100))
    assert not refusal(desk).is_permanent
    assert desk.venue.messages[-1] == CancelOrder(
        execution_id=ours.execution_id, client_order_id=ours.client_order_id, symbol=BTC
    )

    again = resting(sold(a_child("c3", quantity="1", price="100", execution_id="x2")))
    desk.tell(a_close(ours), again)
    assert refusal(desk).client_order_id == "c3", "it would be in the way again"

    taking = a_child("c4", quantity="1", price="100")
    desk.tell(taking, again)
    assert desk.venue.messages[-2:] == [taking, again]


def test_our_own_order_at_a_worse_price_is_not_met(desk: Desk) -> None:
    ours = resting(sold(a_child("c1", quantity="1", price="100.5", execution_id="x2")))
    order = a_child("c2", quantity="1", price="100.4")

    desk.tell(ours, order)

    assert desk.venue.messages == [ours, order]


def test_what_the_operator_says_of_an_order_is_no_trade_beside_the_one_that_comes_later(
    simulation: DeterministicRuntime,
) -> None:
    desk = Desk(simulation, RiskLimits(max_symbol_exposure=Decimal(1_000)))
    first = a_child("c1", quantity="10")
    said = SettleOrder(
        execution_id=first.execution_id,
        client_order_id=first.client_order_id,
        symbol=BTC,
        filled_quantity=Decimal(6),
    )

    desk.tell(first, said, a_fill(first, quantity="6"), a_child("c2", quantity="5", volume="900"))

    assert refusal(desk).available_quantity == Decimal(4)


@pytest.mark.parametrize(
    ("limits", "quantity", "reason"),
    [
        (RiskLimits(max_symbol_exposure=Decimal(1_000)), "10", None),
        (RiskLimits(max_symbol_exposure=Decimal(1_000)), "10.1", Reason.MAX_SYMBOL_EXPOSURE),
        (RiskLimits(max_portfolio_exposure=Decimal(1_000)), "10.1", Reason.MAX_PORTFOLIO_EXPOSURE),
        (RiskLimits(restricted_symbols=frozenset({BTC})), "1", Reason.RESTRICTED_SYMBOL),
        (RiskLimits(), "1000000", None),
    ],
)
def test_what_could_never_be_filled_is_not_begun(
    simulation: DeterministicRuntime, limits: RiskLimits, quantity: str, reason: Reason | None
) -> None:
    desk, answers = Desk(simulation, limits), Probe[ParentJudged]()
    desk.tell(
        JudgeParent(
            execution_id=ExecutionId("x1"),
            symbol=BTC,
            side=Side.BUY,
            quantity=Decimal(quantity),
            mid=Decimal(100),
            reply_to=answers,
        )
    )

    assert [answer.reason for answer in answers.messages] == [reason]
