"""The door for everything outside: it hands commands on, one at a time for each execution, and tells the news.

It answers questions from its own copy of the news, so that no question ever waits for an execution. What it has
handed on it remembers until it is answered: when the trading actors had to be rebuilt, it asks again.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass
from itertools import count
from typing import Any, TypeAlias, assert_never

from genesis_actors.domain.client_ids import EXECUTION_ID_BITS, execution_id_from
from genesis_actors.domain.status import updated
from genesis_actors.messages.control import (
    ControlMessage,
    CoreRebuilt,
    ExecutionNews,
    ExecutionStatus,
    GetJournalState,
    GetStatus,
    JournalState,
    StatusRestored,
    Subscribe,
    Unsubscribe,
)
from genesis_actors.messages.persistence import JournalDown
from genesis_actors.messages.supervisor import (
    AmendExecution,
    CancelExecution,
    CommandRefused,
    Halt,
    OrderRejected,
    PauseExecution,
    ResumeExecution,
    SettleChild,
    StartExecution,
    Unhalt,
    UserCommand,
)
from genesis_actors.runtime.actor import ActorFailed, Address, MessageActor
from genesis_actors.runtime.system import Runtime
from genesis_actors.values import ExecutionId, Reason


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer to the so-manieth command that we handed on."""

    number: int
    answer: object


_ForExecution: TypeAlias = (
    PauseExecution | ResumeExecution | CancelExecution | SettleChild | AmendExecution
)
_Message: TypeAlias = ControlMessage | Answered


@dataclass(frozen=True, slots=True)
class _AnswerHere:
    """Where the supervisor answers a command: at the control actor, which frees the execution for the next one."""

    control: Address[Answered]
    number: int

    def tell(self, message: object) -> None:
        self.control.tell(Answered(self.number, message))


@dataclass(frozen=True, slots=True)
class _Asked:
    """A command on its way, and where its answer is awaited."""

    command: UserCommand
    reply_to: Address[Any]


class ControlActor(MessageActor[_Message]):
    """Admits one unanswered command per execution; a flood of commands is its sender's own problem."""

    dispatcher_kind = "shared"

    def __init__(
        self,
        runtime: Runtime,
        *,
        supervisor: Address[UserCommand],
        failures: Address[ActorFailed],
        known: MutableMapping[ExecutionId, ExecutionStatus],
    ) -> None:
        super().__init__(runtime, name="control", supervisor=failures)
        self._executions_address = supervisor
        self._known = known
        self._subscribers: list[Address[ExecutionNews]] = []
        self._next_number = count().__next__
        self._asked: dict[int, _Asked] = {}
        self._busy: set[ExecutionId] = set()
        self._outage: str | None = None

    def handle(self, message: _Message) -> None:  # noqa: C901 - one line a case
        match message:
            case ExecutionNews():
                self._on_news(message)
            case StartExecution() if self._outage is not None:
                self._refuse_start(message, self._outage)
            case StartExecution():
                # Named here, so that a start that has to be repeated starts nothing twice.
                drawn = execution_id_from(self.runtime.random.getrandbits(EXECUTION_ID_BITS))
                named = message.execution_id or drawn
                self._hand_on(message.model_copy(update={"execution_id": named}))
            case (
                PauseExecution()
                | ResumeExecution()
                | CancelExecution()
                | SettleChild()
                | AmendExecution()
            ):
                self._on_command(message)
            case Halt() | Unhalt():
                self._hand_on(message)
            case Answered():
                self._on_answered(message)
            case StatusRestored():
                self._on_restored(message)
            case JournalDown():
                self._outage = message.error
            case CoreRebuilt():
                self._outage = None
                for restored in message.statuses:
                    self._on_restored(restored)
                for asked in self._asked.values():
                    self.send(self._executions_address, asked.command)
            case GetStatus():
                self.send(message.reply_to, self._known.get(message.execution_id))
            case GetJournalState():
                self.send(message.reply_to, JournalState(self._outage))
            case Subscribe():
                self._subscribers.append(message.subscriber)
            case Unsubscribe():
                self._subscribers = [s for s in self._subscribers if s is not message.subscriber]
            case _:
                assert_never(message)

    def _on_news(self, news: ExecutionNews) -> None:
        self._known[news.execution_id] = updated(self._known.get(news.execution_id), news)
        self._tell(news)

    def _tell(self, news: ExecutionNews) -> None:
        for subscriber in self._subscribers:
            self.send(subscriber, news)

    def _on_restored(self, restored: StatusRestored) -> None:
        """Take over what the journal has, and tell what nobody had heard of it."""
        status = restored.status
        execution_id = ExecutionId(status.execution.execution_id)
        known = self._known.get(execution_id)
        self._known[execution_id] = status
        if known is None or known == status:
            return
        heard = {fill.trade_id for fill in known.fills}
        self._tell(
            ExecutionNews(
                at=restored.at,
                execution_id=execution_id,
                events=(),
                execution=status.execution,
                slices=status.slices,
                orders=status.orders,
                fills=tuple(fill for fill in status.fills if fill.trade_id not in heard),
            )
        )

    def _on_command(self, command: _ForExecution) -> None:
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
        self._hand_on(command)

    def _refuse_start(self, start: StartExecution, outage: str) -> None:
        """Refuse what would otherwise begin whenever the disk is back, long after anybody waits for it."""
        rejected = OrderRejected(
            reason=Reason.JOURNAL_DOWN,
            message=f"the journal takes no writes: {outage}",
            hint="nothing was sent; give the order again when the disk is back",
        )
        self.send(start.reply_to, rejected)

    def _hand_on(self, command: UserCommand) -> None:
        number = self._next_number()
        here = _AnswerHere(self.actor_ref, number)
        handed_on = command.model_copy(update={"reply_to": here})
        self._asked[number] = _Asked(handed_on, command.reply_to)
        self.send(self._executions_address, handed_on)

    def _on_answered(self, answered: Answered) -> None:
        asked = self._asked.pop(answered.number, None)
        if asked is None:
            return  # It was asked again, and answered twice.
        if not isinstance(asked.command, StartExecution | Halt | Unhalt):
            self._busy.discard(asked.command.execution_id)
        self.send(asked.reply_to, answered.answer)
