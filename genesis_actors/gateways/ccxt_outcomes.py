"""What an exception says about an order: known not to be accepted, already there, or unknown.

It decides by a positive list: what is not known to mean "not accepted" is UNKNOWN, whatever it is. Exceptions are
known by the names of their classes and by the venue's own codes, so that nothing of ccxt is needed here, and its
plain and its asynchronous variants are judged alike.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final, cast

from genesis_actors.values import Reason


class Verdict(StrEnum):
    """What is known of an order after its request has failed."""

    REJECTED = "rejected"  # not accepted, and the same one would not be accepted later
    RETRY_LATER = "retry later"  # not accepted, for a reason that passes
    EXISTS = "exists"  # the venue has one of this id: look it up
    UNKNOWN = "unknown"  # it may stand, may have traded, may never have arrived


class Scope(StrEnum):
    """What the cause concerns."""

    ORDER = "order"
    SYMBOL = "symbol"
    ACCOUNT = "account"
    VENUE = "venue"  # all that comes from here


@dataclass(frozen=True, slots=True)
class Failure:
    """An exception, as far as it matters: the names of its class and of those above it, its text, the HTTP status."""

    names: tuple[str, ...]
    message: str
    status: int | None = None

    @classmethod
    def of(cls, error: BaseException, status: int | None = None) -> Failure:
        return cls(tuple(each.__name__ for each in type(error).__mro__), str(error), status)

    @property
    def is_ccxt(self) -> bool:
        return "BaseError" in self.names

    @property
    def name(self) -> str:
        return self.names[0]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What follows from a failure. `wait` is how long to send nothing within `scope`, where the cause passes."""

    verdict: Verdict
    reason: Reason = Reason.VENUE_REJECTED
    scope: Scope = Scope.ORDER
    wait: timedelta | None = None
    code: str | None = None
    is_maintenance: bool = False


_SOON, _LATER = timedelta(seconds=5), timedelta(seconds=60)
_BANNED: Final = 418
_SERVER_ERROR: Final = 500

_REJECTED = Judgement(Verdict.REJECTED)
_NO_FUNDS = Judgement(Verdict.REJECTED, Reason.INSUFFICIENT_BALANCE, Scope.ACCOUNT)
_NO_LEAVE = Judgement(Verdict.REJECTED, scope=Scope.ACCOUNT)
_NO_SYMBOL = Judgement(Verdict.REJECTED, scope=Scope.SYMBOL)
_CLOSED = Judgement(Verdict.RETRY_LATER, Reason.MARKET_CLOSED, Scope.SYMBOL, _LATER)
_TOO_FAST = Judgement(Verdict.RETRY_LATER, Reason.RATE_LIMITED, Scope.VENUE, _SOON)
_TOO_MANY_ORDERS = Judgement(Verdict.RETRY_LATER, Reason.RATE_LIMITED, Scope.ACCOUNT, _SOON)
_WRONG_TIME = Judgement(Verdict.RETRY_LATER, Reason.CLOCK_SKEW, Scope.ACCOUNT)
_EXISTS = Judgement(Verdict.EXISTS)
_UNKNOWN = Judgement(Verdict.UNKNOWN)

# --- By the class's name, where the venue's code does not decide --------------------------------------

_BY_CLASS: Final = {
    "InsufficientFunds": _NO_FUNDS,
    "OrderImmediatelyFillable": _REJECTED,
    "AuthenticationError": _NO_LEAVE,  # and those below it: PermissionDenied, AccountSuspended
    "InvalidNonce": _WRONG_TIME,
    "DDoSProtection": _TOO_FAST,
    "RateLimitExceeded": _TOO_FAST,
    "DuplicateOrderId": _EXISTS,
}
"""Both of the rate limit's are NetworkErrors to ccxt, and so is InvalidNonce: the venue has answered all the same."""

_BY_CLASS_WITH_CODE: Final = {
    "BadSymbol": _NO_SYMBOL,
    "MarketClosed": _CLOSED,
    "OrderNotFillable": _REJECTED,
    "InvalidOrder": _REJECTED,
}
"""These ccxt raises for its own reasons, too: they count only where the venue's answer is in the text."""

