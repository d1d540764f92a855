"""Past volumes of a symbol, from the exchange's candles."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from genesis_actors.gateways.ccxt_parsing import milliseconds_of, time_of
from genesis_actors.gateways.ccxt_rules import exact_number
from genesis_actors.messages.venue import HourlyVolume
from genesis_actors.values import ZERO, Symbol

_HOUR, _MINUTE = 3_600, 60
_HOURS: Final = 7 * 24
_MINUTES: Final = 24 * 60
_CANDLES_AT_ONCE: Final = 1_000


async def read_volumes(reads: Any, symbol: Symbol, now: datetime) -> tuple[HourlyVolume, ...]:  # noqa: ANN401 - ccxt has no types
    """Return the hours of the last week and the minutes of the last day, those that are over; empty where unknown."""
    if reads.has.get("fetchOHLCV") is not True:
        return ()
    hours = await _candles(reads, symbol, "1h", _HOUR, _HOURS, now)
    minutes = await _candles(reads, symbol, "1m", _MINUTE, _MINUTES, now)
    return (*hours, *minutes)


async def _candles(
    reads: Any,  # noqa: ANN401 - ccxt has no types
    symbol: Symbol,
    timeframe: str,
    seconds: int,
    count: int,
    now: datetime,
) -> list[HourlyVolume]:
    if timeframe not in (reads.timeframes or {}):
        return []
    found: dict[datetime, Decimal] = {}
    start = now - timedelta(seconds=seconds * count)
    while start < now:
        rows = await reads.fetch_ohlcv(
            symbol, timeframe, milliseconds_of(start), min(count, _CANDLES_AT_ONCE)
        )
        before = len(found)
        for row in rows:
            at, volume = time_of(row[0]), exact_number(row[5])
            if at is not None and volume is not None and volume >= ZERO:
                found[at] = volume
                start = max(start, at)
        if len(found) == before:
            break
    whole = timedelta(seconds=seconds)
    return [
        HourlyVolume(start=at, seconds=seconds, volume=volume)
        for at, volume in sorted(found.items())
        if at + whole <= now
    ]
