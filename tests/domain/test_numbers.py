"""What the public rules accept: ints as Decimals, nothing else; no NaN, no naive time, no caller's context."""

from __future__ import annotations

import decimal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from genesis_actors import domain
from genesis_actors.domain import benchmarks, child_price, participation, schedule, slippage
from genesis_actors.domain.early_completion import early_completion_price
from genesis_actors.domain.limits import RiskLimits
from genesis_actors.domain.numbers import finite, not_negative, positive, utc, whole
from genesis_actors.messages.venue import HourlyVolume, PlaceOrder
from genesis_actors.values import ClientOrderId, MarketRules, MarketSummary, Quote, Side
from tests.domain.executions import EXECUTION_ID, SYMBOL, Desk, beginning, execution

NOON = datetime(2024, 8, 8, 12, tzinfo=UTC)
NAIVE = datetime(2024, 8, 8, 12)  # noqa: DTZ001
HOUR = timedelta(hours=1)
PROFILE = domain.VolumeProfile.from_hourly(
    [Decimal(f"{hour}.12345678") for hour in range(24)], Decimal("12345.678")
)
RULES = MarketRules(
    symbol=SYMBOL,
    base="BTC",
    quote="USDT",
    lot=Decimal("0.001"),
    tick=Decimal("0.01"),
    min_notional=Decimal(60),
    taker_fee=Decimal("0.001"),
    maker_fee=Decimal("0.001"),
)
QUOTE = Quote(NOON, Decimal("61234.55"), Decimal("61234.57"))
SUMMARY = MarketSummary(
    NOON, NOON + HOUR, Decimal("3.1234567"), Decimal("191000.123"), Decimal("1E+14"), 3, None
)
ORDER = PlaceOrder(
    execution_id=EXECUTION_ID,
    client_order_id=ClientOrderId("c1"),
    slice_number=1,
    symbol=SYMBOL,
    side=Side.BUY,
    quantity=Decimal("1.2345678"),
    price=Decimal("61234.57"),
    mid=Decimal("61234.56"),
    rate=Decimal("0.10"),
    market_volume=Decimal(50),
    window_start=NOON,
    parent_quantity=Decimal(10),
    remaining_quantity=Decimal(10),
)

