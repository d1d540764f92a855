"""The process behind the door: one engine, its door, and an end that leaves nothing in doubt."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from types import FrameType
from typing import Final, TypeAlias

from genesis_actors.control.callers import Port
from genesis_actors.control.desk import House
from genesis_actors.control.left import left_behind
from genesis_actors.control.limits import Limits
from genesis_actors.control.notify import notify
from genesis_actors.control.prices import Prices
from genesis_actors.control.protocol import StopMode
from genesis_actors.control.resting import Rest, RestAnswer
from genesis_actors.control.server import Door
from genesis_actors.control.sockets import (
    PID_FILE,
    HeldFile,
    lock_beside,
    private_directory,
    token_in,
)
from genesis_actors.engine import Engine
from genesis_actors.logs import get_logger
from genesis_actors.messages.supervisor import CommandDone, CommandRefused, ResumeExecution
from genesis_actors.runtime.actor import ActorFailed
from genesis_actors.runtime.interpreter import have_short_pauses
from genesis_actors.settings import Settings
from genesis_actors.storage import queries
from genesis_actors.storage.database import Database
from genesis_actors.storage.errors import StorageError
from genesis_actors.values import ExecutionId, ExecutionState, Reason, ResumeMode

DRAIN_SECONDS: Final = 30.0
"""So long executions may take to come to rest before the daemon ends all the same."""
LOOK_SECONDS: Final = 0.1

_Heard: TypeAlias = StopMode | ActorFailed | RestAnswer

log = get_logger()


@dataclass(frozen=True, slots=True)
class _Inbox:
    """An address that puts what it is told into the main thread's queue."""

    queue: SimpleQueue[_Heard]

    def tell(self, message: _Heard) -> None:
        self.queue.put(message)


@dataclass(frozen=True, slots=True)
class _End:
    """How the daemon was to end, and which executions were open when that was said."""

    mode: StopMode
    were_open: frozenset[ExecutionId]


@dataclass(slots=True)
class Daemon:
    """Runs until somebody asks for its end: a signal, a client, or an actor that nobody can mend."""

    settings: Settings
    say: Callable[[str], None]
    limits: Limits = field(default_factory=Limits)
    _queue: SimpleQueue[_Heard] = field(default_factory=SimpleQueue[_Heard])

    def run(self) -> bool:
        """Return whether it ended because it was asked to. Raises DoorError, SourceError, StorageError."""
        settings = self.settings
        state_dir, socket_path = settings.engine.state_dir, settings.socket
        private_directory(state_dir)
        private_directory(socket_path.parent)
        pid_file, lock = HeldFile(state_dir / PID_FILE), HeldFile(lock_beside(socket_path))
        pid_file.acquire(
            f"a daemon works in {state_dir} already",
            "use it, stop it (genesis daemon stop), or give this one another [engine] state_dir",
        )
        try:
            lock.acquire(
                f"a daemon listens at {socket_path} already",
                "use it, stop it (genesis daemon stop), or name another --socket",
            )
            self._catch_signals()
            have_short_pauses()
            return self._work(socket_path)
        finally:
            lock.release()
            pid_file.release()

    def _work(self, socket_path: Path) -> bool:
        settings = self.settings
        port = settings.control.port
        chosen = None if port is None else Port(port, token_in(settings.token_file))
        prices = Prices()
        with Engine.start(settings, market_tap=prices) as engine:
            database = engine.database
            engine.on_failure(_Inbox(self._queue))
            self._go_on(engine)
            house = House(
                mode=settings.engine.mode,
                venue=engine.venue.name,
                database=_named(database),
                socket=str(socket_path),
                started_at=engine.runtime.clock.now(),
            )
            door = Door(
                engine,
                house,
                on_stop=self._queue.put,
                prices=prices,
                port=chosen,
                metrics_port=settings.control.metrics_port,
                limits=self.limits,
            )
            door.open()
            try:
                self.say(f"listening at {socket_path}, process {os.getpid()}")
                notify("READY=1", f"STATUS=listening at {socket_path}")
                end = self._until_over(engine, door)
            finally:
                door.close()
        if end is None:
            return False
        self._say_what_is_left(database, end)
        return True

    def _say_what_is_left(self, database: Database, end: _End) -> None:
        try:
            told = str(left_behind(database, end.were_open))
        except StorageError as error:
            told = f"what became of the executions cannot be read: {error.message}"
        self.say(f"stopped ({end.mode}): {told}")

    def _until_over(self, engine: Engine, door: Door) -> _End | None:
        """Return how it has ended as it was asked to, None where it has failed."""
        while True:
            heard = self._queue.get()
            match heard:
                case ActorFailed():
                    log.critical("engine_failed", actor=heard.actor_name, error=heard.error)
                    return None
                case StopMode():
                    notify("STOPPING=1", f"STATUS=stopping: {heard}")
                    self.say(f"stopping: {heard}")
                    door.refuse_starts()
                    return self._come_to_rest(engine, door, heard)
                case CommandDone():
                    log.info("execution_goes_on", execution_id=heard.execution_id)
                case CommandRefused():
                    log.warning(
                        "execution_stays", execution_id=heard.execution_id, why=heard.message
                    )

    def _go_on(self, engine: Engine) -> None:
        """Resume what an earlier daemon paused when it ended. The end of each window stays."""
        inbox = _Inbox(self._queue)
        for row in queries.executions(engine.database, states=[ExecutionState.PAUSED]):
            if row.reason == Reason.DRAINED:
                engine.door.tell(
                    ResumeExecution(
                        execution_id=ExecutionId(row.execution_id),
                        mode=ResumeMode.CATCH_UP,
                        reply_to=inbox,
                    )
                )

    def _come_to_rest(self, engine: Engine, door: Door, mode: StopMode) -> _End:
        """Have every open execution come to rest, for so long; a stronger word on how to end wins."""
        rest = Rest(mode, engine.insist, _Inbox(self._queue))
        were_open: set[ExecutionId] = set()
        deadline = time.monotonic() + DRAIN_SECONDS
        while rest.mode is not StopMode.ABANDON:
            rows = door.open_executions()
            were_open |= {ExecutionId(row.execution_id) for row in rows or ()}
            if rows is not None and not rest.look(rows):
                break
            if time.monotonic() >= deadline:
                for row in rows or ():
                    log.warning("execution_not_at_rest", execution_id=row.execution_id)
                break
            before = rest.mode
            if not self._hear(rest, time.monotonic() + LOOK_SECONDS):
                break
            if rest.mode is not before:
                self.say(f"stopping: {rest.mode}")
                deadline = time.monotonic() + DRAIN_SECONDS
        return _End(rest.mode, frozenset(were_open))

    def _hear(self, rest: Rest, until: float) -> bool:
        """Take in what comes until then; return whether it is worth waiting on."""
        while (left := until - time.monotonic()) > 0:
            try:
                heard = self._queue.get(timeout=left)
            except Empty:
                break
            match heard:
                case StopMode():
                    rest.ask(heard)
                case ActorFailed():
                    return False
                case CommandDone() | CommandRefused():
                    continue  # What has come of it is seen in what has become durable.
        return True

    def _catch_signals(self) -> None:
        """Drain at the first signal, and end at once at the second."""
        mode = StopMode.DRAIN

        def on_signal(number: int, _frame: FrameType | None) -> None:
            nonlocal mode
            del number
            self._queue.put(mode)
            mode = StopMode.ABANDON

        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, on_signal)


def _named(database: Database) -> str:
    return str(database if database.path is None else database.path.absolute())
