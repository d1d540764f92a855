from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from genesis_actors.gateways.ccxt_outcomes import Judgement, Scope, Verdict
from genesis_actors.gateways.ccxt_throttle import (
    PASSAGE,
    Blocks,
    BrokenAnswerError,
    NotSentError,
    Passage,
    watch_requests,
)
from genesis_actors.values import Reason, Symbol

BTC, ETH = Symbol("BTC/USDT"), Symbol("ETH/USDT")
LATER = Judgement(Verdict.RETRY_LATER, Reason.RATE_LIMITED, Scope.VENUE, timedelta(seconds=5))


class Client:
    """The three methods of an exchange object that are watched."""

    def __init__(self, status: int = 200, body: str = "{}", **headers: str) -> None:
        self.fetched: list[str] = []
        self.answer = status, body, headers

    async def throttle(self, _cost: object = None) -> None:
        await asyncio.sleep(0)

    async def fetch(
        self, url: str, method: str = "GET", headers: Any = None, body: Any = None
    ) -> str:
        self.fetched.append(method)
        status, text, found = self.answer
        return self.on_rest_response(status, "", url, method, found, text, headers, body)

    def on_rest_response(self, *answer: Any) -> str:
        raise NotImplementedError

    async def request(self, method: str) -> str:
        await self.throttle(1)
        return await self.fetch("http://x/", method)


def call(client: Client, method: str, passage: Passage, weights: list[int] | None = None) -> str:
    watch_requests(client, ([] if weights is None else weights).append)

    async def work() -> str:
        PASSAGE.set(passage)
        return await client.request(method)

    return asyncio.run(work())


def test_a_request_that_may_not_leave_any_more_does_not() -> None:
    client, passage = Client(), Passage(may_leave=lambda: False)

    with pytest.raises(NotSentError):
        call(client, "POST", passage)

    assert client.fetched == []
    assert not passage.was_sent


def test_what_changes_something_counts_as_sent_before_any_answer() -> None:
    passage, weights = Passage(), list[int]()

    client = Client(429, "<html>", **{"Retry-After": "7", "X-MBX-USED-WEIGHT-1M": "31"})
    call(client, "POST", passage, weights)

    assert passage.was_sent
    assert (passage.status, passage.retry_after) == (429, timedelta(seconds=7))
    assert weights == [31]


def test_a_question_is_never_taken_for_an_order() -> None:
    passage = Passage()

    call(Client(), "GET", passage)

    assert not passage.was_sent


@pytest.mark.parametrize("body", ["", '{"orderId": 1', "[", "<html>"])
def test_half_an_answer_is_an_error_and_not_an_empty_list(body: str) -> None:
    with pytest.raises(BrokenAnswerError):
        call(Client(200, body), "GET", Passage())


def test_a_date_says_how_long_to_wait_too() -> None:
    passed = Passage(headers={"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"})

    assert passed.retry_after == timedelta(0)
    assert Passage(headers={"retry-after": "soon"}).retry_after is None


class Time:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_limit_holds_for_its_scope_and_its_time() -> None:
    time = Time()
    blocks = Blocks(time)
    closed = Judgement(
        Verdict.RETRY_LATER, Reason.MARKET_CLOSED, Scope.SYMBOL, timedelta(minutes=1)
    )

    blocks.add(closed, BTC, None)
    assert (blocks.on_order(BTC), blocks.on_order(ETH)) == (Reason.MARKET_CLOSED, None)

    blocks.add(LATER, BTC, timedelta(seconds=90))
    assert (blocks.on_order(BTC), blocks.on_order(ETH)) == (Reason.RATE_LIMITED,) * 2
    assert blocks.seconds_for_reads() == 90

    blocks.add(LATER, BTC, None)  # A shorter wait does not cut a longer one.
    time.now += 80
    assert blocks.on_order(ETH) is Reason.RATE_LIMITED

    time.now += 11
    assert (blocks.on_order(BTC), blocks.seconds_for_reads()) == (None, 0)


def test_what_concerns_one_order_blocks_nothing() -> None:
    blocks = Blocks()

    blocks.add(Judgement(Verdict.REJECTED), BTC, timedelta(seconds=9))

    assert blocks.on_order(BTC) is None


def test_questions_give_way_when_the_minutes_weight_is_nearly_used() -> None:
    blocks = Blocks(weight_limit=100)

    blocks.note_weight(89)
    assert blocks.seconds_for_reads() == 0

    blocks.note_weight(90)
    assert 0 < blocks.seconds_for_reads() <= 60
    assert blocks.on_order(BTC) is None
