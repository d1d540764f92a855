"""The door for everything outside: it hands commands on, one at a time for each execution, and tells the news.

It answers questions from its own copy of the news, so that no question ever waits for an execution. What it has
handed on it remembers until it is answered: when the trading actors had to be rebuilt, it asks again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import MutableMapping
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Any, TypeAlias, assert_never

from genesis_actors.domain.client_ids import EXECUTION_ID_BITS, execution_id_from
from genesis_actors.domain.status import REMEMBERED_ENDED, begins, is_over, updated
from genesis_actors.messages.control import (
    ControlMessage,
    CoreLost,
    CoreRebuilt,
    ExecutionNews,
    ExecutionStatus,
    GetJournalState,
    GetStatus,
    JournalState,
    PendingHalt,
    StatusRestored,
    Subscribe,
    Unsubscribe,
)
from genesis_actors.messages.persistence import JournalDown
from genesis_actors.messages.supervisor import (
    AmendExecution,
    CancelExecution,
    ExecutionCommand,
    Halt,
    LookAtMarket,
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
from genesis_actors.values import ExecutionId, Reason, TradeId


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


@dataclass(slots=True)
class _Asked:
    """A command on its way, and where its answer is awaited."""

    command: UserCommand
    reply_to: Address[Any]
    at: datetime
    failures: int = 0
    """How often the trading actors were lost while they had it."""


MAX_FAILURES = 2
"""A command that was in hand when actors failed so often is not asked again: it may be what they fail of."""


class ControlActor(MessageActor[_Message]):
    """Admits one unanswered command per execution; a flood of commands is its sender's own problem.

    A cancel overtakes what waits, and an operator's word may be just what that waits for.
    """

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
        self._ended: deque[ExecutionId] = deque()
        self._subscribers: dict[ExecutionId | None, list[Address[ExecutionNews]]] = {None: []}
        """By the execution that they are told of; thousands may wait for the end of one each."""
        self._next_number = count().__next__
        self._asked: dict[int, _Asked] = {}
        self._busy: dict[ExecutionId, int] = {}
        """The number of the newest command that keeps others of its execution from being admitted."""
        self._outage: str | None = None
        self._is_core_lost = False

    def handle(self, message: _Message) -> None:  # noqa: C901 - one line a case
        match message:
            case ExecutionNews():
                self._on_news(message)
            case StartExecution() if self._outage is not None:
                self._refuse_start(message, self._outage)
            case StartExecution():
                # Named here, so that a start that has to be repeated starts nothing twice.
                drawn = execution_id_from(self.runtime.random.getrandbits(EXECUTION_ID_BITS))
                self._hand_on(message, execution_id=message.execution_id or drawn)
            case (
                PauseExecution()
                | ResumeExecution()
                | CancelExecution()
                | SettleChild()
                | AmendExecution()
            ):
                self._on_command(message)
            case Halt() | Unhalt() | LookAtMarket():
                self._hand_on(message)
            case Answered():
                self._on_answered(message)
            case StatusRestored():
                self._on_restored(message)
            case JournalDown():
                self._outage = message.error
            case CoreLost():
                self._outage = message.error
                self._is_core_lost = True
            case CoreRebuilt():
                self._outage = None
                self._is_core_lost = False
                for restored in message.statuses:
                    self._on_restored(restored)
                self._ask_again({each.status.execution.execution_id for each in message.statuses})
            case GetStatus():
                self.send(message.reply_to, self._known.get(message.execution_id))
            case GetJournalState():
                self.send(message.reply_to, JournalState(self._outage, self._pending_halt()))
            case Subscribe():
                self._subscribers.setdefault(message.execution_id, []).append(message.subscriber)
            case Unsubscribe():
                self._unsubscribe(message)
            case _:
                assert_never(message)

    def _on_news(self, news: ExecutionNews) -> None:
        known = self._known.get(news.execution_id)
        if known is not None or begins(news):
            self._keep(news.execution_id, updated(known, news))
        self._tell(news)

    def _keep(self, execution_id: ExecutionId, status: ExecutionStatus) -> None:
        """Keep what is known of an execution; of those that are over only the newest, as all are in the database."""
        before = self._known.get(execution_id)
        self._known[execution_id] = status
        if is_over(status.execution) and (before is None or not is_over(before.execution)):
            self._ended.append(execution_id)
            if len(self._ended) > REMEMBERED_ENDED:
                del self._known[self._ended.popleft()]

    def _tell(self, news: ExecutionNews) -> None:
        for subscriber in (
            *self._subscribers[None],
            *self._subscribers.get(news.execution_id, ()),
        ):
            self.send(subscriber, news)

    def _unsubscribe(self, message: Unsubscribe) -> None:
        of, subscribers = message.execution_id, self._subscribers
        subscribers[of] = [s for s in subscribers.get(of, ()) if s is not message.subscriber]
        if of is not None and not subscribers[of]:
            del subscribers[of]

    def _on_restored(self, restored: StatusRestored) -> None:
        """Take over what the journal has, and tell what nobody had heard of it."""
        status = restored.status
        execution_id = ExecutionId(status.execution.execution_id)
        known = self._known.get(execution_id)
        self._keep(execution_id, status)
        if known == status or (known is None and is_over(status.execution)):
            return
        heard = set[TradeId]() if known is None else {fill.trade_id for fill in known.fills}
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
        if self._has_to_wait(command):
            what = f"an earlier command for execution {execution_id} is not answered yet"
            self.send(command.reply_to, command.refused(Reason.BUSY, what))
            return
        if self._is_core_lost:
            what = (
                f"nobody works this execution until the database can be read again: {self._outage}"
            )
            self.send(command.reply_to, command.refused(Reason.JOURNAL_DOWN, what))
            return
        number = self._hand_on(command)
        if not isinstance(command, SettleChild):
            self._busy[execution_id] = number

    def _has_to_wait(self, command: _ForExecution) -> bool:
        number = self._busy.get(command.execution_id)
        if number is None or isinstance(command, SettleChild):
            return False
        is_ending = isinstance(self._asked[number].command, CancelExecution)
        return is_ending or not isinstance(command, CancelExecution)

    def _refuse_start(self, start: StartExecution, outage: str) -> None:
        """Refuse what would otherwise begin whenever the disk is back, long after anybody waits for it."""
        rejected = OrderRejected(
            reason=Reason.JOURNAL_DOWN,
            message=f"the journal takes no writes: {outage}",
            hint="nothing was sent; give the order again when the disk is back",
        )
        self.send(start.reply_to, rejected)

    def _hand_on(self, command: UserCommand, **changes: object) -> int:
        number = self._next_number()
        here = _AnswerHere(self.actor_ref, number)
        handed_on = command.model_copy(update={**changes, "reply_to": here})
        self._asked[number] = _Asked(handed_on, command.reply_to, self.clock.now())
        self.send(self._executions_address, handed_on)
        return number

    def _pending_halt(self) -> PendingHalt | None:
        """Return the halt that is not answered: it holds from when it was asked for, and is answered when durable."""
        for asked in self._asked.values():
            if isinstance(asked.command, Halt):
                return PendingHalt(asked.at, asked.command.reason)
        return None

    def _ask_again(self, begun: set[str]) -> None:
        """Ask the new trading actors for what the old ones did not answer, but not for ever."""
        for number, asked in list(self._asked.items()):
            asked.failures += 1
            command = asked.command
            is_suspect = asked.failures >= MAX_FAILURES
            had = f"the engine has failed {asked.failures} times while it had this"
            if is_suspect and isinstance(command, ExecutionCommand):
                what = f"{had} command: look at the execution, and at the log"
                self._on_answered(Answered(number, command.refused(Reason.REPEATED_FAILURE, what)))
            elif (
                is_suspect
                and isinstance(command, StartExecution)
                and command.execution_id not in begun
            ):
                rejected = OrderRejected(
                    reason=Reason.REPEATED_FAILURE,
                    message=f"{had} order",
                    hint="nothing was started; look at the log before you give it again",
                )
                self._on_answered(Answered(number, rejected))
            else:
                self.send(self._executions_address, command)

    def _on_answered(self, answered: Answered) -> None:
        asked = self._asked.pop(answered.number, None)
        if asked is None:
            return  # It was asked again, and answered twice.
        command = asked.command
        if isinstance(command, ExecutionCommand) and (
            self._busy.get(command.execution_id) == answered.number
        ):
            del self._busy[command.execution_id]
        self.send(asked.reply_to, answered.answer)
