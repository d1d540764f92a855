from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, cast, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import AwareDatetime

from genesis_actors.messages.events import ExecutionEvent, JournalEvent, PlannedSlice, Terms
from genesis_actors.storage.errors import DatabaseUnusable
from genesis_actors.storage.serialization import EVENT_TYPES, event_id, from_json, to_json
from tests.storage.samples import NOON, sent

MONEY = st.builds(
    lambda digits, exponent: Decimal(digits).scaleb(exponent),
    st.integers(-(10**40), 10**40),
    st.integers(-40, 12),
)
TIMES = st.datetimes(datetime(1990, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
DURATIONS = st.timedeltas(timedelta(days=-3), timedelta(days=400))

st.register_type_strategy(Decimal, MONEY)
st.register_type_strategy(datetime, TIMES)
st.register_type_strategy(timedelta, DURATIONS)
st.register_type_strategy(AwareDatetime, TIMES)  # type: ignore[arg-type]
st.register_type_strategy(
    PlannedSlice,
    st.builds(PlannedSlice, number=st.integers(), due_at=TIMES, quantity=MONEY),
)
st.register_type_strategy(
    Terms,
    st.builds(
        Terms,
        quantity=MONEY,
        ends_at=st.none() | TIMES,
        limit_price=st.none() | MONEY,
        max_participation=MONEY,
    ),
)


def of_type(event_type: type[ExecutionEvent]) -> st.SearchStrategy[ExecutionEvent]:
    """Return events whose every field is drawn: the dataclasses inside them too."""
    fields: dict[str, st.SearchStrategy[Any]] = {
        name: st.from_type(cast("type[Any]", field.annotation))
        for name, field in event_type.model_fields.items()
    }
    fields["at"] = TIMES
    return st.builds(event_type, **fields)


@pytest.mark.parametrize("event_type", get_args(JournalEvent), ids=lambda it: it.__name__)
@given(data=st.data())
@settings(max_examples=12, deadline=None)
def test_every_event_comes_back_as_it_was(
    event_type: type[ExecutionEvent], data: st.DataObject
) -> None:
    event = data.draw(of_type(event_type))

    assert from_json(event_type.__name__, to_json(event)) == event


def test_every_event_of_the_union_is_known() -> None:
    assert set(EVENT_TYPES.values()) == set(get_args(JournalEvent))


def test_other_events_are_refused() -> None:
    with pytest.raises(TypeError, match="not an event of the journal"):
        to_json(ExecutionEvent(at=NOON, execution_id=sent("x1").execution_id))


def test_an_unknown_type_is_named() -> None:
    with pytest.raises(DatabaseUnusable, match="TwapTeleported"):
        from_json("TwapTeleported", "{}")


def test_an_unreadable_event_is_named() -> None:
    with pytest.raises(DatabaseUnusable, match="ChildSent cannot be read"):
        from_json("ChildSent", '{"at":"yesterday"}')


def test_event_ids_look_like_uuids_differ_and_sort_by_execution_and_version() -> None:
    of_each = [[event_id(name, version) for version in range(100)] for name in ("x1", "x2")]
    ids = [it for of_one in of_each for it in of_one]

    assert len(set(ids)) == 200
    assert {tuple(map(len, it.split("-"))) for it in ids} == {(8, 4, 4, 4, 12)}
    assert sorted(ids) == [it for of_one in sorted(of_each) for it in of_one]
