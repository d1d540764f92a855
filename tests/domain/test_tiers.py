from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis_actors.domain.admission import below_tier
from genesis_actors.domain.tiers import (
    NEW_ACCOUNT,
    AccountState,
    Equity,
    TierRules,
    TierTooLowError,
    account_equity,
    decide_tier,
    evolve_account,
    fold_account,
    requires_tier,
    tier_of,
)
from genesis_actors.messages.account import TierChanged
from genesis_actors.values import Algo, TradingTier

NOON = datetime(2024, 8, 8, 12, tzinfo=UTC)
RULES = TierRules()
SNIPER, HUNTER, STRATEGIST = TradingTier

equities = st.decimals(0, 15_000, places=2)
near_a_threshold = st.sampled_from(
    list(
        map(Decimal, ("1899.99", "1900", "1999.99", "2000", "9499.99", "9500", "9999.99", "10000"))
    )
)


def history(steps: list[tuple[Equity, TierRules]]) -> tuple[AccountState, list[TierChanged]]:
    state, journal = NEW_ACCOUNT, list[TierChanged]()
    for equity, rules in steps:
        change = decide_tier(state, equity, rules, NOON)
        if change is not None:
            journal.append(change)
            state = evolve_account(state, change)
    return state, journal


@pytest.mark.parametrize(
    ("equity", "before", "tier"),
    [
        ("0", None, SNIPER),
        ("-5", None, SNIPER),
        ("1999.99", None, SNIPER),
        ("2000", None, HUNTER),
        ("9999.99", None, HUNTER),
        ("10000", None, STRATEGIST),
        ("9500", STRATEGIST, STRATEGIST),
        ("9499.99", STRATEGIST, HUNTER),
        ("1900", STRATEGIST, HUNTER),
        ("1899.99", STRATEGIST, SNIPER),
        ("-5", STRATEGIST, SNIPER),
        ("9999.99", HUNTER, HUNTER),
        ("10000", SNIPER, STRATEGIST),
    ],
)
def test_a_tier_is_gained_at_its_threshold_and_lost_below_its_band(
    equity: str, before: TradingTier | None, tier: TradingTier
) -> None:
    assert tier_of(Decimal(equity), RULES, before) is tier


@given(st.sampled_from((HUNTER, STRATEGIST)), st.lists(st.decimals(0, 1, places=4), max_size=20))
def test_nothing_changes_while_the_equity_stays_within_the_band(
    tier: TradingTier, places: list[Decimal]
) -> None:
    floor, threshold = RULES.floor(tier), RULES.threshold(tier)
    inside = [floor + (threshold - floor) * place for place in places]
    _, journal = history([(Equity(amount), RULES) for amount in (threshold, *inside)])

    assert [change.after for change in journal] == [tier]


@given(
    st.lists(
        st.tuples(
            equities | near_a_threshold,
            st.booleans(),
            st.sampled_from((None, None, None, *TradingTier)),
        ),
        max_size=30,
    )
)
def test_the_journal_of_changes_folds_to_the_tier(
    steps: list[tuple[Decimal, bool, TradingTier | None]],
) -> None:
    state, journal = history(
        [
            (Equity(amount, is_whole), TierRules(override=override))
            for amount, is_whole, override in steps
        ]
    )

    assert fold_account(journal) == state
    assert state.version == len(journal)
    assert all(later.before == earlier.after for earlier, later in pairwise(journal))
    assert all(
        (earlier.after, earlier.is_override) != (later.after, later.is_override)
        for earlier, later in pairwise(journal)
    )


def test_an_equity_that_is_not_whole_gains_a_tier_and_loses_none() -> None:
    poor, rich = Equity(Decimal(1), is_whole=False), Equity(Decimal(10_000), is_whole=False)

    assert decide_tier(NEW_ACCOUNT, poor, RULES, NOON) is None
    assert decide_tier(AccountState(STRATEGIST), poor, RULES, NOON) is None
    gained = decide_tier(AccountState(SNIPER), rich, RULES, NOON)
    assert gained is not None
    assert (gained.after, gained.threshold) == (STRATEGIST, Decimal(10_000))


