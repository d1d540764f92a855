"""Commands from fifty threads at once against one engine that trades: each is answered, and every promise holds."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, TypeAlias

import pytest
import structlog
from sqlalchemy import func, select

from genesis_actors import Engine, Settings, TwapOrder
from genesis_actors.messages.events import TwapAccepted
from genesis_actors.messages.supervisor import (
    AmendExecution,
    CancelExecution,
    CommandDone,
    CommandRefused,
    ExecutionStarted,
    Halt,
    HaltDone,
    LookAtMarket,
    OrderRejected,
    PauseExecution,
    ResumeExecution,
    StartExecution,
    Unhalt,
    UserCommand,
)
from genesis_actors.messages.venue import SymbolDescribed
from genesis_actors.storage import queries
from genesis_actors.storage.database import Database
from genesis_actors.storage.recovery import load_events
from genesis_actors.storage.tables import events
from genesis_actors.values import (
    ClientId,
    ExecutionId,
    ExecutionState,
    ParentOrder,
    Reason,
    ResumeMode,
    Symbol,
)
from tests.stress.judging import judged
from tests.stress.witness import (
    Answered,
    Asked,
    HaltInForce,
    Trace,
    Unhalting,
    WitnessedVenue,
    persistence_for,
)

pytestmark = pytest.mark.stress

THREADS: Final = 50
SYMBOLS: Final = ("BTC/USDT", "ETH/USDT", "SOL/USDT", "XRP/USDT", "ADA/USDT", "LTC/USDT")
PATIENCE_SECONDS: Final = 120.0
"""How long a command may take on a machine that does much else. Only what is lost takes so long."""

Command: TypeAlias = Callable[[Any], UserCommand]
_TYPED: Final[Mapping[type[UserCommand], tuple[type, ...]]] = {
    StartExecution: (ExecutionStarted, OrderRejected),
    PauseExecution: (CommandDone, CommandRefused),
    ResumeExecution: (CommandDone, CommandRefused),
    AmendExecution: (CommandDone, CommandRefused),
    CancelExecution: (CommandDone, CommandRefused),
    Halt: (HaltDone,),
    Unhalt: (HaltDone,),
    LookAtMarket: (SymbolDescribed,),
}


@dataclass(frozen=True)
class Storm:
    """So many commands from each thread, to executions of so many client ids."""

    commands: int
    client_ids: int


class _Box:
    """Where one answer comes in."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._has_come = threading.Event()
        self.command: UserCommand
        self.answers: list[object] = []

    def tell(self, message: object) -> None:
        self._trace.note(Answered(self.command, message))
        self.answers.append(message)
        self._has_come.set()

    def wait(self) -> Any:
        assert self._has_come.wait(PATIENCE_SECONDS), f"nobody has answered: {self.command}"
        return self.answers[0]


@dataclass
class Door:
    """The engine's door, as every thread uses it."""

    engine: Engine
    trace: Trace
    boxes: list[_Box] = field(default_factory=list[_Box])
    open: list[ExecutionId] = field(default_factory=list[ExecutionId])

    def ask(self, command: Command) -> Any:
        return self.send(command).wait()

    def send(self, command: Command) -> _Box:
        box = _Box(self.trace)
        box.command = command(box)
        self.boxes.append(box)
        self.trace.note(Asked(box.command))
        self.engine.door.tell(box.command)
        return box

    def start(self, order: ParentOrder) -> None:
        answer = self.ask(lambda box: StartExecution(order=order, reply_to=box))
        if isinstance(answer, ExecutionStarted) and answer.is_new:
            self.open.append(answer.execution_id)


def test_fifty_threads_of_commands_break_no_promise(tmp_path: Path) -> None:
    _weather(Storm(commands=25, client_ids=100), tmp_path / "genesis.db")


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_fifty_threads_of_commands_break_no_promise_for_long(tmp_path: Path) -> None:
    _weather(Storm(commands=500, client_ids=2_500), tmp_path / "genesis.db")


