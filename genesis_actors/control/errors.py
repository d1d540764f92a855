"""How a refusal is written as HTTP: JSON always, also for what is no HTTP at all."""

from __future__ import annotations

import json
from http import HTTPStatus

from aiohttp import web

from genesis_actors.control.refusals import Refusal, bad_request

_CLOSING = frozenset({HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.REQUEST_TIMEOUT})


def refused(refusal: Refusal) -> web.Response:
    body = json.dumps({"api": 1, "error": refusal.view}, ensure_ascii=False)
    # Half a surrogate pair of the request may be quoted in it.
    raw = body.encode(errors="replace")
    response = web.Response(
        body=raw, status=refusal.status, content_type="application/json", charset="utf-8"
    )
    if refusal.status in _CLOSING:
        response.force_close()  # The rest of it is not wanted.
    return response


def internal_error(error: BaseException) -> Refusal:
    return Refusal(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "internal_error",
        f"internal error: {type(error).__name__}",
        "the daemon's log has the details",
    )


class RequestHandler(web.RequestHandler):
    """Answers in JSON what no route hears of: a request that cannot be read."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = HTTPStatus.INTERNAL_SERVER_ERROR,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has begun: there is no place for an error in it")
        if exc is not None and status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            refusal = internal_error(exc)
        else:
            why = " ".join((message or HTTPStatus(status).phrase).split())[:200]
            refusal = bad_request(f"the request cannot be read: {why}", status=HTTPStatus(status))
        response = refused(refusal)
        response.force_close()
        return response
