"""Whichever way an exchange shows a long list, all of it is read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis_actors.gateways.ccxt_paging import LEAST_PAGE, Paging, Span, WrongAnswerError

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
Row = tuple[datetime, int]


def at(second: int) -> datetime:
    return NOON + timedelta(seconds=second)


def read(show: Callable[[Span], list[Row]], until: datetime, *, by_offset: bool) -> set[Row]:
    paging, found = Paging(NOON, until, by_offset=by_offset), set[Row]()
    for _ in range(2_000):
        span = paging.next()
        if span is None:
            return found
        page = show(span)
        paging.heard(span, [row[0] for row in page], [row[0] for row in page if row not in found])
        found.update(page)
    raise AssertionError("it does not end")


@given(
    seconds=st.lists(st.integers(0, 3 * 86_400), max_size=150, unique=True),
    page=st.integers(LEAST_PAGE, 60),
    newest_first=st.booleans(),
)
def test_lists_by_time_are_read_from_both_ends(
    seconds: list[int], page: int, newest_first: bool
) -> None:
    rows = sorted((at(second), number) for number, second in enumerate(seconds))

    def show(span: Span) -> list[Row]:
        found = [row for row in rows if span.start <= row[0] <= span.end]
        return found[-page:][::-1] if newest_first else found[:page]

    assert read(show, at(4 * 86_400), by_offset=False) == set(rows)


@given(instants=st.lists(st.integers(0, 5), min_size=1, max_size=200), page=st.integers(20, 50))
def test_lists_by_offset_are_read_however_many_rows_an_instant_has(
    instants: list[int], page: int
) -> None:
    rows = sorted((at(second), number) for number, second in enumerate(instants))

    def show(span: Span) -> list[Row]:
        found = [row for row in rows if span.start <= row[0] <= span.end][::-1]
        return found[span.offset : span.offset + page]

    assert read(show, at(60), by_offset=True) == set(rows)


def test_an_exchange_that_does_not_heed_the_end_is_not_believed() -> None:
    rows = [(at(second), second) for second in range(100)]

    with pytest.raises(WrongAnswerError):
        read(lambda _: rows[-30:], at(200), by_offset=False)
