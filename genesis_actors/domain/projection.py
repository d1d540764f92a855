"""The rows that people query, as a function of an execution's state and of what has just happened to it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from itertools import chain, compress, repeat
from operator import is_not

from genesis_actors.domain.execution import Child, Execution, Fill, Slice
from genesis_actors.domain.iceberg import impact_bps
from genesis_actors.domain.slippage import calculate_slippage, slippage_vs_price_bps
from genesis_actors.messages.events import ChildFilled, JournalEvent
from genesis_actors.messages.persistence import ExecutionRow, FillRow, OrderRow, SliceRow
from genesis_actors.values import ClientOrderId, Reason, exact, quotient


@dataclass(frozen=True, slots=True)
class Rows:
    execution: ExecutionRow
    slices: tuple[SliceRow, ...]
    orders: tuple[OrderRow, ...]
    fills: tuple[FillRow, ...]


@exact
def rows(
    before: Execution | None, execution: Execution, events: Iterable[JournalEvent], venue: str
) -> Rows:
    """Return the rows that are new or other since `before`, from which `events` have led to `execution`.

    What is still the same slice or child has the same row: state is replaced, never changed.
    """
    old_slices = () if before is None else before.slices
    old_children = (
        # Every order's row has the count of slices in it.
        {} if before is None or before.slices_total != execution.slices_total else before.children
    )
    slices, children = execution.slices, execution.children
    return Rows(
        execution=execution_row(execution),
        slices=tuple(
            slice_row(execution, part)
            for part in compress(slices, map(is_not, slices, chain(old_slices, repeat(None))))
        ),
        orders=tuple(
            _order_row(execution, child)
            for child in compress(
                children.values(), map(is_not, children.values(), map(old_children.get, children))
            )
        ),
        fills=tuple(
            _fill_row(execution, event.client_order_id, event, venue)
            for event in events
            if isinstance(event, ChildFilled)
        ),
    )


def all_rows(execution: Execution, events: Iterable[JournalEvent], venue: str) -> Rows:
    """Return every row of `execution`: what the tables hold when they agree with its whole journal."""
    return Rows(
        execution=execution_row(execution),
        slices=tuple(slice_row(execution, part) for part in execution.slices),
        orders=tuple(_order_row(execution, child) for child in execution.children.values()),
        fills=tuple(
            _fill_row(execution, event.client_order_id, event, venue)
            for event in events
            if isinstance(event, ChildFilled)
        ),
    )


def current_rows(execution: Execution, venue: str) -> Rows:
    """Return every row of `execution` from its state alone, fills by order."""
    return Rows(
        execution=execution_row(execution),
        slices=tuple(slice_row(execution, part) for part in execution.slices),
        orders=tuple(_order_row(execution, child) for child in execution.children.values()),
        fills=tuple(
            _fill_row(execution, child.client_order_id, fill, venue)
            for child in execution.children.values()
            for fill in child.fills
        ),
    )


@exact
def execution_row(x: Execution) -> ExecutionRow:
    cost = x.figures
    return ExecutionRow(
        execution_id=x.execution_id,
        client_id=x.order.client_id,
        algo=x.order.algo,
        symbol=x.order.symbol,
        side=x.order.side,
        quantity=x.quantity,
        duration_seconds=Decimal(x.ordered_duration // timedelta(microseconds=1)) / 1_000_000,
        state=x.state,
        reason=x.reason,
        filled_quantity=x.filled_quantity,
        working_quantity=x.working_quantity,
        unknown_quantity=x.unknown_quantity,
        remaining_quantity=x.remaining_quantity,
        average_price=cost.average_price,
        arrival_price=x.arrival_price,
        arrival_at=x.arrival_at,
        twap_benchmark=cost.twap_benchmark,
        vwap_benchmark=cost.vwap_benchmark,
        implementation_shortfall_bps=cost.implementation_shortfall_bps,
        slippage_vs_arrival_bps=cost.slippage_vs_arrival_bps,
        slippage_vs_twap_bps=cost.slippage_vs_twap_bps,
        participation_rate=cost.participation_rate,
        max_slice_participation=cost.max_slice_participation,
        fees_quote=x.fees_quote,
        early_completion=x.early_completion,
        early_completion_reason=Reason.FAVOURABLE_PRICE if x.early_completion else None,
        slices_total=x.slices_total,
        slices_done=x.slices_done,
        seed=x.policy.seed,
        created_at=x.created_at,
        started_at=x.started_at,
        ends_at=x.ends_at,
        paused_at=x.paused_at,
        finished_at=x.finished_at,
    )


def slice_row(x: Execution, part: Slice) -> SliceRow:
    slippage = participation = impact = None
    if part.market_price is not None:  # There are many that have not begun.
        slippage = slippage_vs_price_bps(
            x.order.side, part.filled_notional, part.filled_quantity, part.market_price
        )
        participation = part.participation_rate
        impact = impact_bps(x.order.side, part.market_price, part.price_after)
    return SliceRow(
        execution_id=x.execution_id,
        slice_number=part.number,
        due_at=part.due_at,
        planned_quantity=part.planned_quantity,
        filled_quantity=part.filled_quantity,
        average_price=quotient(part.filled_notional, part.filled_quantity),
        market_price=part.market_price,
        slippage_bps=slippage,
        market_volume=part.market_volume,
        participation_rate=participation,
        status=part.status,
        reason=part.reason,
        sent_at=part.sent_at,
        done_at=part.done_at,
        market_price_after=part.price_after,
        impact_bps=impact,
    )


def _order_row(x: Execution, child: Child) -> OrderRow:
    average = quotient(child.filled_notional, child.filled_quantity)
    return OrderRow(
        client_order_id=child.client_order_id,
        venue_order_id=child.venue_order_id,
        execution_id=x.execution_id,
        slice_number=child.slice_number,
        total_slices=x.slices_total,
        symbol=x.order.symbol,
        side=x.order.side,
        order_type="limit_maker" if child.resting else "limit_ioc",
        quantity=child.quantity,
        price=child.price,
        filled_quantity=child.filled_quantity,
        average_price=average,
        status=child.status,
        reason=child.reason,
        mid_price=child.mid,
        touch_price=child.touch,
        slippage_percent=None
        if average is None
        else calculate_slippage(child.mid, average, x.order.side),
        created_at=child.created_at,
        sent_at=child.sent_at,
        executed_at=max((fill.traded_at for fill in child.fills), default=None),
    )


def _fill_row(
    x: Execution, client_order_id: ClientOrderId, fill: Fill | ChildFilled, venue: str
) -> FillRow:
    return FillRow(
        venue=venue,
        symbol=x.order.symbol,
        trade_id=fill.trade_id,
        client_order_id=client_order_id,
        execution_id=x.execution_id,
        quantity=fill.quantity,
        price=fill.price,
        fee=fill.fee,
        fee_currency=fill.fee_currency,
        liquidity=fill.liquidity,
        traded_at=fill.traded_at,
    )
