"""One seed: a whole engine, its users, its exchange and all that goes wrong, from the first order to the last check."""

from __future__ import annotations

import gc
import logging
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Generator, MutableMapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

import structlog
from sqlalchemy import Connection, select

from genesis_actors.actors.persistence import WRITER_HAS_FAILED
from genesis_actors.actors.supervisor import JournalUnreadableError
from genesis_actors.engine import Engine
from genesis_actors.messages.persistence import FillRow, OrderRow, SliceRow
from genesis_actors.opening import VirtualTime
from genesis_actors.runtime.simulation import DeterministicRuntime
from genesis_actors.settings import Settings
from genesis_actors.simulation.audit import Audit
from genesis_actors.simulation.crashes import Crashes, SabotageError, sabotage
from genesis_actors.simulation.exchange import Exchange
from genesis_actors.simulation.faults import NO_FAULTS, WEATHERS, Dice, Weather
from genesis_actors.simulation.invariants import Invariants
from genesis_actors.simulation.journal import Disk, persistence_on
from genesis_actors.simulation.market import HISTORY
from genesis_actors.simulation.network import Network
from genesis_actors.simulation.users import Users
from genesis_actors.simulation.wealth import Wealth
from genesis_actors.storage import queries
from genesis_actors.storage.checks import check_database
from genesis_actors.storage.database import Database
from genesis_actors.storage.migrations import migrate
from genesis_actors.storage.tables import fills, orders, twap_slice_history
from genesis_actors.values import ExecutionState, Reason, decimal_text

