"""Who is asking: API key, signature over exactly what was sent, and the window of time it holds for."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from tests.wire.exchange.params import Params
from tests.wire.exchange.refusals import Refusal, illegal, missing, said

DEFAULT_WINDOW_MS = 5000
LARGEST_WINDOW_MS = 60_000
AHEAD_MS = 1000


@dataclass(frozen=True, slots=True)
class Key:
    """A key of an account. Several may belong to one."""

    api_key: str
    secret: str
    uid: int = 354_937_868
    may_trade: bool = True
    may_withdraw: bool = False
    ip_restricted: bool = True


@dataclass(frozen=True, slots=True)
class Window:
    """When a request was made, and for how long it may still be carried out."""

    timestamp: Decimal
    width: Decimal

    def check(self, now: int) -> None:
        if self.timestamp >= now + AHEAD_MS:
            raise Refusal(
                -1021, "Timestamp for this request was 1000ms ahead of the server's time."
            )
        if now - self.timestamp > self.width:
            raise said(-1021)


def find_key(keys: tuple[Key, ...], api_key: str | None) -> Key:
    if not api_key or not re.fullmatch(r"[A-Za-z0-9]{8,128}", api_key):
        raise said(-2014)
    for key in keys:
        if key.api_key == api_key:
            return key
    raise said(-2015)


def check_signature(key: Key, query: str, body: str) -> None:
    """The signature covers the query and then the body, as they were sent, without itself."""
    signatures = re.findall(r"(?:^|&)signature=([^&]*)", query) + re.findall(
        r"(?:^|&)signature=([^&]*)", body
    )
    if len(signatures) != 1 or not signatures[0]:
        raise missing("signature")
    payload = "".join(re.sub(r"(^|&)signature=[^&]*", "", part) for part in (query, body))
    expected = hmac.new(key.secret.encode(), payload.encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected, signatures[0].lower()):
        raise said(-1022)


def window_of(params: Params) -> Window:
    timestamp = _milliseconds(params, "timestamp")
    if timestamp is None:
        raise missing("timestamp")
    width = _milliseconds(params, "recvWindow")
    width = Decimal(DEFAULT_WINDOW_MS) if width is None else width
    if width > LARGEST_WINDOW_MS:
        raise Refusal(-1131, "recvWindow must be less than 60000.")
    return Window(timestamp, width)


def _milliseconds(params: Params, name: str) -> Decimal | None:
    raw = params.optional(name)
    if raw is None:
        return None
    try:
        return Decimal(raw)
    except InvalidOperation:
        raise illegal(name, "^[0-9]{1,20}$") from None
