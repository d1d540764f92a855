"""What is refused up front, and what an order that is taken begins with."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from genesis_actors.domain.admission import (
    Admission,
    Market,
    Rejection,
    accept,
    admit,
    refused_by_risk,
)
from genesis_actors.domain.policy import TwapDefaults
from genesis_actors.messages.events import TwapAccepted, TwapStarted
from genesis_actors.messages.risk import ParentJudged
from genesis_actors.values import (
    ExecutionState,
    MarketRules,
    Quote,
    Reason,
    Side,
    Symbol,
    TradingTier,
)
from tests.domain.executions import (
    EXECUTION_ID,
    NOON,
    RULES,
    parent_order,
    quote,
    seconds,
    with_rules,
)

TOUCH = quote("99.99", "100.01")


def market(
    rules: MarketRules | None = RULES,
    touch: Quote | None = TOUCH,
    known: tuple[str, ...] = ("BTC/USDT", "ETH/USDT"),
    **balances: str,
) -> Market:
    free = {"USDT": "1000000", "BTC": "1000"} | balances
    return Market(
        rules=rules,
        known_symbols=tuple(Symbol(name) for name in known),
        balances={currency: Decimal(amount) for currency, amount in free.items()},
        quote=touch,
        profile=None,
    )


def admitted(
    quantity: str = "10", where: Market | None = None, **wishes: Any
) -> Admission | Rejection:
    defaults = TwapDefaults()
    return admit(parent_order(quantity, **wishes), where or market(), defaults, now=NOON, seed=5)


def admission(quantity: str = "10", where: Market | None = None, **wishes: Any) -> Admission:
    result = admitted(quantity, where, **wishes)
    assert isinstance(result, Admission)
    return result


def rejection(quantity: str = "10", where: Market | None = None, **wishes: Any) -> Rejection:
    result = admitted(quantity, where, **wishes)
    assert isinstance(result, Rejection)
    assert result.message
    assert result.hint
    return result


def test_an_order_that_can_be_worked_gets_a_schedule_that_adds_up() -> None:
    taken = admission("10", seed=None)

    assert len(taken.slices) == 10
    assert sum(part.quantity for part in taken.slices) == 10
    assert taken.policy.seed == 5
    assert taken.participation_window == seconds(60)


def test_the_participation_window_is_the_slice_interval_where_that_is_longer() -> None:
    assert admission(slices=2).participation_window == seconds(150)


def test_an_unknown_symbol_is_refused_with_similar_ones() -> None:
    refused = rejection(where=market(None), symbol=Symbol("BTC/USDC"))

    assert refused.reason is Reason.UNKNOWN_SYMBOL
    assert "BTC/USDT" in refused.hint


def test_an_unknown_symbol_like_no_other_is_refused_with_what_there_is() -> None:
    strange = Symbol("XXXXXXX")
    assert "BTC/USDT, ETH/USDT" in rejection(where=market(None), symbol=strange).hint
    assert rejection(where=market(None, known=()), symbol=strange).hint == "check --venue"


@pytest.mark.parametrize(
    ("duration", "text"),
    [(timedelta(minutes=4), "4 min"), (timedelta(minutes=31), "31 min"), (seconds(70), "70 s")],
)
def test_a_window_out_of_bounds_is_refused(duration: timedelta, text: str) -> None:
    refused = rejection(duration=duration)

    assert refused.reason is Reason.WINDOW_OUT_OF_BOUNDS
    assert f"a window of {text} is not between 5 min and 30 min" in refused.message


def test_more_participation_than_the_operators_is_refused() -> None:
    refused = rejection(max_participation=Decimal("0.2"))

    assert refused.reason is Reason.PARTICIPATION_ABOVE_LIMIT
    assert "20% is above the operator's 10%" in refused.message
    assert admission(max_participation=Decimal("0.10")).policy.max_participation == Decimal("0.1")


@pytest.mark.parametrize(
    ("quantity", "rules", "reason"),
    [
        ("0.1", RULES, Reason.QUANTITY_BELOW_MINIMUM),
        ("1.005", RULES, Reason.QUANTITY_NOT_A_LOT),
        ("100", with_rules(max_quantity=Decimal("0.5")), Reason.QUANTITY_ABOVE_MAXIMUM),
    ],
)
def test_a_quantity_that_cannot_be_traded_is_refused(
    quantity: str, rules: MarketRules, reason: Reason
) -> None:
    assert rejection(quantity, market(rules)).reason is reason


def test_a_quantity_in_quote_becomes_lots_at_the_mid() -> None:
    assert admission("1000.5", quantity_in_quote=True).quantity == 10


def test_a_quantity_in_quote_of_less_than_a_lot_is_refused() -> None:
    refused = rejection("0.5", quantity_in_quote=True)

    assert refused.reason is Reason.QUANTITY_BELOW_MINIMUM
    assert refused.message == "0.5 USDT buy less than one lot of 0.01 BTC"


def test_a_quantity_in_quote_needs_a_quote() -> None:
    refused = rejection("1000", market(touch=None), quantity_in_quote=True)

    assert refused.reason is Reason.NO_QUOTE
    assert "give the quantity in BTC" in refused.hint


def test_a_least_order_value_needs_a_price() -> None:
    refused = rejection(where=market(touch=None))

    assert refused.reason is Reason.NO_QUOTE
    assert refused.hint == "try again when there is a quote"


def test_a_limit_is_a_price_where_there_is_no_quote() -> None:
    assert admission(where=market(touch=None), limit_price=Decimal(100)).quote is None
    selling = admission(where=market(touch=None), limit_price=Decimal(100), side=Side.SELL)
    assert selling.quote is None


def test_without_a_least_order_value_an_order_needs_no_quote() -> None:
    taken = admission(where=market(with_rules(min_notional=Decimal(0)), touch=None))
    execution, (first, _) = accept(taken, EXECUTION_ID, "g")

    assert (first.arrival_price, first.arrival_at) == (None, None)
    assert execution.arrival_price is None


def test_what_the_balance_does_not_cover_is_refused() -> None:
    buying = rejection(where=market(USDT="1001.10"))
    assert buying.reason is Reason.INSUFFICIENT_BALANCE
    assert "needs about 1001.1001 USDT; the account has 1001.1" in buying.message
    assert admission(where=market(USDT="1001.1001"))

    selling = rejection(where=market(BTC="9.99"), side=Side.SELL)
    assert selling.reason is Reason.INSUFFICIENT_BALANCE
    assert "needs about 10 BTC; the account has 9.99" in selling.message
    assert admission(where=market(BTC="10"), side=Side.SELL)


def test_a_currency_that_the_account_does_not_have_is_a_balance_of_nothing() -> None:
    where = replace(market(), balances={})

    assert "the account has 0" in rejection(where=where).message


def test_an_order_with_a_limit_needs_no_more_than_that() -> None:
    assert admission(where=market(USDT="910"), limit_price=Decimal(90))


def test_a_low_limit_of_a_sale_does_not_make_its_slices_fewer() -> None:
    taken = admission("2", side=Side.SELL, limit_price=Decimal(1))

    assert len(taken.slices) == 10


def test_a_low_limit_of_a_purchase_does() -> None:
    assert len(admission("2", limit_price=Decimal(20)).slices) == 3  # 0.53 each at least.


def test_acceptance_and_start_are_the_executions_first_events() -> None:
    taken = admission("10", seed=None, duration=timedelta(minutes=10))
    execution, events = accept(taken, EXECUTION_ID, "g")

    assert [type(event) for event in events] == [TwapAccepted, TwapStarted]
    assert events[0].arrival_price == 100
    assert events[0].arrival_at == NOON
    assert events[0].order.seed == 5
    assert isinstance(events[1], TwapStarted)
    assert events[1].ends_at == NOON + timedelta(minutes=10)
    assert events[1].participation_window_microseconds == 60_000_000
    assert execution.state is ExecutionState.RUNNING
    assert execution.version == 2
    assert sum(part.planned_quantity for part in execution.slices) == 10


def test_slices_above_the_operators_notional_are_refused_with_their_worth() -> None:
    defaults = TwapDefaults(max_order_notional=Decimal(50))

    refused = admit(parent_order("10"), market(), defaults, now=NOON, seed=5)

    assert isinstance(refused, Rejection)
    assert refused.reason is Reason.MAX_ORDER_NOTIONAL
    assert "50" in refused.message


def test_parts_above_the_operators_quantity_are_refused_without_a_price_too() -> None:
    unbound = replace(RULES, min_notional=Decimal(0))
    defaults = TwapDefaults(max_order_quantity=Decimal(3))
    order = replace(parent_order("10"), slices=3)

    refused = admit(order, market(unbound, None), defaults, now=NOON, seed=5)

    assert isinstance(refused, Rejection)
    assert refused.reason is Reason.MAX_ORDER_QUANTITY


@pytest.mark.parametrize("touch", [TOUCH, None])
def test_slices_within_the_operators_notional_pass_and_so_do_those_without_a_price(
    touch: Quote | None,
) -> None:
    defaults = TwapDefaults(max_order_notional=Decimal(100_000))
    unbound = replace(RULES, min_notional=Decimal(0))

    taken = admit(parent_order("10"), market(unbound, touch), defaults, now=NOON, seed=5)

    assert isinstance(taken, Admission)


def test_a_largest_value_makes_more_slices_and_leaves_room_for_a_higher_price() -> None:
    where = market(rules=with_rules(max_notional=Decimal(100)))

    slices = admission("10", where, slices=5).slices

    assert len(slices) > 10
    assert max(part.quantity for part in slices) * Decimal("100.01") * Decimal("1.05") <= 100


def test_an_account_that_nobody_may_look_into_is_not_held_against_an_order() -> None:
    assert isinstance(admitted("10", replace(market(), balances=None)), Admission)


@pytest.mark.parametrize(
    ("reason", "compared", "said"),
    [
        (Reason.RESTRICTED_SYMBOL, None, "does not let BTC/USDT be traded"),
        (Reason.MAX_DAILY_LOSS, ("50", "60.005"), "have lost 60 USDT, of 50 that they may"),
        (
            Reason.MAX_SYMBOL_EXPOSURE,
            ("900", "1000"),
            "buy 10 BTC would bring the exposure of BTC/USDT to 1000 USDT, above the operator's 900",
        ),
        (Reason.MAX_PORTFOLIO_EXPOSURE, ("900", "1000"), "exposure of the portfolio to 1000 USDT"),
    ],
)
def test_what_risk_refuses_as_a_whole_is_told_with_the_setting(
    reason: Reason, compared: tuple[str, str] | None, said: str
) -> None:
    limit, actual = (None, None) if compared is None else map(Decimal, compared)
    judged = ParentJudged(execution_id=EXECUTION_ID, reason=reason, limit=limit, actual=actual)

    message, hint = refused_by_risk(judged, parent_order(), Decimal(10))

    assert said in message
    assert "[risk]" in hint


def judged_as(reason: Reason, limit: str, actual: str, **more: Any) -> tuple[str, str]:
    judged = ParentJudged(
        execution_id=EXECUTION_ID,
        reason=reason,
        limit=Decimal(limit),
        actual=Decimal(actual),
        **more,
    )
    return refused_by_risk(judged, parent_order(), Decimal(10))


def test_a_tier_that_is_too_low_is_told_with_equity_tier_and_threshold() -> None:
    known = {"tier": TradingTier.HUNTER, "currency": "USDT"}
    message, hint = judged_as(Reason.TIER_TOO_LOW, "10000", "3000.004", **known)
    unknown, later = judged_as(Reason.EQUITY_UNKNOWN, "10000", "7", currency="USDT")

    assert message == (
        "twap needs the tier STRATEGIST (10000 USDT): the account is HUNTER, worth 3000 USDT"
    )
    assert "[account] strategist_equity" in hint
    assert "has no price yet: it is worth 7 USDT at least" in unknown
    assert "try again" in later


def test_what_an_order_would_add_to_is_named() -> None:
    other = Symbol("ETH/USDT")
    message, hint = judged_as(Reason.CORRELATION_CRITICAL, "0.80", "0.9131", other=other)

    assert "buy BTC/USDT adds to ETH/USDT" in message
    assert "0.91, the operator's limit 0.8" in message
    assert "[risk] correlation_critical" in hint


@pytest.mark.parametrize(("most", "quantity"), [("4.0009", "4"), ("10", "10"), ("99", "10")])
def test_less_than_was_asked_for_is_worked_where_no_more_may_be(most: str, quantity: str) -> None:
    order, defaults = parent_order("10"), TwapDefaults()

    taken = admit(order, market(), defaults, now=NOON, seed=5, most=Decimal(most))

    assert isinstance(taken, Admission)
    assert taken.quantity == sum(part.quantity for part in taken.slices) == Decimal(quantity)
    assert taken.order == order
    judged = ParentJudged(
        execution_id=EXECUTION_ID, tier=TradingTier.STRATEGIST, cut_by=Reason.CORRELATION_CRITICAL
    )
    _, (accepted, _) = accept(taken, EXECUTION_ID, "g7k2pd", judged=judged)
    assert (accepted.tier, accepted.cut_by) == (judged.tier, judged.cut_by)


def test_where_less_than_a_lot_is_left_nothing_begins() -> None:
    most = Decimal("0.00001")

    refused = admit(parent_order("10"), market(), TwapDefaults(), now=NOON, seed=5, most=most)

    assert isinstance(refused, Rejection)
    assert refused.reason is Reason.CORRELATION_CRITICAL
