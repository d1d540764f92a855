"""Names of child orders: derived, never shared, fit for every venue."""

from __future__ import annotations

import re
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis_actors.domain.client_ids import MOST, client_order_id, id_text
from genesis_actors.values import ExecutionId

EXECUTION = ExecutionId("3vq0mzt41r8ab")


def test_a_name_is_prefix_execution_slice_and_attempt() -> None:
    assert client_order_id("g7k2pd", EXECUTION, 36, 35) == "g7k2pd3vq0mzt41r8ab01000z"


def test_no_two_attempts_share_a_name() -> None:
    numbers = (0, 1, 35, 36, 1295, 1296, MOST)
    names = {
        client_order_id("g", EXECUTION, part, attempt)
        for part, attempt in product(numbers, numbers)
    }

    assert len(names) == len(numbers) ** 2


@given(st.integers(0, MOST), st.integers(0, MOST))
def test_every_venue_takes_the_name(slice_number: int, attempt: int) -> None:
    name = client_order_id("g7k2pd", EXECUTION, slice_number, attempt)

    assert re.fullmatch("[a-z0-9]{25}", name)


@pytest.mark.parametrize("number", [-1, MOST + 1])
def test_a_number_that_does_not_fit_is_an_error(number: int) -> None:
    with pytest.raises(ValueError, match="does not fit into 3 digits"):
        client_order_id("g", EXECUTION, number, 1)


@given(st.integers(0, 2**65 - 1), st.integers(0, 2**65 - 1))
def test_different_numbers_have_different_texts(one: int, other: int) -> None:
    assert (id_text(one, 13) == id_text(other, 13)) is (one == other)


def test_a_text_has_its_width() -> None:
    assert id_text(0, 6) == "000000"
    assert id_text(33, 6) == "000011"
