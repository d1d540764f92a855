from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis_actors.domain.admission import Admission, Market, admit
from genesis_actors.domain.plan import Level, Plan, cost_bps, make_plan, notional_taken
from genesis_actors.domain.policy import TwapDefaults
from genesis_actors.domain.volume_profile import VolumeProfile
from genesis_actors.values import Algo, MarketRules, ParentOrder, Quote, Side, Symbol

NOON = datetime(2024, 8, 8, 12, tzinfo=UTC)
RULES = MarketRules(
    symbol=Symbol("BTC/USDT"),
    base="BTC",
    quote="USDT",
    lot=Decimal("0.001"),
    tick=Decimal("0.01"),
    min_notional=Decimal(5),
    taker_fee=Decimal("0.001"),
    maker_fee=Decimal("0.001"),
)
ASKS: list[Level] = [
    (Decimal("100.5"), Decimal(1)),
    (Decimal(101), Decimal(2)),
    (Decimal(103), Decimal(7)),
]
FLAT = VolumeProfile.from_hourly(
    [Decimal(1)] * 24, mean_daily_volume=Decimal(14_400)
)  # 10 a minute


def an_admission(
    quantity: str = "10",
    *,
    side: Side = Side.BUY,
    algo: Algo = Algo.TWAP,
    slices: int = 10,
    clip: str | None = None,
) -> Admission:
    order = ParentOrder(
        symbol=Symbol("BTC/USDT"),
        side=side,
        quantity=Decimal(quantity),
        duration=timedelta(minutes=10),
        slices=slices,
        algo=algo,
        clip_quantity=None if clip is None else Decimal(clip),
    )
    market = Market(
        rules=RULES,
        known_symbols=(order.symbol,),
        balances={"USDT": Decimal(10**9), "BTC": Decimal(10**9)},
        quote=Quote(NOON, Decimal("99.5"), Decimal("100.5")),
        profile=FLAT,
    )
    admission = admit(order, market, TwapDefaults(), now=NOON, seed=1)
    assert isinstance(admission, Admission)
    return admission


def a_plan(quantity: str = "10", *, levels: list[Level] = ASKS) -> Plan:
    return make_plan(an_admission(quantity), profile=FLAT, levels=levels)


def test_a_plan_says_where_it_has_fewer_slices_than_are_asked_for() -> None:
    plan = make_plan(an_admission(slices=1_000), profile=FLAT, levels=ASKS)
    (warning,) = (each for each in plan.warnings if "asked for" in each)

    assert warning.startswith(f"{len(plan.slices)} slices instead of the 1000 asked for")


def test_a_plan_has_the_admitted_slices_with_what_they_are_worth() -> None:
    plan = a_plan()
    first = plan.slices[0]

    assert (plan.start, plan.end) == (NOON, NOON + timedelta(minutes=10))
    assert sum(part.quantity for part in plan.slices) == plan.quantity == 10
    assert (first.number, first.quantity, first.notional_quote) == (1, Decimal(1), Decimal(100))
    assert first.expected_market_volume == 10
    assert first.expected_participation == Decimal("0.1")
    assert plan.warnings == ()


def test_slice_by_slice_costs_less_than_all_at_once() -> None:
    plan = a_plan()

    # A slice of one takes the first level: 50 bps from the mid, and 10 of fees.
    assert plan.estimated_cost_bps == 60
    # All ten cost 1 x 100.5 + 2 x 101 + 7 x 103 = 1023.5: 235 bps, and 10 of fees.
    assert plan.sweep_cost_bps == 245


def test_what_the_book_does_not_show_has_no_cost() -> None:
    large = a_plan("10.5")
    thin = a_plan(levels=[(Decimal("100.5"), Decimal("0.5"))])

    assert large.estimated_cost_bps is not None
    assert large.sweep_cost_bps is None
    assert (thin.estimated_cost_bps, thin.sweep_cost_bps) == (None, None)
    assert "the book shows 0.5 BTC, less than a slice of 1 BTC" in thin.warnings[0]


def test_without_quote_and_profile_nothing_is_made_up() -> None:
    plan = make_plan(replace(an_admission(), quote=None), profile=None, levels=())

    assert (plan.estimated_cost_bps, plan.sweep_cost_bps, plan.warnings) == (None, None, ())
    assert {part.notional_quote for part in plan.slices} == {None}
    assert {part.expected_market_volume for part in plan.slices} == {None}
    assert {part.expected_participation for part in plan.slices} == {None}


