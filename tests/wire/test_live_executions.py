"""Whole executions at the local exchange through the real ccxt, with everything going wrong: the books must agree."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from genesis_actors import Engine
from genesis_actors.messages.control import ExecutionNews
from genesis_actors.storage.errors import ForeignDatabase
from genesis_actors.values import ExecutionState, Reason
from tests.helpers import eventually
from tests.wire.conftest import Opened
from tests.wire.exchange.faults import PROFILES, Fault, Kind, maintenance, outage
from tests.wire.exchange.ledger import Fees
from tests.wire.exchange.running import LocalExchange, make_exchange
from tests.wire.exchange.signing import Key
from tests.wire.trading import an_order, check_books, live_settings, our_books


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "live.db"


def test_executions_fill_exactly_while_everything_goes_wrong(
    live_exchange: LocalExchange, database: Path
) -> None:
    with Engine.start(live_settings(live_exchange.config, database)) as engine:
        live_exchange.fault(*PROFILES["hostile"])
        orders = [
            an_order("BTC/USDT", "buy", "0.3", duration="10s"),
            an_order("ETH/USDT", "sell", "5", style="maker", duration="10s"),
            an_order("BTC/USDT", "sell", "0.2", style="auto", duration="10s"),
        ]
        handles = [engine.submit(order) for order in orders]
        done = [handle.wait(90).execution for handle in handles]

    assert all(ExecutionState(row.state).is_final for row in done)
    assert any(row.filled_quantity > 0 for row in done)
    assert all(row.unknown_quantity == row.working_quantity == 0 for row in done)
    assert live_exchange.call(lambda exchange: len(exchange.faults.struck)) > 10
    check_books(live_exchange, database)


def test_executions_whose_calls_hang_hold_up_no_other_one(
    live_exchange: LocalExchange, database: Path
) -> None:
    hangs = 60.0  # Ten times as long as the others' whole window.
    settings = live_settings(live_exchange.config, database, request_timeout="50s")
    with Engine.start(settings) as engine:
        live_exchange.fault(
            Fault(Kind.DELAY, "* order", symbol="ETHUSDT", times=None, seconds=hangs)
        )
        hanging = [
            engine.submit(an_order("ETH/USDT", "sell", "0.2", duration="30s", slices=10))
            for _ in range(8)
        ]
        for twap in hanging:
            engine.wait_until(twap.execution_id, lambda row: row.working_quantity > 0, 25)
        twap = engine.submit(an_order(quantity="0.05", duration="6s", slices=6))
        done = twap.wait(40)
        meanwhile = [each.status().execution for each in hanging]

    assert done.execution.filled_quantity > 0
    late = [part.sent_at - part.due_at for part in done.slices if part.sent_at is not None]
    assert len(late) >= 3
    assert max(late) < timedelta(seconds=10)
    assert {(row.filled_quantity, row.state) for row in meanwhile} == {(0, ExecutionState.RUNNING)}


def test_maintenance_and_an_outage_pause_executions_and_end_by_themselves(
    open_exchange: Opened, database: Path
) -> None:
    exchange = open_exchange(fees=Fees(taken_from="third"))
    news: list[ExecutionNews] = []
    with Engine.start(live_settings(exchange.config, database)) as engine:
        engine.subscribe(news.append)
        twap = engine.submit(an_order(duration="14s", slices=6))
        for trouble in (maintenance(1.0), outage(4.0)):
            exchange.fault(*trouble)
            paused = engine.wait_until(
                twap.execution_id, lambda row: row.state is ExecutionState.PAUSED, 20
            )
            assert paused.execution.reason is Reason.VENUE_UNAVAILABLE
            engine.wait_until(
                twap.execution_id, lambda row: row.state is not ExecutionState.PAUSED, 30
            )
        done = twap.wait(60).execution

    assert done.filled_quantity > 0
    assert {fill[-1] for fill in our_books(database)} == {"BNB"}
    check_books(exchange, database)


def test_a_lost_order_is_proven_soon_after_its_deadline_though_questions_fail(
    live_exchange: LocalExchange, database: Path
) -> None:
    settings = live_settings(live_exchange.config, database)
    with Engine.start(settings) as engine:
        live_exchange.fault(Fault(Kind.RESET, "POST order", accepted=False))
        twap = engine.submit(an_order(duration="20s", slices=4))
        engine.wait_until(twap.execution_id, lambda row: row.unknown_quantity > 0, 20)
        began = time.monotonic()
        # Until then every question hangs, and of those that count the first one fails.
        live_exchange.fault(
            Fault(Kind.DELAY, "GET order", seconds=2.5, times=None, lasts=4.5),
            Fault(Kind.CODE, "GET openOrders", code=-1001, accepted=False),
        )
        engine.wait_until(twap.execution_id, lambda row: row.unknown_quantity == 0, 30)
        took = time.monotonic() - began
        twap.cancel()
        twap.wait(20)

    waits = 5.0  # The sum of what QUICK says of it.
    assert waits - 1 < took < waits + 4
    check_books(live_exchange, database)


def test_orders_that_a_restored_backup_lacks_are_taken_over_and_nothing_is_bought_twice(
    live_exchange: LocalExchange, database: Path, tmp_path: Path
) -> None:
    settings, backup = live_settings(live_exchange.config, database), tmp_path / "backup.db"
    with Engine.start(settings) as engine:
        twap = engine.submit(an_order(duration="15s", slices=6))
        engine.wait_until(twap.execution_id, lambda row: row.filled_quantity > 0, 20)
        with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(backup)) as copy:
            source.backup(copy)
        engine.wait_until(twap.execution_id, lambda row: row.slices_done >= 3, 20)
    for name in database.parent.glob(f"{database.name}*"):
        name.unlink()
    backup.rename(database)

    with Engine.start(settings) as engine:
        found = engine.wait_until(
            twap.execution_id,
            lambda row: row.reason is Reason.JOURNAL_BEHIND and row.unknown_quantity == 0,
            20,
        )
        assert found.execution.filled_quantity == sum(
            fill.quantity for fill in live_exchange.fills()
        )
        assert engine.halt().was_already
        engine.unhalt()
        twap = engine.execution(twap.execution_id)
        twap.resume()
        done = twap.wait(60).execution

    assert done.state is ExecutionState.COMPLETED
    check_books(live_exchange, database)


@pytest.mark.parametrize("is_noted", [True, False], ids=["beside its mark", "elsewhere"])
def test_an_order_that_rests_and_a_restored_backup_lacks_is_taken_back(
    live_exchange: LocalExchange, database: Path, tmp_path: Path, *, is_noted: bool
) -> None:
    settings, backup = live_settings(live_exchange.config, database), tmp_path / "backup.db"
    with Engine.start(settings) as engine:
        twap = engine.submit(
            an_order(duration="60s", slices=2, style="maker", limit_price="59000", quantity="0.3")
        )
        with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(backup)) as copy:
            source.backup(copy)
        eventually(lambda: bool(live_exchange.account().open_orders()), 40)
    for name in database.parent.glob(f"{database.name}*"):
        if not (is_noted and name.suffix == ".newest"):
            name.unlink()
    backup.rename(database)
    before = live_exchange.attempts()

    with Engine.start(settings) as engine:
        eventually(lambda: not live_exchange.account().open_orders(), 40)
        engine.wait_until(twap.execution_id, lambda row: row.reason is Reason.JOURNAL_BEHIND, 20)
        assert engine.halt().was_already

    assert live_exchange.attempts() == before
    check_books(live_exchange, database)


def test_a_database_is_bound_to_its_account_and_another_ones_is_refused(
    open_exchange: Opened, database: Path
) -> None:
    mine, rotated, theirs = (
        Key("mineKey000000000000000000000001", "mineSecret00000000000000000001", uid=1),
        Key("mineKey000000000000000000000002", "mineSecret00000000000000000002", uid=1),
        Key("theirKey00000000000000000000001", "theirSecret0000000000000000001", uid=2),
    )
    exchange = open_exchange(keys=(mine, rotated, theirs))

    def start(key: Key) -> str | None:
        config = {**exchange.config, "apiKey": key.api_key, "secret": key.secret}
        with Engine.start(live_settings(config, database)) as engine:
            return getattr(engine.venue, "account", None)

    account = start(mine)
    assert start(rotated) == account
    with pytest.raises(ForeignDatabase, match="account"):
        start(theirs)
    assert account is not None
    assert account.removeprefix("account ") != "1"
    written = b"".join(path.read_bytes() for path in database.parent.iterdir())
    for key in (mine, rotated, theirs):
        assert key.secret.encode() not in written
        assert key.api_key.encode() not in written


def test_an_engine_that_stops_in_the_middle_leaves_nothing_behind_that_the_next_one_misses(
    live_exchange: LocalExchange, database: Path
) -> None:
    settings = live_settings(live_exchange.config, database)
    order = an_order(client_id="k1", duration="8s")
    with Engine.start(settings) as engine:
        twap = engine.submit(order)
        engine.wait_until(twap.execution_id, lambda row: row.filled_quantity > 0, 20)
    time.sleep(0.1)
    with Engine.start(settings) as engine:
        again = engine.submit(order)
        done = again.wait(60).execution

    assert again.execution_id == twap.execution_id
    assert not again.is_new
    assert done.state in {ExecutionState.COMPLETED, ExecutionState.INCOMPLETE}
    check_books(live_exchange, database)


def test_an_exchange_is_reached_through_a_proxy_by_the_addresses_that_ccxt_knows(
    database: Path, tmp_path: Path
) -> None:
    with LocalExchange(make_exchange(), tls_directory=tmp_path) as exchange:
        config = exchange.proxied_config
        assert "urls" not in config
        with Engine.start(live_settings(config, database)) as engine:
            order = an_order(quantity="0.05", duration="6s", slices=2, on_deadline="extend")
            done = engine.submit(order).wait(60).execution

        assert done.state is ExecutionState.COMPLETED
        check_books(exchange, database)
