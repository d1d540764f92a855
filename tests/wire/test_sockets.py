"""Market data over real websockets of real ccxt.pro: whatever goes wrong there, each trade is counted once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from genesis_actors.gateways.ccxt_venue import CcxtVenue
from genesis_actors.gateways.live import VenueReport
from genesis_actors.messages.market_data import MarketRows
from genesis_actors.settings import CcxtSettings
from genesis_actors.values import Symbol
from tests.wire.exchange.market import Temper
from tests.wire.exchange.running import LocalExchange, make_exchange
from tests.wire.exchange.sockets import Spoil
from tests.wire.trading import QUICK

BTC = Symbol("BTC/USDT")


class Ears:
    """Hears a venue's market."""

    def __init__(self, exchange: LocalExchange, venue: CcxtVenue) -> None:
        self.exchange = exchange
        self.venue = venue
        self.rows: list[MarketRows] = []
        venue.connect(self, "g7k2pd")
        venue.describe(BTC)

    def tell(self, message: VenueReport) -> None:
        if isinstance(message, MarketRows):
            self.rows.append(message)

    def is_streamed(self) -> bool:
        return self.venue.markets.is_streamed(BTC)

    def is_streamed_after_a_trade(self) -> bool:
        """A socket is believed once it has told of some trades."""
        self.exchange.outside_trade("BTCUSDT", "SELL", "60000", "0.1")
        time.sleep(0.2)
        return self.is_streamed()

    def told(self) -> tuple[int, Decimal]:
        """Return how many trades were told, and of what quantity in all."""
        trades = [trade for row in list(self.rows) for trade in row.trades]
        return len(trades), sum((trade.quantity for trade in trades), Decimal(0))

    def traded(self) -> tuple[int, Decimal]:
        """Return the same as the exchange knows it, from where our first question began."""

        def count(exchange: Any) -> tuple[int, Decimal]:
            first = next(a for a in exchange.attempts if a.request == "GET aggTrades")
            aggregates = exchange.aggregates["BTCUSDT"]
            aggregates.look(exchange.now())
            found = aggregates.between(int(first.sent["startTime"]), exchange.now())
            return len(found), sum((each.trade.quantity for each in found), Decimal(0))

        return self.exchange.call(count)

    def has_all(self) -> bool:
        return self.told() == self.traded()

    def asked(self) -> int:
        return len(self.exchange.attempts("GET aggTrades"))


@contextmanager
def listening(exchange: LocalExchange, **changes: Any) -> Iterator[Ears]:
    config = {**exchange.config, "rateLimit": 5}
    # Questions are rare, so that what is told soon came by socket.
    rare = {"poll_interval": "300ms", "outage_after": "30s"}
    settings = CcxtSettings.model_validate({**QUICK, **rare, "config": config, **changes})
    venue = CcxtVenue.open(settings, name="binance", is_live=True)
    try:
        yield Ears(exchange, venue)
    finally:
        venue.close()


def until(holds: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_each_trade_is_counted_once_whatever_happens_on_the_socket(
    live_exchange: LocalExchange,
) -> None:
    with listening(live_exchange) as ears:
        until(ears.is_streamed)
        for spoil in (
            Spoil.DUPLICATE,
            Spoil.REORDER,
            Spoil.LOSE,
            Spoil.GARBAGE,
            Spoil.OTHER_SYMBOL,
        ):
            before = live_exchange.sockets().spoilt
            live_exchange.spoil(spoil)
            until(lambda before=before: live_exchange.sockets().spoilt > before)
            until(ears.has_all)
            until(ears.is_streamed)
        live_exchange.drop()
        until(lambda: not ears.is_streamed())
        until(ears.is_streamed)
        until(ears.has_all)
        times = [row.at for row in ears.rows]

    assert times == sorted(times)
    assert live_exchange.sockets().open == 0


def test_a_trade_that_is_missing_between_two_others_is_asked_for_at_once(
    still_exchange: LocalExchange,
) -> None:
    def trade(quantity: str) -> None:
        still_exchange.outside_trade("BTCUSDT", "SELL", "60000", quantity)

    with listening(still_exchange, poll_interval="1s", outage_after="120s") as ears:
        until(lambda: bool(ears.rows))
        until(lambda: still_exchange.sockets().subscriptions == 2)
        until(ears.is_streamed_after_a_trade)
        until(ears.has_all)
        asked, before = ears.asked(), ears.told()[0]
        still_exchange.spoil(Spoil.LOSE)
        trade("0.2")
        until(lambda: still_exchange.sockets().spoilt == 1)
        trade("0.3")
        until(ears.has_all, 2)

    assert ears.asked() > asked
    assert ears.told()[0] == before + 2


def test_a_socket_that_falls_silent_is_left_and_one_that_has_nothing_to_say_is_not(
    still_exchange: LocalExchange,
) -> None:
    with listening(still_exchange) as ears:
        until(lambda: bool(ears.rows) and still_exchange.sockets().subscriptions == 2)
        until(ears.is_streamed_after_a_trade)
        asked = ears.asked()
        until(
            lambda: ears.asked() > asked + 4
        )  # Nothing happens, and nothing is found to be wrong.
        assert still_exchange.sockets().ever == 2
        assert ears.is_streamed()

        still_exchange.mute(60)
        still_exchange.move("BTCUSDT", 100)
        until(lambda: ears.rows[-1].quote is not None and ears.rows[-1].quote.bid > 60_000, 5)
        until(lambda: still_exchange.sockets().ever > 2, 10)

    assert still_exchange.sockets().open == 0


def test_a_slow_consumer_hears_everything_in_the_end(live_exchange: LocalExchange) -> None:
    async def busy() -> None:
        time.sleep(2)  # noqa: ASYNC251 - this is what is tested

    with listening(live_exchange) as ears:
        until(ears.is_streamed)
        ears.venue.wait_for(busy())

        until(ears.has_all)


def test_where_no_socket_can_be_had_the_market_is_asked_about(live_exchange: LocalExchange) -> None:
    live_exchange.refuse_sockets(refuse=True)
    with listening(live_exchange) as ears:
        until(lambda: ears.told()[0] > 0)
        until(ears.has_all)
        assert not ears.is_streamed()

        live_exchange.refuse_sockets(refuse=False)
        until(ears.is_streamed)
        until(ears.has_all)


@pytest.mark.parametrize(
    ("changes", "why"),
    [({"websockets": False}, "settings"), ({}, "names no ws")],
    ids=["not wanted", "no address"],
)
def test_no_socket_is_opened_that_is_not_wanted_or_would_be_of_another_market(
    live_exchange: LocalExchange, changes: dict[str, Any], why: str
) -> None:
    config = {**live_exchange.config, "rateLimit": 5}
    if not changes:
        api = {name: url for name, url in config["urls"]["api"].items() if name != "ws"}
        config["urls"] = {"api": api}
    with listening(live_exchange, config=config, **changes) as ears:
        until(lambda: ears.told()[0] > 0)
        until(ears.has_all)

        assert why in str(ears.venue.why_no_sockets)
        assert live_exchange.sockets().ever == 0


def test_sockets_go_through_the_proxy_that_requests_go_through(tmp_path: Path) -> None:
    with LocalExchange(make_exchange(temper=Temper()), 0, tmp_path) as exchange:
        proxied = exchange.proxied_config
        config = {name: value for name, value in proxied.items() if name != "wssProxy"}
        with listening(exchange, config={**config, "rateLimit": 5}) as ears:
            until(ears.is_streamed)

        assert "stream.binance.com:9443" in exchange.hosts()
