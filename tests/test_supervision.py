"""What happens when actors fail while they work: nothing is lost, nothing is done twice, and nobody outside notices."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from pykka import Actor, ActorRef

from genesis_actors import Engine, Settings, TwapOrder
from genesis_actors.actors.analytics import AnalyticsActor
from genesis_actors.actors.control import ControlActor
from genesis_actors.actors.guardian import GuardianActor
from genesis_actors.actors.market_data import MarketDataActor
from genesis_actors.actors.persistence import PersistenceActor
from genesis_actors.actors.risk import RiskActor
from genesis_actors.actors.slicer import SlicerActor
from genesis_actors.actors.supervisor import SupervisorActor
from genesis_actors.actors.venue import VenueActor
from genesis_actors.domain.evolve import fold
from genesis_actors.domain.projection import all_rows
from genesis_actors.engine import (
    CommandRefusedError,
    EngineFailedError,
    OrderRejectedError,
    TwapHandle,
)
from genesis_actors.gateways.paper import PaperVenue
from genesis_actors.messages.control import ExecutionNews
from genesis_actors.messages.supervisor import AmendExecution, Halt, HaltDone
from genesis_actors.opening import VirtualTime
from genesis_actors.runtime.replies import ReplyBox
from genesis_actors.runtime.simulation import DeterministicRuntime
from genesis_actors.storage import queries
from genesis_actors.storage.recovery import load_events
from genesis_actors.values import ClientOrderId, ExecutionState, OrderStatus, Reason, Symbol

SHARED = (
    RiskActor,
    VenueActor,
    MarketDataActor,
    SupervisorActor,
    PersistenceActor,
    AnalyticsActor,
)
BTC = Symbol("BTC/USDT")
FINAL_STATUSES = set(OrderStatus) - {
    OrderStatus.PENDING,
    OrderStatus.SENT,
    OrderStatus.PARTIAL,
    OrderStatus.UNKNOWN,
}


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "genesis.db"


@pytest.fixture
def engine(database: Path) -> Iterator[Engine]:
    with started(database) as running:
        yield running


def started(database: Path) -> Engine:
    settings = Settings(storage={"url": str(database)})
    return Engine.start(settings, virtual=VirtualTime())


def an_order(**changes: object) -> TwapOrder:
    fields: dict[str, object] = {
        "symbol": BTC,
        "side": "buy",
        "quantity": "1",
        "duration": "5m",
        "early_completion": "off",
    }
    return TwapOrder.parse(**{**fields, **changes})


def let_pass(engine: Engine, seconds: float) -> None:
    runtime = engine.runtime
    assert isinstance(runtime, DeterministicRuntime)
    runtime.advance_to(runtime.clock.now() + timedelta(seconds=seconds))


def refs(engine: Engine, kind: type[Actor]) -> list[ActorRef[Any]]:
    return [ref for ref in engine.runtime.living() if ref.actor_class is kind]


def break_(engine: Engine, kind: type[Actor]) -> None:
    """Send an actor something that it cannot handle, so that it fails."""
    for ref in refs(engine, kind):
        ref.tell(object())


def check_books(engine: Engine, database: Path, twap: TwapHandle) -> None:
    """Hold the venue's own ledger against the tables, and the tables against the journal."""
    venue, now = engine.venue, engine.runtime.clock.now()
    events = load_events(database, twap.execution_id)
    execution = fold(None, events)
    assert execution is not None
    assert isinstance(venue, PaperVenue)
    ledger = venue.trades_since(BTC, execution.created_at, now) or ()
    stored = queries.status_of(database, twap.execution_id)
    assert {(t.trade_id, t.quantity, t.price) for t in ledger} == {
        (fill.trade_id, fill.quantity, fill.price) for fill in stored.fills
    }
    assert execution.filled_quantity == sum(trade.quantity for trade in ledger)
    expected = all_rows(execution, events, venue.name)
    assert stored.execution == expected.execution
    assert set(stored.slices) == set(expected.slices)
    assert set(stored.orders) == set(expected.orders)


