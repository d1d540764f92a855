"""Column types whose text is exact: money never becomes a float, and times sort as their texts do."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from functools import lru_cache

from sqlalchemy import Dialect, Integer, Text, TypeDecorator

from genesis_actors.values import decimal_text, parse_time, time_text


def money_text(value: Decimal) -> str:
    """Return the text to store; refuse what is not exact."""
    # A float has lost digits before it came here.
    if not isinstance(value, Decimal):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"money must be Decimal, not {type(value).__name__}: {value!r}")
    if not value.is_finite():
        raise ValueError(f"money must be finite: {value}")
    return decimal_text(value)


@lru_cache(maxsize=4096)  # The rows of an execution repeat its times.
def utc_text(value: datetime) -> str:
    """Return the text to store; refuse a time without a zone."""
    if value.tzinfo is None:
        raise ValueError(f"a time needs a zone: {value}")
    return time_text(value)


class ExactDecimal(TypeDecorator[Decimal]):
    """A finite Decimal as TEXT. Never SUM it or ORDER BY it: to the database it is a text."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        return None if value is None else money_text(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Decimal | None:  # noqa: ARG002
        return None if value is None else Decimal(value)


class UtcTime(TypeDecorator[datetime]):
    """An aware datetime as RFC 3339 text in UTC with six decimals."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        return None if value is None else utc_text(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else parse_time(value)


class Flag(TypeDecorator[bool]):
    """A bool as 0 or 1."""

    impl = Integer
    cache_ok = True

    def process_bind_param(self, value: bool | None, dialect: Dialect) -> int | None:  # noqa: ARG002, FBT001
        return None if value is None else int(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> bool | None:  # noqa: ARG002
        return None if value is None else bool(value)
