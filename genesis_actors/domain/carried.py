"""What is derived from all slices or all children of an execution, where one of them is replaced.

It follows from what it was, so that a long schedule costs no more than a short one. What does not follow is left out,
and worked out from all of them when it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from genesis_actors.values import SliceStatus

if TYPE_CHECKING:
    from genesis_actors.domain.execution import Child, Execution, Slice

M = TypeVar("M")


class TradedLately(NamedTuple):
    """What was traded after `since`: when, by the venue's time, and how much. What was settled, when that was said."""

    since: datetime
    trades: tuple[tuple[datetime, Decimal], ...]


def all_traded(children: Iterable[Child]) -> TradedLately:
    trades: list[tuple[datetime, Decimal]] = []
    for child in children:
        if child.settled_at is not None:
            trades.append((child.settled_at, child.settled_quantity))
        trades += [(fill.traded_at, fill.quantity) for fill in child.fills]
    return TradedLately(datetime.min.replace(tzinfo=UTC), tuple(trades))


def slices_carried(x: Execution, before: Slice, after: Slice) -> dict[str, Any]:
    """Return what is known of the slices of `x` when `after` takes the place of `before`."""
    known, carried = vars(x), dict[str, Any]()
    was, now = before.status, after.status
    if "unfinished_slices" in known:
        members = known["unfinished_slices"]
        if not was.is_done:
            carried["unfinished_slices"] = _replaced(members, before, after, not now.is_done)
        elif now.is_done:
            carried["unfinished_slices"] = members
    if "unsent_slices" in known:
        members = known["unsent_slices"]
        if was is SliceStatus.PLANNED:
            is_unsent = now is SliceStatus.PLANNED
            carried["unsent_slices"] = _replaced(members, before, after, is_unsent)
        elif now is not SliceStatus.PLANNED:
            carried["unsent_slices"] = members
    if "slices_done" in known and after.number <= x.slices_total:
        carried["slices_done"] = known["slices_done"] + now.is_done - was.is_done
    if "max_slice_participation" in known:
        most, rate = known["max_slice_participation"], after.participation_rate
        if rate is not None and (most is None or rate >= most):
            carried["max_slice_participation"] = rate
        elif most is None or before.participation_rate != most:
            carried["max_slice_participation"] = most
    return carried


def children_carried(x: Execution, before: Child | None, after: Child) -> dict[str, Any]:
    """Return what is known of the children of `x` when `after` is new, or takes the place of `before`."""
    known, carried = vars(x), dict[str, Any]()
    if "open_children" in known:
        members, is_open = known["open_children"], after.status.is_open
        if before is not None and before.status.is_open:
            carried["open_children"] = _replaced(members, before, after, is_open)
        elif not is_open:
            carried["open_children"] = members
        elif before is None:
            carried["open_children"] = (*members, after)
    if "traded_lately" in known and after.settled_at is None:
        lately: TradedLately = known["traded_lately"]
        fresh = after.fills[0 if before is None else len(before.fills) :]
        if fresh:
            trades = (*lately.trades, *((fill.traded_at, fill.quantity) for fill in fresh))
            lately = TradedLately(lately.since, trades)
        carried["traded_lately"] = lately
    return carried


def _replaced(members: tuple[M, ...], before: M, after: M, is_in: bool) -> tuple[M, ...]:  # noqa: FBT001 - private
    at = members.index(before)
    return (*members[:at], *((after,) if is_in else ()), *members[at + 1 :])
