"""What the command line does about real money before anything is connected: three deliberate acts, and no secrets."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from genesis_actors import Engine, Settings
from genesis_actors.gateways.ccxt_config import prepare
from genesis_actors.gateways.venue import SourceError
from genesis_actors.opening import LiveNotAllowedError
from genesis_actors.settings import CcxtSettings, SettingsError
from tests.cli.conftest import Command

ORDER = ("run", "BTC/USDT", "buy", "1", "--over", "5m")


@pytest.mark.parametrize(
    ("settings", "options"),
    [
        ('[venue]\nkind = "ccxt"\n', ()),
        ('[venue]\nkind = "ccxt"\n', ("--live",)),
        ('[engine]\nmode = "live"\n[venue]\nkind = "ccxt"\n', ()),
        ('[engine]\nmode = "live"\n', ("--live",)),
        ('[engine]\nmode = "live"\n', ()),
        ("", ("--live",)),
        ("", ("--venue", "ccxt", "--live")),
    ],
)
def test_real_money_needs_its_mode_and_its_option_and_one_is_not_enough(
    command: Command, settings: str, options: tuple[str, ...]
) -> None:
    Path("genesis.toml").write_text(settings)

    said = command(*ORDER, "--config", "genesis.toml", *options, "-ojson")

    assert said.code == 5
    assert said.error["code"] == "live_not_allowed"
    assert said.error["hint"]
    assert not Path("genesis.db").exists()


def test_live_with_a_simulated_venue_and_speed_with_a_real_one_make_no_sense(
    command: Command,
) -> None:
    assert command(*ORDER, "--venue", "paper", "--live").code == 2
    Path("genesis.toml").write_text('[venue]\nkind = "ccxt"\n')
    assert command(*ORDER, "--config", "genesis.toml", "--speed", "max").code == 2


def test_an_embedding_program_needs_the_mode_too() -> None:
    with pytest.raises(LiveNotAllowedError, match="real"):
        Engine.start(Settings.load(venue={"kind": "ccxt"}))
    with pytest.raises(LiveNotAllowedError, match="real venue"):
        Engine.start(Settings.load(engine={"mode": "live"}))


def test_settings_are_shown_without_their_secrets(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = ("AKIDAKID", "topsecret", "pr0xypw", "dbpassw", "envsecret")
    config = {
        "apiKey": secrets[0],
        "secret": secrets[1],
        "httpsProxy": f"http://me:{secrets[2]}@proxy:8080",
        "timeout": 5000,
    }
    monkeypatch.setenv("GENESIS_VENUE__CCXT__CONFIG", json.dumps(config))
    monkeypatch.setenv("GENESIS_API_SECRET", secrets[4])
    monkeypatch.setenv("GENESIS_STORAGE__URL", f"postgresql://me:{secrets[3]}@host/db")

    for form in ("json", "table", "ndjson", "csv"):
        said = command("config", "show", "-o", form)
        assert said.code == 0
        assert not any(secret in said.out + said.err for secret in secrets), form
        assert "5000" in said.out
    assert not any(secret in repr(Settings.load()) for secret in secrets[:3])


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_a_file_with_secrets_that_others_may_read_is_refused_with_the_next_step(
    command: Command, mode: int
) -> None:
    settings = Path("genesis.toml")
    settings.write_text('[venue.ccxt.config]\napiKey = "AKID"\nsecret = "topsecret"\n')
    settings.chmod(mode)

    said = command(*ORDER, "--config", "genesis.toml", "-ojson")

    assert said.code == 1
    assert said.error["code"] == "bad_settings"
    assert "chmod 600 genesis.toml" in said.error["message"]
    assert "topsecret" not in said.out + said.err
    settings.chmod(0o600)
    assert command("config", "show", "--config", "genesis.toml").code == 0


def test_keys_come_from_the_environment_over_a_private_file_over_the_settings(
    tmp_path: Path,
) -> None:
    file = tmp_path / "keys.toml"
    file.write_text('api_key = "fromfile"\nsecret = "s-file"\npassword = "p-file"\n')
    file.chmod(0o600)
    settings = CcxtSettings(secrets_file=file, config={"apiKey": "fromsettings", "uid": "u"})

    prepared = prepare(settings, is_live=True, environ={"GENESIS_API_KEY": "fromenvironment"})

    assert prepared.config["apiKey"] == "fromenvironment"
    assert (prepared.config["secret"], prepared.config["password"]) == ("s-file", "p-file")
    assert prepared.keys_from == "the environment"
    assert "s-file" not in repr(prepared)
    assert prepared.redactor.text("x s-file fromenvironment p-file") == "x *** *** ***"
    assert settings.config == {"apiKey": "fromsettings", "uid": "u"}
    assert prepare(CcxtSettings(), is_live=True, environ={}).keys_from is None


def test_a_secrets_file_is_read_only_if_it_is_private_and_understood(tmp_path: Path) -> None:
    file = tmp_path / "keys.toml"
    file.write_text('api_key = "topsecret\n')
    file.chmod(0o644)
    with pytest.raises(SettingsError, match="chmod 600"):
        prepare(CcxtSettings(secrets_file=file), is_live=True, environ={})
    file.chmod(0o600)
    with pytest.raises(SettingsError) as bad:
        prepare(CcxtSettings(secrets_file=file), is_live=True, environ={})
    assert "topsecret" not in str(bad.value)
    file.write_text('key = "x"\n')
    with pytest.raises(SettingsError, match="nobody heeds"):
        prepare(CcxtSettings(secrets_file=file), is_live=True, environ={})
    with pytest.raises(SettingsError, match="cannot read"):
        prepare(CcxtSettings(secrets_file=tmp_path / "no"), is_live=True, environ={})


def test_what_must_be_so_is_forced_over_the_operators_options_and_nothing_else_is_touched() -> None:
    config = {
        "timeout": 1234,
        "rateLimit": 7,
        "urls": {"api": {"public": "http://here/"}},
        "options": {"maxRetriesOnFailure": 2, "recvWindow": 60_000, "brokerId": "b"},
    }
    settings = CcxtSettings(config=config)

    prepared = prepare(settings, is_live=True, environ={})

    assert prepared.config["urls"] == config["urls"]
    assert (prepared.config["timeout"], prepared.config["rateLimit"]) == (1234, 7)
    options = prepared.config["options"]
    assert (options["maxRetriesOnFailure"], options["recvWindow"], options["brokerId"]) == (0, 5_000, "b")  # fmt: skip
    assert options["defaultType"] == "spot"
    changed = {each.name: each.was for each in prepared.forced if each.was is not None}
    assert changed == {"options.maxRetriesOnFailure": 2, "options.recvWindow": 60_000}
    shorter = CcxtSettings(config={"options": {"recvWindow": 900}})
    assert prepare(shorter, is_live=True, environ={}).config["options"]["recvWindow"] == 900


def test_what_would_do_harm_is_refused_with_5(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENESIS_ENGINE__MODE", "live")
    monkeypatch.setenv("GENESIS_VENUE__CCXT__CONFIG", '{"verbose": true}')

    said = command(*ORDER, "--venue", "ccxt", "--live", "-ojson")

    assert said.code == 5
    assert said.error["code"] == "forbidden"
    assert "verbose" in said.error["message"]
    assert said.error["hint"]


def test_verbose_is_refused_in_live_mode_because_it_prints_signed_requests() -> None:
    settings = CcxtSettings(config={"verbose": True})

    with pytest.raises(SourceError, match="verbose"):
        prepare(settings, is_live=True, environ={})
    assert prepare(settings, is_live=False, environ={}).config["verbose"] is False


def test_nobody_waits_for_ccxt_who_does_not_trade_with_it() -> None:
    code = (
        "import sys\n"
        "import genesis_actors.engine, genesis_actors.cli.show, genesis_actors.cli.doctor\n"
        "import genesis_actors.cli.checkup, genesis_actors.gateways.ccxt_venue\n"
        "print([name for name in sys.modules if name.split('.')[0] in {'ccxt', 'aiohttp'}])\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert said.stdout.strip() == "[]"


def test_doctor_on_paper_finds_nothing_wrong_and_says_what_is_in_the_way_elsewhere(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENESIS_VENUE__CCXT__EXCHANGE", "binanse")
    well = command("doctor", "-ojson")
    ill = command("doctor", "--venue", "ccxt", "-ojson")

    assert well.code == 0
    assert {finding["status"] for finding in well.data} == {"ok"}
    assert ill.code == 1
    assert ill.data[0]["name"] == "mode"
    assert [finding["status"] for finding in ill.data[:2]] == ["error", "error"]
    assert "binance" in ill.data[1]["hint"]
