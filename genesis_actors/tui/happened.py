"""Events in words, one line each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final, TypeAlias

from rich.text import Text

from genesis_actors.tui.model import Happened
from genesis_actors.tui.rows import Rows
from genesis_actors.tui.theme import AMBER, BLUE, CYAN, DIM, GREEN, INK, RED, VIOLET, style
from genesis_actors.values import parse_time
from genesis_actors.wording import clock, price, printable, quantity, words

_Data: TypeAlias = Mapping[str, Any]
_Words: TypeAlias = Callable[[_Data], str]


def _q(value: object) -> str:
    return "?" if value is None else quantity(Decimal(str(value)))


def _p(value: object) -> str:
    return price(None if value is None else Decimal(str(value)))


def _why(data: _Data) -> str:
    reason = data.get("reason")
    return "" if reason is None else f": {words(reason)}"


def _versus(data: _Data) -> str:
    """Return the numbers that stood in the way: what was allowed, and what met it."""
    limit, actual = data.get("limit"), data.get("actual")
    if limit is None and actual is None:
        return ""
    if actual is None:
        return f" (limit {_p(limit)})"
    return f" ({_p(actual)} against {_p(limit)})"


def _amended(data: _Data) -> str:
    before, after = data["before"], data["after"]
    changes = [
        f"{words(name).removesuffix(' price')} {_term(before[name])} to {_term(after[name])}"
        for name in ("quantity", "limit_price", "max_participation", "ends_at")
        if before[name] != after[name]
    ]
    note = f" ({data['note']})" if data.get("note") else ""
    return f"amended: {', '.join(changes) or 'nothing'}{note}"


def _term(value: object) -> str:
    if value is None:
        return "none"
    text = str(value)
    return clock(parse_time(text)) if "T" in text else _p(text)


_TOLD: Final[Mapping[str, tuple[str, _Words]]] = {
    "TwapAccepted": (
        INK,
        lambda d: f"accepted: {_q(d['quantity'])}, arrival {_p(d['arrival_price'])}",
    ),
    "TwapQueued": (
        AMBER,
        lambda d: f"waits for its turn{_why(d)}, until {_term(d['expires_at'])} at the longest",
    ),
    "ArrivalObserved": (DIM, lambda d: f"arrival {_p(d['arrival_price'])}"),
    "TwapStarted": (
        CYAN,
        lambda d: f"started: {len(d['slices'])} slices until {_term(d['ends_at'])}",
    ),
    "TwapRescheduled": (VIOLET, lambda d: f"planned anew{_why(d)}"),
    "TwapAmended": (VIOLET, _amended),
    "TwapSliceStarted": (
        DIM,
        lambda d: (
            f"slice {d['slice_number']}: wants {_q(d['target_quantity'])} "
            f"at {_p(d['market_price'])}{_why(d)}"
        ),
    ),
    "TwapSliceDelayed": (
        AMBER,
        lambda d: f"slice {d['slice_number']} waits{_why(d)}{_versus(d)}",
    ),
    "ClipMeasured": (
        DIM,
        lambda d: (
            f"clip {d['slice_number']}: mid {_p(d['price_before'])} before, {_p(d['price_after'])} after"
        ),
    ),
    "TwapSliceExecuted": (
        GREEN,
        lambda d: (
            f"slice {d['slice_number']} {str(d['status']).lower()} {_q(d['filled_quantity'])}{_why(d)}"
        ),
    ),
    "ChildIntended": (
        DIM,
        lambda d: (
            f"order {_q(d['quantity'])} at {_p(d['price'])}"
            + (f", cut by {words(d['cut_by'])}" if d.get("cut_by") else "")
        ),
    ),
    "ChildSent": (DIM, lambda _: "order sent"),
    "ChildAccepted": (DIM, lambda _: "order accepted"),
    "ChildFilled": (
        GREEN,
        lambda d: f"filled {_q(d['quantity'])} at {_p(d['price'])} ({d['liquidity']})",
    ),
    "ChildClosed": (DIM, lambda d: f"order {str(d['status']).lower()}{_why(d)}"),
    "ChildUnknown": (RED, lambda d: f"order UNKNOWN: {d['detail']}"),
    "ChildNotFound": (AMBER, lambda _: "order not found at the venue"),
    "ChildSettled": (
        AMBER,
        lambda d: f"order settled by the operator: {_q(d['filled_quantity'])} filled",
    ),
    "ChildAdopted": (
        RED,
        lambda d: f"the venue has an order that the journal lacks, slice {d['slice_number']}",
    ),
    "TwapAccelerated": (
        BLUE,
        lambda d: f"faster: {_p(d['touch'])} is better than {_p(d['threshold_price'])}",
    ),
    "TwapSlowed": (BLUE, lambda d: f"back to schedule: {_p(d['touch'])}"),
    "TwapPaused": (AMBER, lambda d: f"paused{_why(d)}"),
    "TwapResumed": (CYAN, lambda d: f"resumed ({words(d['mode'])}), ends {_term(d['ends_at'])}"),
    "TwapFinishing": (BLUE, lambda d: f"finishing{_why(d)}"),
    "TwapCompleted": (GREEN, lambda d: "completed early" if d["early"] else "completed"),
    "TwapEnded": (AMBER, lambda d: f"{str(d['state']).lower()}{_why(d)}"),
}


def told(happened: Happened) -> Text:
    """Return an event in words; one that is new to us by its name."""
    colour, in_words = _TOLD.get(happened.type, (INK, None))
    try:
        said = happened.type if in_words is None else in_words(happened.data)
    except (KeyError, TypeError, ValueError, ArithmeticError):
        said = happened.type  # A daemon of another version.
    return Text(printable(said), style(colour))


class EventLog(Rows[Happened]):
    """The events of one execution, the newest at the end."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id, follows=True)

    def key_of(self, row: Happened) -> str:
        return str(row.sequence)

    def nothing(self) -> str:
        return "nothing has happened yet"

    def heading(self, width: int) -> Text:
        del width
        return Text(f" {'at':<8}  event", style(DIM))

    def line(self, row: Happened, width: int) -> Text:
        del width
        text = Text(f" {clock(row.at)}  ", style(DIM), no_wrap=True)
        return text.append_text(told(row))
