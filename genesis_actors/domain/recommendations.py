"""What to do otherwise next time: each rule compares two numbers, and says them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Final

from genesis_actors.domain.comparisons import SWEEP, Comparison
from genesis_actors.domain.execution import Execution
from genesis_actors.domain.findings import Findings
from genesis_actors.domain.history import History
from genesis_actors.domain.quality import slices_stopped_by
from genesis_actors.values import EXACT, ZERO, Algo, Reason, decimal_text, exact

_MOST_UNBOUND: Final = Decimal("0.2")
"""Of the slices: so many may be bound by the cap before a longer window is worth its risk."""
_SPREAD_SHARE: Final = Decimal("0.5")
_LITTLE_USED: Final = Decimal("0.25")
"""Of the cap: an order that needs less of it could have been done sooner."""
_COSTLY_BPS: Final = Decimal(1)
_IN_PARTS: Final = "--algo iceberg or twap"
_LATE_MS: Final = Decimal(1000)
_SHORTEST: Final = timedelta(minutes=5)
_MINUTE: Final = timedelta(minutes=1)
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Recommendation:
    """`code` is stable; `text` says what to do and why; `numbers` are what was compared."""

    code: str
    text: str
    numbers: tuple[tuple[str, Decimal], ...]


_Rule = Callable[[History, Findings], Iterator[Recommendation]]


@exact
def recommendations(history: History, found: Findings) -> tuple[Recommendation, ...]:
    """Return what the rules say, the costliest things first; one that nothing is to be changed where none applies."""
    said = [each for rule in _RULES for each in rule(history, found)]
    return tuple(said) or (_nothing_to_change(found),)


def _cap_bound(history: History, found: Findings) -> Iterator[Recommendation]:
    x, share = history.execution, found.participation
    bound, sent = share.slices_bound, max(x.slices_total, 1)
    if not bound or bound < sent * _MOST_UNBOUND:
        return
    minutes = _minutes_needed(history, found)
    if minutes is None:
        would = "the market traded nothing, so no window would have done"
    elif x.algo is Algo.ICEBERG:
        would = (
            f"at the volume that was seen, it lets all of it pass in {_counted(minutes, 'minute')}"
        )
    elif minutes * _MINUTE > x.duration:
        would = f"at the volume that was seen, a {minutes}-minute window would have sufficed"
    else:
        would = (
            "volume came unevenly, for over all of the window the cap would have allowed it in "
            f"{_counted(minutes, 'minute')}: --volume-adaptivity 1 follows the profile closer"
        )
    yield Recommendation(
        "cap_bound",
        f"The {_percent(share.cap)} cap bound {bound} of {x.slices_total} {_parts(x)}: {would}.",
        _numbers(
            slices_bound=Decimal(bound),
            slices_total=Decimal(x.slices_total),
            cap=share.cap,
            minutes_needed=minutes,
        ),
    )


def _minutes_needed(history: History, found: Findings) -> int | None:
    """Return in how many minutes the cap's share of the volume, as it was, comes to the quantity."""
    x, share = history.execution, found.participation
    end = x.finished_at or (None if x.market is None else x.market.end)
    if not share.market_volume or x.started_at is None or end is None:
        return None
    passed = Decimal((end - x.started_at) // _MICROSECOND)
    needed = x.quantity * passed / (share.cap * share.market_volume)
    return int(-(-needed // Decimal(_MINUTE // _MICROSECOND)))


def _left_over(history: History, found: Findings) -> Iterator[Recommendation]:
    x, missed = history.execution, found.shortfall_parts.opportunity
    left = x.quantity - x.filled_quantity
    if left <= ZERO or not x.state.is_final or Reason.DEADLINE is not x.reason:
        return
    limited = len(slices_stopped_by(history, [Reason.LIMIT_PRICE]))
    why = (
        f"the limit price stopped {limited} of {x.slices_total} {_parts(x)}: move it, or accept what is left"
        if limited
        else "--on-deadline extend goes on for at most half the window, sweep takes what the cap allows"
    )
    cost = "" if missed.quote is None else f", which has cost {_amount(missed.quote)} so far"
    yield Recommendation(
        "left_over",
        f"{decimal_text(left)} of {decimal_text(x.quantity)} stayed open at the deadline{cost}: {why}.",
        _numbers(
            left_quantity=left, opportunity_quote=missed.quote, slices_limited=Decimal(limited)
        ),
    )


def _book_too_thin(history: History, _found: Findings) -> Iterator[Recommendation]:
    x = history.execution
    left = x.quantity - x.filled_quantity
    if x.algo is not Algo.MARKET or x.reason is not Reason.THIN_BOOK or left <= ZERO:
        return
    collar = x.policy.price_collar_bps
    yield Recommendation(
        "book_too_thin",
        f"The book held {decimal_text(x.filled_quantity)} of {decimal_text(x.quantity)} within the collar of "
        f"{decimal_text(collar)} bps: {_IN_PARTS} works the rest as the market brings it.",
        _numbers(filled_quantity=x.filled_quantity, left_quantity=left, collar_bps=collar),
    )


def _spread_paid(history: History, found: Findings) -> Iterator[Recommendation]:
    if history.execution.algo is Algo.MARKET:
        return  # Whoever sweeps has chosen to pay it.
    spread, whole = found.shortfall_parts.spread, found.shortfall_without_fees
    use = found.spread
    if (
        spread.quote is None
        or spread.bps is None
        or whole.quote is None
        or use.maker_share is None
        or use.half_spread_bps is None
    ):
        return
    is_most = spread.quote > ZERO and spread.quote >= _SPREAD_SHARE * abs(whole.quote)
    if not is_most or spread.bps <= _COSTLY_BPS or use.maker_share > _SPREAD_SHARE:
        return
    yield Recommendation(
        "spread_paid",
        f"The spread was {_bps(spread.bps)} of {_bps(whole.bps)} bps before fees, and "
        f"{_percent(use.maker_share)} was traded resting: --style auto rests first, and each fill it gets "
        f"saves up to {_bps(2 * use.half_spread_bps)} bps.",
        _numbers(
            spread_bps=spread.bps, shortfall_bps=whole.bps, half_spread_bps=use.half_spread_bps
        ),
    )


def _too_large(history: History, found: Findings) -> Iterator[Recommendation]:
    x, impact, half = history.execution, found.shortfall_parts.impact, found.spread.half_spread_bps
    if impact.bps is None or half is None or impact.bps < _COSTLY_BPS or impact.bps <= half:
        return
    smaller = (
        f"{_IN_PARTS} takes less from the book at once."
        if x.algo is Algo.MARKET
        else f"Twice the {_parts(x)} ({2 * x.slices_total}) would each take half as much from the book."
    )
    yield Recommendation(
        "slices_too_large",
        f"{_parts(x).capitalize()} went through the touch: {_bps(impact.bps)} bps beyond it, against a half-spread of "
        f"{_bps(half)} bps. {smaller}",
        _numbers(
            impact_bps=impact.bps,
            half_spread_bps=half,
            slices_total=Decimal(x.slices_total),
        ),
    )


def _reverted(history: History, found: Findings) -> Iterator[Recommendation]:
    rests = found.spread.maker_share is not None and found.spread.maker_share > _SPREAD_SHARE
    code, why = (
        (
            "picked_off",
            "who traded with our resting orders knew more. Resting for a shorter time, or taking, costs less",
        )
        if rests
        else (
            "impact_reverted",
            f"we paid for our own impact. Smaller {_parts(history.execution)}, or more time, cost less"
            if history.execution.algo is not Algo.MARKET
            else f"we paid for our own impact. {_IN_PARTS} costs less",
        )
    )
    for mark in found.markouts:
        if mark.low_bps is not None and mark.low_bps > _COSTLY_BPS and mark.cost_bps is not None:
            yield Recommendation(
                code,
                f"{mark.seconds} s after our fills the price was {_bps(mark.cost_bps)} bps better (95 %: at least "
                f"{_bps(mark.low_bps)}): {why}.",
                _numbers(
                    seconds=Decimal(mark.seconds),
                    cost_bps=mark.cost_bps,
                    low_bps=mark.low_bps,
                    fills=Decimal(mark.fills),
                ),
            )
            return


def _could_be_faster(history: History, found: Findings) -> Iterator[Recommendation]:
    x, share = history.execution, found.participation
    if x.algo is Algo.MARKET:
        return
    drift = found.shortfall_parts.drift.bps
    minutes = _minutes_needed(history, found)
    if drift is None or drift < _COSTLY_BPS or share.average is None or minutes is None:
        return
    if share.average > _LITTLE_USED * share.cap or x.duration <= _SHORTEST:
        return
    shortest = max(minutes, _SHORTEST // _MINUTE)
    yield Recommendation(
        "could_be_faster",
        f"The market moved {_bps(drift)} bps away on average while we used {_percent(share.average)} of its volume; "
        f"the cap of {_percent(share.cap)} would have allowed all of it in {shortest} minutes.",
        _numbers(
            drift_bps=drift, participation=share.average, cap=share.cap, minutes=Decimal(shortest)
        ),
    )


def _sweep_was_cheaper(history: History, found: Findings) -> Iterator[Recommendation]:
    if history.execution.algo is Algo.MARKET:
        return  # It was one itself.
    sweep = _named(found, SWEEP)
    saved, price = sweep.saved_bps_with_fees, sweep.price
    if saved is None or price is None or saved > -_COSTLY_BPS:
        return
    if sweep.quantity != history.execution.filled_quantity:
        return  # The depth did not hold as much, so nobody knows what the rest would have cost.
    yield Recommendation(
        "sweep_cheaper",
        f"One order through the book at arrival would have cost {_bps(-saved)} bps less "
        f"({_amount(sweep.saved_quote_with_fees, negated=True)}): for such a size, and a view on the price, "
        "a shorter window pays.",
        _numbers(saved_bps=saved, sweep_price=price),
    )


def _late(_history: History, found: Findings) -> Iterator[Recommendation]:
    waits = found.latency.due_to_sent
    if waits.p95_ms is None or waits.max_ms is None or waits.p95_ms <= _LATE_MS:
        return
    causes = ", ".join(f"{r.reason.replace('_', ' ')} ({r.slices})" for r in found.reasons[:3])
    yield Recommendation(
        "slices_late",
        f"One slice in twenty was sent {_seconds(waits.p95_ms)} s or more after it was due"
        f"{': ' + causes if causes else ''}.",
        _numbers(p95_ms=waits.p95_ms, max_ms=waits.max_ms),
    )


def _doubts(_history: History, found: Findings) -> Iterator[Recommendation]:
    doubts = [each for each in found.incidents if each.kind == "unknown"]
    if doubts:
        yield Recommendation(
            "unknown_orders",
            f"The answer to {len(doubts)} orders was lost, and their quantity waited until the venue had told: look at "
            "the connection to the venue.",
            _numbers(unknown_orders=Decimal(len(doubts))),
        )


def _gaps(_history: History, found: Findings) -> Iterator[Recommendation]:
    if found.gaps:
        lost = sum(((until - since) // _MICROSECOND for since, until in found.gaps), 0)
        seconds = Decimal(lost) / 1_000_000
        yield Recommendation(
            "data_gaps",
            f"Nothing is known of the market for {_seconds(1000 * seconds)} s in {len(found.gaps)} gaps: "
            "interval TWAP and VWAP are those of the rest.",
            _numbers(gaps=Decimal(len(found.gaps)), seconds=seconds),
        )


def _nothing_to_change(found: Findings) -> Recommendation:
    bps = found.shortfall_without_fees.bps
    cost = (
        "what it cost cannot be measured" if bps is None else f"it cost {_bps(bps)} bps before fees"
    )
    return Recommendation(
        "nothing_to_change",
        f"No rule suggests a change: {cost}, and the cap bound {found.participation.slices_bound} slices.",
        _numbers(shortfall_bps=bps, slices_bound=Decimal(found.participation.slices_bound)),
    )


_RULES: Final[tuple[_Rule, ...]] = (
    _left_over,
    _book_too_thin,
    _cap_bound,
    _too_large,
    _reverted,
    _spread_paid,
    _could_be_faster,
    _sweep_was_cheaper,
    _late,
    _doubts,
    _gaps,
)


def _named(found: Findings, name: str) -> Comparison:
    return next(each for each in found.comparisons if each.name == name)


def _numbers(**compared: Decimal | int | None) -> tuple[tuple[str, Decimal], ...]:
    return tuple((name, Decimal(value)) for name, value in compared.items() if value is not None)


def _parts(x: Execution) -> str:
    return {Algo.ICEBERG: "clips", Algo.MARKET: "the sweep"}.get(x.algo, "slices")


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _percent(share: Decimal) -> str:
    return f"{decimal_text(EXACT.quantize(share * 100, Decimal('0.1')))} %"


def _bps(value: Decimal | None) -> str:
    return "unknown" if value is None else f"{value:.2f}"


def _seconds(milliseconds: Decimal) -> str:
    return decimal_text(EXACT.quantize(milliseconds / 1000, Decimal("0.1")))


def _amount(value: Decimal | None, *, negated: bool = False) -> str:
    if value is None:
        return "unknown"
    return f"{-value if negated else value:,.2f}"
