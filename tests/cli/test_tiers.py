"""What an account's tier lets a user begin, and where it shows."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from genesis_actors.storage import recovery
from genesis_actors.values import TradingTier
from tests.cli.conftest import Command

ORDER = ("run", "BTC/USDT", "buy", "1", "--over", "5m", "--speed", "max", "-ojson")


def settings(text: str) -> tuple[str, ...]:
    Path("genesis.toml").write_text(text)
    return (*ORDER, "--config", "genesis.toml")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_an_order_above_the_accounts_tier_is_refused_with_all_that_matters(
    command: Command,
) -> None:
    said = command(*settings('[account]\nstrategist_equity = "1000000000"\n'))

    assert said.code == 5
    assert said.error["code"] == "tier_too_low"
    for part in ("STRATEGIST", "1000000000 USDT", "HUNTER"):
        assert part in said.error["message"]
    assert "[account] strategist_equity" in said.error["hint"]
    assert [it.after for it in recovery.load_account_events("genesis.db")] == [TradingTier.HUNTER]
    doctor = {it["name"]: it for it in command("doctor", "-ojson").data}["account"]
    assert doctor["status"] == "warning"
    assert doctor["message"].startswith("HUNTER since ")


def test_a_plan_warns_of_a_tier_that_the_simulated_account_does_not_have(command: Command) -> None:
    poor = settings('[account]\nstrategist_equity = "1000000000"\n')[1:]
    poor = tuple(word for word in poor if word not in {"--speed", "max"})

    warned = command("plan", *poor)

    assert warned.code == 0
    (warning,) = warned.data["warnings"]
    assert "would be refused: twap needs the tier STRATEGIST" in warning


def test_the_default_account_may_do_everything_and_its_tier_is_journaled_once(
    command: Command,
) -> None:
    first, second = command(*ORDER), command(*ORDER)

    assert (first.code, second.code) == (0, 0)
    (change,) = recovery.load_account_events("genesis.db")
    assert (change.before, change.after) == (None, TradingTier.STRATEGIST)
    with sqlite3.connect("genesis.db") as connection:
        found = connection.execute(
            "SELECT event_data FROM events WHERE event_type = 'TwapAccepted'"
        ).fetchall()
    connection.close()
    assert all('"tier":"STRATEGIST"' in text for (text,) in found)
    doctor = {it["name"]: it for it in command("doctor", "-ojson").data}["account"]
    assert (doctor["status"], doctor["message"][:16]) == ("ok", "STRATEGIST since")


def test_a_tier_that_is_named_stands_over_the_equity(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENESIS_ACCOUNT__TIER_OVERRIDE", "HUNTER")
    refused = command(*ORDER)
    doctor = {it["name"]: it for it in command("doctor", "-ojson").data}["account"]
    monkeypatch.delenv("GENESIS_ACCOUNT__TIER_OVERRIDE")
    begun = command(*ORDER)

    assert (refused.code, refused.error["code"], begun.code) == (5, "tier_too_low", 0)
    assert doctor["message"] == "HUNTER, by [account] tier_override"
    changes = recovery.load_account_events("genesis.db")
    assert [(it.after, it.is_override) for it in changes] == [
        (TradingTier.HUNTER, True),
        (TradingTier.STRATEGIST, False),
    ]


def test_a_tier_is_named_in_paper_mode_alone(command: Command) -> None:
    said = command(*settings('[engine]\nmode = "live"\n[account]\ntier_override = "HUNTER"\n'))

    assert (said.code, said.error["code"]) == (1, "bad_settings")
    assert "tier_override is for mode" in said.error["message"]
