from __future__ import annotations

from dataclasses import dataclass

from genesis_actors.domain.state import Derived, State, derived_from

worked_out: list[int] = []


@dataclass(frozen=True)
class Pair(State):
    first: int
    second: int

    @derived_from("first")
    def doubled(self) -> int:
        """Twice the first."""
        worked_out.append(self.first)
        return 2 * self.first


def test_what_is_derived_is_worked_out_once_until_its_sources_change() -> None:
    worked_out.clear()
    pair = Pair(1, 2)
    assert (pair.doubled, pair.doubled, pair.having(second=3).doubled) == (2, 2, 2)
    assert worked_out == [1]

    assert (pair.having(first=4).doubled, pair.doubled) == (8, 2)
    assert worked_out == [1, 4]


def test_what_is_derived_is_no_part_of_what_is_compared_and_shows_what_it_is() -> None:
    pair = Pair(1, 2)

    assert pair.doubled == 2
    assert pair == Pair(1, 2)
    assert isinstance(Pair.doubled, Derived)
    assert Pair.doubled.__doc__ == "Twice the first."
