"""What the supervisor accepts: commands for executions, and the outcomes it routes to their slicers."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, AwareDatetime, Field, SkipValidation

from genesis_actors.messages.base import Address, Command, Event, Message
from genesis_actors.messages.market_data import MarketView
from genesis_actors.messages.persistence import ExecutionLoaded, HaltWritten
from genesis_actors.messages.risk import ParentJudged
from genesis_actors.messages.venue import (
    Balance,
    OrderOutcome,
    OrderStory,
    SymbolDescribed,
    TradesTold,
    VenueAvailability,
)
from genesis_actors.values import (
    ClientOrderId,
    ExecutionId,
    ExecutionState,
    ParentOrder,
    Reason,
    ResumeMode,
    Symbol,
    as_line,
)


class ExecutionStarted(Message):
    """The execution is durable. `is_new` is False where the same order was started before."""

    execution_id: ExecutionId
    is_new: bool = True


class OrderRejected(Message):
    """The order was refused up front; nothing was written. `hint` is the next step."""

    reason: Reason
    message: str
    hint: str


class CommandDone(Message):
    """What was asked holds, durably. `was_already` says that it had held before."""

    execution_id: ExecutionId
    state: ExecutionState
    was_already: bool = False


class CommandRefused(Message):
    """`limit` and `actual` are the numbers that were compared, if it was numbers: what is allowed, what was asked."""

    execution_id: ExecutionId
    reason: Reason
    message: str
    limit: Decimal | None = None
    actual: Decimal | None = None


class StartExecution(Command):
    """Work this parent order. Repeating it, with its client id or its execution id, finds the first one."""

    order: ParentOrder
    execution_id: ExecutionId | None = None
    reply_to: SkipValidation[Address[ExecutionStarted | OrderRejected]]


class ExecutionCommand(Command):
    execution_id: ExecutionId
    reply_to: SkipValidation[Address[CommandDone | CommandRefused]]

    def refused(
        self,
        reason: Reason,
        message: str,
        *,
        limit: Decimal | None = None,
        actual: Decimal | None = None,
    ) -> CommandRefused:
        return CommandRefused(
            execution_id=self.execution_id,
            reason=reason,
            message=message,
            limit=limit,
            actual=actual,
        )


class PauseExecution(ExecutionCommand):
    """Stop sending children. Done when that is durable and nothing is working or unknown."""

    reason: Reason = Reason.USER


class ResumeExecution(ExecutionCommand):
    mode: ResumeMode = ResumeMode.SHIFT


class CancelExecution(ExecutionCommand):
    """End it with what is filled. Done when the execution has ended."""


class SettleChild(ExecutionCommand):
    """The operator's word on a child that nobody can look up: what of it was filled, in base; zero: never accepted."""

    client_order_id: ClientOrderId
    filled_quantity: Decimal


_Positive = Annotated[Decimal, Field(gt=0)]


class AmendExecution(ExecutionCommand):
    """Change what an open execution is to do; what is None stays as it is. Done when that is durable.

    `quantity` is all of it in base, filled included. The end of the window is named, or follows from `duration`, which
    counts from the start. `balances` are the account's, where a larger quantity needs them; they are not the user's to
    say.
    """

    limit_price: _Positive | None = None
    removes_limit: bool = False
    ends_at: AwareDatetime | None = None
    duration: timedelta | None = None
    quantity: _Positive | None = None
    max_participation: _Positive | None = None
    note: str | None = None
    balances: tuple[Balance, ...] | None = None


class HaltDone(Message):
    """What was asked holds, durably. `was_already` says that it had held before."""

    is_halted: bool
    was_already: bool = False


class Halt(Command):
    """Stop new children of all executions at once, and durably: also after a restart, until `Unhalt`.

    Answered when it is durable, however long that takes. No reason is one to refuse it: it is made one line.
    """

    reason: Annotated[str, AfterValidator(as_line)] | None = None
    reply_to: SkipValidation[Address[HaltDone]]


class Unhalt(Command):
    reply_to: SkipValidation[Address[HaltDone]]


class LookAtMarket(Command):
    """Show a symbol as the venue describes it, with the account's balances. Nothing is started by it but its feed."""

    symbol: Symbol
    reply_to: SkipValidation[Address[SymbolDescribed]]


class LeaveQueue(Command):
    """There is room for this execution: it begins now."""

    execution_id: ExecutionId


class ExecutionFinished(Event):
    """A slicer has nothing more to do; it still records fills that arrive late."""

    execution_id: ExecutionId


class JournalBehind(Event):
    """The venue has traded an order of ours of which the journal has nothing; None: of one that has no plan."""

    execution_id: ExecutionId
    client_order_id: ClientOrderId | None


class SlicerRetired(Event):
    """A slicer's answer to `Retire`: where it is ready, it needs no message any more, and none needs it."""

    execution_id: ExecutionId
    is_ready: bool


UserCommand: TypeAlias = (
    StartExecution
    | PauseExecution
    | ResumeExecution
    | CancelExecution
    | SettleChild
    | AmendExecution
    | Halt
    | Unhalt
    | LookAtMarket
)

SupervisorMessage: TypeAlias = (
    UserCommand
    | OrderOutcome
    | OrderStory
    | SymbolDescribed
    | MarketView
    | ParentJudged
    | ExecutionStarted
    | ExecutionFinished
    | JournalBehind
    | SlicerRetired
    | ExecutionLoaded
    | HaltWritten
    | TradesTold
    | VenueAvailability
)
"""Everything the supervisor accepts, `ActorFailed` of the runtime aside."""
