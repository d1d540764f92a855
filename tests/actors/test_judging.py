"""Parent orders as the risk actor judges them: by tier, and by what moves together."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from genesis_actors.domain.limits import RiskLimits
from genesis_actors.domain.portfolio import CorrelationRules
from genesis_actors.domain.tiers import TierRules
from genesis_actors.messages.account import TierChanged
from genesis_actors.messages.persistence import AccountNotWritten, AccountWritten
from genesis_actors.messages.risk import (
    AskPortfolio,
    JudgeParent,
    MidSampled,
    PairCorrelation,
    ParentEnded,
    ParentJudged,
    PastPosition,
    PortfolioSeen,
    RestoreAccount,
)
from genesis_actors.messages.venue import (
    AmendParent,
    Balance,
    CancelOrder,
    OrderRefused,
    RestoreOrders,
)
from genesis_actors.runtime.simulation import DeterministicRuntime
from genesis_actors.values import Algo, ExecutionId, Reason, Side, Symbol, TradingTier
from tests.actors.test_risk import Desk
from tests.helpers import Probe
from tests.making import BTC, NOON, a_child, a_description, a_fill

ETH = Symbol("ETH/USDT")
SNIPER, HUNTER, STRATEGIST = TradingTier
SOON = CorrelationRules(min_samples=4, prior_samples=0)
WALK = (100, 101, 99, 104, 103, 107, 101, 102)


class Bench:
    """Somebody who has orders judged, on an account whose cash the test says."""

    def __init__(
        self,
        simulation: DeterministicRuntime,
        limits: RiskLimits | None = None,
        tiers: TierRules | None = None,
    ) -> None:
        self.desk = Desk(simulation, limits, tiers=tiers, correlation=SOON)
        self.answers = Probe[ParentJudged]()
        self.cash("20000")

    def cash(self, free: str, held: str = "0", btc: str = "0") -> None:
        balances = (
            Balance(currency="USDT", free=Decimal(free), held=Decimal(held)),
            Balance(currency="BTC", free=Decimal(btc)),
        )
        self.desk.tell(a_description().model_copy(update={"balances": balances}))

    def ask(
        self,
        name: str = "x1",
        *,
        symbol: Symbol = BTC,
        side: Side = Side.BUY,
        quantity: str = "10",
        algo: Algo = Algo.TWAP,
        mid: str | None = "100",
        is_amendment: bool = False,
    ) -> None:
        self.desk.tell(
            JudgeParent(
                execution_id=ExecutionId(name),
                algo=algo,
                symbol=symbol,
                side=side,
                quantity=Decimal(quantity),
                mid=None if mid is None else Decimal(mid),
                is_amendment=is_amendment,
                reply_to=self.answers,
            )
        )

    def judged(self, name: str = "x1", **wish: object) -> ParentJudged:
        self.ask(name, **wish)  # pyright: ignore[reportArgumentType]
        return self.answers.messages[-1]

    def move_together(self) -> None:
        for number, mid in enumerate(WALK):
            for symbol, times in ((BTC, 1), (ETH, 2)):
                self.desk.tell(MidSampled(symbol, number, Decimal(mid * times)))

    @property
    def tiers(self) -> list[TradingTier]:
        return [event.after for event in self.desk.journal.events]

    def portfolio(self) -> PortfolioSeen:
        seen = Probe[PortfolioSeen]()
        self.desk.tell(AskPortfolio(seen))
        return seen.messages[-1]


@pytest.fixture
def bench(simulation: DeterministicRuntime) -> Bench:
    return Bench(simulation)


# --- Tiers ---


def test_the_first_order_finds_out_the_tier_and_the_next_ones_keep_it(bench: Bench) -> None:
    first, second = bench.judged(), bench.judged("x2")

    assert (first.reason, first.tier) == (None, STRATEGIST)
    assert (second.reason, second.tier) == (None, STRATEGIST)
    assert bench.desk.journal.events == [
        TierChanged(
            at=NOON,
            before=None,
            after=STRATEGIST,
            equity=Decimal(20_000),
            currency="USDT",
            threshold=Decimal(10_000),
        )
    ]


@pytest.mark.parametrize(
    ("cash", "begins"),
    [
        ("100", {Algo.MARKET}),
        ("2000", {Algo.MARKET, Algo.ICEBERG}),
        ("10000", {Algo.MARKET, Algo.ICEBERG, Algo.TWAP}),
    ],
)
def test_a_tier_lets_begin_what_it_is_for(bench: Bench, cash: str, begins: set[Algo]) -> None:
    bench.cash(cash)

    assert {algo for algo in Algo if bench.judged(algo, algo=algo).reason is None} == begins


def test_the_equity_is_of_the_newest_prices_and_balances(bench: Bench) -> None:
    def equity(mid: str | None) -> Decimal | None:
        bench.ask(mid=mid)
        return bench.portfolio().equity

    bench.cash("20000", btc="10")
    assert (equity("100"), equity("100"), equity("110")) == (21_000, 21_000, 21_100)
    bench.cash("20000", btc="20")
    assert equity("110") == 22_200
    bench.desk.tell(MidSampled(BTC, 1, Decimal(120)))
    assert equity(None) == 22_400


def test_a_refusal_has_the_equity_the_tier_and_the_threshold(bench: Bench) -> None:
    bench.cash("1000", held="1500", btc="5")

    judged = bench.judged()

    assert judged.reason is Reason.TIER_TOO_LOW
    assert (judged.tier, judged.currency) == (HUNTER, "USDT")
    assert (judged.limit, judged.actual) == (Decimal(10_000), Decimal(3_000))


def test_what_runs_goes_on_when_the_tier_is_lost_and_new_orders_do_not_begin(bench: Bench) -> None:
    bench.ask()
    running = a_child("c1", quantity="1", volume="1000")
    bench.desk.tell(running, a_fill(running, quantity="1"))

    bench.cash("9500")
    assert bench.judged("x2").reason is None  # Within the band.
    bench.cash("500")
    refused = bench.judged("x3")
    later = a_child("c2", quantity="1", volume="1000")
    cancel = CancelOrder(
        execution_id=running.execution_id, client_order_id=later.client_order_id, symbol=BTC
    )
    bench.desk.tell(later, cancel)

    assert refused.reason is Reason.TIER_TOO_LOW
    assert bench.tiers == [STRATEGIST, SNIPER]
    assert bench.desk.venue.messages == [running, later, cancel]


def test_nothing_is_judged_on_a_tier_that_is_not_durable(bench: Bench) -> None:
    journal = bench.desk.journal
    journal.is_held_up = True
    bench.ask("x1")
    bench.ask("x2", algo=Algo.MARKET)
    assert bench.answers.messages == []

    (write,) = journal.held_up
    journal.events += write.events
    bench.desk.tell(AccountWritten(write.first_version))

    assert [judged.execution_id for judged in bench.answers.messages] == ["x1", "x2"]


def test_an_outage_leaves_orders_unanswered_to_be_asked_again(bench: Bench) -> None:
    bench.desk.journal.is_held_up = True
    bench.ask()

    bench.desk.tell(AccountNotWritten("disk full", is_outage=True))

    assert bench.answers.messages == []
    assert bench.desk.risk.is_alive()


def test_a_change_that_the_journal_does_not_take_is_a_failure(bench: Bench) -> None:
    bench.desk.journal.is_held_up = True
    bench.ask()

    bench.desk.tell(AccountNotWritten("version conflict"))

    assert not bench.desk.risk.is_alive()


def test_a_tier_of_an_earlier_run_is_taken_over(bench: Bench) -> None:
    before = TierChanged(
        at=NOON,
        before=None,
        after=STRATEGIST,
        equity=Decimal(10_000),
        currency="USDT",
        threshold=Decimal(10_000),
    )
    bench.desk.journal.events.append(before)
    bench.desk.tell(RestoreAccount(events=(before,)))
    assert bench.portfolio().tier is STRATEGIST

    bench.cash("9600")

    assert bench.judged().reason is None
    assert bench.tiers == [STRATEGIST]


def test_without_a_price_of_what_is_held_nothing_is_known_but_cancels_pass(bench: Bench) -> None:
    bench.cash("100", btc="1000")

    assert bench.judged(mid=None).reason is Reason.EQUITY_UNKNOWN
    assert bench.tiers == []
    assert bench.judged("x2").reason is None
    assert bench.tiers == [STRATEGIST]


def test_the_operator_may_name_a_tier(simulation: DeterministicRuntime) -> None:
    bench = Bench(simulation, tiers=TierRules(override=HUNTER))

    assert bench.judged().reason is Reason.TIER_TOO_LOW
    assert bench.judged("x2", algo=Algo.ICEBERG).reason is None
    assert [event.is_override for event in bench.desk.journal.events] == [True]


# --- What moves together ---


def test_two_that_begin_at_the_same_time_see_each_other(bench: Bench) -> None:
    bench.move_together()

    first = bench.judged("x1", symbol=BTC)
    alike = bench.judged("x2", symbol=ETH)
    against = bench.judged("x3", symbol=ETH, side=Side.SELL)

    assert (first.reason, against.reason) == (None, None)
    assert alike.reason is Reason.CORRELATION_CRITICAL
    assert (alike.other, alike.limit, alike.actual) == (BTC, Decimal("0.80"), Decimal(1))


def test_what_has_ended_or_been_amended_stands_in_nobodys_way(bench: Bench) -> None:
    bench.move_together()
    bench.ask("x1")
    assert bench.judged("x2", symbol=ETH).reason is Reason.CORRELATION_CRITICAL

    bench.desk.tell(AmendParent(execution_id=ExecutionId("x1"), quantity=Decimal("0.5")))
    assert bench.judged("x3", symbol=ETH).reason is None  # 50 USDT: too little to count.
    bench.desk.tell(ParentEnded(execution_id=ExecutionId("x3")))

    bench.ask("x4")
    bench.desk.tell(ParentEnded(execution_id=ExecutionId("x4")))
    assert bench.judged("x5", symbol=ETH).reason is None


def test_what_was_bought_counts_when_its_execution_is_over(bench: Bench) -> None:
    bench.move_together()
    bench.ask("x1")
    child = a_child("c1", quantity="4", volume="1000")
    bench.desk.tell(child, a_fill(child, quantity="4"))
    assert bench.portfolio().exposure == 1_000  # 4 of them held, 6 intended.

    bench.desk.tell(ParentEnded(execution_id=ExecutionId("x1")))

    assert bench.portfolio().exposure == 400
    assert bench.judged("x2", symbol=ETH).reason is Reason.CORRELATION_CRITICAL


def test_an_order_that_only_takes_back_what_is_held_always_begins(bench: Bench) -> None:
    bench.move_together()
    for symbol, quantity in ((BTC, "10"), (ETH, "-5")):
        held = PastPosition(symbol, Decimal(quantity), Decimal(100))
        bench.desk.tell(RestoreAccount(positions=(held,)))

    back = bench.judged("x1", symbol=ETH, quantity="5")
    no_longer = bench.judged("x2", symbol=ETH, quantity="1")  # Others take it back already.

    assert back.reason is None
    assert no_longer.reason is Reason.CORRELATION_CRITICAL


def test_what_others_intend_lets_nothing_begin_that_would_add(bench: Bench) -> None:
    bench.move_together()
    held = PastPosition(BTC, Decimal(10), Decimal(100))
    bench.desk.tell(RestoreAccount(positions=(held,)))
    opposing = bench.judged("x1", symbol=ETH, side=Side.SELL, quantity="8")
    unwinding = bench.judged("x2", symbol=BTC, side=Side.SELL, quantity="10")

    refused = bench.judged("x3", symbol=ETH, quantity="4")

    assert (opposing.reason, unwinding.reason) == (None, None)
    assert (refused.reason, refused.other) == (Reason.CORRELATION_CRITICAL, BTC)


def test_or_it_begins_smaller(simulation: DeterministicRuntime) -> None:
    limits = RiskLimits(scales_correlated=True, correlation_critical=Decimal("0.50"))
    bench = Bench(simulation, limits)
    for number, mid in enumerate(WALK):
        bench.desk.tell(MidSampled(BTC, number, Decimal(mid)))
        bench.desk.tell(MidSampled(ETH, number, Decimal(mid + number % 3)))
    bench.ask("x1")

    judged = bench.judged("x2", symbol=ETH)

    assert (judged.reason, judged.cut_by) == (None, Reason.CORRELATION_CRITICAL)
    assert judged.actual is not None
    assert judged.available_quantity is not None
    assert judged.available_quantity == 10 * (1 - judged.actual) / Decimal("0.50")
    assert 0 < judged.available_quantity < 10
    seen = bench.portfolio()
    assert seen.exposure == 1_000 + judged.available_quantity * 100
    assert seen.pairs == (PairCorrelation(BTC, ETH, judged.actual),)
    assert judged.actual < 1
    assert 1_000 < seen.correlated_exposure < seen.exposure


def test_open_executions_of_an_earlier_run_count(bench: Bench) -> None:
    bench.move_together()
    past = RestoreOrders(ExecutionId("x0"), BTC, Side.BUY, Decimal(10), ())
    bench.desk.tell(replace(past), replace(past))
    bench.ask("x1", quantity="0.1")  # So that there is a price.

    assert bench.portfolio().exposure == Decimal(1010)
    assert bench.judged("x2", symbol=ETH).reason is Reason.CORRELATION_CRITICAL


def test_a_child_meets_what_moves_with_it(simulation: DeterministicRuntime) -> None:
    bench = Bench(simulation, RiskLimits(max_correlated_exposure=Decimal(1_500)))
    bench.move_together()
    held = PastPosition(ETH, Decimal(5), Decimal(200))
    bench.desk.tell(RestoreAccount(positions=(held,)))
    bench.desk.tell(a_child("c1", quantity="5", volume="1000"))
    bench.desk.tell(a_child("c2", quantity="1", volume="1000"))

    refused = bench.desk.outcomes.messages[-1]

    assert len(bench.desk.venue.messages) == 1
    assert isinstance(refused, OrderRefused)
    assert refused.reason is Reason.MAX_CORRELATED_EXPOSURE
    assert (refused.client_order_id, refused.actual) == ("c2", Decimal(1_600))


def test_a_larger_quantity_meets_what_a_new_order_meets_but_for_the_tier(
    simulation: DeterministicRuntime,
) -> None:
    bench = Bench(simulation, RiskLimits(max_symbol_exposure=Decimal(2_000)))
    bench.ask("x1")
    bench.ask("x2", symbol=ETH, quantity="2")
    child = a_child("c1", quantity="4", volume="1000")
    bench.desk.tell(child, a_fill(child, quantity="4"))
    bench.move_together()
    bench.cash("1")

    adding = bench.judged("x2", symbol=ETH, quantity="3", is_amendment=True)
    bench.desk.tell(ParentEnded(execution_id=ExecutionId("x2")))
    fitting = bench.judged("x1", quantity="20", is_amendment=True)  # 4 of them held already.
    too_much = bench.judged("x1", quantity="20.1", mid=None, is_amendment=True)

    assert (adding.reason, adding.other) == (Reason.CORRELATION_CRITICAL, BTC)
    assert fitting.reason is None
    assert too_much.reason is Reason.MAX_SYMBOL_EXPOSURE
    assert bench.tiers == [STRATEGIST]
    assert bench.portfolio().exposure == 1_000  # Nothing more is intended until it is amended.
