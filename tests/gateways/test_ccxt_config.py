"""What ccxt is made with: options that cannot be undone, and addresses that a sandbox may not have."""

from __future__ import annotations

from typing import Any

import ccxt
import pytest

from genesis_actors.gateways.ccxt_config import names_real_exchange, prepare
from genesis_actors.settings import CcxtSettings

LOCAL = "http://127.0.0.1:9000/api/v3"


def names_real(urls: object, exchange: str = "binance") -> bool:
    plain: Any = getattr(ccxt, exchange)()
    return names_real_exchange(urls, plain.urls, plain.hostname)


@pytest.mark.parametrize(
    "host",
    [
        "api.binance.com",
        "API.Binance.com",
        "api1.binance.com",
        "api-gcp.binance.com",
        "api.binance.com.",
    ],
)
@pytest.mark.parametrize("place", ["api", "test"])
def test_no_name_of_the_real_exchange_passes_for_a_sandbox(host: str, place: str) -> None:
    assert names_real({place: {"public": LOCAL, "private": f"https://{host}/api/v3"}})


@pytest.mark.parametrize(
    "urls", [{}, {"api": {"public": LOCAL}}, {"api": "https://testnet.binance.vision/api"}]
)
def test_other_addresses_and_the_sandboxes_own_pass(urls: object) -> None:
    assert not names_real(urls)


def test_addresses_that_ccxt_puts_together_are_known_too() -> None:
    assert names_real({"api": {"rest": "https://api.bybit.com"}}, "bybit")
    assert not names_real({"api": {"rest": "https://api-testnet.bybit.com"}}, "bybit")


def test_options_that_lead_to_another_account_are_undone_and_said_so() -> None:
    options = {"portfolioMargin": True, "defaultMarginMode": "cross", "fetchMargins": True}
    settings = CcxtSettings(exchange="binance", config={"options": options})

    prepared = prepare(settings, is_live=True, environ={})

    made = prepared.config["options"]
    assert made["portfolioMargin"] is False
    assert made["defaultMarginMode"] is None
    assert made["fetchMargins"] is False
    was = {forced.name: forced.was for forced in prepared.forced}
    assert was["options.portfolioMargin"] is True
    assert was["options.defaultMarginMode"] == "cross"
