"""What the door answers when it cannot do what was asked: a status, a stable code, what and why, and the next step."""

from __future__ import annotations

import re
from http import HTTPStatus

from genesis_actors.engine import CommandRefusedError, EngineFailedError, OrderRejectedError
from genesis_actors.orders import OrderError
from genesis_actors.storage.errors import AmbiguousExecution, ExecutionNotFound, StorageError
from genesis_actors.values import Reason

JOURNAL_DOWN_HINT = (
    "make room, or mend what keeps it from writing; it goes on by itself: genesis daemon status"
)


class Refusal(Exception):
    """An error as a client shall see it."""

    def __init__(self, status: HTTPStatus, code: str, message: str, hint: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.hint = hint

    @property
    def view(self) -> dict[str, str]:
        return {"code": self.code, "message": self.message, "hint": self.hint}


def bad_request(
    message: str,
    hint: str = "see genesis --help",
    status: HTTPStatus = HTTPStatus.BAD_REQUEST,
    *,
    code: str = "usage",
) -> Refusal:
    return Refusal(status, code, message, hint)


def explained(error: Exception) -> Refusal | None:
    """Return `error` as a refusal, None for a bug."""
    match error:
        case Refusal():
            return error
        case OrderRejectedError() | CommandRefusedError() if error.reason is Reason.JOURNAL_DOWN:
            return Refusal(
                HTTPStatus.SERVICE_UNAVAILABLE, error.reason, str(error), JOURNAL_DOWN_HINT
            )
        case OrderRejectedError() if error.reason is Reason.HALTED:
            return Refusal(HTTPStatus.LOCKED, error.reason, str(error), error.hint)
        case OrderRejectedError():
            return Refusal(HTTPStatus.CONFLICT, error.reason, str(error), error.hint)
        case CommandRefusedError() if error.reason is Reason.BUSY:
            hint = "wait for its answer, then try again"
            return Refusal(HTTPStatus.CONFLICT, error.reason, str(error), hint)
        case CommandRefusedError():
            hint = f"look at it, and at the terms in force: genesis show {error.execution_id}"
            return Refusal(HTTPStatus.CONFLICT, error.reason, str(error), hint)
        case OrderError():
            return bad_request(str(error), "see genesis start --help")
        case ExecutionNotFound() | AmbiguousExecution():
            return _of_storage(error, HTTPStatus.NOT_FOUND)
        case StorageError():
            return _of_storage(error, HTTPStatus.SERVICE_UNAVAILABLE)
        case TimeoutError():
            hint = "it may still come about: look with genesis show ID"
            message = f"not done in time: {error}" if str(error) else "not done in time"
            return Refusal(HTTPStatus.GATEWAY_TIMEOUT, "timeout", message, hint)
        case EngineFailedError():
            hint = "nothing that was acknowledged is lost: start the daemon again"
            return Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "engine_failed", str(error), hint)
        case _:
            return None


def _of_storage(error: StorageError, status: HTTPStatus) -> Refusal:
    code = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(error).__name__).lower()
    return Refusal(status, code, error.message, error.hint)
