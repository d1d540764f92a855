"""How people write durations, rates, quantities and symbols. Text in, exact values out; ValueError says what is wrong.

It imports nothing heavy: the command line refuses nonsense before anything else is loaded.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation

from genesis_actors.values import parse_time

QUOTE_SUFFIX = "quote"

_SYMBOL = re.compile(r"[A-Z0-9]+/[A-Z0-9]+(:[A-Z0-9]+)?")
_DURATION = re.compile(r"(?P<number>\d+(?:\.\d+)?)(?P<unit>ms|s|m|h)", re.ASCII)
_DAYS = re.compile(r"(?P<number>[0-9]{1,4})d")
_UNITS = {"ms": 1_000, "s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000}
_WHOLE = re.compile(r"[+-]?\d{1,100}", re.ASCII)
_LONGEST_MICROSECONDS = 366 * 24 * _UNITS["h"]
_MOST_DIGITS = 40


def parse_duration(text: str) -> timedelta:
    """Return the duration that `90s`, `15m`, `2h` or `1h30m` names; ValueError otherwise.

    >>> parse_duration("15m")
    datetime.timedelta(seconds=900)
    """
    matches = list(_DURATION.finditer(text.strip()))
    if not matches or "".join(match.group() for match in matches) != text.strip():
        raise ValueError(f"{text!r} is no duration; write it like 90s, 15m or 2h")
    micros = sum(Decimal(m["number"]) * _UNITS[m["unit"]] for m in matches)
    if micros > _LONGEST_MICROSECONDS:
        raise ValueError(f"{text!r} is longer than a year")
    return timedelta(microseconds=int(micros))


def parse_since(text: str) -> timedelta | datetime | None:
    """Return the length of time (`7d`, `12h`) or the time that `text` names, None for `all`; ValueError otherwise.

    >>> parse_since("7d"), parse_since("all")
    (datetime.timedelta(days=7), None)
    """
    if text == "all":
        return None
    days = _DAYS.fullmatch(text)
    if days is not None:
        return timedelta(days=int(days["number"]))
    try:
        return parse_time(text) if "T" in text else parse_duration(text)
    except ValueError:
        raise ValueError(
            f"{text!r} is neither 7d, 12h, a time such as 2024-08-08T00:00:00Z, nor all"
        ) from None


def parse_decimal(text: str) -> Decimal:
    """Return the finite number that `text` names exactly; ValueError otherwise."""
    # `Decimal` also takes underscores and the digits of other scripts: a slip must not become an amount of money.
    if "_" in text or not text.isascii():
        raise ValueError(f"{text!r} is not a number")
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        raise ValueError(f"{text!r} is not a number") from None
    if not number.is_finite():
        raise ValueError(f"{text!r} is not a finite number")
    return in_reach(number)


def in_reach(number: Decimal) -> Decimal:
    """Return `number`, a zero as 0; ValueError for one that no price or quantity comes near.

    Some thousand digits would not be money but an attack: to calculate with them exactly takes all time and memory.
    """
    if not number:
        return Decimal(0)
    if number.adjusted() >= _MOST_DIGITS or -_exponent_of(number) > _MOST_DIGITS:
        raise ValueError(
            f"it is out of reach: write at most {_MOST_DIGITS} digits before and after the point"
        )
    return number


def _exponent_of(number: Decimal) -> int:
    exponent = number.as_tuple().exponent
    return exponent if isinstance(exponent, int) else 0


def parse_whole(text: str) -> int:
    """Return the whole number that `text` names; ValueError otherwise."""
    if not _WHOLE.fullmatch(text.strip()):
        raise ValueError(f"{text!r} is not a whole number")
    return int(text)


def parse_rate(text: str) -> Decimal:
    """Return the share that `10%` or `0.1` names; ValueError otherwise.

    >>> parse_rate("10%"), parse_rate("0.1")
    (Decimal('0.1'), Decimal('0.1'))
    """
    text = text.strip()
    if text.endswith("%"):
        return (parse_decimal(text[:-1]) / 100).normalize() + 0
    return parse_decimal(text)


def parse_threshold(text: str) -> Decimal:
    """Return the share that a rate names; `off` is zero."""
    return Decimal(0) if text.strip().lower() == "off" else parse_rate(text)


def parse_bps(text: str) -> Decimal:
    """Return the basis points that `20bps` or `20` names; ValueError otherwise."""
    return parse_decimal(text.removesuffix("bps"))


def parse_symbol(text: str) -> str:
    """Return the symbol `BASE/QUOTE` in capitals; ValueError otherwise."""
    if not _SYMBOL.fullmatch(text.upper()):
        raise ValueError(f"{text!r} is no symbol; write BASE/QUOTE, for example BTC/USDT")
    return text.upper()


def parse_quantity(text: str) -> tuple[Decimal, bool]:
    """Return the number, and whether it is in the quote currency.

    >>> parse_quantity("25000quote")
    (Decimal('25000'), True)
    """
    in_quote = text.endswith(QUOTE_SUFFIX)
    return parse_decimal(text.removesuffix(QUOTE_SUFFIX)), in_quote
