"""What is derived from all slices or all children of an execution, where one of them is replaced.

It follows from what it was, so that a long schedule costs no more than a short one. What does not follow is left out,
and worked out from all of them when it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from genesis_actors.values import SliceStatus

if TYPE_CHECKING:
    from genesis_actors.domain.execution import Child, Slice


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


def carry_slice(fields: dict[str, Any], before: Slice, after: Slice) -> None:
    """Make what `fields` of an execution say of its slices true of `after` in the place of `before`."""
    fields.pop("working_slice", None)
    was, now = before.status, after.status
    if was is SliceStatus.PLANNED or now is SliceStatus.PLANNED:
        _carry_unsent(fields, before, after)
    if was.is_done is not now.is_done:
        numbers = fields.pop("unfinished_numbers", None)
        if numbers and numbers[0] == after.number:
            fields["unfinished_numbers"] = numbers[1:]
        if "slices_done" in fields and after.number <= fields["slices_total"]:
            fields["slices_done"] += now.is_done - was.is_done
    if (
        after.filled_quantity is not before.filled_quantity
        or after.market_volume is not before.market_volume
    ):
        fields.pop("figures", None)
        _carry_participation(fields, before, after)


def _carry_unsent(fields: dict[str, Any], before: Slice, after: Slice) -> None:
    unsent = fields.pop("unsent_slices", None)
    # The next one, as it begins or ends; all else is worked out anew.
    if unsent and unsent[0] is before and after.status is not SliceStatus.PLANNED:
        fields["unsent_slices"] = unsent[1:]


def _carry_participation(fields: dict[str, Any], before: Slice, after: Slice) -> None:
    if "max_slice_participation" not in fields:
        return
    most, rate = fields["max_slice_participation"], after.participation_rate
    if rate is not None and (most is None or rate >= most):
        fields["max_slice_participation"] = rate
    elif most is not None and before.participation_rate == most:
        del fields["max_slice_participation"]


def carry_child(fields: dict[str, Any], before: Child | None, after: Child) -> None:
    """Make what `fields` of an execution say of its children true of `after`, new or in the place of `before`."""
    fields.pop("reserved_quantity", None)
    is_open = after.status.is_open
    opened = fields.pop("open_children", None)
    if opened in ((), (before,)):  # As there is one at most, but for late answers.
        fields["open_children"] = (after,) if is_open else ()
    fresh = after.fills[0 if before is None else len(before.fills) :]
    if after.settled_at is not None:
        fields.pop("traded_lately", None)
    elif fresh and "traded_lately" in fields:
        lately: TradedLately = fields["traded_lately"]
        trades = (*lately.trades, *((fill.traded_at, fill.quantity) for fill in fresh))
        fields["traded_lately"] = TradedLately(lately.since, trades)