@pytest.mark.parametrize("style", ["taker", "maker"])
@pytest.mark.parametrize("kind", SHARED)
def test_a_shared_actor_that_fails_takes_nothing_with_it(
    engine: Engine, database: Path, kind: type[Actor], style: str
) -> None:
    twap = engine.submit(an_order(style=style, on_deadline="sweep"))
    before = {ref.actor_urn for ref in refs(engine, kind)}
    for seconds in (40, 61, 17.02):
        let_pass(engine, seconds)
        break_(engine, kind)

    done = twap.wait()

    assert done.execution.state in {ExecutionState.COMPLETED, ExecutionState.INCOMPLETE}
    assert {order.status for order in done.orders} <= FINAL_STATUSES
    assert before.isdisjoint(ref.actor_urn for ref in refs(engine, kind))
    engine.stop()
    check_books(engine, database, twap)


@pytest.mark.parametrize("kind", SHARED)
def test_subscribers_and_waiting_clients_outlive_a_rebuild(
    engine: Engine, kind: type[Actor]
) -> None:
    heard: list[ExecutionNews] = []
    engine.subscribe(heard.append)
    twap = engine.submit(an_order())
    let_pass(engine, 100)
    break_(engine, kind)

    status = twap.wait()

    assert heard[-1].execution == status.execution
    assert {fill.trade_id for news in heard for fill in news.fills} == {
        fill.trade_id for fill in status.fills
    }


@pytest.mark.parametrize("kind", SHARED)
def test_commands_given_while_the_trading_actors_are_gone_are_carried_out(
    engine: Engine, kind: type[Actor]
) -> None:
    twap = engine.submit(an_order())
    let_pass(engine, 100)
    break_(engine, kind)
    assert twap.pause().state is ExecutionState.PAUSED
    break_(engine, kind)
    assert engine.submit(an_order()).is_new
    break_(engine, kind)
    assert engine.halt("test").is_halted
    assert twap.status().execution.state == ExecutionState.PAUSED
    assert engine.unhalt().is_halted is False
    assert twap.cancel().state is ExecutionState.CANCELLED


def test_a_command_that_a_slicer_fails_of_is_answered_and_does_no_further_harm(
    engine: Engine, database: Path
) -> None:
    twap = engine.submit(an_order())
    let_pass(engine, 40)
    before_all_times = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=23, minutes=59)))

    def amend(box: Any) -> AmendExecution:
        return AmendExecution(
            execution_id=twap.execution_id, reply_to=box, ends_at=before_all_times
        )

    with pytest.raises(CommandRefusedError, match="has failed twice"):
        twap._caller.command(amend, 600)

    assert twap.status().execution.state == ExecutionState.RUNNING
    assert twap.pause().state is ExecutionState.PAUSED
    assert twap.resume().state is ExecutionState.RUNNING
    assert twap.wait().execution.state == ExecutionState.COMPLETED
    engine.stop()
    check_books(engine, database, twap)


class PatientPersistence(PersistenceActor):
    """The journal's writer as it is. The engine waits for its disk, as it does in real time."""


def test_while_the_database_is_away_nothing_stays_at_the_venue_and_commands_are_refused(
    database: Path,
) -> None:
    settings = Settings(storage={"url": str(database)})
    away = database.with_name("elsewhere.db")
    with Engine.start(settings, virtual=VirtualTime(), persistence=PatientPersistence) as engine:
        twap = engine.submit(an_order(style="maker", quantity="50"))
        let_pass(engine, 16)
        assert working(engine)
        database.rename(away)
        let_pass(engine, 10)
        assert not working(engine)

        break_(engine, RiskActor)
        let_pass(engine, 2)
        assert not refs(engine, RiskActor)
        with pytest.raises(CommandRefusedError, match="until the database can be read") as refused:
            twap.pause()
        assert refused.value.reason is Reason.JOURNAL_DOWN

        away.rename(database)
        let_pass(engine, 2)
        assert twap.pause().state is ExecutionState.PAUSED
        assert twap.resume().state is ExecutionState.RUNNING
        done = twap.wait()
        assert {order.status for order in done.orders} <= FINAL_STATUSES
        engine.stop()
        check_books(engine, database, twap)


