"""The executor classes that trading code expects, as a facade over the engine: orders in, results out.

They hold no rule of their own. Whatever they start is an execution like any other: durable, and steered by its id.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from genesis_actors.calling import ANSWER_SECONDS
from genesis_actors.domain.admission import below_tier, outside_bounds
from genesis_actors.domain.numbers import Number
from genesis_actors.domain.policy import resolve
from genesis_actors.domain.slippage import calculate_slippage
from genesis_actors.domain.tiers import requires_tier
from genesis_actors.engine import Engine, TwapHandle
from genesis_actors.messages.persistence import ExecutionRow
from genesis_actors.messages.supervisor import CommandDone
from genesis_actors.orders import Order, OrderError, TwapOrder
from genesis_actors.values import Algo, ClientId, ExecutionState, Reason, ResumeMode, Side

_CLIENT_ID_BYTES = 10


@dataclass(frozen=True, slots=True)
class OrderValidation:
    """Whether an order may be worked; if not, why, with a stable code and the next step. It is true if it may."""

    reason: Reason | None = None
    message: str = ""
    hint: str = ""

    def __bool__(self) -> bool:
        return self.reason is None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionResult:
    """What became of an order. Unknown figures are None, never zero; slippage and shortfall in bps, positive = cost."""

    execution_id: str
    client_id: str | None
    symbol: str
    side: Side
    state: ExecutionState
    reason: str | None
    quantity: Decimal
    filled_quantity: Decimal
    remaining_quantity: Decimal
    average_price: Decimal | None
    arrival_price: Decimal | None
    slippage_vs_arrival_bps: Decimal | None
    slippage_vs_twap_bps: Decimal | None
    implementation_shortfall_bps: Decimal | None
    participation_rate: Decimal | None
    fees_quote: Decimal | None
    early_completion: bool
    started_at: datetime | None
    finished_at: datetime | None

    @property
    def is_complete(self) -> bool:
        return self.state is ExecutionState.COMPLETED

    @classmethod
    def of(cls, row: ExecutionRow) -> ExecutionResult:
        return cls(
            execution_id=row.execution_id,
            client_id=row.client_id,
            symbol=row.symbol,
            side=Side(row.side),
            state=ExecutionState(row.state),
            reason=row.reason,
            quantity=row.quantity,
            filled_quantity=row.filled_quantity,
            remaining_quantity=row.remaining_quantity,
            average_price=row.average_price,
            arrival_price=row.arrival_price,
            slippage_vs_arrival_bps=row.slippage_vs_arrival_bps,
            slippage_vs_twap_bps=row.slippage_vs_twap_bps,
            implementation_shortfall_bps=row.implementation_shortfall_bps,
            participation_rate=row.participation_rate,
            fees_quote=row.fees_quote,
            early_completion=row.early_completion,
            started_at=row.started_at,
            finished_at=row.finished_at,
        )


class OrderExecutor:
    """Works whole orders on one engine, which it neither starts nor stops. May be used from several threads."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def validate_order(self, order: TwapOrder) -> OrderValidation:
        """Tell whether the operator's settings allow the order in any market: its window, its rate, and the tier.

        The tier is the account's as last known: before the first order of an account nothing is, and nothing is refused
        for it. What depends on the market (symbol, lot, balance, equity) is refused by `execute`, up front:
        OrderRejectedError. Asks the engine, and waits for its answer.
        """
        parent, defaults = order.parent_order(), self.engine.settings.twap_defaults()
        rejection = outside_bounds(parent, resolve(parent, defaults, seed=0), defaults)
        if rejection is None:
            return self._validate_tier(parent.algo)
        return OrderValidation(rejection.reason, rejection.message, rejection.hint)

    def _validate_tier(self, algo: Algo) -> OrderValidation:
        seen, needed = self.engine.portfolio(), requires_tier(algo)
        if seen is None or seen.tier is None or needed.is_met_by(seen.tier):
            return OrderValidation()
        least = self.engine.settings.tier_rules().threshold(needed.tier)
        message, hint = below_tier(algo, seen.tier, seen.currency, least, seen.equity)
        return OrderValidation(Reason.TIER_TOO_LOW, message, hint)

    def generate_client_order_id(self) -> ClientId:
        """Return a new name for a parent order: `client_id`. Keep it: with it the same order is never started twice.

        The ids of child orders at the venue are not chosen here: they follow from execution, slice and attempt.
        """
        return ClientId(f"g-{secrets.token_hex(_CLIENT_ID_BYTES)}")

    def calculate_slippage(self, expected: Number, actual: Number, side: Side | str) -> Decimal:
        """Return how much worse `actual` is than `expected`, in percent of it; positive = cost."""
        return calculate_slippage(expected, actual, side)

    def execute(self, order: TwapOrder, timeout: float | None = None) -> ExecutionResult:
        """Work the order to its end. An order with the client id of an earlier one carries that one on.

        `timeout` in seconds of the engine's clock. Raises OrderRejectedError, TimeoutError (the execution goes on, and
        is found by its client id), EngineFailedError, EngineStoppedError.
        """
        return ExecutionResult.of(self.engine.submit(order).wait(timeout).execution)

    async def execute_async(
        self,
        order: TwapOrder,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> ExecutionResult:
        """Do as `execute` does, without holding up the event loop."""
        twap = await self.engine.submit_async(order)
        return ExecutionResult.of((await twap.wait_async(timeout)).execution)


class SteeringExecutor(OrderExecutor):
    """Works orders that take their time, and steers them meanwhile."""

    def pause(
        self, execution_id: str | None = None, timeout: float = ANSWER_SECONDS
    ) -> CommandDone:
        """Pause an execution, meanwhile worked in another thread.

        It is named by its id, or the beginning of one; without a name it is the only one that is open. Raises
        CommandRefusedError, KeyError where there is none such, TimeoutError.
        """
        return self._meant(execution_id).pause(timeout)

    def resume(
        self,
        execution_id: str | None = None,
        timeout: float = ANSWER_SECONDS,
        *,
        mode: ResumeMode = ResumeMode.SHIFT,
    ) -> CommandDone:
        """Let it go on; raises as `pause`."""
        return self._meant(execution_id).resume(timeout, mode=mode)

    def _meant(self, name: str | None) -> TwapHandle:
        if name is not None:
            return self.engine.execution(name)
        found = self.engine.executions()
        if len(found) != 1:
            ids = ", ".join(twap.execution_id for twap in found)
            raise KeyError(f"name the execution; open are: {ids or 'none'}")
        return found[0]


class TwapExecutor(SteeringExecutor):
    """Works orders by TWAP."""

    def execute_twap(
        self,
        order: Order,
        duration_minutes: Decimal | float,
        timeout: float | None = None,
    ) -> ExecutionResult:
        """Work the order over so many minutes, whatever window it names itself. Raises as `execute`, OrderError."""
        return self.execute(_over(order, duration_minutes), timeout)

    async def execute_twap_async(
        self,
        order: Order,
        duration_minutes: Decimal | float,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> ExecutionResult:
        return await self.execute_async(_over(order, duration_minutes), timeout)


class IcebergExecutor(SteeringExecutor):
    """Works orders by showing one clip at a time, with pauses between them."""

    def execute_iceberg(self, order: Order, timeout: float | None = None) -> ExecutionResult:
        """Work the order in clips, whatever algorithm it names itself: `clips` or `clip_quantity` say how many.

        It may take as long as the operator lets any window be, or as its own `duration` says. Raises as `execute`,
        OrderError.
        """
        return self.execute(_worked_by(Algo.ICEBERG, order), timeout)

    async def execute_iceberg_async(
        self,
        order: Order,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> ExecutionResult:
        return await self.execute_async(_worked_by(Algo.ICEBERG, order), timeout)


class MarketExecutor(OrderExecutor):
    """Works orders by one sweep through the book, within the collar. It is exempt from the participation cap."""

    def execute_market(self, order: Order, timeout: float | None = None) -> ExecutionResult:
        """Take what the book holds within the collar, at once; the rest is left: the result is INCOMPLETE then.

        Raises as `execute`, OrderError.
        """
        return self.execute(_worked_by(Algo.MARKET, order), timeout)

    async def execute_market_async(
        self,
        order: Order,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> ExecutionResult:
        return await self.execute_async(_worked_by(Algo.MARKET, order), timeout)


def _over(order: Order, minutes: Decimal | float) -> TwapOrder:
    try:
        duration = timedelta(minutes=float(minutes))
    except (ValueError, OverflowError) as error:
        raise OrderError(f"duration_minutes: {minutes} is no length of time") from error
    fields: dict[str, object] = order.model_dump(exclude_unset=True)
    fields["duration"] = duration
    return TwapOrder.parse(**fields)


def _worked_by(algo: Algo, order: Order) -> TwapOrder:
    fields: dict[str, object] = order.model_dump(exclude_unset=True)
    fields["algo"] = algo
    return TwapOrder.parse(**fields)
