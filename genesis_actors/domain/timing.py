"""How well the schedule was kept: how far we were from it, which slices were on time, and what was caught up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from genesis_actors.domain.execution import Child, Execution
from genesis_actors.domain.history import History
from genesis_actors.values import ZERO, Algo, ClientOrderId, exact, quotient

ON_TIME: Final = timedelta(seconds=1)
"""A slice whose first child was sent so soon after it was due was on time."""

_MICROSECOND: Final = timedelta(microseconds=1)
_PERCENT: Final = 100


@dataclass(frozen=True, slots=True)
class Timing:
    """Shares of the whole quantity, seconds, and base units.

    `schedule_error` is the mean over time of how far the filled quantity was from the schedule in force, either way;
    `mean_lead` is the same with its sign: positive is ahead. `catch_up_quantity` is what slices traded beyond their
    plan.
    """

    schedule_error: Decimal | None
    mean_lead: Decimal | None
    slices_sent: int
    slices_on_time: int
    catch_up_quantity: Decimal
    paused_seconds: Decimal


@dataclass(frozen=True, slots=True)
class LatencySummary:
    """How long something took, in milliseconds: nearest-rank percentiles. None without an observation."""

    count: int
    p50_ms: Decimal | None
    p95_ms: Decimal | None
    max_ms: Decimal | None


@dataclass(frozen=True, slots=True)
class Latency:
    """From due to sent (slices), from sent to acknowledged and to the first fill heard of (orders)."""

    due_to_sent: LatencySummary
    sent_to_acknowledged: LatencySummary
    sent_to_filled: LatencySummary


@exact
def timing(history: History, now: datetime) -> Timing:
    """Return how the schedule was kept until its end, or `now` while it is open."""
    x = history.execution
    end = x.finished_at or now
    error, lead = _distance(x, end)
    sent = [part for part in x.slices if part.sent_at is not None]
    over = [max(part.filled_quantity - part.planned_quantity, ZERO) for part in x.slices]
    paused = [(until or end) - since for since, until in history.pauses]
    return Timing(
        schedule_error=error,
        mean_lead=lead,
        slices_sent=len(sent),
        slices_on_time=sum(
            part.sent_at <= part.due_at + ON_TIME for part in sent if part.sent_at is not None
        ),
        catch_up_quantity=sum(over, ZERO),
        paused_seconds=_seconds(sum(paused, timedelta(0))),
    )


def latency(history: History) -> Latency:
    """Return the latencies of all slices and orders; nearest-rank percentiles (Hyndman and Fan, 1996, definition 1).

    A slice that was brought forward was not late.
    """
    x = history.execution
    children = [child for child in x.children.values() if child.sent_at is not None]
    return Latency(
        due_to_sent=latency_summary(
            max(part.sent_at - part.due_at, timedelta(0))
            for part in x.slices
            if part.sent_at is not None
        ),
        sent_to_acknowledged=latency_summary(_waits(children, history.accepted_at)),
        sent_to_filled=latency_summary(
            # How long a resting order waits is the market's affair.
            _waits([c for c in children if not c.resting], history.first_filled_at)
        ),
    )


@exact
def latency_summary(waits: Iterable[timedelta]) -> LatencySummary:
    """Return the distribution of `waits`.

    >>> latency_summary([timedelta(milliseconds=each) for each in (1, 2, 40)])
    LatencySummary(count=3, p50_ms=Decimal('2'), p95_ms=Decimal('40'), max_ms=Decimal('40'))
    """
    in_order = sorted(waits)
    if not in_order:
        return LatencySummary(0, None, None, None)
    return LatencySummary(
        len(in_order), _nearest(in_order, 50), _nearest(in_order, 95), _milliseconds(in_order[-1])
    )


def _nearest(in_order: Sequence[timedelta], percent: int) -> Decimal:
    return _milliseconds(in_order[-(-len(in_order) * percent // _PERCENT) - 1])


def _waits(children: Iterable[Child], heard: Mapping[ClientOrderId, datetime]) -> list[timedelta]:
    return [
        heard[child.client_order_id] - child.sent_at
        for child in children
        if child.sent_at is not None and child.client_order_id in heard
    ]


def _distance(x: Execution, end: datetime) -> tuple[Decimal | None, Decimal | None]:
    """Return the mean over [start, end] of |filled - planned| / quantity, and of the same with its sign."""
    if x.started_at is None or end <= x.started_at or x.algo is Algo.MARKET:
        return None, None
    steps = [(part.due_at, -part.planned_quantity) for part in x.slices]
    steps += [
        (fill.traded_at, fill.quantity) for child in x.children.values() for fill in child.fills
    ]
    far, lead, away, since = ZERO, ZERO, ZERO, x.started_at
    for at, change in sorted(steps):
        until = min(max(at, x.started_at), end)
        weight = (until - since) // _MICROSECOND
        far, lead, since = far + abs(away) * weight, lead + away * weight, until
        away += change
    weight = (end - since) // _MICROSECOND
    whole = x.quantity * ((end - x.started_at) // _MICROSECOND)
    return (
        quotient(far + abs(away) * weight, whole),
        quotient(lead + away * weight, whole),
    )


def _milliseconds(duration: timedelta) -> Decimal:
    return Decimal(duration // _MICROSECOND) / 1_000


def _seconds(duration: timedelta) -> Decimal:
    return Decimal(duration // _MICROSECOND) / 1_000_000
