from __future__ import annotations

import json
from datetime import timedelta

import pytest

from genesis_actors.gateways.ccxt_outcomes import (
    Failure,
    Scope,
    Verdict,
    is_not_found,
    judge,
    venue_code,
)
from genesis_actors.values import Reason

PARENTS = {
    "BaseError": (),
    "ExchangeError": ("BaseError",),
    "AuthenticationError": ("ExchangeError",),
    "PermissionDenied": ("AuthenticationError",),
    "AccountSuspended": ("AuthenticationError",),
    "BadRequest": ("ExchangeError",),
    "BadSymbol": ("BadRequest",),
    "OperationRejected": ("ExchangeError",),
    "MarketClosed": ("OperationRejected",),
    "InsufficientFunds": ("ExchangeError",),
    "InvalidOrder": ("ExchangeError",),
    "OrderNotFound": ("InvalidOrder",),
    "OrderImmediatelyFillable": ("InvalidOrder",),
    "DuplicateOrderId": ("InvalidOrder",),
    "NotSupported": ("ExchangeError",),
    "OperationFailed": ("BaseError",),
    "NetworkError": ("OperationFailed",),
    "DDoSProtection": ("NetworkError",),
    "RateLimitExceeded": ("NetworkError",),
    "ExchangeNotAvailable": ("NetworkError",),
    "OnMaintenance": ("ExchangeNotAvailable",),
    "InvalidNonce": ("NetworkError",),
    "ChecksumError": ("InvalidNonce",),
    "RequestTimeout": ("NetworkError",),
    "BadResponse": ("OperationFailed",),
    "NullResponse": ("BadResponse",),
}


def failure(name: str, text: str, status: int | None = 400) -> Failure:
    names, above = [name], PARENTS[name]
    while above:
        names.append(above[0])
        above = PARENTS[above[0]]
    return Failure((*names, "Exception", "BaseException", "object"), text, status)


def said(code: int | str, text: str = "") -> str:
    return "binance " + json.dumps({"code": code, "msg": text})


POST = "binance POST https://api.binance.com/api/v3/order"


