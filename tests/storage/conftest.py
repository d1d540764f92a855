from __future__ import annotations

from pathlib import Path

import pytest

from genesis_actors.storage.database import Database
from genesis_actors.storage.migrations import migrate


@pytest.fixture
def database(tmp_path: Path) -> Database:
    """A migrated database in a file of its own."""
    found = Database.of(tmp_path / "genesis.db")
    migrate(found)
    return found
