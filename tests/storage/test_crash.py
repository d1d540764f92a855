"""A writer that is killed: what it has acknowledged is there, and the rows agree with the events."""

from __future__ import annotations

import asyncio
import itertools
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from genesis_actors.messages.events import ChildFilled
from genesis_actors.storage import queries, recovery
from genesis_actors.storage.database import Database
from genesis_actors.storage.journal import Journal
from tests.storage.samples import whole_write

EXECUTIONS = ("x1", "x2", "x3")


async def write_for_ever(path: str) -> None:
    """Acknowledge each durable version on stdout."""
    journal = await Journal.open(path)
    for version in itertools.count(1):
        assert not any(await journal.write([whole_write(it, version) for it in EXECUTIONS]))
        print(version, flush=True)  # noqa: T201


@pytest.mark.parametrize("acknowledged", [1, 7, 40])
def test_a_killed_writer_loses_nothing_that_it_acknowledged(
    database: Database, acknowledged: int
) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-m", "tests.storage.test_crash", str(database)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path.cwd(),
    )
    assert writer.stdout
    heard = [int(writer.stdout.readline()) for _ in range(acknowledged)]
    writer.kill()
    heard += [int(line) for line in writer.stdout.read().split()]
    writer.wait()
    writer.stdout.close()

    for name in EXECUTIONS:
        events = recovery.load_events(database, name)
        fills = queries.trades(database, name)
        found = recovery.load_open_execution(database, name)
        assert len(events) >= heard[-1]
        assert {it.trade_id for it in events if isinstance(it, ChildFilled)} == {
            it.trade_id for it in fills
        }
        assert queries.execution(database, name).filled_quantity == Decimal(len(events)) / 10
        assert found
        assert (found.version, found.tail) == (len(events), ())
    numbers = [it.sequence_number for name in EXECUTIONS for it in queries.journal(database, name)]
    assert sorted(numbers) == list(range(1, len(numbers) + 1))


if __name__ == "__main__":
    asyncio.run(write_for_ever(sys.argv[1]))
