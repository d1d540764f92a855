"""What ccxt makes of each fault is written down in exceptions.txt; a new ccxt may not change it unnoticed.

`python -m tests.wire.cases > tests/wire/exceptions.txt` writes it anew. Read the difference: what is
done about an order without an answer rests on these lines.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.wire.cases import WAYS, table

WRITTEN = (Path(__file__).parent / "exceptions.txt").read_text()


@pytest.mark.parametrize("way", WAYS)
def test_ccxt_raises_what_is_written_down(way: str) -> None:
    found = table({way: WAYS[way]})

    assert found in WRITTEN
    assert WRITTEN.count("\n== ") + 1 == len(WAYS)
