"""The plan of an admitted order: what would be sent when, and what that may cost. It sends and stores nothing.

Costs compare with the mid of now and are positive; they say what the shown book would do, not what the market will.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TypeAlias

from genesis_actors.domain.admission import Admission
from genesis_actors.domain.child_price import collar_price
from genesis_actors.domain.cutting import TimeSlice
from genesis_actors.domain.starting import SHORTEST_VOLUME_WINDOW
from genesis_actors.domain.sweep import exemption_warning
from genesis_actors.domain.volume_profile import VolumeProfile
from genesis_actors.values import (
    BPS,
    ZERO,
    Algo,
    ParentOrder,
    Side,
    ceil_to_step,
    decimal_text,
    exact,
    quotient,
    time_text,
)

Level: TypeAlias = tuple[Decimal, Decimal]
"""Price and quantity."""


@dataclass(frozen=True, slots=True)
class SlicePlan:
    """One slice. The volume is that expected in the w before it is due; quantities in base."""

    number: int
    due_at: datetime
    quantity: Decimal
    notional_quote: Decimal | None
    expected_market_volume: Decimal | None
    expected_participation: Decimal | None


@dataclass(frozen=True, slots=True)
class Plan:
    """`collar_price` is the worst that a market order would pay or take; None for all others."""

    quantity: Decimal
    start: datetime
    end: datetime
    slices: tuple[SlicePlan, ...]
    estimated_cost_bps: Decimal | None
    sweep_cost_bps: Decimal | None
    warnings: tuple[str, ...]
    algo: Algo = Algo.TWAP
    collar_price: Decimal | None = None


@exact
def make_plan(
    admission: Admission,
    *,
    profile: VolumeProfile | None,
    levels: Sequence[Level],
    market_ends_at: datetime | None = None,
) -> Plan:
    """Return the plan of an admitted order.

    Args:
        admission: the order as it would be worked from now on.
        profile: what volumes are expected; None where nothing is known of them.
        levels: what the far side of the book shows now, best first.
        market_ends_at: when a recording is over; None where the market goes on.
    """
    end, parts = admission.ends_at, [part.quantity for part in admission.slices]
    warnings = foreseeable_warnings(
        algo=admission.order.algo,
        quantity=admission.quantity,
        base=admission.rules.base,
        max_participation=admission.policy.max_participation,
        start=admission.now,
        end=end,
        profile=profile,
        market_ends_at=market_ends_at,
        largest_clip=max(parts),
    )
    collar = _collar(admission)
    fewer = fewer_slices(admission.order, len(admission.slices))
    if fewer is not None:
        warnings = (*warnings, fewer)
    warnings = (*warnings, *_raised_clips(admission, max(parts)))
    return Plan(
        quantity=admission.quantity,
        start=admission.now,
        end=end,
        slices=tuple(_slice_plan(admission, part, profile) for part in admission.slices),
        estimated_cost_bps=_cost_of_parts(admission, levels, parts),
        sweep_cost_bps=_cost_of_parts(admission, levels, [admission.quantity]),
        warnings=(*warnings, *_thin_book(admission, levels, max(parts), collar)),
        algo=admission.order.algo,
        collar_price=collar,
    )


def fewer_slices(order: ParentOrder, slices_total: int) -> str | None:
    """Return the warning that an order is cut into fewer slices than it asks for, None where it is not."""
    asked = order.slices
    if order.algo is not Algo.TWAP or asked is None or slices_total >= asked:
        return None
    return (
        f"{slices_total} slices instead of the {asked} asked for: they keep the least interval "
        "([twap] min_slice_interval), and each must be large enough for an order"
    )


def _raised_clips(admission: Admission, largest: Decimal) -> tuple[str, ...]:
    """Warn where clips show more than was asked for, because the venue takes no smaller ones."""
    clipping, base = admission.policy.clipping, admission.rules.base
    if clipping is None or clipping.clip_quantity is None:
        return ()
    most = ceil_to_step(clipping.clip_quantity * (1 + clipping.variation), admission.rules.lot)
    if largest <= most:
        return ()
    asked = decimal_text(clipping.clip_quantity)
    warning = (
        f"clips of up to {decimal_text(largest)} {base} instead of the {asked} asked for: "
        "each must be large enough for an order, also at a price 5% lower"
    )
    return (warning,)


def _collar(admission: Admission) -> Decimal | None:
    """Return the worst price of a market order, as the touch is now."""
    quote, policy = admission.quote, admission.policy
    if admission.order.algo is not Algo.MARKET or quote is None:
        return None
    return collar_price(
        quote,
        admission.order.side,
        policy.price_collar_bps,
        tick=admission.rules.tick,
        limit_price=policy.limit_price,
    )


def _thin_book(
    admission: Admission, levels: Sequence[Level], largest: Decimal, collar: Decimal | None
) -> tuple[str, ...]:
    """Warn where the book that is shown holds less than is to be taken from it at once."""
    base, side = admission.rules.base, admission.order.side
    shown = sum((quantity for _, quantity in levels), ZERO)
    within = sum(
        (q for price, q in levels if collar is None or not side.is_worse(price, collar)), ZERO
    )
    if levels and largest > within and collar is not None:
        beyond = (
            f"the book shows {decimal_text(within)} {base} up to {decimal_text(collar)}, where the collar ends: "
            "the rest will not be traded"
        )
        return (beyond,)
    if levels and largest > shown:
        thin = (
            f"the book shows {decimal_text(shown)} {base}, less than a slice of "
            f"{decimal_text(largest)} {base}: its cost cannot be estimated"
        )
        return (thin,)
    return ()


def _slice_plan(admission: Admission, part: TimeSlice, profile: VolumeProfile | None) -> SlicePlan:
    quote = admission.quote
    volume = (
        None
        if profile is None
        else profile.expected_volume(part.due_at - admission.participation_window, part.due_at)
    )
    return SlicePlan(
        number=part.number,
        due_at=part.due_at,
        quantity=part.quantity,
        notional_quote=None if quote is None else part.quantity * quote.mid,
        expected_market_volume=volume,
        expected_participation=None if volume is None else quotient(part.quantity, volume),
    )


def _cost_of_parts(
    admission: Admission, levels: Sequence[Level], parts: Sequence[Decimal]
) -> Decimal | None:
    """Return what it costs to take each part from the whole of the shown book, the mean by quantity."""
    if admission.quote is None:
        return None
    notionals = [notional_taken(quantity, levels) for quantity in parts]
    known = [notional for notional in notionals if notional is not None]
    if len(known) < len(notionals):
        return None
    return cost_bps(
        admission.order.side,
        sum(parts, ZERO),
        sum(known, ZERO),
        mid=admission.quote.mid,
        fee_rate=admission.rules.taker_fee,
    )


@exact
def notional_taken(quantity: Decimal, levels: Iterable[Level]) -> Decimal | None:
    """Return the sum of price x quantity of taking `quantity` from `levels`, best first; None if they hold less.

    >>> notional_taken(Decimal(3), [(Decimal(100), Decimal(2)), (Decimal(101), Decimal(5))])
    Decimal('301')
    """
    left, notional = quantity, ZERO
    for price, shown in levels:
        taken = min(left, shown)
        left -= taken
        notional += taken * price
        if not left:
            return notional
    return None


@exact
def cost_bps(
    side: Side, quantity: Decimal, notional: Decimal, *, mid: Decimal, fee_rate: Decimal
) -> Decimal | None:
    """Return `10^4 x [s (notional / quantity - mid) / mid + fee_rate]`, s = +1 for a buy and -1 for a sell.

    The average price's distance from the mid, and the taker fee. Ten to buy for 1001, with a mid of 100 and a fee of
    0.1 %, cost 10 bps each:

    >>> cost_bps(Side.BUY, Decimal(10), Decimal(1001), mid=Decimal(100), fee_rate=Decimal("0.001"))
    Decimal('20.0000000000')
    """
    value = quantity * mid
    return quotient(BPS * (side.sign * (notional - value) + fee_rate * value), value)


@exact
def foreseeable_warnings(
    *,
    algo: Algo,
    quantity: Decimal,
    base: str,
    max_participation: Decimal,
    start: datetime,
    end: datetime,
    profile: VolumeProfile | None,
    market_ends_at: datetime | None,
    largest_clip: Decimal | None = None,
) -> tuple[str, ...]:
    """Return what can be foreseen to go wrong, though it is no reason to refuse the order."""
    a_minute = start + SHORTEST_VOLUME_WINDOW
    usual = None if profile is None else profile.expected_volume(start, a_minute)
    if algo is Algo.MARKET:
        return (exemption_warning(quantity, base, max_participation, usual),)
    warnings: list[str] = []
    if algo is Algo.ICEBERG and largest_clip is not None and usual is not None:
        most = usual * max_participation
        if largest_clip > most:
            warnings.append(
                f"a clip of {decimal_text(largest_clip)} {base} is more than the cap lets through in a minute, "
                f"usually {decimal_text(round(most, 8))} {base}: it will show in parts"
            )
    if market_ends_at is not None and market_ends_at < end:
        warnings.append(
            f"the recording ends at {time_text(market_ends_at)}, before the window does "
            f"({time_text(end)}): what is left then cannot fill"
        )
    volume = None if profile is None else profile.expected_volume(start, end)
    if volume is not None and quantity > volume * max_participation:
        share = quotient(100 * quantity, volume)
        warnings.append(
            f"{decimal_text(quantity)} {base} is "
            + (f"{share:.1f}%" if share is not None else "more than all")
            + f" of the {decimal_text(round(volume, 2))} {base} that usually trade in this window, and "
            f"{decimal_text(max_participation * 100)}% is the cap: it may end incomplete"
        )
    return tuple(warnings)
