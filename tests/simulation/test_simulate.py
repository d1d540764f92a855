"""The whole engine against everything that goes wrong. What fails here is repeated by the command in its message."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
from datetime import timedelta
from decimal import Decimal

import pytest

from genesis_actors.actors import supervisor
from genesis_actors.simulation.exchange import Exchange
from genesis_actors.simulation.faults import Weather
from genesis_actors.simulation.run import Plan, Result, simulate

HOSTILE_SEEDS, CHUNK = 50, 5


def small(seed: int, weather: Weather) -> Plan:
    return Plan(seed, executions=5, minutes=Decimal(5), weather=weather)


def said_of(result: Result) -> str:
    return "\n".join((result.plan.command, *result.violations, *result.trace))


@pytest.mark.parametrize("first", range(1, HOSTILE_SEEDS + 1, CHUNK))
def test_every_promise_holds_in_hostile_weather(first: int) -> None:
    results = [simulate(small(seed, Weather.HOSTILE)) for seed in range(first, first + CHUNK)]

    for result in results:
        assert not result.violations, said_of(result)
    assert sum(result.children for result in results)
    assert sum(result.crashes for result in results)


@pytest.mark.parametrize("weather", [Weather.CALM, Weather.ROUGH])
def test_every_promise_holds_in_better_weather(weather: Weather) -> None:
    for seed in (1, 2):
        result = simulate(small(seed, weather))

        assert not result.violations, said_of(result)
        assert result.children


@pytest.mark.parametrize("seconds", [0, 2])
def test_every_promise_holds_where_executions_leave_memory_soon(
    seconds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes late then comes for one that has left, or that is just about to."""
    monkeypatch.setattr(supervisor, "RETIRED_AFTER", timedelta(seconds=seconds))
    results = [simulate(small(seed, Weather.HOSTILE)) for seed in range(101, 111)]

    for result in results:
        assert not result.violations, said_of(result)
    assert sum(result.children for result in results)


def test_a_seed_leaves_nothing_in_memory() -> None:
    """Thousands run in one process."""
    gc.collect()

    for seed in range(1, 5):
        simulate(small(seed, Weather.HOSTILE))

    assert sum(isinstance(each, Exchange) for each in gc.get_objects()) <= 1


def test_a_seed_takes_the_same_course_in_every_process() -> None:
    courses = [_in_a_process(hash_seed) for hash_seed in ("1", "2")]

    assert courses[0] == courses[1]
    assert courses[0]["trace_hash"]


def _in_a_process(hash_seed: str) -> dict[str, object]:
    command = "simulate --seed 7 --executions 3 --minutes 3 --faults hostile -o json --quiet"
    done = subprocess.run(
        [sys.executable, "-m", "genesis_actors", *command.split()],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=False,
    )
    data = json.loads(done.stdout)["data"]
    del data["speed_factor"]
    return data
