"""One order from start to end: the result's shape, its sameness, and how it ends."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from genesis_actors.engine import Engine
from genesis_actors.values import parse_time
from tests.cli.conftest import Command, run_process
from tests.cli.recordings import RecordingFiles, write_recording

ORDER = ("run", "BTC/USDT", "buy", "5", "--over", "5m", "--speed", "max")

EXECUTION_KEYS = [
    "id",
    "client_id",
    "algo",
    "symbol",
    "side",
    "quantity",
    "state",
    "reason",
    "filled_quantity",
    "working_quantity",
    "unknown_quantity",
    "remaining_quantity",
    "progress",
    "schedule_progress",
    "arrival_price",
    "average_price",
    "twap_benchmark",
    "vwap_benchmark",
    "implementation_shortfall_bps",
    "slippage_vs_arrival_bps",
    "slippage_vs_twap_bps",
    "participation_rate",
    "max_slice_participation",
    "fees_quote",
    "slices_total",
    "slices_done",
    "early_completion",
    "seed",
    "created_at",
    "started_at",
    "ends_at",
    "finished_at",
]

SLICE_KEYS = [
    "number",
    "due_at",
    "planned_quantity",
    "status",
    "reason",
    "child_orders",
    "filled_quantity",
    "average_price",
    "market_price",
    "slippage_bps",
    "participation_rate",
    "market_volume",
    "sent_at",
    "done_at",
    "market_price_after",
    "impact_bps",
]

FILL_KEYS = [
    "trade_id",
    "client_order_id",
    "venue_order_id",
    "quantity",
    "price",
    "fee",
    "fee_currency",
    "liquidity",
    "at",
]


def test_a_replay_runs_to_its_end(command: Command, recording: RecordingFiles) -> None:
    said = command(*ORDER, *recording.with_depth, "--db", "run.db", "-o", "json")

    assert said.code == 0
    assert list(said.json) == ["api", "mode", "data"]
    assert (said.json["api"], said.json["mode"]) == (1, "paper")
    data = said.data
    assert list(data)[: len(EXECUTION_KEYS)] == EXECUTION_KEYS
    assert (data["state"], data["filled_quantity"], data["progress"]) == ("COMPLETED", "5", "1")
    assert (data["remaining_quantity"], data["early_completion"]) == ("0", False)
    assert data["client_id"] is None
    assert [list(part) for part in data["slices"]] == [SLICE_KEYS] * data["slices_total"]
    assert [list(fill) for fill in data["fills"]] == [FILL_KEYS] * len(data["fills"])
    assert sum(Decimal(fill["quantity"]) for fill in data["fills"]) == 5
    assert sum(part["child_orders"] for part in data["slices"]) >= data["slices_total"]
    assert parse_time(data["ends_at"]) - parse_time(data["started_at"]) == timedelta(minutes=5)
    assert data["warnings"] == []


def test_one_seed_gives_the_same_bytes_twice(
    command: Command, recording: RecordingFiles, tmp_path: Path
) -> None:
    order = (*ORDER, *recording.options, "--seed", "42", "--jitter", "20%", "-o", "json", "-q")
    first = command(*order, "--db", tmp_path / "one.db")
    second = command(*order, "--db", tmp_path / "two.db")

    assert first.out == second.out
    assert first.data["seed"] == 42
    assert first.err == ""


def test_paper_runs_are_the_same_in_two_processes(command: Command, tmp_path: Path) -> None:
    order = (*ORDER, "--seed", "3", "-o", "json", "-q")
    first = run_process(*order, "--db", tmp_path / "one.db")
    second = command(*order, "--db", tmp_path / "two.db")

    assert first.code == 0, first.err
    assert first.out == second.out
    assert "e+" not in first.out.lower().replace("executed", "")


def test_the_table_fits_eighty_columns(command: Command) -> None:
    said = command(*ORDER)

    assert said.code == 0
    assert "COMPLETED" in said.out
    assert max(map(len, said.out.splitlines())) <= 80
    assert Path("genesis.db").exists()
    assert max(map(len, said.err.splitlines())) <= 120
    assert "slice 1/10 filled" in said.err


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda: Path("run.db").unlink(), "there is no database"),
        (lambda: _change("filled_quantity = '4'"), "with 4 filled"),
        (lambda: _change("filled_quantity = 'much'"), "cannot be read"),
    ],
)
def test_a_result_that_is_not_in_the_database_is_no_result(
    spoil: Callable[[], None],
    why: str,
    command: Command,
    recording: RecordingFiles,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stop = Engine.stop

    def stop_and_spoil(engine: Engine) -> None:
        stop(engine)
        spoil()

    monkeypatch.setattr(Engine, "stop", stop_and_spoil)
    said = command(*ORDER, *recording.options, "--db", "run.db", "-o", "json")

    assert said.code == 1
    assert said.error["code"] == "result_not_stored"
    assert why in said.error["message"]
    assert "genesis db check" in said.error["hint"]


def _change(setting: str) -> None:
    with sqlite3.connect("run.db") as connection:
        connection.execute(f"UPDATE twap_executions SET {setting}")  # noqa: S608
    connection.close()


def test_a_run_in_memory_leaves_nothing(command: Command, recording: RecordingFiles) -> None:
    said = command(*ORDER, *recording.options, "--db", ":memory:", "-o", "json")

    assert said.code == 0
    assert list(Path().iterdir()) == []


def test_lines_and_csv_have_the_execution_alone(
    command: Command, recording: RecordingFiles
) -> None:
    order = (*ORDER, *recording.options, "--client-id", "k", "-q")
    as_line = command(*order, "-o", "ndjson")
    as_csv = command(*order, "-o", "csv")

    line = json.loads(as_line.out)
    (row,) = csv.DictReader(io.StringIO(as_csv.out))
    assert row["id"] == line["id"]
    assert row["early_completion"] == "false"
    assert row["reason"] == ""


def test_a_quantity_may_be_in_the_quote_currency(command: Command) -> None:
    said = command(
        "run", "ETH/USDT", "sell", "5000quote", "--over", "5m", "--speed", "max", "-ojson"
    )

    assert said.code == 0
    notional = Decimal(said.data["quantity"]) * Decimal(said.data["arrival_price"])
    assert 4_999 < notional <= 5_000


def test_what_cannot_fill_in_time_ends_with_seven(
    command: Command, recording: RecordingFiles
) -> None:
    order = ("run", "BTC/USDT", "buy", "500", "--over", "5m", "--speed", "max", *recording.options)
    said = command(*order, "-o", "json")

    assert said.code == 7
    assert (said.data["state"], said.data["reason"]) == ("INCOMPLETE", "deadline")


def test_a_guard_that_pauses_ends_the_run_and_says_how_to_go_on(
    command: Command, recording: RecordingFiles
) -> None:
    order = (*ORDER, *recording.options, "--max-slippage", "0", "--client-id", "k")
    first = command(*order, "-o", "json")
    second = command(*order, "-o", "json")

    for said in (first, second):
        assert said.code == 7
        assert (said.data["state"], said.data["reason"]) == ("PAUSED", "max_slippage")
        assert "resume it with the same command" in said.err


def test_a_finished_client_id_prints_its_result_and_works_nothing(
    command: Command, recording: RecordingFiles
) -> None:
    order = (*ORDER, *recording.options, "--client-id", "rebalance", "-o", "json")
    first = command(*order)
    again = command(*order)

    assert first.code == again.code == 0
    assert again.out == first.out
    assert "slice" not in again.err
    assert len(command("ps", "-a", "--db", "genesis.db", "-o", "json").data) == 1


def test_a_client_id_with_other_parameters_is_refused(
    command: Command, recording: RecordingFiles
) -> None:
    command(*ORDER, *recording.options, "--client-id", "rebalance")
    other = ("run", "BTC/USDT", "buy", "6", *ORDER[4:], *recording.options)
    said = command(*other, "--client-id", "rebalance", "-o", "json")

    assert said.code == 5
    assert said.error["code"] == "client_id_conflict"
    assert "--client-id" in said.error["hint"]


def test_warnings_stand_in_the_result_and_on_stderr(command: Command, tmp_path: Path) -> None:
    short = write_recording(tmp_path, seconds=240)
    with short.book.open("a") as file:
        file.write("1723160239500,100.02,1,100.00,1\n")
    said = command(*ORDER, *short.options, "-o", "json", "-q")

    crossed, ends = said.data["warnings"]
    assert "1 row with a crossed book was skipped" in crossed
    assert "the recording ends at" in ends
    assert f"warning: {crossed}" in said.err


def test_more_than_the_market_trades_is_foreseen(command: Command) -> None:
    order = ("run", "BTC/USDT", "buy", "300", "--over", "5m", "--speed", "max")
    said = command(*order, "-o", "json", "-q")

    assert said.code == 7
    assert "10% is the cap" in said.data["warnings"][0]


def test_a_replay_may_start_later(command: Command, recording: RecordingFiles) -> None:
    said = command(*ORDER, *recording.options, "--start-at", "2024-08-08T23:36:00Z", "-o", "json")

    assert said.data["started_at"] == "2024-08-08T23:36:00.000000Z"


def test_settings_and_the_environment_have_their_say(
    command: Command, recording: RecordingFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Path("genesis.toml")
    settings.write_text(
        '[storage]\nurl = "mine.db"\n[venue]\nkind = "replay"\n[venue.replay]\n'
        f'trades = "{recording.trades}"\nbook = "{recording.book}"\n'
    )
    monkeypatch.setenv("GENESIS_TWAP__SLICE_INTERVAL", "60s")
    said = command(*ORDER, "--config", settings, "-o", "json")

    assert said.code == 0
    assert said.data["slices_total"] == 5
    assert Path("mine.db").exists()


@pytest.mark.parametrize("rule", ["leave", "sweep", "extend"])
def test_what_the_slices_plan_adds_up_to_the_quantity_wherever_it_is_shown(
    rule: str, recording: RecordingFiles, command: Command
) -> None:
    order = ("run", "BTC/USDT", "buy", "90", "--over", "5m", "--speed", "max")
    said = command(
        *order, *recording.options, "--on-deadline", rule, "--db", "run.db", "-o", "json"
    )

    assert (said.code, said.data["slices_total"]) == (7, 10)
    assert (len(said.data["slices"]) == 10) is (rule == "leave")
    shown = command("show", "@last", "--db", "run.db", "-o", "json").data["slices"]
    listed = command("slices", "@last", "--db", "run.db", "-o", "json").data
    with sqlite3.connect("run.db") as connection:
        stored = connection.execute("select planned_quantity from twap_slice_history").fetchall()
    connection.close()
    assert said.data["slices"] == shown == listed
    assert sum(Decimal(part["planned_quantity"]) for part in shown) == 90
    assert sum(Decimal(quantity) for (quantity,) in stored) == 90
    assert command("db", "check", "--db", "run.db", "-o", "json").data["problems"] == []
