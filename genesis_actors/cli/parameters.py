"""The kinds of value that options take. Each is checked here and handed on as it was written.

What an order may say is decided by `TwapOrder`; checking it here as well keeps usage errors quick and well placed.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click

from genesis_actors.cli.errors import CliError, ExitCode
from genesis_actors.notation import (
    parse_bps,
    parse_decimal,
    parse_duration,
    parse_quantity,
    parse_rate,
    parse_symbol,
    parse_threshold,
    parse_whole,
)
from genesis_actors.values import parse_time, plain_line

if TYPE_CHECKING:
    _ParamType = click.ParamType[object]
else:
    _ParamType = click.ParamType  # It became generic late.


class Checked(_ParamType):
    """Text that must be readable by `parse`. The command gets the text, because exactness is not ours to lose."""

    def __init__(self, name: str, parse: Callable[[str], object]) -> None:
        self.name = name
        self._parse = parse

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> object:
        try:
            self._parse(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return value


class Parsed(Checked):
    """Text that the command gets as what `parse` makes of it."""

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> object:
        if not isinstance(value, str):
            return value
        try:
            return self._parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Whole(click.IntRange):
    """A whole number within bounds, in plain digits."""

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        try:
            whole: Any = parse_whole(value) if isinstance(value, str) else value
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return super().convert(whole, param, ctx)


def _between(
    parse: Callable[[str], Decimal],
    lowest: Decimal | None = None,
    highest: Decimal | None = None,
    *,
    above: Decimal | None = None,
    below: Decimal | None = None,
) -> Callable[[str], Decimal]:
    def parsed(text: str) -> Decimal:
        value = parse(text)
        if above is not None and value <= above:
            raise ValueError(f"{text} is not above {above}")
        if lowest is not None and value < lowest:
            raise ValueError(f"{text} is below {lowest}")
        if highest is not None and value > highest:
            raise ValueError(f"{text} is above {highest}{_if_percent(text, value, highest)}")
        if below is not None and value >= below:
            raise ValueError(f"{text} is not below {below}{_if_percent(text, value, below)}")
        return value

    return parsed


def _if_percent(text: str, value: Decimal, bound: Decimal) -> str:
    """Return how to write what somebody has probably meant who gives 10 for a share."""
    is_likely = bound == _ONE and _ONE < value <= _HUNDRED and "%" not in text
    return f"; {text} percent are written {text}%" if is_likely else ""


_ZERO, _ONE = Decimal(0), Decimal(1)
_HUNDRED = Decimal(100)
_LONGEST_CLIENT_ID = 128


def _quantity(text: str) -> Decimal:
    number, _ = parse_quantity(text)
    return _between(lambda _text: number, above=_ZERO)(text)


def _duration(text: str) -> object:
    length = parse_duration(text)
    if not length:
        raise ValueError(f"{text} is no length of time")
    return length


def _client_id(text: str) -> str:
    if not 1 <= len(text) <= _LONGEST_CLIENT_ID:
        raise ValueError(f"a client id has 1 to {_LONGEST_CLIENT_ID} characters, not {len(text)}")
    return plain_line(text)


def _execution(text: str) -> str:
    if not text.strip():
        raise CliError(
            "unknown_id",
            "no execution has an empty id",
            "is a variable of your script not set? list them: genesis ps -a",
            ExitCode.UNKNOWN_ID,
        )
    return text


def _speed(text: str) -> Decimal | None:
    return None if text == "max" else _between(parse_decimal, above=_ZERO)(text)


def _time(text: str) -> datetime:
    try:
        return parse_time(text).astimezone(UTC)
    except ValueError:
        raise ValueError(
            f"{text!r} is no time; write it with its zone, like 2024-08-08T23:54:15Z"
        ) from None


def _goal(text: str) -> object:
    what, _, share = text.partition("=")
    if what == "filled" and share:
        return _between(parse_rate, above=_ZERO, highest=_ONE)(share)
    if text not in {"done", "paused"}:
        raise ValueError(f"{text!r} is nothing to wait for; write done, paused or filled=50%")
    return text


def _since(text: str) -> object:
    if text.isascii() and text.isdigit():
        return int(text)
    try:
        return parse_duration(text)
    except ValueError:
        return _time(text)


SYMBOL = Parsed("symbol", parse_symbol)
QUANTITY = Checked("quantity", _quantity)
FILLED = Parsed("quantity", _between(parse_decimal, _ZERO))
DURATION = Checked("duration", _duration)
LATENCY = Checked("duration", parse_duration)
PRICE = Checked("price", _between(parse_decimal, above=_ZERO))
BASE_QUANTITY = Checked("quantity", _between(parse_decimal, above=_ZERO))
LIMIT = Checked(
    "price", lambda text: text if text == "off" else _between(parse_decimal, above=_ZERO)(text)
)
RATE = Checked("rate", _between(parse_rate, above=_ZERO, highest=_ONE))
SHARE = Checked("share", _between(parse_rate, _ZERO, _ONE))
JITTER = Checked("share", _between(parse_rate, _ZERO, below=_ONE))
THRESHOLD = Checked("share or off", _between(parse_threshold, _ZERO, below=_ONE))
BPS = Checked("bps", _between(parse_bps, _ZERO))
EXECUTION = Checked("id", _execution)
LINE = Checked("text", plain_line)
CLIENT_ID = Checked("text", _client_id)
MINUTES = Parsed("minutes", _between(parse_decimal, _ONE, Decimal(60)))
SPEED = Parsed("number or max", _speed)
TIME = Parsed("time", _time)
GOAL = Checked("goal", _goal)
SINCE = Checked("time", _since)
