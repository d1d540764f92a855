"""Opening a venue, looking at it, and whether it is there: through the real ccxt."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from genesis_actors.gateways.ccxt_checkup import Status, examine
from genesis_actors.gateways.ccxt_venue import CcxtVenue
from genesis_actors.gateways.live import (
    AvailabilityChanged,
    SymbolSeen,
)
from genesis_actors.gateways.venue import SourceError
from genesis_actors.messages.venue import (
    OrderClosed,
)
from genesis_actors.settings import CcxtSettings
from genesis_actors.values import (
    Symbol,
)
from tests.wire.desk import BTC, kinds, opened
from tests.wire.exchange.faults import Fault, Kind
from tests.wire.exchange.running import LocalExchange
from tests.wire.trading import QUICK


def fault(kind: Kind, on: str = "POST order", **more: Any) -> Fault:
    return Fault(kind, on, **more)


def test_a_symbol_is_described_with_exact_rules_balances_and_past_volumes(
    live_exchange: LocalExchange,
) -> None:
    with opened(live_exchange) as desk:
        desk.venue.describe(BTC)
        desk.venue.describe(Symbol("NO/SUCH"))
        seen: dict[Symbol, SymbolSeen] = {}
        while len(seen) < 2:
            report = desk.heard.next()
            if isinstance(report, SymbolSeen):
                seen[report.symbol] = report

    known, unknown = seen[BTC], seen[Symbol("NO/SUCH")]
    assert known.rules is not None
    assert (known.rules.lot, known.rules.tick) == (Decimal("0.00001"), Decimal("0.01"))
    assert known.balances["USDT"] == Decimal(10_000_000)
    assert {bar.seconds for bar in known.volumes} == {60, 3_600}
    assert unknown.rules is None
    assert BTC in unknown.known_symbols


def test_the_doctor_looks_at_everything_and_sends_no_order(live_exchange: LocalExchange) -> None:
    config = {**live_exchange.config, "rateLimit": 5, "options": {"maxRetriesOnFailure": 3}}
    with opened(live_exchange, config=config) as desk:
        found = {each.name: each for each in examine(desk.venue, [BTC, Symbol("NO/SUCH")])}

    assert found["clock"].status is Status.OK
    assert found["keys"].status is Status.OK
    assert "may trade" in found["scope"].message
    assert "BTC" in found["balances"].message
    assert "0.00001" in found[f"symbol {BTC}"].message
    assert found["symbol NO/SUCH"].status is Status.ERROR
    assert "is heard" in found["websockets"].message
    assert "you set 3" in found["option options.maxRetriesOnFailure"].message
    assert "given up after" in found["lost orders"].message
    requests = live_exchange.call(lambda e: {attempt.request for attempt in e.attempts})
    assert all(name.startswith("GET ") for name in requests)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"exchange": "binanse"}, "no exchange"),
        ({"exchange": "kucoin", "sandbox": True, "config": {}}, "no sandbox"),
        (
            {
                "sandbox": True,
                "config": {"urls": {"api": {"private": "https://api.binance.com/api/v3"}}},
            },
            "real exchange",
        ),
        ({"config": {"verbose": True}}, "verbose"),
        ({"cancel_all_after": "60s", "config": {}}, "no countdown"),
        ({"exchange": "bybit", "cancel_all_after": "60s", "config": {}}, "no countdown"),
        ({"exchange": "okx", "cancel_all_after": "10m", "config": {}}, "runs for 10 s to 120 s"),
    ],
)
def test_a_venue_that_cannot_or_must_not_be_opened_says_why(
    changes: dict[str, Any], text: str
) -> None:
    settings = CcxtSettings.model_validate({**QUICK, **changes})

    with pytest.raises(SourceError, match=text) as refused:
        CcxtVenue.open(settings, name="x", is_live=True)
    assert refused.value.hint


def test_a_sandbox_at_an_address_of_ones_own_is_no_real_money(live_exchange: LocalExchange) -> None:
    with opened(live_exchange, sandbox=True) as desk:
        assert desk.venue.account is not None
        assert desk.venue.reads.isSandboxModeEnabled

        told = desk.place(desk.order("0.001", price="66000"))

    assert told
    assert len(live_exchange.attempts()) == 1


def test_keys_that_the_exchange_does_not_take_are_told_without_being_told(
    live_exchange: LocalExchange,
) -> None:
    config = {**live_exchange.config, "apiKey": "wrongKey" * 4, "secret": "wrongSecret" * 3}
    settings = CcxtSettings.model_validate({**QUICK, "config": config})

    with pytest.raises(SourceError, match="AuthenticationError") as refused:
        CcxtVenue.open(settings, name="binance", is_live=True)

    assert "wrong" not in str(refused.value)
    assert refused.value.__cause__ is None
    assert "key" in refused.value.hint


def test_a_start_survives_answers_that_break_off(still_exchange: LocalExchange) -> None:
    still_exchange.fault(
        fault(Kind.TRUNCATED, "GET exchangeInfo"),
        fault(Kind.HALF_JSON, "GET time"),
        fault(Kind.TRUNCATED, "GET account"),
    )

    with opened(still_exchange) as desk:
        assert kinds(desk.place())[-1] is OrderClosed


def test_a_venue_that_hangs_is_out_before_its_questions_have_failed(
    still_exchange: LocalExchange,
) -> None:
    with opened(still_exchange, request_timeout="6s", outage_after="1s") as desk:
        desk.venue.describe(BTC)
        while not isinstance(desk.heard.next(), SymbolSeen):
            pass
        still_exchange.fault(fault(Kind.DELAY, "GET *", seconds=3, times=None, lasts=3))
        began = datetime.now(UTC)

        heard: list[AvailabilityChanged] = []
        while len(heard) < 2:
            report = desk.heard.next()
            if isinstance(report, AvailabilityChanged):
                heard.append(report)
                if len(heard) == 1:
                    noticed = datetime.now(UTC) - began

    assert [each.is_available for each in heard] == [False, True]
    assert "not answered" in heard[0].detail
    assert noticed < timedelta(seconds=3)


def test_a_countdown_that_is_shorter_than_our_own_handling_of_an_outage_is_no_setting() -> None:
    for wish in ({"cancel_all_after": "7.9s"}, {"cancel_all_after": "20s", "outage_after": "9s"}):
        with pytest.raises(ValidationError, match="must not be shorter"):
            CcxtSettings.model_validate({**QUICK, **wish})
    assert CcxtSettings.model_validate({**QUICK, "cancel_all_after": "8s"}).cancel_all_after
    assert CcxtSettings().cancel_all_after is None
