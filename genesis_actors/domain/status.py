"""One execution as it is known from its news: each piece of news replaces the rows that it changes."""

from __future__ import annotations

from typing import Final

from genesis_actors.messages.control import ExecutionNews, ExecutionStatus
from genesis_actors.messages.events import TwapAccepted
from genesis_actors.messages.persistence import ExecutionRow, OrderRow, SliceRow
from genesis_actors.values import ExecutionState

REMEMBERED_ENDED: Final = 1_000
"""So many executions that are over are kept at hand; older ones are in the database."""


def begins(news: ExecutionNews) -> bool:
    """Tell whether `news` is an execution's first; with others alone no more than a part of it is known."""
    return any(isinstance(event, TwapAccepted) for event in news.events)


def is_over(row: ExecutionRow) -> bool:
    return ExecutionState(row.state).is_final


def updated(known: ExecutionStatus | None, news: ExecutionNews) -> ExecutionStatus:
    """Return what is known once `news`, which follows on all earlier news of the execution, has been heard."""
    if known is None:
        return ExecutionStatus(news.execution, news.slices, news.orders, news.fills)
    slices = _with_slices(known.slices, news.slices) if news.slices else known.slices
    orders = known.orders
    for order in news.orders:
        orders = _with_order(orders, order)
    return ExecutionStatus(news.execution, slices, orders, known.fills + news.fills)


def _with_slices(slices: tuple[SliceRow, ...], parts: tuple[SliceRow, ...]) -> tuple[SliceRow, ...]:
    """Return the slices, which are numbered from 1 without gaps, with `parts` in their places."""
    changed = list(slices)
    for part in parts:
        changed[part.slice_number - 1 : part.slice_number] = [part]
    return tuple(changed)


def _with_order(orders: tuple[OrderRow, ...], order: OrderRow) -> tuple[OrderRow, ...]:
    # There may be many, and news is mostly of the newest.
    for at in range(len(orders) - 1, -1, -1):
        if orders[at].client_order_id == order.client_order_id:
            return (*orders[:at], order, *orders[at + 1 :])
    return (*orders, order)
