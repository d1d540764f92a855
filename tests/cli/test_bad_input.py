"""Bad input of every kind: its exit code, what and why, the next step - and nothing half written."""

from __future__ import annotations

import gzip
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Command, Said, run_process
from tests.cli.recordings import RecordingFiles, write_recording


def run(command: Command, *more: object, quantity: str = "1", over: str = "5m") -> Said:
    order = ("run", "BTC/USDT", "buy", quantity, "--over", over, "--speed", "max")
    return command(*order, *more, "-o", "json")


@pytest.mark.parametrize("verb", ["run", "plan"])
@pytest.mark.parametrize(
    ("symbol", "side", "quantity", "more", "code", "hint"),
    [
        ("BTK/USDT", "buy", "1", (), "unknown_symbol", "BTC/USDT"),
        ("BTC/USDT", "buy", "0.00001", (), "quantity_below_minimum", "raise"),
        ("BTC/USDT", "buy", "0.000001", (), "quantity_below_minimum", "raise"),
        ("BTC/USDT", "buy", "1.000001", (), "quantity_not_a_lot", "lot"),
        ("BTC/USDT", "buy", "50000", (), "insufficient_balance", "lower the quantity"),
        ("BTC/USDT", "sell", "50000", (), "insufficient_balance", "lower the quantity"),
        ("BTC/USDT", "buy", "1", ("--over", "4m"), "window_out_of_bounds", "--over"),
        ("BTC/USDT", "buy", "1", ("--over", "31m"), "window_out_of_bounds", "--over"),
        (
            "BTC/USDT",
            "buy",
            "1",
            ("--max-participation", "11%"),
            "participation_above_limit",
            "10%",
        ),
    ],
)
def test_an_order_that_cannot_be_worked_is_refused(
    verb: str,
    symbol: str,
    side: str,
    quantity: str,
    more: tuple[str, ...],
    code: str,
    hint: str,
    command: Command,
) -> None:
    window = () if "--over" in more else ("--over", "5m")
    said = command(verb, symbol, side, quantity, *window, *more, "--speed", "max", "-o", "json")

    assert said.code == 5
    assert said.error["code"] == code
    assert hint in said.error["hint"]
    assert said.err.startswith(f"error: {said.error['message']}\nhint: ")
    if verb == "run":
        assert command("ps", "-a", "--db", "genesis.db", "-o", "json").data == []
    else:
        assert not Path("genesis.db").exists()


def test_a_quantity_above_the_venues_maximum_is_refused(
    command: Command, recording: RecordingFiles, tmp_path: Path
) -> None:
    market = tmp_path / "market.json"
    market.write_text(
        '{"base": "BTC", "quote": "USDT", "lot": "0.001", "tick": "0.01", "min_notional": "5",'
        '"taker_fee": "0.001", "maker_fee": "0.001", "max_quantity": "0.01"}'
    )
    said = run(command, *recording.options, "--market", market, quantity="1000")

    assert said.code == 5
    assert said.error["code"] == "quantity_above_maximum"


@pytest.mark.parametrize("verb", ["run", "plan"])
@pytest.mark.parametrize("says", ["name", "market"])
def test_an_order_for_another_symbol_than_the_recordings_is_refused(
    verb: str, says: str, command: Command, tmp_path: Path
) -> None:
    files = write_recording(tmp_path)
    options = list(files.options)
    if says == "name":
        named = files.trades.rename(tmp_path / "trades_BTCUSDT_2024.csv.gz")
        options = ["--venue", "replay", "--trades", str(named), "--book", str(files.book)]
    else:
        market = tmp_path / "market.json"
        market.write_text(
            '{"base": "BTC", "quote": "USDT", "lot": "0.001", "tick": "0.01", "min_notional": "5",'
            '"taker_fee": "0.001", "maker_fee": "0.001"}'
        )
        options += ["--market", str(market)]
    said = command(verb, "ETH/USDT", "buy", "1", "--over", "5m", *options, "-o", "json")

    assert said.code == 5
    assert said.error["code"] == "unknown_symbol"
    assert "BTC/USDT" in said.error["hint"]


def _missing(files: RecordingFiles) -> str:
    files.trades.unlink()
    return "trades.csv.gz: the file cannot be read"


def _cut_off(files: RecordingFiles) -> str:
    files.trades.write_bytes(files.trades.read_bytes()[:5_000])
    return "trades.csv.gz"


def _not_packed(files: RecordingFiles) -> str:
    files.trades.write_text("ts_ms,price,amount,side\n")
    return "trades.csv.gz"


def _wrong_header(files: RecordingFiles) -> str:
    files.book.write_text("time,bid,ask\n1,2,3\n")
    return "book.csv, line 1"


def _bad_row(files: RecordingFiles) -> str:
    rows = files.book.read_text().splitlines()
    rows[41] = rows[41].replace("3.0", "three")
    files.book.write_text("\n".join(rows))
    return "book.csv, line 42"


def _no_overlap(files: RecordingFiles) -> str:
    later = write_recording(files.book.parent, seed=8)
    text = later.book.read_text().replace("\n17231", "\n17241")
    files.book.write_text(text)
    return "does not overlap"