# Every rule that takes numbers, and whole numbers for it.
CALLS: dict[Callable[..., Any], dict[str, Any]] = {
    domain.calculate_participation_rate: {"volume_24h": 30_000, "target_quantity": 7},
    domain.enforce_participation_limit: {"slice_size": 9, "current_volume": 3, "max_rate": 1},
    domain.is_volume_anomaly: {
        "observed": 9,
        "expected": 2,
        "quiet_share": 1,
        "anomaly_multiple": 4,
    },
    participation.volume_condition: {
        "observed": 1,
        "expected": 2,
        "quiet_share": 1,
        "anomaly_multiple": 4,
    },
    participation.effective_rate: {"rate": 1, "condition": None},
    participation.participation_budget: {
        "rate": 1,
        "condition": None,
        "volume_since_start": 500,
        "filled": 30,
        "window_volume": 60,
        "filled_in_window": 2,
        "reserved": 1,
        "slice_market_volume": 55,
        "slice_filled": 2,
    },
    participation.symbol_budget: {
        "rate": 1,
        "window_volume": 60,
        "filled_in_window": 2,
        "reserved": 3,
    },
    participation.minimum_quantity: {"rules": RULES, "price": 60_000},
    participation.child_quantity: {
        "wanted": 4,
        "budget": 3,
        "remaining": 9,
        "price": 60_000,
        "rules": RULES,
    },
    domain.check_early_completion: {
        "current_price": 98,
        "target_price": 100,
        "side": "buy",
        "threshold": 0,
    },
    early_completion_price: {"target_price": 100, "side": "sell", "threshold": 0},
    child_price.collar_price: {
        "quote": QUOTE,
        "side": Side.BUY,
        "collar_bps": 10,
        "tick": 1,
        "limit_price": 61_240,
        "threshold_price": 61_250,
    },
    benchmarks.average_price: {"notional": 200, "quantity": 3},
    slippage.slippage_vs_price_bps: {
        "side": Side.BUY,
        "filled_notional": 301,
        "filled_quantity": 3,
        "benchmark": 100,
    },
    slippage.slippage_vs_twap_bps: {
        "side": Side.SELL,
        "filled_notional": 301,
        "filled_quantity": 3,
        "summary": SUMMARY,
    },
    domain.calculate_slippage: {"expected": 3, "actual": 4, "side": "buy"},
    domain.calculate_position_size: {"balance": 25_000, "risk_percent": 2},
    domain.calculate_implementation_shortfall: {
        "side": "buy",
        "quantity": 9,
        "filled_quantity": 7,
        "filled_notional": 703,
        "arrival_price": 100,
        "last_price": 102,
        "fees_quote": -1,
    },
    domain.calculate_time_slices: {
        "duration_minutes": 10,
        "volume_profile": PROFILE,
        "quantity": 100,
        "start_at": NOON,
        "lot": 1,
        "min_notional": 5,
        "min_quantity": 1,
        "max_quantity": 50,
        "price": 100,
        "volume_adaptivity": 1,
        "jitter": 0,
    },
    schedule.replan_due_times: {
        "remaining": 7,
        "now": NOON,
        "ends_at": NOON + HOUR,
        "volume_profile": PROFILE,
        "volume_adaptivity": 1,
        "volume_ratio": 3,
        "min_slice_interval": timedelta(seconds=5),
    },
    schedule.catch_up_quantity: {
        "planned": 3,
        "owed": 10,
        "slices_left": 7,
        "catch_up_limit": 2,
        "lot": 1,
    },
}
COUNTS = {"remaining", "slices_left"}
OPTIONAL = {
    "expected of is_volume_anomaly",
    "expected of volume_condition",
    "slice_market_volume of participation_budget",
    "limit_price of collar_price",
    "threshold_price of collar_price",
    "benchmark of slippage_vs_price_bps",
    "arrival_price of calculate_implementation_shortfall",
    "last_price of calculate_implementation_shortfall",
    "fees_quote of calculate_implementation_shortfall",
    "min_quantity of calculate_time_slices",
    "max_quantity of calculate_time_slices",
}
NUMBERS = [
    pytest.param(rule, name, id=f"{name} of {rule.__name__}")
    for rule, arguments in CALLS.items()
    for name, value in arguments.items()
    if isinstance(value, int) and name not in COUNTS
]


def as_decimals(arguments: dict[str, Any]) -> dict[str, Any]:
    return {
        name: Decimal(value) if isinstance(value, int) and name not in COUNTS else value
        for name, value in arguments.items()
    }


@contextmanager
def hostile_context(*, traps: bool) -> Iterator[None]:
    with decimal.localcontext() as context:
        context.prec = 6
        if traps:
            for signal in context.traps:
                context.traps[signal] = True
        yield


@pytest.mark.parametrize("rule", CALLS, ids=lambda rule: rule.__name__)
def test_ints_give_what_decimals_give(rule: Callable[..., Any]) -> None:
    result = rule(**CALLS[rule])

    assert repr(result) == repr(rule(**as_decimals(CALLS[rule])))
    assert type(result) is not int


@pytest.mark.parametrize(("rule", "name"), NUMBERS)
@pytest.mark.parametrize("wrong", [1.0, "1", True, None], ids=repr)
def test_what_is_neither_a_decimal_nor_an_int_is_refused_by_name(
    rule: Callable[..., Any], name: str, wrong: object
) -> None:
    if wrong is None and (f"{name} of {rule.__name__}" in OPTIONAL or name == "price"):
        return  # None has a meaning, or (a price for a least notional) an error of its own.
    text = f"^{name} must be a Decimal or an int, not {type(wrong).__name__}: {wrong!r}$"
    with pytest.raises(TypeError, match=text):
        rule(**(CALLS[rule] | {name: wrong}))


@pytest.mark.parametrize(("rule", "name"), NUMBERS)
@pytest.mark.parametrize("wrong", ["NaN", "sNaN", "-Infinity"])
def test_what_is_no_number_is_refused_by_name(
    rule: Callable[..., Any], name: str, wrong: str
) -> None:
    with pytest.raises(ValueError, match=f"^{name} must be .*not {wrong}$"):
        rule(**(CALLS[rule] | {name: Decimal(wrong)}))


