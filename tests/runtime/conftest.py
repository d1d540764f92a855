from collections.abc import Generator

import pytest

from genesis_actors.runtime import DeterministicRuntime, Runtime, SystemRuntime
from tests.runtime.actors import START


@pytest.fixture
def simulation() -> Generator[DeterministicRuntime]:
    with Runtime.deterministic(seed=7, start=START, trace=True) as runtime:
        yield runtime


@pytest.fixture
def system() -> Generator[SystemRuntime]:
    with Runtime.system() as runtime:
        yield runtime


@pytest.fixture(params=["deterministic", "system"])
def runtime(request: pytest.FixtureRequest) -> Generator[Runtime]:
    """One after the other, every kind of runtime."""
    chosen: Runtime = Runtime.deterministic(seed=7, start=START)
    if request.param == "system":
        chosen = Runtime.system()
    with chosen:
        yield chosen