def _empty(files: RecordingFiles) -> str:
    files.trades.write_bytes(gzip.compress(b"ts_ms,price,amount,side\n"))
    return "no usable rows"


@pytest.mark.parametrize(
    "spoil", [_missing, _cut_off, _not_packed, _wrong_header, _bad_row, _no_overlap, _empty]
)
def test_a_recording_that_cannot_be_used_is_an_error_with_its_place(
    spoil: Callable[[RecordingFiles], str], command: Command, tmp_path: Path
) -> None:
    files = write_recording(tmp_path)
    why = spoil(files)
    said = run(command, *files.options)

    assert said.code == 1
    assert said.error["code"] == "bad_source"
    assert why in said.error["message"]
    assert said.error["hint"]
    assert not Path("genesis.db").exists()


def test_a_start_outside_of_the_recording_is_an_error(
    command: Command, recording: RecordingFiles
) -> None:
    said = run(command, *recording.options, "--start-at", "2020-01-01T00:00:00Z")

    assert said.code == 1
    assert "cannot start" in said.error["message"]


def test_a_directory_that_is_missing_is_an_error(command: Command) -> None:
    said = run(command, "--db", "/nowhere/at/all/run.db")

    assert said.code == 1
    assert said.error["code"] == "database_unusable"
    assert said.error["hint"] == "create it: mkdir -p /nowhere/at/all"


def test_a_database_that_cannot_be_written_is_an_error(command: Command, tmp_path: Path) -> None:
    directory = tmp_path / "here"
    directory.mkdir()
    said = run(command, "--db", directory)

    assert said.code == 1
    assert "is a directory" in said.error["message"]


def test_a_name_that_no_file_can_have_is_an_error(command: Command) -> None:
    said = run(command, "--db", "x" * 300)

    assert said.code == 1
    assert said.error["code"] == "database_unusable"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_result_that_cannot_be_written_is_an_error() -> None:
    with Path("/dev/full").open("w") as full:
        said = run_process("version", "-o", "json", stdout=full.fileno())

    assert said.code == 1
    assert said.err.startswith("error: the result cannot be written to stdout: No space left")
    assert "Exception ignored" not in said.err


def test_a_database_of_a_newer_version_is_an_error(command: Command) -> None:
    command("db", "upgrade", "--db", "new.db")
    with sqlite3.connect("new.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    before = Path("new.db").read_bytes()

    for said in (
        run(command, "--db", "new.db"),
        command("ps", "--db", "new.db", "-o", "json"),
        command("db", "upgrade", "--db", "new.db", "-o", "json"),
        command("db", "current", "--db", "new.db", "-o", "json"),
        command("db", "check", "--db", "new.db", "-o", "json"),
    ):
        assert said.code == 1
        assert said.error["code"] == "schema_too_new"
        assert "upgrade genesis-actors" in said.error["hint"]
    assert Path("new.db").read_bytes() == before


def test_another_programs_database_is_refused(command: Command) -> None:
    with sqlite3.connect("other.db") as connection:
        connection.execute("CREATE TABLE theirs (x)")
    connection.close()

    for said in (run(command, "--db", "other.db"), command("ps", "--db", "other.db", "-o", "json")):
        assert said.code == 1
        assert said.error["code"] == "database_unusable"
        assert "another program" in said.error["message"]
        assert "--db" in said.error["hint"]


def test_a_file_that_is_no_database_is_an_error(command: Command) -> None:
    Path("text.db").write_text("this is no database at all")

    for said in (run(command, "--db", "text.db"), command("ps", "--db", "text.db", "-o", "json")):
        assert said.code == 1
        assert said.error["code"] == "database_unusable"
        assert "--db" in said.error["hint"]


def test_a_database_serves_one_venue(command: Command, recording: RecordingFiles) -> None:
    run(command)
    said = run(command, *recording.options)

    assert said.code == 5
    assert said.error["code"] == "foreign_database"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[twap]\nmax_duration = 'half an hour'\n", "max_duration"),
        ("[twap\n", "not valid TOML"),
        ("[engine]\nspeed = 3\n", "speed"),
    ],
)
def test_settings_that_cannot_be_used_are_an_error(text: str, why: str, command: Command) -> None:
    Path("genesis.toml").write_text(text)
    said = run(command, "--config", "genesis.toml")

    assert said.code == 1
    assert said.error["code"] == "bad_settings"
    assert why in said.error["message"]


def test_a_setting_that_is_not_built_yet_is_a_usage_error(command: Command) -> None:
    Path("genesis.toml").write_text("[engine]\nmax_concurrent = 9\n")
    said = run(command, "--config", "genesis.toml")

    assert said.code == 2
    assert said.error["code"] == "not_built_yet"
    assert "[engine.max_concurrent] is not built yet" in said.error["message"]


def test_missing_settings_are_an_error(command: Command) -> None:
    assert run(command, "--config", "nowhere.toml").error["code"] == "bad_settings"


def test_settings_that_ask_for_live_trading_are_refused(command: Command) -> None:
    Path("genesis.toml").write_text('[engine]\nmode = "live"\n')
    said = run(command, "--config", "genesis.toml")

    assert said.code == 5
    assert said.error["code"] == "live_not_allowed"
