"""What the exchange says when it says no: codes and messages as its public API lists them."""

from __future__ import annotations

NOTHING_ILLEGAL = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"
CLIENT_ID = r"^[a-zA-Z0-9-_.:/]{1,36}$"


class Refusal(Exception):
    """An answer with a code, for the client to read. Nothing was accepted."""

    def __init__(
        self, code: int, message: str, status: int = 400, *, retry_after: int | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.retry_after = retry_after


def missing(name: str) -> Refusal:
    return Refusal(
        -1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."
    )


def illegal(name: str, legal: str = NOTHING_ILLEGAL) -> Refusal:
    return Refusal(
        -1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'."
    )


def too_precise(name: str) -> Refusal:
    return Refusal(-1111, f"Parameter '{name}' has too much precision.")


def not_required(name: str) -> Refusal:
    return Refusal(-1106, f"Parameter '{name}' sent when not required.")


def filter_failure(name: str) -> Refusal:
    return Refusal(-1013, f"Filter failure: {name}")


def invalid(what: str) -> Refusal:
    codes = {"timeInForce": -1115, "orderType": -1116, "side": -1117, "symbol": -1121}
    return Refusal(codes[what], f"Invalid {what}.")


def rejected(message: str) -> Refusal:
    """The matching engine's own no."""
    return Refusal(-2010, message)


INSUFFICIENT = "Account has insufficient balance for requested action."
WOULD_TAKE = "Order would immediately match and take."
DUPLICATE = "Duplicate order sent."
UNKNOWN_EXECUTION = "Send status unknown; execution status unknown."

# Code -> (HTTP status, message): for faults that are asked for by their code alone.
SAID: dict[int, tuple[int, str]] = {
    -1000: (400, "An unknown error occurred while processing the request."),
    -1001: (500, "Internal error; unable to process your request. Please try again."),
    -1003: (
        429,
        "Too much request weight used; current limit is 6000 request weight per 1 MINUTE.",
    ),
    -1004: (503, "Server is busy, please wait and try again"),
    -1006: (
        500,
        "An unexpected response was received from the message bus. Execution status unknown.",
    ),
    -1007: (408, f"Timeout waiting for response from backend server. {UNKNOWN_EXECUTION}"),
    -1008: (503, "Server is currently overloaded with other requests. Please try again later."),
    -1013: (400, "Market is closed."),
    -1015: (429, "Too many new orders; current limit is 100 orders per 10 SECOND."),
    -1016: (503, "This service is no longer available."),
    -1021: (400, "Timestamp for this request is outside of the recvWindow."),
    -1022: (400, "Signature for this request is not valid."),
    -1111: (400, "Parameter 'quantity' has too much precision."),
    -1121: (400, "Invalid symbol."),
    -2010: (400, INSUFFICIENT),
    -2011: (400, "Unknown order sent."),
    -2013: (400, "Order does not exist."),
    -2014: (401, "API-key format invalid."),
    -2015: (401, "Invalid API-key, IP, or permissions for action."),
}


def said(code: int) -> Refusal:
    status, message = SAID[code]
    return Refusal(code, message, status)
