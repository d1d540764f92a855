"""What is noted of each request on its way: whether it may still leave, whether it has left, and what came back.

Hooks on one exchange object of ccxt, none of its code: they run in the task that makes the request.
"""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final

from genesis_actors.gateways.ccxt_outcomes import Judgement, Scope
from genesis_actors.values import Reason, Symbol

_WEIGHT_HEADER: Final = "x-mbx-used-weight-1m"
_MINUTE: Final = 60.0
_FIRST_ERROR: Final = 400


class NotSentError(Exception):
    """The request was stopped on our side before anything of it left."""


class BrokenAnswerError(Exception):
    """The exchange's answer is not whole. ccxt would take it for an empty one: for no orders, and no trades."""


@dataclass(slots=True)
class Passage:
    """One call to the exchange. `may_leave` is asked last thing before each of its requests is signed."""

    may_leave: Callable[[], bool] = lambda: True
    was_sent: bool = False
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def retry_after(self) -> timedelta | None:
        """How long the venue asks us to wait."""
        text = self.headers.get("retry-after")
        if text is None:
            return None
        if text.strip().isdigit():
            return timedelta(seconds=int(text))
        try:
            return timedelta(seconds=max(parsedate_to_datetime(text).timestamp() - time.time(), 0))
        except ValueError:
            return None


PASSAGE: ContextVar[Passage | None] = ContextVar("passage", default=None)


def watch_requests(exchange: Any, on_weight: Callable[[int], None]) -> None:  # noqa: ANN401 - ccxt has no types
    """Have every request of `exchange` note what becomes of it in the passage of its task."""
    throttle: Callable[[Any], Awaitable[None]] = exchange.throttle
    fetch: Callable[..., Awaitable[Any]] = exchange.fetch

    async def throttled(cost: object = None) -> None:
        await throttle(cost)
        passage = PASSAGE.get()
        if passage is not None and not passage.may_leave():
            raise NotSentError

    async def fetched(
        url: str, method: str = "GET", headers: object = None, body: object = None
    ) -> object:
        passage = PASSAGE.get()
        if passage is not None:
            passage.was_sent = passage.was_sent or method != "GET"
            passage.status, passage.headers = None, {}
        return await fetch(url, method, headers, body)

    def answered(
        code: int,
        _reason: str,
        _url: str,
        _method: str,
        response_headers: Mapping[str, str],
        response_body: str,
        _request_headers: object,
        _request_body: object,
    ) -> str:
        lower = {name.lower(): value for name, value in response_headers.items()}
        passage = PASSAGE.get()
        if passage is not None:
            passage.status, passage.headers = code, lower
        weight = lower.get(_WEIGHT_HEADER, "")
        if weight.isdigit():
            on_weight(int(weight))
        body = response_body.strip()
        if code < _FIRST_ERROR and not _is_json(body):
            raise BrokenAnswerError(f"{len(body)} characters that are no JSON")
        return body

    exchange.throttle = throttled
    exchange.fetch = fetched
    exchange.on_rest_response = answered


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Block:
    """Nothing is to be sent until then (in the monotonic clock's seconds)."""

    until: float
    reason: Reason


class Blocks:
    """What the venue has asked us to leave alone, and for how long."""

    def __init__(
        self, monotonic: Callable[[], float] = time.monotonic, *, weight_limit: int | None = None
    ) -> None:
        self._monotonic = monotonic
        self._weight_limit = weight_limit
        self._blocks: dict[tuple[Scope, Symbol | None], Block] = {}
        self._reads_until = 0.0

    def add(self, judgement: Judgement, symbol: Symbol, retry_after: timedelta | None) -> None:
        wait = retry_after if retry_after is not None else judgement.wait
        if wait is None or judgement.scope is Scope.ORDER:
            return
        key = judgement.scope, symbol if judgement.scope is Scope.SYMBOL else None
        until = self._monotonic() + wait.total_seconds()
        known = self._blocks.get(key)
        if known is None or known.until < until:
            self._blocks[key] = Block(until, judgement.reason)

    def on_order(self, symbol: Symbol) -> Reason | None:
        """Return why no order of `symbol` may be sent now."""
        now = self._monotonic()
        for key in ((Scope.VENUE, None), (Scope.ACCOUNT, None), (Scope.SYMBOL, symbol)):
            block = self._blocks.get(key)
            if block is not None and block.until > now:
                return block.reason
        return None

    def note_weight(self, used: int) -> None:
        """Leave what is left of a minute's weight to orders."""
        if self._weight_limit is not None and used >= self._weight_limit * 9 // 10:
            self._reads_until = self._monotonic() + _MINUTE - time.time() % _MINUTE

    def seconds_for_reads(self) -> float:
        """Return how long questions have to wait."""
        venue = self._blocks.get((Scope.VENUE, None))
        until = max(self._reads_until, 0.0 if venue is None else venue.until)
        return max(until - self._monotonic(), 0.0)
