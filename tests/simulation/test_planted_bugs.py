"""`make mutants` hunts them, which takes minutes; that they still fit the code is seen here."""

from __future__ import annotations

import pytest

from mutants.__main__ import PACKAGE
from mutants.planted import MUTANTS, Mutant


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_it_fits_the_code(mutant: Mutant) -> None:
    found = {
        change.file: (PACKAGE / change.file).read_text(encoding="utf-8").count(change.old)
        for change in mutant.changes
    }
    assert set(found.values()) == {1}, found
