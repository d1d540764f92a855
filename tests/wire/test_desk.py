"""One order at a time through the real ccxt, each with something that goes wrong: what is told of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from genesis_actors.gateways.live import (
    OutcomesHeard,
    TradesHeard,
    VenueReport,
)
from genesis_actors.messages.venue import (
    CancelOrder,
    LookUpOrder,
    OrderAccepted,
    OrderClosed,
    OrderFilled,
    OrderNotFound,
    OrderOutcomeUnknown,
    OrderRefused,
)
from genesis_actors.values import (
    OrderStatus,
    Reason,
    Side,
)
from tests.helpers import Probe
from tests.wire.desk import BTC, PREFIX, Desk, kinds, opened, question
from tests.wire.exchange.faults import Fault, Kind
from tests.wire.exchange.running import LocalExchange


def fault(kind: Kind, on: str = "POST order", **more: Any) -> Fault:
    return Fault(kind, on, **more)


@pytest.fixture
def desk(still_exchange: LocalExchange) -> Iterator[Desk[LocalExchange]]:
    with opened(still_exchange) as ready:
        yield ready


def test_an_order_that_fills_is_told_whole_in_one_answer(desk: Desk[LocalExchange]) -> None:
    order = desk.order("0.01")

    told = desk.place(order)

    assert kinds(told) == [OrderAccepted, OrderFilled, OrderClosed]
    fill, close = told[1], told[2]
    assert isinstance(fill, OrderFilled)
    assert isinstance(close, OrderClosed)
    ledger = desk.exchange.fills()[0]
    assert (fill.trade_id, fill.quantity, fill.price) == (
        str(ledger.trade_id),
        ledger.quantity,
        ledger.price,
    )
    assert (fill.fee, fill.fee_currency) == (ledger.fee, ledger.fee_asset)
    assert (close.status, close.filled_quantity) == (OrderStatus.FILLED, order.quantity)
    sent = desk.exchange.attempts()[0].sent
    assert (sent["quantity"], sent["price"], sent["timeInForce"]) == ("0.01", "60100", "IOC")
    assert sent["recvWindow"] == "2000"


def test_what_is_looked_up_is_told_with_the_same_trades(desk: Desk[LocalExchange]) -> None:
    order = desk.order()
    first = desk.place(order)

    again = desk.look_up(order)

    key = [(o.trade_id, o.quantity, o.price, o.fee) for o in first if isinstance(o, OrderFilled)]
    assert key == [
        (o.trade_id, o.quantity, o.price, o.fee) for o in again if isinstance(o, OrderFilled)
    ]
    assert kinds(again) == kinds(first)


def test_all_the_ways_in_which_an_answer_is_lost_leave_the_order_unknown_and_findable(
    desk: Desk[LocalExchange],
) -> None:
    ways = [
        fault(Kind.RESET),
        fault(Kind.CLOSE),
        fault(Kind.TRUNCATED),
        fault(Kind.HALF_JSON),
        fault(Kind.EMPTY),
        fault(Kind.HTML, status=502),
        fault(Kind.HTML, status=403),
        fault(Kind.CODE, code=-1000),
        fault(Kind.CODE, code=-1006),
        fault(Kind.CODE, code=-1007),
        fault(Kind.CODE, code=-1008),
    ]
    for way in ways:
        desk.exchange.fault(way)
        order = desk.order()
        assert kinds(desk.place(order)) == [OrderOutcomeUnknown], way
        found = desk.look_up(order)
        assert kinds(found) == [OrderAccepted, OrderFilled, OrderClosed], way
    assert len(desk.exchange.attempts()) == len(desk.exchange.orders()) == len(ways)


def test_a_lost_request_is_unknown_too_and_not_found_is_no_proof(desk: Desk[LocalExchange]) -> None:
    for way in (fault(Kind.RESET, accepted=False), fault(Kind.CODE, code=-1007, accepted=False)):
        desk.exchange.fault(way)
        order = desk.order()
        assert kinds(desk.place(order)) == [OrderOutcomeUnknown]
        before = datetime.now(UTC)
        (missing,) = desk.look_up(order)
        assert isinstance(missing, OrderNotFound)
        assert not missing.is_proof
        assert missing.asked_at >= before


def test_an_answer_that_nobody_gives_is_no_answer(desk: Desk[LocalExchange]) -> None:
    order = desk.order()
    desk.place(order)
    # Every question fails once, in another way: nothing may be told, least of all "not found".
    for way in (
        fault(Kind.HALF_JSON, "GET order"),
        fault(Kind.EMPTY, "GET order"),
        fault(Kind.CODE, "GET order", code=-1001),
        fault(Kind.HTML, "GET order", status=503),
    ):
        desk.exchange.fault(way)
        desk.venue.look_up(question(LookUpOrder, order), datetime.now(UTC))
        # The next question is answered, and is the first that is.
        desk.venue.wait_for(_pause(0.15))
    told = desk.look_up(order)

    assert kinds(told) == [OrderAccepted, OrderFilled, OrderClosed]
    assert not any(
        isinstance(outcome, OrderNotFound)
        for report in desk.heard.messages
        if isinstance(report, OutcomesHeard)
        for outcome in report.outcomes
    )


async def _pause(seconds: float) -> None:
    import asyncio

    await asyncio.sleep(seconds)


def test_known_rejections_close_the_order_with_nothing_filled(desk: Desk[LocalExchange]) -> None:
    cases = [
        (desk.order(price="600000"), "PERCENT_PRICE"),
        (desk.order(price="60100", resting=True), "immediately match"),
    ]
    for order, text in cases:
        (close,) = desk.place(order)
        assert isinstance(close, OrderClosed), text
        assert close.status is OrderStatus.REJECTED
        assert close.filled_quantity == 0
        assert text in str(close.detail)
    assert desk.exchange.orders() == []


def test_what_the_filters_would_not_take_is_not_even_sent(desk: Desk[LocalExchange]) -> None:
    for order in (
        desk.order("0.0000015"),
        desk.order(price="60100.001"),
        desk.order("0.00001", price="1"),
        desk.order("99999"),
    ):
        (refused,) = desk.place(order)
        assert isinstance(refused, OrderRefused)
        assert refused.reason is Reason.VENUE_RULE
    assert desk.exchange.attempts() == []


def test_what_the_account_cannot_pay_is_not_sent(desk: Desk[LocalExchange]) -> None:
    (refused,) = desk.place(desk.order("120", side=Side.SELL, price="59900"))

    assert isinstance(refused, OrderRefused)
    assert refused.reason is Reason.INSUFFICIENT_BALANCE
    assert (refused.limit, refused.actual) == (Decimal(100), Decimal(120))
    assert desk.exchange.attempts() == []


def test_a_rate_limit_is_kept_to_for_as_long_as_the_venue_says(desk: Desk[LocalExchange]) -> None:
    desk.exchange.fault(fault(Kind.BAN, status=429, retry_after=1))

    (first,) = desk.place()
    (second,) = desk.place()  # It is not even tried.

    assert isinstance(first, OrderRefused)
    assert isinstance(second, OrderRefused)
    assert first.reason is second.reason is Reason.RATE_LIMITED
    assert len(desk.exchange.attempts()) == 1
    desk.venue.wait_for(_pause(1.1))
    assert kinds(desk.place())[-1] is OrderClosed


def test_connections_that_are_refused_mean_that_nothing_was_sent(desk: Desk[LocalExchange]) -> None:
    desk.place()
    desk.exchange.refuse()

    (refused,) = desk.place()

    desk.exchange.accept()
    assert isinstance(refused, OrderRefused)
    assert refused.reason is Reason.VENUE_UNAVAILABLE
    assert kinds(desk.place())[-1] is OrderClosed


def test_a_wrong_clock_is_measured_anew_and_the_next_order_goes_through(
    desk: Desk[LocalExchange],
) -> None:
    desk.exchange.set_clock(30_000)

    (refused,) = desk.place()
    desk.venue.wait_for(_pause(0.3))

    assert isinstance(refused, OrderRefused)
    assert refused.reason is Reason.CLOCK_SKEW
    assert abs(desk.venue.clock_skew + timedelta(seconds=30)) < timedelta(seconds=1)
    assert kinds(desk.place())[-1] is OrderClosed


def test_a_resting_order_is_followed_until_it_has_filled(desk: Desk[LocalExchange]) -> None:
    order = desk.order("0.02", price="59990", resting=True)
    assert kinds(desk.place(order)) == [OrderAccepted]

    desk.exchange.outside_trade("BTCUSDT", "SELL", "59990", "0.005")
    part = desk.next()
    while OrderFilled not in kinds(part):
        part = desk.next()
    assert kinds(part) == [OrderAccepted, OrderFilled]
    desk.exchange.outside_trade("BTCUSDT", "SELL", "59990", "0.1")
    rest = desk.next()

    assert kinds(rest) == [OrderAccepted, OrderFilled, OrderFilled, OrderClosed]
    fills = [outcome for outcome in rest if isinstance(outcome, OrderFilled)]
    assert [fill.trade_id.endswith("-maker") for fill in fills] == [True, True]
    assert sum(fill.quantity for fill in fills) == order.quantity


def test_a_cancel_whose_answer_is_lost_is_found_to_have_worked(desk: Desk[LocalExchange]) -> None:
    order = desk.order("0.02", price="59990", resting=True)
    desk.place(order)
    desk.exchange.fault(fault(Kind.RESET, "DELETE order"))

    told = desk.cancel(order)
    while OrderClosed not in kinds(told):
        told = desk.next()

    close = told[-1]
    assert isinstance(close, OrderClosed)
    assert (close.status, close.filled_quantity) == (OrderStatus.CANCELLED, 0)


def test_an_order_of_somebody_else_is_not_touched(desk: Desk[LocalExchange]) -> None:
    theirs = desk.order("0.02", price="59990", resting=True)
    desk.place(theirs)
    with opened(desk.exchange) as other:
        other.venue.connect(other.heard, "zzzzzz")
        other.venue.cancel(question(CancelOrder, theirs), datetime.now(UTC))
        other.venue.ask_trades(BTC, datetime.now(UTC) - timedelta(minutes=5))
        report = other.heard.next()
        while not isinstance(report, TradesHeard):
            report = other.heard.next()

    assert report == TradesHeard(BTC, (), is_complete=True)
    assert desk.exchange.attempts("DELETE order") == []
    desk.cancel(theirs)


def test_every_trade_since_a_time_is_told_and_an_unfinished_answer_says_so(
    desk: Desk[LocalExchange],
) -> None:
    since = datetime.now(UTC) - timedelta(seconds=5)
    orders = [desk.order(), desk.order(side=Side.SELL, price="59900")]
    for order in orders:
        desk.place(order)
    desk.exchange.fault(fault(Kind.EMPTY, "GET myTrades"))

    heard: list[TradesHeard] = []
    while len(heard) < 2:
        desk.venue.ask_trades(BTC, since)
        report = desk.heard.next()
        while not isinstance(report, TradesHeard):
            report = desk.heard.next()
        heard.append(report)

    assert [each.is_complete for each in heard] == [False, True]
    assert heard[0].outcomes == ()
    named = {outcome.client_order_id for outcome in heard[1].outcomes}
    assert named == {order.client_order_id for order in orders}


def test_an_order_that_has_waited_too_long_in_our_own_queue_is_not_sent(
    still_exchange: LocalExchange,
) -> None:
    config = {**still_exchange.config, "rateLimit": 150}
    with opened(still_exchange, config=config, order_freshness="100ms") as desk:
        orders = [desk.order() for _ in range(6)]
        for order in orders:
            desk.venue.place(order)
        told = [desk.next() for _ in orders]

    refused = [each[0] for each in told if isinstance(each[0], OrderRefused)]
    assert refused
    assert {each.reason for each in refused} == {Reason.STALE_AT_RELEASE}
    assert len(still_exchange.attempts()) == len(orders) - len(refused)


def test_orders_that_wait_when_another_listener_comes_are_dropped_and_it_is_told(
    still_exchange: LocalExchange,
) -> None:
    with opened(still_exchange) as desk:
        orders = [desk.order() for _ in range(4)]
        for order in orders:
            desk.venue.place(order)
        new = Probe[VenueReport]()
        desk.venue.connect(new, PREFIX)
        told = [new.next() for _ in orders]

    reasons = [each.outcomes[0].reason for each in told if isinstance(each, OutcomesHeard)]  # pyright: ignore[reportAttributeAccessIssue]
    assert reasons == [Reason.STALE_AT_RELEASE] * len(orders)
    assert still_exchange.attempts() == []


def test_a_question_that_hangs_does_not_keep_the_next_one_from_being_asked(
    desk: Desk[LocalExchange],
) -> None:
    desk.exchange.fault(fault(Kind.RESET, accepted=False))
    order = desk.order()
    desk.place(order)
    desk.exchange.fault(fault(Kind.DELAY, "GET order", seconds=1.5))
    desk.venue.look_up(question(LookUpOrder, order), datetime.now(UTC))
    desk.venue.wait_for(_pause(0.2))

    began = datetime.now(UTC)
    (missing,) = desk.look_up(order)

    assert isinstance(missing, OrderNotFound)
    assert datetime.now(UTC) - began < timedelta(seconds=1.2)
    assert missing.asked_at >= began
    assert desk.next()  # The other one's answer.


def test_of_many_questions_that_hang_the_last_one_is_asked_when_there_is_room(
    desk: Desk[LocalExchange],
) -> None:
    desk.exchange.fault(fault(Kind.RESET, accepted=False))
    order = desk.order()
    desk.place(order)
    desk.exchange.fault(fault(Kind.DELAY, "GET order", seconds=0.5, times=2))
    for _ in range(8):
        desk.venue.look_up(question(LookUpOrder, order), datetime.now(UTC))

    told = [kinds(desk.next()) for _ in range(3)]

    assert told == [[OrderNotFound]] * 3
    assert len(desk.exchange.attempts("GET order")) == 3