def test_a_market_without_volume_has_no_participation() -> None:
    silent = VolumeProfile.from_hourly([Decimal(1)] * 24, mean_daily_volume=Decimal(0))
    plan = make_plan(an_admission(), profile=silent, levels=ASKS)

    assert plan.slices[0].expected_market_volume == 0
    assert plan.slices[0].expected_participation is None
    assert "more than all of the 0 BTC" in plan.warnings[0]


def test_more_than_the_cap_allows_is_warned_about() -> None:
    (warning,) = a_plan("10.001").warnings

    assert warning.startswith("10.001 BTC is 10.0% of the 100 BTC that usually trade")
    assert "10% is the cap" in warning


@pytest.mark.parametrize(("minutes", "count"), [(9, 1), (10, 0), (11, 0)])
def test_a_recording_that_ends_before_the_window_is_warned_about(minutes: int, count: int) -> None:
    ends_at = NOON + timedelta(minutes=minutes)
    plan = make_plan(an_admission(), profile=FLAT, levels=ASKS, market_ends_at=ends_at)

    assert len(plan.warnings) == count


def test_a_seller_pays_for_prices_below_the_mid() -> None:
    bids: list[Level] = [(Decimal("99.5"), Decimal(5)), (Decimal(98), Decimal(5))]
    plan = make_plan(an_admission(side=Side.SELL), profile=FLAT, levels=bids)

    assert plan.estimated_cost_bps == 60
    assert plan.sweep_cost_bps == 135


@given(
    quantity=st.decimals("0.001", "20", places=3),
    levels=st.lists(
        st.tuples(st.decimals("1", "1000", places=2), st.decimals("0", "5", places=3)), max_size=8
    ),
)
def test_what_is_taken_is_exact_or_unknown(quantity: Decimal, levels: list[Level]) -> None:
    notional = notional_taken(quantity, levels)
    shown = sum((size for _, size in levels), Decimal(0))

    assert (notional is None) == (shown < quantity)
    if notional is not None:
        assert (
            min(p for p, _ in levels) * quantity <= notional <= max(p for p, _ in levels) * quantity
        )


def test_cost_is_the_distance_from_the_mid_and_the_fee() -> None:
    cost = cost_bps(
        Side.SELL, Decimal(2), Decimal(199), mid=Decimal(100), fee_rate=Decimal("0.0004")
    )

    assert cost == 54


def test_a_plan_does_not_depend_on_the_slices_order() -> None:
    admission = an_admission()
    backwards = replace(admission, slices=tuple(reversed(admission.slices)))

    assert (
        make_plan(backwards, profile=FLAT, levels=ASKS).estimated_cost_bps
        == make_plan(admission, profile=FLAT, levels=ASKS).estimated_cost_bps
    )


def test_a_sweep_shows_its_collar_and_says_what_is_beyond_it() -> None:
    plan = make_plan(an_admission(algo=Algo.MARKET), profile=FLAT, levels=ASKS)
    exempt, beyond = plan.warnings

    assert [part.quantity for part in plan.slices] == [10]
    assert plan.collar_price == Decimal("101.00")
    assert "exempt from the 10% cap: 10 BTC is 100.0% of the 10 BTC" in exempt
    assert "the book shows 3 BTC up to 101, where the collar ends" in beyond
    unquoted = replace(an_admission(algo=Algo.MARKET), quote=None)
    assert make_plan(unquoted, profile=None, levels=()).collar_price is None


def test_a_clip_above_a_minutes_share_will_show_in_parts() -> None:
    large, small = (
        make_plan(an_admission(quantity, algo=Algo.ICEBERG), profile=FLAT, levels=())
        for quantity in ("50", "5")
    )

    assert "more than the cap lets through in a minute" in large.warnings[0]
    assert small.warnings == ()
    assert len(large.slices) == 10


@pytest.mark.parametrize(("clip", "is_raised"), [("0.01", True), ("0.1", False)])
def test_clips_that_the_venue_makes_larger_are_warned_about(clip: str, is_raised: bool) -> None:
    plan = make_plan(an_admission("5", algo=Algo.ICEBERG, clip=clip), profile=FLAT, levels=())
    said = [each for each in plan.warnings if f"instead of the {clip} asked for" in each]

    assert bool(said) is is_raised
