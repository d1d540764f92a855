from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Column, Integer, MetaData, Row, Table, create_engine, insert, select, text
from sqlalchemy.exc import StatementError
from sqlalchemy.pool import StaticPool

from genesis_actors.storage.columns import ExactDecimal, Flag, UtcTime, utc_text

METADATA = MetaData()
KEPT = Table(
    "kept",
    METADATA,
    Column("number", Integer, primary_key=True),
    Column("money", ExactDecimal),
    Column("at", UtcTime),
    Column("flag", Flag),
)
ENGINE = create_engine("sqlite://", poolclass=StaticPool)
METADATA.create_all(ENGINE)

MONEY = st.builds(
    lambda digits, exponent: Decimal(digits).scaleb(exponent),
    st.integers(-(10**40), 10**40),
    st.integers(-40, 12),
)
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
TIMES = st.datetimes(datetime(1990, 1, 1), datetime(2200, 1, 1), timezones=ZONES)  # noqa: DTZ001


def kept(**values: object) -> Row[Any]:
    with ENGINE.connect() as connection:
        connection.execute(insert(KEPT).values(number=1, **values))
        return connection.execute(select(KEPT)).one()


@given(MONEY)
def test_money_of_forty_digits_comes_back_exactly(money: Decimal) -> None:
    assert kept(money=money).money == money


@given(TIMES)
def test_a_time_comes_back_to_the_microsecond_in_utc(at: datetime) -> None:
    found = kept(at=at).at

    assert found == at
    assert found.utcoffset() == timedelta(0)


@given(TIMES, TIMES)
def test_texts_of_times_sort_as_times_do(one: datetime, other: datetime) -> None:
    assert (utc_text(one) < utc_text(other)) == (one < other)


def test_money_is_stored_as_canonical_text() -> None:
    with ENGINE.connect() as connection:
        connection.execute(insert(KEPT).values(number=1, money=Decimal("1.500E+3")))
        stored = connection.execute(text("SELECT money, typeof(money) FROM kept")).one()

    assert tuple(stored) == ("1500", "text")


@pytest.mark.parametrize("money", [0.1, 1, "0.1", Decimal("NaN"), Decimal("Infinity")])
def test_what_is_not_exact_money_is_refused(money: object) -> None:
    with pytest.raises((StatementError, TypeError, ValueError), match="money must be"):
        kept(money=money)


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(StatementError, match="needs a zone"):
        kept(at=datetime(2024, 8, 8))  # noqa: DTZ001


@pytest.mark.parametrize("flag", [True, False, None])
def test_a_flag_comes_back(flag: bool | None) -> None:
    assert kept(flag=flag, at=None, money=None).flag is flag


def test_nothing_comes_back_as_nothing() -> None:
    found = kept(money=None, at=None)

    assert (found.money, found.at) == (None, None)


def test_a_time_is_stored_with_six_decimals() -> None:
    at = datetime(2024, 8, 8, 23, 54, 15, 408000, tzinfo=UTC)

    assert UtcTime().process_bind_param(at, ENGINE.dialect) == "2024-08-08T23:54:15.408000Z"
