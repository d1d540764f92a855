"""An order's wishes over the operator's settings."""

from __future__ import annotations

from decimal import Decimal

from genesis_actors.domain.policy import TwapDefaults, resolve
from genesis_actors.values import ZERO, OnDeadline, Style
from tests.domain.executions import parent_order, seconds


def test_an_order_without_wishes_has_the_operators_rules() -> None:
    defaults = TwapDefaults()
    policy = resolve(parent_order(seed=None), defaults, seed=3)

    assert policy.slice_interval == defaults.slice_interval
    assert policy.max_participation == Decimal("0.10")
    assert policy.early_completion_threshold == Decimal("0.002")
    assert policy.max_slippage_bps is None
    assert policy.on_deadline is OnDeadline.LEAVE
    assert policy.style is Style.TAKER
    assert policy.seed == 3


def test_an_orders_wishes_come_first() -> None:
    order = parent_order(
        slice_interval=seconds(20),
        slices=4,
        max_participation=Decimal("0.05"),
        early_completion=Decimal("0.01"),
        target_price=Decimal(99),
        limit_price=Decimal(101),
        max_slippage_bps=Decimal(15),
        volume_adaptivity=ZERO,
        jitter=Decimal("0.2"),
        on_deadline=OnDeadline.SWEEP,
        style=Style.AUTO,
        seed=9,
    )
    policy = resolve(order, TwapDefaults(volume_adaptivity=Decimal(1)), seed=3)

    assert policy.slice_interval == seconds(20)
    assert policy.slices == 4
    assert policy.max_participation == Decimal("0.05")
    assert policy.early_completion_threshold == Decimal("0.01")
    assert (policy.target_price, policy.limit_price) == (99, 101)
    assert policy.max_slippage_bps == 15
    assert policy.volume_adaptivity == ZERO
    assert policy.jitter == Decimal("0.2")
    assert policy.on_deadline is OnDeadline.SWEEP
    assert policy.style is Style.AUTO
    assert policy.seed == 9


def test_a_threshold_of_zero_switches_early_completion_off() -> None:
    assert (
        resolve(parent_order(early_completion=ZERO), TwapDefaults(), 3).early_completion_threshold
        is None
    )