@pytest.mark.parametrize("wrong", [1.0, True, Decimal(1), None], ids=repr)
def test_counts_are_ints(wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"^slices_left must be an int, not"):
        schedule.catch_up_quantity(**(CALLS[schedule.catch_up_quantity] | {"slices_left": wrong}))
    with pytest.raises(TypeError, match=r"^remaining must be an int, not"):
        schedule.replan_due_times(wrong, **_without_remaining())
    with pytest.raises(TypeError, match=r"^seed must be an int, not"):
        domain.calculate_time_slices(10, quantity=1, seed=wrong)
    if wrong is not None:
        with pytest.raises(TypeError, match=r"^slices must be an int, not"):
            domain.calculate_time_slices(10, quantity=1, slices=wrong)


def _without_remaining(**changes: Any) -> dict[str, Any]:
    arguments = CALLS[schedule.replan_due_times] | changes
    del arguments["remaining"]
    return arguments


class Price(Decimal):
    pass


def test_a_kind_of_decimal_is_a_decimal() -> None:
    assert finite("x", Price("1.5")) == Decimal("1.5")
    assert not_negative("x", 0) == 0
    assert positive("x", 10**120) == 10**120
    assert whole("x", -1) == -1


@pytest.mark.parametrize("check", [not_negative, positive])
def test_a_negative_number_is_refused_by_name(check: Callable[[str, object], Decimal]) -> None:
    with pytest.raises(ValueError, match=r"^x must be a .*, not -1$"):
        check("x", -1)


def test_times_are_turned_to_utc() -> None:
    tokyo = timezone(timedelta(hours=9))

    assert utc("at", NOON) is NOON
    assert utc("at", NOON.astimezone(tokyo)) == NOON
    assert utc("at", NOON.astimezone(tokyo)).tzinfo is UTC
    with pytest.raises(ValueError, match=r"^at is not within the years"):
        utc("at", datetime.min.replace(tzinfo=tokyo))
    with pytest.raises(TypeError, match=r"^at must be a datetime, not str: 'noon'"):
        utc("at", "noon")


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("at", lambda: PROFILE.is_high_volume_period(NAIVE)),
        ("start", lambda: PROFILE.fraction_between(NAIVE, NOON)),
        ("end", lambda: PROFILE.fraction_between(NOON, NAIVE)),
        ("start", lambda: PROFILE.expected_volume(NAIVE, NAIVE)),
        ("end", lambda: domain.VolumeProfile((1,) * 1440).expected_volume(NOON, NAIVE)),
        ("start", lambda: PROFILE.steps(NAIVE, NOON)),
        ("start_at", lambda: domain.calculate_time_slices(10, quantity=1, start_at=NAIVE)),
        ("now", lambda: schedule.replan_due_times(0, **_without_remaining(now=NAIVE))),
        (
            "ends_at",
            lambda: schedule.replan_due_times(2, **_without_remaining(ends_at=NAIVE)),
        ),
    ],
)
def test_a_time_without_a_zone_is_refused_by_name(name: str, call: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=f"^{name} has no time zone"):
        call()


