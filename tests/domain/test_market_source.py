"""Which markets are the same one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from genesis_actors.domain.evolve import fold
from genesis_actors.domain.execution import restore, snapshot
from genesis_actors.domain.market_source import differing_parts
from genesis_actors.values import MarketSource
from tests.domain.executions import accepted

HERE: MarketSource = (("trades", "1f"), ("book", "2c"), ("start", "noon"))


@pytest.mark.parametrize(
    ("now", "parts"),
    [
        (HERE, ()),
        (HERE[::-1], ()),
        ((("trades", "77"), *HERE[1:]), ("trades",)),
        ((*HERE, ("depth", "09")), ("depth",)),
        (HERE[1:], ("trades",)),
        ((("seed", "7"),), ("trades", "book", "start", "seed")),
    ],
)
def test_markets_differ_in_what_they_are_made_of(now: MarketSource, parts: tuple[str, ...]) -> None:
    assert differing_parts(HERE, now) == parts


def test_a_real_market_and_one_that_nobody_noted_are_any() -> None:
    assert differing_parts(None, HERE) == differing_parts(HERE, None) == ()


def test_an_execution_knows_its_market_from_its_journal_and_from_a_snapshot() -> None:
    here = fold(None, [accepted().model_copy(update={"market_source": HERE})])
    before_it_was_noted = fold(None, [accepted()])

    assert here is not None
    assert before_it_was_noted is not None
    assert here.market_source == HERE
    assert restore(snapshot(here)) == here
    assert before_it_was_noted.market_source is None
    assert replace(here, market_source=None) == before_it_was_noted