_START: Final = datetime(2025, 1, 6, 14, 0, tzinfo=UTC)
_SETTLING: Final = timedelta(minutes=8)
_LAST_LOOK: Final = timedelta(seconds=30)
_NEVER: Final = 1 << 62
_MOST_AT_AN_INSTANT: Final = 50_000  # Messages.
_REPORTED_SEEDS: Final = 8
"""One seed in so many makes reports, which take a fifth of its time, and on which no promise depends."""
_FAILS_AFTER_ANOTHER: Final = (
    SabotageError.__name__,
    f"{JournalUnreadableError.__name__}: {WRITER_HAS_FAILED}",
)
"""How failures begin that we have made, or that follow from one which is told by itself."""
_UNLIMITED: Final = 0.75
_EXPOSURES: Final = (None, "20000", "100000")
_NEVER_AT_THE_GATE: Final = {Reason.DUPLICATE_ORDER, Reason.PARENT_QUANTITY}
"""Why the gate stops what should never have come that far."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is simulated: the arguments of `genesis simulate` for one seed."""

    seed: int
    executions: int = 20
    minutes: Decimal = Decimal(10)
    weather: Weather = Weather.HOSTILE
    directory: Path | None = None

    @property
    def command(self) -> str:
        return (
            f"genesis simulate --seed {self.seed} --executions {self.executions} "
            f"--minutes {decimal_text(self.minutes)} --faults {self.weather}"
        )


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one seed. `trace` tells the last that is known of the executions whose promises were broken."""

    plan: Plan
    simulated_seconds: float
    cpu_seconds: float
    children: int
    faults: dict[str, int]
    crashes: int
    recoveries: int
    violations: tuple[str, ...]
    trace: tuple[str, ...]
    trace_hash: str


def simulate(plan: Plan) -> Result:
    """Run one seed to its end. The same plan has the same result, whenever and wherever."""
    with _collected_when_over():
        return _result_of(plan)


def _result_of(plan: Plan) -> Result:
    began = time.process_time()
    with _directory_of(plan) as directory:
        simulation = _Simulation(plan, directory / f"seed-{plan.seed}.db")
        with _logs_to(simulation.on_log), suppress(_StuckError):
            simulation.run()
    return simulation.result(time.process_time() - began)


class _StuckError(Exception):
    """Messages go round and round, and time stands still: there is nothing more to simulate."""


class _Simulation:
    def __init__(self, plan: Plan, path: Path) -> None:
        faults = WEATHERS[plan.weather]
        counts = Counter[str]()
        # The exchange is older than the engine: its first window of volume is there already.
        opened = _START - HISTORY
        self._plan = plan
        self._path = path
        self._faults = faults
        self._counts = counts
        self._dice = Dice(f"world:{plan.seed}", counts)
        self._exchange = Exchange(plan.seed, opened, counts)
        self._invariants = Invariants(self._exchange)
        self._audit = Audit(self._invariants)
        self._invariants.now = _START
        self._network = Network(plan.seed, self._exchange, faults, counts, opened)
        self._network.watcher = self._invariants
        self._invariants.watch(self._network)
        self._disk = Disk(plan.seed, faults, counts, self._invariants)
        self._persistence = persistence_on(self._disk)
        self._users = Users(
            plan.seed,
            executions=plan.executions,
            start=_START,
            minutes=plan.minutes,
            invariants=self._invariants,
            exchange=self._exchange,
            network=self._network,
        )
        self._crashes = Crashes(
            plan.seed,
            faults,
            counts,
            _START,
            sent=lambda: self._invariants.children,
            committed=lambda: self._disk.commits,
        )
        self._settings = Settings.model_validate(
            {
                "engine": {"seed": plan.seed},
                "storage": {"url": f"sqlite+aiosqlite:///{path}"},
                "twap": {"min_duration": "1m", "max_duration": "60m"},
                "risk": _limits(plan.seed) | _correlations(plan.seed),
                "account": Wealth(plan.seed).settings,
            }
        )
        self._engine: Engine
        self._runtime: DeterministicRuntime
        self._now = _START
        self._instant_began = 0  # So many messages had been handled before the present one.
        self._lives = 0
        self._crash_count = 0
        self._act_at = _NEVER
        self._is_given_up = False  # Its operator starts it again.
        self._trace = blake2b(digest_size=16)

    # --- The course of things ---

    def run(self) -> None:
        self._path.write_bytes(_empty_database())
        self._network.pass_time(_START)
        self._exchange.trade_for_others(_START)
        self._start()
        self._go_wrong(_START + timedelta(minutes=float(self._plan.minutes)))
        self._settle()
        self._look_again()

    def _go_wrong(self, until: datetime) -> None:
        dice, faults = self._dice, self._faults
        next_act = self._now + dice.pause(faults.user_every)
        next_jump = self._now + dice.pause(faults.clock_jump_every)
        next_failure = self._now + dice.pause(faults.actor_failure_every)
        while self._now < until:
            due = min(next_act, next_jump, next_failure, until)
            for other in (self._users.next_wish_at, self._crashes.next_at):
                due = due if other is None else min(due, other)
            self._run_to(due)
            if self._crashes.next_at is not None and self._now >= self._crashes.next_at:
                self._crashes.set_trap(self._runtime.messages_handled)
            self._users.submit_due()
            if self._now >= next_act:
                next_act = self._now + dice.pause(faults.user_every)
                # Not only when all is quiet: also in the midst of what happens at one instant.
                self._act_at = self._runtime.messages_handled + dice.random.choice((0, 5, 20))
                if self._act_at == self._runtime.messages_handled:
                    self._act()
            if self._now >= next_failure:
                next_failure = self._now + dice.pause(faults.actor_failure_every)
                sabotage(self._runtime, dice)
            if self._now >= next_jump:
                next_jump = self._now + dice.pause(faults.clock_jump_every)
                dice.counts["clock_jump"] += 1
                self._runtime.clock.move_to(self._now + dice.seconds(1, 60))

    def _settle(self) -> None:
        """Let nothing go wrong any more, and wait until every execution is over or paused."""
        self._network.faults = self._disk.faults = NO_FAULTS
        self._crashes.stop()
        self._act_at = _NEVER  # Nor does a user begin anything any more that nobody would end.
        if self._dice.random.random() < 0.5:  # noqa: PLR2004 - in half of the seeds
            self._restart(self._dice.seconds(0, 20))
        self._users.leave(resume=self._dice.random.random() < 0.5)  # noqa: PLR2004 - in half of the seeds
        ends = self._now + timedelta(minutes=float(self._plan.minutes))
        self._run_to(self._now + timedelta(seconds=10))  # What was asked for last is yet to happen.
        while not self._is_settled() and self._now < ends:
            self._run_to(self._now + timedelta(seconds=10))
            self._users.submit_due()
        self._audit.check_deadlines(self._now)
        self._users.cancel_what_runs()
        ends = self._now + _SETTLING
        while not self._is_settled() and self._now < ends:
            self._run_to(self._now + timedelta(seconds=10))
        self._run_to(self._now + _LAST_LOOK)
        self._users.check_answered(self._now)
        self._restart(timedelta(seconds=1))
        self._run_to(self._now + _LAST_LOOK)
        self._audit.check_settled(self._now)
        self._end()

    def _look_again(self) -> None:
        """Check what is left on disk, and that one more recovery leaves it as it is."""
        database = Database.of(self._path)
        self._audit.check_ledger(
            {(fill.symbol, fill.trade_id): fill for fill in database.read(_fills)}, self._now
        )
        self._audit.check_figures(database.read(_slice_rows), database.read(_order_rows), self._now)
        self._audit.check_foreign_orders(self._now)
        for problem in check_database(database).problems:
            self._invariants.broken("P5", self._now, problem)
        before = queries.last_sequence(database)
        self._start()
        self._run_to(self._now + _LAST_LOOK)
        self._end()
        written = queries.last_sequence(database) - before
        if written:
            self._invariants.broken("P5", self._now, f"a second recovery wrote {written} events")

    def _is_settled(self) -> bool:
        is_quiet = self._users.next_wish_at is None and self._users.are_answered
        return is_quiet and all(
            ExecutionState(row.state).is_final
            # What is paused for an order without an outcome goes on by itself.
            or (row.state == ExecutionState.PAUSED and row.reason != Reason.UNSETTLED_CHILD)
            for row in self._invariants.rows.values()
        )

    # --- The process ---

    def _start(self) -> None:
        self._lives += 1
        self._runtime = DeterministicRuntime(
            seed=self._plan.seed * 1_000_003 + self._lives, start=self._now, trace=True
        )
        self._engine = Engine.start(
            self._settings,
            virtual=VirtualTime(),
            venue=self._network,
            make_runtime=lambda _seed, _start: self._runtime,
            persistence=self._persistence,
            makes_reports=self._plan.seed % _REPORTED_SEEDS == 0,
        )
        self._engine.subscribe(self._invariants.on_news)
        self._users.connect(self._engine.door, self._runtime.clock.now)

    def _run_to(self, when: datetime) -> None:
        """Live on until `when`; also after a crash on the way."""
        while True:
            if not self._runtime.run_until(self._is_over, deadline=when):
                self._runtime.clock.move_to(when)
                self._note_time()
                return
            self._restart(self._crashes.downtime())
            if self._now >= when:
                return

    def _is_over(self) -> bool:
        """Tell whether the process dies here; asked after every message."""
        handled, now = self._runtime.messages_handled, self._runtime.clock.now()
        if now is not self._now:
            self._now = self._invariants.now = now
            self._instant_began = handled
        elif handled - self._instant_began > _MOST_AT_AN_INSTANT:
            self._invariants.broken("P9", self._now, "messages go round, and time stands still")
            self._engine.abandon()
            raise _StuckError
        if handled >= self._act_at:
            self._act()
        return self._is_given_up or self._crashes.is_sprung(handled)

    def _note_time(self) -> None:
        self._now = self._invariants.now = self._runtime.clock.now()

    def _act(self) -> None:
        self._act_at = _NEVER
        self._users.do_something()

    def _restart(self, downtime: timedelta) -> None:
        self._crash_count += 1
        self._note_time()
        self._act_at = _NEVER
        self._is_given_up = False
        self._trace.update(self._runtime.trace_hash.encode())
        self._engine.abandon()
        self._network.crash()
        self._now += downtime
        self._instant_began = 0
        self._network.pass_time(self._now)
        self._invariants.now = self._now
        self._start()
        self._crashes.restarted(self._now)

    def _end(self) -> None:
        self._instant_began = 0
        self._engine.stop()
        self._trace.update(self._runtime.trace_hash.encode())
        self._network.crash()

    # --- What is told of it ---

    def on_log(self, event: MutableMapping[str, Any]) -> None:
        """Take note of what only the log tells."""
        match event.get("event"):
            case "actor_failed":
                error = str(event.get("error"))
                if not error.startswith(_FAILS_AFTER_ANOTHER):
                    what = f"the actor {event.get('actor')} has failed: {error}"
                    self._invariants.broken("P9", self._now, what)
            case "stopped_at_gate" if event.get("reason") in _NEVER_AT_THE_GATE:
                what = f"the gate had to stop {event.get('client_order_id')}: {event.get('reason')}"
                self._invariants.broken("P1", self._now, what)
            case "core_given_up":
                self._is_given_up = True
            case _:
                pass

    def result(self, cpu_seconds: float) -> Result:
        violations = self._invariants.violations
        concerned = dict.fromkeys(v.execution_id for v in violations if v.execution_id is not None)
        return Result(
            plan=self._plan,
            simulated_seconds=(self._now - _START).total_seconds(),
            cpu_seconds=cpu_seconds,
            children=self._invariants.children,
            faults=dict(sorted(self._counts.items())),
            crashes=self._crash_count,
            recoveries=self._lives - 1,
            violations=tuple(map(str, violations)),
            trace=tuple(line for x in list(concerned)[:2] for line in self._invariants.trace_of(x)),
            trace_hash=self._trace.hexdigest(),
        )


def _limits(seed: int) -> dict[str, object]:
    """Return limits that bind, in one seed of four: what they refuse, pause and let wait keeps every promise too."""
    draw = random.Random(f"limits:{seed}")
    if draw.random() < _UNLIMITED:
        return {}
    return {
        "max_open_executions": draw.choice((3, 5, 10)),
        "queue_ageing": "30s",
        "queue_expiry": draw.choice(("2m", "30m")),
        "max_symbol_exposure": draw.choice(_EXPOSURES),
        "max_portfolio_exposure": draw.choice(_EXPOSURES),
        "max_orders_per_second": draw.choice((1, 5, 1_000)),
        "max_daily_loss": draw.choice((None, "1000000")),
    }


def _correlations(seed: int) -> dict[str, object]:
    """Return rules by which pairs that hardly move together do so too much, in one seed of four."""
    draw = random.Random(f"correlations:{seed}")
    if draw.random() < _UNLIMITED:
        return {}
    return {
        "correlation_interval": "4s",
        "correlation_window": "2m",
        "correlation_min_samples": 5,
        "correlation_prior_samples": draw.choice((0, 5)),
        "correlation_warning": "0.05",
        "correlation_critical": draw.choice(("0.1", "0.3")),
        "correlation_action": draw.choice(("refuse", "scale")),
        "max_correlated_exposure": draw.choice(_EXPOSURES),
    }


@contextmanager
def _collected_when_over() -> Generator[None]:
    """Let the collector look once, when nothing holds the seed any more: what it sees alive grows old, and stays."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@contextmanager
