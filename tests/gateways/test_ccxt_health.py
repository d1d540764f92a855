from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal

import pytest

from genesis_actors.gateways.ccxt_account import fingerprint
from genesis_actors.gateways.ccxt_funds import FRESH_SECONDS, Funds
from genesis_actors.gateways.ccxt_health import Health
from genesis_actors.gateways.live import AvailabilityChanged
from tests.making import RULES, a_child


class Time:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_maintenance_is_told_at_once_and_an_outage_when_it_lasts_and_each_end_once() -> None:
    time, told = Time(), list[AvailabilityChanged]()
    health = Health(told.append, timedelta(seconds=15), time)

    health.answered()
    health.failed("reset", is_maintenance=False)
    time.now += 14
    health.failed("reset", is_maintenance=False)
    assert told == []
    assert health.current is None

    time.now += 1
    health.failed("reset", is_maintenance=False)
    health.failed("reset", is_maintenance=False)
    health.answered()
    health.answered()
    health.failed("until noon", is_maintenance=True)

    assert [each.is_available for each in told] == [False, True, False]
    assert health.current == AvailabilityChanged(
        is_available=False, detail="maintenance: until noon"
    )


def test_a_venue_that_hangs_is_an_outage_from_its_first_unanswered_question_on() -> None:
    time, told = Time(), list[AvailabilityChanged]()
    health = Health(told.append, timedelta(seconds=15), time)

    health.asked()
    time.now += 14
    health.asked()
    health.look()
    assert told == []

    time.now += 1
    health.look()
    health.look()

    assert [each.is_available for each in told] == [False]
    health.answered()
    time.now += 100
    health.look()
    assert [each.is_available for each in told] == [False, True]


def test_one_answer_in_between_makes_it_no_outage() -> None:
    time, told = Time(), list[AvailabilityChanged]()
    health = Health(told.append, timedelta(seconds=15), time)
    for _ in range(20):
        health.failed("reset", is_maintenance=False)
        time.now += 10
        health.answered()

    assert told == []


def test_what_was_sent_since_the_balances_were_read_is_not_spent_twice() -> None:
    time, free = Time(), {"USDT": Decimal(250)}

    async def read() -> Mapping[str, Decimal]:
        return dict(free)

    async def play() -> None:
        funds = Funds(read, time)
        order = a_child("c1", quantity="1", price="100")
        assert funds.shortage(order, RULES) is None  # Nothing is known: the venue will say.
        await funds.refresh(1)
        assert funds.are_fresh
        for name in ("c1", "c2"):
            assert funds.shortage(a_child(name, quantity="1", price="100"), RULES) is None
            funds.spend(a_child(name, quantity="1", price="100"), RULES)
        missing = funds.shortage(a_child("c3", quantity="1", price="100"), RULES)
        assert missing is not None
        assert (missing.currency, missing.needed, missing.free) == ("USDT", 100, 50)

        funds.keep(a_child("c2").client_order_id)  # It was not sent after all.
        assert funds.shortage(a_child("c3", quantity="1", price="100"), RULES) is None
        time.now += FRESH_SECONDS + 1
        assert not funds.are_fresh
        free["USDT"] = Decimal(150)
        await funds.refresh(1)
        assert funds.shortage(a_child("c4", quantity="1.5", price="100"), RULES) is None

    asyncio.run(play())


def test_balances_are_read_once_for_all_who_wait_and_a_failure_reaches_them() -> None:
    count = 0

    async def read() -> Mapping[str, Decimal]:
        nonlocal count
        count += 1
        await asyncio.sleep(0.01)
        raise ConnectionError("no")

    async def play() -> None:
        funds = Funds(read)
        results = await asyncio.gather(
            *(funds.refresh(1) for _ in range(5)), return_exceptions=True
        )
        assert all(isinstance(each, ConnectionError) for each in results)
        with pytest.raises(TimeoutError):
            await funds.refresh(0.001)

    asyncio.run(play())
    assert count == 2


class Account:
    apiKey = "key1"  # noqa: N815 - ccxt's name

    def __init__(self, answer: object) -> None:
        self.answer = answer

    async def privateGetAccount(self) -> object:  # noqa: N802 - ccxt's name
        return self.answer

    privateGetAccountConfig = privateGetAccount  # noqa: N815


def test_an_account_is_known_by_its_own_number_and_by_its_key_where_it_has_none() -> None:
    def of(answer: object, exchange: str = "binance") -> str:
        return asyncio.run(fingerprint(Account(answer), exchange))

    assert of({"uid": 12345}) == of({"uid": "12345", "more": 1})
    assert of({"uid": 12345}) != of({"uid": 12346})
    assert of({"uid": 12345}) != of({"data": [{"uid": "12345"}]}, "okx")
    assert of({}).startswith("key ")
    assert of({"data": []}, "okx").startswith("key ")
    assert of({}, "kraken").startswith("key ")
    assert "12345" not in of({"uid": 12345})
