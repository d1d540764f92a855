from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis_actors.domain.client_ids import client_order_id, execution_id_from, id_text
from genesis_actors.gateways.ccxt_client_ids import (
    HABITS,
    VenueHabits,
    execution_of,
    habits_of,
    is_ours,
)
from genesis_actors.values import ClientOrderId


@st.composite
def names(draw: st.DrawFn) -> ClientOrderId:
    prefix = id_text(draw(st.integers(0, 2**30 - 1)), 6)
    execution = execution_id_from(draw(st.integers(0, 2**64 - 1)))
    most = 36**3 - 1
    return client_order_id(
        prefix, execution, draw(st.integers(0, most)), draw(st.integers(0, most))
    )


@given(name=names())
def test_every_exchange_is_told_something_it_accepts_that_leads_back_to_our_name(
    name: ClientOrderId,
) -> None:
    for exchange, habits in HABITS.items():
        told = habits.told(name)

        assert habits.heard(told) == name, exchange
        assert len(told) <= habits.length, exchange
        assert re.fullmatch(f"{habits.charset}+", told), exchange
        assert is_ours(habits.heard(told), name[:6])


@given(first=names(), second=names())
def test_two_names_are_never_told_as_one(first: ClientOrderId, second: ClientOrderId) -> None:
    for habits in HABITS.values():
        assert (habits.told(first) == habits.told(second)) is (first == second)


def test_what_others_call_their_orders_is_not_ours() -> None:
    for habits in HABITS.values():
        for theirs in ("", "web_4f3a", "t-1", "x-R4BD3S8221aa", "0" * 32, "f" * 32, "A" * 25):
            assert not is_ours(habits.heard(theirs), "g7k2pd")
    assert not is_ours("g7k2pc3vq0mzt41r8ab001002", "g7k2pd")
    assert not is_ours(None, "g7k2pd")


def test_a_name_that_begins_with_t_gets_gates_prefix_all_the_same() -> None:
    name = ClientOrderId("t7k2pd3vq0mzt41r8ab001002")

    assert HABITS["gate"].told(name) == f"t-{name}"


def test_the_execution_is_in_the_name() -> None:
    assert execution_of(ClientOrderId("g7k2pd3vq0mzt41r8ab001002")) == "3vq0mzt41r8ab"
    with pytest.raises(ValueError, match="no client order id"):
        execution_of(ClientOrderId("short"))
    with pytest.raises(ValueError, match="no client order id"):
        HABITS["kraken"].told("UPPER")


def test_an_unlisted_exchange_works_by_the_unified_parameter_or_says_why_not() -> None:
    able: dict[str, object] = dict.fromkeys(
        ("createOrder", "cancelOrder", "fetchOrder", "fetchOpenOrders", "fetchMyTrades"), True
    )

    assert isinstance(habits_of("other", able), VenueHabits)
    assert "fetchOrder" in str(habits_of("other", {**able, "fetchOrder": "emulated"}))
