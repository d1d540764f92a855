"""One execution as its host holds it: each method is a message, in a form for threads and one for event loops."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from genesis_actors.calling import ANSWER_SECONDS, Build, Caller
from genesis_actors.domain.report import ExecutionReport
from genesis_actors.domain.status import is_over
from genesis_actors.messages.base import Address
from genesis_actors.messages.control import ExecutionStatus
from genesis_actors.messages.supervisor import (
    AmendExecution,
    CancelExecution,
    CommandDone,
    CommandRefused,
    PauseExecution,
    ResumeExecution,
    SettleChild,
)
from genesis_actors.notation import parse_decimal
from genesis_actors.orders import Amendment
from genesis_actors.values import ClientOrderId, ExecutionId, ExecutionState, Reason, ResumeMode

_CANCELLED: Final = ExecutionState.CANCELLED


def amend_execution(
    execution_id: ExecutionId,
    amendment: Amendment,
    note: str | None,
    reply_to: Address[CommandDone | CommandRefused],
) -> AmendExecution:
    """Return what a user has written as the message that the execution takes."""
    return AmendExecution(
        execution_id=execution_id,
        limit_price=None if amendment.limit == "off" else amendment.limit,
        removes_limit=amendment.limit == "off",
        ends_at=amendment.deadline,
        duration=amendment.duration,
        quantity=amendment.quantity,
        max_participation=amendment.max_participation,
        note=note,
        reply_to=reply_to,
    )


class TwapHandle:
    """One execution, from outside. `NAME_async` does what `NAME` does, and never holds up the event loop.

    `timeout` is in seconds: of the engine's clock for `wait`, else of waiting for the answer. A command that was not
    answered in time may come about all the same.
    """

    def __init__(self, caller: Caller, execution_id: ExecutionId, *, is_new: bool = True) -> None:
        self.execution_id = execution_id
        self.is_new = is_new
        """Whether it was this very `submit` that has started it."""
        self._caller = caller

    def __repr__(self) -> str:
        return f"TwapHandle({self.execution_id!r})"

    def pause(
        self, timeout: float = ANSWER_SECONDS, *, reason: Reason = Reason.USER
    ) -> CommandDone:
        """Stop sending. Returns when that is durable and nothing is working or unknown; TimeoutError if not by then."""
        return self._caller.command(self._pause(reason), timeout)

    async def pause_async(self, timeout: float = ANSWER_SECONDS) -> CommandDone:  # noqa: ASYNC109
        return await self._caller.command_async(self._pause(Reason.USER), timeout)

    def resume(
        self, timeout: float = ANSWER_SECONDS, *, mode: ResumeMode = ResumeMode.SHIFT
    ) -> CommandDone:
        """Go on: the end moves by the length of the pause, or stays where it was (`CATCH_UP`)."""
        return self._caller.command(self._resume(mode), timeout)

    async def resume_async(
        self,
        timeout: float = ANSWER_SECONDS,  # noqa: ASYNC109
        *,
        mode: ResumeMode = ResumeMode.SHIFT,
    ) -> CommandDone:
        return await self._caller.command_async(self._resume(mode), timeout)

    def cancel(self, timeout: float = ANSWER_SECONDS) -> CommandDone:
        """End the execution with what is filled; returns when it has ended."""
        if not self.is_new and self._caller.has_ended(self.execution_id) is _CANCELLED:
            return self._cancelled_before()
        return self._caller.command(self._cancel, timeout)

    async def cancel_async(self, timeout: float = ANSWER_SECONDS) -> CommandDone:  # noqa: ASYNC109
        if not self.is_new and (await self.status_async()).execution.state == _CANCELLED:
            return self._cancelled_before()
        return await self._caller.command_async(self._cancel, timeout)

    def settle(
        self,
        client_order_id: ClientOrderId,
        filled_quantity: Decimal | str | int,
        timeout: float = ANSWER_SECONDS,
    ) -> CommandDone:
        """Say what was filled (base) of an UNKNOWN child that nobody can look up; zero: it was never accepted.

        Raises CommandRefusedError, ValueError for what is no quantity, TimeoutError.
        """
        return self._caller.command(self._settle(client_order_id, filled_quantity), timeout)

    async def settle_async(
        self,
        client_order_id: ClientOrderId,
        filled_quantity: Decimal | str | int,
        timeout: float = ANSWER_SECONDS,  # noqa: ASYNC109
    ) -> CommandDone:
        build = self._settle(client_order_id, filled_quantity)
        return await self._caller.command_async(build, timeout)

    def amend(
        self,
        *,
        limit: Decimal | str | int | None = None,
        deadline: datetime | None = None,
        duration: timedelta | str | None = None,
        quantity: Decimal | str | int | None = None,
        max_participation: Decimal | str | None = None,
        reason: str | None = None,
        timeout: float = ANSWER_SECONDS,
    ) -> CommandDone:
        """Change the order while it is worked; what is left out stays. Returns when that is durable.

        `limit` is a price, or `"off"`. The window ends at `deadline`, or `duration` (`"12m"`) after its start.
        `quantity` is all of it in base, filled included. `reason` goes into the journal. Raises CommandRefusedError,
        OrderError for what makes no sense, TimeoutError.
        """
        amendment = Amendment.parse(
            limit=limit,
            deadline=deadline,
            duration=duration,
            quantity=quantity,
            max_participation=max_participation,
        )
        return self._caller.command(self._amend(amendment, reason), timeout)

    async def amend_async(
        self,
        *,
        limit: Decimal | str | int | None = None,
        deadline: datetime | None = None,
        duration: timedelta | str | None = None,
        quantity: Decimal | str | int | None = None,
        max_participation: Decimal | str | None = None,
        reason: str | None = None,
        timeout: float = ANSWER_SECONDS,  # noqa: ASYNC109
    ) -> CommandDone:
        amendment = Amendment.parse(
            limit=limit,
            deadline=deadline,
            duration=duration,
            quantity=quantity,
            max_participation=max_participation,
        )
        return await self._caller.command_async(self._amend(amendment, reason), timeout)

    def status(self) -> ExecutionStatus:
        """Return all that is known of it. Raises TimeoutError, EngineFailedError, EngineStoppedError."""
        return self._caller.status(self.execution_id)

    async def status_async(self) -> ExecutionStatus:
        return await self._caller.status_async(self.execution_id)

    def wait(self, timeout: float | None = None) -> ExecutionStatus:
        """Wait for the end. Raises TimeoutError, EngineFailedError, EngineStoppedError."""
        return self._caller.wait_until(self.execution_id, is_over, timeout)

    async def wait_async(self, timeout: float | None = None) -> ExecutionStatus:  # noqa: ASYNC109
        """Do as `wait` does. It may be cancelled, which touches nothing of the execution."""
        return await self._caller.wait_until_async(self.execution_id, is_over, timeout)

    def report(self) -> ExecutionReport:
        """Return what it did and cost so far, from all that is durable."""
        return self._caller.generate_execution_report(self.execution_id)

    async def report_async(self) -> ExecutionReport:
        return await asyncio.to_thread(self.report)

    # --- The messages ----------------------------------------------------------------------------

    def _pause(self, reason: Reason) -> Build:
        return lambda box: PauseExecution(
            execution_id=self.execution_id, reply_to=box, reason=reason
        )

    def _resume(self, mode: ResumeMode) -> Build:
        return lambda box: ResumeExecution(execution_id=self.execution_id, reply_to=box, mode=mode)

    @property
    def _cancel(self) -> Build:
        return lambda box: CancelExecution(execution_id=self.execution_id, reply_to=box)

    def _settle(
        self, client_order_id: ClientOrderId, filled_quantity: Decimal | str | int
    ) -> Build:
        if isinstance(filled_quantity, float | bool):
            raise ValueError(f"{filled_quantity!r} is not exact: give a Decimal, a str or an int")  # noqa: TRY004 - as for all that is no quantity
        quantity = parse_decimal(str(filled_quantity))
        return lambda box: SettleChild(
            execution_id=self.execution_id,
            client_order_id=client_order_id,
            filled_quantity=quantity,
            reply_to=box,
        )

    def _amend(self, amendment: Amendment, note: str | None) -> Build:
        return lambda box: amend_execution(self.execution_id, amendment, note, box)

    def _cancelled_before(self) -> CommandDone:
        return CommandDone(execution_id=self.execution_id, state=_CANCELLED, was_already=True)