@pytest.mark.parametrize(
    "failed",
    [
        # As the asynchronous variant raises them: the request and nothing else.
        failure("ExchangeNotAvailable", POST, None),
        failure("RequestTimeout", POST, None),
        failure("ExchangeError", POST, None),  # a body that was cut off
        failure("NetworkError", POST, None),
        failure("OperationFailed", POST, None),
        # As the plain variant does: with the status and the text of a proxy.
        failure("ExchangeNotAvailable", f"{POST} 502 Bad Gateway <html>", 502),
        failure("RequestTimeout", f"{POST} 504 Gateway Timeout", 504),
        failure("ExchangeError", f"{POST} ('Connection aborted.', RemoteDisconnected())", None),
        failure("BadResponse", f"{POST} 200 OK", 200),
        failure("NullResponse", "binance parseOrder() returned empty response", 200),
        failure("OnMaintenance", said(1, "System is under maintenance."), 200),
        # The venue itself does not know.
        *(failure("OperationFailed", said(code)) for code in (-1000, -1001, -1004, -1006, -1008)),
        failure("RequestTimeout", said(-1007, "Timeout waiting for response from backend server.")),
        failure("RateLimitExceeded", said(-1008, "Server is overloaded.")),
        failure("BadRequest", said(-1016)),
        # A rejection's words on a server's error, or of what is no order.
        failure("InvalidOrder", said(-1013, "Filter failure: LOT_SIZE"), 503),
        failure("OrderNotFound", said(-2013, "Order does not exist.")),
        failure("OrderNotFound", said(-2011, "Unknown order sent.")),
        failure("ChecksumError", "binance ..."),
        # Half an answer.
        failure("ExchangeNotAvailable", 'binance {"code":-2010,"msg":"Account has insuff'),
        failure("ExchangeNotAvailable", 'binance {"code":-2010,"msg":"Market is closed'),
        failure("ExchangeError", 'binance {"code":-20'),
        # Codes and classes that nobody has heard of.
        failure("ExchangeError", said(-7777, "?")),
        failure("ExchangeError", said(-2021)),
        failure("BadRequest", said(-4001)),
        failure("InvalidOrder", "binance order amount must be greater than ..."),
        failure("NotSupported", "binance createOrder() is not supported yet"),
        # Not ccxt's at all.
        Failure(("TimeoutError", "OSError", "Exception"), "timed out"),
        Failure(("KeyError", "LookupError", "Exception"), "'orderId'"),
        Failure(("InsufficientFunds", "Exception"), "somebody else's"),
    ],
    ids=lambda failed: f"{failed.name} {failed.message[:60]}",
)
def test_whatever_is_not_known_to_be_a_rejection_is_unknown(failed: Failure) -> None:
    assert judge("binance", failed).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("failed", "reason"),
    [
        (
            failure(
                "InsufficientFunds",
                "binance Account has insufficient balance for requested action.",
            ),
            Reason.INSUFFICIENT_BALANCE,
        ),
        (
            failure(
                "ExchangeError",
                said(-2010, "Account has insufficient balance for requested action."),
            ),
            Reason.INSUFFICIENT_BALANCE,
        ),
        (
            failure(
                "InvalidOrder",
                "binance order amount should be evenly divisible by lot size " + said(-1013),
            ),
            Reason.VENUE_REJECTED,
        ),
        (failure("ExchangeError", said(-1013, "Filter failure: NOTIONAL")), Reason.VENUE_REJECTED),
        (failure("BadRequest", said(-1013, "Filter failure: MAX_POSITION")), Reason.VENUE_REJECTED),
        (
            failure("OrderImmediatelyFillable", "binance Order would immediately match and take."),
            Reason.VENUE_REJECTED,
        ),
        (
            failure("ExchangeError", said(-2010, "This symbol is not permitted.")),
            Reason.VENUE_REJECTED,
        ),
        (failure("ExchangeError", said(-1111, "Too much precision.")), Reason.VENUE_REJECTED),
        (failure("ExchangeError", said(-1121, "Invalid symbol.")), Reason.VENUE_REJECTED),
        (
            failure("AuthenticationError", said(-2015, "Invalid API-key, IP, or permissions.")),
            Reason.VENUE_REJECTED,
        ),
        (
            failure("DDoSProtection", said(-2015, "Invalid API-key, IP, or permissions.")),
            Reason.VENUE_REJECTED,
        ),
        (
            failure("PermissionDenied", "binance This account may not place or cancel orders."),
            Reason.VENUE_REJECTED,
        ),
    ],
)
def test_known_rejections_are_final(failed: Failure, reason: Reason) -> None:
    found = judge("binance", failed)

    assert (found.verdict, found.reason) == (Verdict.REJECTED, reason)


@pytest.mark.parametrize(
    ("failed", "reason", "scope", "wait"),
    [
        (
            failure("InvalidNonce", said(-1021, "outside of the recvWindow.")),
            Reason.CLOCK_SKEW,
            Scope.ACCOUNT,
            None,
        ),
        (
            failure("ExchangeError", said(-1021, "ahead of the server's time.")),
            Reason.CLOCK_SKEW,
            Scope.ACCOUNT,
            None,
        ),
        (
            failure("DDoSProtection", "binance 429 Too Many Requests " + said(-1003), 429),
            Reason.RATE_LIMITED,
            Scope.VENUE,
            5,
        ),
        (
            failure("DDoSProtection", "binance 418 I'm a teapot " + said(-1003), 418),
            Reason.RATE_LIMITED,
            Scope.VENUE,
            120,
        ),
        (
            failure("RateLimitExceeded", said(-1015, "Too many new orders.")),
            Reason.RATE_LIMITED,
            Scope.ACCOUNT,
            5,
        ),
        (
            failure("MarketClosed", "binance Market is closed."),
            Reason.MARKET_CLOSED,
            Scope.SYMBOL,
            60,
        ),
        (
            failure("ExchangeError", said(-1013, "Market is closed.")),
            Reason.MARKET_CLOSED,
            Scope.SYMBOL,
            60,
        ),
    ],
)
def test_what_passes_may_be_tried_later(
    failed: Failure, reason: Reason, scope: Scope, wait: int | None
) -> None:
    found = judge("binance", failed)

    assert (found.verdict, found.reason, found.scope) == (Verdict.RETRY_LATER, reason, scope)
    assert found.wait == (None if wait is None else timedelta(seconds=wait))


