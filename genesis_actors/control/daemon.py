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

from genesis_actors.control.desk import House
from genesis_actors.control.notify import notify
from genesis_actors.control.prices import Prices
from genesis_actors.control.protocol import StopMode
from genesis_actors.control.server import Door, Limits, Port
from genesis_actors.control.sockets import HeldFile, lock_beside, private_directory, token_in
from genesis_actors.engine import Engine
from genesis_actors.logs import get_logger
from genesis_actors.messages.base import Address
from genesis_actors.messages.supervisor import (
    CancelExecution,
    CommandDone,
    CommandRefused,
    PauseExecution,
    ResumeExecution,
)
from genesis_actors.runtime.actor import ActorFailed
from genesis_actors.settings import Settings
from genesis_actors.storage import queries
from genesis_actors.storage.database import Database
from genesis_actors.storage.errors import StorageError
from genesis_actors.values import ExecutionId, ExecutionState, Reason, ResumeMode

DRAIN_SECONDS: Final = 30.0
"""So long executions may take to come to rest before the daemon ends all the same."""
ASK_AGAIN_SECONDS: Final = 0.2

PID_FILE: Final = "daemon.pid"

_Answer: TypeAlias = CommandDone | CommandRefused
_Command: TypeAlias = PauseExecution | CancelExecution
_Heard: TypeAlias = StopMode | ActorFailed | _Answer

log = get_logger()


@dataclass(frozen=True, slots=True)
class _Inbox:
    """An address that puts what it is told into the main thread's queue."""

    queue: SimpleQueue[_Heard]

    def tell(self, message: _Heard) -> None:
        self.queue.put(message)


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
            engine.on_failure(_Inbox(self._queue))
            self._go_on(engine)
            house = House(
                mode=settings.engine.mode,
                venue=engine.venue.name,
                database=_named(engine.database),
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
                return self._until_over(engine, door)
            finally:
                door.close()

    def _until_over(self, engine: Engine, door: Door) -> bool:
        while True:
            heard = self._queue.get()
            match heard:
                case ActorFailed():
                    log.critical("engine_failed", actor=heard.actor_name, error=heard.error)
                    return False
                case StopMode():
                    notify("STOPPING=1", f"STATUS=stopping: {heard}")
                    self.say(f"stopping: {heard}")
                    door.refuse_starts()
                    self._come_to_rest(engine, heard)
                    return True
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

    def _come_to_rest(self, engine: Engine, mode: StopMode) -> None:
        """Ask every open execution to come to rest, and wait for it; what asks for the end once more ends at once."""
        if mode is StopMode.ABANDON:
            return
        waiting = self._open(engine, mode)
        inbox = _Inbox(self._queue)
        for execution_id in waiting:
            engine.door.tell(_command(execution_id, mode, inbox))
        deadline = time.monotonic() + DRAIN_SECONDS
        busy: set[ExecutionId] = set()
        while waiting and time.monotonic() < deadline:
            try:
                heard = self._queue.get(timeout=ASK_AGAIN_SECONDS)
            except Empty:
                for execution_id in busy:
                    engine.door.tell(_command(execution_id, mode, inbox))
                busy.clear()
                continue
            match heard:
                case StopMode() | ActorFailed():
                    break
                case CommandRefused() if heard.reason is Reason.BUSY:
                    busy.add(heard.execution_id)
                case CommandDone() | CommandRefused():
                    waiting.discard(heard.execution_id)
        for execution_id in sorted(waiting):
            log.warning("execution_not_at_rest", execution_id=execution_id)

    def _open(self, engine: Engine, mode: StopMode) -> set[ExecutionId]:
        """Return the executions that have to come to rest."""
        states = {ExecutionState.RUNNING}
        if mode is StopMode.CANCEL:
            states |= {ExecutionState.PAUSED, ExecutionState.QUEUED}
        try:
            rows = queries.executions(engine.database, states=states)
        except StorageError as error:
            log.warning("executions_not_readable", error=error.message)
            return set()
        return {ExecutionId(row.execution_id) for row in rows}

    def _catch_signals(self) -> None:
        def on_signal(number: int, _frame: FrameType | None) -> None:
            del number
            self._queue.put(StopMode.DRAIN)

        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, on_signal)


def _named(database: Database) -> str:
    return str(database if database.path is None else database.path.absolute())


def _command(execution_id: ExecutionId, mode: StopMode, inbox: Address[_Answer]) -> _Command:
    if mode is StopMode.CANCEL:
        return CancelExecution(execution_id=execution_id, reply_to=inbox)
    return PauseExecution(execution_id=execution_id, reason=Reason.DRAINED, reply_to=inbox)
