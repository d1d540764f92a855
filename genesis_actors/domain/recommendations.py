"""What to do otherwise next time: each rule compares two numbers, and says them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Final

from genesis_actors.domain.comparisons import SWEEP, Comparison
from genesis_actors.domain.costs import is_cut_short
from genesis_actors.domain.execution import Execution
from genesis_actors.domain.figures import benchmark_window
from genesis_actors.domain.findings import Findings
from genesis_actors.domain.history import History
from genesis_actors.domain.market_record import NOTHING_RECORDED, MarketRecord
from genesis_actors.domain.other_windows import LONGEST, MINUTE, other_windows
from genesis_actors.domain.quality import slices_stopped_by
from genesis_actors.domain.timing import held_back_by, late_slices
from genesis_actors.values import BPS, EXACT, ZERO, Algo, OnDeadline, Reason, decimal_text, exact

_MOST_UNBOUND: Final = Decimal("0.2")
"""Of the slices: so many may be bound by the cap before a longer window is worth its risk."""
_SPREAD_SHARE: Final = Decimal("0.5")
_LITTLE_USED: Final = Decimal("0.25")
"""Of the cap: an order that needs less of it could have been done sooner."""
_COSTLY_BPS: Final = Decimal(1)
_IN_PARTS: Final = "--algo iceberg or twap"
_LATE_MS: Final = Decimal(1000)
_SHORTEST: Final = timedelta(minutes=5)
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Recommendation:
    """`code` is stable; `text` says what to do and why; `numbers` are what was compared."""

    code: str
    text: str
    numbers: tuple[tuple[str, Decimal], ...]


_Rule = Callable[[History, Findings, MarketRecord], Iterator[Recommendation]]


@exact
def recommendations(
    history: History, found: Findings, record: MarketRecord = NOTHING_RECORDED
) -> tuple[Recommendation, ...]:
    """Return what the rules say, the costliest things first; one that nothing is to be changed where none applies.

    `record` is the market on which other windows are tried.
    """
    said = [each for rule in _RULES for each in rule(history, found, record)]
    return tuple(said) or (_no_rule_applies(history, found),)


def _cap_bound(history: History, found: Findings, record: MarketRecord) -> Iterator[Recommendation]:
    x, share = history.execution, found.participation
    bound, slices = share.slices_bound, max(len(x.slices), 1)
    if not bound or bound < slices * _MOST_UNBOUND:
        return
    numbers: dict[str, Decimal | int | None] = {}
    if x.filled_quantity >= x.quantity and not x.deadline_applied:
        then = f"later {_parts(x)} caught up, and all of it was done within the window"
    else:
        then, numbers = _longer_window(history, record)
    yield Recommendation(
        "cap_bound",
        f"The {_percent(share.cap)} cap bound {bound} of {slices} {_parts(x)}: {then}.",
        _numbers(slices_bound=bound, slices_total=slices, cap=share.cap, **numbers),
    )


def _longer_window(
    history: History, record: MarketRecord
) -> tuple[str, dict[str, Decimal | int | None]]:
    """Say which window would have sufficed; where none is known that would, how much of the order the cap allowed."""
    x = history.execution
    if x.algo is Algo.ICEBERG:
        return (
            "it lets clips pass only as the market trades, so a smaller order, or a higher cap, helps",
            {},
        )
    found = other_windows(history, record, x.duration // MINUTE + 1)
    if found is None:
        return "a longer window, or a smaller order, fits it better", {}
    numbers: dict[str, Decimal | int | None] = {
        "minutes_sufficient": found.sufficient,
        "minutes_tried": found.tried_until,
        "allowed_quantity": found.allowed_quantity,
    }
    if found.sufficient is not None:
        return (
            f"worked again by the same rules on the recorded volume, a window of {found.sufficient} minutes would have "
            "sufficed"
        ), numbers
    minutes = f"{found.tried_until} minute{_s(found.tried_until)}"
    if found.allowed_quantity < x.quantity:
        why = (
            f"in {minutes} from its start it allowed {decimal_text(found.allowed_quantity)} of "
            f"{decimal_text(x.quantity)} at most"
        )
    else:
        why = f"worked again by the same rules, not even {minutes} would have sufficed"
    is_longest = found.tried_until * MINUTE >= LONGEST
    known = "the longest window" if is_longest else "as far as the market is recorded"
    return f"{why}, and that is {known}: a smaller order, or a higher cap, is what helps", numbers


def _left_over(
    history: History, found: Findings, _record: MarketRecord
) -> Iterator[Recommendation]:
    x, missed = history.execution, found.shortfall_parts.opportunity
    left = x.quantity - x.filled_quantity
    if left <= ZERO or not x.state.is_final or Reason.DEADLINE is not x.reason:
        return
    limited = len(slices_stopped_by(history, [Reason.LIMIT_PRICE]))
    if limited:
        why = f"the limit price stopped {limited} of {len(x.slices)} {_parts(x)}: move it, or accept what is left"
    else:
        why = _AT_DEADLINE[x.policy.on_deadline]
    cost = ""
    if missed.quote is not None:
        verb = "gained" if missed.quote < ZERO else "cost"
        cost = f", which had {verb} {_amount(abs(missed.quote))} by then"
    yield Recommendation(
        "left_over",
        f"{decimal_text(left)} of {decimal_text(x.quantity)} stayed open at the deadline{cost}: {why}.",
        _numbers(
            left_quantity=left, opportunity_quote=missed.quote, slices_limited=Decimal(limited)
        ),
    )


_AT_DEADLINE: Final = {
    OnDeadline.LEAVE: (
        "--on-deadline extend goes on for at most half the window, sweep takes what the cap allows"
    ),
    OnDeadline.EXTEND: "the window had been extended by half already, so it has to be longer, or the order smaller",
    OnDeadline.SWEEP: "the sweep took what the cap allowed, so the window has to be longer, or the order smaller",
}


def _book_too_thin(
    history: History, _found: Findings, _record: MarketRecord
) -> Iterator[Recommendation]:
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


def _spread_paid(
    history: History, found: Findings, _record: MarketRecord
) -> Iterator[Recommendation]:
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


def _too_large(
    history: History, found: Findings, _record: MarketRecord
) -> Iterator[Recommendation]:
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


def _reverted(history: History, found: Findings, _record: MarketRecord) -> Iterator[Recommendation]:
    """Claim only what came back for certain beyond the half-spread and the market's drift, and that we had paid."""
    x, spread, impact = history.execution, found.spread, found.shortfall_parts.impact
    if spread.half_spread_bps is None or impact.quote is None or not x.filled_notional:
        return
    rests = spread.maker_share is not None and spread.maker_share > _SPREAD_SHARE
    paid = BPS * impact.quote / x.filled_notional
    for mark in found.markouts:
        if mark.low_bps is None or mark.cost_bps is None or mark.market_bps is None:
            continue
        certain = mark.low_bps - mark.market_bps
        if not rests:
            certain = min(certain - spread.half_spread_bps, paid)
        if certain <= _COSTLY_BPS:
            continue
        better = f"{mark.seconds} s after our fills the price was {_bps(mark.cost_bps)} bps better"
        drift = f"the market's own drift was {_bps(mark.market_bps)}"
        numbers = _numbers(
            seconds=mark.seconds,
            cost_bps=mark.cost_bps,
            low_bps=mark.low_bps,
            market_bps=mark.market_bps,
            half_spread_bps=None if rests else spread.half_spread_bps,
            impact_bps=None if rests else paid,
            fills=mark.fills,
        )
        if rests:
            yield Recommendation(
                "picked_off",
                f"{better} (95 %: at least {_bps(mark.low_bps)}), while {drift}: who traded with our resting orders "
                "knew more. Resting for a shorter time, or taking, costs less.",
                numbers,
            )
        else:
            less = (
                f"{_IN_PARTS} costs less"
                if x.algo is Algo.MARKET
                else f"Smaller {_parts(x)}, or more time, cost less"
            )
            yield Recommendation(
                "impact_reverted",
                f"{better} (95 %: at least {_bps(mark.low_bps)}), while the half-spread was "
                f"{_bps(spread.half_spread_bps)} and {drift}: of the {_bps(paid)} bps that we paid beyond the touch, "
                f"at least {_bps(certain)} went away again. {less}.",
                numbers,
            )
        return


