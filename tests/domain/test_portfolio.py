from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis_actors.domain.portfolio import (
    CorrelationRules,
    Correlations,
    Holding,
    Intentions,
    MidSample,
    MidSampler,
    Pull,
    calculate_correlation,
    correlated_exposure,
    strongest_pull,
)
from genesis_actors.values import ONE, ZERO, Side, Symbol

BTC, ETH, SOL = Symbol("BTC/USDT"), Symbol("ETH/USDT"), Symbol("SOL/USDT")
SYMBOLS = (BTC, ETH, SOL)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
FEW = CorrelationRules(timedelta(minutes=20), MINUTE, min_samples=4, prior_samples=2)

prices = st.decimals("0.01", 100_000, places=2)
shares = st.decimals("-0.2", "0.2", places=6)


def correlations(rules: CorrelationRules = FEW, **mids: list[Decimal | str | None]) -> Correlations:
    """Return what follows from each symbol's mids, one an interval; None: nobody vouched for one."""
    known = Correlations(rules)
    for base, row in mids.items():
        for number, mid in enumerate(row):
            if mid is not None:
                known.record(Symbol(f"{base}/USDT"), MidSample(number, Decimal(mid)))
    return known


WALK = ["100", "101", "99", "104", "103", "107", "101", "102"]
ALIKE = [str(Decimal(mid) * 3) for mid in WALK]
AGAINST = [str(Decimal(10_000) / Decimal(mid)) for mid in WALK]


# --- The estimate ---


@given(st.lists(st.tuples(prices, prices, prices), min_size=0, max_size=40), st.integers(2, 8))
def test_the_matrix_is_symmetric_within_bounds_and_null_below_the_minimum(
    mids: list[tuple[Decimal, Decimal, Decimal]], least: int
) -> None:
    rules = CorrelationRules(timedelta(minutes=20), MINUTE, min_samples=least, prior_samples=3)
    rows = zip(*mids, strict=True) if mids else ([], [], [])
    names = ("BTC", "ETH", "SOL")
    known = correlations(rules, **{name: list(row) for name, row in zip(names, rows, strict=True)})

    matrix = known.matrix(SYMBOLS)

    for i, row in enumerate(matrix):
        assert row[i] == ONE
        for j, rho in enumerate(row):
            assert rho == matrix[j][i]
            assert rho is None or abs(rho) <= 1
            if i != j and min(len(mids) - 1, rules.samples) < least:
                assert rho is None


@given(
    st.lists(st.tuples(prices, prices), min_size=6, max_size=25),
    st.sampled_from(("0.00001", "3", "1000000", "0.37")),
)
def test_another_scale_of_prices_changes_nothing(
    mids: list[tuple[Decimal, Decimal]], scale: str
) -> None:
    btc, eth = [a for a, _ in mids], [b for _, b in mids]

    plain = correlations(BTC=[*btc], ETH=[*eth]).between(BTC, ETH)
    scaled = correlations(BTC=[a * Decimal(scale) for a in btc], ETH=[*eth]).between(BTC, ETH)

    assert plain == scaled


@given(st.lists(st.tuples(shares, shares), min_size=2, max_size=30), st.integers(0, 20))
def test_it_is_pearsons_shrunk_towards_none(
    returns: list[tuple[Decimal, Decimal]], prior: int
) -> None:
    a, b = [Fraction(x) for x, _ in returns], [Fraction(y) for _, y in returns]
    count = len(returns)

    def cov(x: list[Fraction], y: list[Fraction]) -> Fraction:
        mean_x, mean_y = sum(x, Fraction()) / count, sum(y, Fraction()) / count
        return sum(((p - mean_x) * (q - mean_y) for p, q in zip(x, y, strict=True)), Fraction())

    rho = calculate_correlation(
        [x for x, _ in returns], [y for _, y in returns], prior_samples=prior
    )

    if not cov(a, a) or not cov(b, b):
        assert rho is None
    else:
        expected = float(cov(a, b)) / sqrt(cov(a, a) * cov(b, b)) * count / (count + prior)
        assert float(rho or 0) == pytest.approx(expected, abs=1e-9)


def test_rows_of_different_lengths_are_no_pairs() -> None:
    with pytest.raises(ValueError, match="2 returns of the one, and 1 of the other"):
        calculate_correlation([ZERO, ONE], [ZERO])