def test_a_tier_that_was_named_holds_until_it_is_named_no_longer() -> None:
    named = TierRules(override=HUNTER)
    much, in_the_band = Equity(Decimal(10**6)), Equity(Decimal(1_950))
    state, journal = history(
        [(much, RULES), (much, named), (much, named), (in_the_band, named), (in_the_band, RULES)]
    )

    assert [change.after for change in journal] == [STRATEGIST, HUNTER, SNIPER]
    assert [change.is_override for change in journal] == [False, True, False]
    assert state.tier is SNIPER


def test_the_end_of_a_name_is_journaled_where_the_tier_stays() -> None:
    named = TierRules(override=HUNTER)
    _, journal = history([(Equity(Decimal(3_000)), named), (Equity(Decimal(3_000)), RULES)])

    assert [(change.after, change.is_override) for change in journal] == [
        (HUNTER, True),
        (HUNTER, False),
    ]


def test_a_loss_tells_the_equity_below_which_the_lowest_lost_tier_ends() -> None:
    change = decide_tier(AccountState(STRATEGIST), Equity(Decimal(100)), RULES, NOON)

    assert change is not None
    assert (change.before, change.after, change.threshold) == (STRATEGIST, SNIPER, Decimal(1_900))


def test_equity_is_cash_and_what_is_traded_here_at_its_price() -> None:
    balances = {"USDT": Decimal(10), "USDC": Decimal(5), "BTC": Decimal(2), "PEPE": Decimal(10**9)}

    assert account_equity("USDT", balances, {"BTC": Decimal(100)}) == Equity(Decimal(215))
    assert account_equity("USDT", balances, {"BTC": None}) == Equity(Decimal(15), is_whole=False)
    assert account_equity("USDT", balances, {"ETH": None}) == Equity(Decimal(15))
    assert account_equity("USDT", balances, {"USDC": Decimal(2)}) == Equity(Decimal(15))
    assert account_equity("EUR", balances, {"BTC": Decimal(90)}) == Equity(Decimal(180))


def test_tiers_are_ordered_by_what_they_may_do() -> None:
    assert sorted(TradingTier) == [SNIPER, HUNTER, STRATEGIST]
    assert max(TradingTier) is STRATEGIST
    assert HUNTER > "SNIPER"
    assert not STRATEGIST <= HUNTER
    assert SNIPER <= HUNTER <= STRATEGIST
    assert TradingTier("HUNTER") <= HUNTER


@pytest.mark.parametrize(
    ("what", "tier"),
    [
        (Algo.TWAP, STRATEGIST),
        (Algo.ICEBERG, HUNTER),
        (Algo.MARKET, SNIPER),
        ("twap", STRATEGIST),
        ("HUNTER", HUNTER),
        (HUNTER, HUNTER),
    ],
)
def test_each_algorithm_requires_its_tier(what: str, tier: TradingTier) -> None:
    needed = requires_tier(what)

    assert needed.tier is tier
    assert [needed.is_met_by(each) for each in (None, *TradingTier)] == [
        False,
        *(each.rank >= tier.rank for each in TradingTier),
    ]


def test_what_requires_a_tier_is_refused_to_a_lower_one() -> None:
    class Desk:
        def __init__(self, tier: TradingTier) -> None:
            self.tier = tier

        @requires_tier(TradingTier.HUNTER)
        def hide(self) -> str:
            return "hidden"

    @requires_tier(Algo.MARKET)
    def sweep() -> str:
        return "swept"

    assert Desk(STRATEGIST).hide() == "hidden"
    with pytest.raises(TierTooLowError, match="hide needs the tier HUNTER, not SNIPER"):
        Desk(SNIPER).hide()
    with pytest.raises(TierTooLowError, match="unknown tier"):
        sweep()
    with pytest.raises(ValueError, match="is not a valid"):
        requires_tier("pov")


def test_an_account_of_unknown_worth_is_told_its_tier_alone() -> None:
    what, _ = below_tier(Algo.TWAP, TradingTier.HUNTER, "USDT", Decimal(10_000), None)

    assert what.endswith("the account is HUNTER")