def _could_be_faster(
    history: History, found: Findings, record: MarketRecord
) -> Iterator[Recommendation]:
    x, share = history.execution, found.participation
    if x.algo is Algo.MARKET:
        return
    drift = found.shortfall_parts.drift.bps
    if drift is None or drift < _COSTLY_BPS or share.average is None:
        return
    if share.average > _LITTLE_USED * share.cap or x.duration <= _SHORTEST:
        return
    windows = other_windows(history, record, _SHORTEST // MINUTE, below=x.duration)
    minutes = None if windows is None else windows.sufficient
    if windows is not None and minutes is None:
        return
    cap = f"the {_percent(share.cap)} cap"
    what = (
        f"{cap} allows more, and so {'larger clips' if x.algo is Algo.ICEBERG else 'a shorter window'}"
        if minutes is None
        else f"worked again by the same rules under {cap}, {minutes} minutes would have sufficed for all of it"
    )
    yield Recommendation(
        "could_be_faster",
        f"The market moved {_bps(drift)} bps away on average while we used {_percent(share.average)} of its volume: "
        f"{what}.",
        _numbers(drift_bps=drift, participation=share.average, cap=share.cap, minutes=minutes),
    )


def _sweep_was_cheaper(
    history: History, found: Findings, _record: MarketRecord
) -> Iterator[Recommendation]:
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


def _late(history: History, found: Findings, _record: MarketRecord) -> Iterator[Recommendation]:
    waits = found.latency.due_to_sent
    if waits.p95_ms is None or waits.max_ms is None or waits.p95_ms <= _LATE_MS:
        return
    late = late_slices(history)
    causes = Counter(reason for each in late for reason in held_back_by(history, each))
    named = ", ".join(f"{str(r).replace('_', ' ')} ({n})" for r, n in causes.most_common(3))
    yield Recommendation(
        "slices_late",
        f"Sent more than 1 s after they were due: {len(late)} of {waits.count} slices, one in twenty "
        f"{_seconds(waits.p95_ms)} s or more{', held back by ' + named if named else ''}.",
        _numbers(
            p95_ms=waits.p95_ms, max_ms=waits.max_ms, slices_late=len(late), slices_sent=waits.count
        ),
    )


def _doubts(_history: History, found: Findings, _record: MarketRecord) -> Iterator[Recommendation]:
    doubts = sum(each.kind == "unknown" for each in found.incidents)
    if doubts:
        yield Recommendation(
            "unknown_orders",
            f"The answer to {doubts} order{_s(doubts)} was lost, and their quantity waited until the venue had told: "
            "look at the connection to the venue.",
            _numbers(unknown_orders=doubts),
        )


def _gaps(history: History, found: Findings, _record: MarketRecord) -> Iterator[Recommendation]:
    if not found.gaps:
        return
    x = history.execution
    market = x.market
    lost = sum(((until - since) // _MICROSECOND for since, until in found.gaps), 0)
    seconds, count = Decimal(lost) / 1_000_000, len(found.gaps)
    against = {cost.name: cost for cost in found.benchmarks}
    rest = against["twap"].price_without_gaps
    if is_cut_short(benchmark_window(x, market)):
        how = "interval TWAP and VWAP are those of the time since the engine began again"
    else:
        without = "" if rest is None else f" (without that time: {_short(rest)})"
        how = f"the interval TWAP counts the last mid before as in force{without}, and the VWAP no trade"
    old = ""
    age = None
    if against["last_mid"].is_over_gap:
        age = Decimal((found.gaps[-1][1] - found.gaps[-1][0]) // _MICROSECOND) / 1_000_000
        old = f" The last mid is {_seconds(1000 * age)} s old" + (
            ", and what stayed open is valued at it." if x.filled_quantity < x.quantity else "."
        )
    yield Recommendation(
        "data_gaps",
        f"Nothing is known of the market for {_seconds(1000 * seconds)} s in {count} gap{_s(count)}: {how}.{old}",
        _numbers(gaps=count, seconds=seconds, twap_without_gaps=rest, last_mid_age_seconds=age),
    )


def _no_rule_applies(history: History, found: Findings) -> Recommendation:
    x, bps = history.execution, found.shortfall_without_fees.bps
    bound = found.participation.slices_bound
    cost = (
        "what it cost cannot be measured" if bps is None else f"it cost {_bps(bps)} bps before fees"
    )
    numbers = _numbers(shortfall_bps=bps, slices_bound=bound)
    if x.filled_quantity < x.quantity:
        left = decimal_text(x.quantity - x.filled_quantity)
        why = "" if x.reason is None else f" ({str(x.reason).replace('_', ' ')})"
        return Recommendation(
            "nothing_to_change",
            f"It is {x.state}{why} with {left} of {decimal_text(x.quantity)} open, and no rule of this report says "
            f"what to change: {cost} so far, and the cap bound {bound} slice{_s(bound)}.",
            numbers,
        )
    return Recommendation(
        "nothing_to_change",
        f"No rule suggests a change: {cost}, and the cap bound {bound} slice{_s(bound)}.",
        numbers,
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


def _s(count: int) -> str:
    return "" if count == 1 else "s"


def _short(price: Decimal) -> str:
    return decimal_text(Decimal(f"{price:.8g}"))


def _parts(x: Execution) -> str:
    return {Algo.ICEBERG: "clips", Algo.MARKET: "the sweep"}.get(x.algo, "slices")


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
