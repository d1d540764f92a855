"""An order's wishes over the operator's settings: the rules that one execution follows, fixed at acceptance."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import TypeVar

from genesis_actors.values import (
    ONE,
    ZERO,
    Algo,
    Clipping,
    OnDeadline,
    OnSlippage,
    ParentOrder,
    Policy,
    Style,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class IcebergDefaults:
    """How icebergs are cut where an order does not say; between two clips there is a pause of random length."""

    clips: int = 10
    clip_variation: Decimal = Decimal("0.2")
    min_pause: timedelta = timedelta(seconds=1)
    max_pause: timedelta = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class SweepDefaults:
    """How far from the touch a market order may trade, in bps, and how long it waits until it can be sent."""

    price_collar_bps: Decimal = Decimal(50)
    patience: timedelta = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class TwapDefaults:
    """The operator's bounds and defaults. Rates and thresholds are shares, collars are bps."""

    min_duration: timedelta = timedelta(minutes=5)
    max_duration: timedelta = timedelta(minutes=30)
    slice_interval: timedelta = timedelta(seconds=30)
    min_slice_interval: timedelta = timedelta(seconds=5)
    max_slice_interval: timedelta = timedelta(minutes=5)
    max_participation: Decimal = Decimal("0.10")
    early_completion_threshold: Decimal = Decimal("0.002")
    volume_adaptivity: Decimal = Decimal("0.5")
    jitter: Decimal = ZERO
    catch_up_limit: Decimal = Decimal(3)
    price_collar_bps: Decimal = Decimal(10)
    max_slippage_bps: Decimal | None = None
    on_slippage: OnSlippage = OnSlippage.PAUSE
    on_deadline: OnDeadline = OnDeadline.LEAVE
    style: Style = Style.TAKER
    max_quote_age: timedelta = timedelta(seconds=10)
    quiet_share: Decimal = Decimal("0.5")
    anomaly_multiple: Decimal = Decimal(4)
    max_order_quantity: Decimal | None = None  # of one child, in base
    max_order_notional: Decimal | None = None  # of one child, in quote
    iceberg: IcebergDefaults = IcebergDefaults()
    market: SweepDefaults = SweepDefaults()


def resolve(order: ParentOrder, defaults: TwapDefaults, seed: int) -> Policy:
    """Return the policy for `order`: its own wish where it has one, else the default.

    `seed` is used where the order names none. A participation above the operator's is not resolved here but refused
    at admission.
    """
    policy = Policy(
        slice_interval=_or(order.slice_interval, defaults.slice_interval),
        slices=order.slices,
        min_slice_interval=defaults.min_slice_interval,
        max_participation=_or(order.max_participation, defaults.max_participation),
        early_completion_threshold=_or(order.early_completion, defaults.early_completion_threshold)
        or None,
        target_price=order.target_price,
        limit_price=order.limit_price,
        max_slippage_bps=_or(order.max_slippage_bps, defaults.max_slippage_bps),
        on_slippage=_or(order.on_slippage, defaults.on_slippage),
        volume_adaptivity=_or(order.volume_adaptivity, defaults.volume_adaptivity),
        jitter=_or(order.jitter, defaults.jitter),
        catch_up_limit=defaults.catch_up_limit,
        price_collar_bps=defaults.price_collar_bps,
        on_deadline=_or(order.on_deadline, defaults.on_deadline),
        style=_or(order.style, defaults.style),
        max_quote_age=defaults.max_quote_age,
        quiet_share=defaults.quiet_share,
        anomaly_multiple=defaults.anomaly_multiple,
        seed=_or(order.seed, seed),
        duration=order.duration,
    )
    if order.algo is Algo.ICEBERG:
        return _clipped(policy, order, defaults)
    return _swept(policy, defaults) if order.algo is Algo.MARKET else policy


def _clipped(policy: Policy, order: ParentOrder, defaults: TwapDefaults) -> Policy:
    """Return the rules of an iceberg: clips and pauses are all its schedule, whatever volume and price do."""
    iceberg = defaults.iceberg
    is_counted = order.clips is not None or order.clip_quantity is None
    pace = (iceberg.min_pause + iceberg.max_pause) / 2
    return replace(
        policy,
        slice_interval=pace,
        early_completion_threshold=None,
        volume_adaptivity=ZERO,
        jitter=ZERO,
        catch_up_limit=ONE,
        duration=_or(order.duration, defaults.max_duration),
        clipping=Clipping(
            clips=_or(order.clips, iceberg.clips) if is_counted else None,
            clip_quantity=order.clip_quantity,
            variation=iceberg.clip_variation,
            min_pause=iceberg.min_pause,
            max_pause=iceberg.max_pause,
        ),
    )


def _swept(policy: Policy, defaults: TwapDefaults) -> Policy:
    """Return the rules of a market order: it takes, once, and what is left is left."""
    return replace(
        policy,
        slice_interval=defaults.market.patience,
        early_completion_threshold=None,
        volume_adaptivity=ZERO,
        jitter=ZERO,
        price_collar_bps=defaults.market.price_collar_bps,
        on_deadline=OnDeadline.LEAVE,
        style=Style.TAKER,
        duration=defaults.market.patience,
    )


def _or(wish: T | None, default: T) -> T:
    return default if wish is None else wish
