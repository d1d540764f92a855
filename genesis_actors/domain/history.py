"""What an execution's journal tells beyond its state: when each thing was heard, and what came in between."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from genesis_actors.domain.evolve import evolve
from genesis_actors.domain.execution import Execution
from genesis_actors.messages.events import (
    ChildAccepted,
    ChildClosed,
    ChildFilled,
    ChildIntended,
    ChildSent,
    ChildSettled,
    ChildUnknown,
    JournalEvent,
    TwapAccelerated,
    TwapAmended,
    TwapCompleted,
    TwapEnded,
    TwapPaused,
    TwapRescheduled,
    TwapResumed,
    TwapSliceDelayed,
    TwapSliceExecuted,
    TwapSliceStarted,
    TwapSlowed,
    TwapStarted,
)
from genesis_actors.values import ClientOrderId, MarketSummary, OrderStatus, Reason

_HALTED = "halted"
_ENDS_PAUSE = (TwapResumed, TwapCompleted, TwapEnded)


@dataclass(frozen=True, slots=True)
class Incident:
    """Something that a trader wants to know of. `until` is None for what has no length, or is not over."""

    at: datetime
    kind: str
    detail: str
    until: datetime | None = None
    slice_number: int | None = None
    client_order_id: str | None = None


@dataclass(slots=True)
class History:
    """One execution, and what its journal had to say of it."""

    execution: Execution
    first_summary: MarketSummary | None = None
    """Of the benchmark window as its first child saw it: its `start_mid` is the mid when the schedule began."""
    scheduled_end: datetime | None = None
    """When the window ends, as the schedule began."""
    accepted_at: dict[ClientOrderId, datetime] = field(
        default_factory=dict[ClientOrderId, datetime]
    )
    first_filled_at: dict[ClientOrderId, datetime] = field(
        default_factory=dict[ClientOrderId, datetime]
    )
    """When we heard of an order's first fill."""
    pauses: list[tuple[datetime, datetime | None]] = field(
        default_factory=list[tuple[datetime, "datetime | None"]]
    )
    caps: list[tuple[datetime, Decimal]] = field(default_factory=list[tuple[datetime, Decimal]])
    """The participation caps that were in force, each with when it began to be."""
    incidents: list[Incident] = field(default_factory=list[Incident])
    open_incidents: dict[tuple[str, str | None], int] = field(
        default_factory=dict[tuple[str, "str | None"], int]
    )
    """Which of them are not over: kind and order, and where in the list."""
    delays: Counter[tuple[int, Reason]] = field(default_factory=Counter[tuple[int, Reason]])
    delayed_at: dict[tuple[int, Reason], datetime] = field(
        default_factory=dict[tuple[int, Reason], datetime]
    )
    """When a slice was first held back by a reason."""
    cuts: Counter[tuple[int, Reason]] = field(default_factory=Counter[tuple[int, Reason]])


def read_history(journal: Sequence[JournalEvent]) -> History:
    """Fold a whole journal, and keep what the state forgets. ValueError for one that does not begin with its start."""
    if not journal:
        raise ValueError("a journal has at least one event")
    history = History(evolve(None, journal[0]))
    history.caps.append((journal[0].at, history.execution.policy.max_participation))
    for event in journal[1:]:
        history.execution = evolve(history.execution, event)
        _note(history, event)
    return history


def _note(history: History, event: JournalEvent) -> None:
    match event:
        case TwapSliceStarted() | TwapSliceExecuted() | ChildSent():
            pass  # The most frequent ones, of which the state tells all.
        case ChildIntended():
            _close(history, _HALTED, None, event.at)
            if history.first_summary is None:
                history.first_summary = event.market
            if event.cut_by is not None:
                history.cuts[event.slice_number, event.cut_by] += 1
        case TwapStarted():
            history.scheduled_end = event.ends_at
        case ChildAccepted():
            history.accepted_at.setdefault(event.client_order_id, event.at)
        case ChildFilled():
            history.first_filled_at.setdefault(event.client_order_id, event.at)
        case TwapSliceDelayed():
            _note_halt(history, event)
            history.delays[event.slice_number, event.reason] += 1
            history.delayed_at.setdefault((event.slice_number, event.reason), event.at)
        case _:
            _note_incident(history, event)


def _note_incident(history: History, event: JournalEvent) -> None:
    match event:
        case ChildUnknown() | ChildClosed() | ChildSettled():
            _note_doubt(history, event)
        case TwapPaused():
            _close(history, _HALTED, None, event.at)
            _begin_pause(history, event)
        case TwapAmended():
            if event.after.max_participation != event.before.max_participation:
                history.caps.append((event.at, event.after.max_participation))
            history.incidents.append(Incident(event.at, "amended", event.note or "by the user"))
        case TwapAccelerated():
            detail = f"touch {event.touch} is better than {event.threshold_price}"
            history.incidents.append(Incident(event.at, "accelerated", detail))
        case TwapSlowed():
            detail = f"touch {event.touch} is worse than {event.threshold_price}"
            history.incidents.append(Incident(event.at, "slowed", detail))
        case TwapRescheduled():
            history.incidents.append(Incident(event.at, "rescheduled", str(event.reason)))
        case _ if isinstance(event, _ENDS_PAUSE):
            _end_pause(history, event.at)
        case _:
            pass


def _note_doubt(history: History, event: ChildUnknown | ChildClosed | ChildSettled) -> None:
    name = event.client_order_id
    number = history.execution.children[name].slice_number
    if isinstance(event, ChildUnknown):
        if ("unknown", name) not in history.open_incidents:
            _open(history, Incident(event.at, "unknown", event.detail, None, number, name))
        return
    _close(history, "unknown", name, event.at)
    if isinstance(event, ChildClosed) and event.status in {
        OrderStatus.REJECTED,
        OrderStatus.REFUSED,
    }:
        why = " ".join(filter(None, (event.reason and str(event.reason), event.detail)))
        kind = str(event.status).lower()
        history.incidents.append(Incident(event.at, kind, why, None, number, name))


def _note_halt(history: History, event: TwapSliceDelayed) -> None:
    """A halt is seen by what it keeps from being sent; for this execution it has ended when something else happens."""
    if event.reason is not Reason.HALTED:
        _close(history, _HALTED, None, event.at)
    elif (_HALTED, None) not in history.open_incidents:
        detail = "nothing new might be sent"
        _open(history, Incident(event.at, _HALTED, detail, None, event.slice_number))


def _begin_pause(history: History, event: TwapPaused) -> None:
    if not history.pauses or history.pauses[-1][1] is not None:
        history.pauses.append((event.at, None))
        detail = str(event.reason) if event.detail is None else f"{event.reason}: {event.detail}"
        _open(history, Incident(event.at, "paused", detail))


def _end_pause(history: History, at: datetime) -> None:
    _close(history, _HALTED, None, at)
    if history.pauses and history.pauses[-1][1] is None:
        history.pauses[-1] = history.pauses[-1][0], at
        _close(history, "paused", None, at)


def _open(history: History, incident: Incident) -> None:
    history.open_incidents[incident.kind, incident.client_order_id] = len(history.incidents)
    history.incidents.append(incident)


def _close(history: History, kind: str, name: str | None, at: datetime) -> None:
    index = history.open_incidents.pop((kind, name), None)
    if index is not None:
        history.incidents[index] = replace(history.incidents[index], until=at)
