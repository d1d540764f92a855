"""The last check before the venue: whatever is wrong above, no more than the parent order passes."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis_actors.domain.gate import Gate, GateLimits
from genesis_actors.messages.venue import (
    AmendParent,
    OrderAccepted,
    OrderFilled,
    OrderNotFound,
    PastOrder,
    PlaceOrder,
    RestoreOrders,
    SettleOrder,
)
from genesis_actors.values import (
    ZERO,
    ClientOrderId,
    ExecutionId,
    OrderStatus,
    Reason,
    Side,
    TradeId,
    VenueOrderId,
)
from tests.making import BTC, NOON, a_child, a_close, a_fill


def order(name: str, quantity: str, *, parent: str = "10", price: str = "100") -> PlaceOrder:
    child = a_child(name, quantity=quantity, price=price)
    return child.model_copy(update={"parent_quantity": Decimal(parent)})


@pytest.fixture
def gate() -> Gate:
    return Gate(GateLimits())


def reason(gate: Gate, child: PlaceOrder) -> Reason | None:
    stop = gate.judge(child, NOON)
    return None if stop is None else stop.reason


def test_orders_of_one_parent_never_come_to_more_than_it_has_left(gate: Gate) -> None:
    assert reason(gate, order("a", "6")) is None
    stop = gate.judge(order("b", "5"), NOON)

    assert stop is not None
    assert (stop.reason, stop.limit, stop.actual) == (Reason.PARENT_QUANTITY, 4, 5)
    assert reason(gate, order("c", "4")) is None


def test_what_a_closed_order_has_not_filled_may_be_sent_again(gate: Gate) -> None:
    first = order("a", "6")
    gate.judge(first, NOON)
    gate.hear(a_fill(first, quantity="2"))
    gate.hear(a_close(first))

    assert reason(gate, order("b", "9")) is Reason.PARENT_QUANTITY
    assert reason(gate, order("c", "8")) is None


def test_a_close_that_says_more_than_was_told_is_believed(gate: Gate) -> None:
    first = order("a", "6")
    gate.judge(first, NOON)
    gate.hear(a_close(first).model_copy(update={"filled_quantity": Decimal(5)}))

    assert reason(gate, order("b", "6")) is Reason.PARENT_QUANTITY
    gate.hear(a_fill(first, quantity="5"))
    assert reason(gate, order("c", "5")) is None


def test_a_larger_parent_quantity_later_is_not_believed(gate: Gate) -> None:
    gate.judge(order("a", "6"), NOON)

    assert reason(gate, order("b", "5", parent="100")) is Reason.PARENT_QUANTITY


@pytest.mark.parametrize(("amended", "passes"), [("20", "14"), ("8", "2")])
def test_an_amended_parent_quantity_is_what_orders_are_held_against(
    gate: Gate, amended: str, passes: str
) -> None:
    first = order("a", "6")
    change = AmendParent(execution_id=first.execution_id, quantity=Decimal(amended))
    gate.judge(first, NOON)
    gate.amend(change)
    gate.amend(change)

    too_much = str(Decimal(passes) + 1)
    assert reason(gate, order("b", too_much, parent="100")) is Reason.PARENT_QUANTITY
    assert reason(gate, order("c", passes, parent="9")) is (
        Reason.PARENT_QUANTITY if amended == "20" else None  # Both must allow it.
    )
    assert reason(gate, order("d", "14" if amended == "20" else "1", parent="100")) is (
        None if amended == "20" else Reason.PARENT_QUANTITY
    )


def test_a_parent_may_be_amended_before_anything_of_it_was_sent(gate: Gate) -> None:
    gate.amend(AmendParent(execution_id=order("a", "1").execution_id, quantity=Decimal(5)))

    assert reason(gate, order("a", "6")) is Reason.PARENT_QUANTITY
    assert reason(gate, order("b", "5")) is None


def test_an_id_passes_once(gate: Gate) -> None:
    first = order("a", "1")
    gate.judge(first, NOON)
    gate.hear(a_close(first))

    assert reason(gate, first) is Reason.DUPLICATE_ORDER


def test_not_found_frees_its_quantity_only_as_proof(gate: Gate) -> None:
    first = order("a", "10")
    gate.judge(first, NOON)

    def not_found(*, is_proof: bool) -> OrderNotFound:
        return OrderNotFound(
            at=NOON,
            execution_id=first.execution_id,
            client_order_id=first.client_order_id,
            asked_at=NOON,
            is_proof=is_proof,
        )

    gate.hear(not_found(is_proof=False))
    assert reason(gate, order("b", "1")) is Reason.PARENT_QUANTITY
    gate.hear(not_found(is_proof=True))
    assert reason(gate, order("b", "10")) is None


def test_a_settled_order_takes_what_the_operator_said_or_what_was_traded(gate: Gate) -> None:
    first = order("a", "10")
    gate.judge(first, NOON)
    gate.hear(
        SettleOrder(
            execution_id=first.execution_id,
            client_order_id=first.client_order_id,
            symbol=BTC,
            filled_quantity=Decimal(3),
        )
    )
    assert reason(gate, order("b", "8")) is Reason.PARENT_QUANTITY
    gate.hear(a_fill(first, quantity="2"))
    assert reason(gate, order("b", "7")) is None


def test_what_was_sent_before_a_restart_counts(gate: Gate) -> None:
    traded = ((TradeId("t1"), NOON, Decimal(2)),)
    past = (
        PastOrder(ClientOrderId("open"), traded, ZERO, Decimal(3), Decimal(100)),
        PastOrder(ClientOrderId("ended"), (), ZERO, ZERO, Decimal(100)),
        PastOrder(ClientOrderId("settled"), (), Decimal(1), ZERO, Decimal(100)),
    )
    gate.restore(RestoreOrders(ExecutionId("x1"), BTC, Side.BUY, Decimal(10), past))

    assert reason(gate, order("ended", "1")) is Reason.DUPLICATE_ORDER
    assert reason(gate, order("b", "5")) is Reason.PARENT_QUANTITY
    gate.hear(a_fill(order("open", "5"), quantity="2", trade_id="t1"))
    assert reason(gate, order("b", "4")) is None


def test_limits_of_quantity_notional_and_rate() -> None:
    strict = Gate(
        GateLimits(
            max_orders_per_second=1,
            max_order_quantity=Decimal(5),
            max_order_notional=Decimal(300),
        )
    )

    assert reason(strict, order("a", "6", price="1")) is Reason.MAX_ORDER_QUANTITY
    assert reason(strict, order("a", "4")) is Reason.MAX_ORDER_NOTIONAL
    assert reason(strict, order("a", "1")) is None
    assert reason(strict, order("b", "1")) is Reason.ORDER_RATE
    assert strict.judge(order("b", "1"), NOON + timedelta(seconds=1)) is None
    unlimited = Gate(GateLimits(max_orders_per_second=None))
    assert reason(unlimited, order("a", "1")) is None


def test_a_halted_gate_lets_nothing_pass() -> None:
    gate = Gate(GateLimits(), is_halted=True)

    assert reason(gate, order("a", "1")) is Reason.HALTED


def test_what_it_does_not_know_or_does_not_concern_it_changes_nothing(gate: Gate) -> None:
    first = order("a", "10")
    gate.hear(a_fill(first, quantity="1"))
    gate.judge(first, NOON)
    gate.hear(a_fill(order("other", "1"), quantity="1"))
    gate.hear(
        OrderAccepted(
            at=NOON,
            execution_id=first.execution_id,
            client_order_id=first.client_order_id,
            venue_order_id=VenueOrderId("v1"),
        )
    )

    assert reason(gate, order("b", "1")) is Reason.PARENT_QUANTITY


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["place", "fill", "repeat", "close"]),
        st.integers(1, 12),
        st.integers(0, 20),
    ),
    max_size=40,
)


@given(STEPS)
def test_filled_and_open_together_never_exceed_the_parent_whatever_comes(
    steps: list[tuple[str, int, int]],
) -> None:
    gate = Gate(GateLimits(max_orders_per_second=None))
    parent = Decimal(20)
    passed: dict[str, PlaceOrder] = {}
    filled: dict[str, Decimal] = {}
    closed: set[str] = set()
    fills: list[OrderFilled] = []
    for number, (step, quantity, which) in enumerate(steps):
        if step == "place":
            child = order(f"c{which}", str(quantity), parent="20")
            if gate.judge(child, NOON) is None:
                assert f"c{which}" not in passed
                passed[f"c{which}"], filled[f"c{which}"] = child, ZERO
        elif step == "repeat" and fills:
            gate.hear(fills[which % len(fills)])
        elif passed:
            name = list(passed)[which % len(passed)]
            left = passed[name].quantity - filled[name]
            if step == "fill" and left and name not in closed:
                part = min(left, Decimal(quantity))
                fills.append(
                    a_fill(passed[name], quantity=str(part), trade_id=f"t{number}", at=NOON)
                )
                filled[name] += part
                gate.hear(fills[-1])
            elif step == "close":
                closed.add(name)
                status = OrderStatus.EXPIRED if left else OrderStatus.FILLED
                gate.hear(a_close(passed[name]).model_copy(update={"status": status}))
        at_risk = sum((filled[n] if n in closed else passed[n].quantity for n in passed), ZERO)
        assert at_risk <= parent


def test_what_an_unknown_order_of_a_parent_has_traded_is_taken(gate: Gate) -> None:
    assert reason(gate, order("a", "3")) is None
    gate.hear(a_fill(order("lacked", "4"), quantity="4"))
    gate.hear(a_close(order("another", "4")))

    assert reason(gate, order("b", "4")) is Reason.PARENT_QUANTITY
    assert reason(gate, order("c", "3")) is None
