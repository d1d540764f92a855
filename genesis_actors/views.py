"""Executions, slices and fills as the outside sees them: one rendering for the command line and the API.

Decimals are text without exponent, times RFC 3339 UTC, unknown figures None. The names and their order are public.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import TypeAlias

from genesis_actors.domain.figures import progress, progress_of_schedule
from genesis_actors.domain.plan import Plan, SlicePlan
from genesis_actors.messages.control import ExecutionStatus
from genesis_actors.messages.persistence import (
    ExecutionRow,
    FillRow,
    OrderRow,
    PlannedPart,
    SliceRow,
)
from genesis_actors.messages.risk import PortfolioSeen
from genesis_actors.values import (
    Algo,
    ExecutionState,
    OrderStatus,
    decimal_text,
    quotient,
    time_text,
)

View: TypeAlias = dict[str, object]

_SHORTEST_WINDOW_SECONDS = Decimal(60)


def portfolio_view(seen: PortfolioSeen | None) -> View:
    """Return how the account stands as a whole; all of it is None where nobody can say."""
    if seen is None:
        return {
            "tier": None,
            "account_currency": None,
            "equity": None,
            "equity_at": None,
            "exposure": None,
            "correlated_exposure": None,
            "correlations": None,
        }
    return {
        "tier": seen.tier,
        "account_currency": seen.currency,
        "equity": None if seen.equity is None else decimal_text(seen.equity),
        "equity_at": None if seen.equity_at is None else time_text(seen.equity_at),
        "exposure": decimal_text(seen.exposure),
        "correlated_exposure": decimal_text(seen.correlated_exposure),
        "correlations": [
            {
                "symbols": [pair.one, pair.other],
                "correlation": None if pair.correlation is None else decimal_text(pair.correlation),
            }
            for pair in seen.pairs
        ],
    }


def execution_view(
    row: ExecutionRow,
    slices: Sequence[SliceRow | PlannedPart],
    now: datetime | None,
    *,
    queue_place: int | None = None,
) -> View:
    """Return an execution. `now` is the time up to which its schedule is judged while it is open.

    `queue_place` is how many have begun when it has, where it waits for its turn.
    """
    until = row.finished_at or (row.paused_at if _is_paused(row) else None) or now
    planned = None if until is None else progress_of_schedule(row, slices, until)
    return {
        "id": row.execution_id,
        "client_id": row.client_id,
        "algo": str(row.algo),
        "symbol": row.symbol,
        "side": str(row.side),
        "quantity": decimal_text(row.quantity),
        "state": str(row.state),
        "reason": _text(row.reason),
        "filled_quantity": decimal_text(row.filled_quantity),
        "working_quantity": decimal_text(row.working_quantity),
        "unknown_quantity": decimal_text(row.unknown_quantity),
        "remaining_quantity": decimal_text(row.remaining_quantity),
        "progress": _number(progress(row)),
        "schedule_progress": _number(planned),
        "arrival_price": _number(row.arrival_price),
        "average_price": _number(row.average_price),
        "twap_benchmark": _number(row.twap_benchmark),
        "vwap_benchmark": _number(row.vwap_benchmark),
        "implementation_shortfall_bps": _number(row.implementation_shortfall_bps),
        "slippage_vs_arrival_bps": _number(row.slippage_vs_arrival_bps),
        "slippage_vs_twap_bps": _number(row.slippage_vs_twap_bps),
        "participation_rate": _number(row.participation_rate),
        "max_slice_participation": _number(row.max_slice_participation),
        "fees_quote": _number(row.fees_quote),
        "slices_total": row.slices_total,
        "slices_done": row.slices_done,
        "early_completion": bool(row.early_completion),
        "seed": row.seed,
        "created_at": _time(row.created_at),
        "started_at": _time(row.started_at),
        "ends_at": _time(row.ends_at),
        "finished_at": _time(row.finished_at),
        "arrival_at": _time(row.arrival_at),
        "early_completion_reason": _text(row.early_completion_reason),
        "paused_at": _time(row.paused_at),
        "participation_window_seconds": _number(_window_seconds(row)),
        "queue_place": queue_place,
    }


def status_view(status: ExecutionStatus, now: datetime | None) -> View:
    """Return an execution with its slices and fills, and the child orders whose outcome nobody knows yet."""
    unknown = [o.client_order_id for o in status.orders if o.status == OrderStatus.UNKNOWN]
    return {
        **execution_view(status.execution, status.slices, now),
        "slices": slice_views(status.slices, status.orders),
        "fills": fill_views(status.fills, status.orders),
        "unknown_orders": unknown,
    }


def slice_views(slices: Sequence[SliceRow], orders: Sequence[OrderRow]) -> list[View]:
    children = Counter(order.slice_number for order in orders)
    return [slice_view(part, children[part.slice_number]) for part in slices]


def slice_view(part: SliceRow, child_orders: int) -> View:
    return {
        "number": part.slice_number,
        "due_at": _time(part.due_at),
        "planned_quantity": decimal_text(part.planned_quantity),
        "status": str(part.status),
        "reason": _text(part.reason),
        "child_orders": child_orders,
        "filled_quantity": decimal_text(part.filled_quantity),
        "average_price": _number(part.average_price),
        "market_price": _number(part.market_price),
        "slippage_bps": _number(part.slippage_bps),
        "participation_rate": _number(part.participation_rate),
        "market_volume": _number(part.market_volume),
        "sent_at": _time(part.sent_at),
        "done_at": _time(part.done_at),
        "market_price_after": _number(part.market_price_after),
        "impact_bps": _number(part.impact_bps),
    }


def fill_views(fills: Sequence[FillRow], orders: Sequence[OrderRow]) -> list[View]:
    """Return the fills in the order in which they happened, however they reached us."""
    venue_order_ids = {order.client_order_id: order.venue_order_id for order in orders}
    return [
        {
            "trade_id": fill.trade_id,
            "client_order_id": fill.client_order_id,
            "venue_order_id": venue_order_ids.get(fill.client_order_id),
            "quantity": decimal_text(fill.quantity),
            "price": decimal_text(fill.price),
            "fee": decimal_text(fill.fee),
            "fee_currency": fill.fee_currency,
            "liquidity": str(fill.liquidity),
            "at": _time(fill.traded_at),
        }
        for fill in sorted(fills, key=_when_traded)
    ]


def _when_traded(fill: FillRow) -> tuple[datetime, str, int, str]:
    # Trade ids of one order are numbered: 2 comes before 10.
    return fill.traded_at, fill.client_order_id, len(fill.trade_id), fill.trade_id


def _is_paused(row: ExecutionRow) -> bool:
    return row.state == ExecutionState.PAUSED


def _window_seconds(row: ExecutionRow) -> Decimal | None:
    """Return w, the time over which market volume is measured."""
    if row.algo != Algo.TWAP:
        return _SHORTEST_WINDOW_SECONDS
    interval = quotient(row.duration_seconds, Decimal(row.slices_total))
    return None if interval is None else max(interval, _SHORTEST_WINDOW_SECONDS)


def _number(value: Decimal | None) -> str | None:
    return None if value is None else decimal_text(value)


def _time(at: datetime | None) -> str | None:
    return None if at is None else time_text(at)


def _text(value: str | None) -> str | None:
    return None if value is None else str(value)


def plan_view(plan: Plan) -> View:
    return {
        "quantity": decimal_text(plan.quantity),
        "window": {"start": _time(plan.start), "end": _time(plan.end)},
        "slices_total": len(plan.slices),
        "slices": [planned_slice_view(part) for part in plan.slices],
        "estimated_cost_bps": _number(plan.estimated_cost_bps),
        "sweep_cost_bps": _number(plan.sweep_cost_bps),
        "warnings": list(plan.warnings),
        "algo": str(plan.algo),
        "collar_price": _number(plan.collar_price),
    }


def planned_slice_view(part: SlicePlan) -> View:
    return {
        "number": part.number,
        "due_at": _time(part.due_at),
        "quantity": decimal_text(part.quantity),
        "notional_quote": _number(part.notional_quote),
        "expected_market_volume": _number(part.expected_market_volume),
        "expected_participation": _number(part.expected_participation),
    }
