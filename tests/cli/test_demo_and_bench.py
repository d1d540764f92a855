from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.cli.conftest import Command


def test_the_demonstration_ends_by_itself_and_is_always_the_same(command: Command) -> None:
    first, second = command("demo"), command("demo", "--quiet", "--speed", "max")

    assert first.code == second.code == 0
    assert first.out == second.out
    table = first.out.splitlines()[1:6]
    assert [line.split()[0] for line in table[1:]] == [
        "BTC/USDT",
        "ETH/USDT",
        "SOL/USDT",
        "XRP/USDT",
    ]
    assert table[3].endswith(" early")
    assert all("100.0%" in line for line in table[1:])
    assert max(map(len, first.out.splitlines())) <= 80
    assert "ETH/USDT sell 90: paused: user" in first.err
    assert re.search(r"ETH/USDT sell 90: running, \d", first.err)
    assert list(Path().iterdir()) == []


def test_a_bench_has_its_scenarios(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"events": 10, "per_second": 1234, "p99": None}, {"other": 1.5}]
    monkeypatch.setattr("genesis_actors.bench.journal.run", lambda *, quick: rows if quick else [])
    said = command("bench", "--quick", "--only", "journal", "-o", "json")

    assert said.code == 0
    assert list(said.data) == ["machine", "versions", "seed", "yardsticks", "scenarios"]
    yardstick = said.data["yardsticks"]["journal"]
    assert yardstick["python_ms"] > 0
    assert yardstick["commit_ms"] > 0
    assert said.data["scenarios"] == {"journal": rows}
    assert "per second" in command("bench", "--quick", "--only", "journal").out
    assert command("bench", "--only", "journal", "-o", "json").data["scenarios"] == {"journal": []}


def test_what_a_bench_has_measured_is_written_before_what_fails_after_it(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*, quick: bool) -> list[dict[str, object]]:
        raise RuntimeError(f"no disk left, {quick=}")

    rows = [{"events": 10, "per_second": 1234, "p99": None}]
    monkeypatch.setattr("genesis_actors.bench.runtime.run", lambda *, quick: rows if quick else [])
    monkeypatch.setattr("genesis_actors.bench.journal.run", fails)
    said = command("bench", "--quick")

    assert said.code != 0
    heading, _, scenario, columns, row = said.out.splitlines()
    assert re.search(r"cores; genesis-actors \d.*, Python 3.*; seed 1$", heading)
    assert scenario.startswith("runtime (yardstick: ")
    assert columns.split() == ["events", "per", "second", "p99"]
    assert row.split() == ["10", "1234", "-"]