@pytest.mark.parametrize(
    ("exchange", "text", "verdict"),
    [
        ("binance", said(-2010, "Duplicate order sent."), Verdict.EXISTS),
        ("binance", 'binance {"code":-2010,"msg":"Duplicate order sent.', Verdict.EXISTS),
        (
            "okx",
            'okx {"code":"1","data":[{"sCode":"51016","sMsg":"Duplicated client order ID"}]}',
            Verdict.EXISTS,
        ),
        (
            "okx",
            'okx {"code":"1","data":[{"sCode":"51008","sMsg":"Insufficient balance"}]}',
            Verdict.REJECTED,
        ),
        ("okx", 'okx {"code":"1","data":[{"sCode":"59999","sMsg":"?"}]}', Verdict.UNKNOWN),
        ("bybit", 'bybit {"retCode":170141,"retMsg":"Duplicate clientOrderId."}', Verdict.EXISTS),
        ("bybit", 'bybit {"retCode":170131,"retMsg":"Insufficient balance."}', Verdict.REJECTED),
        (
            "gate",
            'gate {"label":"BALANCE_NOT_ENOUGH","message":"Not enough balance"}',
            Verdict.REJECTED,
        ),
        ("kraken", 'kraken {"error":["EOrder:Insufficient funds"]}', Verdict.REJECTED),
        ("kraken", 'kraken {"error":["EService:Unavailable"]}', Verdict.UNKNOWN),
        ("some", 'some {"code":"12","message":"no"}', Verdict.UNKNOWN),
    ],
)
def test_each_exchange_has_codes_of_its_own(exchange: str, text: str, verdict: Verdict) -> None:
    assert judge(exchange, failure("ExchangeError", text)).verdict is verdict


def test_maintenance_is_noted_though_the_order_is_unknown() -> None:
    found = judge("binance", failure("OnMaintenance", said(1, "System is under maintenance."), 200))

    assert found.is_maintenance
    assert found.verdict is Verdict.UNKNOWN


def test_not_found_is_known_by_class_and_by_code_and_not_from_a_failing_server() -> None:
    said_so = said(-2013, "Order does not exist.")

    assert is_not_found("binance", failure("OrderNotFound", "binance Order does not exist."))
    assert is_not_found("binance", failure("ExchangeError", said_so))
    assert not is_not_found("binance", failure("ExchangeError", said_so, 503))
    assert not is_not_found("binance", failure("RequestTimeout", POST, None))
    assert not is_not_found("binance", failure("ExchangeError", said(-1003)))


def test_a_code_is_found_only_in_a_whole_answer() -> None:
    assert venue_code('x {"code":0,"data":[{"sCode":"51000"}]}') == "51000"
    assert venue_code('x {"code":"0"}') is None
    assert venue_code("kraken EOrder:Order minimum not met") == "EOrder:Order minimum not met"
    assert venue_code("no answer at all") is None
    assert venue_code('x {"code":-1013,') is None


def test_every_class_of_ccxt_is_judged_by_its_place_among_the_others() -> None:
    errors = pytest.importorskip("ccxt.base.errors")
    known = {"AuthenticationError", "PermissionDenied", "AccountNotEnabled", "AccountSuspended"}
    rejected = known | {"InsufficientFunds", "OrderImmediatelyFillable"}
    passing = {"DDoSProtection", "RateLimitExceeded", "InvalidNonce"}
    for name in errors.error_hierarchy["BaseError"]:
        assert hasattr(errors, name)
    for error in [getattr(errors, name) for name in errors.__all__ if name != "error_hierarchy"]:
        # Without any answer of the venue in its text.
        verdict = judge("binance", Failure.of(error(POST))).verdict
        name = error.__name__
        expected = (
            Verdict.REJECTED
            if name in rejected
            else Verdict.RETRY_LATER
            if name in passing
            else Verdict.EXISTS
            if name == "DuplicateOrderId"
            else Verdict.UNKNOWN
        )
        assert verdict is expected, name