_NOT_A_REJECTION: Final = {"OrderNotFound", "OrderNotCached", "ChecksumError"}
"""Below InvalidOrder and InvalidNonce, but no answer to an order."""

# --- By the venue's code ------------------------------------------------------------------------------

_BINANCE: Final[dict[str, Judgement]] = {
    # Unknown, whatever class it comes as: -1000, -1001, -1004, -1006, -1007, -1008, -1016.
    "-1002": _NO_LEAVE,
    "-1003": _TOO_FAST,
    "-1013": _REJECTED,  # a filter
    "-1014": _REJECTED,
    "-1015": _TOO_MANY_ORDERS,
    "-1020": _REJECTED,
    "-1021": _WRONG_TIME,
    "-1022": _NO_LEAVE,
    **{
        f"-{code}": _REJECTED for code in (*range(1100, 1109), *range(1111, 1121), 1128, 1130, 1131)
    },
    "-1121": _NO_SYMBOL,
    "-2008": _NO_LEAVE,
    "-2010": _REJECTED,
    "-2014": _NO_LEAVE,
    "-2015": _NO_LEAVE,
}
_BINANCE_UNKNOWN: Final = {"-1000", "-1001", "-1004", "-1006", "-1007", "-1008", "-1010", "-1016"}

_CODES: Final[dict[str, dict[str, Judgement]]] = {
    "binance": _BINANCE,
    "binanceus": _BINANCE,
    "okx": {
        "50011": _TOO_FAST,
        "50061": _TOO_MANY_ORDERS,
        "50102": _WRONG_TIME,
        "51008": _NO_FUNDS,
        "51016": _EXISTS,
        "51020": _REJECTED,
        "51120": _REJECTED,
        "51131": _NO_FUNDS,
    },
    "bitget": {"43012": _NO_FUNDS, "43118": _EXISTS, "40008": _WRONG_TIME, "45110": _REJECTED},
    "kucoin": {"200004": _NO_FUNDS, "400002": _WRONG_TIME, "126044": _EXISTS, "429000": _TOO_FAST},
    "gate": {
        "BALANCE_NOT_ENOUGH": _NO_FUNDS,
        "REQUEST_EXPIRED": _WRONG_TIME,
        "POC_FILL_IMMEDIATELY": _REJECTED,
    },
    "bybit": {
        "10002": _WRONG_TIME,
        "10006": _TOO_FAST,
        "110072": _EXISTS,
        "170131": _NO_FUNDS,
        "170140": _REJECTED,
        "170141": _EXISTS,
    },
    "kraken": {
        "EOrder:Insufficient funds": _NO_FUNDS,
        "EOrder:Rate limit exceeded": _TOO_MANY_ORDERS,
        "EOrder:Domain rate limit exceeded": _TOO_MANY_ORDERS,
        "EOrder:Orders limit exceeded": _TOO_MANY_ORDERS,
        "EOrder:Post only order": _REJECTED,
        "EOrder:Cost minimum not met": _REJECTED,
        "EOrder:Tick size check failed": _REJECTED,
        "EGeneral:Invalid arguments": _REJECTED,
        "EAPI:Invalid signature": _NO_LEAVE,
        "EService:Market in cancel_only mode": _CLOSED,
        "EService:Market in post_only mode": _CLOSED,
    },
    "coinbase": {"INSUFFICIENT_FUND": _NO_FUNDS},
}
"""Known rejections, and nothing else. What is not here is decided by its class, and unknown if that does not say."""

_MAINTENANCE_CODES: Final = {"binance": {"-1016"}, "binanceus": {"-1016"}, "okx": {"50001"}}

_UNKNOWN_CODES: Final = {"binance": _BINANCE_UNKNOWN, "binanceus": _BINANCE_UNKNOWN}

_BY_TEXT: Final = (
    ("Duplicate order sent", _EXISTS),
    ("Market is closed", _CLOSED),
    ("Filter failure: ", _REJECTED),
    ("Account has insufficient balance", _NO_FUNDS),
)
"""Binance has one code for all of these."""


