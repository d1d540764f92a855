"""Icebergs and market orders on the command line: planned, run, repeated to the byte, killed and carried on."""

from __future__ import annotations

import subprocess
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from genesis_actors.values import parse_time
from tests.cli.conftest import Command, start_process
from tests.cli.recordings import RecordingFiles

ICEBERG = ("BTC/USDT", "buy", "5", "--algo", "iceberg", "--seed", "42")
MARKET = ("BTC/USDT", "buy", "0.5", "--algo", "market", "--seed", "42")


def planned(data: dict[str, Any]) -> list[Decimal]:
    sizes = [part.get("planned_quantity") or part["quantity"] for part in data["slices"]]
    return [Decimal(size) for size in sizes]


def test_what_is_planned_is_what_is_run(command: Command, recording: RecordingFiles) -> None:
    plan = command("plan", *ICEBERG, *recording.options, "-o", "json").data
    ran = command("run", *ICEBERG, *recording.options, "--speed", "max", "-o", "json", "-q")
    clips = ran.data["slices"]

    assert ran.code == 0
    assert (plan["algo"], ran.data["algo"]) == ("iceberg", "iceberg")
    assert plan["slices_total"] == ran.data["slices_total"] == 10
    assert planned(plan) == planned(ran.data)
    assert all(Decimal("0.4") <= size <= Decimal("0.6") for size in planned(plan))
    for one, following in pairwise(clips):
        pause = parse_time(following["due_at"]) - parse_time(one["done_at"])
        assert 1 <= pause.total_seconds() <= 5
        assert following["sent_at"] >= following["due_at"]
        assert one["impact_bps"] is not None
    assert ran.data["participation_window_seconds"] == "60"


@pytest.mark.parametrize("order", [ICEBERG, MARKET])
def test_one_seed_gives_the_same_bytes_twice(
    order: tuple[str, ...], command: Command, recording: RecordingFiles
) -> None:
    wish = ("run", *order, *recording.with_depth, "--speed", "max", "-o", "json", "-q")
    first, second = (command(*wish, "--db", name) for name in ("one.db", "two.db"))

    assert first.code in {0, 7}
    assert first.out == second.out


def test_killed_it_goes_on_with_the_clips_that_are_left(
    command: Command, recording: RecordingFiles
) -> None:
    order = ("run", *ICEBERG, *recording.with_depth, "--client-id", "again", "--clips", "20")
    with start_process(*order, "--speed", "5", "--db", "run.db") as process:
        _read_until(process, "clip 3/20")
        process.kill()
        process.communicate(timeout=30)
    (left,) = command("ps", "--db", "run.db", "-o", "json").data
    before = command("slices", "@last", "--db", "run.db", "-o", "json").data
    ended = command(*order, "--speed", "max", "--db", "run.db", "-o", "json", "-q")
    straight = command(*order, "--speed", "max", "--db", "other.db", "-o", "json", "-q")

    assert left["state"] == "RUNNING"
    assert any(part["status"] == "PLANNED" for part in before)
    assert ended.code == 0
    assert ended.data["id"] == left["id"]
    assert planned(ended.data) == planned({"slices": before}) == planned(straight.data)
    assert ended.data["fills"] == straight.data["fills"]
    assert command("db", "check", "--db", "run.db").code == 0


def test_a_market_order_is_warned_about_and_its_rest_is_left(
    command: Command, recording: RecordingFiles
) -> None:
    options = (*recording.with_depth, "--speed", "max")
    plan = command("plan", *MARKET, *options)
    huge = ("BTC/USDT", "buy", "9000", "--algo", "market", *options)
    ran = command("run", *huge, "-o", "json", "-q", "--db", "run.db")

    assert "exempt from the 10% cap" in plan.err
    assert "collar" in plan.out
    assert ran.code == 7
    assert (ran.data["state"], ran.data["reason"]) == ("INCOMPLETE", "thin_book")
    assert 0 < Decimal(ran.data["filled_quantity"]) < 9000
    assert any("exempt" in each for each in ran.data["warnings"])
    assert [part["child_orders"] for part in ran.data["slices"]] == [1]


def test_a_report_of_each_can_be_made(command: Command, recording: RecordingFiles) -> None:
    for order in (ICEBERG, MARKET):
        command("run", *order, *recording.options, "--speed", "max", "--db", "run.db", "-q")
        report = command("report", "@last", "--db", "run.db", "-o", "json")
        assert report.code == 0
        assert report.data["execution"]["algo"] == order[4]
        assert not any(
            "volume-adaptivity" in each["text"] for each in report.data["recommendations"]
        )
        for form in ("html", "csv"):
            assert command("report", "@last", "--db", "run.db", "--format", form).code == 0
        told = command("report", "@last", "--db", "run.db", "--format", "text").out
        said = " ".join(told.split())
        is_market = order is MARKET
        assert ("exempt from the cap" in said, "bound by it" in said) == (is_market, not is_market)
        assert ("plain twap" in said) is not is_market
        filled = sum(each["status"] == "FILLED" for each in report.data["slices"])
        counted = f"{filled} of {len(report.data['slices'])} filled"
        assert (counted in said) is not is_market


def test_more_clips_than_can_be_traded_are_fewer_and_that_is_said(
    command: Command, recording: RecordingFiles
) -> None:
    said = command(
        "plan", "BTC/USDT", "buy", "0.5", *ICEBERG[3:], *recording.options, "--clips", "20"
    )

    assert said.code == 0
    assert "asked for 20 clips" in said.err


def _read_until(process: subprocess.Popen[str], text: str) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        if text in line:
            return
    raise AssertionError(f"it never said {text!r}")


def test_an_iceberg_without_a_window_may_take_the_longest(command: Command) -> None:
    plan = command("plan", *ICEBERG, "-o", "json").data
    start, end = (parse_time(plan["window"][name]) for name in ("start", "end"))

    assert (end - start).total_seconds() == 1800
    assert list(Path().iterdir()) == []
