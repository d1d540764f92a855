"""A simulation for each test of an actor, stopped afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from genesis_actors.runtime.simulation import DeterministicRuntime
from genesis_actors.runtime.system import Runtime

NOON = datetime(2024, 8, 8, 12, tzinfo=UTC)


@pytest.fixture
def simulation() -> Iterator[DeterministicRuntime]:
    with Runtime.deterministic(seed=7, start=NOON) as runtime:
        yield runtime
