"""The parts of the shortfall, and that they are all of it."""

from __future__ import annotations

from dataclasses import fields
from decimal import Decimal

from hypothesis import example, given
from hypothesis import strategies as st

from genesis_actors.domain.shortfall import (
    Cost,
    SentFill,
    ShortfallParts,
    calculate_implementation_shortfall,
    shortfall_parts,
    total_cost,
)
from genesis_actors.values import ZERO, Side, exact

prices = st.integers(1, 10**13).map(lambda units: Decimal(units).scaleb(-8))
quantities = st.integers(1, 10**12).map(lambda units: Decimal(units).scaleb(-8))
fees = st.integers(-(10**9), 10**9).map(lambda units: Decimal(units).scaleb(-6))
sent = st.builds(
    lambda quantity, price, mid, touch: SentFill(quantity, quantity * price, mid, touch),
    quantities,
    prices,
    prices,
    prices,
)


def quotes(parts: ShortfallParts) -> list[Decimal | None]:
    return [getattr(parts, part.name).quote for part in fields(parts)]


def bps(parts: ShortfallParts) -> list[Decimal | None]:
    return [getattr(parts, part.name).bps for part in fields(parts)]


@given(
    st.sampled_from(Side),
    quantities,
    prices,
    prices,
    prices,
    prices,
    st.lists(sent, max_size=8),
    fees,
)
@example(
    Side.BUY,
    Decimal("1E-8"),
    Decimal("7E-8"),
    Decimal("1E-8"),
    Decimal("1E-8"),
    Decimal("1E-8"),
    [],
    Decimal("0.090617"),
)
@exact  # What is summed here may have more digits than Python's own context keeps.
def test_the_parts_sum_to_the_whole_exactly(
    side: Side,
    left: Decimal,
    arrival: Decimal,
    start: Decimal,
    twap: Decimal,
    last: Decimal,
    children: list[SentFill],
    paid: Decimal,
) -> None:
    filled = sum((child.filled_quantity for child in children), ZERO)
    notional = sum((child.filled_notional for child in children), ZERO)
    parts = shortfall_parts(
        side=side,
        quantity=filled + left,
        arrival_price=arrival,
        start_price=start,
        twap=twap,
        last_price=last,
        children=children,
        fees_quote=paid,
    )

    whole = side.sign * ((notional - filled * arrival) + left * (last - arrival)) + paid
    assert sum(part for part in quotes(parts) if part is not None) == whole
    assert sum(part for part in bps(parts) if part is not None) == (
        calculate_implementation_shortfall(
            side=side,
            quantity=filled + left,
            filled_quantity=filled,
            filled_notional=notional,
            arrival_price=arrival,
            last_price=last,
            fees_quote=paid,
        )
    )
    assert total_cost(parts, (filled + left) * arrival).quote == whole


def some(**changes: object) -> ShortfallParts:
    known: dict[str, object] = {
        "side": Side.SELL,
        "quantity": Decimal(4),
        "arrival_price": Decimal(100),
        "start_price": Decimal(99),
        "twap": Decimal(98),
        "last_price": Decimal(96),
        "children": [SentFill(Decimal(2), Decimal(194), mid=Decimal(97), touch=Decimal("96.9"))],
        "fees_quote": Decimal("0.194"),
    }
    return shortfall_parts(**(known | changes))  # pyright: ignore[reportArgumentType]


def test_a_sale_in_a_falling_market_by_hand() -> None:
    parts = some()

    # Sold 2 of 4 at 97: the mid fell by 1 before the start, by 1 more on average, and we were 1 below that.
    assert quotes(parts) == [2, Decimal("0.2"), 2, 2, Decimal("-0.2"), 8, Decimal("0.194")]
    assert total_cost(parts, Decimal(400)) == Cost(Decimal("14.194"), Decimal("354.85"))
    assert total_cost(parts, Decimal(400), with_fees=False).quote == 14


def test_what_is_not_known_leaves_only_its_own_part_and_the_whole_unknown() -> None:
    parts = some(last_price=None, fees_quote=None, start_price=None)

    assert quotes(parts) == [None, Decimal("0.2"), None, 2, Decimal("-0.2"), None, None]
    assert total_cost(parts, Decimal(400)) == Cost(None, None)


def test_without_an_arrival_price_there_are_no_bps() -> None:
    parts = some(arrival_price=None, twap=None)

    assert quotes(parts)[:4] == [None, Decimal("0.2"), None, None]
    assert bps(parts) == [None] * 7


def test_without_a_fill_only_the_move_on_what_stayed_open_and_fees_cost() -> None:
    parts = some(children=[], fees_quote=ZERO, twap=None, start_price=None)

    assert quotes(parts) == [0, 0, 0, 0, 0, 16, 0]
