"""What the view knows, as the door told it: typed and exact. Nothing here draws, asks or waits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, TypeAlias

from genesis_actors.values import ZERO, ExecutionState, parse_time
from genesis_actors.wording import printable

View: TypeAlias = Mapping[str, Any]

KEPT_EVENTS: Final = 1_000
KEPT_POINTS: Final = 5_000


@dataclass(frozen=True, slots=True)
class Shown:
    """One execution. Quantities in base, prices and fees in quote, bps positive = cost, all else as shares."""

    id: str
    client_id: str | None
    algo: str
    symbol: str
    side: str
    state: str
    reason: str | None
    quantity: Decimal
    filled: Decimal
    working: Decimal
    unknown: Decimal
    remaining: Decimal
    progress: Decimal
    planned: Decimal
    arrival_price: Decimal | None
    average_price: Decimal | None
    twap: Decimal | None
    vwap: Decimal | None
    shortfall_bps: Decimal | None
    arrival_bps: Decimal | None
    twap_bps: Decimal | None
    share: Decimal | None
    largest_share: Decimal | None
    fees: Decimal | None
    slices_done: int
    slices_total: int
    is_early: bool
    created_at: datetime
    started_at: datetime | None
    ends_at: datetime | None
    paused_at: datetime | None
    finished_at: datetime | None

    @classmethod
    def of(cls, view: View) -> Shown:
        return cls(
            id=view["id"],
            client_id=_words(view, "client_id"),
            algo=view["algo"],
            symbol=view["symbol"],
            side=view["side"],
            state=view["state"],
            reason=view["reason"],
            quantity=Decimal(view["quantity"]),
            filled=Decimal(view["filled_quantity"]),
            working=Decimal(view["working_quantity"]),
            unknown=Decimal(view["unknown_quantity"]),
            remaining=Decimal(view["remaining_quantity"]),
            progress=_number(view, "progress") or ZERO,
            planned=_number(view, "schedule_progress") or ZERO,
            arrival_price=_number(view, "arrival_price"),
            average_price=_number(view, "average_price"),
            twap=_number(view, "twap_benchmark"),
            vwap=_number(view, "vwap_benchmark"),
            shortfall_bps=_number(view, "implementation_shortfall_bps"),
            arrival_bps=_number(view, "slippage_vs_arrival_bps"),
            twap_bps=_number(view, "slippage_vs_twap_bps"),
            share=_number(view, "participation_rate"),
            largest_share=_number(view, "max_slice_participation"),
            fees=_number(view, "fees_quote"),
            slices_done=view["slices_done"],
            slices_total=view["slices_total"],
            is_early=view["early_completion"],
            created_at=parse_time(view["created_at"]),
            started_at=_time(view, "started_at"),
            ends_at=_time(view, "ends_at"),
            paused_at=_time(view, "paused_at"),
            finished_at=_time(view, "finished_at"),
        )

    @property
    def name(self) -> str:
        return named_by(self.id, self.client_id)

    @property
    def is_over(self) -> bool:
        return ExecutionState(self.state).is_final

    @property
    def base(self) -> str:
        return self.symbol.partition("/")[0]

    @property
    def quote(self) -> str:
        return self.symbol.partition("/")[2].partition(":")[0]

    @property
    def behind(self) -> Decimal:
        """How much of the quantity is due and not filled, as a share; negative where it is ahead."""
        return ZERO if self.is_over else self.planned - self.progress

    def time_left(self, now: datetime) -> timedelta | None:
        """Return the time to the end; of a paused execution, what there will be once it goes on."""
        if self.is_over or self.ends_at is None:
            return None
        since = self.paused_at if self.state == "PAUSED" and self.paused_at else now
        return max(self.ends_at - since, timedelta(0))


@dataclass(frozen=True, slots=True)
class Slice:
    number: int
    due_at: datetime
    planned: Decimal
    filled: Decimal
    status: str
    reason: str | None
    children: int
    average_price: Decimal | None
    market_price: Decimal | None
    slippage_bps: Decimal | None
    share: Decimal | None
    volume: Decimal | None
    done_at: datetime | None

    @classmethod
    def of(cls, view: View) -> Slice:
        return cls(
            number=view["number"],
            due_at=parse_time(view["due_at"]),
            planned=Decimal(view["planned_quantity"]),
            filled=Decimal(view["filled_quantity"]),
            status=view["status"],
            reason=view["reason"],
            children=view["child_orders"],
            average_price=_number(view, "average_price"),
            market_price=_number(view, "market_price"),
            slippage_bps=_number(view, "slippage_bps"),
            share=_number(view, "participation_rate"),
            volume=_number(view, "market_volume"),
            done_at=_time(view, "done_at"),
        )

    @property
    def is_done(self) -> bool:
        return self.status not in {"PLANNED", "WORKING"}


@dataclass(frozen=True, slots=True)
class Fill:
    at: datetime
    quantity: Decimal
    price: Decimal

    @classmethod
    def of(cls, view: View) -> Fill:
        return cls(parse_time(view["at"]), Decimal(view["quantity"]), Decimal(view["price"]))


@dataclass(frozen=True, slots=True)
class Terms:
    """What the order says, as amended. Prices in quote, rates as shares, slippage in bps."""

    limit_price: Decimal | None = None
    target_price: Decimal | None = None
    max_participation: Decimal | None = None
    max_slippage_bps: Decimal | None = None
    on_deadline: str | None = None
    style: str | None = None
    amended: int = 0

    @classmethod
    def of(cls, view: View) -> Terms:
        return cls(
            limit_price=_number(view, "limit_price"),
            target_price=_number(view, "target_price"),
            max_participation=_number(view, "max_participation"),
            max_slippage_bps=_number(view, "max_slippage_bps"),
            on_deadline=view["on_deadline"],
            style=view["style"],
            amended=view["amended"],
        )

    def amended_to(self, after: View) -> Terms:
        """Return them with what an amendment says."""
        limit, cap = _number(after, "limit_price"), _number(after, "max_participation")
        return replace(self, limit_price=limit, max_participation=cap)


@dataclass(frozen=True, slots=True)
class Happened:
    """One event of the journal."""

    sequence: int
    at: datetime
    type: str
    data: View

    @classmethod
    def of(cls, view: View) -> Happened:
        return cls(view["sequence"], parse_time(view["at"]), view["type"], view["data"])


@dataclass(frozen=True, slots=True)
class Point:
    at: datetime
    mid: Decimal


@dataclass(frozen=True, slots=True)
class House:
    """The daemon: whether its money is real, and whether everything is halted."""

    mode: str
    venue: str
    pid: int
    version: str
    started_at: datetime
    is_stopping: bool
    halted_at: datetime | None
    halt_reason: str | None
    halt_is_durable: bool = True
    tier: str | None = None

    @classmethod
    def of(cls, view: View) -> House:
        return cls(
            mode=view["mode"],
            venue=view["venue"],
            pid=view["pid"],
            version=view["version"],
            started_at=parse_time(view["started_at"]),
            is_stopping=view["state"] == "stopping",
            halted_at=_time(view, "halted_at"),
            halt_reason=_words(view, "halt_reason"),
            halt_is_durable=view.get("halt_is_durable") is not False,
            tier=view.get("tier"),  # An older daemon says nothing of it.
        )

    @property
    def is_live(self) -> bool:
        return self.mode == "live"


@dataclass(slots=True)
class Detail:
    """Everything about the execution that is looked at."""

    execution: Shown
    slices: list[Slice] = field(default_factory=list[Slice])
    fills: list[Fill] = field(default_factory=list[Fill])
    terms: Terms = field(default_factory=Terms)
    knows_terms: bool = False
    events: list[Happened] = field(default_factory=list[Happened])
    points: list[Point] = field(default_factory=list[Point])
    bid: Decimal | None = None
    ask: Decimal | None = None

    @property
    def mid(self) -> Decimal | None:
        return None if self.bid is None or self.ask is None else (self.bid + self.ask) / 2

    @property
    def next_slice(self) -> Slice | None:
        return next((part for part in self.slices if not part.is_done), None)

    def planned(self, now: datetime) -> Decimal:
        """Return the share that the schedule has planned by now; while paused, by the time of the pause."""
        x = self.execution
        paused_at = x.paused_at if x.state == "PAUSED" else None
        until = x.finished_at or paused_at or now
        if not self.slices:
            return x.planned
        due = sum((part.planned for part in self.slices if part.due_at <= until), ZERO)
        return min(due / x.quantity, Decimal(1))

    def hear(self, happened: Happened) -> None:
        """Take in an event of the stream; one that is known already changes nothing."""
        if self.events and happened.sequence <= self.events[-1].sequence:
            return
        self.events.append(happened)
        del self.events[:-KEPT_EVENTS]
        if happened.type == "TwapAmended":
            count = self.terms.amended + 1
            self.terms = replace(self.terms.amended_to(happened.data["after"]), amended=count)

    def take_prices(self, view: View) -> None:
        """Take in what is new of the market: its first step may be one that we have had a part of."""
        self.bid, self.ask = _number(view, "bid"), _number(view, "ask")
        new = [Point(parse_time(at), Decimal(mid)) for at, mid, _ in view["points"] if mid]
        if new:
            kept = [point for point in self.points if point.at < new[0].at]
            self.points = [*kept, *new][-KEPT_POINTS:]


class Order(StrEnum):
    """How the list is sorted."""

    NEWEST = "newest"
    BEHIND = "most behind"
    ENDING = "ending first"
    SYMBOL = "symbol"


_DISTANT: Final = timedelta(days=3650)


def listed(
    executions: Iterable[Shown],
    order: Order,
    search: str,
    now: datetime,
    *,
    shows_ended: bool,
    chosen: str | None = None,
) -> list[Shown]:
    """Return the executions to be shown: open ones first, those that ended behind them, the newest first.

    The chosen one stays when it ends, where those that ended are not shown.
    """
    words = search.lower().split()
    found = [
        x
        for x in executions
        if (shows_ended or not x.is_over or x.id == chosen)
        and all(word in _searched(x) for word in words)
    ]
    found.sort(key=lambda x: x.created_at, reverse=True)
    match order:
        case Order.NEWEST:
            pass
        case Order.BEHIND:
            found.sort(key=lambda x: x.behind, reverse=True)
        case Order.ENDING:
            found.sort(key=lambda x: x.time_left(now) or _DISTANT)
        case Order.SYMBOL:
            found.sort(key=lambda x: x.symbol)
    found.sort(key=lambda x: x.is_over)
    return found


def _searched(x: Shown) -> str:
    reason = (x.reason or "").replace("_", " ")
    return f"{x.id} {x.client_id or ''} {x.symbol} {x.side} {x.state} {reason}".lower()


def counted(executions: Iterable[Shown]) -> str:
    """Return how many there are of each open state, in words."""
    states = [x.state for x in executions if not x.is_over]
    if not states:
        return "none open"
    counts = [f"{states.count(state)} {state.lower()}" for state in dict.fromkeys(sorted(states))]
    return ", ".join(counts)


def prices_since(detail: Detail) -> datetime:
    """Return from when on prices are wanted: the newest step again, or a little before the execution began."""
    if detail.points:
        return detail.points[-1].at
    begins = detail.execution.started_at or detail.execution.created_at
    return begins - timedelta(seconds=10)


def named_by(key: str, client_id: str | None) -> str:
    """Return what tells an execution from all others: its id, and what its owner calls it."""
    return key if client_id is None else f"{key}, {printable(client_id)}"


def _number(view: View, name: str) -> Decimal | None:
    value = view[name]
    return None if value is None else Decimal(value)


def _words(view: View, name: str) -> str | None:
    """Return what somebody has written."""
    value = view[name]
    return None if value is None else printable(value)


def _time(view: View, name: str) -> datetime | None:
    value = view[name]
    return None if value is None else parse_time(value)


def slices_of(views: Sequence[View]) -> list[Slice]:
    return [Slice.of(view) for view in views]
