"""What goes wrong, and when: the next N requests of a kind, or by chance, or for a while.

A fault says in what way the answer is spoilt, and apart from that whether the request was accepted.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

MAINTENANCE = -1016
STATUS = "GET system/status"


class Kind(StrEnum):
    RESET = "reset"  # The connection is reset (RST).
    CLOSE = "close"  # The connection is closed in good order (FIN), without an answer.
    DELAY = (
        "delay"  # The answer waits `seconds`; carried out at once if `accepted`, else after them.
    )
    CODE = "code"  # The answer is `code`, with the status that belongs to it or `status`.
    HTML = "html"  # The answer is a page of some server in between, with `status`.
    TRUNCATED = "truncated"  # Status 200, and the connection ends in the middle of the body.
    HALF_JSON = "half_json"  # Status 200, a whole body by its length, half of the JSON.
    EMPTY = "empty"  # Status 200 and nothing.
    BAN = "ban"  # `status` 429 or 418 with Retry-After; not accepted.
    STALE = "stale"  # A read shows nothing that is younger than `seconds`.
    LATE = "late"  # `code` at once; carried out after `seconds` if its window still allows.


@dataclass(frozen=True, slots=True)
class Fault:
    kind: Kind
    on: str = "*"  # Kinds of request: "POST order", "GET *", "* order"; see `app.ENDPOINTS`.
    symbol: str | None = None  # Only requests that name this one: "BTCUSDT".
    accepted: bool = True
    times: int | None = 1  # None: until it is taken away.
    skip: int = 0  # Requests of this kind that pass before.
    rate: float = 1.0
    lasts: float | None = None  # Seconds from when it was added.
    seconds: float = 0.0
    code: int = -1007
    status: int = 502
    retry_after: int | None = None

    @classmethod
    def of(cls, fields: dict[str, Any]) -> Fault:
        more = {name: value for name, value in fields.items() if name != "kind"}
        return cls(Kind(fields["kind"]), **more)


@dataclass
class _Armed:
    fault: Fault
    times: int | None
    skip: int
    until: int | None


class Faults:
    def __init__(self, seed: int) -> None:
        self._dice = random.Random(f"faults/{seed}")
        self._armed: list[_Armed] = []
        self.struck: list[tuple[str, Fault]] = []

    def add(self, faults: Iterable[Fault], now: int) -> None:
        for fault in faults:
            until = None if fault.lasts is None else now + int(fault.lasts * 1000)
            self._armed.append(_Armed(fault, fault.times, fault.skip, until))

    def clear(self) -> None:
        self._armed.clear()

    def armed(self) -> list[Fault]:
        return [replace(one.fault, times=one.times, skip=one.skip) for one in self._armed]

    def pick(self, request: str, symbol: str | None, now: int) -> Fault | None:
        """At most one fault for a request: the first that fits."""
        self._armed = [a for a in self._armed if a.times != 0 and (not a.until or now < a.until)]
        for armed in self._armed:
            if not fnmatchcase(request, armed.fault.on) or armed.fault.symbol not in {None, symbol}:
                continue
            if armed.fault.code == MAINTENANCE and request == STATUS:
                continue
            if armed.skip:
                armed.skip -= 1
                continue
            if self._dice.random() < armed.fault.rate:
                armed.times = None if armed.times is None else armed.times - 1
                self.struck.append((request, armed.fault))
                return armed.fault
        return None

    def is_maintenance(self, now: int) -> bool:
        return any(
            one.fault.code == MAINTENANCE and (one.until is None or now < one.until)
            for one in self._armed
        )


def _often(kind: Kind, on: str, rate: float, **more: Any) -> Fault:
    return Fault(kind, on, times=None, rate=rate, **more)


PROFILES: dict[str, tuple[Fault, ...]] = {
    "none": (),
    "mild": (
        _often(Kind.RESET, "POST order", 0.02, accepted=False),
        _often(Kind.RESET, "POST order", 0.02),
        _often(Kind.CODE, "POST order", 0.02, code=-1007),
        _often(Kind.CODE, "GET *", 0.02, code=-1001, accepted=False),
        _often(Kind.DELAY, "*", 0.05, seconds=0.3),
    ),
    "hostile": (
        _often(Kind.RESET, "POST order", 0.05, accepted=False),
        _often(Kind.RESET, "POST order", 0.05),
        _often(Kind.CLOSE, "POST order", 0.03),
        _often(Kind.CODE, "POST order", 0.03, code=-1006),
        _often(Kind.CODE, "POST order", 0.03, code=-1007, accepted=False),
        _often(Kind.CODE, "POST order", 0.02, code=-1008, accepted=False),
        _often(Kind.LATE, "POST order", 0.05, seconds=1.0),
        _often(Kind.HALF_JSON, "POST order", 0.03),
        _often(Kind.TRUNCATED, "POST order", 0.03),
        _often(Kind.CLOSE, "DELETE order", 0.1),
        _often(Kind.STALE, "GET *", 0.15, seconds=2.0),
        _often(Kind.HTML, "*", 0.02, accepted=False),
        _often(Kind.BAN, "GET *", 0.01, status=429, retry_after=1),
        _often(Kind.RESET, "GET *", 0.03),
        _often(Kind.DELAY, "*", 0.1, seconds=0.5),
    ),
}


def maintenance(seconds: float | None = None) -> tuple[Fault, ...]:
    """Nothing is carried out, and /sapi/v1/system/status says so."""
    return (Fault(Kind.CODE, accepted=False, times=None, lasts=seconds, code=MAINTENANCE),)


def outage(seconds: float | None = None) -> tuple[Fault, ...]:
    """Every connection is reset, before anything is carried out."""
    return (Fault(Kind.RESET, "*", accepted=False, times=None, lasts=seconds),)