def working(engine: Engine) -> list[str]:
    venue = engine.venue
    assert isinstance(venue, PaperVenue)
    return [x for x, entry in venue._engine._entries.items() if entry.close is None]


def test_actors_that_keep_failing_leave_every_execution_paused_with_nothing_at_the_venue(
    engine: Engine,
) -> None:
    twap = engine.submit(an_order(style="maker", quantity="50"))
    let_pass(engine, 16)
    assert twap.status().execution.working_quantity
    for _ in range(4):
        break_(engine, RiskActor)
        let_pass(engine, 1)
    let_pass(engine, 5)

    row = twap.status().execution
    assert (row.state, row.reason) == (ExecutionState.PAUSED, Reason.REPEATED_FAILURE)
    assert not row.working_quantity + row.unknown_quantity
    let_pass(engine, 60)
    assert twap.resume().state is ExecutionState.RUNNING


def test_actors_that_fail_even_then_stay_stopped_and_whoever_waits_is_told(engine: Engine) -> None:
    twap = engine.submit(an_order())
    for _ in range(6):
        let_pass(engine, 5)
        break_(engine, RiskActor)

    with pytest.raises(EngineFailedError, match="risk"):
        twap.wait()
    assert refs(engine, RiskActor) == []


@pytest.mark.parametrize("kind", [ControlActor, GuardianActor])
def test_what_nobody_can_steer_or_mend_sends_nothing_more(
    engine: Engine, database: Path, kind: type[Actor]
) -> None:
    twap = engine.submit(an_order())
    let_pass(engine, 20)
    break_(engine, kind)

    with pytest.raises(EngineFailedError, match=r"control|guardian"):
        twap.wait()
    sent = len(queries.child_orders(database, twap.execution_id))
    let_pass(engine, 61)  # What the gate said of the last one is written within a second, too.
    placed = [
        order
        for order in queries.child_orders(database, twap.execution_id)
        if order.status != OrderStatus.REFUSED
    ]
    assert len(placed) == sent


def test_a_halt_that_is_not_durable_yet_outlives_a_rebuild(engine: Engine) -> None:
    twap = engine.submit(an_order())
    let_pass(engine, 20)
    sent = len(twap.status().orders)
    box = ReplyBox[HaltDone](engine.runtime)
    break_(engine, PersistenceActor)
    engine.door.tell(Halt(reply_to=box))
    let_pass(engine, 60)

    assert box.is_filled
    assert len(twap.status().orders) == sent


def test_a_rebuild_that_takes_time_finds_the_market_where_it_is(engine: Engine) -> None:
    """The feed of an open symbol is told again only as far as it had come, not into what it is about to tell."""
    twap = engine.submit(an_order())
    let_pass(engine, 20)
    break_(engine, RiskActor)
    runtime = engine.runtime
    assert isinstance(runtime, DeterministicRuntime)
    runtime.clock.move_to(runtime.clock.now() + timedelta(seconds=3))

    assert twap.wait().execution.state is ExecutionState.COMPLETED


def test_a_database_that_is_removed_stops_everything(engine: Engine, database: Path) -> None:
    twap = engine.submit(an_order())
    let_pass(engine, 20)
    database.unlink()

    with pytest.raises(EngineFailedError, match="removed"):
        twap.wait()


@pytest.mark.parametrize("quantity", ["much", "NaN", "-1", "0.5", None])
def test_a_settlement_that_makes_no_sense_is_refused(engine: Engine, quantity: object) -> None:
    twap = engine.submit(an_order())
    let_pass(engine, 20)
    child = ClientOrderId(twap.status().orders[0].client_order_id)

    with pytest.raises((ValueError, CommandRefusedError)):
        twap.settle(child, quantity)  # pyright: ignore[reportArgumentType]


