"""The public door, with every actor behind it and a real database: on virtual time, and on threads."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from genesis_actors import Engine, Settings, TwapOrder, listeners
from genesis_actors import engine as engine_module
from genesis_actors.actors.persistence import PersistenceActor
from genesis_actors.domain.evolve import fold
from genesis_actors.domain.projection import all_rows
from genesis_actors.engine import CommandRefusedError, EngineFailedError, OrderRejectedError
from genesis_actors.gateways.venue import SourceError
from genesis_actors.messages.control import ExecutionNews
from genesis_actors.messages.events import TwapAmended
from genesis_actors.messages.market_data import MarketRows
from genesis_actors.opening import OtherMarketError, VirtualTime
from genesis_actors.orders import OrderError
from genesis_actors.runtime.simulation import DeterministicRuntime
from genesis_actors.storage import queries
from genesis_actors.storage.checks import check_database
from genesis_actors.storage.errors import DatabaseInUse, ForeignDatabase
from genesis_actors.storage.recovery import load_events
from genesis_actors.values import ExecutionState, Reason, ResumeMode
from tests.simulation.markets import MIDNIGHT_MS, MadeMarket
from tests.simulation.recompute import Market, Run, differences

SHORT = {
    "twap": {"min_duration": "1s", "slice_interval": "500ms", "min_slice_interval": "100ms"},
    # What is traded in two seconds must not be chance, at whatever hour and day.
    "venue": {"paper": {"activity": 20}},
}


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "genesis.db"


@pytest.fixture
def engine(database: Path) -> Iterator[Engine]:
    with Engine.start(settings(database), virtual=VirtualTime()) as started:
        yield started


def settings(database: Path, **sections: object) -> Settings:
    return Settings(storage={"url": str(database)}, **sections)  # pyright: ignore[reportArgumentType]


def an_order(**changes: object) -> TwapOrder:
    fields: dict[str, object] = {
        "symbol": "BTC/USDT",
        "side": "buy",
        "quantity": "1",
        "duration": "5m",
        "early_completion": "off",
    }
    return TwapOrder.parse(**{**fields, **changes})


def let_pass(engine: Engine, duration: timedelta) -> None:
    runtime = engine.runtime
    assert isinstance(runtime, DeterministicRuntime)
    runtime.advance_to(runtime.clock.now() + duration)


def test_a_twap_on_the_paper_venue_completes_and_its_tables_agree_with_its_journal(
    engine: Engine, database: Path
) -> None:
    twap = engine.submit(an_order())
    done = twap.wait().execution
    engine.stop()

    assert done.state is ExecutionState.COMPLETED
    events = load_events(database, twap.execution_id)
    execution = fold(None, events)
    assert execution is not None
    expected = all_rows(execution, events, "paper")
    assert asdict(queries.execution(database, twap.execution_id)) == asdict(expected.execution)
    assert queries.slices(database, twap.execution_id) == list(expected.slices)
    found = queries.child_orders(database, twap.execution_id)
    assert sorted(found, key=lambda o: o.client_order_id) == sorted(
        expected.orders, key=lambda o: o.client_order_id
    )
    assert {f.trade_id for f in queries.trades(database, twap.execution_id)} == {
        f.trade_id for f in expected.fills
    }
    assert queries.report(database, twap.execution_id) is not None


def test_one_seed_gives_one_result_on_fresh_databases(tmp_path: Path) -> None:
    rows: list[object] = []
    for name in ("one.db", "two.db"):
        chosen = settings(tmp_path / name, engine={"seed": 7})
        with Engine.start(chosen, virtual=VirtualTime()) as engine:
            rows.append(engine.submit(an_order(jitter="20%")).wait())

    assert rows[0] == rows[1]


def test_another_run_of_the_same_database_gets_ids_of_its_own(database: Path) -> None:
    ids: list[str] = []
    for _ in range(2):
        with Engine.start(settings(database), virtual=VirtualTime()) as engine:
            ids.append(engine.submit(an_order()).wait().execution.execution_id)

    assert len(set(ids)) == 2


def test_executions_of_one_symbol_together_keep_within_the_cap(database: Path) -> None:
    traded: list[tuple[object, Decimal]] = []

    class Tap:
        def tell(self, message: MarketRows) -> None:
            traded.extend((trade.at, trade.quantity) for trade in message.trades)

    chosen = settings(database)
    with Engine.start(chosen, virtual=VirtualTime(), market_tap=Tap()) as engine:
        twaps = [
            engine.submit(an_order(quantity="40", side=side)) for side in ("buy", "sell", "buy")
        ]
        statuses = [twap.wait() for twap in twaps]

    fills = [fill for status in statuses for fill in status.fills]
    assert len({fill.execution_id for fill in fills}) == 3
    window = timedelta(seconds=60)
    for fill in fills:
        since = fill.traded_at - window
        ours = sum((f.quantity for f in fills if since < f.traded_at <= fill.traded_at), Decimal(0))
        market = sum((q for at, q in traded if since < at <= fill.traded_at), Decimal(0))  # pyright: ignore[reportOperatorIssue]
        # An order takes the venue's latency to arrive, so the window may have moved on by that much.
        slack = sum(
            (q for at, q in traded if since - timedelta(seconds=1) < at <= since),  # pyright: ignore[reportOperatorIssue]
            Decimal(0),
        )
        assert ours <= (market + slack) * Decimal("0.10")


def test_a_pause_holds_and_a_resume_shifts_the_rest_by_its_length(engine: Engine) -> None:
    twap = engine.submit(an_order())
    engine.wait_until(twap.execution_id, lambda row: row.slices_done >= 2)
    before = twap.status()

    assert twap.pause().state is ExecutionState.PAUSED
    assert twap.pause().was_already
    paused = twap.status()
    let_pass(engine, timedelta(seconds=60))
    assert twap.status().orders == paused.orders
    twap.resume()
    after = twap.wait()

    assert before.execution.ends_at is not None
    assert after.execution.ends_at is not None
    assert after.execution.ends_at - before.execution.ends_at >= timedelta(seconds=60)
    assert after.execution.state is ExecutionState.COMPLETED


def test_a_resume_to_catch_up_keeps_the_end(engine: Engine) -> None:
    twap = engine.submit(an_order())
    ends_at = twap.status().execution.ends_at
    twap.pause()

    twap.resume(mode=ResumeMode.CATCH_UP)

    assert twap.wait().execution.ends_at == ends_at


def test_an_amended_twap_is_worked_by_its_new_terms(engine: Engine, database: Path) -> None:
    twap = engine.submit(an_order(quantity="2", duration="10m"))
    let_pass(engine, timedelta(minutes=2))
    before = twap.status().execution
    done = twap.amend(
        limit="10000000",
        duration="6m",
        quantity="2.5",
        max_participation="9%",
        reason="more, and sooner",
    )
    amended = twap.status().execution
    let_pass(engine, timedelta(seconds=45))
    repeated = twap.amend(quantity="2.5", limit="10000000", duration="6m")
    over = twap.wait().execution
    engine.stop()

    assert (done.state, done.was_already) == (ExecutionState.RUNNING, False)
    assert amended.quantity == Decimal("2.5")
    assert before.started_at is not None
    assert amended.ends_at == before.started_at + timedelta(minutes=6)
    assert repeated.was_already
    assert (over.state, over.filled_quantity) == (ExecutionState.COMPLETED, Decimal("2.5"))
    assert over.finished_at is not None
    assert amended.ends_at is not None
    assert over.finished_at <= amended.ends_at
    events = load_events(database, twap.execution_id)
    (event,) = [event for event in events if isinstance(event, TwapAmended)]
    assert event.note == "more, and sooner"
    assert event.after.max_participation == Decimal("0.09")
    assert check_database(database).problems == ()


def test_a_limit_is_taken_off_again(engine: Engine) -> None:
    twap = engine.submit(an_order(limit_price="40000"))
    let_pass(engine, timedelta(minutes=1))
    assert not twap.status().execution.filled_quantity
    twap.amend(limit="off")

    assert twap.wait().execution.state is ExecutionState.COMPLETED


def test_reduced_to_what_is_filled_a_twap_is_complete(engine: Engine) -> None:
    twap = engine.submit(an_order())
    let_pass(engine, timedelta(minutes=1))
    twap.pause()
    filled = twap.status().execution.filled_quantity
    assert 0 < filled < 1
    twap.amend(quantity=filled)
    over = twap.wait().execution

    assert (over.state, over.quantity) == (ExecutionState.COMPLETED, filled)


def test_an_amendment_that_nothing_allows_is_refused_with_its_numbers(engine: Engine) -> None:
    twap = engine.submit(an_order())
    with pytest.raises(CommandRefusedError) as high:
        twap.amend(max_participation="50%")
    with pytest.raises(CommandRefusedError) as dear:
        twap.amend(quantity="100000")
    with pytest.raises(CommandRefusedError) as soon:
        twap.amend(deadline=engine.runtime.clock.now())

    assert high.value.reason is Reason.PARTICIPATION_ABOVE_LIMIT
    assert (high.value.limit, high.value.actual) == (Decimal("0.10"), Decimal("0.5"))
    assert dear.value.reason is Reason.INSUFFICIENT_BALANCE
    assert soon.value.reason is Reason.WINDOW_OUT_OF_BOUNDS


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "say what is to change"),
        ({"limit": "cheap"}, "not a number"),
        ({"quantity": 1.5}, "a float is not exact"),
        ({"quantity": "-1"}, "greater than 0"),
        ({"max_participation": "120%"}, "less than or equal to 1"),
        ({"duration": "5m", "deadline": datetime(2030, 1, 1, tzinfo=UTC)}, "not both"),
        ({"deadline": datetime(2030, 1, 1)}, "timezone"),  # noqa: DTZ001
    ],
)
def test_an_amendment_that_makes_no_sense_is_an_order_error(
    engine: Engine, changes: dict[str, Any], said: str
) -> None:
    twap = engine.submit(an_order())

    with pytest.raises(OrderError, match=said):
        twap.amend(**changes)


def test_an_amended_order_is_carried_on_after_a_restart(database: Path) -> None:
    with Engine.start(settings(database), virtual=VirtualTime()) as engine:
        twap = engine.submit(an_order(client_id="desk-1"))
        let_pass(engine, timedelta(minutes=1))
        twap.amend(quantity="1.5", limit="10000000")
        engine.abandon()
    with Engine.start(settings(database), virtual=VirtualTime()) as engine:
        again = engine.submit(an_order(client_id="desk-1"))
        assert again.execution_id == twap.execution_id
        assert again.amend(quantity="1.5", limit="10000000").was_already
        over = again.wait().execution

    assert (over.state, over.filled_quantity) == (ExecutionState.COMPLETED, Decimal("1.5"))


def test_a_cancelled_twap_keeps_what_is_filled(engine: Engine) -> None:
    twap = engine.submit(an_order())
    engine.wait_until(twap.execution_id, lambda row: row.filled_quantity > 0)

    assert twap.cancel().state is ExecutionState.CANCELLED
    with pytest.raises(CommandRefusedError, match="CANCELLED") as refused:
        twap.resume()

    assert refused.value.reason is Reason.WRONG_STATE
    assert twap.status().execution.filled_quantity > 0
    assert twap.report().execution.state is ExecutionState.CANCELLED


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"symbol": "BTC/USD"}, Reason.UNKNOWN_SYMBOL),
        ({"duration": "4m"}, Reason.WINDOW_OUT_OF_BOUNDS),
        ({"quantity": "0.00001"}, Reason.QUANTITY_BELOW_MINIMUM),
        ({"quantity": "0.123456789"}, Reason.QUANTITY_NOT_A_LOT),
        ({"quantity": "999999"}, Reason.INSUFFICIENT_BALANCE),
        ({"side": "sell", "quantity": "999999"}, Reason.INSUFFICIENT_BALANCE),
        ({"max_participation": "20%"}, Reason.PARTICIPATION_ABOVE_LIMIT),
    ],
)
def test_an_order_that_cannot_be_worked_is_refused_and_leaves_nothing(
    engine: Engine, database: Path, changes: dict[str, object], reason: Reason
) -> None:
    with pytest.raises(OrderRejectedError) as refused:
        engine.submit(an_order(**changes))

    assert refused.value.reason is reason
    assert refused.value.hint
    engine.stop()
    assert queries.executions(database) == []


def test_a_quantity_in_quote_is_worked_in_whole_lots(engine: Engine) -> None:
    done = engine.submit(an_order(quantity="25000quote")).wait().execution

    assert done.arrival_price is not None
    assert Decimal(24_990) < done.quantity * done.arrival_price <= Decimal(25_000)


def test_an_order_repeated_with_its_client_id_is_the_same_execution(engine: Engine) -> None:
    first = engine.submit(an_order(client_id="rebalance"))
    again = engine.submit(an_order(client_id="rebalance"))

    assert (again.execution_id, again.is_new) == (first.execution_id, False)
    with pytest.raises(OrderRejectedError) as conflict:
        engine.submit(an_order(client_id="rebalance", quantity="2"))
    assert conflict.value.reason is Reason.CLIENT_ID_CONFLICT


def test_an_unknown_execution_has_no_status(engine: Engine) -> None:
    with pytest.raises(KeyError):
        engine.status("nobody")  # pyright: ignore[reportArgumentType]


def test_a_subscriber_hears_of_every_event_in_order_until_it_leaves(engine: Engine) -> None:
    heard: list[ExecutionNews] = []
    leave = engine.subscribe(heard.append)
    twap = engine.submit(an_order())
    twap.wait()
    let_pass(engine, timedelta(0))
    leave()
    engine.submit(an_order()).wait()

    events = [event for news in heard for event in news.events]
    assert events == list(load_events(engine._store.database, twap.execution_id))


def test_a_subscriber_that_raises_is_cut_off_and_nothing_else_notices(engine: Engine) -> None:
    heard: list[ExecutionNews] = []

    def raises(news: ExecutionNews) -> None:
        heard.append(news)
        raise RuntimeError("the host's own problem")

    engine.subscribe(raises)
    twap = engine.submit(an_order())

    assert twap.pause().state is ExecutionState.PAUSED
    assert len(heard) == 1


def test_an_order_above_the_operators_notional_is_refused_up_front(database: Path) -> None:
    chosen = settings(database, risk={"max_order_notional": "100"})
    with (
        Engine.start(chosen, virtual=VirtualTime()) as engine,
        pytest.raises(OrderRejectedError) as refused,
    ):
        engine.submit(an_order())

    assert refused.value.reason is Reason.MAX_ORDER_NOTIONAL


def test_what_a_window_longer_than_usual_saw_before_the_start_counts(tmp_path: Path) -> None:
    market = MadeMarket(3, 40, "flat", "steady", True, True, MIDNIGHT_MS)
    recorded = market.write(tmp_path)
    replay = {
        "symbol": "BTC/USDT",
        "trades": recorded.trades,
        "book": recorded.book,
        "depth": recorded.depth,
        "start_at": "2024-08-09T00:15:00Z",
    }
    database = tmp_path / "run.db"
    chosen = settings(database, venue={"kind": "replay", "replay": replay})
    with Engine.start(chosen, virtual=VirtualTime()) as engine:
        twap = engine.submit(an_order(quantity="9", duration="20m", slices=2))
        twap.wait()

    outside = Market(recorded.trades, recorded.book, recorded.depth)
    run = Run.read(database, twap.execution_id)
    assert differences(run, outside, Decimal("0.10")) == []


def test_only_a_replay_does_not_wait_for_the_disk(tmp_path: Path) -> None:
    waits: list[bool] = []

    class Told(PersistenceActor):
        def begin(self) -> None:
            super().begin()
            waits.append(self._database.waits_for_disk)

    recorded = MadeMarket(1, 12, "flat", "steady", True, True, MIDNIGHT_MS).write(tmp_path)
    replay = {"symbol": "BTC/USDT", "trades": recorded.trades, "book": recorded.book}
    for venue in ({"kind": "paper"}, {"kind": "replay", "replay": replay}):
        chosen = settings(tmp_path / f"{venue['kind']}.db", venue=venue)
        Engine.start(chosen, virtual=VirtualTime(), persistence=Told).stop()

    assert waits == [True, False]


def test_an_execution_of_an_earlier_run_can_be_looked_at_and_cancelled_again(
    database: Path,
) -> None:
    with Engine.start(settings(database), virtual=VirtualTime()) as engine:
        engine.submit(an_order(client_id="done")).wait()
        engine.submit(an_order(client_id="gone")).cancel()

    with Engine.start(settings(database), virtual=VirtualTime()) as engine:
        done = engine.submit(an_order(client_id="done"))
        gone = engine.submit(an_order(client_id="gone"))

        assert done.wait().execution.state == ExecutionState.COMPLETED
        assert done.report().fills
        assert gone.cancel().was_already
        with pytest.raises(CommandRefusedError):
            done.cancel()


def test_a_command_right_after_a_restart_waits_for_its_execution(database: Path) -> None:
    with Engine.start(settings(database), virtual=VirtualTime()) as engine:
        engine.submit(an_order(client_id="rebalance")).pause()

    with Engine.start(settings(database)) as engine:
        twap = engine.submit(an_order(client_id="rebalance"))

        assert twap.pause().was_already
        assert twap.cancel().state is ExecutionState.CANCELLED


def test_many_executions_that_are_overdue_at_a_restart_all_end(database: Path) -> None:
    chosen = settings(database, **SHORT)
    with Engine.start(chosen, virtual=VirtualTime()) as engine:
        twaps = [engine.submit(an_order(quantity="0.01", duration="2s")) for _ in range(12)]

    # Today is long after the paper epoch: each of them is past its deadline.
    with Engine.start(chosen) as engine:
        states = {
            engine.wait_until(
                twap.execution_id, lambda row: ExecutionState(row.state).is_final, 60
            ).execution.state
            for twap in twaps
        }

    assert states <= {ExecutionState.INCOMPLETE, ExecutionState.COMPLETED}


def test_while_an_extension_is_under_way_the_tables_have_its_slices(database: Path) -> None:
    with Engine.start(settings(database), virtual=VirtualTime()) as engine:
        order = an_order(quantity="400", on_deadline="extend", max_participation="1%")
        twap = engine.submit(order)
        extended = engine.wait_until(
            twap.execution_id, lambda row: row.slices_total == row.slices_done, 100_000
        )
        let_pass(engine, timedelta(seconds=40))
        known = twap.status()
        assert known.execution.state == ExecutionState.RUNNING

    assert len(known.slices) > extended.execution.slices_total
    assert queries.slices(database, twap.execution_id) == list(known.slices)
    assert sum((part.planned_quantity for part in known.slices), Decimal(0)) == 400


def test_an_engine_that_was_stopped_carries_on_from_its_journal(database: Path) -> None:
    with Engine.start(settings(database), virtual=VirtualTime()) as engine:
        twap = engine.submit(an_order(client_id="rebalance"))
        engine.wait_until(twap.execution_id, lambda row: row.slices_done >= 4)
        before = twap.status()

    with Engine.start(settings(database), virtual=VirtualTime()) as engine:
        again = engine.submit(an_order(client_id="rebalance"))
        after = again.wait()

    assert again.execution_id == twap.execution_id
    assert after.execution.state is ExecutionState.COMPLETED
    assert after.execution.filled_quantity == after.execution.quantity
    assert after.fills[: len(before.fills)] == before.fills
    assert len({fill.trade_id for fill in after.fills}) == len(after.fills)
    assert after.execution.ends_at == before.execution.ends_at


def test_an_open_execution_is_not_carried_on_in_another_market(database: Path) -> None:
    def start(seed: int, **choice: Any) -> Engine:
        venue = {"kind": "paper", "paper": {"seed": seed}}
        return Engine.start(settings(database, venue=venue), virtual=VirtualTime(), **choice)

    with start(7) as engine:
        twap = engine.submit(an_order(client_id="rebalance"))
        engine.wait_until(twap.execution_id, lambda row: row.slices_done >= 4)
        before = twap.status()

    with pytest.raises(OtherMarketError, match="other seed") as refused:
        start(8)
    assert refused.value.parts == ("seed",)
    assert queries.status_of(database, twap.execution_id) == before
    with start(8, recover=lambda _: False) as other:
        with pytest.raises(OrderRejectedError, match="another market") as rejected:
            other.submit(an_order(client_id="rebalance"))
        assert rejected.value.reason is Reason.CLIENT_ID_CONFLICT
        other.submit(an_order(client_id="of its own")).wait()
    with start(7, recover=lambda order: order.client_id == "rebalance") as engine:
        twap = engine.submit(an_order(client_id="rebalance"))
        assert twap.wait().execution.state is ExecutionState.COMPLETED

    with start(8) as other, pytest.raises(OrderRejectedError, match="another market"):
        other.submit(an_order(client_id="rebalance"))


def test_an_execution_from_before_its_market_was_noted_is_carried_on(database: Path) -> None:
    with Engine.start(settings(database), virtual=VirtualTime()) as engine:
        twap = engine.submit(an_order())
        engine.wait_until(twap.execution_id, lambda row: row.slices_done >= 4)
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.executescript(
            "update events set event_data = json_remove(event_data, '$.market_source');"
            "update snapshots set state = json_remove(state, '$.market_source');"
        )

    with Engine.start(settings(database), virtual=VirtualTime()) as engine:
        after = engine.wait_until(twap.execution_id, lambda row: row.finished_at is not None)

    assert after.execution.state is ExecutionState.COMPLETED


def test_what_is_not_chosen_for_recovery_stays_as_it_is(database: Path) -> None:
    with Engine.start(settings(database), virtual=VirtualTime()) as engine:
        twap = engine.submit(an_order())

    with Engine.start(settings(database), virtual=VirtualTime(), recover=lambda _: False) as engine:
        engine.submit(an_order()).wait()

    assert queries.execution(database, twap.execution_id).state == ExecutionState.RUNNING


def test_a_journal_that_fails_is_told_to_whoever_waits(database: Path) -> None:
    engine = Engine.start(settings(database), virtual=VirtualTime())
    twap = engine.submit(an_order())
    with closing(sqlite3.connect(database)) as vandal:
        vandal.execute("drop table fills")
        vandal.execute("drop table twap_slice_history")

    with pytest.raises(EngineFailedError, match="the journal has failed"):
        twap.wait()
    with pytest.raises(EngineFailedError):
        engine.submit(an_order())
    engine.stop()


def test_a_second_pass_through_the_same_time_meets_nothing_of_the_first(database: Path) -> None:
    passes = []
    for _ in range(2):
        with Engine.start(settings(database), virtual=VirtualTime()) as engine:
            passes.append(engine.submit(an_order(quantity="5")).wait())

    first, second = passes
    assert first.execution.created_at == second.execution.created_at
    assert second.execution.state is ExecutionState.COMPLETED
    assert [order.quantity for order in second.orders] == [order.quantity for order in first.orders]


def test_a_second_engine_on_one_database_is_refused(engine: Engine, database: Path) -> None:
    with pytest.raises(DatabaseInUse):
        Engine.start(settings(database), virtual=VirtualTime())
    assert engine.submit(an_order()).execution_id


def test_a_database_of_another_venue_is_refused(engine: Engine, database: Path) -> None:
    engine.stop()
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("update engine_identity set venue = 'binance'")

    with pytest.raises(ForeignDatabase):
        Engine.start(settings(database), virtual=VirtualTime())


@pytest.mark.parametrize(
    "venue", [{"kind": "replay"}, {"kind": "replay", "replay": {"symbol": "A/B"}}]
)
def test_a_venue_that_cannot_be_opened_says_what_is_missing(
    database: Path, venue: dict[str, object]
) -> None:
    with pytest.raises(SourceError) as missing:
        Engine.start(settings(database, venue=venue), virtual=VirtualTime())

    assert missing.value.hint
    assert not database.exists()


def test_a_recording_is_not_worked_on_todays_clock(tmp_path: Path, database: Path) -> None:
    market = MadeMarket(1, 12, "flat", "steady", True, True, MIDNIGHT_MS)
    recorded = market.write(tmp_path / "recording")
    replay = {"symbol": "BTC/USDT", "trades": recorded.trades, "book": recorded.book}

    with pytest.raises(SourceError, match="clock"):
        Engine.start(settings(database, venue={"kind": "replay", "replay": replay}))

    assert not database.exists()


def test_on_threads_many_twaps_run_at_once_and_leave_no_thread(database: Path) -> None:
    before = threading.active_count()
    chosen = settings(database, **SHORT)
    with Engine.start(chosen) as engine:
        twaps = [
            engine.submit(an_order(symbol=symbol, quantity=quantity, duration="3s"))
            for symbol, quantity in (("BTC/USDT", "0.01"), ("ETH/USDT", "0.1"), ("SOL/USDT", "1"))
        ]
        twaps[0].pause()
        twaps[0].resume()
        ended = [twap.wait(timeout=60).execution for twap in twaps]

    assert {row.state for row in ended} == {ExecutionState.COMPLETED}
    assert threading.active_count() == before


def test_a_slow_subscriber_slows_nobody(database: Path) -> None:
    release, heard = threading.Event(), threading.Event()

    def slow(_: ExecutionNews) -> None:
        heard.set()
        release.wait(60)

    with Engine.start(settings(database, **SHORT)) as engine:
        leave = engine.subscribe(slow)
        newest: list[ExecutionNews] = []
        engine.subscribe(newest.append, priority="NORMAL")
        twap = engine.submit(an_order(quantity="0.01", duration="2s"))
        assert heard.wait(60)
        assert twap.pause().state is ExecutionState.PAUSED
        assert twap.cancel().state is ExecutionState.CANCELLED
        release.set()
        leave()

    assert newest[-1].execution.state == ExecutionState.CANCELLED


def test_a_subscriber_that_lets_too_much_wait_is_cut_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listeners, "BUFFERED_NEWS", 2)
    heard: list[object] = []
    stuck, release = threading.Event(), threading.Event()

    def callback(news: ExecutionNews) -> None:
        heard.append(news)
        stuck.set()
        release.wait(60)

    subscriber = listeners.CallbackThread(callback, "HIGH")
    news = [object() for _ in range(6)]
    subscriber.tell(news[0])  # pyright: ignore[reportArgumentType]
    assert stuck.wait(60)
    for each in news[1:]:
        subscriber.tell(each)  # pyright: ignore[reportArgumentType]
    release.set()
    subscriber.close()

    assert heard == news[:4]


def test_subscribers_that_hang_share_the_time_that_a_stop_gives_them(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[float] = []
    close = listeners.CallbackThread.close

    def noted(self: listeners.CallbackThread, timeout: float) -> None:
        given.append(timeout)
        close(self, timeout)

    monkeypatch.setattr(listeners.CallbackThread, "close", noted)
    monkeypatch.setattr(engine_module, "CLOSE_SECONDS", 0.2)
    release = threading.Event()

    def hang(_: ExecutionNews) -> None:
        release.wait(60)

    with Engine.start(settings(database, **SHORT)) as engine:
        for _ in range(3):
            engine.subscribe(hang)
        engine.submit(an_order(quantity="0.01", duration="2s")).cancel()
    release.set()

    assert given[0] > 0
    assert given[1:] == [0, 0]


def test_a_subscriber_thread_that_raises_is_over() -> None:
    heard: list[object] = []

    def callback(news: ExecutionNews) -> None:
        heard.append(news)
        raise RuntimeError("the host's own problem")

    subscriber = listeners.CallbackThread(callback, "HIGH")
    subscriber.tell(object())  # pyright: ignore[reportArgumentType]
    subscriber.close()
    subscriber.tell(object())  # pyright: ignore[reportArgumentType]

    assert len(heard) == 1


def test_an_asyncio_host_is_never_blocked(database: Path) -> None:
    async def host(engine: Engine) -> tuple[str, int]:
        twap = engine.submit(an_order(quantity="0.01", duration="2s"))
        await twap.pause_async()
        with pytest.raises(
            TimeoutError, match=r"is PAUSED \(user\) with 0.* of 0\.01 filled after"
        ):
            await twap.wait_async(timeout=0.01)
        with pytest.raises(ValueError, match="is not exact"):
            twap.settle("x", 1.5)  # pyright: ignore[reportArgumentType]
        await twap.resume_async()
        assert not (await twap.amend_async(limit="10000000")).was_already
        ticks = 0
        waiting = asyncio.ensure_future(twap.wait_async(60))
        while not waiting.done():
            await asyncio.wait([waiting], timeout=0.05)
            ticks += 1
        with pytest.raises(CommandRefusedError):
            await twap.cancel_async()
        return str(waiting.result().execution.state), ticks

    with Engine.start(settings(database, **SHORT)) as engine:
        state, ticks = asyncio.run(host(engine))

    assert state == ExecutionState.COMPLETED
    assert ticks > 5