def judge(exchange: str, failure: Failure) -> Judgement:
    """Return what is known of an order whose request has ended with `failure`.

    >>> judge("binance", Failure(("RequestTimeout", "BaseError"), "binance POST ...")).verdict
    <Verdict.UNKNOWN: 'unknown'>
    >>> text = 'binance {"code":-1013,"msg":"Filter failure: LOT_SIZE"}'
    >>> judge("binance", Failure(("InvalidOrder", "BaseError"), text)).verdict
    <Verdict.REJECTED: 'rejected'>
    """
    code = venue_code(failure.message) if failure.is_ccxt else None
    found = _judge(exchange, failure, code)
    return Judgement(
        found.verdict,
        found.reason,
        found.scope,
        _LATER * 2 if failure.status == _BANNED else found.wait,
        code,
        is_maintenance="OnMaintenance" in failure.names
        or code in _MAINTENANCE_CODES.get(exchange, ()),
    )


def _judge(exchange: str, failure: Failure, code: str | None) -> Judgement:
    names = failure.names
    is_server_error = failure.status is not None and failure.status >= _SERVER_ERROR
    if not failure.is_ccxt or is_server_error or not _NOT_A_REJECTION.isdisjoint(names):
        return _UNKNOWN
    is_cut_off = code is None and "{" in failure.message
    for text, judgement in _BY_TEXT:
        if text in failure.message and not (is_cut_off and judgement is not _EXISTS):
            return judgement
    if code is not None:
        if code in _UNKNOWN_CODES.get(exchange, ()):
            return _UNKNOWN
        known = _CODES.get(exchange, {}).get(code)
        if known is not None:
            return known
    tables = (_BY_CLASS, _BY_CLASS_WITH_CODE) if code is not None else (_BY_CLASS,)
    return next((table[name] for name in names for table in tables if name in table), _UNKNOWN)


_NOT_FOUND_CODES: Final = {
    "binance": {"-2011", "-2013"},
    "binanceus": {"-2011", "-2013"},
    "okx": {"51400", "51603"},
    "bitget": {"43001", "40109"},
    "kucoin": {"400100", "404000", "100001"},
    "gate": {"ORDER_NOT_FOUND"},
    "bybit": {"110001", "170213"},
}


def is_not_found(exchange: str, failure: Failure) -> bool:
    """Tell whether the venue has said that it knows no such order, as against not saying anything.

    ccxt's own class for it is not enough: it chooses its table by the address that a request went to.
    """
    if not failure.is_ccxt or (failure.status or 0) >= _SERVER_ERROR:
        return False
    code = venue_code(failure.message)
    return "OrderNotFound" in failure.names or code in _NOT_FOUND_CODES.get(exchange, ())


_CODE_FIELDS: Final = ("code", "retCode", "sCode", "label", "error", "errors")
_SUCCESS: Final = {"0", "00000", "200", "200000", ""}
_LONE_ERROR = re.compile(r"\bE[A-Z][a-z]+:[A-Za-z][\w :-]*")  # kraken's


def venue_code(message: str) -> str | None:
    """Return the venue's own error code in an exception's text; None where its answer is not in it, or not whole.

    >>> venue_code('binance {"code":-2010,"msg":"Account has insufficient balance"}')
    '-2010'
    >>> venue_code('binance {"code":-2010,"ms') is None
    True
    """
    start = message.find("{")
    if start < 0:
        lone = _LONE_ERROR.search(message)
        return None if lone is None else lone.group()
    try:
        answer, _ = json.JSONDecoder().raw_decode(message[start:])
    except ValueError:
        return None
    return next((code for code in _codes(answer) if code not in _SUCCESS), None)


def _codes(answer: object) -> Iterable[str]:
    """Yield what may be a code, the innermost first: okx wraps an order's own answer in one for the request."""
    if isinstance(answer, list):
        for each in cast("list[object]", answer):
            yield from _codes(each)
    if not isinstance(answer, dict):
        return
    fields = cast("dict[str, object]", answer)
    for value in fields.values():
        if isinstance(value, (dict, list)):
            yield from _codes(cast("object", value))
    for name in _CODE_FIELDS:
        value = fields.get(name)
        if isinstance(value, (str, int)) and not isinstance(value, bool):
            yield str(value)
        elif name in {"error", "errors"} and isinstance(value, list):
            yield from (str(each) for each in cast("list[object]", value) if isinstance(each, str))
