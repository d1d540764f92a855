"""What the door does for its clients: each command becomes a typed message to the control actor."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import TypeAlias

from genesis_actors.calling import ANSWER_SECONDS
from genesis_actors.control.desk import Desk, halt_fields
from genesis_actors.control.protocol import HaltRequest, ResumeRequest, SettleRequest
from genesis_actors.control.refusals import Refusal
from genesis_actors.domain.plan import fewer_slices
from genesis_actors.engine import Engine, OrderRejectedError
from genesis_actors.handles import amend_execution
from genesis_actors.messages.base import Address
from genesis_actors.messages.control import ExecutionStatus
from genesis_actors.messages.supervisor import (
    CancelExecution,
    CommandDone,
    CommandRefused,
    HaltDone,
    OrderRejected,
    PauseExecution,
    ResumeExecution,
    SettleChild,
    UserCommand,
)
from genesis_actors.orders import Amendment, TwapOrder
from genesis_actors.storage.errors import StorageError
from genesis_actors.values import (
    ClientOrderId,
    ExecutionId,
    ExecutionState,
    OrderStatus,
    Reason,
    decimal_text,
    time_text,
)
from genesis_actors.views import View, execution_view

_Reply: TypeAlias = Address[CommandDone | CommandRefused]


class Commands:
    """Given to one engine, and answered when what was asked holds. They run on the door's event loop."""

    def __init__(self, desk: Desk, engine: Engine) -> None:
        self._desk = desk
        self._engine = engine

    async def start(self, order: TwapOrder) -> View:
        self._desk.starts_in_hand += 1
        try:
            self._refuse_while_stopping()
            twap = await self._engine.submit_async(order)
        except OrderRejectedError as error:
            raise await self._since_when(error) from error
        finally:
            self._desk.starts_in_hand -= 1
        status = await self._desk.status(twap.execution_id)
        row, now = status.execution, self._desk.now()
        fewer = fewer_slices(order.parent_order(), row.slices_total)
        return {
            **execution_view(row, status.slices, now),
            "is_new": twap.is_new,
            "warnings": [] if fewer is None else [fewer],
        }

    async def pause(self, name: str) -> View:
        return await self._command(
            name, lambda key, box: PauseExecution(execution_id=key, reply_to=box), "paused"
        )

    async def resume(self, name: str, request: ResumeRequest) -> View:
        self._refuse_while_stopping()
        return await self._command(
            name,
            lambda key, box: ResumeExecution(execution_id=key, mode=request.mode, reply_to=box),
            "resumed",
        )

    async def cancel(self, name: str) -> View:
        return await self._command(
            name, lambda key, box: CancelExecution(execution_id=key, reply_to=box), "cancelled"
        )

    async def amend(self, name: str, amendment: Amendment, note: str | None) -> View:
        return await self._command(
            name, lambda key, box: amend_execution(key, amendment, note, box), "amended"
        )

    async def settle(self, name: str, request: SettleRequest) -> View:
        status = await self._desk.status(name)
        child = _child_named(status, request.child)
        done = await self._command(
            status.execution.execution_id,
            lambda key, box: SettleChild(
                execution_id=key,
                client_order_id=child,
                filled_quantity=request.filled_quantity,
                reply_to=box,
            ),
            "settled",
        )
        after = await self._desk.status(status.execution.execution_id)
        order = next(order for order in after.orders if order.client_order_id == child)
        return {
            "execution_id": after.execution.execution_id,
            "client_order_id": child,
            "status": str(order.status),
            "filled_quantity": decimal_text(order.filled_quantity),
            "state": done["state"],
        }

    async def halt(self, request: HaltRequest) -> View:
        try:
            done = await self._engine.halt_async(request.reason)
        except TimeoutError as error:
            raise Refusal(
                HTTPStatus.GATEWAY_TIMEOUT,
                "timeout",
                "the halt holds, and nothing new is sent; but it is not durable yet, and a restart would forget it",
                "see what keeps the journal from being written: genesis daemon status",
            ) from error
        return await self._after_halt(done, request.reason)

    async def unhalt(self) -> View:
        return await self._after_halt(await self._engine.unhalt_async(), None)

    async def _after_halt(self, done: HaltDone, reason: str | None) -> View:
        try:
            fields = halt_fields(await self._desk.halt_state())
        except StorageError:  # It has been written, and that is what counts.
            fields: View = {"halted": done.is_halted, "halted_at": None, "reason": reason}
        return {**fields, "was_already": done.was_already}

    async def _command(
        self, name: str, build: Callable[[ExecutionId, _Reply], UserCommand], verb: str
    ) -> View:
        key = await self._desk.resolve(name)
        if self._desk.board.status(key) is None:
            return self._long_over(await self._desk.status(key), verb)

        done = await self._engine.command_async(lambda box: build(key, box), ANSWER_SECONDS)
        return {**await self._view(key), "was_already": done.was_already}

    def _long_over(self, status: ExecutionStatus, verb: str) -> View:
        """Answer a command for an execution that ended in an earlier run: no actor knows it any more."""
        row = status.execution
        if verb == "cancelled" and row.state == ExecutionState.CANCELLED:
            return {**execution_view(row, status.slices, None), "was_already": True}
        raise Refusal(
            HTTPStatus.CONFLICT,
            "wrong_state",
            f"execution {row.execution_id} is {row.state} and cannot be {verb}",
            f"look at it: genesis show {row.execution_id}",
        )

    async def _view(self, key: ExecutionId) -> View:
        status = await self._desk.status(key)
        return execution_view(status.execution, status.slices, self._desk.now())

    def _refuse_while_stopping(self) -> None:
        if self._desk.is_stopping:
            raise Refusal(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "stopping",
                "the daemon is about to end and lets nothing begin",
                "start it again: genesis daemon start",
            )

    async def _since_when(self, rejected: OrderRejectedError) -> OrderRejectedError:
        """Tell, where a halt is why, since when it holds and what for: it is the next thing to be asked."""
        if rejected.reason is not Reason.HALTED:
            return rejected
        try:
            halt = await self._desk.halt_state()
        except StorageError:
            return rejected
        if halt is None or halt.halted_at is None:
            return rejected
        why = f" ({halt.halt_reason})" if halt.halt_reason else ""
        message = f"{rejected} since {time_text(halt.halted_at)}{why}"
        return OrderRejectedError(
            OrderRejected(reason=rejected.reason, message=message, hint=rejected.hint)
        )


def _child_named(status: ExecutionStatus, name: str) -> ClientOrderId:
    named = [
        order.client_order_id
        for order in status.orders
        if order.client_order_id.startswith(name) or order.client_order_id.endswith(name)
    ]
    if len(named) == 1:
        return ClientOrderId(named[0])
    unknown = [o.client_order_id for o in status.orders if o.status == OrderStatus.UNKNOWN]
    raise Refusal(
        HTTPStatus.NOT_FOUND,
        "unknown_id",
        f"{'no order' if not named else 'more than one order'} of execution "
        f"{status.execution.execution_id} is named {name!r}",
        f"those without an outcome: {', '.join(unknown) or 'none'}",
    )
