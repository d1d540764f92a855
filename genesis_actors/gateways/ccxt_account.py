"""Whose account a key opens: a fingerprint of it, so that a database is never used with another one."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final, cast

_READS: Final[dict[str, tuple[str, tuple[str | int, ...]]]] = {
    "binance": ("privateGetAccount", ("uid",)),
    "binanceus": ("privateGetAccount", ("uid",)),
    "okx": ("privateGetAccountConfig", ("data", 0, "uid")),
    "bybit": ("privateGetV5UserQueryApi", ("result", "userID")),
    "bitget": ("privateSpotGetV2SpotAccountInfo", ("data", "userId")),
    "gate": ("privateAccountGetDetail", ("user_id",)),
}
"""Where an exchange says which account it is, and where in its answer. The others do not."""


async def fingerprint(exchange: Any, identity: str) -> str:  # noqa: ANN401 - ccxt has no types
    """Return what the account is known by. It changes with the key only where the exchange names no account."""
    known = _READS.get(identity)
    if known is not None and hasattr(exchange, known[0]):
        answer: object = await getattr(exchange, known[0])()
        number = _within(answer, known[1])
        if number:
            return f"account {_digest(identity, number)}"
    return f"key {_digest(identity, str(exchange.apiKey))}"


def _within(answer: object, path: tuple[str | int, ...]) -> str | None:
    found = answer
    for part in path:
        if isinstance(part, int):
            rows = cast("list[object]", found) if isinstance(found, list) else []
            found = rows[part] if len(rows) > part else None
        else:
            found = (
                cast("Mapping[str, object]", found).get(part)
                if isinstance(found, Mapping)
                else None
            )
    return None if found is None else str(found)


def _digest(exchange: str, secret: str) -> str:
    return sha256(f"genesis-actors/{exchange}/{secret}".encode()).hexdigest()[:16]
