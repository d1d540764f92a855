"""One execution's trouble is its own: beside three in the worst of it, the others do exactly what they do alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import pytest

from genesis_actors import Engine, Settings, TwapOrder
from genesis_actors.actors import supervisor
from genesis_actors.actors.slicer import SlicerActor
from genesis_actors.engine import CommandRefusedError
from genesis_actors.gateways.paper import PaperVenue
from genesis_actors.handles import TwapHandle
from genesis_actors.messages.control import ExecutionStatus
from genesis_actors.messages.slicer import SlicerMessage
from genesis_actors.messages.supervisor import (
    CommandDone,
    CommandRefused,
    PauseExecution,
    ResumeExecution,
)
from genesis_actors.messages.venue import (
    CancelOrder,
    LookUpOrder,
    OrderOutcome,
    PlaceOrder,
)
from genesis_actors.opening import VirtualTime
from genesis_actors.runtime.simulation import DeterministicRuntime
from genesis_actors.storage.checks import check_database
from genesis_actors.values import ExecutionState, Reason, Symbol
from tests.helpers import Probe

UNANSWERED = Symbol("DOGE/USDT")
RAISES: Final = "raises"
VICTIMS: Final = (
    {"symbol": "BTC/USDT", "side": "buy", "quantity": "1", "client_id": RAISES},
    {"symbol": "XRP/USDT", "side": "buy", "quantity": "2000"},
    {"symbol": UNANSWERED, "side": "sell", "quantity": "2000"},
)
OTHERS: Final = (
    {"symbol": "BTC/USDT", "side": "buy", "quantity": "1"},
    {"symbol": "BNB/USDT", "side": "sell", "quantity": "40", "style": "maker"},
    {"symbol": "ETH/USDT", "side": "buy", "quantity": "20", "style": "auto", "jitter": "20%"},
    {"symbol": "SOL/USDT", "side": "sell", "quantity": "200", "on_deadline": "sweep"},
    {"symbol": "LTC/USDT", "side": "buy", "quantity": "5000", "every": "10s"},
)
COMMANDS = 10_000


class DeafVenue(PaperVenue):
    """Takes orders in one symbol, and never says what has become of them."""

    def place(self, order: PlaceOrder, at: datetime) -> tuple[OrderOutcome, ...]:
        return () if order.symbol == UNANSWERED else super().place(order, at)

    def cancel(self, request: CancelOrder, at: datetime) -> tuple[OrderOutcome, ...]:
        return () if request.symbol == UNANSWERED else super().cancel(request, at)

    def look_up(self, request: LookUpOrder, at: datetime) -> tuple[OrderOutcome, ...]:
        return () if request.symbol == UNANSWERED else super().look_up(request, at)


class RaisingSlicer(SlicerActor):
    """Fails of whatever it is told, if it works that one order."""

    def _handle(self, message: SlicerMessage) -> None:
        if self._execution.order.client_id == RAISES:
            raise RuntimeError("always")
        super()._handle(message)


@dataclass(frozen=True)
class Course:
    """What became of the others, all that is known of them; and of those in trouble."""

    others: list[ExecutionStatus]
    victims: list[ExecutionStatus]
    failures: int
    answers: list[CommandDone | CommandRefused]


def run(database: Path, *, disturbed: bool) -> Course:
    settings = Settings.load(None, storage={"url": str(database)}, engine={"seed": 3})
    venue = DeafVenue(3)
    answers: Probe[CommandDone | CommandRefused] = Probe()
    with Engine.start(settings, virtual=VirtualTime(), venue=venue) as engine:
        runtime = engine.runtime
        assert isinstance(runtime, DeterministicRuntime)
        twaps = [engine.submit(an_order(**wishes)) for wishes in OTHERS]
        victims: list[TwapHandle] = []
        if disturbed:
            victims = [engine.submit(an_order(**wishes)) for wishes in VICTIMS]
            runtime.advance_to(runtime.clock.now() + timedelta(seconds=50))
            with pytest.raises(CommandRefusedError, match="tried again at") as refused:
                victims[0].resume()
            assert refused.value.reason is Reason.REPEATED_FAILURE
            flood(engine, victims[1], answers)
        others = [twap.wait() for twap in twaps]
        told = [twap.status() for twap in victims]
        failures = runtime.failures.total()
    assert check_database(database).problems == ()
    return Course(others, told, failures, answers.messages)


def an_order(**wishes: str) -> TwapOrder:
    return TwapOrder.parse(**{"duration": "5m", "early_completion": "off", **wishes})


def flood(engine: Engine, twap: TwapHandle, answers: Probe[CommandDone | CommandRefused]) -> None:
    for number in range(COMMANDS):
        kind = (PauseExecution, ResumeExecution)[number % 2]
        engine.door.tell(kind(execution_id=twap.execution_id, reply_to=answers))


def test_three_in_trouble_change_nothing_for_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "SlicerActor", RaisingSlicer)
    alone = run(tmp_path / "alone.db", disturbed=False)
    beside = run(tmp_path / "beside.db", disturbed=True)

    assert beside.others == alone.others
    assert all(status.execution.filled_quantity for status in alone.others)
    raising, flooded, unanswered = (status.execution for status in beside.victims)
    assert (raising.state, raising.reason) == (ExecutionState.PAUSED, Reason.REPEATED_FAILURE)
    assert 5 <= beside.failures <= 5 * 7, "each minute it is tried a few times, and rests then"
    assert (unanswered.state, unanswered.reason) == (
        ExecutionState.PAUSED,
        Reason.UNSETTLED_CHILD,
    )
    assert flooded.filled_quantity
    assert len(beside.answers) == COMMANDS
    assert {type(answer) for answer in beside.answers} == {CommandDone, CommandRefused}
