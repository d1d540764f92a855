"""An execution that has been over for a while leaves memory, and is found again by whatever still comes for it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from genesis_actors import Engine, Settings
from genesis_actors.actors.slicer import SlicerActor
from genesis_actors.actors.supervisor import RETIRED_AFTER, SupervisorActor
from genesis_actors.engine import CommandRefusedError, OrderRejectedError, TwapHandle
from genesis_actors.gateways.paper import PaperVenue
from genesis_actors.messages.control import ExecutionNews
from genesis_actors.messages.slicer import Retire, SlicerMessage
from genesis_actors.messages.supervisor import SlicerRetired
from genesis_actors.messages.venue import OrderAccepted, OrderFilled, OrderOutcome, PlaceOrder
from genesis_actors.opening import VirtualTime
from genesis_actors.storage import queries
from genesis_actors.storage.checks import check_database
from genesis_actors.values import (
    ExecutionId,
    ExecutionState,
    Symbol,
    VenueOrderId,
)
from tests.making import a_fill
from tests.test_supervision import an_order, let_pass, refs

RETIRED = RETIRED_AFTER.total_seconds() + 1


class _Venue(PaperVenue):
    """Tells a trade more whenever it is asked for trades, once it has been given one."""

    trades_every: timedelta | None = timedelta(seconds=30)

    def __init__(self) -> None:
        super().__init__(1)
        self.placed: list[PlaceOrder] = []
        self.late: list[OrderFilled] = []

    def place(self, order: PlaceOrder, at: datetime) -> tuple[OrderOutcome, ...]:
        self.placed.append(order)
        return super().place(order, at)

    def trades_since(
        self, symbol: Symbol, since: datetime, at: datetime
    ) -> tuple[OrderFilled, ...]:
        told = super().trades_since(symbol, since, at) or ()
        return *told, *(each for each in self.late if each.traded_at >= since)


@pytest.fixture
def venue() -> _Venue:
    return _Venue()


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "genesis.db"


@pytest.fixture
def engine(database: Path, venue: _Venue) -> Iterator[Engine]:
    settings = Settings.model_validate({"storage": {"url": str(database)}})
    with Engine.start(settings, virtual=VirtualTime(), venue=venue) as running:
        yield running


def ended(engine: Engine, **changes: object) -> TwapHandle:
    twap = engine.submit(an_order(**changes))
    let_pass(engine, 90)
    twap.cancel()
    assert twap.status().execution.state == ExecutionState.CANCELLED
    return twap


def a_late_fill(engine: Engine, venue: _Venue) -> OrderFilled:
    order, now = venue.placed[-1], engine.runtime.clock.now()
    return a_fill(order, quantity=str(order.quantity), trade_id="late", at=now)


def slicers(engine: Engine) -> int:
    return len(refs(engine, SlicerActor))


def refusal(command: Callable[[], object]) -> str:
    with pytest.raises(CommandRefusedError) as refused:
        command()
    return str(refused.value)


def test_what_has_ended_leaves_memory_and_answers_as_before(
    engine: Engine, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genesis_actors.actors.control.REMEMBERED_ENDED", 1)
    twap = ended(engine, client_id="mine")
    before = twap.status()
    refused, cancelled = refusal(twap.pause), twap.cancel()
    let_pass(engine, RETIRED)
    assert slicers(engine) == 0
    ended(engine)

    assert twap.status() == replace(before, fills=twap.status().fills)
    assert {fill.trade_id for fill in twap.status().fills} == {f.trade_id for f in before.fills}
    assert refusal(twap.pause) == refused
    assert twap.cancel() == cancelled
    again = engine.submit(an_order(client_id="mine"))
    assert (again.execution_id, again.is_new) == (twap.execution_id, False)
    let_pass(engine, RETIRED)
    assert slicers(engine) == 0
    assert check_database(database).problems == ()


def test_a_trade_that_is_told_when_its_execution_has_left_is_recorded_and_told_once(
    engine: Engine, venue: _Venue, database: Path
) -> None:
    heard: list[ExecutionNews] = []
    engine.subscribe(heard.append)
    twap = ended(engine)
    let_pass(engine, RETIRED)
    before = len(twap.status().fills)
    heard.clear()
    venue.late.append(a_late_fill(engine, venue))

    let_pass(engine, 120)

    assert len(queries.status_of(database, twap.execution_id).fills) == before + 1
    assert [fill.trade_id for news in heard for fill in news.fills] == ["late"]
    assert slicers(engine) == 1
    let_pass(engine, RETIRED)
    assert slicers(engine) == 0
    assert check_database(database).problems == ()


def test_no_order_of_an_execution_that_has_left_passes_the_gate(
    engine: Engine, venue: _Venue
) -> None:
    twap = ended(engine)
    let_pass(engine, RETIRED)
    sent = len(venue.placed)

    for ref in engine.runtime.living():
        if ref.actor_class.__name__ == "VenueActor":
            ref.tell(venue.placed[0].model_copy(update={"client_order_id": "another"}))
    let_pass(engine, 5)

    assert len(venue.placed) == sent
    assert twap.status().execution.state == ExecutionState.CANCELLED


def test_what_comes_while_a_slicer_is_asked_whether_it_can_go_reaches_it(
    engine: Engine, venue: _Venue, monkeypatch: pytest.MonkeyPatch
) -> None:
    twap = ended(engine)
    (supervisor,) = refs(engine, SupervisorActor)
    order, now = venue.placed[-1], engine.runtime.clock.now()
    accepted = OrderAccepted(
        at=now,
        execution_id=twap.execution_id,
        client_order_id=order.client_order_id,
        venue_order_id=VenueOrderId("v"),
    )
    heard: list[object] = []
    handle = SlicerActor.handle

    def hear(slicer: SlicerActor, message: SlicerMessage) -> None:
        heard.append(message)
        if message == Retire():
            supervisor.tell(accepted)
        handle(slicer, message)

    monkeypatch.setattr(SlicerActor, "handle", hear)
    let_pass(engine, RETIRED)

    assert heard[heard.index(Retire()) :] == [Retire(), accepted]
    assert slicers(engine) == 1
    supervisor.tell(SlicerRetired(at=now, execution_id=twap.execution_id, is_ready=True))
    let_pass(engine, 1)
    assert slicers(engine) == 1, "nobody has asked it"


def test_a_slicer_does_not_go_before_what_it_has_heard_is_durable(
    engine: Engine, venue: _Venue, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    twap = ended(engine)
    before = len(twap.status().fills)
    handle = SlicerActor.handle
    late = iter([a_late_fill(engine, venue)])

    def hear(slicer: SlicerActor, message: SlicerMessage) -> None:
        if message == Retire() and (fill := next(late, None)) is not None:
            handle(slicer, fill)
        handle(slicer, message)

    monkeypatch.setattr(SlicerActor, "handle", hear)
    let_pass(engine, RETIRED)

    assert slicers(engine) == 1
    assert len(queries.status_of(database, twap.execution_id).fills) == before + 1
    let_pass(engine, RETIRED)
    assert slicers(engine) == 0


def test_a_slicer_that_fails_when_it_is_asked_whether_it_can_go_is_built_anew(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    twap = ended(engine)
    (first,) = refs(engine, SlicerActor)
    handle = SlicerActor.handle

    def fail(slicer: SlicerActor, message: SlicerMessage) -> None:
        if message == Retire() and slicer.actor_urn == first.actor_urn:
            raise RuntimeError
        handle(slicer, message)

    monkeypatch.setattr(SlicerActor, "handle", fail)
    let_pass(engine, RETIRED)

    (second,) = refs(engine, SlicerActor)
    assert second.actor_urn != first.actor_urn
    assert "CANCELLED" in refusal(twap.pause)
    let_pass(engine, RETIRED)
    assert slicers(engine) == 0


def test_a_damaged_journal_of_what_is_over_disturbs_nobody(
    engine: Engine, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genesis_actors.actors.control.REMEMBERED_ENDED", 1)
    twap = ended(engine, client_id="mine")
    let_pass(engine, RETIRED)
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("DELETE FROM events WHERE aggregate_version = 1")
        connection.execute("DELETE FROM snapshots")
        connection.commit()
    other = engine.submit(an_order())

    for _ in range(4):
        assert "damaged" in refusal(twap.pause)
    with pytest.raises(OrderRejectedError, match="damaged"):
        engine.submit(an_order(client_id="mine"))
    assert "no open execution" in refusal(
        TwapHandle(engine, ExecutionId("nobody"), is_new=False).pause
    )
    assert "cannot be read" in refusal(
        TwapHandle(engine, ExecutionId("\ud800"), is_new=False).pause
    )
    assert other.wait().execution.state == ExecutionState.COMPLETED


def test_a_trade_for_a_damaged_journal_disturbs_nobody_and_is_recorded_once_that_is_repaired(
    engine: Engine, database: Path, venue: _Venue
) -> None:
    twap = ended(engine)
    order = venue.placed[-1]
    let_pass(engine, RETIRED)
    other = engine.submit(an_order(duration="30m"))
    let_pass(engine, 40)
    marks = _marks(database)
    with closing(sqlite3.connect(database)) as connection:
        kept = "SELECT event_data FROM events WHERE aggregate_id = ? AND aggregate_version = 1"
        (event,) = connection.execute(kept, (twap.execution_id,)).fetchone()
    _set_first_event(database, twap, "{}")
    now = engine.runtime.clock.now()
    venue.late.append(a_fill(order, quantity="0.001", trade_id="late", at=now))

    let_pass(engine, 400)

    assert refs(engine, SupervisorActor)[0].is_alive()
    assert "cannot be read" in refusal(twap.pause)
    assert other.status().execution.state == ExecutionState.RUNNING
    assert _marks(database) == marks, "a restart would ask for that trade again"

    _set_first_event(database, twap, event)
    let_pass(engine, 61)
    assert "late" in {f.trade_id for f in queries.status_of(database, twap.execution_id).fills}
    other.cancel()
    assert check_database(database).problems == ()


def _set_first_event(database: Path, twap: TwapHandle, data: str) -> None:
    with closing(sqlite3.connect(database)) as connection:
        change = "UPDATE events SET event_data = ? WHERE aggregate_id = ? AND aggregate_version = 1"
        connection.execute(change, (data, twap.execution_id))
        connection.commit()


def _marks(database: Path) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute("SELECT symbol, recorded_until FROM known_trades").fetchall()


@pytest.mark.parametrize("is_ended", [False, True])
def test_a_trade_is_asked_for_as_long_as_the_slicer_that_is_to_record_it_fails(
    engine: Engine, database: Path, venue: _Venue, is_ended: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it rests after too many failures, the trade waits in memory, and is lost with the next failure."""
    twap = ended(engine) if is_ended else engine.submit(an_order(duration="30m"))
    if not is_ended:
        let_pass(engine, 90)
        twap.pause()

    let_pass(engine, 5)  # So that it is never asked for just when a rest ends.

    def fail(_slicer: SlicerActor) -> None:
        raise RuntimeError("it fails of whatever it is told")

    with monkeypatch.context() as failing:
        failing.setattr(SlicerActor, "begin", fail)
        refs(engine, SlicerActor)[-1].tell(object())
        let_pass(engine, 5)
        venue.late.append(a_late_fill(engine, venue))
        let_pass(engine, 150)
    let_pass(engine, 200)

    assert "late" in {f.trade_id for f in queries.status_of(database, twap.execution_id).fills}
    twap.cancel()
    assert check_database(database).problems == ()
