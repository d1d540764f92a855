"""What makes no sense as written is refused at once, whatever form results are wanted in."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from genesis_actors.cli.main import COMMANDS
from tests.cli.conftest import ROOT, Command

ORDER = ("BTC/USDT", "buy", "1", "--over", "10m")

NONSENSE = [
    (("run", *ORDER, "--client-id", "two\nlines"), "control characters"),
    (("run",), "Missing argument"),
    (("run", "BTC/USDT", "buy", "1"), "--over"),
    (("run", "BTCUSDT", "buy", "1", "--over", "10m"), "BASE/QUOTE"),
    (("run", "BTC/USDT", "hold", "1", "--over", "10m"), "hold"),
    (("run", "BTC/USDT", "buy", "nan", "--over", "10m"), "not a finite number"),
    (("run", "BTC/USDT", "buy", "inf", "--over", "10m"), "not a finite number"),
    (("run", "BTC/USDT", "buy", "0", "--over", "10m"), "not above 0"),
    (("run", "BTC/USDT", "buy", "-5", "--over", "10m"), "negative"),
    (("run", "BTC/USDT", "buy", "much", "--over", "10m"), "not a number"),
    (("run", "BTC/USDT", "buy", "1_000", "--over", "10m"), "not a number"),
    (("run", "BTC/USDT", "buy", "\u0661\u0662", "--over", "10m"), "not a number"),
    (("run", "BTC/USDT", "buy", "1", "--over", "\u0661\u0660m"), "no duration"),
    (("run", *ORDER, "--slices", "1_0"), "not a whole number"),
    (("run", *ORDER, "--seed", "\u0667"), "not a whole number"),
    (("run", *ORDER, "--seed", "9" * 5000), "999... (5000 digits)"),
    (("run", *ORDER, "--limit", f"-{'9' * 5000}"), "at most 40 digits"),
    (("run", "BTC/USDT", "buy", "nanquote", "--over", "10m"), "not a finite number"),
    (("run", "BTC/USDT", "buy", "1", "--over", "ten minutes"), "no duration"),
    (("run", "BTC/USDT", "buy", "1", "--over", "0s"), "no length of time"),
    (("run", "BTC/USDT", "buy", "1", "--over", "99999999h"), "longer than a year"),
    (("run", *ORDER, "--limit", "-1"), "not above 0"),
    (("run", *ORDER, "--limit", "NaN"), "not a finite number"),
    (("run", *ORDER, "--max-participation", "0"), "not above 0"),
    (("run", *ORDER, "--max-participation", "200%"), "above 1"),
    (("run", *ORDER, "--max-slippage", "-1bps"), "below 0"),
    (("run", *ORDER, "--early-completion", "100%"), "not below 1"),
    (("run", *ORDER, "--jitter", "1"), "not below 1"),
    (("run", *ORDER, "--volume-adaptivity", "2"), "above 1"),
    (("run", *ORDER, "--slices", "0"), "--slices"),
    (("run", *ORDER, "--seed", "-1"), "--seed"),
    (("run", *ORDER, "--speed", "0"), "not above 0"),
    (("run", *ORDER, "--speed", "fast"), "not a number"),
    (("run", *ORDER, "--start-at", "2024-08-08T23:54:15"), "zone"),
    (("run", *ORDER, "--start-at", "noon"), "no time"),
    (("run", *ORDER, "--client-id", ""), "1 to 128 characters"),
    (("run", *ORDER, "--every", "30s", "--slices", "5"), "contradict"),
    (("run", *ORDER, "--bogus"), "--bogus"),
    (("run", *ORDER, "--venue", "replay"), "--trades FILE and --book FILE"),
    (("run", *ORDER, "--venue", "replay", "--trades", "t.csv"), "needs --book FILE"),
    (("run", *ORDER, "--venue", "paper", "--book", "b.csv"), "add --venue replay"),
    (("run", *ORDER, "--trades", "t.csv"), "add --venue replay"),
    (("plan", "BTC/USDT", "buy", "nan", "--over", "10m"), "not a finite number"),
    (("nonsense",), "nonsense"),
]


@pytest.mark.parametrize(("arguments", "why"), NONSENSE)
def test_nonsense_is_a_usage_error(arguments: tuple[str, ...], why: str, command: Command) -> None:
    said = command(*arguments)

    assert said.code == 2
    assert said.out == ""
    assert why in said.err.splitlines()[0]
    assert len(said.err) < 300
    assert said.err.splitlines()[1].startswith("hint: see genesis")


@pytest.mark.parametrize("before", [True, False])
def test_a_usage_error_is_json_wherever_the_option_stands(before: bool, command: Command) -> None:
    order = ("run", "BTC/USDT", "buy", "nan", "--over", "10m")
    said = command("-o", "json", *order) if before else command(*order, "--output=json")

    assert said.code == 2
    assert said.json["api"] == 1
    assert said.error["code"] == "usage"
    assert said.error["hint"] == "see genesis run --help"
    assert said.err.startswith("error: ")


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--algo", "iceberg", "--slices", "4"), "slices: an iceberg has clips"),
        (("--algo", "iceberg", "--clip", "1", "--clips", "4"), "--clip and --clips"),
        (("--algo", "market"), "duration: a market order is one sweep"),
        (("--clips", "4"), "clips: only an iceberg has clips"),
    ],
)
def test_an_option_that_an_algorithm_has_not_is_never_something_else(
    options: tuple[str, ...], named: str, command: Command
) -> None:
    said = command("run", *ORDER, *options)

    assert said.code == 2
    assert named in said.err


@pytest.mark.parametrize("name", ["ps", "show", "slices", "fills", "report"])
def test_without_a_database_there_is_no_daemon_to_ask(name: str, command: Command) -> None:
    said = command(name, *([] if name == "ps" else ["@last"]), "-o", "json")

    assert said.code == 3
    assert said.error["code"] == "no_daemon"
    assert "--db" in said.error["hint"]


def test_genesis_alone_prints_its_help(command: Command) -> None:
    said = command()

    assert said.code == 0
    assert all(f"  {name} " in said.out for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str, command: Command) -> None:
    said = command(name, "--help")

    assert said.code == 0
    assert said.out.startswith(f"Usage: genesis {name}")


def test_help_and_usage_errors_load_nothing_heavy(tmp_path: Path) -> None:
    program = (
        "import json, sys\n"
        "from genesis_actors.cli.main import genesis\n"
        "try:\n"
        "    genesis.main(json.loads(sys.argv[1]))\n"
        "except SystemExit as over:\n"
        "    heavy = {'sqlalchemy', 'pydantic', 'pydantic_settings', 'ccxt', 'structlog', 'pykka'}\n"
        "    print(over.code, sorted(heavy & set(sys.modules)), file=sys.stderr)\n"
    )
    for arguments, code in (
        (["--help"], 0),
        (["run", "--help"], 0),
        (["run", *ORDER, "--every", "1s", "--slices", "2"], 2),
        (["run", "BTC/USDT", "buy", "nan", "--over", "10m"], 2),
    ):
        result = subprocess.run(
            [sys.executable, "-c", program, json.dumps(arguments)],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONPATH": str(ROOT), "PATH": ""},
            cwd=tmp_path,
        )

        assert result.stderr.splitlines()[-1] == f"{code} []"


def test_a_bug_shows_one_line_and_no_traceback(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("genesis_actors.cli.planning.show_plan", fail)
    said = command("plan", *ORDER, "-o", "json")

    assert said.code == 1
    assert said.error["code"] == "internal_error"
    assert "Traceback" not in said.err

    monkeypatch.setenv("GENESIS_DEBUG", "1")
    said = command("plan", *ORDER)

    assert "Traceback" in said.err
    assert "error: internal error: ZeroDivisionError: a bug" in said.err


def test_version_names_what_it_runs_on(command: Command) -> None:
    assert "genesis-actors" in command("--version").out
    assert "python" in command("version").out
    assert command("version", "-o", "json").data["pykka"].startswith("4.5")


def test_a_command_that_is_misspelt_or_missing_is_answered_with_what_there_is(
    command: Command,
) -> None:
    misspelt = command("paus", "@last", "-o", "json")
    missing = command("daemon")
    percent = command("plan", "BTC/USDT", "buy", "1", "--over", "5m", "--max-participation", "10")

    assert (misspelt.code, missing.code, percent.code) == (2, 2, 2)
    assert misspelt.error["hint"] == "did you mean genesis pause? See genesis --help"
    assert "genesis daemon needs a command: run, start, status, stop" in missing.err
    assert "10 percent are written 10%" in percent.err
