"""The door for everything outside: it hands commands on, one at a time for each execution, and tells the news.

It answers questions from its own copy of the news, so that no question ever waits for an execution.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias, assert_never

from genesis_actors.domain.status import updated
from genesis_actors.messages.control import (
    ControlMessage,
    ExecutionNews,
    ExecutionStatus,
    GetStatus,
    Subscribe,
    Unsubscribe,
)
from genesis_actors.messages.supervisor import (
    CancelExecution,
    CommandDone,
    CommandRefused,
    PauseExecution,
    ResumeExecution,
    StartExecution,
    UserCommand,
)
from genesis_actors.runtime.actor import ActorFailed, Address, MessageActor
from genesis_actors.runtime.system import Runtime
from genesis_actors.values import ExecutionId, Reason


@dataclass(frozen=True, slots=True)
class CommandAnswered:
    """The answer to a command that we handed on."""

    execution_id: ExecutionId
    answer: CommandDone | CommandRefused
    reply_to: Address[CommandDone | CommandRefused]


_Message: TypeAlias = ControlMessage | CommandAnswered


@dataclass(frozen=True, slots=True)
class _AnswerHere:
    """Where the supervisor answers a command: at the control actor, which frees the execution for the next one."""

    control: Address[CommandAnswered]
    execution_id: ExecutionId
    reply_to: Address[CommandDone | CommandRefused]

    def tell(self, message: CommandDone | CommandRefused) -> None:
        self.control.tell(CommandAnswered(self.execution_id, message, self.reply_to))


class ControlActor(MessageActor[_Message]):
    """Admits one unanswered command per execution; a flood of commands is its sender's own problem."""

    dispatcher_kind = "shared"

    def __init__(
        self,
        runtime: Runtime,
        *,
        supervisor: Address[UserCommand],
        failures: Address[ActorFailed],
        known: dict[ExecutionId, ExecutionStatus],
    ) -> None:
        super().__init__(runtime, name="control", supervisor=failures)
        self._executions_address = supervisor
        self._known = dict(known)
        self._subscribers: list[Address[ExecutionNews]] = []
        self._busy: set[ExecutionId] = set()

    def handle(self, message: _Message) -> None:
        match message:
            case ExecutionNews():
                self._on_news(message)
            case StartExecution():
                self.send(self._executions_address, message)
            case PauseExecution() | ResumeExecution() | CancelExecution():
                self._on_command(message)
            case CommandAnswered():
                self._busy.discard(message.execution_id)
                self.send(message.reply_to, message.answer)
            case GetStatus():
                self.send(message.reply_to, self._known.get(message.execution_id))
            case Subscribe():
                self._subscribers.append(message.subscriber)
            case Unsubscribe():
                self._subscribers = [s for s in self._subscribers if s is not message.subscriber]
            case _:
                assert_never(message)

    def _on_news(self, news: ExecutionNews) -> None:
        self._known[news.execution_id] = updated(self._known.get(news.execution_id), news)
        for subscriber in self._subscribers:
            self.send(subscriber, news)

    def _on_command(self, command: PauseExecution | ResumeExecution | CancelExecution) -> None:
        execution_id = command.execution_id
        if execution_id in self._busy:
            self.send(
                command.reply_to,
                CommandRefused(
                    execution_id=execution_id,
                    reason=Reason.BUSY,
                    message=f"an earlier command for execution {execution_id} is not answered yet",
                ),
            )
            return
        self._busy.add(execution_id)
        here = _AnswerHere(self.actor_ref, execution_id, command.reply_to)
        self.send(self._executions_address, command.model_copy(update={"reply_to": here}))