def test_alike_against_and_flat() -> None:
    known = correlations(BTC=[*WALK], ETH=[*ALIKE], SOL=["5"] * len(WALK))

    assert known.between(BTC, ETH) == Decimal("0.7777777778")  # 7 returns, and 2 without any
    assert known.between(BTC, SOL) is None
    assert known.between(BTC, Symbol("ADA/USDT")) is None
    against = correlations(BTC=[*WALK], ETH=[*AGAINST]).between(BTC, ETH)
    assert against is not None
    assert against < Decimal("-0.77")


def test_only_returns_that_both_have_count_and_none_spans_a_gap() -> None:
    known = correlations(BTC=["100", "110", None, "90", "95", "97"], ETH=[*WALK])

    assert known.between(BTC, ETH) is None  # 3 of them, and 4 are asked for
    known.record(BTC, MidSample(6, Decimal(93)))
    assert known.between(BTC, ETH) is not None


def test_what_is_told_again_changes_nothing_and_what_is_old_is_forgotten() -> None:
    known = correlations(BTC=[*WALK], ETH=[*ALIKE])
    before = known.between(BTC, ETH)

    known.record(BTC, MidSample(3, Decimal(1)))
    assert known.between(BTC, ETH) == before

    for number in range(100, 140):
        known.record(BTC, MidSample(number, Decimal(100 + number % 3)))
    assert known.between(BTC, ETH) is None
    assert len(known._returns[BTC].scaled) == FEW.samples


def test_a_sample_is_the_mid_in_force_when_its_interval_ends() -> None:
    sampler = MidSampler(MINUTE)
    seen = [
        sampler.record(EPOCH + timedelta(seconds=second), None if mid is None else Decimal(mid))
        for second, mid in (
            (5, None),
            (10, "100"),
            (50, "101"),
            (60, "102"),
            (119, None),
            (121, None),
            (400, "103"),
            (430, "104"),
        )
    ]

    assert [sample for sample in seen if sample is not None] == [
        MidSample(0, Decimal(101)),
        MidSample(1, Decimal(102)),
        MidSample(2, Decimal(102)),
        MidSample(6, Decimal(103)),
    ]


# --- Directions and exposure ---


@pytest.mark.parametrize(
    ("side", "value", "strength"),
    [
        (Side.BUY, 1_000, "0.7777777778"),
        (Side.SELL, 1_000, "-0.7777777778"),
        (Side.BUY, -1_000, "-0.7777777778"),
        (Side.SELL, -1_000, "0.7777777778"),
    ],
)
def test_an_order_adds_to_what_moves_its_way(side: Side, value: int, strength: str) -> None:
    known = correlations(BTC=[*WALK], ETH=[*ALIKE])
    held = [Holding(BTC, Decimal(value)), Holding(ETH, Decimal(7_777))]

    assert strongest_pull(ETH, side, held, known) == Pull(BTC, Decimal(strength), Decimal(value))


def test_what_is_small_unknown_or_nothing_pulls_nobody() -> None:
    known = correlations(BTC=[*WALK], ETH=[*ALIKE])
    held = [Holding(BTC, Decimal(99)), Holding(SOL, Decimal(10_000)), Holding(ETH, ZERO)]

    assert strongest_pull(ETH, Side.BUY, held, known, least=Decimal(100)) is None
    assert strongest_pull(BTC, Side.BUY, held, known) is None


def test_without_any_correlation_known_exposure_is_the_sum() -> None:
    held = [Holding(BTC, Decimal(300)), Holding(ETH, Decimal(-400))]

    assert correlated_exposure(held, correlations()) == 700


# --- What is still to be traded ---


def test_what_is_intended_follows_fills_amendments_and_ends() -> None:
    intended = Intentions()
    intended.begin("x1", BTC, Side.BUY, Decimal(10))
    intended.begin("x2", BTC, Side.SELL, Decimal(4), Decimal(1))
    assert intended.of(BTC) == 7
    intended.begin("x2", BTC, Side.SELL, Decimal(4), Decimal(1))  # Told again.
    assert intended.of(BTC) == 7

    intended.fill("x1", Decimal(3))
    intended.amend("x1", Decimal(5))
    assert intended.of(BTC) == -1
    intended.fill("x1", Decimal(9))  # More than it was for.
    assert intended.of(BTC) == -3

    intended.end("x2")
    intended.end("x1")
    for nobody in ("x1", "x9"):
        intended.end(nobody)
        intended.fill(nobody, ONE)
        intended.amend(nobody, ONE)
    assert intended.of(BTC) == 0
    assert intended.of(ETH) == 0
