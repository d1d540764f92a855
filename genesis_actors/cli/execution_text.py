"""An execution for people to read: what was done, what it cost, and slice by slice why.

It is made from the views that JSON shows too, so that it is the same from a database, a run and a daemon.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeAlias

from genesis_actors.cli import text
from genesis_actors.values import Algo, SliceStatus, parse_time

View: TypeAlias = Mapping[str, Any]


def execution_text(view: View) -> str:
    """Return the summary and the slices."""
    return f"{summary_text(view)}\n\n{slices_text(view['slices'])}"


def summary_text(view: View) -> str:
    base, _, quote = view["symbol"].partition("/")
    state = view["state"]
    if view["reason"] is not None:
        state += f" ({text.words(view['reason'])})"
    if view["early_completion"]:
        state += " early"
    due = (
        ""
        if view["schedule_progress"] is None
        else f"; {_percent(view, 'schedule_progress', 1)} was due"
    )
    filled = (
        f"{view['filled_quantity']} of {view['quantity']} {base} "
        f"({_percent(view, 'progress', 1)}{due})"
    )
    client_id = view["client_id"]
    lines = [
        ("execution", view["id"] + (f"  ({client_id})" if client_id else "")),
        ("order", f"{view['side']} {view['quantity']} {view['symbol']}, {view['algo']}"),
        ("state", state),
        ("filled", filled),
    ]
    still = Decimal(view["working_quantity"]) + Decimal(view["unknown_quantity"])
    if still:
        lines.append(("at the venue", f"{text.quantity(still)} {base} working or unknown"))
    unknown = view.get("unknown_orders")
    if unknown:
        lines.append(("unknown", f"what became of {', '.join(unknown)}: the venue is asked again"))
        lines.append(
            ("", f"if nobody can look it up: genesis settle {view['id']} CHILD --filled QTY")
        )
    if terms := view.get("terms"):
        lines.append(("terms", _terms(terms, quote)))
    end = view["finished_at"] or view["ends_at"]
    lines += [
        ("time", f"{_moment(view['started_at'])} to {_moment(end)} UTC"),
        ("average price", f"{_price(view, 'average_price')} {quote}"),
        ("arrival price", _against(view, "arrival_price", "slippage_vs_arrival_bps")),
        ("market TWAP", _against(view, "twap_benchmark", "slippage_vs_twap_bps")),
        ("market VWAP", _price(view, "vwap_benchmark")),
        ("shortfall", _shortfall(view, quote)),
        (
            "participation",
            (
                f"{_percent(view, 'participation_rate')} of the market's volume, "
                f"{_percent(view, 'max_slice_participation')} at most in a {text.parts(view['algo'])[:-1]}"
            ),
        ),
    ]
    if view["algo"] != Algo.MARKET:  # It is all in one: what is filled is told above.
        over = f"{view['slices_done']} of {view['slices_total']} over"
        done = parts_done(view["slices"]) if "slices" in view else over
        lines.append((text.parts(view["algo"]), done))
    return text.pairs(lines)


def parts_done(slices: Sequence[View]) -> str:
    """Return how many parts are filled, of all that were ever planned and not amended away."""
    parts = [part for part in slices if not _is_given_up(part)]
    met = Counter(part["status"] for part in parts)
    partly = f", {met[SliceStatus.PARTIAL]} in part" if met[SliceStatus.PARTIAL] else ""
    return f"{met[SliceStatus.FILLED]} of {len(parts)} filled{partly}"


def _is_given_up(part: View) -> bool:
    """Tell whether an amendment left nothing to do for it."""
    return not Decimal(part["planned_quantity"]) and not Decimal(part["filled_quantity"])


def _terms(terms: View, quote: str) -> str:
    """Return what may be amended, as it is in force."""
    limit = terms["limit_price"]
    limited = "no limit" if limit is None else f"limit {text.quantity(Decimal(limit))} {quote}"
    cap = text.percent(Decimal(terms["max_participation"]), 1)
    times = terms["amended"]
    amended = f", amended {times} {'time' if times == 1 else 'times'}" if times else ""
    return f"{limited}, at most {cap} of the volume{amended}"


def slices_text(slices: Sequence[View]) -> str:
    """Return a table of slices; of clips also what the market has made of each. Those amended away are left out."""
    shows_impact = any(part["impact_bps"] is not None for part in slices)
    impact = ("impact",) if shows_impact else ()
    return text.table(
        ("#", "due", "planned", "filled", "price", "bps", *impact, "share", "outcome"),
        [
            (
                str(part["number"]),
                text.clock(_time(part["due_at"])),
                part["planned_quantity"],
                part["filled_quantity"],
                _price(part, "average_price"),
                _bps(part, "slippage_bps"),
                *((_bps(part, "impact_bps"),) if shows_impact else ()),
                _percent(part, "participation_rate"),
                _outcome(part),
            )
            for part in slices
            if not _is_given_up(part)
        ],
        left=(8 if shows_impact else 7,),
    )


def fills_text(fills: Sequence[View]) -> str:
    return text.table(
        ("at", "order", "quantity", "price", "fee", "", "liquidity"),
        [
            (
                text.clock(_time(fill["at"])),
                fill["client_order_id"],
                fill["quantity"],
                fill["price"],
                _price(fill, "fee"),
                fill["fee_currency"],
                fill["liquidity"],
            )
            for fill in fills
        ],
        left=(1, 5, 6),
    )


def _why(view: View) -> str:
    why = "" if view["reason"] is None else text.words(view["reason"])
    place = view.get("queue_place")
    return why if place is None else f"{why} (number {place} in the queue)"


def executions_text(views: Sequence[View]) -> str:
    if not views:
        return "no executions"
    return text.table(
        ("id", "symbol", "side", "quantity", "filled", "state", "reason", "created"),
        [
            (
                view["id"],
                view["symbol"],
                view["side"],
                view["quantity"],
                _percent(view, "progress", 1),
                view["state"],
                _why(view),
                _moment(view["created_at"]),
            )
            for view in views
        ],
        left=(0, 1, 2, 5, 6),
    )


def _shortfall(view: View, quote: str) -> str:
    fees = _number(view, "fees_quote")
    paid = "fees in another currency" if fees is None else f"{text.money(fees)} {quote} of fees"
    if view["implementation_shortfall_bps"] is None:
        return f"not known, {paid}"
    return f"{_bps(view, 'implementation_shortfall_bps')} bps, with {paid} (positive is a cost)"


def _against(view: View, price: str, figure: str) -> str:
    return f"{_price(view, price)}  ({_bps(view, figure)} bps against it)"


def _outcome(part: View) -> str:
    """Return the reason where there is one: how much was filled shows the rest."""
    if part["reason"] is None or not SliceStatus(part["status"]).is_done:
        return part["status"].lower()
    return text.words(part["reason"])


def _number(view: View, name: str) -> Decimal | None:
    return None if view[name] is None else Decimal(view[name])


def _price(view: View, name: str) -> str:
    return text.price(_number(view, name))


def _bps(view: View, name: str) -> str:
    return text.bps(_number(view, name))


def _percent(view: View, name: str, places: int = 2) -> str:
    return text.percent(_number(view, name), places)


def _time(at: str | None) -> datetime | None:
    return None if at is None else parse_time(at)


def _moment(at: str | None) -> str:
    return text.moment(_time(at))
