"""Figures as a page shows them, and what is said about how they are made."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, TypeAlias

View: TypeAlias = Mapping[str, Any]

UNKNOWN: Final = "-"

METHOD: Final = (
    (
        "Signs.",
        (
            "Positive is a cost to us, for buys and sells alike; for comparisons positive is what we saved. A"
            " dash is what could not be measured, and never zero."
        ),
    ),
    (
        "Prices.",
        (
            "Arrival is the mid when the order was accepted. TWAP is the time-weighted mean of the mid, VWAP "
            "that of the market's trades without ours, both from start to end. Slippage compares our average "
            "price alone; with fees adds what we paid."
        ),
    ),
    (
        "Shortfall.",
        (
            "Against having traded everything at the arrival price (Perold, 1988): delay is the move until "
            "the schedule began, drift from there to the TWAP, schedule what our times were worth, spread "
            "from the mid to the far touch when each order was sent, impact from that touch to what we paid, "
            "opportunity the move on what stayed open. The parts add up to the whole exactly."
        ),
    ),
    (
        "Mark-outs.",
        (
            "What the fills cost against the mid some time later, over what they were worth, with 95 % "
            "intervals clustered by order; below 20 fills there is none. A cost that grows with time is "
            "impact that went away again."
        ),
    ),
    (
        "Other ways.",
        (
            "Theoretical best trades everything at the best touch. Feasible best takes the same cap's share "
            "of each window's volume in whole lots, the best windows first. Plain TWAP takes equal parts at "
            "equal times. The sweep walks the depth recorded at arrival. Each pays the taker's fee."
        ),
    ),
    (
        "Gaps.",
        (
            "Where the source was silent for more than 10 s, the interval TWAP counts the last mid before as in "
            "force, as the definition has it; that is flagged, and the TWAP without that time stands beside it. "
            "Nothing else is assumed: no mark-out, no comparison, no trade."
        ),
    ),
)


def cards(view: View) -> list[tuple[str, str, str]]:
    """Return the few figures that matter most, each with a remark."""
    x, share, spread = view["execution"], view["participation"], view["spread"]
    base, _, quote = x["symbol"].partition("/")
    against = view["benchmarks"]
    return [
        ("Filled", percent(x["progress"], 1), f"{x['filled_quantity']} of {x['quantity']} {base}"),
        (
            "Average price",
            price(x["average_price"]),
            f"arrival {price(x['arrival_price'])} {quote}",
        ),
        (
            "Shortfall",
            in_bps(view["shortfall"]["bps"]),
            f"{money(view['shortfall']['quote'])} {quote} with fees",
        ),
        (
            "Against TWAP",
            in_bps(against["twap"]["slippage_bps"]),
            f"{bps(against['twap']['slippage_bps_with_fees'])} with fees",
        ),
        (
            "Against VWAP",
            in_bps(against["vwap"]["slippage_bps"]),
            f"{bps(against['vwap']['slippage_bps_with_fees'])} with fees",
        ),
        (
            "Participation",
            percent(share["average"]),
            f"{percent(share['highest_slice'])} at most, cap {percent(share['cap'])}",
        ),
        (
            "Traded resting",
            percent(spread["maker_share"], 1),
            f"half-spread {in_bps(spread['half_spread_bps'])}",
        ),
        (
            "Slices on time",
            f"{view['timing']['slices_on_time']} of {view['timing']['slices_sent']}",
            f"{percent(view['timing']['schedule_error'])} off the schedule on average",
        ),
    ]


def price(value: str | None) -> str:
    return UNKNOWN if value is None else f"{Decimal(value):.8g}"


def money(value: str | None) -> str:
    return UNKNOWN if value is None else f"{Decimal(value):,.2f}"


def bps(value: str | None) -> str:
    if value is None:
        return UNKNOWN
    rounded = round(Decimal(value), 2)
    return f"{rounded or abs(rounded):+.2f}"  # No minus before a zero.


def in_bps(value: str | None) -> str:
    """Return a figure with its unit; one that is not known has none."""
    return UNKNOWN if value is None else f"{bps(value)} bps"


def percent(value: str | None, places: int = 2) -> str:
    return UNKNOWN if value is None else f"{100 * Decimal(value):.{places}f} %"


def text(value: object) -> str:
    return UNKNOWN if value is None else str(value)


def code(value: str | None) -> str:
    """Return a stable code in words."""
    return "" if value is None else value.replace("_", " ")


def moment(at: str | None) -> str:
    """Return 2024-08-08 23:54:15 of an RFC 3339 time."""
    return UNKNOWN if at is None else at[:19].replace("T", " ")


def clock(at: str | None, *, with_date: bool = False) -> str:
    """Return 23:54:15.408 of an RFC 3339 time, after its date where that is needed to tell times apart.

    >>> clock("2024-08-08T23:54:15.408000Z"), clock("2024-08-08T23:54:15.408000Z", with_date=True)
    ('23:54:15.408', '2024-08-08 23:54:15.408')
    """
    if at is None:
        return ""
    return f"{at[:10]} {at[11:23]}" if with_date else at[11:23]
