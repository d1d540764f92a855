from __future__ import annotations

import doctest
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from genesis_actors import notation, values
from genesis_actors.domain.portfolio import CorrelationRules
from genesis_actors.settings import NotBuiltYetError, Settings, SettingsError, parse_duration
from genesis_actors.values import TradingTier, parse_time


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "genesis.toml"
    path.write_text(
        '[engine]\nseed = 3\n[twap]\nmax_duration = "60m"\nmax_participation = "5%"\n'
        '[risk]\nmax_order_notional = "250000"\n'
    )
    return path


def test_the_environment_stands_over_the_file_and_the_file_over_the_default(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENESIS_TWAP__MAX_DURATION", "45m")

    chosen = Settings.load(file)

    assert chosen.twap.max_duration == timedelta(minutes=45)
    assert chosen.twap.max_participation == Decimal("0.05")
    assert chosen.twap.min_duration == timedelta(minutes=5)


def test_what_a_caller_says_stands_over_everything(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENESIS_ENGINE__SEED", "4")

    assert Settings.load(file).engine.seed == 4
    assert Settings.load(file, engine={"seed": 5}).engine.seed == 5


def test_settings_become_the_rules_that_executions_follow(file: Path) -> None:
    chosen = Settings.load(file)

    assert chosen.twap_defaults().max_participation == Decimal("0.05")
    assert chosen.twap_defaults().price_collar_bps == Decimal(10)
    assert chosen.risk_limits().max_order_notional == Decimal(250_000)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[twap]\njitter = 0.2\n", 'write it in quotes, "0.2"'),
        ("[twap]\nmax_duration = 'soon'\n", "90s, 15m or 2h"),
        ("[twap]\nsurprise = 1\n", "twap.surprise"),
        ("[twap\n", "not valid TOML"),
        ("[risk]\nmax_order_notional = 'much'\n", "not a number"),
        ("[engine]\nseed = -1\n", "engine.seed"),
        ("[twap]\nmax_duration = 5\n", 'with its unit: "5s" or "5m"'),
        ("[twap]\nmin_duration = '31m'\n", "min_duration .* must not be longer than max_duration"),
        ("[twap]\nmax_slice_interval = '1s'\n", "min_slice_interval .* must not be longer"),
    ],
)
def test_a_bad_file_is_named_with_the_key_and_what_was_expected(
    tmp_path: Path, text: str, said: str
) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text)

    with pytest.raises(SettingsError, match=said) as bad:
        Settings.load(path)

    assert "bad.toml" in str(bad.value)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("[engine]\nmax_concurrent = 9\n", "engine.max_concurrent"),
    ],
)
def test_what_is_named_but_not_built_yet_is_told_apart(tmp_path: Path, text: str, key: str) -> None:
    path = tmp_path / "early.toml"
    path.write_text(text)

    with pytest.raises(NotBuiltYetError, match=rf"\[{key}\]"):
        Settings.load(path)


def test_bytes_that_are_no_text_are_an_error(tmp_path: Path) -> None:
    path = tmp_path / "random.toml"
    path.write_bytes(b"\xff\x00\xfe")

    with pytest.raises(SettingsError, match="not valid TOML"):
        Settings.load(path)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("GENESIS_TWAPP__JITTER", "0.1", "did you mean GENESIS_TWAP__"),
        ("GENESIS_XYZ__JITTER", "0.1", "There are engine, storage, venue, twap, iceberg"),
        ("GENESIS_TWAP", "notjson", "environment: .*twap"),
        ("GENESIS_ACCOUNT__TIER_OVERRIDE", "x", "account.tier_override"),
    ],
)
def test_a_bad_variable_is_named(
    name: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(SettingsError, match=said):
        Settings.load()


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="No such file"):
        Settings.load(tmp_path / "none.toml")


def test_a_bad_setting_without_a_file_names_its_key() -> None:
    with pytest.raises(SettingsError, match="max_participation"):
        Settings.load(None, twap={"max_participation": "0"})


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("15m", 900), ("2h", 7200), ("1h30m", 5400), ("250ms", 0.25)]
)
def test_durations_are_read(text: str, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


def test_a_time_needs_its_zone() -> None:
    assert parse_time("2024-08-08T23:54:15Z").isoformat() == "2024-08-08T23:54:15+00:00"
    with pytest.raises(ValueError, match="no time zone"):
        parse_time("2024-08-08T23:54:15")


@pytest.mark.parametrize("documented", [notation, values])
def test_the_documented_examples_hold(documented: object) -> None:
    outcome = doctest.testmod(documented)  # pyright: ignore[reportArgumentType]

    assert outcome.attempted > 0
    assert outcome.failed == 0


def test_tiers_and_correlations_are_as_the_operator_says() -> None:
    settings = Settings(
        account={"hunter_equity": "1000", "tier_override": "HUNTER"},
        risk={"correlation_warning": "50%", "correlation_action": "scale"},
    )

    tiers, limits = settings.tier_rules(), settings.risk_limits()

    assert (tiers.currency, tiers.hunter, tiers.override) == (
        "USDT",
        Decimal(1_000),
        TradingTier.HUNTER,
    )
    assert (limits.correlation_warning, limits.scales_correlated) == (Decimal("0.5"), True)
    assert settings.correlation_rules() == CorrelationRules()


def test_the_accounts_currency_is_named_or_that_of_the_simulated_market() -> None:
    named = Settings(account={"currency": "EUR"})

    assert Settings().tier_rules(("USD", "BTC")).currency == "USDT"
    assert Settings().tier_rules(("EUR", "BTC")).currency == "EUR"
    assert named.tier_rules(("USDT",)).currency == "EUR"


def test_a_tier_is_named_in_paper_mode_alone() -> None:
    sections: dict[str, Any] = {"account": {"tier_override": "STRATEGIST"}}

    assert Settings(**sections).account.tier_override is TradingTier.STRATEGIST
    with pytest.raises(SettingsError, match=r"^\[account\] tier_override is for mode"):
        Settings.load(engine={"mode": "live"}, venue={"kind": "ccxt"}, **sections)


@pytest.mark.parametrize(
    ("sections", "why"),
    [
        ({"risk": {"correlation_warning": "0.9"}}, "must not be above correlation_critical"),
        ({"risk": {"correlation_window": "20m"}}, "has 20 times correlation_interval in it"),
        ({"risk": {"correlation_interval": "1s"}}, "has 14400 times correlation_interval in it"),
        ({"account": {"hunter_equity": "10001"}}, "must not be above strategist_equity"),
        ({"account": {"tier_override": "KING"}}, "account.tier_override"),
    ],
)
def test_rules_that_contradict_each_other_are_refused(sections: dict[str, Any], why: str) -> None:
    with pytest.raises(SettingsError, match=why):
        Settings.load(**sections)
