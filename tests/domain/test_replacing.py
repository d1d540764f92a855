from __future__ import annotations

from dataclasses import FrozenInstanceError, dataclass
from dataclasses import replace as slow_replace
from functools import cached_property

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis_actors.domain.replacing import replace


@dataclass(frozen=True)
class Open:
    price: int
    quantity: int = 1

    @cached_property
    def notional(self) -> int:
        return self.price * self.quantity


@dataclass(frozen=True, slots=True)
class Slotted:
    price: int
    quantity: int = 1


CHANGES = st.dictionaries(st.sampled_from(["price", "quantity"]), st.integers())


@given(kind=st.sampled_from([Open, Slotted]), price=st.integers(), changes=CHANGES)
def test_it_does_what_the_standard_librarys_does(
    kind: type[Open | Slotted], price: int, changes: dict[str, int]
) -> None:
    value = kind(price, 7)
    copy = replace(value, **changes)

    assert copy == slow_replace(value, **changes)
    assert type(copy) is kind
    assert value == kind(price, 7)


def test_what_a_value_has_cached_is_not_copied() -> None:
    value = Open(3, 2)
    assert value.notional == 6

    assert replace(value, quantity=5).notional == 15


@pytest.mark.parametrize("value", [Open(1), Slotted(1)])
def test_a_copy_is_frozen_too_and_has_no_other_fields(value: Open | Slotted) -> None:
    with pytest.raises(FrozenInstanceError):
        replace(value, price=2).price = 3  # type: ignore[misc]
    with pytest.raises(TypeError, match="has no colour"):
        replace(value, colour="red")
