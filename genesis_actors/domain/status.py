"""One execution as it is known from its news: each piece of news replaces the rows that it changes."""

from __future__ import annotations

from genesis_actors.messages.control import ExecutionNews, ExecutionStatus


def updated(known: ExecutionStatus | None, news: ExecutionNews) -> ExecutionStatus:
    """Return what is known once `news`, which follows on all earlier news of the execution, has been heard."""
    if known is None:
        return ExecutionStatus(news.execution, news.slices, news.orders, news.fills)
    slices = {part.slice_number: part for part in known.slices}
    slices.update((part.slice_number, part) for part in news.slices)
    orders = {order.client_order_id: order for order in known.orders}
    orders.update((order.client_order_id, order) for order in news.orders)
    return ExecutionStatus(
        execution=news.execution,
        slices=tuple(slices[number] for number in sorted(slices)),
        orders=tuple(orders.values()),
        fills=known.fills + news.fills,
    )
