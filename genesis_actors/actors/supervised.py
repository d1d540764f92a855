"""What the supervisor knows of one execution: its actor, what waits for one, and the commands in hand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeAlias

from pykka import ActorRef

from genesis_actors.messages.base import Address
from genesis_actors.messages.slicer import SlicerMessage
from genesis_actors.messages.supervisor import (
    AmendExecution,
    CancelExecution,
    CommandDone,
    CommandRefused,
    PauseExecution,
    ResumeExecution,
    SettleChild,
)
from genesis_actors.messages.venue import OrderAccepted, OrderFilled, OrderStory
from genesis_actors.values import (
    ZERO,
    ClientOrderId,
    ExecutionId,
    ParentOrder,
    Reason,
    Symbol,
    time_text,
)

Command: TypeAlias = (
    PauseExecution | ResumeExecution | CancelExecution | SettleChild | AmendExecution
)


@dataclass(frozen=True, slots=True)
class CommandAnswered:
    """To the supervisor: a slicer has answered a command."""

    execution_id: ExecutionId
    command: Command
    is_done: bool


@dataclass(frozen=True, slots=True)
class AnswerBy:
    """Where a slicer answers a command: the supervisor hears of it, and asks no rebuilt slicer again."""

    supervisor: Address[CommandAnswered]
    command: Command

    def tell(self, message: CommandDone | CommandRefused) -> None:
        self.command.reply_to.tell(message)
        is_done = isinstance(message, CommandDone)
        self.supervisor.tell(CommandAnswered(message.execution_id, self.command, is_done))


@dataclass(frozen=True, slots=True)
class Rest:
    """Until when an execution is left without an actor, and why."""

    until: datetime
    reason: Reason
    why: str

    def refusal_of(self, command: Command) -> CommandRefused:
        what = f"{self.why}; it is tried again at {time_text(self.until)}"
        return command.refused(self.reason, what)


class Supervised:
    """One execution as the supervisor sees it. Without an actor, what comes for it waits until it has one."""

    __slots__ = (
        "actor",
        "failures",
        "held",
        "order",
        "quantity",
        "rest",
        "retiring",
        "survived",
        "unanswered",
    )

    def __init__(self) -> None:
        self.actor: ActorRef[Any] | None = None
        self.order: ParentOrder | None = None
        self.quantity = ZERO
        self.held: list[SlicerMessage] = []
        self.unanswered: list[Command] = []
        self.survived: list[Command] = []
        """Those of them that were there when it failed last."""
        self.failures: list[datetime] = []
        self.rest: Rest | None = None
        self.retiring: ActorRef[Any] | None = None
        """The actor while it is asked whether it can go."""

    @property
    def has_heard(self) -> bool:
        """Whether a trade may be among what waits."""
        return any(isinstance(m, OrderFilled | OrderStory) for m in self.held)

    @property
    def held_names(self) -> list[ClientOrderId]:
        """Return the orders that have traded, or are open, by what waits."""
        told = [
            each for m in self.held for each in (m.outcomes if isinstance(m, OrderStory) else (m,))
        ]
        return [x.client_order_id for x in told if isinstance(x, OrderFilled | OrderAccepted)]

    def holds_trades_of(self, symbol: Symbol) -> bool:
        """Whether a trade of the symbol may wait for an actor; a journal that cannot be read is not waited for."""
        is_loading = self.order is None and self.rest is None
        is_of_symbol = self.order is not None and self.order.symbol == symbol
        return (is_loading or is_of_symbol) and self.has_heard

    def raised_by(self, command: AmendExecution) -> Decimal | None:
        """Return the quantity that it asks for if that is more, and not judged yet: then it has no balances."""
        if command.quantity is None or command.balances is not None:
            return None
        others = [
            c.quantity
            for c in self.unanswered
            if isinstance(c, AmendExecution) and c is not command and c.quantity is not None
        ]
        return command.quantity if command.quantity > min([self.quantity, *others]) else None
