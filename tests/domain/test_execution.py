"""The state: its fold, its snapshot, and whole plays in which nothing that is promised may break."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from genesis_actors.domain.evolve import evolve, fold
from genesis_actors.domain.execution import Execution, restore, snapshot
from genesis_actors.domain.proof import NO_DELAYS, ProofRules
from genesis_actors.messages.events import ChildSent
from genesis_actors.values import (
    ZERO,
    ClientOrderId,
    ExecutionState,
    Liquidity,
    OnDeadline,
    OnSlippage,
    OrderStatus,
    Reason,
    Side,
    SliceStatus,
    Style,
)
from tests.domain.executions import (
    EAGER,
    EXECUTION_ID,
    NOON,
    Desk,
    accepted,
    execution,
    seconds,
    started,
)
from tests.domain.plays import Fault, Play, PricePath, Scenario, VolumePath

SCENARIOS = st.builds(
    Scenario,
    seed=st.integers(0, 2**32),
    side=st.sampled_from(Side),
    style=st.sampled_from(Style),
    on_deadline=st.sampled_from(OnDeadline),
    on_slippage=st.sampled_from(OnSlippage),
    quantity_lots=st.integers(1, 60_000),
    lot=st.sampled_from([Decimal("0.01"), Decimal("0.003"), Decimal(1)]),
    min_notional=st.sampled_from([Decimal(5), ZERO, Decimal(50)]),
    max_quantity_lots=st.none() | st.integers(100, 10_000),
    minutes=st.sampled_from([5, 7, 12]),
    slices=st.integers(1, 15),
    jitter=st.sampled_from([ZERO, Decimal("0.3")]),
    price=st.sampled_from(PricePath),
    volume=st.sampled_from(VolumePath),
    near_midnight=st.booleans(),
    has_profile=st.booleans(),
    has_late_quote=st.booleans(),
    limit_bps=st.none() | st.integers(-20, 30),
    threshold=st.sampled_from([ZERO, Decimal("0.001"), Decimal("0.002")]),
    target_bps=st.none() | st.integers(-10, 30),
    max_slippage_bps=st.none() | st.integers(0, 40),
    faults=st.frozensets(st.sampled_from(Fault)),
    proof=st.sampled_from(
        [
            NO_DELAYS,
            ProofRules(request_expiry=seconds(5), read_lag=seconds(2)),
            ProofRules(request_expiry=None, read_lag=seconds(2), answer_timeout=seconds(5)),
        ]
    ),
)

CALM_MARKET = st.builds(
    Scenario,
    seed=st.integers(0, 2**32),
    side=st.sampled_from(Side),
    quantity_lots=st.integers(100, 5_000),
    price=st.sampled_from(PricePath),
    slices=st.integers(1, 10),
    on_deadline=st.sampled_from(OnDeadline),
)

BRIEFLY = settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow], database=None
)


@BRIEFLY
@given(SCENARIOS)
def test_no_market_venue_or_user_breaks_what_is_promised(scenario: Scenario) -> None:
    Play(scenario).run()


@settings(BRIEFLY, max_examples=15)
@given(CALM_MARKET)
def test_with_steady_volume_and_no_faults_everything_is_filled_and_nothing_waits(
    scenario: Scenario,
) -> None:
    play = Play(scenario).run()

    assert play.execution.state in {ExecutionState.COMPLETED, ExecutionState.INCOMPLETE}
    assert play.execution.filled_quantity > ZERO


@pytest.mark.parametrize("faults", [frozenset[Fault](), frozenset(Fault)])
def test_a_seed_plays_the_same_twice(faults: frozenset[Fault]) -> None:
    scenario = Scenario(seed=11, faults=faults, has_profile=True)
    first, second = Play(scenario).run(), Play(scenario).run()

    assert first.events == second.events
    assert first.sent == second.sent


# --- The fold ----------------------------------------------------------------------------------------


def test_a_journal_begins_with_the_acceptance_and_has_one() -> None:
    sent = ChildSent(execution_id=EXECUTION_ID, at=NOON, client_order_id=ClientOrderId("c"))
    with pytest.raises(ValueError, match="begins with TwapAccepted, not with ChildSent"):
        evolve(None, sent)

    with pytest.raises(ValueError, match="accepted once"):
        fold(None, (accepted(), accepted()))


def test_an_empty_journal_is_no_execution() -> None:
    assert fold(None, ()) is None


def test_an_accepted_execution_is_queued_and_a_started_one_runs() -> None:
    queued = evolve(None, accepted("2"))
    running = evolve(queued, started(["1", "1"], duration=seconds(300)))

    assert queued.state is ExecutionState.QUEUED
    assert queued.remaining_quantity == 2
    assert running.state is ExecutionState.RUNNING
    assert running.version == 2
    assert running.slices_total == 2
    assert running.slice_interval == seconds(150)


def test_a_slice_waits_a_sixth_of_its_interval_before_it_tries_again_from_1_to_10_seconds() -> None:
    def retry_of(count: int, minutes: int) -> float:
        x = execution(["1"] * count, duration=seconds(60 * minutes))
        return x.retry_interval.total_seconds()

    assert retry_of(count=10, minutes=5) == 5
    assert retry_of(count=100, minutes=5) == 1
    assert retry_of(count=1, minutes=30) == 10


def test_a_snapshot_is_the_state_exactly() -> None:
    desk = Desk(execution(["1", "1.01"], defaults=EAGER, jitter=Decimal("0.1")))
    desk.at(75).look()
    desk.fill("0.33", "100.005", fee_currency="BTC")

    assert restore(snapshot(desk.execution)) == desk.execution


def test_a_snapshot_that_says_also_what_is_as_it_began_is_read() -> None:
    """As they all did once."""
    desk = Desk(execution(["1", "1.01"], defaults=EAGER))
    desk.at(75).look()
    whole = TypeAdapter(Execution).dump_json(desk.execution).decode()

    assert "amended_plan_at" in whole
    assert "amended_plan_at" not in snapshot(desk.execution)
    assert restore(whole) == desk.execution


def test_filled_working_unknown_and_remaining_add_up() -> None:
    desk = Desk(execution())
    desk.at(15).look()
    desk.fill("0.4")

    def parts(x: Execution) -> tuple[Decimal, ...]:
        return x.filled_quantity, x.working_quantity, x.unknown_quantity, x.remaining_quantity

    assert parts(desk.execution) == (Decimal("0.4"), Decimal("0.6"), ZERO, Decimal(9))
    desk.lose_answer()
    assert parts(desk.execution) == (Decimal("0.4"), ZERO, Decimal("0.6"), Decimal(9))
    desk.not_found(is_proof=True)
    assert parts(desk.execution) == (Decimal("0.4"), ZERO, ZERO, Decimal("9.6"))


# --- Children and their fills ------------------------------------------------------------------------


def test_a_child_is_pending_sent_partial_and_filled_in_turn() -> None:
    desk = Desk(execution(), is_slow=True)
    desk.at(15).look()
    assert desk.child().status is OrderStatus.PENDING
    desk.journaled()
    assert desk.child().status is OrderStatus.SENT
    desk.accept()
    assert desk.child().status is OrderStatus.SENT
    desk.fill("0.4", trade="t1")
    assert desk.child().status is OrderStatus.PARTIAL
    desk.fill("0.6", trade="t2")
    assert desk.child().status is OrderStatus.FILLED


def test_an_order_that_is_found_at_the_venue_is_working_again() -> None:
    desk = Desk(execution())
    desk.at(15).look()
    desk.accept()
    desk.lose_answer()
    desk.accept()

    assert desk.child().status is OrderStatus.SENT
    assert desk.execution.working_quantity == 1


def test_an_unknown_child_stays_unknown_while_it_fills_in_part() -> None:
    desk = Desk(execution())
    desk.at(15).look()
    desk.lose_answer()
    desk.fill("0.4")

    assert desk.child().status is OrderStatus.UNKNOWN
    assert desk.execution.unknown_quantity == Decimal("0.6")


def test_a_late_fill_never_reopens_a_child_but_fills_it() -> None:
    desk = Desk(execution())
    desk.at(15).look()
    desk.close()
    desk.fill("0.4", trade="t1")
    assert desk.child().status is OrderStatus.EXPIRED
    desk.fill("0.6", trade="t2")
    assert desk.child().status is OrderStatus.FILLED


def test_a_closed_child_reserves_nothing() -> None:
    desk = Desk(execution())
    desk.at(15).look()
    assert desk.child().reserved_quantity == 1
    desk.close()
    assert desk.child().reserved_quantity == ZERO


def test_a_slice_that_was_skipped_is_called_after_its_late_fills() -> None:
    desk = Desk(execution())
    desk.at(15).look()
    desk.close()
    desk.at(45).look()
    assert desk.execution.slice(1).status is SliceStatus.SKIPPED
    desk.fill("0.4", nth=0, trade="t1")
    assert desk.execution.slice(1).status is SliceStatus.PARTIAL
    assert desk.execution.slice(1).reason is Reason.THIN_BOOK
    desk.fill("0.6", nth=0, trade="t2")
    assert desk.execution.slice(1).status is SliceStatus.FILLED
    assert desk.execution.slice(1).reason is None


def test_fees_in_base_count_at_the_fills_price_and_others_make_the_sum_unknown() -> None:
    desk = Desk(execution(["1", "1", "1", "1"]))
    desk.at(37.5).look()
    desk.fill("0.5", "100", trade="t1", fee=Decimal("0.05"), fee_currency="USDT")
    desk.fill("0.2", "110", trade="t2", fee=Decimal("0.001"), fee_currency="BTC")
    assert desk.execution.fees_quote == Decimal("0.16")
    desk.fill("0.1", "110", trade="t3", fee=ZERO, fee_currency="BNB")
    assert desk.execution.fees_quote == Decimal("0.16")
    desk.fill("0.1", "110", trade="t4", fee=Decimal("0.001"), fee_currency="BNB")
    assert desk.execution.fees_quote is None
    desk.fill("0.1", "110", trade="t5", liquidity=Liquidity.MAKER)
    assert desk.execution.fees_quote is None


def test_own_fills_of_a_window_go_by_the_venues_times() -> None:
    desk = Desk(execution())
    desk.at(15).look()
    desk.at(20).fill("0.4", trade="t1", traded_at=NOON + seconds(15))
    desk.fill("0.1", trade="t2", traded_at=NOON + seconds(16))

    assert desk.execution.filled_since(NOON + seconds(15)) == Decimal("0.1")
    assert desk.execution.filled_since(NOON) == Decimal("0.5")