def everything() -> dict[str, object]:
    """Return what each public rule makes of numbers of more than six digits."""
    fine: dict[str, Any] = {
        "quantity": Decimal("1.23456789"),
        "seed": 3,
        "jitter": Decimal("0.1234567"),
    }
    profile = domain.VolumeProfile.from_hourly([Decimal("12345.678"), *[Decimal("0.1")] * 23])
    bars = [HourlyVolume(start=NOON, seconds=3600, volume=Decimal("12345.6789"))]
    results: dict[str, object] = {
        rule.__name__: rule(**as_decimals(arguments)) for rule, arguments in CALLS.items()
    }
    return results | {
        "rate": domain.calculate_participation_rate(Decimal("20000.1234"), Decimal("25.12345")),
        "limit": domain.enforce_participation_limit(Decimal("99.123456"), Decimal("33.1234567")),
        "slippage": domain.calculate_slippage(Decimal("61234.567"), Decimal("61234.599"), "buy"),
        "size": domain.calculate_position_size(Decimal("12345.6789"), Decimal("3.33")),
        "early": domain.check_early_completion(
            Decimal("99.799999"), Decimal("99.9999989"), Side.BUY, Decimal("0.002")
        ),
        "anomaly": domain.is_volume_anomaly(Decimal("400.000001"), Decimal("100.0000001")),
        "twap": domain.calculate_twap_price(
            [(Decimal("1.00123456"), Decimal("61234.567")), (3, 7)]
        ),
        "sums": benchmarks.twap_sums(SUMMARY),
        "interval": (benchmarks.interval_twap(SUMMARY), benchmarks.interval_vwap(SUMMARY)),
        "slices": domain.calculate_time_slices(Decimal("7.1234567"), PROFILE, **fine),
        "part": domain.TimeSlice(1, NOON, Decimal("1.23456789")),
        "decision": domain.RiskDecision(actual=Decimal("1.23456789")),
        "profile": (profile, domain.VolumeProfile.from_bars(bars)),
        "hours": PROFILE.get_hourly_volumes(),
        "busy": PROFILE.is_high_volume_period(NOON),
        "share": PROFILE.fraction_between(NOON, NOON + HOUR),
        "expected": PROFILE.expected_volume(NOON, NOON + HOUR),
        "steps": list(PROFILE.steps(NOON, NOON + HOUR)),
        "risk": domain.check_risk_limits(
            ORDER, RiskLimits(max_order_notional=Decimal("12345.678")), lot=Decimal("0.0001")
        ),
        "report": domain.generate_execution_report(JOURNAL),
    }


DESK = Desk(execution(["1"] * 5))
DESK.at(30).look()
DESK.fill("1", trade="t1")
JOURNAL = [*beginning(["1"] * 5), *DESK.events]


@pytest.mark.parametrize("traps", [False, True])
def test_no_rule_depends_on_the_caller_s_decimal_context(*, traps: bool) -> None:
    usual = everything()
    with hostile_context(traps=traps):
        hostile = everything()

    assert repr(hostile) == repr(usual)


@pytest.mark.parametrize("traps", [False, True])
def test_no_refusal_depends_on_the_caller_s_decimal_context(*, traps: bool) -> None:
    def refusal(**order: Any) -> str:
        with pytest.raises(domain.ScheduleError) as caught:
            domain.calculate_time_slices(**order)
        return str(caught.value)

    orders: list[dict[str, Any]] = [
        {"quantity": Decimal("1.23456789012")},
        {"quantity": Decimal("0.123456789"), "min_quantity": Decimal("0.2345678")},
        {"quantity": Decimal("12345.678"), "max_quantity": Decimal("0.1234567")},
        {"duration_minutes": Decimal("99.1234567")},
    ]
    orders = [{"duration_minutes": 10, "quantity": 1} | order for order in orders]
    usual = [refusal(**order) for order in orders]
    with hostile_context(traps=traps):
        hostile = [refusal(**order) for order in orders]
        with pytest.raises(ValueError, match="balance must be a number"):
            domain.calculate_position_size(Decimal("sNaN"), 1)

    assert hostile == usual


def test_everything_public_is_there() -> None:
    assert {*domain.__all__} >= {
        "RiskDecision",
        "check_risk_limits",
        "generate_execution_report",
    }
    assert all(hasattr(domain, name) for name in domain.__all__)
    with pytest.raises(
        AttributeError, match=r"'genesis_actors\.domain' has no attribute 'nothing'"
    ):
        _ = domain.nothing  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "first",
    ["domain", "domain.report", "domain.limits", "messages.control", "domain.volume_profile"],
)
def test_no_module_makes_an_import_cycle(first: str) -> None:
    code = f"import genesis_actors.{first}; from genesis_actors.domain import *; {'; '.join(domain.__all__)}"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_package_is_imported_without_the_report() -> None:
    code = (
        "import sys, genesis_actors.domain; sys.exit('genesis_actors.domain.report' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
