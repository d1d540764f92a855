"""The parameters of a request, as text, with the refusals that belong to reading them."""

from __future__ import annotations

import re
from decimal import Decimal
from urllib.parse import parse_qsl

from tests.wire.exchange.refusals import (
    CLIENT_ID,
    NOTHING_ILLEGAL,
    Refusal,
    illegal,
    missing,
    too_precise,
)

WHOLE = r"^[0-9]{1,20}$"
ALWAYS_READ = {"timestamp", "recvWindow", "signature"}


class Params:
    def __init__(self, query: str, body: str = "") -> None:
        pairs = parse_qsl(query, keep_blank_values=True) + parse_qsl(body, keep_blank_values=True)
        names = [name for name, _ in pairs]
        repeated = next((name for name in names if names.count(name) > 1), None)
        self.values = dict(pairs)
        self.repeated = repeated
        self._read = set(ALWAYS_READ)

    def optional(self, name: str) -> str | None:
        self._read.add(name)
        return self.values.get(name) or None

    def text(self, name: str) -> str:
        value = self.optional(name)
        if value is None:
            raise missing(name)
        return value

    def symbol(self) -> str:
        value = self.text("symbol")
        if not re.fullmatch(r"[A-Z0-9-_.]{1,20}", value):
            raise illegal("symbol", "^[A-Z0-9-_.]{1,20}$")
        return value

    def whole(self, name: str) -> int | None:
        value = self.optional(name)
        if value is None:
            return None
        if not re.fullmatch(WHOLE, value):
            raise illegal(name, WHOLE)
        return int(value)

    def limit(self, default: int, most: int) -> int:
        """Too large a limit is cut, as the exchange does it."""
        return min(self.whole("limit") or default, most)

    def amount(self, name: str) -> Decimal | None:
        value = self.optional(name)
        if value is None:
            return None
        if not re.fullmatch(NOTHING_ILLEGAL, value):
            raise illegal(name)
        number = Decimal(value)
        if len(value.partition(".")[2]) > 8:
            raise too_precise(name)
        return number

    def client_id(self, name: str) -> str | None:
        value = self.optional(name)
        if value is not None and not re.fullmatch(CLIENT_ID, value):
            raise illegal(name, CLIENT_ID)
        return value

    def check_all_read(self) -> None:
        unread = self.values.keys() - self._read
        if unread:
            sent, read = len(self.values), len(self.values) - len(unread)
            raise Refusal(
                -1104,
                f"Not all sent parameters were read; read '{read}' parameter(s) but was sent '{sent}'.",
            )

    def check_not_repeated(self) -> None:
        if self.repeated:
            raise Refusal(-1101, f"Duplicate values for a parameter detected: '{self.repeated}'.")
