"""What is derived from all slices or children, carried along while single ones of them are replaced."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from genesis_actors.domain.execution import Child, Execution, Fill
from genesis_actors.values import (
    ClientOrderId,
    Liquidity,
    OrderStatus,
    Side,
    SliceStatus,
    TradeId,
)
from tests.domain.executions import NOON, execution, seconds
from tests.domain.plays import check_derived

PARTS = 4
QUANTITIES = st.integers(0, 3).map(Decimal)
SLICES = st.tuples(
    st.integers(1, PARTS), st.sampled_from(SliceStatus), QUANTITIES, st.none() | QUANTITIES
)
CHILDREN = st.tuples(
    st.sampled_from("abc"),
    st.sampled_from(OrderStatus),
    st.none() | st.integers(0, 90),
    st.none() | st.integers(0, 90),
)


@given(st.lists(SLICES, max_size=12))
def test_of_slices(changes: list[tuple[int, SliceStatus, Decimal, Decimal | None]]) -> None:
    x = replace(execution(("1",) * PARTS), slices_total=3)  # The last is a deadline's.
    check_derived(x, NOON)
    for number, status, filled, volume in changes:
        part = x.slice(number).having(status=status, filled_quantity=filled, market_volume=volume)
        x = x.put(part)
        check_derived(x, NOON)


@given(st.lists(CHILDREN, max_size=12))
def test_of_children(changes: list[tuple[str, OrderStatus, int | None, int | None]]) -> None:
    x = execution()
    for second, (name, status, traded, settled) in enumerate(changes):
        since = NOON + seconds(5 * second)
        check_derived(x, since)
        child = x.children.get(ClientOrderId(name)) or _child(x, name)
        fills = child.fills if traded is None else (*child.fills, _fill(traded))
        if settled is not None:
            child = child.having(settled_at=NOON + seconds(settled), settled_quantity=Decimal(1))
        x = x.put(child=child.having(status=status, fills=fills))
        check_derived(x, since)
        assert x.filled_since(NOON) == replace(x).filled_since(NOON), "an earlier time than before"


def _child(x: Execution, name: str) -> Child:
    price = Decimal(100)
    return Child(
        client_order_id=ClientOrderId(name),
        slice_number=1,
        attempt=1,
        quantity=Decimal(1),
        price=price,
        mid=price,
        touch=price,
        resting=x.order.side is Side.SELL,
        created_at=NOON,
        quoted_at=NOON,
        filled_before=x.filled_quantity,
    )


def _fill(second: int) -> Fill:
    return Fill(
        trade_id=TradeId(str(second)),
        quantity=Decimal(1),
        price=Decimal(100),
        fee=Decimal(0),
        fee_currency="USDT",
        liquidity=Liquidity.TAKER,
        traded_at=NOON + seconds(second),
    )
