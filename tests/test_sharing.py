"""Executions of one symbol that would each take all that its volume allows."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from genesis_actors import Engine, Settings, TwapOrder
from genesis_actors.opening import VirtualTime
from genesis_actors.storage import queries
from genesis_actors.storage.checks import check_database
from genesis_actors.values import ZERO, ExecutionState
from tests.simulation.markets import MIDNIGHT_MS, MadeMarket
from tests.simulation.recompute import Market, micros

MINUTE = 60_000_000
CAP = Decimal("0.10")
MARKET = MadeMarket(
    seed=11,
    minutes=16,
    price="wandering",
    volume="steady",
    has_depth=False,
    has_sizes=False,
    start_ms=MIDNIGHT_MS + 1_000,
)


def an_order(name: str, side: str, quantity: str) -> TwapOrder:
    return TwapOrder.parse(
        symbol="BTC/USDT",
        side=side,
        quantity=quantity,
        duration="10m",
        client_id=name,
        early_completion="off",
        jitter="0",
    )


@pytest.mark.parametrize("sides", [("buy", "buy"), ("buy", "sell")])
def test_two_that_would_each_take_a_tenth_take_a_tenth_together_and_share_it(
    sides: tuple[str, str], tmp_path: Path
) -> None:
    recorded = MARKET.write(tmp_path)
    files = {"symbol": "BTC/USDT", "trades": recorded.trades, "book": recorded.book}
    database = tmp_path / "genesis.db"
    settings = Settings.load(
        None, storage={"url": str(database)}, venue={"kind": "replay", "replay": files}
    )
    with Engine.start(settings, virtual=VirtualTime()) as engine:
        twaps = [
            engine.submit(an_order("large", sides[0], "1200")),
            engine.submit(an_order("small", sides[1], "400")),
        ]
        ended = [twap.wait().execution for twap in twaps]

    assert {row.state for row in ended} == {ExecutionState.INCOMPLETE}, "the cap bound both"
    market = Market(recorded.trades, recorded.book, None)
    fills = [
        (micros(fill.traded_at.isoformat()), fill.quantity)
        for twap in twaps
        for fill in queries.trades(database, twap.execution_id)
    ]
    assert len(fills) > 40
    most = ZERO
    for at, _ in fills:
        ours = sum((quantity for when, quantity in fills if at - MINUTE < when <= at), ZERO)
        theirs = market.volume(at - MINUTE, at)
        assert ours <= CAP * theirs
        most = max(most, ours / theirs)
    assert most > Decimal("0.099"), "they take what they may"

    large, small = (row.filled_quantity for row in ended)
    began, until = ended[0].created_at, ended[0].finished_at
    assert until is not None
    volume = market.volume(micros(began.isoformat()), micros(until.isoformat()))
    assert (large + small) / volume > Decimal("0.09"), "and leave nothing that one of them wanted"
    assert Decimal("2.5") < large / small < Decimal("3.1"), (
        "less of the larger is left, so its part falls"
    )
    assert check_database(database).problems == ()
