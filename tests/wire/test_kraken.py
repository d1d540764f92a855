"""Another protocol than Binance's, over real sockets: Kraken's names, lists, deadlines, countdown and websockets."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from genesis_actors import Engine
from genesis_actors.gateways.ccxt_client_ids import HABITS
from genesis_actors.gateways.ccxt_venue import CcxtVenue
from genesis_actors.gateways.live import SymbolSeen, TradesHeard
from genesis_actors.messages.market_data import MarketRows
from genesis_actors.messages.venue import (
    LookUpOrder,
    OrderAccepted,
    OrderClosed,
    OrderFilled,
    OrderNotFound,
    OrderOutcomeUnknown,
    OrderRefused,
)
from genesis_actors.settings import CcxtSettings
from genesis_actors.storage.recovery import load_fills
from genesis_actors.values import ExecutionState, OrderStatus, Reason, Symbol
from tests.helpers import eventually
from tests.wire.desk import Desk, kinds, question
from tests.wire.local_kraken import LocalKraken
from tests.wire.trading import QUICK, an_order, live_settings

BTC = Symbol("BTC/USD")
QUICKLY = {**QUICK, "exchange": "kraken"}


@pytest.fixture
def kraken() -> Iterator[LocalKraken]:
    with LocalKraken() as local:
        yield local


@contextmanager
def opened(kraken: LocalKraken, **changes: Any) -> Iterator[Desk[LocalKraken]]:
    settings = CcxtSettings.model_validate({**QUICKLY, "config": kraken.config, **changes})
    venue = CcxtVenue.open(settings, name="kraken", is_live=True)
    try:
        yield Desk(kraken, venue, BTC)
    finally:
        venue.close()


@pytest.fixture
def desk(kraken: LocalKraken) -> Iterator[Desk[LocalKraken]]:
    with opened(kraken) as ready:
        yield ready


def test_an_order_has_our_name_in_hexadecimal_and_a_deadline_and_is_told_whole(
    desk: Desk[LocalKraken],
) -> None:
    order = desk.order("0.01", "60010")

    assert kinds(desk.place(order)) == [OrderAccepted]
    told = desk.next_with(OrderClosed)

    assert kinds(told) == [OrderAccepted, OrderFilled, OrderClosed]
    fill = told[1]
    assert isinstance(fill, OrderFilled)
    assert (fill.quantity, fill.price, fill.fee_currency) == (
        Decimal("0.01"),
        Decimal("60000.1"),
        "USD",
    )
    assert fill.fee == Decimal("1.50000")
    (sent,) = desk.exchange.sent("AddOrder")
    assert re.fullmatch(r"[0-9a-f]{32}", sent["cl_ord_id"])
    assert HABITS["kraken"].heard(sent["cl_ord_id"]) == order.client_order_id
    assert (sent["volume"], sent["price"], sent["timeinforce"]) == ("0.01", "60010", "IOC")
    left = datetime.fromisoformat(sent["deadline"]) - datetime.now(UTC)
    assert timedelta(0) < left + timedelta(seconds=2) < timedelta(seconds=6)


def test_a_lost_answer_is_found_by_its_name_however_many_orders_there_are(
    desk: Desk[LocalKraken],
) -> None:
    lost = desk.order("0.02", "60010")
    desk.exchange.fault("AddOrder", "lose")

    assert kinds(desk.place(lost)) == [OrderOutcomeUnknown]
    for _ in range(60):  # More than a page of them.
        others = {"pair": "XBTUSD", "type": "buy", "volume": "1", "price": "60010"}
        desk.exchange.call(lambda exchange, sent=others: exchange.add_order(sent))
    told = desk.look_up(lost)

    assert kinds(told) == [OrderAccepted, OrderFilled, OrderClosed]
    assert len(desk.exchange.sent("AddOrder")) == 1


def test_an_order_that_arrives_late_is_refused_by_the_engine_and_proven_never_accepted(
    desk: Desk[LocalKraken],
) -> None:
    rules = desk.venue.proof
    assert rules.request_expiry == timedelta(seconds=3)  # The window, in whole seconds.
    desk.exchange.fault("AddOrder", "late")
    order = desk.order("0.01", "60010")

    assert kinds(desk.place(order)) == [OrderOutcomeUnknown]
    time.sleep(4.5)  # It takes real time until the engine has got it.
    (missing,) = desk.look_up(order)

    assert isinstance(missing, OrderNotFound)
    assert desk.exchange.orders() == []


def test_what_the_exchange_says_is_understood_or_unknown(desk: Desk[LocalKraken]) -> None:
    rejected = (
        "EOrder:Insufficient funds",
        "EOrder:Order minimum not met",
        "EOrder:Cost minimum not met",
        "EOrder:Tick size check failed",
        "EGeneral:Invalid arguments:price",
        "EGeneral:Permission denied",
    )
    unknown = ("EService:Unavailable", "EService:Busy", "EService:Deadline elapsed", "EGeneral:New")
    for said in rejected:
        desk.exchange.fault("AddOrder", said)
        (close,) = desk.place()
        assert isinstance(close, OrderClosed), said
        assert close.status is OrderStatus.REJECTED
    for said in unknown:
        desk.exchange.fault("AddOrder", said)
        assert kinds(desk.place()) == [OrderOutcomeUnknown], said
    (post_only,) = desk.place(desk.order("0.01", "60010", resting=True))
    assert isinstance(post_only, OrderClosed)
    desk.exchange.fault("AddOrder", "EAPI:Invalid nonce")
    (refused,) = desk.place()
    assert isinstance(refused, OrderRefused)
    assert refused.reason is Reason.CLOCK_SKEW
    assert desk.exchange.orders() == []


def test_a_name_that_is_taken_is_no_refusal_of_the_first_order(desk: Desk[LocalKraken]) -> None:
    order = desk.order("0.02", "59000", resting=True)
    desk.place(order)

    assert kinds(desk.place(order)) == [OrderOutcomeUnknown]
    assert kinds(desk.look_up(order)) == [OrderAccepted]
    assert len(desk.exchange.orders()) == 1


def test_a_resting_order_fills_in_parts_and_is_taken_back_by_its_name(
    desk: Desk[LocalKraken],
) -> None:
    order = desk.order("0.02", "59990", resting=True)
    desk.place(order)
    desk.exchange.outside_trade("59990", "0.005")
    part = desk.next_with(OrderFilled)[1]
    assert isinstance(part, OrderFilled)
    assert part.trade_id.endswith("-maker")

    told = desk.cancel(order)
    while OrderClosed not in kinds(told):
        told = desk.next()
    close = told[-1]

    assert isinstance(close, OrderClosed)
    assert (close.status, close.filled_quantity) == (OrderStatus.CANCELLED, Decimal("0.005"))
    (sent,) = desk.exchange.sent("CancelOrder")
    assert sent == {"cl_ord_id": desk.exchange.sent("AddOrder")[0]["cl_ord_id"]}
    assert kinds(desk.cancel(order))[-1] is OrderClosed  # "Unknown order" is no error.


def test_only_our_trades_are_told(desk: Desk[LocalKraken]) -> None:
    since = datetime.now(UTC) - timedelta(seconds=5)
    desk.place(desk.order("0.01", "60010"))
    sent = {"pair": "XBTUSD", "type": "buy", "volume": "1", "price": "60010", "cl_ord_id": "theirs"}
    desk.exchange.call(lambda exchange: exchange.add_order(sent))
    desk.venue.ask_trades(BTC, since)
    report = desk.heard.next()
    while not isinstance(report, TradesHeard):
        report = desk.heard.next()

    assert report.is_complete
    assert [fill.quantity for fill in report.outcomes if isinstance(fill, OrderFilled)] == [
        Decimal("0.01")
    ]


def test_rules_have_what_this_account_pays(desk: Desk[LocalKraken]) -> None:
    desk.venue.describe(BTC)
    report = desk.heard.next()
    while not isinstance(report, SymbolSeen):
        report = desk.heard.next()

    assert report.rules is not None
    assert (report.rules.taker_fee, report.rules.maker_fee) == (
        Decimal("0.0025"),
        Decimal("0.0016"),
    )
    assert (report.rules.tick, report.rules.min_notional) == (Decimal("0.1"), Decimal("0.5"))


# --- The countdown ------------------------------------------------------------------------------------

COUNTDOWN = {"cancel_all_after": "3s", "outage_after": "500ms", "request_timeout": "1s"}


def test_the_countdown_runs_while_an_order_stands_and_ends_with_it(kraken: LocalKraken) -> None:
    def countdowns() -> list[int]:
        return kraken.call(lambda exchange: list(exchange.countdowns))

    with opened(kraken, **COUNTDOWN) as desk:
        desk.place(desk.order("0.01", "60010"))
        order = desk.order("0.02", "59000", resting=True)
        desk.place(order)
        eventually(lambda: countdowns()[:2] == [3, 3])  # Set, and set anew.
        desk.cancel(order)
        eventually(lambda: countdowns()[-1] == 0)  # As when its execution is paused.
        again = desk.order("0.02", "59000", resting=True)
        desk.place(again)
        eventually(lambda: countdowns()[-1] == 3)

    assert countdowns()[-1] == 0  # It has stopped in good order.


def test_when_nobody_is_there_any_more_the_exchange_takes_the_orders_back(
    kraken: LocalKraken,
) -> None:
    async def absent() -> None:
        time.sleep(4)  # noqa: ASYNC251 - like a process that hangs

    with opened(kraken, **COUNTDOWN) as desk:
        desk.place(desk.order("0.02", "59000", resting=True))
        eventually(lambda: kraken.call(lambda exchange: bool(exchange.countdowns)))
        desk.venue.wait_for(absent())
        close = desk.next_with(OrderClosed)[-1]

    assert isinstance(close, OrderClosed)
    assert close.status is OrderStatus.CANCELLED
    assert kraken.sent("CancelOrder") == []


# --- Sockets and a whole execution ---------------------------------------------------------------------


def test_sockets_are_believed_once_they_have_told_what_is_answered(kraken: LocalKraken) -> None:
    with opened(kraken) as desk:
        desk.venue.describe(BTC)

        def trade_on() -> bool:
            kraken.outside_trade("59999.9", "0.1")
            return desk.venue.markets.is_streamed(BTC)

        eventually(trade_on)
        for _ in range(5):
            kraken.outside_trade("59999.9", "0.1")
        traded = kraken.call(lambda exchange: len(exchange.tape))

        def told() -> int:
            return sum(len(m.trades) for m in desk.heard.messages if isinstance(m, MarketRows))

        eventually(lambda: told() >= traded)

    assert told() == traded


def test_an_execution_fills_exactly_though_answers_are_lost(
    kraken: LocalKraken, tmp_path: Path
) -> None:
    database = tmp_path / "live.db"
    settings = live_settings(kraken.config, database, exchange="kraken")
    with Engine.start(settings) as engine:
        kraken.fault("AddOrder", "lose")
        kraken.fault("AddOrder", "lose")
        wishes = {"duration": "5s", "slices": 3, "on_deadline": "extend"}
        twap = engine.submit(an_order("BTC/USD", "buy", "0.3", **wishes))

        def done() -> bool:
            kraken.outside_trade("59999.9", "2")
            return ExecutionState(engine.status(twap.execution_id).execution.state).is_final

        eventually(done, 60)
        row = twap.wait(5).execution

    assert row.state is ExecutionState.COMPLETED
    theirs = kraken.call(lambda e: sorted((n, Decimal(t["vol"])) for n, t in e.trades.items()))
    assert sorted((fill.trade_id, fill.quantity) for fill in load_fills(database)) == theirs
    names = [sent["cl_ord_id"] for sent in kraken.sent("AddOrder")]
    assert len(names) == len(set(names))


def test_questions_about_an_order_of_an_earlier_run_find_it(kraken: LocalKraken) -> None:
    with opened(kraken) as desk:
        order = desk.order("0.02", "59000", resting=True)
        desk.place(order)
    with opened(kraken) as desk:  # It has no memory of the first.
        desk.venue.look_up(question(LookUpOrder, order), datetime.now(UTC))
        assert kinds(desk.next()) == [OrderAccepted]