def _weather(storm: Storm, path: Path) -> None:
    trace, database = Trace(), Database.of(path)
    venue = WitnessedVenue(trace)
    with structlog.testing.capture_logs() as logs:
        with _engine(path, venue, trace) as engine:
            engine.listen(trace)
            door = Door(engine, trace)
            with _halts_now_and_then(door):
                _in_threads(lambda number: _give_commands(door, storm, number))
            left_paused = _end_all(door)
        _check_answers(door)
        assert judged(trace, venue, database) == []
        _check_starts(door, database)
        for _ in range(2):
            before = _events(database)
            with _engine(path, WitnessedVenue(Trace()), Trace()) as engine:
                _repeat_starts(engine, door)
            assert _events(database) == before, "a recovery writes nothing where all was said"
    assert {row.execution_id for row in queries.executions(database) if _is_open(row.state)} == (
        left_paused
    )
    assert {log["event"] for log in logs if log["log_level"] == "error"} == set()
    gate = {log["reason"] for log in logs if log["event"] == "stopped_at_gate"}
    assert gate <= {Reason.HALTED}, "the gate never has to stop what should not have come so far"


def _engine(path: Path, venue: WitnessedVenue, trace: Trace) -> Engine:
    settings = Settings.load(
        None,
        storage={"url": str(path)},
        twap={"min_duration": "10s", "min_slice_interval": "100ms", "max_quote_age": "60s"},
    )
    return Engine.start(settings, venue=venue, persistence=persistence_for(trace))


# --- What the threads do --------------------------------------------------------------------------


def _in_threads(work: Callable[[int], None]) -> None:
    with ThreadPoolExecutor(THREADS) as threads:
        for done in [threads.submit(work, number) for number in range(THREADS)]:
            done.result()


def _give_commands(door: Door, storm: Storm, number: int) -> None:
    rolls = random.Random(f"storm:{number}")
    for nth in range(storm.commands):
        time.sleep(rolls.random() * 0.2)  # Time to trade in: slices are due in real time.
        if not door.open or rolls.random() < 0.25:
            # All threads come to the same client ids at about the same time.
            newest = storm.client_ids * (nth + 1) // storm.commands
            door.start(_order(max(0, newest - rolls.randint(1, 8)), rolls))
            continue
        recent = door.open[-100:]
        x = rolls.choice(recent[-2:] if rolls.random() < 0.3 else recent)  # Two are crowded.
        door.ask(_command(x, rolls))


def _order(number: int, rolls: random.Random) -> ParentOrder:
    """Return the order of a client id: each time the same, but now and then another one by mistake."""
    same = random.Random(f"order:{number}")
    return TwapOrder.parse(
        symbol=same.choice(SYMBOLS),
        side=same.choice(["buy", "sell"]),
        quantity="777quote" if rolls.random() < 0.03 else "3000quote",
        duration=f"{same.randint(20, 60)}s",
        every=f"{same.choice([200, 500, 1000])}ms",
        style=same.choice(["taker", "taker", "maker", "auto"]),
        jitter=same.choice(["0", "20%"]),
        on_deadline="leave",
        early_completion="off",
        client_id=f"k{number}",
    ).parent_order()


def _command(x: ExecutionId, rolls: random.Random) -> Command:
    kind = rolls.choices(("pause", "resume", "amend", "cancel"), (22, 51, 25, 2))[0]
    match kind:
        case "pause":
            return lambda box: PauseExecution(execution_id=x, reply_to=box)
        case "resume":
            mode = rolls.choice(tuple(ResumeMode))
            return lambda box: ResumeExecution(execution_id=x, mode=mode, reply_to=box)
        case "cancel":
            return lambda box: CancelExecution(execution_id=x, reply_to=box)
        case _:
            changes: dict[str, Any] = rolls.choice(
                [
                    {"max_participation": Decimal(rolls.choice(["0.02", "0.05", "0.5"]))},
                    {"duration": timedelta(seconds=rolls.randint(5, 90))},
                    {"removes_limit": True},
                    {"limit_price": Decimal(1_000_000)},
                    {"quantity": Decimal(rolls.choice([1, 10, 100]))},
                ]
            )
            return lambda box: AmendExecution(execution_id=x, reply_to=box, **changes)