def test_a_slicer_that_fails_is_rebuilt_and_the_others_never_notice(
    engine: Engine, database: Path
) -> None:
    broken, other = engine.submit(an_order()), engine.submit(an_order(side="sell"))
    let_pass(engine, 100)
    first, second = refs(engine, SlicerActor)
    first.tell(object())

    done = broken.wait()
    other.wait()

    assert done.execution.state is ExecutionState.COMPLETED
    assert second in refs(engine, SlicerActor)
    assert first not in refs(engine, SlicerActor)
    assert len(refs(engine, SlicerActor)) == 2
    types = [type(event).__name__ for event in load_events(database, other.execution_id)]
    assert "ChildUnknown" not in types


def test_a_slicer_that_fails_again_and_again_leaves_its_execution_paused(engine: Engine) -> None:
    twap, other = engine.submit(an_order()), engine.submit(an_order())
    let_pass(engine, 100)
    for _ in range(4):
        refs(engine, SlicerActor)[-1].tell(object())
        let_pass(engine, 1)

    state = other.status().execution
    assert (state.state, state.reason) == (ExecutionState.PAUSED, Reason.REPEATED_FAILURE)
    assert twap.wait().execution.state is ExecutionState.COMPLETED
    assert other.resume().state is ExecutionState.RUNNING


def test_a_slicer_that_fails_now_and_then_goes_on(engine: Engine) -> None:
    twap = engine.submit(an_order(duration="10m"))
    for _ in range(6):
        let_pass(engine, 61)
        refs(engine, SlicerActor)[-1].tell(object())

    assert twap.wait().execution.state is ExecutionState.COMPLETED


def test_a_command_to_a_slicer_that_fails_over_it_is_given_to_the_next_one(engine: Engine) -> None:
    twap = engine.submit(an_order())
    let_pass(engine, 100)
    refs(engine, SlicerActor)[0].tell(object())

    assert twap.pause().state is ExecutionState.PAUSED


def test_a_halt_stops_new_children_and_survives_restarts(engine: Engine, database: Path) -> None:
    twap = engine.submit(an_order())
    let_pass(engine, 65)
    done = engine.halt("exchange is odd")
    sent = len(twap.status().orders)
    assert sent
    assert not done.was_already
    assert engine.halt().was_already
    with pytest.raises(OrderRejectedError, match="everything is halted") as refused:
        engine.submit(an_order(client_id="another"))
    assert refused.value.reason is Reason.HALTED
    let_pass(engine, 60)
    assert len(twap.status().orders) == sent
    assert Reason.HALTED in {part.reason for part in twap.status().slices}
    engine.stop()

    with started(database) as again:
        let_pass(again, 30)
        twap = TwapHandle(again, twap.execution_id)
        assert len(twap.status().orders) == sent
        assert again.unhalt().is_halted is False
        assert again.unhalt().was_already
        assert twap.wait().execution.state is ExecutionState.COMPLETED


def test_an_engine_on_threads_rebuilds_too(tmp_path: Path) -> None:
    settings = Settings(
        storage={"url": str(tmp_path / "genesis.db")},
        twap={"min_duration": "1s", "slice_interval": "500ms", "min_slice_interval": "100ms"},
        venue={"paper": {"activity": 20}},
    )
    heard = threading.Event()
    with Engine.start(settings) as engine:
        engine.subscribe(lambda news: heard.set() if news.orders else None)
        twap = engine.submit(an_order(duration="6s", quantity="0.01", on_deadline="leave"))
        for kind in (RiskActor, VenueActor, PersistenceActor):
            assert heard.wait(20)
            heard.clear()
            break_(engine, kind)
        status = twap.wait(timeout=60)

    assert ExecutionState(status.execution.state).is_final
    assert {order.status for order in status.orders} <= FINAL_STATUSES
