"""`genesis plan` on both venues: its shape, and that it leaves nothing behind."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.cli.recordings import RecordingFiles, write_recording

ORDER = ("plan", "BTC/USDT", "buy", "2.5", "--over", "10m")


def test_a_plan_has_its_slices_and_costs_and_writes_nothing(command: Command) -> None:
    said = command(*ORDER, "--speed", "max", "-o", "json")
    data = said.data

    assert said.code == 0
    assert list(data) == [
        "quantity",
        "window",
        "slices_total",
        "slices",
        "estimated_cost_bps",
        "sweep_cost_bps",
        "warnings",
        "algo",
        "collar_price",
    ]
    assert list(data["window"]) == ["start", "end"]
    assert len(data["slices"]) == data["slices_total"] == 20
    assert list(data["slices"][0]) == [
        "number",
        "due_at",
        "quantity",
        "notional_quote",
        "expected_market_volume",
        "expected_participation",
    ]
    assert sum(Decimal(part["quantity"]) for part in data["slices"]) == Decimal("2.5")
    assert Decimal(data["sweep_cost_bps"]) >= Decimal(data["estimated_cost_bps"]) > 10
    assert list(Path().iterdir()) == []


def test_a_plan_takes_the_database_of_a_run_and_leaves_it_alone(command: Command) -> None:
    assert command(*ORDER, "--speed", "max", "--db", "run.db").code == 0
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize("verb", ["plan", "run"])
@pytest.mark.parametrize(
    ("wish", "more", "why"),
    [
        (("--slices", "1000"), (), "120 slices instead of the 1000 asked for"),
        (("--every", "1s"), (), "asked for 600 slices, 120 fit: [twap] min_slice_interval is 5s"),
        (("--every", "9m"), (), "asked for 1 slice, 2 fit: [twap] max_slice_interval is 5m00s"),
        (("--slices", "20"), ("0.001",), "10 slices instead of the 20 asked for"),
        (("--every", "30s"), (), None),
        (("--slices", "7"), (), None),
    ],
)
def test_a_pace_that_cannot_be_kept_is_told(
    verb: str, wish: tuple[str, ...], more: tuple[str, ...], why: str | None, command: Command
) -> None:
    quantity = more[0] if more else "2.5"
    order = ("BTC/USDT", "buy", quantity, "--over", "10m", "--speed", "max", *wish)
    said = (
        command(verb, *order, "-o", "json", "-q")
        if verb == "run"
        else command(verb, *order, "-ojson")
    )

    told = [warning for warning in said.data["warnings"] if "asked for" in warning]
    assert len(told) == (why is not None)
    assert all((why or "") in warning and warning in said.err for warning in told)


def test_a_plan_begins_where_it_is_told(command: Command) -> None:
    said = command(*ORDER, "--start-at", "2024-02-29T23:55:00Z", "-o", "json")

    assert said.data["window"] == {
        "start": "2024-02-29T23:55:00.000000Z",
        "end": "2024-03-01T00:05:00.000000Z",
    }


def test_a_plan_is_what_a_run_does(command: Command, recording: RecordingFiles) -> None:
    options = (*recording.options, "--jitter", "20%", "--seed", "5", "-o", "json")
    planned = command(*ORDER, *options).data["slices"]
    done = command("run", *ORDER[1:], *options, "--speed", "max").data["slices"]

    assert [part["due_at"] for part in planned] == [part["due_at"] for part in done]


def test_a_book_that_shows_too_little_leaves_costs_unknown(
    command: Command, recording: RecordingFiles
) -> None:
    deep = command("plan", "BTC/USDT", "buy", "12", "--over", "5m", *recording.with_depth, "-ojson")
    thin = command("plan", "BTC/USDT", "buy", "60", "--over", "5m", *recording.options, "-ojson")

    assert Decimal(deep.data["sweep_cost_bps"]) > Decimal(deep.data["estimated_cost_bps"])
    assert deep.data["slices"][0]["expected_market_volume"] is None
    assert thin.data["estimated_cost_bps"] is None
    assert thin.data["sweep_cost_bps"] is None
    assert "the book shows 3 BTC" in thin.data["warnings"][0]


def test_a_recording_that_ends_too_early_is_warned_about(command: Command, tmp_path: Path) -> None:
    short = write_recording(tmp_path, seconds=240)
    said = command(*ORDER, *short.options, "-o", "json")

    assert said.code == 0
    assert "the recording ends at" in said.data["warnings"][0]
    assert said.err.startswith("warning: the recording ends at")


def test_a_plan_can_be_read(command: Command, recording: RecordingFiles) -> None:
    said = command(*ORDER, *recording.options)

    assert "estimated cost" in said.out
    assert "unknown: the shown book does not hold it" not in said.out.splitlines()[3]
    assert max(map(len, said.out.splitlines())) <= 90
    assert command(*ORDER, "-o", "csv").out.startswith("number,due_at,quantity,")