@contextmanager
def _halts_now_and_then(door: Door) -> Iterator[None]:
    is_over = threading.Event()

    def halt() -> None:
        while not is_over.wait(1.0):
            door.ask(lambda box: Halt(reason="a drill", reply_to=box))
            # By then the venue's actor is through with what it had let pass.
            door.ask(lambda box: LookAtMarket(symbol=Symbol(SYMBOLS[0]), reply_to=box))
            door.trace.note(HaltInForce())
            is_over.wait(0.3)
            door.trace.note(Unhalting())
            door.ask(lambda box: Unhalt(reply_to=box))

    with ThreadPoolExecutor(1) as operator:
        done = operator.submit(halt)
        try:
            yield
        finally:
            is_over.set()
        done.result()


def _end_all(door: Door) -> set[ExecutionId]:
    """Cancel everything but a few, which are left paused."""
    rest = list(dict.fromkeys(door.open))
    left, ended = set[ExecutionId](), rest[:-3]
    for x in rest[-3:]:
        answer = door.ask(lambda box, x=x: PauseExecution(execution_id=x, reply_to=box))
        if isinstance(answer, CommandDone) and not answer.state.is_final:
            left.add(x)
    cancels: list[Command] = [
        lambda box, x=x: CancelExecution(execution_id=x, reply_to=box) for x in ended
    ]
    for box in [door.send(cancel) for cancel in cancels]:
        answer = box.wait()
        assert isinstance(answer, CommandDone) or answer.reason is not Reason.BUSY
    return left


# --- What is checked ------------------------------------------------------------------------------


def _check_answers(door: Door) -> None:
    told = Counter[tuple[str, str]]()
    for box in door.boxes:
        (answer,) = box.answers  # Nobody is answered twice.
        assert isinstance(answer, _TYPED[type(box.command)])
        said = type(answer).__name__
        if isinstance(answer, CommandRefused | OrderRejected):
            assert answer.message
            said = answer.reason
        told[type(box.command).__name__, said] += 1
    for command, answers in _HEARD.items():
        for said in answers:
            assert told[command, said], f"{command} was never answered by {said}: {told}"


_HEARD: Final[Mapping[str, Sequence[str]]] = {
    "StartExecution": ("ExecutionStarted", Reason.CLIENT_ID_CONFLICT),
    "PauseExecution": ("CommandDone", Reason.BUSY),
    "ResumeExecution": ("CommandDone", Reason.BUSY),
    "AmendExecution": ("CommandDone", Reason.BUSY, Reason.PARTICIPATION_ABOVE_LIMIT),
    "CancelExecution": ("CommandDone",),
    "Halt": ("HaltDone",),
}
"""What comes in every storm; which threads meet is left to chance."""


def _check_starts(door: Door, database: Database) -> None:
    """Hold that each client id is in the journal once, and that all who gave it were told of the same execution."""
    started = defaultdict[ClientId | None, list[ExecutionStarted]](list)
    for box in door.boxes:
        if isinstance(box.command, StartExecution) and isinstance(box.answers[0], ExecutionStarted):
            started[box.command.order.client_id].append(box.answers[0])
    accepted = list[tuple[ClientId | None, ExecutionId]]()
    for row in queries.executions(database):
        first, *rest = load_events(database, row.execution_id)
        assert isinstance(first, TwapAccepted)
        assert not any(isinstance(event, TwapAccepted) for event in rest)
        accepted.append((first.order.client_id, first.execution_id))
    assert sorted(accepted) == sorted(
        (client_id, answers[0].execution_id) for client_id, answers in started.items()
    )
    for answers in started.values():
        assert len({answer.execution_id for answer in answers}) == 1
        assert [answer.is_new for answer in answers].count(True) == 1
    assert max(map(len, started.values())) > 1


def _repeat_starts(engine: Engine, door: Door) -> None:
    orders = {
        box.answers[0].execution_id: box.command.order
        for box in door.boxes
        if isinstance(box.command, StartExecution) and isinstance(box.answers[0], ExecutionStarted)
    }
    for execution_id, order in list(orders.items())[-10:]:
        again = engine.submit(order)
        assert (again.execution_id, again.is_new) == (execution_id, False)


def _events(database: Database) -> int:
    return database.read(
        lambda connection: connection.scalar(select(func.count(events.c.event_id))) or 0
    )


def _is_open(state: str) -> bool:
    return not ExecutionState(state).is_final
