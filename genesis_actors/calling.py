"""How whoever is outside of the actors asks them: a message with a box for its answer, and a wait for that.

Each question has a form for plain threads and one for event loops, which it never holds up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import Final, TypeAlias, TypeVar

from pykka import ActorDeadError

from genesis_actors.domain.report import ExecutionReport
from genesis_actors.listeners import Failures, When
from genesis_actors.messages.base import Address
from genesis_actors.messages.control import (
    ControlMessage,
    ExecutionNews,
    ExecutionStatus,
    GetStatus,
    Subscribe,
    Unsubscribe,
)
from genesis_actors.messages.persistence import ExecutionRow
from genesis_actors.messages.supervisor import CommandDone, CommandRefused, UserCommand
from genesis_actors.runtime.actor import ActorFailed
from genesis_actors.runtime.replies import ReplyBox
from genesis_actors.runtime.system import Runtime
from genesis_actors.storage.analysis import load_evidence
from genesis_actors.storage.database import Database
from genesis_actors.storage.errors import ExecutionNotFound
from genesis_actors.storage.queries import status_of
from genesis_actors.values import ExecutionId, ExecutionState, decimal_text

A = TypeVar("A")

ANSWER_SECONDS: Final = 30.0

Fits: TypeAlias = Callable[[ExecutionRow], bool]
Build: TypeAlias = Callable[[Address[CommandDone | CommandRefused]], UserCommand]


class CommandRefusedError(Exception):
    """The execution's state, or a bound, forbids the command. `reason` is a stable code.

    `limit` and `actual` are the numbers that were compared, where it was numbers.
    """

    def __init__(self, refused: CommandRefused) -> None:
        super().__init__(refused.message)
        self.execution_id = refused.execution_id
        self.reason = refused.reason
        self.limit = refused.limit
        self.actual = refused.actual


class EngineFailedError(Exception):
    """An actor has failed and what it did cannot go on; what is durable stays, and the next start carries on."""

    def __init__(self, failed: ActorFailed) -> None:
        super().__init__(f"{failed.actor_name} has failed: {failed.error}")
        self.actor = failed.actor_name


class EngineStoppedError(Exception):
    """The engine was stopped before there was an answer. Open executions stay open, and the next start carries on."""

    def __init__(self) -> None:
        super().__init__("the engine is stopped")


class Caller:
    """Asks one engine's control actor. `door` is its address, or stands for it until it is there."""

    def __init__(
        self,
        runtime: Runtime,
        door: Address[ControlMessage],
        database: Database,
    ) -> None:
        self.runtime = runtime
        self.door = door
        """Where messages may be sent without waiting for what comes of them."""
        self.database = database
        self._failures = Failures()
        self._is_stopped = False

    # --- Questions -------------------------------------------------------------------------------

    def ask(
        self, question: Callable[[Address[A]], ControlMessage], timeout: float = ANSWER_SECONDS
    ) -> A:
        """Send a message built for its reply address, and wait for the answer.

        Raises TimeoutError, or EngineFailedError or EngineStoppedError where that comes first.
        """
        box: ReplyBox[A | ActorFailed] = ReplyBox(self.runtime)
        try:
            self._send(question, box)
            return self._answer_of(box.get(timeout))
        finally:
            self._failures.forget(box)

    async def ask_async(
        self,
        question: Callable[[Address[A]], ControlMessage],
        timeout: float = ANSWER_SECONDS,  # noqa: ASYNC109
    ) -> A:
        """Do as `ask` does, without holding up the event loop."""
        box: ReplyBox[A | ActorFailed] = ReplyBox(self.runtime)
        try:
            self._send(question, box)
            return self._answer_of(await box.get_async(timeout))
        finally:
            self._failures.forget(box)

    def command(self, build: Build, timeout: float) -> CommandDone:
        """Send a command built for its reply address, and wait for what comes of it. Raises CommandRefusedError."""
        return _done(self.ask(build, timeout))

    async def command_async(self, build: Build, timeout: float) -> CommandDone:  # noqa: ASYNC109
        return _done(await self.ask_async(build, timeout))

    def status(self, execution_id: ExecutionId) -> ExecutionStatus:
        """Return all that is known of an execution; KeyError for an unknown one."""
        known = self.ask(_status_question(execution_id))
        return self._ended(execution_id) if known is None else known

    async def status_async(self, execution_id: ExecutionId) -> ExecutionStatus:
        known = await self.ask_async(_status_question(execution_id))
        return await asyncio.to_thread(self._ended, execution_id) if known is None else known

    def has_ended(self, execution_id: ExecutionId) -> ExecutionState | None:
        """Return the final state of an execution of this or an earlier run, None while it is open or unknown."""
        try:
            state = ExecutionState(self.status(execution_id).execution.state)
        except KeyError:
            return None
        return state if state.is_final else None

    def generate_execution_report(self, execution_id: ExecutionId) -> ExecutionReport:
        """Return the report of an execution of this or an earlier run, from the database; KeyError for an unknown one.

        The market of the last minute of one that is still open may not be written down yet.
        """
        try:
            return load_evidence(self.database, execution_id).report(self.runtime.clock.now())
        except ExecutionNotFound:
            raise KeyError(execution_id) from None

    # --- Waiting ---------------------------------------------------------------------------------

    def wait_until(
        self, execution_id: ExecutionId, fits: Fits, timeout: float | None = None
    ) -> ExecutionStatus:
        """Wait until the execution's row fits and return its status. `timeout` in seconds of the engine's clock."""
        with self._told_when(execution_id, fits) as box:
            status = self.status(execution_id)
            if fits(status.execution):
                return status
            try:
                self._answer_of(box.get(timeout))
            except TimeoutError as error:
                raise _not_yet(self.status(execution_id), timeout) from error
            return self.status(execution_id)

    async def wait_until_async(
        self,
        execution_id: ExecutionId,
        fits: Fits,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> ExecutionStatus:
        """Do as `wait_until` does, without holding up the event loop; it may be cancelled at any time."""
        with self._told_when(execution_id, fits) as box:
            status = await self.status_async(execution_id)
            if fits(status.execution):
                return status
            try:
                self._answer_of(await box.get_async(timeout))
            except TimeoutError as error:
                raise _not_yet(await self.status_async(execution_id), timeout) from error
            return await self.status_async(execution_id)

    def on_failure(self, address: Address[ActorFailed]) -> None:
        """Tell `address` of the first failure that nobody mends, now or when it happens."""
        self._failures.wake(address)

    # --- How -------------------------------------------------------------------------------------

    def _send(
        self, question: Callable[[Address[A]], ControlMessage], box: ReplyBox[A | ActorFailed]
    ) -> None:
        self._failures.wake(box)
        # What cannot be answered is not asked: it might take effect all the same.
        if not box.is_filled:
            self._tell(question(box))

    @contextmanager
    def _told_when(
        self, execution_id: ExecutionId, fits: Fits
    ) -> Generator[ReplyBox[ExecutionNews | ActorFailed]]:
        box: ReplyBox[ExecutionNews | ActorFailed] = ReplyBox(self.runtime)
        when = When(lambda news: fits(news.execution), box)
        self._tell(Subscribe(when, execution_id))
        self._failures.wake(box)
        try:
            yield box
        finally:
            self._failures.forget(box)
            self._tell(Unsubscribe(when, execution_id))

    def _tell(self, message: ControlMessage) -> None:
        with suppress(ActorDeadError):  # Whoever waits for its answer is told that it has failed.
            self.door.tell(message)

    def _ended(self, execution_id: ExecutionId) -> ExecutionStatus:
        """Return the status of an execution of an earlier run: its rows are all there is, and they change no more."""
        try:
            return status_of(self.database, execution_id)
        except ExecutionNotFound:
            raise KeyError(execution_id) from None

    def _answer_of(self, answer: A | ActorFailed) -> A:
        if not isinstance(answer, ActorFailed):
            return answer
        if self._is_stopped:
            raise EngineStoppedError
        raise EngineFailedError(answer)


def _status_question(
    execution_id: ExecutionId,
) -> Callable[[Address[ExecutionStatus | None]], ControlMessage]:
    return lambda box: GetStatus(execution_id, box)


def _not_yet(status: ExecutionStatus, timeout: float | None) -> TimeoutError:
    """Say how it is instead, when the time for waiting is up."""
    row = status.execution
    filled = f"{decimal_text(row.filled_quantity)} of {decimal_text(row.quantity)} filled"
    why = f" ({row.reason})" if row.reason else ""
    until = "and nothing is left to do" if timeout is None else f"after {timeout:g} s"
    return TimeoutError(f"execution {row.execution_id} is {row.state}{why} with {filled} {until}")


def _done(answer: CommandDone | CommandRefused) -> CommandDone:
    if isinstance(answer, CommandRefused):
        raise CommandRefusedError(answer)
    return answer