def _directory_of(plan: Plan) -> Generator[Path]:
    if plan.directory is not None:
        plan.directory.mkdir(parents=True, exist_ok=True)
        yield plan.directory
        return
    memory = Path("/dev/shm")  # noqa: S108 - a directory of our own is made in it
    parent = memory if memory.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="genesis-simulation-", dir=parent) as name:
        yield Path(name)


@contextmanager
def _logs_to(listener: Callable[[MutableMapping[str, Any]], None]) -> Generator[None]:
    def listen(
        _logger: object, _method: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        listener(event)
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(
        processors=[listen],
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        cache_logger_on_first_use=False,
    )
    try:
        yield
    finally:
        structlog.configure(**before)


@cache
def _empty_database() -> bytes:
    """Return a database without content: to migrate one for each seed would take longer than the rest."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "empty.db"
        migrate(path)
        return path.read_bytes()


def _fills(connection: Connection) -> list[FillRow]:
    return [FillRow(**row) for row in connection.execute(select(fills)).mappings()]


def _slice_rows(connection: Connection) -> list[SliceRow]:
    return [SliceRow(**row) for row in connection.execute(select(twap_slice_history)).mappings()]


def _order_rows(connection: Connection) -> list[OrderRow]:
    return [OrderRow(**row) for row in connection.execute(select(orders)).mappings()]
